//! Windows where the clock is changed.

mod common;

use common::{at, message, space, values};
use larder_partitions::{Keyspace, Partitioning, TimePartitions};

fn all(builder: TimePartitions, now: &str) -> Vec<String> {
    values(&space(&builder.build().expect("is a definition"), now).all())
}

fn windows(space: &Keyspace) -> Vec<(String, String, i64)> {
    let window = |key| space.window(&key).expect("has a window");
    let row = |key: larder_io_core::PartitionKey| {
        let name = key.dimensions()[0].1.clone();
        let window = window(key);
        (
            name,
            window.start.to_string(),
            (window.end.as_second() - window.start.as_second()) / 60,
        )
    };
    space.iter().map(row).collect()
}

fn row(name: &str, start: &str, minutes: i64) -> (String, String, i64) {
    (name.to_owned(), start.to_owned(), minutes)
}

#[test]
fn a_repeated_hour_is_two_partitions() {
    let hourly = |zone: &str, start: &str| Partitioning::hourly(start).time_zone(zone);
    let found = all(
        hourly("America/New_York", "2024-11-03").end("2024-11-03T03:00"),
        "2025-01-01T00:00Z",
    );
    assert_eq!(
        found,
        [
            "2024-11-03T00:00",
            "2024-11-03T01:00",
            "2024-11-03T01:00-05:00",
            "2024-11-03T02:00"
        ]
    );
    let berlin = all(
        hourly("Europe/Berlin", "2024-10-27T01:00").end("2024-10-27T04:00"),
        "2025-01-01T00:00Z",
    );
    assert_eq!(
        berlin,
        [
            "2024-10-27T01:00",
            "2024-10-27T02:00",
            "2024-10-27T02:00+01:00",
            "2024-10-27T03:00"
        ]
    );
    let space = space(
        &hourly("Europe/Berlin", "2024-10-27").build().expect("builds"),
        "2025-01-01T00:00Z",
    );
    for (key, start) in [
        ("2024-10-27T02:00", "2024-10-27T00:00:00Z"),
        ("2024-10-27T02:00+01:00", "2024-10-27T01:00:00Z"),
    ] {
        let key = space.parse(key).expect("is a key");
        let window = space.window(&key).expect("has a window");
        assert_eq!(
            (window.start, window.end.as_second() - window.start.as_second()),
            (at(start), 3600)
        );
        assert_eq!(space.key_for(at(start)).expect("is of time"), Some(key));
    }
    // No other spelling is a second key of the same hour.
    for other in [
        "2024-10-27T02:00+02:00",
        "2024-10-27T02:00+00:00",
        "2024-10-27T02:00:00",
        "2024-10-27T00:00Z",
        "2024-10-27 02:00",
    ] {
        let said = message(space.select(other));
        assert!(said.contains("the nearest is `2024-10-27T0"), "{other}: {said}");
    }
}

#[test]
fn a_skipped_hour_is_no_partition() {
    let builder = Partitioning::hourly("2024-03-10")
        .time_zone("America/New_York")
        .end("2024-03-10T05:00");
    let space = space(&builder.build().expect("builds"), "2025-01-01T00:00Z");
    assert_eq!(
        windows(&space),
        [
            row("2024-03-10T00:00", "2024-03-10T05:00:00Z", 60),
            row("2024-03-10T01:00", "2024-03-10T06:00:00Z", 60),
            row("2024-03-10T03:00", "2024-03-10T07:00:00Z", 60),
            row("2024-03-10T04:00", "2024-03-10T08:00:00Z", 60),
        ]
    );
    let said = message(space.select("2024-03-10T02:00"));
    assert!(said.contains("the nearest is `2024-03-10T03:00`"), "{said}");
}

#[test]
fn half_hours_of_lord_howe() {
    let builder = |start: &str| Partitioning::hourly(start).time_zone("Australia/Lord_Howe");
    let spring = space(
        &builder("2024-10-06T01:00")
            .end("2024-10-06T04:00")
            .build()
            .expect("builds"),
        "2025-01-01T00:00Z",
    );
    // 02:00 became 02:30: no hour begins there, and the one before is half an hour longer by the clock that it began with.
    assert_eq!(
        windows(&spring),
        [
            row("2024-10-06T01:00", "2024-10-05T14:30:00Z", 90),
            row("2024-10-06T03:00", "2024-10-05T16:00:00Z", 60)
        ]
    );
    let half = builder("2024-04-07T00:30")
        .minute(30)
        .end("2024-04-07T03:30")
        .build()
        .expect("builds");
    // 02:00 became 01:30, which is then shown a second time.
    assert_eq!(
        windows(&space(&half, "2025-01-01T00:00Z")),
        [
            row("2024-04-07T00:30", "2024-04-06T13:30:00Z", 60),
            row("2024-04-07T01:30", "2024-04-06T14:30:00Z", 30),
            row("2024-04-07T01:30+10:30", "2024-04-06T15:00:00Z", 60),
            row("2024-04-07T02:30", "2024-04-06T16:00:00Z", 60),
        ]
    );
}

