//! Executor, backends and formats together, on real processes and readers: what the tests share.
//!
//! Every value here is made of one number, so that a reader can tell from the value alone which store it came from and
//! whether it is whole.

pub mod backfill;
pub mod cloud;
pub mod executors;
mod python;

pub use python::{python, python_file};

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use larder::{AssetKey, AssetValue, Blob, ContentHash, Form, IoManager, OutputContext, Result, Table, Value};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Names of blobs with what is special in URLs, headers and XML; every one is a location of larder's.
pub const ODD: [&str; 9] = [
    "odd/with space",
    "odd/100%",
    "odd/50%2F50%20",
    "odd/date=2024-01-01/a=b",
    "odd/a+b",
    "odd/ünï/日本 😀",
    "odd/what?a=1&b=2",
    "odd/#<tag>;:@,$!'()[]{}|^`\"*",
    "odd/~_-..dots",
];

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Begins at `LARDER_TEST_SEED`, else at the clock; prints the seed, so that a failure can be repeated.
    pub fn printed(test: &str) -> Self {
        let given = std::env::var("LARDER_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let clock = || {
            std::time::UNIX_EPOCH
                .elapsed()
                .map_or(0, |elapsed| elapsed.as_nanos() as u64)
        };
        let seed = given.unwrap_or_else(clock);
        println!("{test}: LARDER_TEST_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next_u64() % limit as u64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `size` bytes that begin with `number` and all follow from it.
pub fn bytes_of(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    bytes.extend_from_slice(&number.to_le_bytes());
    let mut random = Random::new(number);
    while bytes.len() < size {
        bytes.extend_from_slice(&random.next_u64().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// An object that follows from a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbered {
    /// The number.
    pub number: u64,
    /// It again and again, so that a mixture of two shows.
    pub text: String,
}

/// What is stored: one form, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The form.
    pub form: Form,
    /// About so many bytes are stored; 0 means that the number decides: 200 kB to 9 MB.
    pub bytes: usize,
}

impl Kind {
    /// A form, and about so many bytes of it.
    pub fn new(form: Form, bytes: usize) -> Self {
        Self { form, bytes }
    }

    /// Its asset's key, which is also the stem of its location.
    pub fn key(self) -> String {
        format!("values/{}", self.form)
    }

    /// What a manager is told to store one.
    pub fn context(self) -> OutputContext {
        context(&self.key())
    }

    fn size(self, number: u64) -> usize {
        match self.bytes {
            // Half of them small, the rest up to beyond the 8 MiB from which a value is an upload.
            0 if mix(number).is_multiple_of(2) => 200_000 + (mix(number) >> 8) as usize % 200_000,
            0 => 400_000 + (mix(number) >> 8) as usize % 8_600_000,
            bytes => bytes,
        }
    }

    /// The value of a number.
    pub fn make(self, number: u64) -> Value {
        let size = self.size(number);
        match self.form {
            Form::Blob => Blob::from(bytes_of(number, size)).into_value(),
            Form::Table => numbered_table(number, size / 16).into_value(),
            _ => numbered(number, size).into_value(),
        }
    }

    /// The number of a value that was read, which must be whole.
    ///
    /// # Errors
    /// What reading it gives, or what is wrong with it.
    pub async fn number(self, value: Value) -> Result<u64, String> {
        let text = |error: larder::Error| format!("{error:?}");
        let torn = |number: u64| format!("torn: not the value of number {number}");
        match self.form {
            Form::Blob => {
                let bytes = Blob::from_value(value)
                    .await
                    .map_err(text)?
                    .bytes()
                    .await
                    .map_err(text)?;
                let head = bytes.first_chunk::<8>().ok_or("torn: less than 8 bytes")?;
                let number = u64::from_le_bytes(*head);
                let whole = bytes.len() == self.size(number) && bytes == bytes_of(number, bytes.len());
                whole.then_some(number).ok_or_else(|| torn(number))
            }
            Form::Table => {
                let table = Table::from_value(value).await.map_err(text)?;
                let number = table
                    .batches()
                    .iter()
                    .find_map(|batch| Some(int64(batch, 0).values().first()?.cast_unsigned()));
                let number = number.ok_or("torn: no rows")?;
                table_is_whole(&table, number, self.size(number) / 16)
                    .then_some(number)
                    .ok_or_else(|| torn(number))
            }
            _ => {
                let object = Numbered::from_value(value).await.map_err(text)?;
                let number = object.number;
                (object == numbered(number, self.size(number)))
                    .then_some(number)
                    .ok_or_else(|| torn(number))
            }
        }
    }
}

fn numbered(number: u64, size: usize) -> Numbered {
    let once = format!("{number} is the number; ");
    Numbered {
        number,
        text: once.repeat(size / once.len()),
    }
}

fn int64(batch: &RecordBatch, column: usize) -> &Int64Array {
    batch
        .column(column)
        .as_any()
        .downcast_ref()
        .expect("the schema says so")
}

fn numbered_table(number: u64, rows: usize) -> Table {
    let schema = Schema::new(vec![
        Field::new("number", DataType::Int64, false),
        Field::new("random", DataType::Int64, false),
    ]);
    let mut random = Random::new(number);
    let numbers = Int64Array::from(vec![number.cast_signed(); rows]);
    let values: Int64Array = (0..rows).map(|_| Some(random.next_u64().cast_signed())).collect();
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(values)])
        .expect("columns fit")
        .into()
}

fn table_is_whole(table: &Table, number: u64, rows: usize) -> bool {
    let mut random = Random::new(number);
    table.rows() == rows
        && table.batches().iter().all(|batch| {
            int64(batch, 0)
                .values()
                .iter()
                .all(|found| found.cast_unsigned() == number)
                && int64(batch, 1)
                    .values()
                    .iter()
                    .all(|found| found.cast_unsigned() == random.next_u64())
        })
}

/// An asset's key by its text.
pub fn key(text: &str) -> AssetKey {
    text.parse().expect("is a key")
}

/// What a manager is told to store an asset whose location is its key.
pub fn context(key: &str) -> OutputContext {
    OutputContext::new(self::key(key), None, key.parse().expect("is a location"))
}

/// Loads and reads a value to its end, and gives its logical hash; of a table also what a filter and a head give.
///
/// # Errors
/// Whatever the manager gives.
pub async fn read_everything(manager: &dyn IoManager, input: &larder::InputContext) -> Result<Option<ContentHash>> {
    let value = manager.load_input(input).await?;
    match value.form() {
        Form::Table => {
            let table = larder::LazyTable::from_value(value).await?;
            table.head(3).await?;
            table.count().await?;
            let all = table.collect().await?;
            Ok(larder_io_core::table::hash_table(&all).await?.0)
        }
        Form::Blob => Ok(Some(ContentHash::of(&Blob::from_value(value).await?.bytes().await?))),
        _ => {
            serde_json::Value::from_value(value.clone()).await?;
            Ok(Some(larder_io_core::hash::digest_object(&value)?.hash))
        }
    }
}

/// A table of one text column, for small tests.
pub fn texts(values: &[Option<&str>]) -> Table {
    let schema = Schema::new(vec![Field::new("text", DataType::Utf8, true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(StringArray::from(values.to_vec()))]);
    batch.expect("the column fits").into()
}

/// Every file below a directory, relative to it, in order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut open, mut files) = (vec![dir.to_owned()], Vec::new());
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                true => open.push(entry.path()),
                false => files.push(entry.path().strip_prefix(dir).expect("is below").to_owned()),
            }
        }
    }
    files.sort();
    files
}

