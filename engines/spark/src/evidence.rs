//! The evidence for files that the cluster wrote: what the files say themselves.

use crate::files::absolute;
use crate::write::{File, Written};
use arrow_schema::SchemaRef;
use larder_io_core::{Effect, Error, ErrorKind, Result};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// # Errors
/// `InvalidDefinition` for a path that is not absolute or no text; `AlreadyExists`; `Unsupported` for one that Spark could not read again.
pub(crate) fn fresh(directory: &Path) -> Result<(PathBuf, String)> {
    let refuse = |kind, why: &str| Error::new(kind, format!("Spark cannot write to `{}`: {why}", directory.display()));
    let name = directory
        .to_str()
        .ok_or_else(|| refuse(ErrorKind::InvalidDefinition, "its path is no text"))?;
    let path = PathBuf::from(name.strip_prefix("file://").unwrap_or(name));
    if !path.is_absolute()
        || path
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir))
    {
        absolute(name)?;
        return Err(refuse(
            ErrorKind::InvalidDefinition,
            "it is no absolute path on a file system that this process shares with the cluster",
        ));
    }
    match path.symlink_metadata() {
        Ok(_) => Err(refuse(
            ErrorKind::AlreadyExists,
            "it is there already, and nothing is ever overwritten; take a new directory for each write",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let name = path.to_str().unwrap_or(name).to_owned();
            Ok((path, name))
        }
        Err(error) => Err(refuse(ErrorKind::Unavailable, &error.to_string())
            .with_effect(Effect::None)
            .with_source(error)),
    }
}

pub(crate) fn missing(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message).with_effect(Effect::Unknown)
}

/// What the files say themselves.
pub(crate) fn evidence(directory: &Path) -> Result<Written> {
    let io = |path: &Path, error: std::io::Error| {
        let hint = "do the cluster and this process share this directory?";
        missing(format!(
            "Spark said that it has written, but `{}` cannot be read ({hint}): {error}",
            path.display()
        ))
        .with_source(error)
    };
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| io(directory, error))? {
        let entry = entry.map_err(|error| io(directory, error))?;
        let name = entry.file_name().into_string().map_err(|name| {
            missing(format!(
                "Spark wrote a file that is not its own: {name:?} in `{}`",
                directory.display()
            ))
        })?;
        names.push(name);
    }
    names.sort_unstable();
    if !names.iter().any(|name| name == "_SUCCESS") {
        return Err(missing(format!(
            "Spark said that it has written, but `{}` has no `_SUCCESS`",
            directory.display()
        )));
    }
    // Sums of the local file system, which nobody needs, are hidden files.
    let odd = |name: &&String| {
        !name.starts_with("part-") && *name != "_SUCCESS" && !(name.starts_with('.') && name.ends_with(".crc"))
    };
    if let Some(odd) = names.iter().find(odd) {
        return Err(missing(format!(
            "what Spark wrote to `{}` is not finished, or somebody else writes there: it has `{odd}`",
            directory.display()
        )));
    }
    let mut files = Vec::new();
    let mut schema: Option<SchemaRef> = None;
    for name in names.into_iter().filter(|name| name.starts_with("part-")) {
        let path = directory.join(name);
        let file = std::fs::File::open(&path).map_err(|error| io(&path, error))?;
        file.sync_all().map_err(|error| io(&path, error))?;
        let bytes = file.metadata().map_err(|error| io(&path, error))?.len();
        // Spark's own columns, not those that it tells Arrow: the ones that a reader will see.
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
            .map_err(|error| missing(format!("what Spark wrote is damaged: `{}`: {error}", path.display())))?;
        let columns = Arc::new(arrow_schema::Schema::new(metadata.schema().fields().clone()));
        match &schema {
            Some(first) if *first != columns => {
                return Err(missing(format!(
                    "`{}` has other columns than the files before it",
                    path.display()
                )));
            }
            _ => schema = Some(columns),
        }
        let rows = metadata.metadata().file_metadata().num_rows();
        let rows =
            u64::try_from(rows).map_err(|_| missing(format!("`{}` says that it has {rows} rows", path.display())))?;
        files.push(File { path, bytes, rows });
    }
    std::fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| io(directory, error))?;
    let schema = schema.ok_or_else(|| {
        missing(format!(
            "Spark said that it has written, but `{}` has no file of rows",
            directory.display()
        ))
    })?;
    let rows = files.iter().map(|file| file.rows).sum();
    Ok(Written { files, rows, schema })
}

#[cfg(test)]
mod tests {
    use super::{evidence, fresh};
    use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
    use larder_io_core::{Effect, ErrorKind};
    use std::path::Path;
    use std::sync::Arc;

    fn write(path: &Path, column: ArrayRef) {
        let batch = RecordBatch::try_from_iter([("a", column)]).expect("fits");
        let file = std::fs::File::create(path).expect("is made");
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("begins");
        writer.write(&batch).expect("writes");
        writer.close().expect("ends");
    }

    fn longs(count: i64) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(0..count))
    }

    #[test]
    fn evidence_is_what_the_files_say() {
        let dir = tempfile::tempdir().expect("a folder");
        write(&dir.path().join("part-00001-x.parquet"), longs(2));
        write(&dir.path().join("part-00000-x.parquet"), longs(3));
        std::fs::write(dir.path().join(".part-00000-x.parquet.crc"), b"").expect("is written");
        let told = |dir: &Path| evidence(dir).expect_err("is not enough");
        assert!(told(dir.path()).message().contains("has no `_SUCCESS`"));
        std::fs::write(dir.path().join("_SUCCESS"), b"").expect("is written");
        let written = evidence(dir.path()).expect("is enough");
        assert_eq!(written.rows, 5);
        assert_eq!(written.files.iter().map(|file| file.rows).collect::<Vec<_>>(), [3, 2]);

        std::fs::create_dir(dir.path().join("_temporary")).expect("is made");
        let error = told(dir.path());
        assert!(
            error.message().contains("is not finished") && error.message().contains("`_temporary`"),
            "{error}"
        );
        std::fs::remove_dir(dir.path().join("_temporary")).expect("is removed");

        write(
            &dir.path().join("part-00002-x.parquet"),
            Arc::new(Int32Array::from(vec![1])),
        );
        let error = told(dir.path());
        assert!(error.message().contains("other columns"), "{error}");
        std::fs::write(dir.path().join("part-00002-x.parquet"), b"PAR1").expect("is written");
        let error = told(dir.path());
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::InvalidData, Effect::Unknown)
        );
        assert!(error.message().contains("part-00002"), "{error}");
    }

    #[test]
    fn no_file_and_no_directory_are_no_evidence() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(
            evidence(&dir.path().join("x"))
                .expect_err("is not there")
                .message()
                .contains("share this directory")
        );
        std::fs::write(dir.path().join("_SUCCESS"), b"").expect("is written");
        assert!(
            evidence(dir.path())
                .expect_err("is empty")
                .message()
                .contains("no file of rows")
        );
    }

    #[test]
    fn a_target_is_new_and_absolute() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(
            fresh(dir.path()).expect_err("is there").kind(),
            ErrorKind::AlreadyExists
        );
        let dangling = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).expect("is made");
        assert_eq!(
            fresh(&dangling).expect_err("is a link").kind(),
            ErrorKind::AlreadyExists
        );
        let url = format!("file://{}/x", dir.path().display());
        assert_eq!(fresh(Path::new(&url)).expect("is right").0, dir.path().join("x"));
    }
}
