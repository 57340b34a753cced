//! What mappings give, and which pairs they refuse.

mod common;

use common::{at, message, space};
use larder_io_core::ErrorKind;
use larder_partitions::{DimensionMapping, Keyspace, Mapping, PartitionSet, Partitioning};
use std::collections::BTreeMap;

fn daily(start: &str) -> Partitioning {
    Partitioning::daily(start).build().expect("is a definition")
}

fn select(space: &Keyspace, text: &str) -> PartitionSet {
    space.select(text).expect("is a selection")
}

#[test]
fn hours_to_days_and_days_to_months() {
    let now = "2024-03-05T00:00Z";
    let hours = Partitioning::hourly("2024-01-01")
        .time_zone("America/New_York")
        .build()
        .expect("builds");
    let days = Partitioning::daily("2024-01-01")
        .time_zone("America/New_York")
        .build()
        .expect("builds");
    let months = Partitioning::monthly("2024-01-01")
        .time_zone("America/New_York")
        .build()
        .expect("builds");
    let (hours, days, months) = (space(&hours, now), space(&days, now), space(&months, now));
    let bound = Mapping::default_for(hours.partitioning(), Some(days.partitioning())).expect("has a default");
    assert_eq!(bound, Mapping::windows(0, 0));
    let bound = bound.bind(&hours, &days).expect("binds");
    let upstream = bound
        .upstream_of(&select(&days, "2024-01-31..2024-02-01"))
        .expect("maps")
        .complete()
        .expect("is all there");
    assert_eq!(upstream.to_string(), "2024-01-31T00:00..2024-02-01T23:00");
    assert_eq!(
        bound
            .downstream_of(&select(&hours, "2024-01-31T22:00..2024-02-01T03:00"))
            .expect("maps")
            .to_string(),
        "2024-01-31..2024-02-01"
    );
    let bound = Mapping::windows(0, 0).bind(&days, &months).expect("binds");
    let february = bound
        .upstream_of(&select(&months, "2024-02-01"))
        .expect("maps")
        .complete()
        .expect("is all there");
    assert_eq!(
        (february.to_string(), february.len()),
        ("2024-02-01..2024-02-29".to_owned(), 29)
    );
    // The other way: each day is made from its month.
    let bound = Mapping::windows(0, 0).bind(&months, &days).expect("binds");
    let month = bound
        .upstream_of(&select(&days, "2024-02-10..2024-02-12"))
        .expect("maps")
        .complete()
        .expect("is all there");
    assert_eq!(month.to_string(), "2024-02-01");
    // March is not over, so that it does not exist; this is said and not passed over.
    let march = bound
        .upstream_of(&select(&days, "2024-02-29..2024-03-02"))
        .expect("maps");
    assert_eq!(march.partitions.to_string(), "2024-02-01");
    assert_eq!(
        march.missing[0].to_string(),
        "date=2024-03-01 (1: not over yet, or after the end)"
    );
}

#[test]
fn what_is_before_the_start_is_missing_and_not_dropped() {
    let now = "2024-01-20T00:00Z";
    let (up, down) = (space(&daily("2024-01-05"), now), space(&daily("2024-01-01"), now));
    let bound = Mapping::windows(-6, 0).bind(&up, &down).expect("binds");
    let week = bound.upstream_of(&select(&down, "2024-01-08")).expect("maps");
    assert_eq!(week.partitions.to_string(), "2024-01-05..2024-01-08");
    assert_eq!(
        week.missing[0].to_string(),
        "date=2024-01-02..2024-01-04 (3: before the start)"
    );
    let error = week.complete().expect_err("is not complete");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let first = bound
        .upstream_of(&select(&down, "2024-01-01..2024-01-02"))
        .expect("maps");
    assert!(first.partitions.is_empty());
    assert_eq!(
        first.missing[0].to_string(),
        "date=2023-12-26..2024-01-02 (8: before the start)"
    );
    // Nothing exists upstream yet: some of what is asked for never will, some not yet.
    let late = space(&daily("2024-01-21"), now);
    let bound = Mapping::windows(-1, 3).bind(&late, &down).expect("binds");
    let both = bound.upstream_of(&select(&down, "2024-01-19")).expect("maps");
    let both: Vec<String> = both.missing.iter().map(ToString::to_string).collect();
    let expected = [
        "date=2024-01-18..2024-01-20 (3: before the start)",
        "date=2024-01-21..2024-01-22 (2: not over yet, or after the end)",
    ];
    assert_eq!(both, expected);
    let none = bound.upstream_of(&down.none()).expect("maps");
    assert!(none.partitions.is_empty() && none.missing.is_empty());
}

