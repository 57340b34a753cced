//! Byte encodings of the forms, and which of them a manager uses.

mod object;
mod parquet;
mod pickle;

pub(crate) use object::{EncodedObject, encode};
pub use parquet::{ParquetSettings, ParquetStatistics};

use larder_io_core::{Error, ErrorKind, Form, Forms, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How objects are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ObjectFormat {
    /// JSON: readable everywhere; refuses NaN, infinities and nested options, which it cannot keep.
    #[default]
    Json,
    /// MessagePack with named fields: smaller, keeps NaN.
    Msgpack,
    /// Python's pickle of plain data, for programs in Python; its own types are in [`larder_io_core::python`]. Reading runs
    /// nothing of it.
    Pickle,
}

/// How tables are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TableFormat {
    /// Parquet: small, read by everything.
    #[default]
    Parquet,
    /// Arrow IPC files: written and loaded at the speed of memory, by memory map on local disk.
    Arrow,
    /// csv with a header: read by everything; nested columns are refused. Types are kept in the receipt.
    Csv,
    /// One JSON object for each line; refuses NaN and infinities. Types are kept in the receipt.
    Ndjson,
    /// Avro object container files, compressed by deflate. Types are kept in the receipt.
    Avro,
}

/// The codec of Parquet pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Compression {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// None.
    None,
}

/// Settings of an [`ObjectIo`](crate::ObjectIo).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How objects are encoded. Default json.
    pub object: ObjectFormat,
    /// How tables are encoded. Default parquet.
    pub table: TableFormat,
    /// The codec of Parquet pages. Default zstd (level 1).
    pub compression: Compression,
    /// How Parquet files are written.
    pub parquet: ParquetSettings,
    /// Bytes of one part of an upload; smaller values are one put. Default 8 MiB, range 64 KiB to 1 GiB; S3
    /// takes no part under 5 MiB but the last.
    pub part_bytes: usize,
    /// Whether every load compares the stored hash first, which reads the value twice. Default false.
    pub verify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            object: ObjectFormat::default(),
            table: TableFormat::default(),
            compression: Compression::default(),
            parquet: ParquetSettings::default(),
            part_bytes: 8 << 20,
            verify: false,
        }
    }
}

/// The suffix of a blob whose asset names none.
pub(crate) const BLOB_SUFFIX: &str = "bin";

impl Settings {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn validate(&self) -> Result<()> {
        let wrong = |problem: String| Err(Error::new(ErrorKind::InvalidConfig, problem));
        if self.part_bytes < 64 << 10 || self.part_bytes > 1 << 30 {
            return wrong(format!(
                "part_bytes is {}, it must be between 64 KiB (65536) and 1 GiB",
                self.part_bytes
            ));
        }
        self.parquet.validate(self.compression)
    }

    /// The forms that can be stored.
    pub(crate) fn forms() -> Forms {
        let table = cfg!(feature = "arrow").then_some(Form::Table);
        Forms::of([Form::Object, Form::Blob].into_iter().chain(table))
    }

    /// Form and format name, for messages.
    pub(crate) fn formats(&self) -> Vec<(&'static str, String)> {
        let mut formats = vec![
            ("object", self.name(Form::Object).to_owned()),
            ("blob", "raw".to_owned()),
        ];
        if cfg!(feature = "arrow") {
            formats.push(("table", self.name(Form::Table).to_owned()));
        }
        formats
    }

    /// The format's name for a form.
    pub(crate) fn name(&self, form: Form) -> &'static str {
        match (form, self.object, self.table) {
            (Form::Object, ObjectFormat::Json, _) => "json",
            (Form::Object, ObjectFormat::Msgpack, _) => "msgpack",
            (Form::Object, ObjectFormat::Pickle, _) => "pickle",
            (Form::Table, _, TableFormat::Parquet) => "parquet",
            (Form::Table, _, TableFormat::Arrow) => "arrow",
            (Form::Table, _, TableFormat::Csv) => "csv",
            (Form::Table, _, TableFormat::Ndjson) => "ndjson",
            (Form::Table, _, TableFormat::Avro) => "avro",
            (Form::Blob, ..) => "raw",
            (Form::Nothing, ..) => "nothing",
        }
    }

    /// The suffix for a form.
    pub(crate) fn suffix<'a>(&self, form: Form, extension: Option<&'a str>) -> &'a str {
        match form {
            Form::Blob => extension.unwrap_or(BLOB_SUFFIX),
            other => self.name(other),
        }
    }
}

/// What a suffix stands for: form and format. Any other suffix is a blob's.
pub(crate) fn of_suffix(suffix: &str) -> (Form, &'static str) {
    match suffix {
        "json" => (Form::Object, "json"),
        "msgpack" => (Form::Object, "msgpack"),
        // Without a suffix it is one too, where a layout has bare names.
        "pickle" | "" => (Form::Object, "pickle"),
        "parquet" => (Form::Table, "parquet"),
        "arrow" => (Form::Table, "arrow"),
        "csv" => (Form::Table, "csv"),
        "ndjson" => (Form::Table, "ndjson"),
        "avro" => (Form::Table, "avro"),
        _ => (Form::Blob, "raw"),
    }
}

/// Suffixes that are formats of objects and tables.
pub(crate) const FORMAT_SUFFIXES: [&str; 8] =
    ["json", "msgpack", "pickle", "parquet", "arrow", "csv", "ndjson", "avro"];
