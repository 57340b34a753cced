//! Large values: blocks sent by object_store, committed by a request of our own, under a precondition and with the
//! receipt.

use super::client::{Headers, header};
use super::{Rest, conditions};
use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use larder_io_core::{Effect, Error, ErrorKind, Precondition, Result, Version};
use larder_io_object::store::{parts_of, version_of};
use larder_io_object::{Marks, Parts, Upload, Written};
use object_store::azure::MicrosoftAzure;
use object_store::path::Path;
use object_store::{Attribute, Attributes, PutPayload};
use std::sync::Arc;

impl Rest {
    pub(super) fn begin_upload(&self, path: &Path, marks: &Marks) -> Box<dyn Upload> {
        Box::new(BlockUpload {
            rest: self.clone(),
            marks: marks.clone(),
            // object_store gives every block a random name of 128 bits, so that writers of one blob, whose uncommitted
            // blocks Azure keeps together, never replace each other's; the number of a part is not used.
            parts: Parts::new(Arc::clone(&self.objects), self.whole(path), String::new(), 0),
        })
    }

    /// Puts blocks, by their names, together.
    pub(super) async fn commit(
        &self,
        whole: &Path,
        blocks: &[String],
        mut headers: Headers,
        precondition: &Precondition,
    ) -> Result<Version> {
        headers.extend(conditions(precondition));
        let url = self.api.blob(whole, &[("comp", "blocklist")]);
        let sent = self
            .api
            .send("publishing a value", Method::PUT, url, headers, document(blocks))
            .await;
        match sent {
            Ok(answer) => version_of(header(&answer, "etag"), header(&answer, "x-ms-version-id")),
            Err(gone) if gone.kind() == ErrorKind::NotFound => self.gone(whole, gone, precondition).await,
            Err(refused) => Err(refused),
        }
    }

    /// Blocks that are gone were dropped by somebody else's publishing, which a precondition may exclude.
    async fn gone(&self, whole: &Path, gone: Error, precondition: &Precondition) -> Result<Version> {
        let expected = match precondition {
            Precondition::None => return Err(gone),
            Precondition::Absent => None,
            Precondition::Unchanged(version) => parts_of(version).0,
        };
        let url = self.api.blob(whole, &[]);
        let found = match self
            .api
            .send("looking at a value", Method::HEAD, url, Headers::new(), Bytes::new())
            .await
        {
            Ok(answer) => header(&answer, "etag"),
            Err(missing) if missing.kind() == ErrorKind::NotFound => None,
            // A commit before this one may have used the blocks up.
            Err(refused) => return Err(refused.with_effect(Effect::Unknown)),
        };
        match found == expected {
            true => Err(gone),
            false => {
                let message = format!("`{whole}` was changed by somebody else");
                Err(Error::new(ErrorKind::Conflict, message).with_source(gone))
            }
        }
    }
}

/// A list of blocks, all of them uncommitted.
fn document(blocks: &[String]) -> Bytes {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for block in blocks {
        xml.push_str("<Uncommitted>");
        BASE64_STANDARD.encode_string(block, &mut xml);
        xml.push_str("</Uncommitted>");
    }
    xml.push_str("</BlockList>");
    xml.into()
}

/// What a value carries, as headers of the request that makes it.
fn described(attributes: &Attributes, tags: &str) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in attributes {
        let name = match name {
            Attribute::Metadata(name) => format!("x-ms-meta-{name}"),
            Attribute::StorageClass => "x-ms-access-tier".to_owned(),
            Attribute::ContentType => "x-ms-blob-content-type".to_owned(),
            Attribute::ContentEncoding => "x-ms-blob-content-encoding".to_owned(),
            Attribute::ContentLanguage => "x-ms-blob-content-language".to_owned(),
            Attribute::ContentDisposition => "x-ms-blob-content-disposition".to_owned(),
            Attribute::CacheControl => "x-ms-blob-cache-control".to_owned(),
            _ => continue,
        };
        headers.push((name, value.as_ref().to_owned()));
    }
    if !tags.is_empty() {
        headers.push(("x-ms-tags".to_owned(), tags.to_owned()));
    }
    headers
}

/// One large value.
struct BlockUpload {
    rest: Rest,
    marks: Marks,
    parts: Parts<MicrosoftAzure>,
}

#[async_trait]
impl Upload for BlockUpload {
    fn write(&mut self, part: PutPayload) -> BoxFuture<'static, Result<()>> {
        self.parts.send(part)
    }

    async fn complete(&mut self, written: &Written<'_>) -> Result<Version> {
        let blocks: Vec<String> = self.parts.sent()?.into_iter().map(|part| part.content_id).collect();
        let (name, value) = written.mark();
        let mut attributes = self.marks.attributes.clone();
        attributes.insert(Attribute::Metadata(name.into()), value.to_owned().into());
        let headers = described(&attributes, self.marks.tags.encoded());
        self.rest
            .commit(self.parts.path(), &blocks, headers, written.precondition)
            .await
    }

    /// Nothing: Azure has no request that removes uncommitted blocks. It drops them after seven days, or when the blob
    /// of their name is written.
    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
