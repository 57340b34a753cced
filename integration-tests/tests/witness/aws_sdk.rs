//! aws-sdk-s3, AWS's library for Rust, on LocalStack; over an HTTP client of its own, not larder's.

use crate::boto3::{config, version};
use crate::{LARGE, Seen, Values, blobs, columns, loads, numbers, same, write};
use arrow_array::RecordBatch;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use larder_io_s3::S3Config;
use std::collections::BTreeMap;

/// Plain HTTP by hyper, bodies streamed both ways.
#[derive(Clone, Debug)]
struct Plain(Hyper<Tcp, SdkBody>);

impl HttpClient for Plain {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Plain {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let answer = client
                .request(request)
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::user(error.into()))
        })
    }
}

/// A client of the usual behaviour: checksums with every body, sent as trailers.
struct Sdk {
    client: Client,
    bucket: String,
    prefix: String,
}

impl Sdk {
    fn new(config: &S3Config) -> Self {
        let endpoint = config.endpoint.as_deref().expect("is set");
        let settings = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "the test"))
            .http_client(Plain(Hyper::builder(TokioExecutor::new()).build_http()))
            .endpoint_url(endpoint)
            .force_path_style(true);
        Self {
            client: Client::from_conf(settings.build()),
            bucket: config.bucket.clone(),
            prefix: format!("{}/", config.prefix),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        if bytes.len() == LARGE {
            return self.upload(name, &bytes).await;
        }
        let put = self.client.put_object().bucket(&self.bucket).key(self.key(name));
        let put = put.body(bytes.into()).metadata("by", "the SDK").send().await;
        put.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }

    async fn upload(&self, name: &str, bytes: &[u8]) {
        let begin = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(self.key(name));
        let begun = begin.metadata("by", "the SDK").send().await.expect("begins");
        let id = begun.upload_id().expect("has an id");
        let mut parts = Vec::new();
        for (bytes, number) in bytes.chunks(5 << 20).zip(1..) {
            let part = self
                .client
                .upload_part()
                .bucket(&self.bucket)
                .key(self.key(name))
                .upload_id(id);
            let sent = part
                .part_number(number)
                .body(ByteStream::from(bytes.to_vec()))
                .send()
                .await
                .expect("is sent");
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(sent.e_tag)
                    .build(),
            );
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let end = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(self.key(name))
            .upload_id(id);
        end.multipart_upload(parts).send().await.expect("completes");
    }

    /// Everything that is there but larder's own.
    async fn seen(&self) -> Values {
        let mut seen = BTreeMap::new();
        let list = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(&self.prefix)
            .max_keys(4);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            for found in page.expect("lists").contents() {
                let name = found
                    .key()
                    .and_then(|key| key.strip_prefix(&self.prefix))
                    .expect("is below");
                if !name.starts_with(".larder/") {
                    seen.insert(name.to_owned(), self.get(name).await);
                }
            }
        }
        seen
    }

    async fn get(&self, name: &str) -> Seen {
        let get = self.client.get_object().bucket(&self.bucket).key(self.key(name));
        let got = get.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Seen {
            etag: got.e_tag.expect("has one"),
            version: got.version_id,
            metadata: got.metadata.into_iter().flatten().collect(),
            file: String::new(),
            bytes: got.body.collect().await.expect("is read").to_vec(),
            rows: serde_json::Value::Null,
        }
    }
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn the_sdk_reads_what_larder_wrote() {
    let config = config(false).await;
    let receipts = write(&config.open().expect("opens")).await;
    same(&receipts, &Sdk::new(&config).seen().await, version);
}

#[tokio::test]
#[ignore = "needs emulators: cargo xtask test"]
async fn larder_reads_what_the_sdk_wrote() {
    let config = config(false).await;
    let sdk = Sdk::new(&config);
    for (name, bytes) in blobs() {
        sdk.put(&name, bytes).await;
    }
    sdk.put(
        "made/numbers.json",
        serde_json::to_vec_pretty(&numbers()).expect("is JSON"),
    )
    .await;
    let batch = RecordBatch::try_from_iter(columns()).expect("columns fit");
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("begins");
    writer.write(&batch).expect("writes");
    sdk.put("made/table.parquet", writer.into_inner().expect("ends")).await;
    loads(&config.open().expect("opens"), &sdk.seen().await, version).await;
}
