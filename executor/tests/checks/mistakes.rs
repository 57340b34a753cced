//! Checks that make no sense are refused when definitions are built.

use super::{Next, definitions, number, small};
use larder_executor::{Asset, Check};
use larder_io_core::Partitions;

fn refused(check: Check) -> String {
    let external = Asset::external::<u64>("outside");
    let built = definitions([number(&Next::default()), external.into()], [check]).build();
    built.expect_err("is refused").message().to_owned()
}

#[test]
fn what_makes_no_sense_is_refused() {
    let of = |asset: &str| Check::builder("some").asset(asset);
    let always = |_| async { Ok(true) };
    for (check, message) in [
        (
            of("outsid").function(always),
            "the check `some`: there is no asset `outsid`; did you mean `outside`?",
        ),
        (
            Check::builder("some").function(always),
            "the check `some`: say of which asset it is: `asset = \"..\"`",
        ),
        (
            of("outside").blocking().function(always),
            "the check `some`: `outside` is external, so that there is nothing that a check could block; leave out `blocking`",
        ),
        (
            of("a").input::<Vec<u8>>("a").function(always),
            "the check `some`: it takes `a: alloc::vec::Vec<u8>`, a value of form blob, but `a` is stored as object; change one of the types",
        ),
        (
            of("a").input::<Partitions<u64>>("a").function(always),
            "the check `some`: it is made of one value at a time: take `a` as a value, not as `larder_io_core::input::Partitions<u64>`",
        ),
        (
            of("a").resource::<String>().function(always),
            "the check `some`: there is no resource of type `alloc::string::String`; add one with `Definitions::resource`",
        ),
        (
            of("a").input::<u64>("a").input::<u64>("b").function(always),
            "the check `some`: there is no asset `b`",
        ),
    ] {
        let found = refused(check);
        assert!(found.starts_with(message), "{found}\n{message}");
    }
    let twice = definitions([number(&Next::default())], [small(), small()]).build();
    let message = twice.expect_err("is refused").message().to_owned();
    assert!(
        message.starts_with("`a` has two checks of the name `small`; give one of them another"),
        "{message}"
    );
}
