//! What a manager counts of a value, held against what the double saw.

use super::Cloud;
use futures_util::TryStreamExt;
use larder_io_core::{AssetKey, AssetValue, Blob, Form, IoManager, OutputContext, Usage, Value};
use std::sync::Arc;

/// Bytes that are held at least of a larger value: one part, whatever its size. A smaller value is held whole.
const LEAST_BUFFERED: usize = 5 << 20;

/// Stores a blob of so many bytes, looks at it and loads it: [`Usage::requests`] counts each request that the double saw, and no other.
///
/// # Panics
/// When they differ; when less is told to be held than a part, or more than the value; when anything fails.
pub async fn counts_requests(cloud: &Cloud, manager: &dyn IoManager, bytes: usize) {
    let usage = Arc::<Usage>::default();
    let key = AssetKey::new([format!("of_{bytes}")]).expect("is a key");
    let location = key.to_string().parse().expect("is a location");
    let mut context = OutputContext::new(key, None, location);
    context.usage = Some(Arc::clone(&usage));
    cloud.forget();
    let value = Blob::from(vec![7; bytes]).into_value();
    manager.handle_output(&context, &value).await.expect("stores");
    let input = context.to_input(Form::Blob);
    manager.head(&input).await.expect("answers").expect("is there");
    let Value::Blob(source) = manager.load_input(&input).await.expect("loads") else {
        panic!("a blob was stored")
    };
    let loaded: Vec<_> = source.open().await.expect("opens").try_collect().await.expect("reads");
    assert_eq!(loaded.iter().map(|part| part.len()).sum::<usize>(), bytes);
    let saw = cloud.requests();
    assert_eq!(usage.requests(), saw.len() as u64, "{saw:?}");
    let held = bytes.min(LEAST_BUFFERED) as u64..=bytes as u64;
    assert!(held.contains(&usage.most_buffered()), "{usage:?}");
}
