//! Damaged files: 10,000 truncations and bit flips of each format. Without a hash to compare they give an error or
//! other values, never a panic or unbounded memory; with one, an error each time that names the place.

use arrow_array::builder::{ListBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::Int16Type;
use arrow_array::*;
use arrow_schema::{Field, Schema};
use larder::{AssetValue, Blob, ErrorKind, Form, InputContext, IoManager, Table, Value};
use larder_integration_tests::{Random, bytes_of, context, peak_memory, read_everything, scratch};
use larder_io_fs::FsConfig;
use larder_io_object::{Compression, ObjectFormat, ObjectIo, TableFormat};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

const CASES: usize = 10_000;
const MEMORY: u64 = 1 << 30;

/// Panics that the library caught on its own threads.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// Counts panics on the runtime's threads instead of printing them; those of the tests themselves are printed.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
            Some(name) if name.starts_with("tokio") => drop(CAUGHT.fetch_add(1, Ordering::Relaxed)),
            _ => usual(panic),
        }));
    });
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Tuple(i64, String),
    Named { inner: Option<Box<Record>> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    name: String,
    score: f64,
    parts: Vec<Option<i64>>,
    by_name: BTreeMap<String, Shape>,
}

fn record(depth: usize) -> Record {
    let shape = |index: usize| match index % 3 {
        0 => Shape::Unit,
        1 => Shape::Tuple(-(index as i64) << 40, "ü€😀\"\\\n".repeat(index)),
        _ => Shape::Named {
            inner: (depth > 0).then(|| Box::new(record(depth - 1))),
        },
    };
    Record {
        name: format!("record at depth {depth}"),
        score: 0.1 * depth as f64,
        parts: (0..40).map(|n| (n % 7 != 0).then_some(n * n * 1_000_003)).collect(),
        by_name: (0..6).map(|index| (format!("shape {index}"), shape(index))).collect(),
    }
}

fn table() -> Table {
    let rows = 150;
    let mut dictionary = StringDictionaryBuilder::<Int16Type>::new();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        dictionary.append_option((row % 5 != 0).then(|| format!("word {}", row % 11)));
        (0..row % 4).for_each(|item| {
            lists
                .values()
                .append_option((item != 1).then(|| format!("item {item}")))
        });
        lists.append(row % 9 != 0);
    }
    let optional = |row: i64| (row % 3 != 0).then_some(row * 7_919);
    let inner: ArrayRef = Arc::new((0..rows).map(|row| Some(row as f32)).collect::<Float32Array>());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("int", Arc::new((0..rows).map(optional).collect::<Int64Array>())),
        (
            "small",
            Arc::new((0..rows).map(|row| Some((row % 100) as i8)).collect::<Int8Array>()),
        ),
        (
            "float",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(|n| n as f64 / 3.0))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "flag",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(|n| n % 2 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "text",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(|n| format!("text {n} ü")))
                    .collect::<StringArray>(),
            ),
        ),
        (
            "view",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(|n| format!("a view that is long {n}")))
                    .collect::<StringViewArray>(),
            ),
        ),
        (
            "bytes",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(|n| n.to_le_bytes()))
                    .collect::<BinaryArray>(),
            ),
        ),
        (
            "stamp",
            Arc::new(
                (0..rows)
                    .map(optional)
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("Europe/Berlin"),
            ),
        ),
        (
            "decimal",
            Arc::new(
                (0..rows)
                    .map(|row| optional(row).map(i128::from))
                    .collect::<Decimal128Array>(),
            ),
        ),
        ("dictionary", Arc::new(dictionary.finish())),
        ("list", Arc::new(lists.finish())),
        (
            "struct",
            Arc::new(StructArray::from(vec![(
                Arc::new(Field::new("x", inner.data_type().clone(), true)),
                inner,
            )])),
        ),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit");
    Table::new(batch.schema(), vec![batch.slice(0, 100), batch.slice(100, 50)]).expect("one schema")
}

/// The columns that csv has a notation for.
fn without_nested(table: &Table) -> Table {
    let batch = table.to_batch().expect("joins");
    let flat = |index: &usize| !batch.column(*index).data_type().is_nested();
    let columns: Vec<usize> = (0..batch.num_columns()).filter(flat).collect();
    batch.project(&columns).expect("columns are there").into()
}

