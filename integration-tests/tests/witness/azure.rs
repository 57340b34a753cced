//! azure-storage-blob, Azure's library for Python, on Azurite.

use crate::changes::{Scripts, are_seen};
use crate::python::{everything, python};
use crate::{Seen, loads, same, write};
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
    let copy = "
for name in ['small', 'large']:
    source = container.get_blob_client(f'{prefix}{name}.bin').url
    container.get_blob_client(f'{prefix}{name} copy.bin').start_copy_from_url(source)
";
    let strip = "container.get_blob_client(prefix + 'small.bin').set_blob_metadata({})";
    let delete = "container.delete_blob(prefix + 'large.bin')";
    let scripts = Scripts { copy, strip, delete };
    are_seen(&config.open().expect("opens"), |code| microsoft(&config, code), scripts).await;
}
