//! Copies within the bucket: one request up to a size, ranges at once above it.

use super::client::{Quietly, error};
use super::upload::Completion;
use super::{CustomerKey, Sdk, conditions};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{MetadataDirective, StorageClass};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use larder_io_core::{Error, ErrorKind, Precondition, Result, Version};
use larder_io_object::Marks;
use larder_io_object::store::{parts_of, version_of};
use object_store::Attribute;
use object_store::path::Path;

/// Ranges of one copy on their way at once.
const AT_ONCE: usize = 4;

/// What a copy asks of every request about its source.
struct Source {
    copy: String,
    head: HeadObjectOutput,
}

impl Sdk {
    pub(super) async fn copy_any_size(
        &self,
        from: &Path,
        version: Option<&Version>,
        to: &Path,
        precondition: &Precondition,
    ) -> Result<Version> {
        let source = self.source(from, version).await?;
        match source.head.content_length().unwrap_or(0).unsigned_abs() {
            size if size > self.config.copy_range_bytes => self.copy_ranges(&source, size, to, precondition).await,
            _ => self.copy_at_once(&source, to, precondition).await,
        }
    }

    async fn source(&self, from: &Path, version: Option<&Version>) -> Result<Source> {
        let key = self.key(from);
        let id = version.and_then(|version| parts_of(version).1);
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(&key)
            .set_version_id(id.clone())
            .set_request_payer(self.payer())
            .set_sse_customer_algorithm(self.customer.algorithm.clone())
            .set_sse_customer_key(self.customer.key.clone())
            .set_sse_customer_key_md5(self.customer.md5.clone());
        let head = head
            .send()
            .quietly()
            .await
            .map_err(|failed| error(failed, "looking at the value to copy"))?;
        let mut copy = format!("{}/{}", self.bucket, encoded(&key));
        if let Some(id) = id {
            copy.push_str(&format!("?versionId={}", encoded(&id)));
        }
        Ok(Source { copy, head })
    }

    async fn copy_at_once(&self, source: &Source, to: &Path, precondition: &Precondition) -> Result<Version> {
        let (if_match, if_none_match) = conditions(precondition);
        let CustomerKey { algorithm, key, md5 } = self.customer.clone();
        let copied = self
            .client
            .copy_object()
            .bucket(&self.bucket)
            .key(self.key(to))
            .copy_source(&source.copy)
            .set_copy_source_if_match(source.head.e_tag().map(str::to_owned))
            // Given again, because some servers refuse a copy onto itself that changes nothing.
            .metadata_directive(MetadataDirective::Replace)
            .set_metadata(source.head.metadata().cloned())
            .set_content_type(source.head.content_type().map(str::to_owned))
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .set_request_payer(self.payer())
            .set_storage_class(self.config.storage_class.as_deref().map(StorageClass::from))
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.config.kms_key_id.clone())
            .set_bucket_key_enabled(self.config.bucket_key)
            .set_sse_customer_algorithm(algorithm.clone())
            .set_sse_customer_key(key.clone())
            .set_sse_customer_key_md5(md5.clone())
            .set_copy_source_sse_customer_algorithm(algorithm)
            .set_copy_source_sse_customer_key(key)
            .set_copy_source_sse_customer_key_md5(md5)
            .send()
            .quietly()
            .await
            .map_err(|failed| error(failed, "copying a value"))?;
        let e_tag = copied
            .copy_object_result()
            .and_then(|result| result.e_tag())
            .map(str::to_owned);
        version_of(e_tag, copied.version_id().map(str::to_owned))
    }

    async fn copy_ranges(&self, source: &Source, size: u64, to: &Path, precondition: &Precondition) -> Result<Version> {
        let mut marks = Marks {
            tags: crate::store::marks(&self.config).tags,
            ..Marks::default()
        };
        for (name, value) in source.head.metadata().into_iter().flatten() {
            marks
                .attributes
                .insert(Attribute::Metadata(name.clone().into()), value.clone().into());
        }
        if let Some(class) = &self.config.storage_class {
            marks.attributes.insert(Attribute::StorageClass, class.clone().into());
        }
        let key = self.key(to);
        let id = self.create(&key, &marks).await?;
        let copied = self.send_ranges(source, size, &key, &id).await;
        let done = match copied {
            Ok(e_tags) => {
                let completion = Completion {
                    client: &self.client,
                    bucket: &self.bucket,
                    key: &key,
                    id: &id,
                    customer: &self.customer,
                    payer: self.payer(),
                };
                completion.send(e_tags.into_iter(), precondition).await
            }
            Err(failed) => Err(failed),
        };
        if done.is_err() {
            // The first error tells what happened; gc finds what stays.
            let _ = self.abort_upload(&key, &id).await;
        }
        done
    }

    async fn send_ranges(&self, source: &Source, size: u64, key: &str, id: &str) -> Result<Vec<String>> {
        let step = self.config.copy_range_bytes;
        let ranges = (0..size).step_by(usize::try_from(step).unwrap_or(usize::MAX)).zip(1..);
        let sent = stream::iter(ranges).map(|(start, number)| async move {
            let CustomerKey {
                algorithm,
                key: secret,
                md5,
            } = self.customer.clone();
            let range = format!("bytes={start}-{}", (start + step).min(size) - 1);
            let request = self
                .client
                .upload_part_copy()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(id)
                .part_number(number)
                .copy_source(&source.copy)
                .copy_source_range(range)
                .set_copy_source_if_match(source.head.e_tag().map(str::to_owned))
                .set_request_payer(self.payer())
                .set_sse_customer_algorithm(algorithm.clone())
                .set_sse_customer_key(secret.clone())
                .set_sse_customer_key_md5(md5.clone())
                .set_copy_source_sse_customer_algorithm(algorithm)
                .set_copy_source_sse_customer_key(secret)
                .set_copy_source_sse_customer_key_md5(md5);
            let copied = request
                .send()
                .quietly()
                .await
                .map_err(|failed| error(failed, "copying a range"))?;
            let e_tag = copied
                .copy_part_result()
                .and_then(|part| part.e_tag())
                .map(str::to_owned);
            e_tag.ok_or_else(|| Error::new(ErrorKind::Unexpected, "the storage copied a range and told no etag"))
        });
        sent.buffered(AT_ONCE).try_collect().await
    }
}

/// A key as `x-amz-copy-source` wants it.
fn encoded(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