/// A file as it was stored, and copies of it with damage.
struct Golden {
    root: tempfile::TempDir,
    manager: Arc<ObjectIo>,
    input: InputContext,
    public: PathBuf,
    bytes: Vec<u8>,
    record: Vec<u8>,
}

/// The extended attribute in which a file's receipt is kept.
const ATTRIBUTE: &str = "user.larder";

impl Golden {
    async fn store(name: &str, config: impl FnOnce(&mut FsConfig), value: Value) -> Self {
        quiet();
        let root = scratch();
        let mut settings = FsConfig::new(root.path());
        config(&mut settings);
        let manager = Arc::new(settings.open().expect("opens"));
        let output = context(&format!("damaged/{name}"));
        let receipt = manager.handle_output(&output, &value).await.expect("is stored");
        let public = root.path().join(receipt.location.as_str());
        let bytes = std::fs::read(&public).expect("is there");
        let mut record = vec![0; 64 << 10];
        let length = rustix::fs::getxattr(&public, ATTRIBUTE, &mut record[..]).expect("the receipt is in an attribute");
        record.truncate(length);
        let input = output.to_input(value.form());
        let golden = Self {
            root,
            manager,
            input,
            public,
            bytes,
            record,
        };
        golden.put(&golden.bytes, Some(&golden.record));
        read_everything(golden.manager.as_ref(), &golden.input.clone().verified())
            .await
            .expect("an undamaged copy verifies");
        golden
    }

    /// Puts a new file in the place of the published one; with a receipt, or as a program without larder would.
    fn put(&self, bytes: &[u8], record: Option<&[u8]>) {
        let beside = self.root.path().join("beside");
        std::fs::write(&beside, bytes).expect("is written");
        if let Some(record) = record {
            rustix::fs::setxattr(&beside, ATTRIBUTE, record, rustix::fs::XattrFlags::empty())
                .expect("the attribute is set");
        }
        // A new file each time: readers of the one before may still have it mapped.
        std::fs::rename(&beside, &self.public).expect("is moved");
    }

    /// Reads whatever is there, in a task of its own: a panic that reaches the caller is a failure, and so is no end.
    async fn read(&self, input: InputContext, how: &str) -> larder::Result<()> {
        let manager = Arc::clone(&self.manager);
        let reading = tokio::spawn(async move {
            let value = manager.load_input(&input).await?;
            if value.form() == Form::Object {
                Record::from_value(value.clone()).await?;
            }
            read_everything(manager.as_ref(), &input).await.map(drop)
        });
        let joined = tokio::time::timeout(Duration::from_secs(60), reading)
            .await
            .unwrap_or_else(|_| panic!("{how}: no end"));
        joined.unwrap_or_else(|error| panic!("{how}: a panic came out: {error}"))
    }

    /// Ten thousand damages, each read without a receipt, with one, and verified.
    async fn damage(&self, name: &str) {
        let mut random = Random::printed(name);
        let (mut kinds, mut other_values) = (BTreeMap::<String, usize>::new(), 0);
        let caught = CAUGHT.load(Ordering::Relaxed);
        for case in 0..CASES {
            let (damaged, how) = hurt(&self.bytes, case, &mut random);
            assert_ne!(damaged, self.bytes, "{how}");
            self.put(&damaged, None);
            match self.read(self.input.clone(), &how).await {
                Ok(()) => other_values += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {how}: {error:?}");
                    assert!(!error.message().is_empty(), "{how}");
                    *kinds.entry(short(error.message())).or_default() += 1;
                }
            }
            self.put(&damaged, Some(&self.record));
            if let Err(error) = self.read(self.input.clone(), &how).await {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {how}: {error:?}");
            }
            let error = self.read(self.input.clone().verified(), &how).await.err();
            let error = error.unwrap_or_else(|| panic!("{name}: {how}: damage was not found by its hash"));
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}: {how}: {error:?}");
            assert!(
                error.message().contains(self.input.location.as_str()),
                "{name}: {how}: {error}"
            );
        }
        let caught = CAUGHT.load(Ordering::Relaxed) - caught;
        println!(
            "{name}: {} bytes, {CASES} damages: {other_values} gave other values, {} an error of {} sorts; verified: {CASES} errors; \
             about {caught} panics of libraries caught inside; peak memory {} MiB",
            self.bytes.len(),
            CASES - other_values,
            kinds.len(),
            peak_memory() >> 20
        );
        assert!(peak_memory() < MEMORY, "{name}: {} bytes were resident", peak_memory());
    }
}

