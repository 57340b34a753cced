//! The bare libraries, used as well as they can be by hand.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::Block;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::root_as_footer;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ScopedJoinHandle;

use super::text;

/// Rows of one row group: arrow-rs's own default.
const GROUP_ROWS: usize = 1 << 20;

/// Writes a table with arrow-rs and syncs the file. All cores encode columns, group after group without waiting for the
/// end of one, while this thread writes what is done.
pub(super) fn write_parquet(batches: &[RecordBatch], path: &Path) -> Result<(), String> {
    let rows = batches.first().ok_or("no rows")?.num_rows();
    write_groups(batches, (GROUP_ROWS / rows).max(1), path)
}

fn write_groups(batches: &[RecordBatch], per_group: usize, path: &Path) -> Result<(), String> {
    let schema = batches.first().ok_or("no rows")?.schema();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(text)?);
    let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(text)?;
    let (mut file, factory) = writer.into_serialized_writer().map_err(text)?;
    let groups: Vec<&[RecordBatch]> = batches.chunks(per_group).collect();
    let mut tasks = Vec::new();
    for group in 0..groups.len() {
        // Lineitem is flat: one writer for each field. The comment column, which is last, costs most.
        let writers = factory.create_column_writers(group).map_err(text)?;
        let columns = writers.into_iter().enumerate().rev();
        tasks.extend(columns.map(|(column, writer)| Mutex::new(Some((group, column, writer)))));
    }
    let next = AtomicUsize::new(0);
    let encode = |done: mpsc::Sender<(usize, usize, ArrowColumnChunk)>| -> Result<(), String> {
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some((group, column, mut writer)) = task.lock().map_err(text)?.take() else {
                continue;
            };
            for batch in groups[group] {
                for leaf in compute_leaves(schema.field(column), batch.column(column)).map_err(text)? {
                    writer.write(&leaf).map_err(text)?;
                }
            }
            done.send((group, column, writer.close().map_err(text)?))
                .map_err(text)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let (done, encoded) = mpsc::channel();
        let encoders: Vec<_> = (0..super::cores())
            .map(|_| {
                let done = done.clone();
                scope.spawn(|| encode(done))
            })
            .collect();
        drop(done);
        let mut waiting = BTreeMap::new();
        for group in 0..groups.len() {
            while (0..schema.fields().len()).any(|column| !waiting.contains_key(&(group, column))) {
                let Ok((group, column, chunk)) = encoded.recv() else {
                    joined(encoders)?;
                    return Err("a column was not encoded".to_owned());
                };
                waiting.insert((group, column), chunk);
            }
            let mut row_group = file.next_row_group().map_err(text)?;
            while let Some(chunk) = waiting.first_entry().filter(|chunk| chunk.key().0 == group) {
                chunk.remove().append_to_row_group(&mut row_group).map_err(text)?;
            }
            row_group.close().map_err(text)?;
        }
        joined(encoders)
    })?;
    let mut output = file.into_inner().map_err(text)?;
    output.flush().map_err(text)?;
    output.get_ref().sync_all().map_err(text)
}

/// Reads a table with arrow-rs from a memory map, row groups in parallel. The rows are given back, so that freeing them is
/// nobody's time.
pub(super) fn read_parquet(path: &Path) -> Result<Vec<RecordBatch>, String> {
    let file = mapped(path)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(text)?;
    let groups = metadata.metadata().num_row_groups();
    let (next, read) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || -> Result<(), String> {
        loop {
            let group = next.fetch_add(1, Ordering::Relaxed);
            if group >= groups {
                return Ok(());
            }
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata.clone())
                .with_row_groups(vec![group])
                .with_batch_size(64 << 10)
                .build()
                .map_err(text)?;
            let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(text)?;
            read.lock().map_err(text)?.insert(group, batches);
        }
    };
    in_threads(&work)?;
    let read = read.into_inner().map_err(text)?;
    Ok(read.into_values().flatten().collect())
}

