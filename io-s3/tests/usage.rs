//! What is counted of a value is what the server saw, and what was held is bounded.

#![cfg(feature = "arrow")]

mod support;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use futures_util::TryStreamExt;
use larder_io_core::{AssetKey, AssetValue, Blob, Form, IoManager, LazyTable, OutputContext, Table, Usage, Value};
use larder_testkit::cloud::Cloud;
use std::sync::Arc;
use support::{cloud, config};

const MIB: u64 = 1 << 20;

fn counting(name: &str) -> (OutputContext, Arc<Usage>) {
    let usage = Arc::<Usage>::default();
    let key = AssetKey::new([name]).expect("is a key");
    let mut context = OutputContext::new(key, None, name.parse().expect("is a location"));
    context.usage = Some(Arc::clone(&usage));
    (context, usage)
}

/// Stores a value and looks at it; gives what was counted.
async fn stored(cloud: &Cloud, manager: &dyn IoManager, name: &str, value: &Value) -> (OutputContext, Arc<Usage>) {
    let (context, usage) = counting(name);
    cloud.forget();
    manager.handle_output(&context, value).await.expect("stores");
    let form = value.form();
    manager
        .head(&context.to_input(form))
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!(
        usage.requests(),
        cloud.requests().len() as u64,
        "{:?}",
        cloud.requests()
    );
    (context, usage)
}

#[tokio::test]
async fn small_values_and_large_ones() {
    let cloud = cloud(false).await;
    let manager = config(&cloud).open().expect("opens");
    let small = Blob::from(vec![1; 1000]).into_value();
    let (_, of_small) = stored(&cloud, &manager, "small", &small).await;
    assert!(of_small.most_buffered() <= 1000, "{of_small:?}");
    let large = Blob::from(vec![7; 40 * MIB as usize]).into_value();
    let (context, of_large) = stored(&cloud, &manager, "large", &large).await;
    assert!(
        of_large.requests() > of_small.requests() + 4,
        "{of_large:?} {of_small:?}"
    );
    let most = of_large.most_buffered();
    assert!((8 * MIB..=40 * MIB).contains(&most), "{most} bytes of parts");
    let (mut input, reading) = (context.to_input(Form::Blob), Arc::<Usage>::default());
    input.usage = Some(Arc::clone(&reading));
    cloud.forget();
    let loaded = manager.load_input(&input).await.expect("loads");
    let Value::Blob(source) = loaded else { panic!("no blob") };
    let bytes: Vec<_> = source.open().await.expect("opens").try_collect().await.expect("reads");
    assert_eq!(bytes.iter().map(|bytes| bytes.len() as u64).sum::<u64>(), 40 * MIB);
    assert_eq!(reading.requests(), cloud.requests().len() as u64);
    assert!((8 * MIB..=40 * MIB).contains(&reading.most_buffered()), "{reading:?}");
}

#[tokio::test]
async fn a_table_that_is_read_later() {
    let cloud = cloud(false).await;
    let manager = config(&cloud).open().expect("opens");
    // Does not compress.
    let numbers = (0..3_000_000_i64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
    let table = Table::from(RecordBatch::try_from_iter([("n", column)]).expect("fits"));
    let (context, usage) = stored(&cloud, &manager, "table", &table.into_value()).await;
    let storing = usage.most_buffered();
    assert!(
        storing > 8 * MIB && storing <= 64 * MIB,
        "{storing} bytes while it was stored"
    );
    let (mut input, reading) = (context.to_input(Form::Table), Arc::<Usage>::default());
    input.usage = Some(Arc::clone(&reading));
    cloud.forget();
    let lazy = LazyTable::from_value(manager.load_input(&input).await.expect("loads"))
        .await
        .expect("is a table");
    let opened = reading.requests();
    assert_eq!(opened, cloud.requests().len() as u64);
    assert_eq!(lazy.collect().await.expect("reads").rows(), 3_000_000);
    assert!(reading.requests() > opened, "reading it later counts too");
    assert_eq!(reading.requests(), cloud.requests().len() as u64);
    assert!(reading.most_buffered() > MIB, "{reading:?}");
}

#[tokio::test]
async fn who_does_not_ask_is_not_counted_and_two_are_counted_apart() {
    let cloud = cloud(false).await;
    let manager = config(&cloud).open().expect("opens");
    let value = Blob::from(vec![1; 10]).into_value();
    let (one, of_one) = counting("one");
    let (other, of_other) = counting("other");
    let (first, second) = tokio::join!(
        manager.handle_output(&one, &value),
        manager.handle_output(&other, &value)
    );
    first.and(second).expect("both are stored");
    assert_eq!(of_one.requests() + of_other.requests(), cloud.requests().len() as u64);
    assert_eq!(of_one.requests(), of_other.requests(), "they did the same");
    let mut unasked = one.to_input(Form::Blob);
    unasked.usage = None;
    manager.head(&unasked).await.expect("answers");
    assert_eq!(of_one.requests(), of_other.requests(), "nobody asked for that one");
}
