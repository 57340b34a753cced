//! Uploads that were neither completed nor aborted.
//! <https://cloud.google.com/storage/docs/xml-api/get-bucket-uploads>

use super::Api;
use super::http::{encoded, strange};
use jiff::Timestamp;
use larder_io_core::Result;
use larder_io_object::Unfinished;
use serde::Deserialize;

const WHAT: &str = "listing unfinished uploads";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    upload_id: String,
    initiated: Option<String>,
}

impl Api {
    pub(super) async fn list_unfinished(&self) -> Result<Vec<Unfinished>> {
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let prefix = encoded(self.prefix.as_ref());
            let page: Page = self
                .http
                .xml(
                    &format!("/{}?uploads&prefix={prefix}{next}", encoded(&self.bucket)),
                    WHAT,
                )
                .await?;
            for upload in page.uploads {
                let Some(path) = self.below(&upload.key) else { continue };
                let began: Option<Timestamp> = upload.initiated.as_deref().and_then(|text| text.parse().ok());
                // One whose beginning is not told is never taken for old.
                let began = began.unwrap_or_else(Timestamp::now).as_millisecond();
                found.push(Unfinished::new(path, upload.upload_id, began));
            }
            if !page.is_truncated {
                return Ok(found);
            }
            let (Some(key), Some(id)) = (page.next_key_marker, page.next_upload_id_marker) else {
                return Err(strange(WHAT));
            };
            next = format!("&key-marker={}&upload-id-marker={}", encoded(&key), encoded(&id));
        }
    }
}
