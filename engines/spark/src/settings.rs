//! How to deal with a server.

use larder_io_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a session is given before its settings: what the answer to a query must not depend on.
const DEFAULTS: [(&str, &str); 6] = [
    // `"name"` is a column, as in every other engine, not a text.
    ("spark.sql.ansi.doubleQuotedIdentifiers", "true"),
    // Dates before 1582 are what other readers and writers of Parquet mean by them.
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInWrite", "CORRECTED"),
    // Not the old INT96.
    ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS"),
];

/// What a session is given, whatever the settings say: with other values rows would be lost, or be others, without a word.
const FIXED: [(&str, &str); 6] = [
    // `${env:HOME}` in a query is text.
    ("spark.sql.variable.substitute", "false"),
    ("spark.sql.parser.escapedStringLiterals", "false"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.files.ignoreCorruptFiles", "false"),
    ("spark.sql.files.ignoreMissingFiles", "false"),
];

/// How to deal with a server, and what its sessions are set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one try to reach the server may take; default 10 s.
    pub connect_timeout: Duration,
    /// How often a call is tried that found nobody, or lost its answer, the first time included; default 5. What a query's stream brings
    /// starts the count anew.
    pub tries: u32,
    /// How long the server may say nothing at all of a query, not even that it goes on; default 10 min. Spark tells its progress every 2 s.
    pub idle: Duration,
    /// Settings of Spark for each session, such as `spark.sql.shuffle.partitions`. They are not shown in errors, but the server shows them.
    pub session: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            tries: 5,
            idle: Duration::from_secs(600),
            session: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// What to set in a new session.
    ///
    /// # Errors
    /// `InvalidConfig` for a setting that would change what rows a query gives.
    pub(crate) fn of_session(&self) -> Result<BTreeMap<String, String>> {
        let mut all: BTreeMap<String, String> = DEFAULTS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.extend(self.session.clone());
        for (name, value) in FIXED {
            let given = all.insert(name.to_owned(), value.to_owned());
            if given.is_some_and(|given| !given.eq_ignore_ascii_case(value)) {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!(
                        "`{name}` of a Spark session is always `{value}`, because queries would give other rows; leave it out"
                    ),
                ));
            }
        }
        Ok(all)
    }

    /// How long to wait before a try, the first one being number 1: doubling, with a random share, at most 5 s.
    pub(crate) fn pause(number: u32) -> Duration {
        let full = 100_u64.saturating_mul(1 << number.min(6)).min(5_000);
        Duration::from_millis(full / 2 + fastrand::u64(..=full / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use larder_io_core::ErrorKind;
    use std::time::Duration;

    #[test]
    fn what_rows_depend_on_is_fixed() {
        let mut settings = Settings::default();
        settings
            .session
            .insert("spark.sql.shuffle.partitions".into(), "3".into());
        settings
            .session
            .insert("spark.sql.ansi.doubleQuotedIdentifiers".into(), "false".into());
        settings.session.insert("spark.sql.ansi.enabled".into(), "TRUE".into());
        let all = settings.of_session().expect("is right");
        assert_eq!(all["spark.sql.shuffle.partitions"], "3");
        assert_eq!(all["spark.sql.ansi.doubleQuotedIdentifiers"], "false");
        assert_eq!(all["spark.sql.session.timeZone"], "UTC");
        settings.session.insert("spark.sql.ansi.enabled".into(), "false".into());
        let error = settings.of_session().expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains("`spark.sql.ansi.enabled`"), "{error}");
    }

    #[test]
    fn pauses_grow_and_end() {
        for number in 1..100 {
            let pause = Settings::pause(number);
            assert!(
                pause <= Duration::from_secs(5) && pause >= Duration::from_millis(100),
                "{number}: {pause:?}"
            );
        }
        assert!(Settings::pause(6) > Settings::pause(1));
    }
}