#[test]
fn the_first_has_no_previous_and_nothing_is_missing() {
    let days = space(&daily("2024-01-01"), "2024-01-20T00:00Z");
    let bound = Mapping::Previous.bind(&days, &days).expect("binds");
    let first = bound.upstream_of(&select(&days, "2024-01-01")).expect("maps");
    assert!(first.partitions.is_empty() && first.missing.is_empty());
    assert_eq!(
        bound
            .upstream_of(&select(&days, "2024-01-05"))
            .expect("maps")
            .partitions
            .to_string(),
        "2024-01-04"
    );
    assert_eq!(
        bound
            .downstream_of(&select(&days, "2024-01-19"))
            .expect("maps")
            .to_string(),
        "none"
    );
}

#[test]
fn assets_without_partitions_take_all_last_or_some() {
    let days = space(&daily("2024-01-01"), "2024-01-20T00:00Z");
    assert_eq!(
        Mapping::default_for(days.partitioning(), None).expect("has one"),
        Mapping::All
    );
    let whole = |mapping: Mapping| mapping.whole(&days).expect("maps");
    assert_eq!(whole(Mapping::All).partitions, days.all());
    assert_eq!(whole(Mapping::Last).partitions.to_string(), "2024-01-19");
    let some = whole(Mapping::keys(["2024-01-03", "2024-01-25"]));
    assert_eq!(some.partitions.to_string(), "2024-01-03");
    assert_eq!(
        some.missing[0].to_string(),
        "date=2024-01-25 (1: not there yet, or no more)"
    );
    assert!(message(Mapping::Identity.whole(&days)).contains("needs an asset with partitions"));
    let empty = space(&daily("2024-01-01"), "2023-01-20T00:00Z");
    let last = Mapping::Last.whole(&empty).expect("maps");
    assert!(last.partitions.is_empty());
    assert_eq!(
        last.missing[0].to_string(),
        "date=the last (1: not there yet, or no more)"
    );
}

#[test]
fn dynamic_values_that_are_not_there_are_missing() {
    let customers = Partitioning::dynamic("customer").expect("is a name");
    let now = at("2024-01-01T00:00Z");
    let resolve = |values: &[&str]| {
        let values = BTreeMap::from([("customer".to_owned(), common::texts(values))]);
        customers.at(now, &values).expect("resolves")
    };
    let (up, down) = (resolve(&["b", "c"]), resolve(&["a", "b"]));
    let bound = Mapping::Identity.bind(&up, &down).expect("binds");
    let both = bound.upstream_of(&down.all()).expect("maps");
    assert_eq!(both.partitions.to_string(), "b");
    assert_eq!(both.missing[0].to_string(), "customer=a (1: not there yet, or no more)");
    assert_eq!(bound.downstream_of(&up.all()).expect("maps").to_string(), "b");
    let bound = Mapping::table([("a", ["b"])]).bind(&up, &down).expect("binds");
    let both = bound.upstream_of(&down.all()).expect("maps");
    assert_eq!(
        both.missing[0].to_string(),
        "customer=what `b` is made from (1: not there yet, or no more)"
    );
}

#[test]
fn keys_of_several_dimensions() {
    let regions = Partitioning::fixed("region", ["eu", "us"]).expect("are values");
    let both = Partitioning::multi([("date", daily("2024-01-01")), ("region", regions.clone())]).expect("are parts");
    let both = space(&both, "2024-01-20T00:00Z");
    let down = space(&regions, "2024-01-20T00:00Z");
    let mapping = Mapping::keys(["date=2024-01-02,region=eu", "region=us,date=2024-02-02"]);
    let bound = mapping.bind(&both, &down).expect("binds");
    let upstream = bound.upstream_of(&select(&down, "eu")).expect("maps");
    assert_eq!(upstream.partitions.to_string(), "date=2024-01-02,region=eu");
    assert_eq!(
        upstream.missing[0].to_string(),
        "region=us,date=2024-02-02 (1: not there yet, or no more)"
    );
    assert_eq!(
        bound.downstream_of(&select(&both, "date=2024-01-02")).expect("maps"),
        down.all()
    );
    assert!(
        bound
            .downstream_of(&select(&both, "date=2024-01-03"))
            .expect("maps")
            .is_empty()
    );
    let cases = [
        ("date=2024-01-02", "has no `region`"),
        ("date=2024-01-02,region=au", "did you mean `eu`?"),
        ("date=2024-01-02,region=*", "is no key"),
        ("date=2023-01-02,region=eu", "before the first"),
        ("date=2024-01-02,region=eu,x=y", "no dimension `x`"),
    ];
    for (key, words) in cases {
        let said = message(Mapping::keys([key]).check(both.partitioning(), Some(&regions)));
        assert!(said.contains(words), "{key}: {said}");
    }
}

