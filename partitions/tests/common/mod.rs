//! Definitions that the tests draw from.
#![allow(dead_code, reason = "each test uses a part")]

use larder_io_core::Result;
use larder_partitions::{Keyspace, NoDynamicKeys, PartitionSet, Partitioning, time_zone_database};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Zones with every kind of rule: none, an hour, half an hour, midnight, below the equator, a day that was skipped.
pub(crate) const ZONES: [&str; 12] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Africa/Casablanca",
    "America/Havana",
    "Pacific/Kwajalein",
];

/// Schedules of every kind, with what they are called here.
pub(crate) const SCHEDULES: [&str; 14] = [
    "0 * * * *",
    "30 * * * *",
    "0 0 * * *",
    "30 2 * * *",
    "45 23 * * *",
    "0 0 * * 1",
    "0 3 * * sun",
    "0 0 1 * *",
    "15 2 28 * *",
    "0 0,2,3 * * *",
    "30 1-3 * * *",
    "*/20 * * * *",
    "0 */6 * * *",
    "0 1 13 * fri",
];

/// The instant of a text with an offset.
pub(crate) fn at(text: &str) -> jiff::Timestamp {
    text.parse().expect("is an instant")
}

/// What exists of a definition without dynamic dimensions.
pub(crate) fn space(partitioning: &Partitioning, now: &str) -> Keyspace {
    partitioning.at(at(now), &NoDynamicKeys).expect("resolves")
}

/// The values of the only dimension.
pub(crate) fn values(set: &PartitionSet) -> Vec<String> {
    set.iter().map(|key| key.dimensions()[0].1.clone()).collect()
}

/// The message of what must fail.
pub(crate) fn message<T>(result: Result<T>) -> String {
    result.err().expect("is refused").message().to_owned()
}

/// A resolved definition of time, with the definition.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) partitioning: Partitioning,
    pub(crate) now: jiff::Timestamp,
}

impl Resolved {
    pub(crate) fn space(&self) -> Keyspace {
        let dynamic = BTreeMap::from([("customer".to_owned(), texts(&["acme", "b & c", "z=1", "..", "a..b"]))]);
        self.partitioning.at(self.now, &dynamic).expect("resolves")
    }
}

pub(crate) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// Windows of a schedule in a zone, from some second of 1990 to 2037 on, as of up to so many days later.
pub(crate) fn windows(days: i64) -> impl Strategy<Value = Resolved> {
    let zone = prop::sample::select(&ZONES[..]);
    let schedule = prop::sample::select(&SCHEDULES[..]);
    (
        zone,
        schedule,
        631_152_000_i64..2_114_380_800,
        0..days * 86_400,
        -2..3_i32,
        any::<bool>(),
    )
        .prop_map(|(zone, schedule, start, length, end_offset, near_change)| {
            let mut start = jiff::Timestamp::from_second(start).expect("is in range");
            if near_change {
                // Somewhere before the next change of the clock, which is what is worth looking at.
                let zone = time_zone_database().get(zone).expect("is a zone");
                let next = zone.following(start).next().map(|next| next.timestamp());
                start = next.map_or(start, |next| next - jiff::SignedDuration::from_hours(30));
            }
            let partitioning = Partitioning::cron(schedule, start.to_string())
                .time_zone(zone)
                .end_offset(end_offset)
                .build()
                .expect("is a definition");
            Resolved {
                partitioning,
                now: start + jiff::SignedDuration::from_secs(length),
            }
        })
}

/// Values of a list, some of them with letters that mean something in a selection.
pub(crate) fn listed() -> impl Strategy<Value = Resolved> {
    let value = prop_oneof![
        "[a-z]{1,3}",
        r#"[a-z,;|=*?"\\ .]{1,4}"#,
        "\\PC{1,6}",
        Just("all".to_owned()),
        Just("none".to_owned()),
    ];
    let sets = prop::collection::hash_set(value, 1..7);
    sets.prop_map(|values| Resolved {
        partitioning: Partitioning::fixed("region", values).expect("are values"),
        now: at("2024-01-01T00:00Z"),
    })
}

/// One dimension of any kind, small.
pub(crate) fn single() -> impl Strategy<Value = Resolved> {
    let dynamic = Just(Resolved {
        partitioning: Partitioning::dynamic("customer").expect("is a name"),
        now: at("2024-01-01T00:00Z"),
    });
    prop_oneof![3 => windows(2), 2 => listed(), 1 => dynamic]
}

/// One to three dimensions, small.
pub(crate) fn any_space() -> impl Strategy<Value = Resolved> {
    (single(), listed(), windows(1), 1..4_usize).prop_map(|(one, list, time, dimensions)| {
        let parts = [("one", &one), ("list", &list), ("when", &time)];
        let parts = parts.into_iter().take(dimensions);
        let partitioning = match dimensions {
            1 => one.partitioning.clone(),
            _ => Partitioning::multi(parts.map(|(name, part)| (name, part.partitioning.clone()))).expect("are parts"),
        };
        Resolved {
            partitioning,
            now: if dimensions == 3 { time.now } else { one.now },
        }
    })
}