fn in_threads(work: &(impl Fn() -> Result<(), String> + Sync)) -> Result<(), String> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..super::cores()).map(|_| scope.spawn(work)).collect();
        work()?;
        joined(others)
    })
}

fn joined(threads: Vec<ScopedJoinHandle<'_, Result<(), String>>>) -> Result<(), String> {
    let join = |thread: ScopedJoinHandle<'_, _>| thread.join().map_err(|_| "a thread panicked".to_owned())?;
    threads.into_iter().try_for_each(join)
}

/// Writes bytes and syncs them.
pub(super) fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), String> {
    let mut file = File::create(path).map_err(text)?;
    for chunk in bytes.chunks(8 << 20) {
        file.write_all(chunk).map_err(text)?;
    }
    file.sync_all().map_err(text)
}

/// A file as a memory map.
#[allow(unsafe_code)]
fn mapped(path: &Path) -> Result<Bytes, String> {
    let file = File::open(path).map_err(text)?;
    // SAFETY: the file is the benchmark's own and nobody changes it.
    let map = unsafe { memmap2::Mmap::map(&file).map_err(text)? };
    Ok(Bytes::from_owner(map))
}

/// Scans an arrow file through a memory map, every batch validated, on all cores.
pub(super) fn scan_arrow(path: &Path) -> Result<usize, String> {
    let buffer = Buffer::from(mapped(path)?);
    let trailer: [u8; 10] = buffer[buffer.len() - 10..].try_into().map_err(text)?;
    let length = read_footer_length(trailer).map_err(text)?;
    let footer = root_as_footer(&buffer[buffer.len() - 10 - length..buffer.len() - 10]).map_err(text)?;
    let schema = fb_to_schema(footer.schema().ok_or("no schema")?);
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    let blocks: Vec<Block> = footer
        .recordBatches()
        .map(|blocks| blocks.iter().copied().collect())
        .unwrap_or_default();
    let (next, rows) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> Result<(), String> {
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let length = block.metaDataLength() as usize + block.bodyLength() as usize;
            let bytes = buffer.slice_with_length(block.offset() as usize, length);
            let batch = decoder.read_record_batch(block, &bytes).map_err(text)?;
            rows.fetch_add(batch.map_or(0, |batch| batch.num_rows()), Ordering::Relaxed);
        }
        Ok(())
    };
    in_threads(&work)?;
    Ok(rows.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    /// The first column and the last, which are written by different threads.
    fn values(batches: &[RecordBatch]) -> Vec<(i64, String)> {
        let of = |batch: &RecordBatch| {
            let keys = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            let comments = batch.column(batch.num_columns() - 1).as_string_view().clone();
            let comments: Vec<String> = comments
                .iter()
                .map(|text| text.unwrap_or_default().to_owned())
                .collect();
            keys.into_iter().zip(comments)
        };
        batches.iter().flat_map(of).collect()
    }

    #[test]
    fn reads_and_scans_what_it_wrote_in_order() {
        let dir = tempfile::tempdir().expect("is there");
        let table = crate::bench::data::lineitem(0.002).expect("is made");
        let whole = &table.batches()[0];
        let slices = (0..whole.num_rows()).step_by(1000);
        let slices: Vec<RecordBatch> = slices
            .map(|at| whole.slice(at, 1000.min(whole.num_rows() - at)))
            .collect();
        let file = dir.path().join("bare.parquet");
        write_groups(&slices, 3, &file).expect("is written");
        let read = read_parquet(&file).expect("is read");
        assert!(read.len() > 2, "one batch of each row group");
        assert_eq!(values(&read), values(&slices));
        let handed = dir.path().join("handed.arrow");
        crate::bench::data::hand_over(&table, &handed).expect("is written");
        assert_eq!(scan_arrow(&handed), Ok(table.rows()));
    }
}
