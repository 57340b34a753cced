//! Assets that are queries.

#[path = "../common/mod.rs"]
mod common;

mod built;
mod files;
mod made;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use common::rows_of;
use larder_engine_datafusion::DataFusion;
use larder_executor::{Asset, Definitions, Pipeline};
use larder_io_core::{Error, Table};
use larder_io_memory::MemoryIo;
use serde_json::Value as Json;
use std::sync::Arc;

fn transactions() -> Table {
    let customers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 3, 2]));
    let amounts: ArrayRef = Arc::new(Float64Array::from(vec![10.0, 20.5, 5.0, 1.0, 100.0]));
    let notes: ArrayRef = Arc::new(StringArray::from(vec!["a", "'; drop table x; --", "b", "c", "a"]));
    Table::from(
        RecordBatch::try_from_iter([("customer", customers), ("amount", amounts), ("note", notes)]).expect("fits"),
    )
}

fn raw() -> Asset {
    Asset::builder("raw/transactions").function(|_| async { Ok(transactions()) })
}

fn of(assets: impl IntoIterator<Item = Asset>) -> Definitions {
    Definitions::new()
        .assets(assets)
        .engine(Arc::new(DataFusion::new()))
        .with_every_asset_in(Arc::new(MemoryIo::new()))
}

async fn shown(pipeline: &Pipeline, key: &str) -> Vec<Vec<Json>> {
    let key = pipeline.key(key).expect("is there");
    rows_of(pipeline.load_value(&key, None).await.expect("is stored")).await
}

fn refused(definitions: Definitions) -> Error {
    definitions.build().map(drop).expect_err("is refused")
}

fn built(assets: impl IntoIterator<Item = Asset>) -> Pipeline {
    of(assets).build().expect("is valid")
}
