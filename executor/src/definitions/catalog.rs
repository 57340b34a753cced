//! Where runs are recorded: `larder.db` in the home directory, of a profile `larder-<profile>.db`; or a database of a team.

use super::{Definitions, Pipeline};
use crate::config::Config;
use crate::home;
use larder_catalog::Catalog;
#[cfg(feature = "catalog-postgres")]
use larder_catalog::CatalogOptions;
#[cfg(not(feature = "catalog-postgres"))]
use larder_io_core::{Error, ErrorKind};
use larder_io_core::{Result, Secret};
use std::path::{Path, PathBuf};

/// Where the catalogue is.
#[derive(Clone, Debug, Default)]
pub(super) enum Place {
    /// In the home directory.
    #[default]
    Home,
    File(PathBuf),
    Nowhere,
}

/// The catalogue that a pipeline wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    File(PathBuf),
    /// A URL, which may have a password, and a schema.
    Server(Secret, String),
}

/// What `LARDER_CATALOG` says for no catalogue.
const NOWHERE: &str = "none";

impl Definitions {
    /// Names the catalogue's file; `LARDER_CATALOG`, a file too or the URL of a PostgreSQL database, goes before it. A relative path is below the working directory. Default: `larder.db`
    /// in the home directory, and of a profile `larder-<profile>.db`, because a profile keeps values elsewhere.
    #[must_use]
    pub fn catalog_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.catalog = Place::File(path.into());
        self
    }

    /// Records nothing, whatever `LARDER_CATALOG` says.
    #[must_use]
    pub fn without_catalog(mut self) -> Self {
        self.catalog = Place::Nowhere;
        self
    }

    /// Keeps copies of small values in the catalogue, of objects and of blobs in memory up to so many bytes each; `inline_bytes` of `larder.toml`
    /// goes before it. Default 0: none; most 64 KiB (65,536), which a larger number means too.
    ///
    /// What is loaded is always the value in its I/O manager. The copies are its old versions wherever the manager has none or has removed them: for
    /// `history`, `show --version`, `diff` and `restore`. They stay until `gc` removes what [retention](Self::retention) keeps no longer; without one, they
    /// stay.
    #[must_use]
    pub fn inline_values(mut self, bytes: usize) -> Self {
        self.inline_bytes = bytes.min(crate::config::INLINE_MOST);
        self
    }

    pub(super) fn catalog_place(&self, config: &Config) -> Option<Wanted> {
        if matches!(self.catalog, Place::Nowhere) || self.everything.is_some() {
            return None;
        }
        let here = std::env::current_dir().ok()?;
        if let Some(named) = self.variable(home::CATALOG_VARIABLE) {
            if named == NOWHERE {
                return None;
            }
            if ["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| named.starts_with(scheme))
            {
                // Profiles keep values elsewhere, and mostly share one variable.
                let schema = config
                    .profile
                    .as_ref()
                    .map_or_else(|| "larder".to_owned(), |profile| format!("larder_{profile}"));
                return Some(Wanted::Server(Secret::new(named), schema));
            }
            return Some(Wanted::File(here.join(named)));
        }
        if let Place::File(file) = &self.catalog {
            return Some(Wanted::File(here.join(file)));
        }
        let (home, _) = self.home(config, &here);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = config.profile.as_ref().map_or_else(
            || "larder.db".to_owned(),
            |profile| {
                let mut name = "larder-".to_owned();
                for c in profile.chars() {
                    match plain(c) {
                        true => name.push(c),
                        false => name.push_str(&format!("%{:X}", u32::from(c))),
                    }
                }
                name + ".db"
            },
        );
        Some(Wanted::File(home.join(name)))
    }

    /// The home directory, and the configuration file, also where it is not read.
    fn home(&self, config: &Config, here: &Path) -> (PathBuf, Option<PathBuf>) {
        let file = config.file.clone().or_else(|| home::config_file(here));
        let (home, _) = home::find(self.variable(home::HOME_VARIABLE), file.as_deref(), here);
        (home, file)
    }

    /// Directories that move with the pipeline: its home, and the one of the configuration file.
    pub(super) fn anchors(&self, config: &Config) -> Vec<PathBuf> {
        let Ok(here) = std::env::current_dir() else {
            return Vec::new();
        };
        let (home, file) = self.home(config, &here);
        let beside = file.and_then(|file| Some(here.join(file).parent()?.to_owned()));
        [Some(home), beside].into_iter().flatten().collect()
    }
}

