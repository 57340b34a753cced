//! Times as the vendors write them. A tick is a microsecond since 1970.

use jiff::Timestamp;

fn timestamp(tick: u64) -> Timestamp {
    Timestamp::from_microsecond(tick.cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0)
}

/// `Mon, 01 Jan 2024 00:00:00 GMT`, as in HTTP headers.
pub(super) fn http(tick: u64) -> String {
    timestamp(tick).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `2024-01-01T00:00:00.000Z`, as in lists.
pub(super) fn iso(tick: u64) -> String {
    timestamp(tick).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `2024-01-01T00:00:00.0000000Z`, as in Azure's version ids.
pub(super) fn precise(tick: u64) -> String {
    timestamp(tick).strftime("%Y-%m-%dT%H:%M:%S.%6f0Z").to_string()
}

/// The second that a header names.
pub(super) fn parse_http(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(zoned.timestamp().as_second())
}

pub(super) fn second(tick: u64) -> i64 {
    timestamp(tick).as_second()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_form_names_the_same_time() {
        let tick = 1_709_210_096_789_012;
        assert_eq!(super::http(tick), "Thu, 29 Feb 2024 12:34:56 GMT");
        assert_eq!(super::iso(tick), "2024-02-29T12:34:56.789Z");
        assert_eq!(super::precise(tick), "2024-02-29T12:34:56.7890120Z");
        assert_eq!(super::parse_http(&super::http(tick)), Some(super::second(tick)));
    }
}
