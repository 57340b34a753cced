//! Uploads that complete under a precondition: begun and completed by the SDK, their parts sent by object_store.

use super::client::{Quietly, error};
use super::versions::NO_VERSION;
use super::{CustomerKey, Sdk, conditions};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, RequestPayer, StorageClass};
use futures_util::future::BoxFuture;
use larder_io_core::{Error, ErrorKind, Precondition, Result, Version};
use larder_io_object::store::version_of;
use larder_io_object::{Marks, Parts, Upload, Written};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, PutPayload};
use std::sync::Arc;

impl Sdk {
    pub(super) async fn begin_upload(&self, path: &Path, marks: &Marks) -> Result<Box<dyn Upload>> {
        let whole = self.whole(path);
        let id = self.create(whole.as_ref(), marks).await?;
        Ok(Box::new(SdkUpload {
            client: self.client.clone(),
            bucket: self.bucket.clone(),
            customer: self.customer.clone(),
            payer: self.payer(),
            parts: Parts::new(Arc::clone(&self.objects), whole, id, 0),
        }))
    }

    /// Begins an upload that carries what every value carries; gives its id.
    pub(super) async fn create(&self, key: &str, marks: &Marks) -> Result<String> {
        let mut request = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .set_request_payer(self.payer())
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.config.kms_key_id.clone())
            .set_bucket_key_enabled(self.config.bucket_key)
            .set_sse_customer_algorithm(self.customer.algorithm.clone())
            .set_sse_customer_key(self.customer.key.clone())
            .set_sse_customer_key_md5(self.customer.md5.clone());
        for (name, value) in &marks.attributes {
            request = match name {
                Attribute::Metadata(name) => request.metadata(name.as_ref(), value.as_ref()),
                Attribute::StorageClass => request.storage_class(StorageClass::from(value.as_ref())),
                Attribute::ContentType => request.content_type(value.as_ref()),
                _ => request,
            };
        }
        let tags = marks.tags.encoded();
        if !tags.is_empty() {
            request = request.tagging(tags);
        }
        let created = request
            .send()
            .quietly()
            .await
            .map_err(|failed| error(failed, "beginning an upload"))?;
        let id = created.upload_id().map(str::to_owned);
        id.ok_or_else(|| {
            let message =
                "the storage began an upload and did not tell its id; check the endpoint and any proxy between";
            Error::new(ErrorKind::Unavailable, message)
        })
    }

    pub(super) async fn abort_upload(&self, key: &str, id: &str) -> Result<()> {
        abort(&self.client, &self.bucket, key, id, self.payer()).await
    }
}

/// Aborts an upload; one that is gone counts as aborted.
async fn abort(client: &Client, bucket: &str, key: &str, id: &str, payer: Option<RequestPayer>) -> Result<()> {
    let request = client
        .abort_multipart_upload()
        .bucket(bucket)
        .key(key)
        .upload_id(id)
        .set_request_payer(payer);
    match request
        .send()
        .quietly()
        .await
        .map_err(|failed| error(failed, "aborting an upload"))
    {
        Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map(drop),
    }
}

/// One upload.
struct SdkUpload {
    client: Client,
    bucket: String,
    customer: CustomerKey,
    payer: Option<RequestPayer>,
    parts: Parts<AmazonS3>,
}

#[async_trait]
impl Upload for SdkUpload {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        self.parts.send(part)
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        let parts = self.parts.sent()?.into_iter().map(|part| part.content_id);
        let completion = Completion {
            client: &self.client,
            bucket: &self.bucket,
            key: self.parts.path().as_ref(),
            id: self.parts.id(),
            customer: &self.customer,
            payer: self.payer.clone(),
        };
        completion.send(parts, written.precondition).await
    }

    async fn abort(&mut self) -> Result<()> {
        abort(
            &self.client,
            &self.bucket,
            self.parts.path().as_ref(),
            self.parts.id(),
            self.payer.clone(),
        )
        .await
    }
}

/// The last request of an upload.
pub(super) struct Completion<'c> {
    pub(super) client: &'c Client,
    pub(super) bucket: &'c str,
    pub(super) key: &'c str,
    pub(super) id: &'c str,
    pub(super) customer: &'c CustomerKey,
    pub(super) payer: Option<RequestPayer>,
}

impl Completion<'_> {
    /// Puts the parts, given by their etags, together.
    pub(super) async fn send(
        self,
        e_tags: impl Iterator<Item = String>,
        precondition: &Precondition,
    ) -> Result<Version> {
        let parts = e_tags
            .zip(1..)
            .map(|(e_tag, number)| CompletedPart::builder().part_number(number).e_tag(e_tag).build())
            .collect();
        let (if_match, if_none_match) = conditions(precondition);
        let done = self
            .client
            .complete_multipart_upload()
            .bucket(self.bucket)
            .key(self.key)
            .upload_id(self.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .set_request_payer(self.payer)
            .set_sse_customer_algorithm(self.customer.algorithm.clone())
            .set_sse_customer_key(self.customer.key.clone())
            .set_sse_customer_key_md5(self.customer.md5.clone())
            .send()
            .quietly()
            .await
            .map_err(|failed| error(failed, "completing an upload"))
            .map_err(|failed| missing(failed, precondition))?;
        // Some servers tell this of buckets without versions here, and nothing on reads.
        let id = done.version_id.filter(|id| id != NO_VERSION);
        version_of(done.e_tag, id)
    }
}

/// `If-Match` on a value that is gone is answered as not found; so is an upload that is gone.
fn missing(failed: Error, precondition: &Precondition) -> Error {
    let upload = ["NoSuchUpload", "InvalidPart"]
        .iter()
        .any(|code| failed.message().contains(code));
    match (failed.kind(), precondition) {
        (ErrorKind::NotFound, Precondition::Unchanged(_)) if !upload => {
            Error::new(ErrorKind::Conflict, "the value was deleted by somebody else").with_source(failed)
        }
        _ => failed,
    }
}
