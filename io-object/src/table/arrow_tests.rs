//! Arrow files that others wrote: compressed ones are read, and what they claim is not believed.

use super::arrow_read::ArrowSource;
use super::counted::Counted;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_io_core::{ErrorKind, Result, Scan, TableSource};
use std::sync::Arc;

const ROWS: usize = 4_000;

fn batch() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(
        (0..ROWS as i64)
            .map(|n| (n % 7 != 0).then_some(n))
            .collect::<Int64Array>(),
    );
    let words: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..ROWS).map(|n| format!("word {}", n % 5)),
    ));
    RecordBatch::try_from_iter_with_nullable([("number", numbers, true), ("word", words, true)]).expect("columns fit")
}

fn file(codec: CompressionType) -> Vec<u8> {
    let batch = batch();
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(codec))
        .expect("is compiled in");
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).expect("begins");
    writer.write(&batch).expect("writes");
    writer.finish().expect("ends");
    writer.into_inner().expect("is flushed")
}

async fn read(bytes: Vec<u8>) -> Result<Vec<RecordBatch>> {
    let (reader, _) = Counted::reader(&Bytes::from(bytes));
    let source = ArrowSource::open(reader).await?;
    source.scan(Scan::default()).await?.try_collect().await
}

#[tokio::test]
async fn reads_compressed_files() {
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        assert_eq!(read(file(codec)).await.expect("reads"), [batch()], "{codec:?}");
    }
}

/// Lengths of which an allocation would end the process, and such for which there is memory, in each buffer.
#[tokio::test]
async fn does_not_believe_the_lengths_of_compressed_buffers() {
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let bytes = file(codec);
        // The values of the numbers: the one buffer that is this long.
        let length = (ROWS as i64 * 8).to_le_bytes();
        let at = bytes.windows(8).position(|window| window == length).expect("is there");
        for claimed in [i64::MAX, i64::MAX >> 1, 1 << 50, 1 << 40, 1 << 20, 0, -2, i64::MIN] {
            let mut damaged = bytes.clone();
            damaged[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
            let error = read(damaged).await.expect_err("is damaged");
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{codec:?}, {claimed}: {error}");
        }
    }
}
