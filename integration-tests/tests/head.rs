//! A few rows of a large table are a small read: the store counts what it sends of a Parquet file of 10 GB, alone and in a Delta table.

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use larder::{AssetValue, Form, InputContext, IoManager, LazyTable, col};
use larder_integration_tests::Random;
use larder_io_delta::DeltaConfig;
use larder_io_object::ObjectIo;
use larder_io_object::files::Ground;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter};
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const FILE_BYTES: u64 = 10_000_000_000;
const MOST_SENT: u64 = 20_000_000;
const ROWS: i64 = 16_384;

const FILE: &str = "large.parquet";
const LOG: &str = "large.delta/_delta_log/00000000000000000000.json";

/// One file: real bytes at its beginning and end, and nothing that anybody asks for between. The log of a Delta table names it too.
#[derive(Clone)]
struct Large {
    begin: Bytes,
    end: Bytes,
    log: Bytes,
    sent: Arc<AtomicU64>,
}

/// The log of a table of one file, as any writer leaves it.
fn log(rows: i64) -> Bytes {
    let field = |name, kind| json!({ "name": name, "type": kind, "nullable": false, "metadata": {} });
    let schema = json!({ "type": "struct", "fields": [field("id", "long"), field("payload", "binary")] });
    let stats = json!({ "numRecords": rows, "minValues": { "id": 0 }, "maxValues": { "id": ROWS - 1 }, "nullCount": { "id": 0, "payload": 0 } });
    let actions = [
        json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }),
        json!({ "metaData": {
            "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
            "format": { "provider": "parquet", "options": {} },
            "schemaString": schema.to_string(),
            "partitionColumns": [],
            "configuration": {},
        } }),
        json!({ "add": {
            "path": FILE,
            "partitionValues": {},
            "size": FILE_BYTES,
            "modificationTime": 0,
            "dataChange": true,
            "stats": stats.to_string(),
        } }),
    ];
    let lines: Vec<String> = actions.iter().map(ToString::to_string).collect();
    lines.join("\n").into()
}

impl fmt::Debug for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Large")
    }
}

impl fmt::Display for Large {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Large")
    }
}

impl Large {
    /// A row group of 16 MiB that does not compress, and a footer that has it 600 times.
    fn new() -> Self {
        let mut random = Random::new(7);
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
        let noise: Vec<u8> = (0..ROWS as usize * 128)
            .flat_map(|_| random.next_u64().to_le_bytes())
            .collect();
        let payload: ArrayRef = Arc::new(BinaryArray::from_iter_values(noise.chunks_exact(1024)));
        let batch = RecordBatch::try_from_iter([("id", ids), ("payload", payload)]).expect("fits");
        let mut begin = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut begin, batch.schema(), None).expect("begins");
        writer.write(&batch).expect("writes");
        let metadata = writer.close().expect("closes");
        let group = metadata.row_group(0).clone();
        let count = FILE_BYTES.div_ceil(group.compressed_size() as u64) as usize;
        let file = metadata.file_metadata();
        let file = parquet::file::metadata::FileMetaData::new(
            file.version(),
            ROWS * count as i64,
            file.created_by().map(str::to_owned),
            file.key_value_metadata().cloned(),
            file.schema_descr_ptr(),
            file.column_orders().cloned(),
        );
        let log = log(file.num_rows());
        let metadata = ParquetMetaData::new(file, vec![group; count]);
        let mut end = Vec::new();
        ParquetMetaDataWriter::new(&mut end, &metadata)
            .finish()
            .expect("is written");
        Self {
            begin: begin.into(),
            end: end.into(),
            log,
            sent: Arc::default(),
        }
    }

    fn bytes(&self, start: u64, end: u64) -> Bytes {
        let footer = FILE_BYTES - self.end.len() as u64;
        let mut bytes = vec![0; (end - start) as usize];
        for (part, at) in [(&self.begin, 0), (&self.end, footer)] {
            let (from, to) = (start.max(at), end.min(at + part.len() as u64));
            if from < to {
                bytes[(from - start) as usize..(to - start) as usize]
                    .copy_from_slice(&part[(from - at) as usize..(to - at) as usize]);
            }
        }
        bytes.into()
    }
}

