//! What exists of a definition of time, and what is refused in it.

mod common;

use common::{at, message, space, values};
use larder_partitions::{Partitioning, TimePartitions};

fn all(builder: TimePartitions, now: &str) -> Vec<String> {
    values(&space(&builder.build().expect("is a definition"), now).all())
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
    assert_eq!(space.len(), 3_652_057);
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
    for hour in ["1883-11-18T12:00", "1883-11-18T12:00-05:00"] {
        assert!(zoned.parse(hour).is_ok(), "{hour}");
    }
}