impl Pipeline {
    /// The file that the catalogue is or would be; `None` where none is wanted, and for one on a server. [`Definitions::build`] does not open it.
    pub fn catalog_file(&self) -> Option<&Path> {
        match &self.0.catalog {
            Some(Wanted::File(file)) => Some(file),
            _ => None,
        }
    }

    /// Whether one place is named for the catalogues of both.
    pub(crate) fn shares_catalog_with(&self, other: &Self) -> bool {
        self.0.catalog == other.0.catalog
    }

    /// Opens the catalogue, if one is wanted and none was given; with `create` also where there is none yet. Blocks.
    ///
    /// # Errors
    /// As [`Catalog::open`]; as [`Catalog::connect`](https://docs.rs/larder-catalog) for the URL of a database, which is `InvalidConfig` in a program that
    /// is built without the feature `catalog-postgres`.
    pub fn open_catalog(mut self, create: bool) -> Result<Self> {
        // A branch looks into its parent's, which is none where one is named for all.
        if let Some(parent) = self.2.take() {
            let parent = match self.shares_catalog_with(&parent) {
                true => *parent,
                false => parent.open_catalog(false)?,
            };
            self.2 = Some(Box::new(parent));
        }
        let catalog = match (self.catalog(), &self.0.catalog) {
            (None, Some(Wanted::File(file))) if create || file.is_file() => Some(Catalog::open(file)?),
            (None, Some(Wanted::Server(url, schema))) => connect(url, schema, create)?,
            _ => None,
        };
        Ok(match catalog {
            Some(catalog) => self.with_catalog(catalog),
            None => self,
        })
    }
}

#[cfg(feature = "catalog-postgres")]
fn connect(url: &Secret, schema: &str, create: bool) -> Result<Option<Catalog>> {
    let mut options = CatalogOptions::default();
    options.schema = Some(schema.to_owned());
    match create {
        true => Catalog::connect_with(url.expose(), &options).map(Some),
        false => Catalog::connect_existing(url.expose(), &options),
    }
}

#[cfg(not(feature = "catalog-postgres"))]
fn connect(_: &Secret, _: &str, _: bool) -> Result<Option<Catalog>> {
    let message = "LARDER_CATALOG names a PostgreSQL database, and this program is built without it: add the feature `catalog-postgres` of larder, or name a file";
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variable: &str, profile: Option<&str>) -> Option<Wanted> {
        let definitions = Definitions::new().variables([(home::CATALOG_VARIABLE.to_owned(), variable.to_owned())]);
        let config = Config {
            profile: profile.map(str::to_owned),
            ..Config::default()
        };
        definitions.catalog_place(&config)
    }

    #[test]
    fn a_url_is_a_database_with_a_schema_for_each_profile() {
        for url in ["postgres://me:s3cret@h/d", "postgresql://me:s3cret@h/d"] {
            for (profile, schema) in [
                (None, "larder"),
                (Some("prod"), "larder_prod"),
                (Some("Prod"), "larder_Prod"),
            ] {
                let found = wanted(url, profile);
                assert_eq!(found, Some(Wanted::Server(Secret::new(url), schema.to_owned())));
                assert!(!format!("{found:?}").contains("s3cret"));
            }
        }
        assert!(matches!(wanted("postgres.db", None), Some(Wanted::File(_))));
        assert_eq!(wanted("none", Some("prod")), None);
    }

    /// With the feature, nobody answers; without it, it is told what is missing. Neither has the password.
    #[test]
    fn a_database_that_cannot_be_opened_is_told() {
        let url = "postgres://me:s3cret@127.0.0.1:9/d".to_owned();
        let definitions = Definitions::new().variables([(home::CATALOG_VARIABLE.to_owned(), url)]);
        let pipeline = definitions.build().expect("builds");
        assert_eq!(pipeline.catalog_file(), None);
        for create in [false, true] {
            let error = pipeline.clone().open_catalog(create).expect_err("nobody listens");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
            match cfg!(feature = "catalog-postgres") {
                true => assert!(error.message().contains("me@127.0.0.1:9/d"), "{error}"),
                false => assert!(error.message().contains("`catalog-postgres`"), "{error}"),
            }
        }
    }
}