#[test]
fn days_that_begin_late_and_a_day_that_never_was() {
    let daily = |zone: &str, start: &str, end: &str| {
        let builder = Partitioning::daily(start).time_zone(zone).end(end);
        windows(&space(&builder.build().expect("builds"), "2025-01-01T00:00Z"))
    };
    // Midnight was skipped: the day begins at one.
    assert_eq!(
        daily("America/Sao_Paulo", "2018-11-03", "2018-11-06"),
        [
            row("2018-11-03", "2018-11-03T03:00:00Z", 24 * 60),
            row("2018-11-04", "2018-11-04T03:00:00Z", 23 * 60),
            row("2018-11-05", "2018-11-05T02:00:00Z", 24 * 60),
        ]
    );
    assert_eq!(
        daily("Pacific/Apia", "2011-12-28", "2012-01-01"),
        [
            row("2011-12-28", "2011-12-28T10:00:00Z", 24 * 60),
            row("2011-12-29", "2011-12-29T10:00:00Z", 24 * 60),
            row("2011-12-31", "2011-12-30T10:00:00Z", 24 * 60),
        ]
    );
    // The same at another hour: the day before goes on until its own next hour.
    let at_six = Partitioning::daily("2011-12-29")
        .hour(6)
        .time_zone("Pacific/Apia")
        .end("2012-01-01T06:00");
    assert_eq!(
        windows(&space(&at_six.build().expect("builds"), "2025-01-01T00:00Z")),
        [
            row("2011-12-29", "2011-12-29T16:00:00Z", 24 * 60),
            row("2011-12-31", "2011-12-30T16:00:00Z", 24 * 60),
        ]
    );
    // One minute after midnight the clock went back by an hour, so that the evening came again; it is of the new day.
    assert_eq!(
        daily("America/St_Johns", "2010-11-06", "2010-11-09"),
        [
            row("2010-11-06", "2010-11-06T02:30:00Z", 24 * 60),
            row("2010-11-07", "2010-11-07T02:30:00Z", 25 * 60),
            row("2010-11-08", "2010-11-08T03:30:00Z", 24 * 60),
        ]
    );
}

#[test]
fn a_time_once_a_day_comes_once_a_day() {
    let daily = |time: &str, start: &str, end: &str| {
        let builder = Partitioning::cron(time, start).time_zone("America/New_York").end(end);
        windows(&space(&builder.build().expect("builds"), "2025-01-01T00:00Z"))
    };
    // Of a repeated time the first.
    assert_eq!(
        daily("30 1 * * *", "2024-11-02", "2024-11-04T01:30"),
        [
            row("2024-11-02", "2024-11-02T05:30:00Z", 24 * 60),
            row("2024-11-03", "2024-11-03T05:30:00Z", 25 * 60),
        ]
    );
    // A skipped one is at the end of the gap, and its day keeps its name.
    assert_eq!(
        daily("30 2 * * *", "2024-03-09", "2024-03-11T02:30"),
        [
            row("2024-03-09", "2024-03-09T07:30:00Z", 23 * 60 + 30),
            row("2024-03-10", "2024-03-10T07:00:00Z", 23 * 60 + 30),
        ]
    );
    // Of several in the gap one, by the time that the clock shows; none where one is already.
    let names = |time: &str| {
        daily(time, "2024-03-10", "2024-03-12")
            .into_iter()
            .map(|row| row.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names("15,30 1,2,4 * * *")[..4],
        [
            "2024-03-10T01:15",
            "2024-03-10T01:30",
            "2024-03-10T03:00",
            "2024-03-10T04:15"
        ]
    );
    assert_eq!(names("0 1,2,3 * * *")[..2], ["2024-03-10T01:00", "2024-03-10T03:00"]);
}
