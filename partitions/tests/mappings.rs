//! Every mapping against its inverse, and against what is meant.

mod common;

use common::{Resolved, at, listed, message, space, values, windows};
use larder_io_core::ErrorKind;
use larder_partitions::{DimensionMapping, Keyspace, Mapping, NoDynamicKeys, PartitionSet, Partitioning};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// All pairs both ways, key by key, and sets as unions of keys.
fn check_inverse(mapping: &Mapping, up: &Keyspace, down: &Keyspace) -> Result<(), TestCaseError> {
    let bound = mapping
        .bind(up, down)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let fail = |error: larder_io_core::Error| TestCaseError::fail(error.to_string());
    let mut forward = BTreeSet::new();
    let mut all_up = up.none();
    for key in down.iter() {
        let upstream = bound.upstream_of_key(&key).map_err(fail)?;
        all_up = all_up.union(&upstream.partitions).map_err(fail)?;
        forward.extend(upstream.partitions.iter().map(|up| (key.clone(), up)));
    }
    prop_assert_eq!(&bound.upstream_of(&down.all()).map_err(fail)?.partitions, &all_up);
    let mut backward = BTreeSet::new();
    let mut all_down = down.none();
    for key in up.iter() {
        let downstream = bound.downstream_of_key(&key).map_err(fail)?;
        all_down = all_down.union(&downstream).map_err(fail)?;
        backward.extend(downstream.iter().map(|down| (down, key.clone())));
    }
    prop_assert_eq!(&bound.downstream_of(&up.all()).map_err(fail)?, &all_down);
    prop_assert_eq!(forward, backward);
    // A set that is not everything: every other key.
    let some: Vec<_> = down.iter().step_by(2).collect();
    let mut union = up.none();
    let mut missing = BTreeSet::new();
    for key in &some {
        let upstream = bound.upstream_of_key(key).map_err(fail)?;
        union = union.union(&upstream.partitions).map_err(fail)?;
        missing.extend(upstream.missing.iter().map(|missing| missing.dimension.clone()));
    }
    let of_set = bound.upstream_of(&down.set(&some).map_err(fail)?).map_err(fail)?;
    prop_assert_eq!(of_set.partitions, union);
    let dimensions: BTreeSet<String> = of_set.missing.iter().map(|missing| missing.dimension.clone()).collect();
    prop_assert_eq!(dimensions, missing);
    Ok(())
}

fn at_one_time(one: &Resolved, other: &Resolved) -> (Keyspace, Keyspace) {
    let now = one.now.max(other.now);
    // As of one time, and not so late that nothing else happens but counting.
    let resolve = |it: &Resolved| it.partitioning.at(now, &NoDynamicKeys).expect("resolves");
    (resolve(one), resolve(other))
}

fn cut(space: &Keyspace) -> bool {
    space.len() > 400
}

