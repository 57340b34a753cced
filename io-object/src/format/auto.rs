//! Which format a table gets where the manager chooses it.

use super::TableFormat;
use larder_io_core::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// When `table = "auto"` keeps a value as Arrow instead of Parquet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AutoSettings {
    /// Loads since a value was last stored from which it counts as hot. Default 2, at least 1.
    pub loads: u64,
    /// Stored bytes from which a hot value is kept as Arrow: below it, nothing is gained. Default 10 MB (10,000,000).
    pub least_bytes: u64,
    /// Stored bytes up to which a hot value is kept as Arrow, which is larger than Parquet. Default 1 GB (1,000,000,000).
    pub most_bytes: u64,
}

impl Default for AutoSettings {
    fn default() -> Self {
        Self {
            loads: 2,
            least_bytes: 10_000_000,
            most_bytes: 1_000_000_000,
        }
    }
}

/// What is known of the value that the next store replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// Loads since it was stored; `None` where nobody counts them.
    pub(crate) loads: Option<u64>,
    /// Its stored bytes; `None` when there is none.
    pub(crate) bytes: Option<u64>,
}

impl AutoSettings {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub(super) fn validate(self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.loads == 0 {
            return wrong("auto.loads must be at least 1");
        }
        if self.least_bytes > self.most_bytes {
            return wrong("auto.least_bytes must not be greater than auto.most_bytes");
        }
        Ok(())
    }

    /// The format of the next store, and why.
    pub(crate) fn choose(self, of: Use) -> (TableFormat, String) {
        let (Some(loads), bytes) = (of.loads, of.bytes) else {
            return (TableFormat::Parquet, "this store counts no loads".to_owned());
        };
        let Some(bytes) = bytes else {
            return (TableFormat::Parquet, "nothing is stored yet".to_owned());
        };
        let loaded = match loads {
            0 => "not loaded since it was stored".to_owned(),
            1 => "loaded once since it was stored".to_owned(),
            times => format!("loaded {times} times since it was stored"),
        };
        let (format, size) = match bytes {
            _ if loads < self.loads => (TableFormat::Parquet, String::new()),
            bytes if bytes < self.least_bytes => (
                TableFormat::Parquet,
                format!(", but {} are less than {}", size(bytes), size(self.least_bytes)),
            ),
            bytes if bytes > self.most_bytes => (
                TableFormat::Parquet,
                format!(", but {} are more than {}", size(bytes), size(self.most_bytes)),
            ),
            bytes => (TableFormat::Arrow, format!(", {}", size(bytes))),
        };
        (format, format!("{loaded}{size}"))
    }
}

/// Bytes for people, in units of 1,000.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(unit) || bytes >= 100 * unit => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_values_of_a_middle_size_become_arrow() {
        let auto = AutoSettings::default();
        let of = |loads, bytes| auto.choose(Use { loads, bytes });
        for (loads, bytes, format, because) in [
            (
                None,
                Some(50_000_000),
                TableFormat::Parquet,
                "this store counts no loads",
            ),
            (Some(9), None, TableFormat::Parquet, "nothing is stored yet"),
            (
                Some(0),
                Some(50_000_000),
                TableFormat::Parquet,
                "not loaded since it was stored",
            ),
            (
                Some(1),
                Some(50_000_000),
                TableFormat::Parquet,
                "loaded once since it was stored",
            ),
            (
                Some(2),
                Some(9_999_999),
                TableFormat::Parquet,
                "loaded 2 times since it was stored, but 10.0 MB are less than 10 MB",
            ),
            (
                Some(2),
                Some(10_000_000),
                TableFormat::Arrow,
                "loaded 2 times since it was stored, 10 MB",
            ),
            (
                Some(5),
                Some(120_400_000),
                TableFormat::Arrow,
                "loaded 5 times since it was stored, 120 MB",
            ),
            (
                Some(5),
                Some(1_000_000_000),
                TableFormat::Arrow,
                "loaded 5 times since it was stored, 1 GB",
            ),
            (
                Some(5),
                Some(1_500_000_000),
                TableFormat::Parquet,
                "loaded 5 times since it was stored, but 1.5 GB are more than 1 GB",
            ),
        ] {
            assert_eq!(of(loads, bytes), (format, because.to_owned()), "{loads:?} {bytes:?}");
        }
        let eager = AutoSettings {
            loads: 1,
            least_bytes: 0,
            ..auto
        };
        let (format, because) = eager.choose(Use {
            loads: Some(1),
            bytes: Some(10),
        });
        assert_eq!(
            (format, because.as_str()),
            (TableFormat::Arrow, "loaded once since it was stored, 10 bytes")
        );
    }

    #[test]
    fn refuses_what_cannot_work() {
        let wrong = |change: fn(&mut AutoSettings)| {
            let mut auto = AutoSettings::default();
            change(&mut auto);
            auto.validate().expect_err("cannot work").kind()
        };
        assert_eq!(wrong(|auto| auto.loads = 0), ErrorKind::InvalidConfig);
        assert_eq!(wrong(|auto| auto.least_bytes = 2_000_000_000), ErrorKind::InvalidConfig);
    }
}
