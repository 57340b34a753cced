//! What the command line says of how much runs at once.

use larder_executor::{Asset, Definitions};
use larder_io_memory::MemoryIo;
use std::ffi::OsString;
use std::sync::Arc;

struct Db;

/// Exit code, standard output, standard error.
fn run(args: &str) -> (u8, String, String) {
    let asset = |key: &str| Asset::builder(key).resource::<Db>().tag("team", "ops").memory("3GiB");
    let definitions = Definitions::new()
        .assets(["a", "b"].map(|key| asset(key).function(|_| async { Ok(1_u64) })))
        .resource(Db)
        .with_every_asset_in(Arc::new(MemoryIo::new()));
    let args = ["pipeline"]
        .into_iter()
        .chain(args.split_whitespace())
        .map(OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = larder_cli::run(definitions, args, &mut out, &mut err, false);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (code, text(out), text(err))
}

#[test]
fn limits_and_a_budget_are_taken() {
    let (code, out, err) = run("materialize --limit db=1 --limit tag:team=2 --memory-budget 8GiB");
    assert_eq!(code, 0, "{out}{err}");
    assert!(!err.contains("runs alone"), "{err}");
}

#[test]
fn a_step_above_the_budget_is_told() {
    let (code, out, err) = run("materialize --memory-budget 1GiB");
    assert_eq!(code, 0, "{out}{err}");
    let told = "the step reserves 3.0 GiB and the budget is 1.0 GiB (it declares that much): it runs alone";
    assert_eq!(format!("{out}{err}").matches(told).count(), 2, "{out}{err}");
}

#[test]
fn nonsense_is_refused_and_says_why() {
    for (args, why) in [
        ("--limit db=0", "the limit of `db` is 0"),
        ("--limit db", "it does not say how many"),
        ("--limit bd=1", "did you mean `db`?"),
        ("--limit tag:taem=1", "did you mean `tag:team`?"),
        ("--limit db=1 --limit db=2", "given twice"),
        ("--memory-budget 0GiB", "it is zero"),
        ("--memory-budget 8", "it has no unit"),
        ("--max-concurrent 0", "number would be zero"),
    ] {
        let (code, out, err) = run(&format!("materialize {args}"));
        assert!(code == 2 && err.contains(why), "{args}: {code} {out}{err}");
    }
}
