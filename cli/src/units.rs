//! Quantities for people.

use larder_io_core::{Form, Receipt};
use std::time::Duration;

/// `5.2 MB`: decimal, as disks and clouds count.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be written as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `5.2 MB/s`; nothing is known after no time.
pub(crate) fn rate(count: u64, time: Duration) -> Option<String> {
    let seconds = time.as_secs_f64();
    (seconds > 0.05).then(|| format!("{}/s", bytes((count as f64 / seconds) as u64)))
}

/// `328,521`.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// `85 µs`, `4.2 ms`, `0.81 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 0.0001 => format!("{} µs", time.as_micros()),
        _ if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 9.995 => format!("{seconds:.2} s"),
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        _ => {
            let whole = seconds.round() as u64;
            match whole / 3600 {
                0 => format!("{} min {:02} s", whole / 60, whole % 60),
                hours => format!("{hours} h {:02} min", whole % 3600 / 60),
            }
        }
    }
}

/// `40 s`, `12 min`, `5 h`, `3 d`: how old something is, rounded down.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Reads `30s`, `10m`, `24h`, `7d`.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no age; write a whole number and s, m, h or d, such as `24h`");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// Reads a limit of time: `30s`, `10m`, `1h 30m`, not 0.
pub(crate) fn parse_limit(text: &str) -> Result<Duration, String> {
    let limit = larder_io_core::duration::parse(text).map_err(|error| error.message().to_owned())?;
    match limit.is_zero() {
        true => Err(format!(
            "`{text}` leaves no time at all; leave the option out for no limit"
        )),
        false => Ok(limit),
    }
}

/// `2026-01-31 09:30:00Z`.
pub(crate) fn when(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The size of what is stored; nothing for a value that is kept in memory as it is, without bytes of its own.
pub(crate) fn stored_bytes(receipt: &Receipt) -> String {
    match receipt.bytes {
        0 if receipt.form != Form::Blob => String::new(),
        count => bytes(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_950, "1.0 MB"),
            (5_243_000, "5.2 MB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        assert_eq!(rate(2_000_000, Duration::from_secs(2)).as_deref(), Some("1.0 MB/s"));
        assert_eq!(rate(1, Duration::ZERO), None);
    }

    #[test]
    fn counts() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (328_521, "328,521"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(number(count), text);
        }
        assert_eq!(
            (counted(1, "row"), counted(0, "row")),
            ("1 row".to_owned(), "0 rows".to_owned())
        );
    }

    #[test]
    fn times() {
        for (millis, text) in [
            (0, "0 µs"),
            (4, "4.0 ms"),
            (810, "0.81 s"),
            (9_999, "10.0 s"),
            (59_960, "1 min 00 s"),
            (125_000, "2 min 05 s"),
            (3_720_000, "1 h 02 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(age(Duration::from_secs(3 * 86_400)), "3 d");
        assert_eq!(when(jiff::Timestamp::UNIX_EPOCH), "1970-01-01 00:00:00Z");
    }

    #[test]
    fn ages() {
        assert_eq!(parse_age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_age("24h"), Ok(Duration::from_secs(86_400)));
        for bad in ["", "h", "24", "-1h", "+1h", "1.5h", "1ü", "99999999999999999d"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
    }
}
