//! Settings of local-disk storage.

use crate::record::RecordKeeping;
use crate::store::DurableFs;
use crate::tree::Durability;
use larder_io_core::{Backend, Error, ErrorKind, IoManager, ManagerUrl, Result, Target};
use larder_io_object::{AutoSettings, Compression, ObjectFormat, ObjectIo, ParquetSettings, Settings, TableFormat};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of local-disk storage; as a URL, `file:///data/lake?table=arrow&history=3`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FsConfig {
    /// The root directory; a relative one is below the working directory, or beside the `larder.toml` that has it.
    /// Created at the first write.
    #[serde(skip)]
    pub root: PathBuf,
    /// How objects are encoded: `json` (default), `msgpack`, `pickle`.
    pub object: ObjectFormat,
    /// How tables are encoded: `parquet` (default), `arrow`, `csv`, `ndjson`, `avro`, `auto`.
    pub table: TableFormat,
    /// The codec of Parquet pages: `zstd` (default), `snappy`, `lz4`, `none`.
    pub compression: Compression,
    /// How Parquet files are written.
    pub parquet: ParquetSettings,
    /// Structs or maps from which a sequence of them is stored in the table format. Default never, with `table = "auto"`
    /// 10,000; 0 is never.
    pub rows_as_table: Option<usize>,
    /// When `table = "auto"` keeps a value as Arrow.
    pub auto: AutoSettings,
    /// Versions of each value that are kept, the published one counted. Default 5; 0 and 1 keep none but it.
    pub history: usize,
    /// What an acknowledged write has survived: `fsync` (default) a power cut, `rename` a crash of the process.
    pub durability: Durability,
    /// Whether Arrow and Parquet files are mapped instead of read. Default true, which on Linux means not on NFS, SMB, FUSE, 9P, Ceph and AFS; set false
    /// where other programs change files in place.
    pub mmap: bool,
    /// Where records are kept: `auto` (default), `sidecar`.
    pub records: RecordKeeping,
    /// Whether every load compares the stored hash first. Default false.
    pub verify: bool,
    /// Bytes of one part while writing; bounds memory. Default 1 MiB, range 64 KiB to 1 GiB.
    pub part_bytes: usize,
}

impl Default for FsConfig {
    fn default() -> Self {
        let formats = Settings::default();
        Self {
            root: PathBuf::new(),
            object: formats.object,
            table: formats.table,
            compression: formats.compression,
            parquet: formats.parquet,
            rows_as_table: formats.rows_as_table,
            auto: formats.auto,
            history: 5,
            durability: Durability::default(),
            mmap: true,
            records: RecordKeeping::default(),
            verify: false,
            part_bytes: 1 << 20,
        }
    }
}

impl FsConfig {
    /// Default settings for a root.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            ..Self::default()
        }
    }

    /// Reads the settings of a URL.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or wrong setting, or a URL without a directory.
    pub fn from_url(url: &ManagerUrl) -> Result<Self> {
        if url.address().is_empty() || url.address().starts_with("//") {
            let message =
                format!("in `{url}`: a directory is missing; write `file:///absolute/path` or `file:relative/path`");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let config: Self = url.settings([])?;
        Ok(Self {
            root: url.path(url.address()),
            ..config
        })
    }

    /// Opens the store below the manager.
    ///
    /// # Errors
    /// `InvalidConfig` when the root is there but is not a directory that can be read.
    pub fn open_store(&self) -> Result<DurableFs> {
        if self.root.as_os_str().is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "local-disk storage needs a root directory",
            ));
        }
        DurableFs::with_config(self)
    }

    /// Opens the I/O manager.
    ///
    /// # Errors
    /// As [`FsConfig::open_store`]; `InvalidConfig` for settings that cannot work.
    pub fn open(&self) -> Result<ObjectIo> {
        let store = self.open_store()?;
        let root = store.root().display().to_string();
        ObjectIo::new(SCHEME, &root, Arc::new(store.into_store()), self.settings())
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.object = self.object;
        settings.table = self.table;
        settings.compression = self.compression;
        settings.parquet = self.parquet.clone();
        settings.rows_as_table = self.rows_as_table;
        settings.auto = self.auto;
        settings.part_bytes = self.part_bytes;
        settings.verify = self.verify;
        settings
    }
}

/// The URL scheme.
pub const SCHEME: &str = "file";

#[derive(Debug)]
struct FsBackend;

impl Backend for FsBackend {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn open(&self, url: &ManagerUrl) -> Result<Arc<dyn IoManager>> {
        Ok(Arc::new(FsConfig::from_url(url)?.open()?))
    }

    fn target(&self, url: &ManagerUrl, format: Option<&str>) -> Result<Arc<dyn Target>> {
        crate::target::find(url, format)
    }

    fn schema(&self) -> serde_json::Value {
        schemars::schema_for!(FsConfig).to_value()
    }
}

/// The backend for `Definitions::backend`.
pub fn backend() -> Arc<dyn Backend> {
    Arc::new(FsBackend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_url_and_refuses_what_it_does_not_know() {
        let parse = |text: &str| FsConfig::from_url(&text.parse().expect("is a URL"));
        let config = parse("file:///data/lake?table=arrow&history=3&mmap=false").expect("is valid");
        assert_eq!(
            (config.root.as_path(), config.history, config.mmap),
            (std::path::Path::new("/data/lake"), 3, false)
        );
        assert_eq!(config.table, TableFormat::Arrow);
        for bad in [
            "file:",
            "file:///x?tabel=arrow",
            "file:///x?history=many",
            "file:///x?table=xlsx",
        ] {
            let error = parse(bad).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        }
        let error = parse("file:///x?tabel=arrow").expect_err("is unknown");
        assert_eq!(error.context("setting"), Some("tabel"));
        assert!(error.message().ends_with("did you mean `table`?"), "{error}");
    }

    #[test]
    fn the_schema_knows_every_setting_and_no_wrong_value() {
        let schema = backend().schema();
        assert_eq!(schema["additionalProperties"], false);
        let settings = schema["properties"].as_object().expect("has settings");
        for (name, setting) in settings {
            let values: Vec<String> = match (&setting["oneOf"], setting["type"].as_str()) {
                (serde_json::Value::Array(variants), _) => variants
                    .iter()
                    .map(|variant| variant["const"].as_str().expect("is a name").to_owned())
                    .collect(),
                (_, Some("boolean")) => vec!["true".to_owned()],
                (_, Some("integer")) => vec!["65536".to_owned()],
                _ if ["parquet", "auto", "rows_as_table"].contains(&name.as_str()) => vec!["9".to_owned()],
                other => panic!("{name} is {other:?}"),
            };
            let key = match name.as_str() {
                "parquet" => "parquet.level",
                "auto" => "auto.loads",
                name => name,
            };
            for value in values {
                let url = format!("file:///x?{key}={value}").parse().expect("is a URL");
                FsConfig::from_url(&url).expect("the schema allows it");
            }
            assert!(setting["description"].is_string(), "{name}");
        }
        assert_eq!(settings.len(), 12);
    }
}
