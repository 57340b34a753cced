//! Byte encodings of the forms, and which of them a manager uses.

mod auto;
mod object;
mod parquet;
mod pickle;
mod whereabouts;
#[cfg(test)]
mod whereabouts_tests;

pub use auto::AutoSettings;
pub(crate) use auto::Use;
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
    /// Parquet, and on local disk Arrow for what is loaded often; large sequences of structs are tables too.
    Auto,
}

impl TableFormat {
    /// The formats in which a value may have been stored, the one that counts where there are several first.
    fn candidates(self) -> &'static [Self] {
        match self {
            Self::Parquet => &[Self::Parquet],
            Self::Arrow => &[Self::Arrow],
            Self::Csv => &[Self::Csv],
            Self::Ndjson => &[Self::Ndjson],
            Self::Avro => &[Self::Avro],
            Self::Auto => &[Self::Parquet, Self::Arrow],
        }
    }

    /// The name, which is the suffix too unless it is `auto`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Avro => "avro",
            Self::Auto => "auto",
        }
    }
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
    /// Structs or maps from which a sequence of them is stored in the table format, so that other programs see rows. Default
    /// never, with [`TableFormat::Auto`] 10,000; 0 is never.
    pub rows_as_table: Option<usize>,
    /// When [`TableFormat::Auto`] keeps a value as Arrow.
    pub auto: AutoSettings,
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
            rows_as_table: None,
            auto: AutoSettings::default(),
            part_bytes: 8 << 20,
            verify: false,
        }
    }
}

/// The suffix of a blob whose asset names none.
pub(crate) const BLOB_SUFFIX: &str = "bin";

/// Structs from which a sequence is a table where the manager chooses formats.
const AUTO_ROWS: usize = 10_000;

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
        self.auto.validate()?;
        self.parquet.validate(self.compression)
    }

    /// Structs from which a sequence is stored as a table; `None` for never.
    pub(crate) fn least_rows(&self) -> Option<usize> {
        let least = match (self.rows_as_table, self.table) {
            (None, TableFormat::Auto) => AUTO_ROWS,
            (given, _) => given.unwrap_or(0),
        };
        (least > 0 && cfg!(feature = "arrow")).then_some(least)
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
        match (form, self.object) {
            (Form::Object, ObjectFormat::Json) => "json",
            (Form::Object, ObjectFormat::Msgpack) => "msgpack",
            (Form::Object, ObjectFormat::Pickle) => "pickle",
            (Form::Table, _) => self.table.name(),
            (Form::Blob, _) => "raw",
            (Form::Nothing, _) => "nothing",
        }
    }

    /// The same with a table format that was chosen, by its name.
    #[cfg(feature = "arrow")]
    pub(crate) fn with_table(mut self, name: &str) -> Self {
        let known = TableFormat::Auto
            .candidates()
            .iter()
            .find(|format| format.name() == name);
        self.table = known.copied().unwrap_or(self.table);
        self
    }

    /// Whether the format of tables is chosen by how they are used.
    pub(crate) fn chooses(&self) -> bool {
        self.table == TableFormat::Auto
    }

    /// Whether a form has several formats, between which its values change.
    pub(crate) fn several(&self) -> bool {
        self.least_rows().is_some() || self.chooses()
    }

    /// The suffixes of a form. Where a value is found at several of them, the first one counts.
    pub(crate) fn suffixes(&self, form: Form, bare: bool, extension: Option<&str>) -> Vec<String> {
        let tables = || self.table.candidates().iter().map(|format| format.name().to_owned());
        match form {
            Form::Blob => vec![extension.unwrap_or(BLOB_SUFFIX).to_owned()],
            Form::Table => tables().collect(),
            Form::Object if bare => vec![BARE.to_owned()],
            Form::Object => {
                let rows = self.least_rows().into_iter().flat_map(|_| tables());
                std::iter::once(self.name(form).to_owned()).chain(rows).collect()
            }
            Form::Nothing => vec![self.name(form).to_owned()],
        }
    }
}

/// The suffix of an Object that has none.
pub(crate) const BARE: &str = "";

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
