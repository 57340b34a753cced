//! Sizes as text: `25MB` is decimal, as disks and clouds count, `25MiB` is binary, as memory is counted.

use larder_io_core::{Error, ErrorKind, Result, nearest};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Every unit that is read, with its bytes.
const READ: [(&str, u128); 12] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1000_u128.pow(2)),
    ("GB", 1000_u128.pow(3)),
    ("TB", 1000_u128.pow(4)),
    ("PB", 1000_u128.pow(5)),
    ("KiB", 1024),
    ("MiB", 1024_u128.pow(2)),
    ("GiB", 1024_u128.pow(3)),
    ("TiB", 1024_u128.pow(4)),
    ("PiB", 1024_u128.pow(5)),
];
/// Digits behind the point that are read; more would be less than a byte of any unit.
const FRACTION: usize = 15;

/// Whether quantities are written in powers of 1000 or of 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeUnits {
    /// `MB`, `Mbit/s`: powers of 1000.
    #[default]
    Decimal,
    /// `MiB`, `Mibit/s`: powers of 1024.
    Binary,
}

/// A size of at least one byte, and the units it was written in.
///
/// ```
/// # use larder_executor::capacity::Size;
/// assert_eq!("1.5GB".parse::<Size>()?.bytes, 1_500_000_000);
/// assert_eq!("25MiB".parse::<Size>()?.bytes, 25 * 1024 * 1024);
/// # Ok::<(), larder_io_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Size {
    /// Bytes, 1 at least.
    pub bytes: u64,
    /// How it was written.
    pub units: SizeUnits,
}

impl FromStr for Size {
    type Err = Error;

    /// Reads a number with at most one point, and a unit.
    ///
    /// # Errors
    /// `InvalidConfig` for what is no size, is zero or negative, or is 16 EiB or more; an unknown unit comes with the nearest known one.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: String| {
            let message = format!("`{text}` is no size: {why}; write `25MB`, `1.5GB` or `25MiB`");
            Error::new(ErrorKind::InvalidConfig, message)
        };
        let trimmed = text.trim();
        if trimmed.starts_with('-') {
            return Err(wrong("it is negative".to_owned()));
        }
        let end = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim_start());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(wrong("it does not begin with a number".to_owned()));
        }
        if unit.is_empty() {
            return Err(wrong("it has no unit".to_owned()));
        }
        let Some((name, scale)) = READ.iter().find(|(name, _)| *name == unit) else {
            // `mb` is as near to `kB` as to `MB` for who only counts letters.
            let same = READ.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
            let near = same
                .map(|(name, _)| *name)
                .or_else(|| nearest(unit, READ.iter().map(|(name, _)| *name)));
            return Err(wrong(match near {
                Some(near) => format!("there is no unit `{unit}`, did you mean `{near}`?"),
                None => format!("there is no unit `{unit}`"),
            }));
        };
        let fraction = &fraction[..fraction.len().min(FRACTION)];
        let part = |digits: &str| match digits {
            "" => Some(0_u128),
            digits => digits.parse().ok(),
        };
        let bytes = part(whole).zip(part(fraction)).and_then(|(whole, parts)| {
            let below = parts.checked_mul(*scale)? / 10_u128.pow(fraction.len() as u32);
            u64::try_from(whole.checked_mul(*scale)?.checked_add(below)?).ok()
        });
        match bytes {
            None => Err(wrong("it is too large".to_owned())),
            Some(0) => Err(wrong("it is zero".to_owned())),
            Some(bytes) => Ok(Self {
                bytes,
                units: match name.contains('i') {
                    true => SizeUnits::Binary,
                    false => SizeUnits::Decimal,
                },
            }),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.units.bytes(self.bytes))
    }
}

impl SizeUnits {
    /// The other ones.
    fn other(self) -> Self {
        match self {
            Self::Decimal => Self::Binary,
            Self::Binary => Self::Decimal,
        }
    }

    /// `25.0 MB` or `23.8 MiB`.
    pub fn bytes(self, count: u64) -> String {
        self.scaled(count, "B")
    }

