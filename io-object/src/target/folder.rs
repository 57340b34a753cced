//! All files of a folder.

#[cfg(feature = "arrow")]
mod source;

use super::ObjectTarget;
use super::format::Kind;
use super::store::FileFacts;
use futures_util::stream::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Form, Result, TargetFacts, Value, Version};
use object_store::path::Path;

/// Files of one folder at most: their names are held in memory.
const MOST_FILES: usize = 100_000;
/// Files whose footers are read to count the rows; of more files the rows stay unknown.
#[cfg(feature = "arrow")]
const COUNTED_FILES: usize = 64;

/// The files of a folder, by name.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) files: Vec<FileFacts>,
    version: Version,
    /// What earlier releases made of the same files, where that is another text.
    former: Option<Version>,
    format: Option<Kind>,
}

impl Listed {
    pub(super) fn facts(&self) -> TargetFacts {
        let mut facts = TargetFacts::default();
        facts.version = Some(self.version.clone());
        facts.bytes = Some(self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add));
        facts.files = Some(self.files.len() as u64);
        let modified = self.files.iter().map(|file| file.modified_millis).max();
        facts.modified = modified.and_then(|modified| jiff::Timestamp::from_millisecond(modified).ok());
        // The suffix of files that are no tables says nothing of the folder.
        facts.format = self
            .format
            .as_ref()
            .filter(|kind| matches!(kind, Kind::Table(_)))
            .and_then(Kind::name);
        facts
    }
}

/// Whether a name in a folder is one that readers of folders leave out: `_SUCCESS`, `_delta_log`, `.crc`, `.larder`.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

/// The folder that a table of Delta has beside its files.
const DELTA_LOG: &str = "_delta_log";

/// The error of a folder that is a table: some of its files may be of older versions.
pub fn table_of_delta(shown: &str) -> Error {
    let message = format!(
        "`{shown}` holds a table of Delta, whose files are not all part of it; point to the table, with `delta+` before the scheme"
    );
    Error::new(ErrorKind::InvalidData, message)
}

impl ObjectTarget {
    pub(super) async fn listed(&self) -> Result<Listed> {
        let (mut files, mut entries) = (Vec::new(), self.store.list(&self.path));
        while let Some(file) = entries.try_next().await? {
            let name = below(&self.path, &file.path);
            if name.split('/').any(|part| part == DELTA_LOG) {
                return Err(table_of_delta(&self.shown));
            }
            let marks_a_folder = file.bytes == 0 && !name.rsplit('/').next().unwrap_or_default().contains('.');
            if marks_a_folder || name.split('/').any(is_hidden) {
                continue;
            }
            if files.len() == MOST_FILES {
                let message = format!(
                    "`{}` has more than {MOST_FILES} files; point to folders in it, or keep them as a table of Delta",
                    self.shown
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            files.push(file);
        }
        if files.is_empty() {
            return Err(self.empty().await);
        }
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let former = |file: &FileFacts| file.former.clone().unwrap_or_else(|| file.version.clone());
        let has_former = files.iter().any(|file| file.former.is_some());
        let format = self.format.clone().or_else(|| one_format(&files));
        Ok(Listed {
            version: self.version_by(&files, |file| file.version.clone()),
            former: has_former.then(|| self.version_by(&files, former)),
            files,
            format,
        })
    }

    /// A hash of names and versions.
    fn version_by(&self, files: &[FileFacts], version: impl Fn(&FileFacts) -> String) -> Version {
        let mut hasher = blake3::Hasher::new();
        for file in files {
            for text in [below(&self.path, &file.path), version(file)] {
                // With their lengths, so that no two lists of names and versions are the same bytes.
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        Version::from_text(hasher.finalize().to_hex().as_str()[..32].to_owned())
    }

    /// The error of a folder without files, which may be a file.
    async fn empty(&self) -> Error {
        let is_file = !self.path.as_ref().is_empty()
            && self
                .store
                .open(&self.path, crate::store::Purpose::Receipt)
                .await
                .is_ok();
        let message = match is_file {
            true => format!(
                "`{}` is a file and no folder; point to it without the slash",
                self.shown
            ),
            false => format!("there is no file in `{}`; check the address", self.shown),
        };
        Error::new(ErrorKind::NotFound, message)
    }

    async fn wanted(&self, version: Option<&Version>) -> Result<Listed> {
        let listed = self.listed().await?;
        if version.is_none() || version != listed.former.as_ref() {
            self.is_wanted(version, &listed.version)?;
        }
        Ok(listed)
    }

    pub(super) async fn describe_folder(&self, version: Option<&Version>) -> Result<TargetFacts> {
        let listed = self.wanted(version).await?;
        #[cfg(feature = "arrow")]
        if let Some(Kind::Table(format @ ("parquet" | "arrow"))) = listed.format {
            let mut facts = listed.facts();
            let source = source::FolderSource::open(self, listed, format).await?;
            facts.schema = Some(larder_io_core::TableSource::schema(&source));
            facts.rows = source.count(COUNTED_FILES).await?;
            return Ok(facts);
        }
        Ok(listed.facts())
    }

    pub(super) async fn open_folder(&self, form: Form, version: Option<&Version>) -> Result<Value> {
        let listed = self.wanted(version).await?;
        match form {
            #[cfg(feature = "arrow")]
            Form::Table => {
                let Some(format) = &listed.format else {
                    return Err(self.several_formats(&listed));
                };
                let format = format.table(&self.shown)?;
                let source = source::FolderSource::open(self, listed, format).await?;
                Ok(Value::Table(std::sync::Arc::new(source)))
            }
            other => Err(self.no_such_form(other)),
        }
    }

    #[cfg(feature = "arrow")]
    fn several_formats(&self, listed: &Listed) -> Error {
        let mut names: Vec<String> = Vec::new();
        for file in &listed.files {
            let name = file.path.filename().unwrap_or_default();
            let suffix = name.rsplit_once('.').map_or("none", |(_, suffix)| suffix);
            let suffix: String = suffix.chars().take(20).flat_map(char::escape_debug).collect();
            if !names.contains(&suffix) && names.len() < 5 {
                names.push(suffix);
            }
        }
        let message = format!(
            "the files of `{}` are of several formats by their suffixes: {}; say `.with_format(..)` of the reference, or point to a folder of one format",
            self.shown,
            names.join(", ")
        );
        Error::new(ErrorKind::Unsupported, message)
    }
}

/// The format that all files have.
fn one_format(files: &[FileFacts]) -> Option<Kind> {
    let first = Kind::of_path(&files.first()?.path);
    files
        .iter()
        .all(|file| Kind::of_path(&file.path) == first)
        .then_some(first)
}

/// The name of a file below its folder.
fn below(folder: &Path, file: &Path) -> String {
    let names = file.prefix_match(folder);
    names.map_or_else(
        || file.to_string(),
        |parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
    )
}
