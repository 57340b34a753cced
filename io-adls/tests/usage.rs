//! What is counted of a value is what the server saw.

mod support;

use futures_util::TryStreamExt;
use larder_io_core::{AssetKey, AssetValue, Blob, Form, IoManager, OutputContext, Usage, Value};
use std::sync::Arc;
use support::{Kind, cloud, config};

#[tokio::test]
async fn small_values_and_large_ones() {
    let kinds = [Kind::Plain, Kind::Versioned, Kind::Hierarchical];
    for (kind, preconditions) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let cloud = cloud(kind).await;
        let mut config = config(&cloud, kind);
        config.preconditions = preconditions;
        let manager = config.open().expect("opens");
        for size in [1000, 20 << 20] {
            let usage = Arc::<Usage>::default();
            let key = AssetKey::new([format!("of_{size}")]).expect("is a key");
            let location = key.to_string().parse().expect("is a location");
            let mut context = OutputContext::new(key, None, location);
            context.usage = Some(Arc::clone(&usage));
            cloud.forget();
            let value = Blob::from(vec![7; size]).into_value();
            manager.handle_output(&context, &value).await.expect("stores");
            let input = context.to_input(Form::Blob);
            manager.head(&input).await.expect("answers").expect("is there");
            let Value::Blob(source) = manager.load_input(&input).await.expect("loads") else {
                panic!("no blob")
            };
            let bytes: Vec<_> = source.open().await.expect("opens").try_collect().await.expect("reads");
            assert_eq!(bytes.iter().map(|bytes| bytes.len()).sum::<usize>(), size);
            assert_eq!(
                usage.requests(),
                cloud.requests().len() as u64,
                "{:?}",
                cloud.requests()
            );
            assert!(usage.most_buffered() >= size.min(5 << 20) as u64, "{usage:?}");
            assert!(usage.most_buffered() <= size as u64, "{usage:?}");
        }
    }
}
