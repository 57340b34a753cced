//! What the Parquet settings change in the files, as the parquet crate reads them.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use larder::{AssetValue, ErrorKind, Form, IoManager, Table};
use larder_integration_tests::{context, scratch};
use larder_io_fs::{Compression, FsConfig, ParquetStatistics};
use parquet::basic::Encoding;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

const ROWS: i64 = 200_000;

/// Numbers in an order that chance gave, and few words; without the rows that are left out.
fn table(left_out: impl Fn(i64) -> bool) -> Table {
    let numbers: Vec<i64> = (0..ROWS)
        .filter(|row| !left_out(*row))
        .map(|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64))
        .collect();
    let words: StringArray = numbers
        .iter()
        .map(|n| Some(format!("word {}", n.rem_euclid(5))))
        .collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("number", Arc::new(Int64Array::from(numbers))),
        ("word.s", Arc::new(words)),
    ];
    RecordBatch::try_from_iter(columns).expect("columns fit").into()
}

/// The stored file, after what was stored is loaded again.
async fn stored(root: &Path, name: &str, table: &Table, set: impl FnOnce(&mut FsConfig)) -> (Vec<u8>, ParquetMetaData) {
    let mut config = FsConfig::new(root);
    set(&mut config);
    let manager = config.open().expect("opens");
    let output = context(&format!("parquet/{name}"));
    let receipt = manager
        .handle_output(&output, &table.clone().into_value())
        .await
        .expect("is stored");
    let input = output.to_input(Form::Table).verified();
    let loaded = Table::from_value(manager.load_input(&input).await.expect("loads"))
        .await
        .expect("reads");
    assert_eq!(
        loaded.to_batch().expect("joins"),
        table.to_batch().expect("joins"),
        "{name}"
    );
    let bytes = std::fs::read(root.join(receipt.location.as_str())).expect("is there");
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).expect("opens");
    (bytes, reader.metadata().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_as_they_are_set() {
    let root = scratch();
    let table = table(|_| false);
    let (usual, metadata) = stored(root.path(), "usual", &table, |_| {}).await;
    let column = metadata.row_group(0).column(1).clone();
    assert_eq!(metadata.num_row_groups(), 1);
    assert!(column.dictionary_page_offset().is_some() && column.bloom_filter_offset().is_none());
    assert!(column.statistics().is_some() && column.column_index_offset().is_some());

    let (small, _) = stored(root.path(), "level", &table, |config| config.parquet.level = Some(15)).await;
    assert!(
        small.len() < usual.len(),
        "{} instead of {} bytes",
        small.len(),
        usual.len()
    );

    let (_, metadata) = stored(root.path(), "groups", &table, |config| {
        config.parquet.row_group_rows = 60_000
    })
    .await;
    assert_eq!(metadata.num_row_groups(), 4);

    let (_, metadata) = stored(root.path(), "plain", &table, |config| {
        config.parquet.dictionary = false;
        config.parquet.statistics = ParquetStatistics::None;
        config.parquet.bloom_filters = vec!["number".to_owned(), "word.s".to_owned()];
    })
    .await;
    for column in metadata.row_group(0).columns() {
        assert!(!column.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY));
        assert!(column.statistics().is_none() && column.column_index_offset().is_none());
        assert!(column.bloom_filter_offset().is_some());
    }
    let (_, metadata) = stored(root.path(), "chunk", &table, |config| {
        config.parquet.statistics = ParquetStatistics::Chunk;
    })
    .await;
    let column = metadata.row_group(0).column(0);
    assert!(column.statistics().is_some() && column.column_index_offset().is_none());
}

/// Pieces of a file, as storage that keeps equal chunks once would see them.
fn pages(bytes: &[u8], metadata: &ParquetMetaData) -> HashSet<Vec<u8>> {
    let options = parquet::file::serialized_reader::ReadOptionsBuilder::new()
        .with_page_index()
        .build();
    let reader = SerializedFileReader::new_with_options(bytes::Bytes::copy_from_slice(bytes), options).expect("opens");
    let offsets = reader.metadata().offset_index().expect("is there");
    assert_eq!(offsets.len(), metadata.num_row_groups());
    let locations = offsets
        .iter()
        .flatten()
        .flat_map(|column| column.page_locations().clone());
    locations
        .map(|page| {
            let start = page.offset as usize;
            bytes[start..start + page.compressed_page_size as usize].to_vec()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_stay_where_rows_are_left_out() {
    let root = scratch();
    let mut shared = Vec::new();
    for chunks in [false, true] {
        let set = |config: &mut FsConfig| {
            config.parquet.content_defined_chunks = chunks;
            config.parquet.dictionary = false;
        };
        let (before, of_before) = stored(root.path(), "before", &table(|_| false), set).await;
        let (after, of_after) = stored(root.path(), "after", &table(|row| row == 5_000), set).await;
        let (before, after) = (pages(&before, &of_before), pages(&after, &of_after));
        shared.push(before.intersection(&after).count() * 100 / after.len());
    }
    println!("pages that stay: {} % without, {} % with chunks", shared[0], shared[1]);
    assert!(shared[0] < 10 && shared[1] > 30, "{shared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_work_are_refused() {
    let root = scratch();
    let refused = |set: &dyn Fn(&mut FsConfig)| {
        let mut config = FsConfig::new(root.path());
        set(&mut config);
        let error = config.open().map(drop).expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        error.message().to_owned()
    };
    assert!(refused(&|config| config.parquet.level = Some(23)).contains("1 to 22"));
    assert!(refused(&|config| config.parquet.row_group_rows = 0).contains("greater than 0"));
    let snappy = |config: &mut FsConfig| {
        config.compression = Compression::Snappy;
        config.parquet.level = Some(3);
    };
    assert!(refused(&snappy).contains("the level of zstd"));
    let url = format!(
        "file://{}?parquet.level=3&parquet.bloom_filters=a,b",
        root.path().display()
    );
    let config = FsConfig::from_url(&url.parse().expect("is a URL")).expect("is taken");
    assert_eq!((config.parquet.level, config.parquet.bloom_filters.len()), (Some(3), 2));
}
