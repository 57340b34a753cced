//! azure-storage-blob, Azure's library for Python, on Azurite.

use crate::python::{everything, python};
use crate::{Seen, blob, input, is_gone, loads, output, same, write};
use larder::{AssetValue, Blob, ErrorKind, Form, IoManager, Precondition};
use larder_integration_tests::cloud::azure::{self, ACCOUNT, KEY};
use larder_integration_tests::cloud::unique;
use larder_io_adls::AdlsConfig;
use serde_json::{Value as Json, json};

const VENDOR: &str = r#"
from azure.storage.blob import BlobServiceClient
service = BlobServiceClient(order['endpoint'], credential=order['key'], max_single_put_size=1 << 20, max_block_size=4 << 20, max_single_get_size=1 << 20)
container, prefix = service.get_container_client(order['container']), order['prefix'] + '/'
def put(name, data):
    container.upload_blob(prefix + name, data, metadata={'by': 'azure'}, overwrite=True)
def names():
    pages = container.list_blobs(name_starts_with=prefix, results_per_page=4)
    names = [found.name.removeprefix(prefix) for found in pages]
    return [name for name in names if not name.startswith('.larder/')]
def get(name):
    return container.download_blob(prefix + name).readall()
def facts(name):
    head = container.get_blob_client(prefix + name).get_blob_properties()
    return {'etag': head.etag, 'version': head.get('version_id'), 'metadata': head.metadata}
"#;

/// A new prefix, which has to be encoded, too.
async fn config() -> AdlsConfig {
    let mut config = azure::config("LARDER_TEST_AZURITE").await;
    config.prefix = unique("lake one/50%+ü=");
    config.metadata.insert("owner".to_owned(), "data team".to_owned());
    config
}

fn order(config: &AdlsConfig) -> Json {
    let endpoint = config.endpoint.as_deref().expect("is set");
    let key = json!({ "account_name": ACCOUNT, "account_key": KEY });
    json!({ "endpoint": endpoint, "key": key, "container": config.container, "prefix": config.prefix })
}

fn microsoft(config: &AdlsConfig, code: &str) -> String {
    python(&format!("{VENDOR}{code}"), &order(config))
}

fn version(seen: &Seen) -> String {
    seen.etag.clone()
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn the_library_reads_what_larder_wrote() {
    let config = config().await;
    let receipts = write(&config.open().expect("opens")).await;
    let seen = everything(VENDOR, order(&config), false);
    same(&receipts, &seen, version);
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn larder_reads_what_the_library_wrote() {
    let config = config().await;
    let wrote = everything(VENDOR, order(&config), true);
    let blocks = microsoft(
        &config,
        "print(len(container.get_blob_client(prefix + 'plain/large.bin').get_block_list()[0]))",
    );
    assert_eq!(blocks, "5", "the large blob was not sent in blocks");
    loads(&config.open().expect("opens"), &wrote, version).await;
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn what_the_library_copies_replaces_and_deletes() {
    let config = config().await;
    let manager = config.open().expect("opens");
    let large = vec![7; 9 << 20];
    for (stem, bytes) in [("small", vec![7; 10]), ("large", large.clone())] {
        let stored = manager
            .handle_output(&output(stem), &Blob::from(bytes).into_value())
            .await;
        stored.expect("stores");
    }
    // Copies bring the receipt with them, or the way to it.
    let copy = "
for name in ['small', 'large']:
    source = container.get_blob_client(f'{prefix}{name}.bin').url
    container.get_blob_client(f'{prefix}{name} copy.bin').start_copy_from_url(source)
";
    microsoft(&config, copy);
    for (stem, bytes) in [("small copy", vec![7; 10]), ("large copy", large)] {
        let verified = manager
            .load_input(&input(stem, Form::Blob).verified())
            .await
            .expect("loads");
        assert_eq!(Vec::<u8>::from_value(verified).await.expect("is bytes"), bytes);
    }
    // Without its receipt it is a value that somebody else wrote.
    microsoft(
        &config,
        "container.get_blob_client(prefix + 'small.bin').set_blob_metadata({})",
    );
    assert_eq!(blob(&manager, "small").await, [7; 10]);
    microsoft(&config, "put('large.bin', b'replaced')");
    assert_eq!(blob(&manager, "large").await, b"replaced");

    let head = manager
        .head(&input("large", Form::Blob))
        .await
        .expect("can tell")
        .expect("is there");
    microsoft(&config, "put('large.bin', b'replaced again')");
    let mut context = output("large");
    context.precondition = Precondition::Unchanged(head.version);
    for size in [10, 9 << 20] {
        let late = manager
            .handle_output(&context, &Blob::from(vec![8; size]).into_value())
            .await;
        assert_eq!(late.map(drop).expect_err("is late").kind(), ErrorKind::Conflict);
    }
    let head = manager
        .head(&input("large", Form::Blob))
        .await
        .expect("can tell")
        .expect("is there");
    context.precondition = Precondition::Unchanged(head.version);
    let stored = manager
        .handle_output(&context, &Blob::from(vec![8; 9 << 20]).into_value())
        .await;
    stored.expect("stores");
    assert_eq!(
        microsoft(&config, "print(get('large.bin') == b'\\x08' * (9 << 20))"),
        "True"
    );
    microsoft(&config, "container.delete_blob(prefix + 'large.bin')");
    is_gone(&manager, "large").await;
}