#[test]
fn pairs_that_cannot_map_are_refused() {
    let days = daily("2024-01-01");
    let berlin = Partitioning::daily("2024-01-01")
        .time_zone("Europe/Berlin")
        .build()
        .expect("builds");
    let regions = Partitioning::fixed("region", ["eu", "us"]).expect("are values");
    let more = Partitioning::fixed("region", ["eu", "us", "asia"]).expect("are values");
    let customers = Partitioning::dynamic("customer").expect("is a name");
    let others = Partitioning::dynamic("supplier").expect("is a name");
    let both = Partitioning::multi([("date", days.clone()), ("region", regions.clone())]).expect("are parts");
    let check = |mapping: Mapping, up: &Partitioning, down: &Partitioning| message(mapping.check(up, Some(down)));
    let follows =
        |up: &str, down: &str, mapping| Mapping::Dimensions(vec![DimensionMapping::follows(up, down, mapping)]);
    let cases = [
        (
            check(Mapping::Identity, &days, &berlin),
            "are not the same windows; use `Mapping::Windows`",
        ),
        (check(Mapping::Identity, &days, &regions), "have nothing in common"),
        (check(Mapping::Identity, &regions, &more), "the input has no `asia`"),
        (
            check(Mapping::Identity, &customers, &others),
            "different sets of dynamic values",
        ),
        (check(Mapping::Identity, &both, &days), "use `Mapping::Dimensions`"),
        (
            check(Mapping::windows(0, 0), &days, &regions),
            "not both windows of time",
        ),
        (check(Mapping::windows(1, 0), &days, &berlin), "are empty"),
        (
            check(Mapping::Previous, &days, &berlin),
            "use `Mapping::windows(-1, -1)`",
        ),
        (check(Mapping::Previous, &customers, &customers), "come and go"),
        (check(Mapping::Last, &both, &days), "use `Mapping::Dimensions`"),
        (check(Mapping::keys(["2023-01-01"]), &days, &days), "before the first"),
        (check(Mapping::keys(["2024-1-1"]), &days, &days), "no window of daily"),
        (
            check(Mapping::table([("eu", ["eu"])]), &regions, &regions),
            "has no `us`",
        ),
        (
            check(Mapping::table([("eu", ["ue"]), ("us", ["us"])]), &regions, &regions),
            "did you mean `eu`?",
        ),
        (
            check(Mapping::table([("eu", ["eu"])]), &regions, &days),
            "not for windows",
        ),
        (
            check(follows("dat", "date", Mapping::Identity), &both, &both),
            "did you mean `date`?",
        ),
        (
            check(follows("date", "region", Mapping::Identity), &both, &both),
            "have nothing in common",
        ),
        (
            check(follows("date", "date", Mapping::All), &both, &both),
            "follows nothing",
        ),
        (
            check(
                Mapping::Dimensions(vec![DimensionMapping::always("date", Mapping::Identity)]),
                &both,
                &both,
            ),
            "say which dimension",
        ),
        (
            check(follows("date", "date", Mapping::Dimensions(vec![])), &both, &both),
            "itself one of dimensions",
        ),
        (
            message(Mapping::default_for(&days, Some(&regions))),
            "have nothing in common",
        ),
        (
            message(Mapping::default_for(&both, Some(&customers))),
            "no dimension of the same name",
        ),
    ];
    for (said, words) in cases {
        assert!(said.contains(words), "{words}: {said}");
    }
    let twice =
        [Mapping::Identity, Mapping::Identity].map(|mapping| DimensionMapping::follows("date", "date", mapping));
    assert!(check(Mapping::Dimensions(twice.to_vec()), &both, &both).contains("mapped twice"));
    // A set of other partitions is no answer to anything.
    let (space, later) = (space(&days, "2024-01-20T00:00Z"), space(&days, "2024-01-21T00:00Z"));
    let bound = Mapping::Identity.bind(&space, &space).expect("binds");
    assert!(message(bound.upstream_of(&later.all())).contains("are not the partitions asked about"));
}
