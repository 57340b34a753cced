//! Windows where the clock is changed, and where definitions begin and end.

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
        daily(time, "2024-03-10", "2024-03-11")
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

#[test]
fn what_exists_is_what_is_over() {
    let daily = Partitioning::daily("2024-01-10").build().expect("builds");
    let count = |definition: &Partitioning, now: &str| space(definition, now).len();
    let cases = [
        ("2023-01-01T00:00Z", 0),
        ("2024-01-10T00:00Z", 0),
        ("2024-01-10T23:59:59.999999999Z", 0),
        ("2024-01-11T00:00Z", 1),
        ("2024-02-10T12:00Z", 31),
    ];
    for (now, expected) in cases {
        assert_eq!(count(&daily, now), expected, "{now}");
    }
    let with = |offset| {
        Partitioning::daily("2024-01-10")
            .end_offset(offset)
            .build()
            .expect("builds")
    };
    assert_eq!(
        [-2, -1, 0, 1, 3].map(|offset| count(&with(offset), "2024-01-12T12:00Z")),
        [0, 1, 2, 3, 5]
    );
    assert_eq!(
        count(&with(3), "2024-01-09T00:00Z"),
        0,
        "before the start there is nothing to go beyond"
    );
    let ended = Partitioning::daily("2024-01-10")
        .end("2024-01-13T12:00")
        .end_offset(5)
        .build()
        .expect("builds");
    assert_eq!(
        values(&space(&ended, "2024-06-01T00:00Z").all()),
        ["2024-01-10", "2024-01-11", "2024-01-12"]
    );
    // The first window begins at or after the start.
    let weekly = |start: &str| {
        Partitioning::weekly(start)
            .weekday(jiff::civil::Weekday::Monday)
            .build()
            .expect("builds")
    };
    assert_eq!(
        space(&weekly("2024-01-02"), "2024-02-01T00:00Z").first(),
        space(&weekly("2024-01-08"), "2024-02-01T00:00Z").first()
    );
    let berlin = Partitioning::daily("2024-01-10")
        .time_zone("Europe/Berlin")
        .build()
        .expect("builds");
    assert_eq!(count(&berlin, "2024-01-10T22:59:59Z"), 0);
    assert_eq!(count(&berlin, "2024-01-10T23:00Z"), 1);
}

#[test]
fn schedules() {
    let names = |text: &str| all(Partitioning::cron(text, "2024-01-01"), "2032-01-01T00:00Z");
    let few = |text: &str| names(text).into_iter().take(4).collect::<Vec<_>>();
    assert_eq!(few("@weekly"), ["2024-01-07", "2024-01-14", "2024-01-21", "2024-01-28"]);
    assert_eq!(few("0 0 * * 7"), few("0 0 * * sun"));
    assert_eq!(
        few("0 0 * JAN,mar 1"),
        ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
    );
    assert_eq!(
        few("@monthly"),
        ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    );
    assert_eq!(few("@yearly"), ["2024-01-01", "2025-01-01", "2026-01-01", "2027-01-01"]);
    assert_eq!(
        few("0 0 29 2 *"),
        ["2024-02-29"],
        "the next one, 2028, is not over before 2032"
    );
    assert_eq!(
        few("0 0 31 * *"),
        ["2024-01-31", "2024-03-31", "2024-05-31", "2024-07-31"]
    );
    // A day of the month or of the week, either.
    assert_eq!(
        few("0 0 3 * fri"),
        ["2024-01-03", "2024-01-05", "2024-01-12", "2024-01-19"]
    );
    // With a step from `*`, both must fit.
    assert_eq!(
        few("0 0 */7 * fri"),
        ["2024-03-01", "2024-03-08", "2024-03-15", "2024-03-22"]
    );
    assert_eq!(
        few("5/20 8-10/2 * * *"),
        [
            "2024-01-01T08:05",
            "2024-01-01T08:25",
            "2024-01-01T08:45",
            "2024-01-01T10:05"
        ]
    );
    assert_eq!(names("@hourly").len(), 24 * (365 * 8 + 2));
    for (text, words) in [
        ("", "has 0 fields"),
        ("0 0 * *", "has 4 fields"),
        ("60 0 * * *", "the minute `60` has 60, which is not in 0..59"),
        ("0 0 0 * *", "which is not in 1..31"),
        ("0 0 * * 8", "which is not in 0..7"),
        ("0 0 * * mno", "did you mean `mon`?"),
        ("0 5-3 * * *", "ends before it begins"),
        ("*/0 * * * *", "no number above 0"),
        ("*/-1 * * * *", "no number above 0"),
        ("0 0 L * *", "has `L`, which is no number"),
        ("0 0 +1 * *", "has `+1`, which is no number"),
        ("0 0 1,,2 * *", "has ``"),
        ("0 0 30 2 *", "no day of any year fits"),
        ("0 0 31 4,6,9,11 *", "no day of any year fits"),
        ("@dayly", "did you mean `@daily`?"),
    ] {
        let said = message(Partitioning::cron(text, "2024-01-01").build());
        assert!(said.contains(words), "{text}: {said}");
    }
}

