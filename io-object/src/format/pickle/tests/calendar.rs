//! The dates and times: what they take, refuse, and are in text.

use serde::{Deserialize, Serialize};

use super::*;
use larder_io_core::python::{Date, DateTime, FrozenSet, Offset, Set, Time, TimeDelta};

#[test]
fn the_calendar_is_the_real_one() {
    for (year, month, day) in [(2024, 2, 29), (2000, 2, 29), (1, 1, 1), (9999, 12, 31), (2023, 4, 30)] {
        assert!(Date::new(year, month, day).is_ok(), "{year}-{month}-{day}");
    }
    for (year, month, day) in [
        (2023, 2, 29),
        (1900, 2, 29),
        (0, 1, 1),
        (10_000, 1, 1),
        (2023, 4, 31),
        (2023, 13, 1),
        (2023, 0, 1),
        (1, 1, 0),
    ] {
        assert!(Date::new(year, month, day).is_err(), "{year}-{month}-{day}");
    }
    assert!(Time::new(23, 59, 59, 999_999).is_ok());
    for (hour, minute, second, micro) in [(24, 0, 0, 0), (0, 60, 0, 0), (0, 0, 60, 0), (0, 0, 0, 1_000_000)] {
        assert!(Time::new(hour, minute, second, micro).is_err());
    }
    assert!(Offset::from_seconds(86_399).is_ok() && Offset::from_micros(-86_399_999_999).is_ok());
    assert!(Offset::from_seconds(86_400).is_err() && Offset::from_seconds(-86_400).is_err());
    assert!(Offset::from_micros(i64::MIN).is_err());
    assert!(TimeDelta::new(999_999_999, 86_399, 999_999).is_ok() && TimeDelta::new(-999_999_999, 0, 0).is_ok());
    assert!(TimeDelta::new(999_999_999, 86_399, 1_000_000).is_err() && TimeDelta::new(-999_999_999, 0, -1).is_err());
    assert!(TimeDelta::new(i64::MAX, i64::MAX, i64::MAX).is_err());
    let delta = TimeDelta::new(0, -1, 0).unwrap();
    assert_eq!((delta.days(), delta.seconds(), delta.microseconds()), (-1, 86_399, 0));
}

/// Reads a text and writes it again.
fn again<T: std::str::FromStr<Err = larder_io_core::Error> + ToString>(text: &str) -> String {
    text.parse::<T>().unwrap_or_else(|error| panic!("{error}")).to_string()
}

#[test]
fn text_is_read_and_written_as_python_writes_it() {
    for text in [
        "2024-01-02T03:04:05",
        "2024-01-02T03:04:05.678901",
        "0001-01-01T00:00:00.000001+00:00",
        "9999-12-31T23:59:59.999999-23:59:59.999999",
        "2024-01-02T03:04:05+05:30:01",
        "2024-11-03T01:30:00-04:00[fold=1]",
    ] {
        assert_eq!(again::<DateTime>(text), text);
    }
    assert_eq!(
        again::<DateTime>("2024-01-02 03:04:05.5Z"),
        "2024-01-02T03:04:05.500000+00:00"
    );
    assert_eq!(
        again::<DateTime>("2024-01-02t03:04:05-00:00"),
        "2024-01-02T03:04:05+00:00"
    );
    assert_eq!(again::<Date>("2024-02-29"), "2024-02-29");
    assert_eq!(again::<Time>("01:02:03+01:00[fold=1]"), "01:02:03+01:00[fold=1]");
    for text in [
        "PT0S",
        "PT1H",
        "PT1M",
        "PT0.000001S",
        "-PT36H0.500000S",
        "PT23999999999H59M59.999999S",
    ] {
        assert_eq!(again::<TimeDelta>(text), text);
    }
    assert_eq!(again::<TimeDelta>("P1DT2H3M4.5S"), "PT26H3M4.500000S");
    assert_eq!(again::<TimeDelta>("-P1D"), "-PT24H");
    assert_eq!(again::<Offset>("Z"), "+00:00");
}

