//! Which code an asset was computed by.

/// Which code an asset was computed by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeVersion {
    /// A hash of the function's tokens, and of what it names in `uses(..)`.
    Tokens {
        /// The function's own hash.
        own: &'static str,
        /// Name and hash of what it uses.
        uses: Vec<(&'static str, &'static str)>,
    },
    /// Given by hand.
    Manual(String),
    /// A hash of a query: of its text without comments and blanks, its parameters and declared columns, and its engine.
    Query(String),
    /// Nobody knows: an asset written without the attribute and without a version.
    Unknown,
}

impl CodeVersion {
    /// A hash of tokens, as the attribute makes it.
    pub fn tokens(own: &'static str, uses: &[(&'static str, &'static str)]) -> Self {
        Self::Tokens {
            own,
            uses: uses.to_vec(),
        }
    }

    /// A version by hand.
    pub fn manual(version: impl Into<String>) -> Self {
        Self::Manual(version.into())
    }

    /// The text that is stored with a value; `None` when unknown.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Manual(version) | Self::Query(version) => Some(version.clone()),
            Self::Unknown => None,
            Self::Tokens { own, uses } if uses.is_empty() => Some((*own).to_owned()),
            Self::Tokens { own, uses } => {
                let all = uses
                    .iter()
                    .fold((*own).to_owned(), |all, (name, hash)| format!("{all},{name}={hash}"));
                Some(larder_io_core::ContentHash::of(all.as_bytes()).to_string()[..16].to_owned())
            }
        }
    }

    /// What the version covers, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Manual(version) => format!("`{version}`, given by hand"),
            Self::Query(hash) => format!("{hash}, a hash of the query, its parameters, columns and engine"),
            Self::Unknown => "unknown: the asset was written without `#[asset]` and without a code version".to_owned(),
            Self::Tokens { uses, .. } => {
                let used: Vec<&str> = uses.iter().map(|(name, _)| *name).collect();
                let covers = if used.is_empty() {
                    String::new()
                } else {
                    format!(" and of {}", used.join(", "))
                };
                format!(
                    "{}, a hash of the function's tokens{covers}",
                    self.text().unwrap_or_default()
                )
            }
        }
    }
}
