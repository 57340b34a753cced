//! Definitions that do not fit are refused before anything runs, with words that say what to do.

use super::disk;
use larder::{
    Asset, AssetKey, Blob, Capabilities, Definitions, Error, ErrorKind, Form, Forms, Layout, Location, ManagerInfo,
    PartitionKey, Partitions, Result, Table,
};
use larder_integration_tests::texts;
use larder_io_memory::MemoryIo;
use larder_testkit::faulty::Faulty;
use std::sync::Arc;

fn number(key: &str) -> Asset {
    Asset::builder(key).function(|_| async { Ok(1_u64) })
}

fn taking(key: &str, input: &str) -> Asset {
    Asset::builder(key)
        .input_from::<u64>(input.rsplit('/').next().unwrap_or(input), input)
        .function(|_| async { Ok(1_u64) })
}

fn refused(definitions: Definitions, words: &[&str]) -> Error {
    let error = definitions
        .default_io_manager(Arc::new(MemoryIo::new()))
        .variables([])
        .build()
        .expect_err("does not fit");
    for word in words {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    error
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    let circle = [taking("a", "c"), taking("b", "a"), taking("c", "b"), number("outside")];
    let error = refused(Definitions::new().assets(circle), &["circle"]);
    let paths = ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"];
    assert!(paths.iter().any(|path| error.message().contains(path)), "{error}");
    refused(Definitions::new().asset(taking("alone", "alone")), &["alone -> alone"]);
}

#[test]
fn unknown_names_come_with_the_nearest_known_one() {
    refused(
        Definitions::new().assets([
            number("reports/carrier_delays"),
            taking("page", "reports/carier_delays"),
        ]),
        &["`page` takes", "did you mean `reports/carrier_delays`?"],
    );
    let managers = Definitions::new().io_manager("warehouse", Arc::new(MemoryIo::new()));
    let misspelt = Asset::builder("value")
        .io_manager("warehuose")
        .function(|_| async { Ok(1_u64) });
    let error = refused(managers.asset(misspelt), &["`value`", "did you mean `warehouse`?"]);
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn unknown_selections_come_with_the_nearest_known_one() {
    let pipeline = disk().build(Definitions::new().asset(number("reports/total")));
    for (selection, near) in [
        ("reports/totl", "reports/total"),
        ("total", "reports/total"),
        ("group:report", "reports"),
    ] {
        let error = pipeline.run(selection).await.expect_err("is unknown");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{selection}");
        assert!(error.message().contains(near), "{selection}: {error}");
    }
}

#[test]
fn forms_that_do_not_meet_are_refused() {
    let table = Asset::builder("rows").function(|_| async { Ok(texts(&[])) });
    let object = taking("total", "rows");
    refused(
        Definitions::new().assets([table.clone(), object]),
        &["`total`", "`rows`", "object", "table", "change one of the types"],
    );
    let blob = Asset::builder("page")
        .input::<Blob>("rows")
        .function(|_| async { Ok(1_u64) });
    refused(
        Definitions::new().assets([table.clone(), blob]),
        &["`page`", "blob", "table"],
    );
    let many = Asset::builder("all")
        .input::<Partitions<Table>>("rows")
        .function(|_| async { Ok(1_u64) });
    refused(
        Definitions::new().assets([table, many]),
        &["`all`", "`rows` has no partitions"],
    );
}

/// A user's own layout, and a bad one: every asset at one place.
#[derive(Debug)]
struct AllToOne;

impl Layout for AllToOne {
    fn name(&self) -> &str {
        "all to one"
    }

    fn locate(&self, _: &AssetKey, _: Option<&PartitionKey>) -> Result<Location> {
        "everything/here".parse()
    }
}

#[test]
fn locations_that_collide_are_refused() {
    let definitions = Definitions::new()
        .assets([number("one"), number("two")])
        .layout(AllToOne);
    refused(
        definitions,
        &["`one`", "`two`", "the same place", "everything/here", "rename"],
    );
    let placed = Asset::builder("elsewhere")
        .location("a/b")
        .function(|_| async { Ok(1_u64) });
    refused(
        Definitions::new().assets([number("a/b"), placed]),
        &["`a/b`", "`elsewhere`", "the same place"],
    );
    // At different managers the same place is another one.
    let apart = Asset::builder("two")
        .io_manager("other")
        .function(|_| async { Ok(1_u64) });
    let other = disk();
    let definitions = Definitions::new()
        .assets([number("one"), apart])
        .layout(AllToOne)
        .io_manager("other", Arc::clone(&other.manager));
    definitions
        .default_io_manager(Arc::new(MemoryIo::new()))
        .variables([])
        .build()
        .expect("they do not meet");
}

#[test]
fn names_that_differ_only_in_case_are_refused() {
    refused(
        Definitions::new().assets([number("Reports/x"), number("reports/X")]),
        &["`Reports/x`", "`reports/X`", "differ only in case", "rename"],
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let definitions = Definitions::new().assets([
        taking("a", "missing_one"),
        taking("b", "missing_two"),
        number("c"),
        number("c"),
    ]);
    let error = refused(definitions, &["two assets have the key `c`"]);
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    let definitions = Definitions::new().assets([taking("a", "missing_one"), taking("b", "missing_two")]);
    refused(definitions, &["2 problems", "missing_one", "missing_two"]);
    let twice = Definitions::new()
        .backend(larder_io_memory::backend())
        .backend(larder_io_memory::backend());
    refused(twice, &["two backends", "`memory`"]);
    refused(
        Definitions::new().asset(
            Asset::builder("a")
                .resource::<String>()
                .function(|_| async { Ok(1_u64) }),
        ),
        &["`a`", "String", "Definitions::resource"],
    );
}

/// A manager that says something else about itself than the one inside.
fn claiming(forms: Forms, atomic: bool) -> Arc<Faulty> {
    let mut capabilities = Capabilities::default();
    capabilities.atomic_publish = atomic;
    let info = ManagerInfo::new("odd", "here", capabilities, forms);
    Arc::new(Faulty::new(MemoryIo::new()).claiming(info))
}

#[test]
fn a_manager_that_takes_no_tables_gets_none() {
    let rows = || Asset::builder("raw/rows").function(|_| async { Ok(texts(&[])) });
    let objects = || claiming(Forms::of([Form::Object, Form::Blob]), true);
    let error = Definitions::new()
        .asset(rows())
        .default_io_manager(objects())
        .variables([])
        .build()
        .expect_err("is refused");
    for word in ["`raw/rows`", "table", "(odd) takes object, blob", "another manager"] {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    // An external table it could not load is refused as well.
    let external = Definitions::new()
        .asset(Asset::external::<Table>("outside"))
        .default_io_manager(objects())
        .variables([]);
    assert!(
        external
            .build()
            .expect_err("is refused")
            .message()
            .contains("`outside`")
    );
    let objects = Definitions::new()
        .asset(number("fine"))
        .default_io_manager(objects())
        .variables([]);
    objects.build().expect("an object is taken");
}

#[test]
fn a_manager_that_cannot_publish_atomically_is_refused() {
    let definitions = || {
        Definitions::new()
            .asset(number("value"))
            .default_io_manager(claiming(Forms::ALL, false))
            .variables([])
    };
    let error = definitions().build().expect_err("is refused");
    for word in ["cannot publish atomically", "`value`", "allow_non_atomic"] {
        assert!(error.message().contains(word), "`{word}` is missing in: {error}");
    }
    definitions().allow_non_atomic().build().expect("it was allowed");
}