fn meta(location: Path, size: u64) -> ObjectMeta {
    ObjectMeta {
        location,
        last_modified: Default::default(),
        size,
        e_tag: Some("\"large\"".to_owned()),
        version: None,
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::NotImplemented {
        operation: "anything but reading".to_owned(),
        implementer: "Large".to_owned(),
    })
}

#[async_trait]
impl ObjectStore for Large {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        unsupported()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unsupported()
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_log = location.as_ref() == LOG;
        if !(is_log || location.filename() == Some(FILE)) {
            let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(Error::NotFound {
                path: location.to_string(),
                source: Box::new(missing),
            });
        }
        let size = if is_log { self.log.len() as u64 } else { FILE_BYTES };
        let range = match &options.range {
            Some(range) => range.as_range(size).expect("is within the file"),
            None => 0..size,
        };
        let wanted = if options.head { 0 } else { range.end - range.start };
        let sent = self.sent.fetch_add(wanted, Ordering::Relaxed) + wanted;
        assert!(sent < FILE_BYTES / 2, "half of the file is read");
        let bytes = match is_log {
            true => self.log.slice(range.start as usize..(range.start + wanted) as usize),
            false => self.bytes(range.start, range.start + wanted),
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed()),
            meta: meta(location.clone(), size),
            range,
            attributes: Attributes::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| unsupported()).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let log = Path::from(LOG);
        let wanted = prefix.is_none_or(|prefix| log.prefix_matches(prefix));
        let found = wanted.then(|| Ok(meta(log, self.log.len() as u64)));
        stream::iter(found).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unsupported()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unsupported()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_rows_of_10_gb_are_a_small_read() {
    let store = Large::new();
    let manager = ObjectIo::plain("large", "large:", Arc::new(store.clone())).expect("opens");
    small_reads(&store, &manager).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_rows_of_10_gb_in_a_delta_table_are_a_small_read() {
    let store = Large::new();
    let ground = Ground::new(Arc::new(store.clone()), "large:");
    small_reads(&store, &DeltaConfig::default().open(ground).expect("opens")).await;
}

async fn small_reads(store: &Large, manager: &dyn IoManager) {
    let input = InputContext::new(
        "large".parse().expect("is a key"),
        None,
        "large".parse().expect("is a location"),
    );
    let load = async || {
        store.sent.store(0, Ordering::Relaxed);
        let value = manager
            .load_input(&input.clone().with_form(Form::Table))
            .await
            .expect("is there");
        LazyTable::from_value(value).await.expect("is a table")
    };
    let sent = |what: &str, began: Instant| {
        let sent = store.sent.load(Ordering::Relaxed);
        println!(
            "{what}: {sent} bytes of {FILE_BYTES} were sent, in {:?}",
            began.elapsed()
        );
        assert!(sent < MOST_SENT, "{what}: {sent} bytes were sent");
    };
    let began = Instant::now();
    let rows = load().await.head(10).await.expect("reads");
    assert_eq!((rows.rows(), rows.schema().fields().len()), (10, 2));
    sent("head(10)", began);

    let began = Instant::now();
    let rows = load()
        .await
        .select(["id"])
        .expect("is there")
        .head(10)
        .await
        .expect("reads");
    assert_eq!(rows.rows(), 10);
    sent("head(10) of one column", began);

    let began = Instant::now();
    let none = load()
        .await
        .filter(col("id").eq(-1_i64))
        .expect("fits")
        .count()
        .await
        .expect("counts");
    assert_eq!(none, 0);
    sent("a filter that no row group fits", began);

    let began = Instant::now();
    let table = load().await;
    assert!(table.count().await.expect("counts") > 9_000_000);
    sent("count", began);
}
