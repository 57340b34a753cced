//! What the command is asked for.

use std::path::PathBuf;

const USAGE: &str =
    "usage: cargo xtask bench [steps] [budget] [catalog] [tables] [head] [clouds] [postgres] [--quick] [--page FILE]";

/// A part that can be run by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// What a step and a plan cost.
    Steps,
    /// Memory of a graph of large values.
    Budget,
    /// Questions about a million recorded values.
    Catalog,
    /// Lineitem stored and loaded: time and memory.
    Tables,
    /// The first rows of a large table.
    Head,
    /// S3 on loopback.
    Clouds,
    /// PostgreSQL beside psql.
    Postgres,
}

impl Part {
    /// All, in the order in which they run.
    pub(super) const ALL: [Self; 7] = [
        Self::Steps,
        Self::Budget,
        Self::Catalog,
        Self::Tables,
        Self::Head,
        Self::Clouds,
        Self::Postgres,
    ];

    /// As the command line calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Budget => "budget",
            Self::Catalog => "catalog",
            Self::Tables => "tables",
            Self::Head => "head",
            Self::Clouds => "clouds",
            Self::Postgres => "postgres",
        }
    }
}

/// What the command is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    /// In the order in which they run; all when none is named.
    pub(super) parts: Vec<Part>,
    pub(super) quick: bool,
    pub(super) page: PathBuf,
}

impl Arguments {
    /// Reads the words behind `bench`.
    pub(super) fn read(words: &[&str]) -> Result<Self, String> {
        let (mut named, mut quick, mut page) = (Vec::new(), false, None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--quick" => quick = true,
                "--page" => page = Some(PathBuf::from(words.next().ok_or("--page needs a file")?)),
                name => named.push(name),
            }
        }
        if let Some(unknown) = named
            .iter()
            .find(|name| Part::ALL.iter().all(|part| part.name() != **name))
        {
            return Err(format!("there is no part `{unknown}`; {USAGE}"));
        }
        let wanted = |part: &Part| named.is_empty() || named.contains(&part.name());
        Ok(Self {
            parts: Part::ALL.into_iter().filter(wanted).collect(),
            quick,
            // A first look must not take the place of a whole run.
            page: page.unwrap_or_else(|| {
                let name = if quick { "quick.html" } else { "index.html" };
                crate::shell::target().join("bench").join(name)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_what_is_named_and_everything_otherwise() {
        let read = |words: &[&str]| Arguments::read(words).expect("is right");
        assert_eq!(read(&[]).parts, Part::ALL);
        assert_eq!(read(&["head", "--quick", "tables"]).parts, [Part::Tables, Part::Head]);
        assert!(read(&["--quick"]).page.ends_with("bench/quick.html"));
        assert!(read(&["clouds"]).page.ends_with("bench/index.html"));
        assert_eq!(read(&["--page", "x/y.html"]).page, PathBuf::from("x/y.html"));
        let error = Arguments::read(&["table"]).expect_err("is unknown");
        assert!(
            error.contains("no part `table`") && error.contains("[tables]"),
            "{error}"
        );
        Arguments::read(&["--page"]).expect_err("needs a file");
    }
}