#[test]
fn definitions_that_are_wrong_are_refused_in_words() {
    let daily = || Partitioning::daily("2024-01-01");
    let cases = [
        (
            daily().time_zone("Europe/Berln").build(),
            "did you mean `Europe/Berlin`?",
        ),
        (daily().time_zone("berlin").build(), "did you mean `Europe/Berlin`?"),
        (
            daily().time_zone("New York").build(),
            "did you mean `America/New_York`?",
        ),
        (daily().time_zone("").build(), "names look like `Europe/Berlin`"),
        (daily().time_zone("+01:00").build(), "there is no time zone"),
        (
            Partitioning::daily("2024-02-30").build(),
            "the start `2024-02-30` is no time",
        ),
        (Partitioning::daily("01.02.2024").build(), "is no time"),
        (Partitioning::daily("2024-01-01T25:00").build(), "is no time"),
        (
            daily().end("2023-01-01").build(),
            "no window of `date` ends by its end `2023-01-01`",
        ),
        (daily().end("2024-01-01T23:59").build(), "no window"),
        (
            daily().hour(24).build(),
            "the `hour` 24 of daily partitions is not in 0..=23",
        ),
        (daily().minute(60).build(), "not in 0..=59"),
        (
            daily().day(3).build(),
            "daily partitions have no `day`; it is for monthly",
        ),
        (
            Partitioning::hourly("2024-01-01").hour(3).build(),
            "hourly partitions have no `hour`",
        ),
        (
            Partitioning::monthly("2024-01-01").day(31).build(),
            "which every month has; for others use cron",
        ),
        (daily().name("a=b").build(), "the name of a dimension"),
        (daily().name("").build(), "the name of a dimension"),
    ];
    for (built, words) in cases {
        let said = message(built);
        assert!(said.contains(words), "{words}: {said}");
    }
    let far = Partitioning::daily("2024-01-01")
        .end_offset(i32::MAX)
        .build()
        .expect("builds");
    assert!(
        message(far.at(at("2024-01-10T00:00Z"), &larder_partitions::NoDynamicKeys)).contains("beyond the year 9999")
    );
    assert_eq!(
        Partitioning::daily("2024-01-01")
            .time_zone("europe/berlin")
            .build()
            .expect("builds")
            .to_string(),
        "date: daily from 2024-01-01 in Europe/Berlin"
    );
}

#[test]
fn keys_that_are_wrong_are_refused_with_the_nearest() {
    let daily = Partitioning::daily("2024-01-10").build().expect("builds");
    let days = space(&daily, "2024-02-01T00:00Z");
    let range = "partitions go from `2024-01-10` to `2024-01-31`";
    for (key, words) in [
        ("2024-01-32", "it is no time; keys look like `2024-01-31`"),
        ("2024-01-09", "before the first"),
        ("2024-02-01", "not over yet, or after the end"),
        ("9999-12-31", "not over yet, or after the end"),
        ("2024-01-20T00:00", "the nearest is `2024-01-20`"),
        ("2024-1-20", "no time"),
    ] {
        let said = message(days.select(key));
        assert!(said.contains(words), "{key}: {said}");
        assert!(said.contains(range) || said.contains("no time"), "{key}: {said}");
    }
    let weekly = Partitioning::weekly("2024-01-01").build().expect("builds");
    let said = message(space(&weekly, "2024-02-01T00:00Z").select("2024-01-10"));
    assert!(said.contains("the nearest is `2024-01-07`"), "{said}");
    let late = Partitioning::daily("2024-01-10").hour(6).build().expect("builds");
    let said = message(space(&late, "2024-01-10T00:00Z").select("2024-01-10"));
    assert!(
        said.contains("there are no partitions yet; the first will be `2024-01-10`"),
        "{said}"
    );
}

#[test]
fn years_beyond_four_digits_are_no_trouble() {
    let from_one = Partitioning::daily("0001-01-01")
        .end("9999-12-30")
        .build()
        .expect("builds");
    let space = space(&from_one, "9999-12-30T00:00Z");
    assert_eq!(space.len(), 3_652_056);
    let ends = |key: Option<larder_io_core::PartitionKey>| key.expect("exists").dimensions()[0].1.clone();
    assert_eq!(
        (ends(space.first()), ends(space.last())),
        ("0001-01-01".to_owned(), "9999-12-29".to_owned())
    );
    let zoned = Partitioning::hourly("1800-01-01")
        .time_zone("America/New_York")
        .end("9998-01-01")
        .build()
        .expect("builds");
    let zoned = common::space(&zoned, "9999-01-01T00:00Z");
    let last = zoned.last().expect("exists");
    assert_eq!(last.to_string(), "hour=9997-12-31T23:00");
    assert_eq!(zoned.index_of(&last).expect("is a key"), zoned.len() - 1);
    // The clock of New York was put back by 3 minutes and 58 seconds when zones were introduced.
    assert!(zoned.contains(&larder_io_core::PartitionKey::single("hour", "1883-11-18T12:00").expect("is a key")));
}