fn short(message: &str) -> String {
    message.chars().filter(|c| !c.is_ascii_digit()).take(70).collect()
}

/// A truncation, or one or a few changed bits, or a word of extreme value; the ends of a file are hit more often.
fn hurt(bytes: &[u8], case: usize, random: &mut Random) -> (Vec<u8>, String) {
    if case.is_multiple_of(3) {
        let length = if case < 300 {
            bytes.len() - 1 - case / 3
        } else {
            random.below(bytes.len())
        };
        return (bytes[..length].to_vec(), format!("cut to {length} bytes"));
    }
    let mut damaged = bytes.to_vec();
    let position = |random: &mut Random| match random.below(4) {
        0 => bytes.len() - 1 - random.below((bytes.len() / 4).max(1)),
        1 => random.below(64.min(bytes.len())),
        _ => random.below(bytes.len()),
    };
    let mut changes = Vec::new();
    if case % 3 == 1 || bytes.len() < 8 {
        for _ in 0..[1, 1, 1, 2, 8][random.below(5)] {
            let (at, bit) = (position(random), random.below(8));
            damaged[at] ^= 1 << bit;
            changes.push(format!("{at}.{bit}"));
        }
    } else {
        let at = position(random).min(bytes.len() - 8);
        let words: [u64; 6] = [0, u64::MAX, 1 << 63, 0x7fff_ffff, 1 << 31, 1 << 40];
        let (word, width) = (words[random.below(words.len())], [1, 2, 4, 8][random.below(4)]);
        damaged[at..at + width].copy_from_slice(&word.to_le_bytes()[..width]);
        changes.push(format!("{at} = {word:#x} in {width}"));
    }
    if damaged == bytes {
        let at = position(random);
        damaged[at] ^= 0x10;
        changes.push(format!("{at}.4"));
    }
    (damaged, format!("bits {}", changes.join(", ")))
}

macro_rules! formats {
    ($($name:ident: $config:expr, $value:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let golden = Golden::store(stringify!($name), $config, $value).await;
            golden.damage(stringify!($name)).await;
        }
    )*};
}
formats! {
    json: |_| {}, record(2).into_value();
    pickle: |config| config.object = ObjectFormat::Pickle, record(2).into_value();
    msgpack: |config| config.object = ObjectFormat::Msgpack, record(2).into_value();
    parquet: |_| {}, table().into_value();
    parquet_without_compression: |config| config.compression = Compression::None, table().into_value();
    arrow_read: |config| { config.table = TableFormat::Arrow; config.mmap = false; }, table().into_value();
    arrow_by_memory_map: |config| config.table = TableFormat::Arrow, table().into_value();
    csv: |config| config.table = TableFormat::Csv, without_nested(&table()).into_value();
    ndjson: |config| config.table = TableFormat::Ndjson, table().into_value();
    avro: |config| config.table = TableFormat::Avro, table().into_value();
    raw: |_| {}, Blob::from(bytes_of(1, 5_000)).into_value();
}

/// The receipt itself may be damaged: never a panic, and verified never another value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts() {
    let golden = Golden::store("receipts", |_| {}, record(0).into_value()).await;
    let mut random = Random::printed("receipts");
    let other = bytes_of(2, golden.bytes.len());
    let (mut read, mut refused) = (0, 0);
    for case in 0..2_000 {
        let (record, how) = hurt(&golden.record, case, &mut random);
        golden.put(&golden.bytes, Some(&record));
        match golden.read(golden.input.clone(), &how).await {
            Ok(()) => read += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{how}: {error:?}");
                refused += 1;
            }
        }
        golden
            .manager
            .head(&golden.input)
            .await
            .map(drop)
            .unwrap_or_else(|error| assert_eq!(error.kind(), ErrorKind::InvalidData, "{how}"));
        golden.put(&other, Some(&record));
        golden
            .read(golden.input.clone().verified(), &how)
            .await
            .expect_err("other bytes do not verify");
    }
    println!("receipts: 2000 damages of a receipt: {read} values read, {refused} refused");
}