    /// `41.7 Mbit/s` or `39.7 Mibit/s`.
    pub fn rate(self, bits_per_second: u64) -> String {
        self.scaled(bits_per_second, "bit/s")
    }

    /// Both ways, for a quantity that people compare with what others told them: `73.2 GiB (78.6 GB)`.
    pub(super) fn both(self, count: u64, unit: &str) -> String {
        match count < 1000 {
            true => self.scaled(count, unit),
            false => format!("{} ({})", self.scaled(count, unit), self.other().scaled(count, unit)),
        }
    }

    fn scaled(self, count: u64, unit: &str) -> String {
        let (base, prefixes) = match self {
            Self::Decimal => (1000.0, ["", "k", "M", "G", "T", "P", "E"]),
            Self::Binary => (1024.0, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
        };
        let (mut value, mut prefix) = (count as f64, 0);
        // Half a tenth below the base would be written as the base.
        while value >= base - if prefix == 0 { 0.0 } else { 0.05 } && prefix + 1 < prefixes.len() {
            value /= base;
            prefix += 1;
        }
        match prefix {
            0 => format!("{count} {unit}"),
            _ => format!("{value:.1} {}{unit}", prefixes[prefix]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_both_kinds_of_units() {
        let read = |text: &str| text.parse::<Size>().expect(text);
        for (text, bytes) in [
            ("1B", 1),
            ("25MB", 25_000_000),
            ("25 MB", 25_000_000),
            ("1.5GB", 1_500_000_000),
            ("0.5kB", 500),
            ("25MiB", 26_214_400),
            ("0.25KiB", 256),
            ("18446744073709551615B", u64::MAX),
        ] {
            assert_eq!(read(text).bytes, bytes, "{text}");
        }
        assert_eq!(read("25MB").to_string(), "25.0 MB");
        assert_eq!(read("25MiB").to_string(), "25.0 MiB");
    }

    #[test]
    fn refuses_what_is_no_size_and_says_why() {
        for (text, why) in [
            ("0MB", "it is zero"),
            ("0.1B", "it is zero"),
            ("-5MB", "it is negative"),
            ("25", "it has no unit"),
            ("", "it does not begin with a number"),
            ("MB", "it does not begin with a number"),
            ("1.2.3MB", "it does not begin with a number"),
            ("1.MB", "it does not begin with a number"),
            ("inf", "it does not begin with a number"),
            ("25mb", "there is no unit `mb`, did you mean `MB`?"),
            ("25MiBi", "there is no unit `MiBi`, did you mean `MiB`?"),
            ("1e3MB", "there is no unit `e3MB`, did you mean `MB`?"),
            ("25 parsecs", "there is no unit `parsecs`;"),
            ("99999999PB", "it is too large"),
            ("999999999999999999999999999999999999999999B", "it is too large"),
        ] {
            let error = text.parse::<Size>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.message().contains(why), "{text}: {}", error.message());
        }
    }

    #[test]
    fn writes_both_kinds_of_units() {
        let (decimal, binary) = (SizeUnits::Decimal, SizeUnits::Binary);
        assert_eq!(
            (decimal.bytes(999), binary.bytes(1023)),
            ("999 B".to_owned(), "1023 B".to_owned())
        );
        assert_eq!(decimal.bytes(999_950), "1.0 MB");
        assert_eq!(binary.bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(binary.both(78_643_200_000, "B"), "73.2 GiB (78.6 GB)");
        assert_eq!(decimal.rate(41_666_667), "41.7 Mbit/s");
        assert_eq!(binary.rate(43_690_667), "41.7 Mibit/s");
        assert_eq!(decimal.bytes(u64::MAX), "18.4 EB");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}|[0-9.]{0,30}[kKMGTi]{0,2}B?") {
            if let Ok(size) = text.parse::<Size>() {
                prop_assert!(size.bytes > 0);
            }
        }

        #[test]
        fn whole_bytes_come_back(bytes in 1_u64..) {
            prop_assert_eq!(format!("{bytes}B").parse::<Size>().ok().map(|size| size.bytes), Some(bytes));
        }
    }
}
