//! boto3, AWS's library for Python, on LocalStack.

use crate::changes::{Scripts, are_seen};
use crate::python::{everything, python};
use crate::{Seen, input, is_gone, loads, output, same, write};
use larder::{AssetValue, Blob, Form, IoManager};
use larder_integration_tests::cloud::{s3, unique};
use larder_io_s3::S3Config;
use serde_json::{Value as Json, json};

const VENDOR: &str = r#"
import boto3
from boto3.s3.transfer import TransferConfig
s3 = boto3.client('s3', endpoint_url=order['endpoint'], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
bucket, prefix = order['bucket'], order['prefix'] + '/'
def put(name, data):
    if len(data) < 8 << 20:
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=data, Metadata={'By': 'boto3'})
    else:
        # A multipart upload of its own making.
        parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
        s3.upload_fileobj(io.BytesIO(data), bucket, prefix + name, ExtraArgs={'Metadata': {'By': 'boto3'}}, Config=parts)
def names():
    # One page of up to 1000: asked for names in URL encoding, as boto3 does, LocalStack loses its place between pages.
    pages = s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix)
    keys = [found['Key'].removeprefix(prefix) for page in pages for found in page.get('Contents', [])]
    return [key for key in keys if not key.startswith('.larder/')]
def get(name):
    into = io.BytesIO()
    s3.download_fileobj(bucket, prefix + name, into)
    return into.getvalue()
def facts(name):
    head = s3.head_object(Bucket=bucket, Key=prefix + name)
    return {'etag': head['ETag'], 'version': head.get('VersionId'), 'metadata': head['Metadata']}
"#;

/// A new prefix, which has to be encoded, too.
pub(crate) async fn config(versioned: bool) -> S3Config {
    let mut config = s3::config("LARDER_TEST_LOCALSTACK", versioned).await;
    config.prefix = unique("lake one/50%+ü=");
    config.metadata.insert("owner".to_owned(), "data team".to_owned());
    config
}

fn order(config: &S3Config) -> Json {
    json!({ "endpoint": config.endpoint, "bucket": config.bucket, "prefix": config.prefix })
}

fn boto3(config: &S3Config, code: &str) -> String {
    python(&format!("{VENDOR}{code}"), &order(config))
}

/// The version by larder's rule, of what boto3 tells.
pub(crate) fn version(seen: &Seen) -> String {
    match &seen.version {
        Some(id) => format!("{id}~{}", seen.etag),
        None => seen.etag.clone(),
    }
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn boto3_reads_what_larder_wrote() {
    let config = config(false).await;
    let receipts = write(&config.open().expect("opens")).await;
    let seen = everything(VENDOR, order(&config), false);
    same(&receipts, &seen, version);
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn larder_reads_what_boto3_wrote() {
    let config = config(false).await;
    let wrote = everything(VENDOR, order(&config), true);
    assert!(
        wrote["plain/large.bin"].etag.ends_with("-4\""),
        "was no multipart upload"
    );
    loads(&config.open().expect("opens"), &wrote, version).await;
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn versions_of_both_stand_in_one_history() {
    let config = config(true).await;
    let manager = config.open().expect("opens");
    let put = |text: &str| {
        boto3(
            &config,
            &format!("print(s3.put_object(Bucket=bucket, Key=prefix + 'a b%.bin', Body=b'{text}')['VersionId'])"),
        )
    };
    let first = put("first");
    let second = manager
        .handle_output(&output("a b%"), &Blob::from("second").into_value())
        .await;
    let second = second.expect("stores").version;
    let third = put("third");
    let id = |version: &larder::Version| version.as_str().split('~').next().unwrap_or_default().to_owned();
    let input = input("a b%", Form::Blob);
    let versions = manager.versions().expect("keeps versions");
    let history = versions.history(&input).await.expect("lists");
    let mut ids: Vec<String> = history.iter().map(|receipt| id(&receipt.version)).collect();
    ids.sort();
    let mut all = vec![first.clone(), id(&second), third];
    all.sort();
    assert_eq!(ids, all);
    for receipt in &history {
        let old = manager
            .load_input(&input.clone().with_version(receipt.version.clone()))
            .await
            .expect("loads");
        let text = Vec::<u8>::from_value(old).await.expect("is bytes");
        let wanted = boto3(
            &config,
            &format!(
                "print(s3.get_object(Bucket=bucket, Key=prefix + 'a b%.bin', VersionId='{}')['Body'].read().decode())",
                id(&receipt.version)
            ),
        );
        assert_eq!(String::from_utf8_lossy(&text), wanted);
    }
    let foreign = history
        .iter()
        .find(|receipt| id(&receipt.version) == first)
        .expect("is there");
    versions.restore(&input, &foreign.version).await.expect("restores");
    assert_eq!(boto3(&config, "print(get('a b%.bin').decode())"), "first");
    boto3(&config, "s3.delete_object(Bucket=bucket, Key=prefix + 'a b%.bin')");
    is_gone(&manager, "a b%").await;
    let old = manager.load_input(&input.with_version(second)).await.expect("loads");
    assert_eq!(Vec::<u8>::from_value(old).await.expect("is bytes"), b"second");
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn what_boto3_copies_replaces_and_deletes() {
    let config = config(false).await;
    let copy = "
for name in ['small', 'large']:
    s3.copy_object(Bucket=bucket, Key=f'{prefix}{name} copy.bin', CopySource={'Bucket': bucket, 'Key': f'{prefix}{name}.bin'})
";
    let strip = "s3.copy_object(Bucket=bucket, Key=prefix + 'small.bin', CopySource={'Bucket': bucket, 'Key': prefix + 'small.bin'}, MetadataDirective='REPLACE', Metadata={})";
    let delete = "s3.delete_object(Bucket=bucket, Key=prefix + 'large.bin')";
    let scripts = Scripts { copy, strip, delete };
    are_seen(&config.open().expect("opens"), |code| boto3(&config, code), scripts).await;
}
