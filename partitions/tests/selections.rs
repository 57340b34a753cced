//! Selections, lists and keys of several dimensions.

mod common;

use common::{at, message, space, texts, values};
use larder_io_core::{ErrorKind, PartitionKey};
use larder_partitions::{Keyspace, NoDynamicKeys, Partitioning, Selection};
use std::collections::BTreeMap;

fn days() -> Keyspace {
    space(
        &Partitioning::daily("2024-01-01").build().expect("builds"),
        "2024-06-01T00:00Z",
    )
}

fn both() -> Keyspace {
    let regions = Partitioning::fixed("region", ["eu", "us", "asia"]).expect("are values");
    let date = Partitioning::daily("2024-01-01").build().expect("builds");
    space(
        &Partitioning::multi([("date", date), ("region", regions)]).expect("are parts"),
        "2024-03-01T00:00Z",
    )
}

fn shown(space: &Keyspace, text: &str) -> String {
    space
        .select(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_string()
}

#[test]
fn of_one_dimension() {
    let days = days();
    for (text, expected) in [
        ("2024-01-31", "2024-01-31"),
        (
            " 2024-01-01 .. 2024-03-31 ,2024-05-01",
            "2024-01-01..2024-03-31, 2024-05-01",
        ),
        ("2024-03-01,2024-02-29", "2024-02-29..2024-03-01"),
        ("2024-01-01|2024-01-03; 2024-01-02", "2024-01-01..2024-01-03"),
        ("2024-02-*", "2024-02-01..2024-02-29"),
        (
            "2024-0?-15",
            "2024-01-15, 2024-02-15, 2024-03-15, 2024-04-15, 2024-05-15",
        ),
        ("*-01", "2024-01-01, 2024-02-01, 2024-03-01, 2024-04-01, 2024-05-01"),
        ("2024-05-1*,2024-05-2*", "2024-05-10..2024-05-29"),
        ("2024-05-30..", "2024-05-30..2024-05-31"),
        ("..2024-01-02", "2024-01-01..2024-01-02"),
        ("all", "2024-01-01..2024-05-31"),
        ("*", "2024-01-01..2024-05-31"),
        ("..", "2024-01-01..2024-05-31"),
        ("none", "none"),
        ("date=2024-01-05", "2024-01-05"),
        ("\"2024-01-05\"", "2024-01-05"),
    ] {
        assert_eq!(shown(&days, text), expected, "{text}");
    }
    for (text, words) in [
        ("", "is empty; write `all`"),
        (
            "2024-01-31..2024-01-01",
            "the range `2024-01-31..2024-01-01` of date ends before it begins",
        ),
        ("2024-01-02..2024-01-01", "ends before it begins"),
        ("2024-01-31..2024-07-01", "not over yet"),
        (
            "2023-*",
            "no date fits the pattern `2023-*`; partitions go from `2024-01-01` to `2024-05-31`",
        ),
        ("2024-01-01,,2024-01-03", "empty place"),
        ("day=2024-01-01", "there is no dimension `day`; partitions have `date`"),
        ("date=2024-01-01;dat=2024-01-02", "did you mean `date`?"),
        ("2024-01-01..2024-01-02..2024-01-03", "more than two ends"),
        ("2024-01-*..2024-01-03", "a pattern as the end of a range"),
        ("\"2024-01-01", "a quote that is not closed"),
        ("\"\"", "no letters"),
        ("date=2024-01-01,date=2024-01-02", "names `date` twice"),
        ("a=b=c", "has `=` where a value is expected"),
    ] {
        let said = message(days.select(text));
        assert!(said.contains(words), "{text}: {said}");
    }
}

#[test]
fn of_several_dimensions() {
    let both = both();
    assert_eq!(both.len(), 180);
    for (text, expected) in [
        (
            "date=2024-01-01..2024-01-31,region=eu|us",
            "date=2024-01-01..2024-01-31,region=eu..us",
        ),
        (
            "region=eu|asia,date=2024-02-*",
            "date=2024-02-01..2024-02-29,region=eu|asia",
        ),
        (
            "date=2024-01-01,2024-01-03,region=eu",
            "date=2024-01-01|2024-01-03,region=eu",
        ),
        ("region=asia", "date=2024-01-01..2024-02-29,region=asia"),
        (
            "date=2024-01-01,region=eu; date=2024-01-02,region=us",
            "date=2024-01-01,region=eu; date=2024-01-02,region=us",
        ),
        (
            "date=2024-01-01,region=eu; date=2024-01-01,region=us|asia",
            "date=2024-01-01,region=eu..asia",
        ),
        ("all", "date=2024-01-01..2024-02-29,region=eu..asia"),
    ] {
        let found = shown(&both, text);
        assert_eq!(found, expected, "{text}");
        assert_eq!(shown(&both, &found), found);
    }
    for (text, words) in [
        ("2024-01-01", "say which dimension each value is of"),
        ("eu,date=2024-01-01", "say which dimension"),
        ("date=2024-01-01,region=ue", "did you mean `eu`?"),
        ("date=2024-01-01,regin=eu", "did you mean `region`?"),
        ("date=2024-01-01|region=eu", "put `,` before `region=`"),
        ("region=asia..eu", "ends before it begins"),
    ] {
        let said = message(both.select(text));
        assert!(said.contains(words), "{text}: {said}");
    }
    let key = PartitionKey::new([("date", "2024-01-31"), ("region", "us")]).expect("is a key");
    assert_eq!(both.parse(&key.to_string()).expect("is one"), key);
    assert_eq!(both.index_of(&key).expect("exists"), 30 * 3 + 1);
    let last = PartitionKey::new([("date", "2024-02-02"), ("region", "asia")]).expect("is a key");
    assert_eq!(
        both.range(&key, &last).expect("is one").to_string(),
        "date=2024-01-31..2024-02-02,region=us..asia"
    );
    assert!(message(both.range(&last, &key)).contains("ends before it begins"));
    assert!(message(both.parse("region=eu")).contains("is 60 partitions, and one is needed"));
    // The order of dimensions in a key is that of the definition, but any order finds it.
    let turned = PartitionKey::new([("region", "us"), ("date", "2024-01-31")]).expect("is a key");
    assert!(both.contains(&turned));
    assert_eq!(both.nth(both.index_of(&turned).expect("exists")), Some(key));
    for (key, words) in [
        (PartitionKey::single("date", "2024-01-31"), "has no `region`"),
        (
            PartitionKey::new([("date", "2024-01-31"), ("regio", "us")]),
            "did you mean `region`?",
        ),
        (
            PartitionKey::new([("date", "2024-01-31"), ("region", "us"), ("x", "y")]),
            "there is no dimension `x`",
        ),
    ] {
        let said = message(both.index_of(&key.expect("is a key")));
        assert!(said.contains(words), "{said}");
    }
    let window = both.window(&last).expect("has one");
    assert_eq!(window.to_string(), "2024-02-02T00:00:00Z..2024-02-03T00:00:00Z");
    assert!(message(both.key_for(at("2024-01-01T00:00Z"))).contains("other dimensions besides time"));
}

#[test]
fn names_that_mean_something_are_in_quotes() {
    let names = [
        "a,b",
        "c..d",
        "all",
        "none",
        "e=f",
        "g|h",
        "*",
        "\"i\"",
        " j",
        "k\\",
        ".l",
        "plain name",
    ];
    let space = space(
        &Partitioning::fixed("name", names).expect("are values"),
        "2024-01-01T00:00Z",
    );
    for (place, name) in names.iter().enumerate() {
        let key = space.nth(place as u64).expect("exists");
        let text = space.set([&key]).expect("is a key").to_string();
        assert_eq!(text.starts_with('"'), *name != "plain name", "{text}");
        assert_eq!(space.parse(&text).expect("is read"), key);
    }
    assert_eq!(shown(&space, "\"a,b\"..\"all\""), "\"a,b\"..\"all\"");
    assert_eq!(values(&space.select("\"*\"").expect("is a name")), ["*"]);
    assert_eq!(values(&space.select("\"a,\"*").expect("is a pattern")), ["a,b"]);
}

#[test]
fn lists_that_are_wrong_are_refused() {
    let long = "x".repeat(1024);
    for (values, words) in [
        (vec![], "has no values"),
        (
            vec!["a", "b", "a"],
            "the value `a` of the dimension `region` comes twice, as number 1 and number 3",
        ),
        (vec!["a", ""], "is empty"),
        (
            vec!["a\0b"],
            "the value `a\\0b` of the dimension `region` has a control character",
        ),
        (vec!["a\nb"], "has a control character"),
        (vec![&long], "1024 are the limit"),
    ] {
        let error = Partitioning::fixed("region", values).expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
        assert!(error.message().contains(words), "{error}");
    }
    let one = || Partitioning::fixed("region", ["eu"]).expect("is a list");
    assert!(message(Partitioning::multi([("a", one()), ("a", one())])).contains("comes twice"));
    assert!(message(Partitioning::multi(Vec::<(String, Partitioning)>::new())).contains("needs a dimension"));
    let two = Partitioning::multi([("a", one()), ("b", one())]).expect("are parts");
    assert!(message(Partitioning::multi([("c", two)])).contains("several dimensions itself"));
    let said = message(space(&one(), "2024-01-01T00:00Z").select("asia"));
    assert!(said.contains("there are `eu`"), "{said}");
}

#[test]
fn dynamic_values_come_from_outside() {
    let customers = Partitioning::dynamic("customer").expect("is a name");
    assert_eq!(customers.dynamic_names().collect::<Vec<_>>(), ["customer"]);
    let now = at("2024-01-01T00:00Z");
    let keys = BTreeMap::from([("customer".to_owned(), texts(&["acme", "zeta", "beta"]))]);
    let resolved = customers.at(now, &keys).expect("resolves");
    assert_eq!(
        values(&resolved.all()),
        ["acme", "zeta", "beta"],
        "in the order they came"
    );
    let by_closure = customers
        .at(now, &|name: &str| Ok(vec![format!("only {name}")]))
        .expect("resolves");
    assert_eq!(values(&by_closure.all()), ["only customer"]);
    assert!(customers.at(now, &BTreeMap::new()).expect("resolves").is_empty());
    assert!(message(customers.at(now, &NoDynamicKeys)).contains("nobody here has them"));
    assert!(message(customers.at(now, &|_: &str| Ok(texts(&["a", "b\0"])))).contains("has a control character"));
    assert!(message(customers.at(now, &|_: &str| Ok(texts(&["a", "a"])))).contains("comes twice"));
    // The name of the dimension may differ from the name of the values.
    let date = Partitioning::daily("2024-01-01").build().expect("builds");
    let both = Partitioning::multi([("who", customers), ("date", date)]).expect("are parts");
    let resolved = both.at(at("2024-01-03T00:00Z"), &keys).expect("resolves");
    assert_eq!(resolved.nth(5).expect("exists").to_string(), "who=beta,date=2024-01-02");
}

#[test]
fn a_selection_waits_until_it_is_asked() {
    let selection: Selection = "2024-01-30..2024-02-02".parse().expect("is one");
    let json = serde_json::to_string(&selection).expect("is written");
    assert_eq!(json, "\"2024-01-30..2024-02-02\"");
    assert_eq!(serde_json::from_str::<Selection>(&json).expect("is read"), selection);
    assert!(
        serde_json::from_str::<Selection>("\"a,,b\"")
            .expect_err("is refused")
            .to_string()
            .contains("empty place")
    );
    let daily = Partitioning::daily("2024-01-01").build().expect("builds");
    assert!(message(selection.of(&space(&daily, "2024-02-02T00:00Z"))).contains("not over yet"));
    assert_eq!(
        selection.of(&space(&daily, "2024-03-01T00:00Z")).expect("exists").len(),
        4
    );
    // A set that was kept is found again when there is more.
    let set = space(&daily, "2024-02-02T00:00Z")
        .select("2024-01-30..")
        .expect("exists");
    let kept: Selection = serde_json::from_str(&serde_json::to_string(&set).expect("is written")).expect("is read");
    assert_eq!(
        kept.of(&space(&daily, "2024-03-01T00:00Z"))
            .expect("exists")
            .to_string(),
        "2024-01-30..2024-02-01"
    );
}

#[test]
fn sets_of_different_times_do_not_mix() {
    let daily = Partitioning::daily("2024-01-01").build().expect("builds");
    let (one, other) = (space(&daily, "2024-02-01T00:00Z"), space(&daily, "2024-02-02T00:00Z"));
    assert!(message(one.all().union(&other.all())).contains("resolve the selection among those"));
    // As of different instants of one day there is the same.
    let again = space(&daily, "2024-02-01T12:00Z");
    assert_eq!(one.all().union(&again.all()).expect("are the same"), one.all());
}

#[test]
fn a_million_partitions_are_counted_and_not_listed() {
    let hourly = Partitioning::hourly("1910-01-01")
        .time_zone("America/New_York")
        .build()
        .expect("builds");
    let regions = Partitioning::fixed("region", (0..1_000).map(|number| format!("r{number}"))).expect("are values");
    let both = Partitioning::multi([("hour", hourly), ("region", regions)]).expect("are parts");
    let space = space(&both, "2026-01-01T00:00Z");
    assert_eq!(space.len(), 1_016_851 * 1_000);
    let set = space.select("hour=2000-01-01T00:00..,region=r7|r9").expect("is read");
    let rest = space.all().difference(&set).expect("one space");
    assert_eq!(rest.len() + set.len(), space.len());
    // Ranges, whatever they hold.
    assert_eq!(rest.to_string().matches(';').count(), 1);
    let key = space.nth(987_654_321).expect("exists");
    assert_eq!(space.index_of(&key).expect("exists"), 987_654_321);
}
