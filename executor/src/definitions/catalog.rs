//! Where runs are recorded: `larder.db` in the home directory, of a profile `larder-<profile>.db`.

use super::{Definitions, Pipeline};
use crate::config::Config;
use crate::home;
use larder_catalog::Catalog;
use larder_io_core::Result;
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

/// What `LARDER_CATALOG` says for no catalogue.
const NOWHERE: &str = "none";

impl Definitions {
    /// Names the catalogue's file; `LARDER_CATALOG` goes before it. A relative path is below the working directory. Default: `larder.db`
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

    pub(super) fn catalog_place(&self, config: &Config) -> Option<PathBuf> {
        if matches!(self.catalog, Place::Nowhere) || self.everything.is_some() {
            return None;
        }
        let here = std::env::current_dir().ok()?;
        if let Some(named) = self.variable(home::CATALOG_VARIABLE) {
            return (named != NOWHERE).then(|| here.join(named));
        }
        if let Place::File(file) = &self.catalog {
            return Some(here.join(file));
        }
        let file = config.file.clone().or_else(|| home::config_file(&here));
        let (home, _) = home::find(self.variable(home::HOME_VARIABLE), file.as_deref(), &here);
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
        Some(home.join(name))
    }
}

impl Pipeline {
    /// Where the catalogue is or would be; `None` where none is wanted. [`Definitions::build`] does not open it.
    pub fn catalog_file(&self) -> Option<&Path> {
        self.0.catalog_file.as_deref()
    }

    /// Opens the catalogue, if one is wanted and none was given; with `create` also where there is no file yet. Blocks.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_catalog(mut self, create: bool) -> Result<Self> {
        // A branch looks into its parent's, which is none where one file is named for all.
        if let Some(parent) = self.2.take() {
            let shared = parent.0.catalog_file == self.0.catalog_file;
            let parent = match shared {
                true => *parent,
                false => parent.open_catalog(false)?,
            };
            self.2 = Some(Box::new(parent));
        }
        let file = self.0.catalog_file.as_ref().filter(|file| create || file.is_file());
        match (self.catalog(), file) {
            (None, Some(file)) => {
                let catalog = Catalog::open(file)?;
                Ok(self.with_catalog(catalog))
            }
            _ => Ok(self),
        }
    }
}