/// Every published file below a root: all but larder's own.
pub fn published(root: &Path) -> Vec<PathBuf> {
    files(root)
        .into_iter()
        .filter(|file| !file.starts_with(".larder"))
        .collect()
}

/// The most memory this process has had resident, in bytes.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

/// A directory on a file system in memory where there is one, so that thousands of files cost no disk.
pub fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    };
    made.expect("a temporary directory can be made")
}

/// A file system in memory, unmounted in the end. Mounting needs root.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
    _dir: tempfile::TempDir,
}

impl Mounted {
    /// Mounts one of a size, such as `8m`.
    pub fn tmpfs(size: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let at = dir.path().join("small");
        std::fs::create_dir(&at).expect("is made");
        let mounted = Self { at, _dir: dir };
        mounted.mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "larder-test"]);
        mounted
    }

    /// Runs `mount` for it once more, as in `-o remount,ro`.
    pub fn mount(&self, arguments: &[&str]) {
        let status = Command::new("mount").args(arguments).arg(&self.at).status();
        let status = status.expect("mount is there");
        assert!(status.success(), "mounting needs root: {status}");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.at
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// The program of an example of the facade, as `cargo run --example` leaves it beside the tests.
///
/// # Panics
/// When it was not built.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("tests are built into `deps`");
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is not built; run `cargo xtask test`",
        program.display()
    );
    program
}