/// Two definitions of time whose windows lie at about the same time.
fn two_windows() -> impl Strategy<Value = (Resolved, Resolved)> {
    let schedule = prop::sample::select(&common::SCHEDULES[..]);
    let zone = prop::sample::select(&common::ZONES[..]);
    (windows(6), schedule, zone, -100..100_i64, -2..3_i32).prop_map(|(one, schedule, zone, hours, end_offset)| {
        let start = one.now - jiff::SignedDuration::from_hours(72 + hours);
        let partitioning = Partitioning::cron(schedule, start.to_string())
            .time_zone(zone)
            .end_offset(end_offset)
            .build()
            .expect("is a definition");
        let other = Resolved {
            partitioning,
            now: one.now,
        };
        (one, other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn windows_are_inverse(pair in two_windows(), start in -3..2_i32, more in 0..4_i32) {
        let (up, down) = at_one_time(&pair.0, &pair.1);
        prop_assume!(!cut(&up) && !cut(&down));
        check_inverse(&Mapping::windows(start, start + more), &up, &down)?;
    }

    #[test]
    fn windows_are_those_that_share_an_instant(pair in two_windows(), start in -2..2_i32, more in 0..3_i32) {
        let (up, down) = at_one_time(&pair.0, &pair.1);
        prop_assume!(!cut(&up) && !cut(&down) && !down.is_empty());
        let bound = Mapping::windows(start, start + more).bind(&up, &down).expect("binds");
        let window = |space: &Keyspace, index: i64| {
            let key = u64::try_from(index).ok().and_then(|index| space.nth(index))?;
            Some(space.window(&key).expect("has a window"))
        };
        for index in 0..down.len() as i64 {
            // Only where the shifted windows exist, so that they can be asked.
            let shifted = (window(&down, index + i64::from(start)), window(&down, index + i64::from(start + more)));
            let (Some(from), Some(to)) = shifted else { continue };
            let expected: Vec<_> = up.iter().filter(|key| {
                let window = up.window(key).expect("has a window");
                window.start < to.end && from.start < window.end
            }).collect();
            let key = down.nth(index as u64).expect("exists");
            let upstream = bound.upstream_of_key(&key).expect("maps");
            prop_assert_eq!(upstream.partitions.iter().collect::<Vec<_>>(), expected);
            // Together with what is missing, the time that was asked for is covered.
            let first = upstream.partitions.first().map(|key| up.window(&key).expect("has a window").start);
            let last = upstream.partitions.last().map(|key| up.window(&key).expect("has a window").end);
            let covered = first.is_some_and(|first| first <= from.start) && last.is_some_and(|last| last >= to.end);
            prop_assert_eq!(upstream.missing.is_empty(), covered);
        }
    }

    #[test]
    fn identity_of_the_same_windows_with_other_ends(one in windows(6), hours in -60..60_i64, late in -2..2_i32) {
        let text = one.partitioning.to_string();
        prop_assume!(!text.contains("*/20"));
        let parts: Vec<&str> = text.split('`').collect();
        let zone = text.rsplit(' ').next().expect("has a zone");
        let start = one.now - jiff::SignedDuration::from_hours(72 + hours);
        let other = Partitioning::cron(parts[1], start.to_string()).time_zone(zone).end_offset(late).build();
        let other = Resolved { partitioning: other.expect("is a definition"), now: one.now };
        let (up, down) = at_one_time(&one, &other);
        prop_assume!(!cut(&up) && !cut(&down));
        check_inverse(&Mapping::Identity, &up, &down)?;
        let bound = Mapping::Identity.bind(&up, &down).expect("binds");
        for key in down.iter() {
            let upstream = bound.upstream_of_key(&key).expect("maps");
            let (found, missing) = (upstream.partitions.iter().next(), upstream.missing.len());
            match up.contains(&key) {
                true => prop_assert_eq!((found, missing), (Some(key), 0)),
                false => prop_assert_eq!((found, missing), (None, 1)),
            }
        }
    }

    #[test]
    fn previous_all_last_and_keys_are_inverse(one in windows(3), list in listed(), pick in any::<prop::sample::Index>()) {
        for definition in [&one, &list] {
            let space = definition.space();
            prop_assume!(!cut(&space));
            check_inverse(&Mapping::Previous, &space, &space)?;
            let bound = Mapping::Previous.bind(&space, &space).expect("binds");
            for index in 0..space.len() {
                let upstream = bound.upstream_of_key(&space.nth(index).expect("exists")).expect("maps");
                let before = index.checked_sub(1).and_then(|before| space.nth(before));
                prop_assert_eq!(upstream.partitions.iter().next(), before);
                prop_assert!(upstream.missing.is_empty());
            }
        }
        let (up, down) = (one.space(), list.space());
        check_inverse(&Mapping::All, &up, &down)?;
        check_inverse(&Mapping::Last, &up, &down)?;
        check_inverse(&Mapping::Last, &down, &up)?;
        let key = down.nth(pick.index(down.len() as usize) as u64).expect("exists");
        check_inverse(&Mapping::keys([key.dimensions()[0].1.clone()]), &down, &up)?;
    }

    #[test]
    fn tables_are_inverse(up in listed(), down in listed(), picks in prop::collection::vec(any::<u64>(), 12)) {
        let (up, down) = (up.space(), down.space());
        let ups = values(&up.all());
        let rows = values(&down.all()).into_iter().zip(picks).map(|(value, pick)| {
            let chosen: Vec<String> = (0..ups.len()).filter(|bit| pick >> bit & 1 == 1).map(|bit| ups[bit].clone()).collect();
            (value, chosen)
        });
        check_inverse(&Mapping::table(rows), &up, &down)?;
    }

    #[test]
    fn dimensions_are_inverse(pair in two_windows(), list in listed(), kind in 0..7_usize) {
        let (one, other) = (&pair.0.partitioning, &pair.1.partitioning);
        let multi = |time: &Partitioning| {
            Partitioning::multi([("when", time.clone()), ("region", list.partitioning.clone())]).expect("are parts")
        };
        let only = |time: &Partitioning| Partitioning::multi([("when", time.clone())]).expect("is a part");
        let rules = |rules: Vec<DimensionMapping>| Mapping::Dimensions(rules);
        let (up, down, mapping) = match kind {
            0 => (multi(one), multi(other), rules(vec![])),
            1 => (only(one), multi(other), rules(vec![])),
            2 => (multi(one), only(other), rules(vec![])),
            3 => (multi(one), list.partitioning.clone(), rules(vec![])),
            4 => (multi(one), multi(one), rules(vec![DimensionMapping::follows("when", "when", Mapping::Previous)])),
            5 => (multi(one), only(other), rules(vec![DimensionMapping::always("region", Mapping::Last)])),
            // Two upstream dimensions follow one.
            _ => {
                let two = Partitioning::multi([("today", one.clone()), ("before", one.clone())]).expect("are parts");
                let follow = vec![
                    DimensionMapping::follows("today", "when", Mapping::windows(0, 0)),
                    DimensionMapping::follows("before", "when", Mapping::windows(-1, -1)),
                ];
                (two, multi(other), rules(follow))
            }
        };
        let resolve = |it: &Partitioning| it.at(pair.0.now, &NoDynamicKeys).expect("resolves");
        let (up, down) = (resolve(&up), resolve(&down));
        prop_assume!(!cut(&up) && !cut(&down));
        check_inverse(&mapping, &up, &down)?;
    }
}

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