#[test]
fn text_that_is_none_is_refused() {
    for text in [
        "2023-02-29T00:00:00",
        "2024-01-02T03:04:05.1234567",
        "2024-01-02T03:04:05.123456000",
        "2024-01-02T03:04:05.",
        "2024-01-02T03:04:60",
        "2024-01-02T24:00:00",
        "2024-01-02T03:04",
        "2024-1-02T03:04:05",
        "02024-01-02T03:04:05",
        "+2024-01-02T03:04:05",
        "2024-01-02T03:04:05+24:00",
        "2024-01-02T03:04:05+0200",
        "2024-01-02T03:04:05+02:00 ",
        "2024-01-02T03:04:05[Europe/Paris]",
        "2024-01-02",
        "",
        "\u{661}024-01-02T03:04:05",
    ] {
        assert!(text.parse::<DateTime>().is_err(), "{text}");
    }
    for text in [
        "P",
        "PT",
        "P1DT",
        "1D",
        "PT1",
        "PT1S1H",
        "P1Y",
        "PT1.5H",
        "PT-1S",
        "PT99999999999999999999S",
        "PT1.S",
    ] {
        assert!(text.parse::<TimeDelta>().is_err(), "{text}");
    }
    let error = "2024-01-02T03:04:05.1234567"
        .parse::<DateTime>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("finer than microseconds"), "{error}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct All {
    at: DateTime,
    day: Date,
    time: Time,
    span: TimeDelta,
    set: Set<BTreeSet<u8>>,
    frozen: FrozenSet<Vec<String>>,
}

fn all() -> All {
    All {
        at: "2024-11-03T01:30:00.000007-04:00[fold=1]".parse().unwrap(),
        day: "2024-02-29".parse().unwrap(),
        time: "01:02:03[fold=1]".parse().unwrap(),
        span: "-PT0.000001S".parse().unwrap(),
        set: Set(BTreeSet::from([1, 2])),
        frozen: FrozenSet(vec!["a".into()]),
    }
}

#[test]
fn other_formats_have_the_text_and_the_collection() {
    let json = serde_json::to_value(all()).unwrap();
    let expected = serde_json::json!({
        "at": "2024-11-03T01:30:00.000007-04:00[fold=1]",
        "day": "2024-02-29",
        "time": "01:02:03[fold=1]",
        "span": "-PT0.000001S",
        "set": [1, 2],
        "frozen": ["a"],
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<All>(json).unwrap(), all());
    assert_eq!(serde_json::from_str::<All>(&expected.to_string()).unwrap(), all());
}

#[test]
fn pickles_have_the_objects_of_python() {
    let data = to_vec(&all()).unwrap();
    let pickled = parse(&data).unwrap();
    assert_eq!(All::deserialize(&pickled).unwrap(), all());
    let description = describe(&pickled);
    for part in [
        "=datetime:2024-11-03T01:30:00.000007-04:00[fold=1],",
        "=date:2024-02-29,",
        "=time:01:02:03[fold=1],",
        "=timedelta:-1,",
        "=set{int:1,int:2},",
        "=frozenset{str:61}}",
    ] {
        assert!(description.contains(part), "{part} in {description}");
    }
}

#[test]
fn a_reader_of_plain_text_gets_no_fold() {
    let data = to_vec(&(all().at, all().time, all().day, all().span)).unwrap();
    let texts = <[String; 4]>::deserialize(&parse(&data).unwrap()).unwrap();
    assert_eq!(
        texts,
        [
            "2024-11-03T01:30:00.000007-04:00",
            "01:02:03",
            "2024-02-29",
            "-PT0.000001S"
        ]
    );
    #[derive(Deserialize)]
    struct Wrapped(DateTime, Option<Time>);
    let data = to_vec(&(all().at, all().time)).unwrap();
    let Wrapped(at, time) = Wrapped::deserialize(&parse(&data).unwrap()).unwrap();
    assert_eq!((at, time), (all().at, Some(all().time)));
}
