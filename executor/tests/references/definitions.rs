//! What is accepted and refused when definitions are built.

use crate::support::{Lake, raw};
use larder_executor::Asset;
use larder_io_core::{
    AssetValue, Blob, DataRef, ErrorKind, Input, Latest, LazyTable, Maybe, Partitions, Table, TableStream,
};
use larder_partitions::Partitioning;

fn taking<T: Input>() -> Asset {
    Asset::builder("out").input::<T>("raw").function(|_| async { Ok(1_u8) })
}

fn built(producer: Asset, consumer: Asset) -> Result<(), String> {
    let lake = Lake::new();
    match lake.definitions([producer, consumer]).build() {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidDefinition, "{error}");
            Err(error.message().to_owned())
        }
    }
}

fn reference() -> Asset {
    raw(DataRef::new("file:///lake/raw.parquet"))
}

#[test]
fn tables_and_bytes_may_be_taken_of_a_reference() {
    for consumer in [
        taking::<DataRef>(),
        taking::<Maybe<DataRef>>(),
        taking::<Table>(),
        taking::<LazyTable>(),
        taking::<Latest<LazyTable>>(),
        taking::<TableStream>(),
        taking::<Maybe<LazyTable>>(),
        taking::<Blob>(),
        taking::<Vec<u8>>(),
        taking::<()>(),
    ] {
        built(reference(), consumer).expect("is accepted");
    }
    let days = || Partitioning::daily("2024-01-01").end("2024-01-04");
    let parted = Asset::builder("raw")
        .partitions(days())
        .function(|_| async { Ok(DataRef::new("file:///lake/")) });
    for consumer in [
        taking::<Partitions<LazyTable>>(),
        taking::<Partitions<DataRef>>(),
        taking::<Table>(),
    ] {
        built(parted.clone(), consumer).expect("is accepted");
    }
    built(Asset::external::<DataRef>("raw").into(), taking::<Table>()).expect("is accepted");
}

#[test]
fn other_types_are_refused_with_what_to_take() {
    for consumer in [taking::<String>(), taking::<Maybe<Vec<u64>>>(), taking::<Latest<u64>>()] {
        let message = built(reference(), consumer).expect_err("is refused");
        assert!(message.contains("`out` takes `raw: "), "{message}");
        assert!(
            message.contains("`raw` is a reference") && message.contains("`LazyTable`"),
            "{message}"
        );
    }
}

#[test]
fn a_reference_cannot_be_taken_of_other_values() {
    fn made<T: AssetValue>(value: fn() -> T) -> Asset {
        Asset::builder("raw").function(move |_| async move { Ok(value()) })
    }
    for producer in [made(String::new), made(|| crate::support::rows(1))] {
        let message = built(producer, taking::<DataRef>()).expect_err("is refused");
        assert!(message.contains("`raw` is no reference"), "{message}");
    }
}

#[tokio::test]
async fn lists_and_explanations_say_so() {
    let lake = Lake::new();
    let pipeline = lake.pipeline([reference(), taking::<Table>()]);
    let told = |key: &str| {
        let key = pipeline.key(key).expect("is one");
        let explanation = pipeline.explain(&key).expect("is explained");
        let json = serde_json::to_value(&explanation).expect("is written");
        (
            pipeline.refers(&key).expect("is known"),
            explanation.info.reference,
            json["reference"].clone(),
        )
    };
    assert_eq!(told("raw"), (true, true, serde_json::json!(true)));
    assert_eq!(told("out"), (false, false, serde_json::Value::Null));
    let error = pipeline
        .store("raw", "text".to_owned())
        .await
        .expect_err("is no reference");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
    let error = pipeline
        .store("out", DataRef::new("file:///x"))
        .await
        .expect_err("is a number");
    assert_eq!(error.kind(), ErrorKind::InvalidDefinition);
}
