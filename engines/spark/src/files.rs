//! Files as a view.

use crate::sql::relation;
use crate::types::spark_schema;
use arrow_schema::SchemaRef;
use larder_io_core::{Error, ErrorKind, Result};
use spark_connect_proto as proto;
use std::collections::{BTreeMap, HashMap};

/// Files that the cluster reads. It must reach them under the same paths, on each of its machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    format: String,
    paths: Vec<String>,
    base: Option<String>,
    schema: Option<SchemaRef>,
    options: BTreeMap<String, String>,
}

impl Files {
    /// Parquet files, or folders of them: absolute paths, or addresses such as `s3a://bucket/key`. Each letter of them is meant as it is, `*` too.
    pub fn parquet<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::of("parquet", paths)
    }

    /// Files of another of Spark's formats: `csv`, `orc`, `json`, or what a package on the cluster adds, such as `delta`.
    pub fn of<P: Into<String>>(format: impl Into<String>, paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            format: format.into(),
            paths: paths.into_iter().map(Into::into).collect(),
            base: None,
            schema: None,
            options: BTreeMap::new(),
        }
    }

    /// The folder below which folders such as `date=2024-01-01` are columns.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// The columns, those of folders last. Without them Spark takes them from one of the files, and guesses the types of those of folders; a column that a file
    /// does not have is null in its rows.
    #[must_use]
    pub fn with_schema(mut self, schema: SchemaRef) -> Self {
        self.schema = Some(schema);
        self
    }

    /// An option of the format, such as `header` of `csv`.
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }

    /// # Errors
    /// `InvalidDefinition` and `Unsupported` for paths and columns that Spark would read as something else, or not at all.
    pub(crate) fn relation(&self) -> Result<proto::Relation> {
        self.paths.iter().try_for_each(|path| visible(path))?;
        self.relation_of_any()
    }

    /// The same for folders, whose own names may be hidden ones.
    pub(crate) fn relation_of_any(&self) -> Result<proto::Relation> {
        let mut options: HashMap<String, String> = self.options.clone().into_iter().collect();
        if let Some(base) = &self.base {
            absolute(base)?;
            options.insert("basePath".to_owned(), base.clone());
        }
        if self.paths.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidDefinition,
                "a view of files has no path; Spark knows no table without files",
            ));
        }
        let paths = self.paths.iter().map(|path| literal(path)).collect::<Result<_>>()?;
        let source = proto::read::DataSource {
            format: Some(self.format.clone()),
            schema: self.schema.as_ref().map(|schema| spark_schema(schema)).transpose()?,
            options,
            paths,
            ..Default::default()
        };
        let read = proto::Read {
            is_streaming: false,
            read_type: Some(proto::read::ReadType::DataSource(source)),
        };
        Ok(relation(proto::relation::RelType::Read(read)))
    }
}

/// # Errors
/// `InvalidDefinition` for a path that each machine would look for elsewhere.
pub(crate) fn absolute(path: &str) -> Result<()> {
    let address = path.split_once(":/").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    });
    match path.starts_with('/') || address {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::InvalidDefinition,
            format!("`{path}` is no absolute path, so that each machine of the cluster would look elsewhere"),
        )),
    }
}

/// # Errors
/// `Unsupported` for what Spark would leave out without a word.
fn visible(path: &str) -> Result<()> {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.starts_with('.') || (name.starts_with('_') && !name.contains('=')) || name.ends_with("._COPYING_") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("Spark reads no file whose name begins with `.` or `_`, and says nothing: `{path}`"),
        ));
    }
    Ok(())
}

/// A path that Spark takes as it is, not as a pattern.
fn literal(path: &str) -> Result<String> {
    absolute(path)?;
    if path.contains('\\') {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("Spark reads no path with a backslash in it: `{path}`"),
        ));
    }
    let mut out = String::with_capacity(path.len());
    for letter in path.chars() {
        if "*?[]{}".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{literal, visible};
    use larder_io_core::ErrorKind;

    #[test]
    fn paths_are_no_patterns() {
        assert_eq!(
            literal("/a/b*[c]{d}?.parquet").expect("is right"),
            r"/a/b\*\[c\]\{d\}\?.parquet"
        );
        assert_eq!(
            literal("s3a://bucket/date=1/").expect("is right"),
            "s3a://bucket/date=1/"
        );
        visible("/a/_x=1").expect("is right");
        for (path, kind) in [
            ("a/b.parquet", ErrorKind::InvalidDefinition),
            ("", ErrorKind::InvalidDefinition),
            ("/a/.b.parquet", ErrorKind::Unsupported),
            ("/a/_b.parquet", ErrorKind::Unsupported),
            ("/a/_b/", ErrorKind::Unsupported),
            (r"/a\b", ErrorKind::Unsupported),
        ] {
            let error = literal(path).and_then(|_| visible(path)).expect_err(path);
            assert_eq!(error.kind(), kind, "{path}");
        }
    }
}
