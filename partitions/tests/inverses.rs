//! Every mapping against its inverse, and against what is meant.

mod common;

use common::{Resolved, listed, values, windows};
use larder_partitions::{DimensionMapping, Keyspace, Mapping, NoDynamicKeys, Partitioning};
use proptest::prelude::*;
use std::collections::BTreeSet;

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
    space.len() > 1_000
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
