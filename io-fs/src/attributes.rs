//! Attributes of object_store as text, and back.

use object_store::{Attribute, Attributes};
use std::collections::BTreeMap;

const PLAIN: [(&str, Attribute); 6] = [
    ("content-disposition", Attribute::ContentDisposition),
    ("content-encoding", Attribute::ContentEncoding),
    ("content-language", Attribute::ContentLanguage),
    ("content-type", Attribute::ContentType),
    ("cache-control", Attribute::CacheControl),
    ("storage-class", Attribute::StorageClass),
];
const METADATA: &str = "metadata:";

/// Attributes by text name; user metadata under `metadata:<name>`.
pub(crate) fn to_text(attributes: &Attributes) -> BTreeMap<String, String> {
    let name = |attribute: &Attribute| match attribute {
        Attribute::Metadata(name) => Some(format!("{METADATA}{name}")),
        other => PLAIN
            .iter()
            .find(|(_, plain)| plain == other)
            .map(|(name, _)| (*name).to_owned()),
    };
    attributes
        .iter()
        .filter_map(|(attribute, value)| Some((name(attribute)?, value.to_string())))
        .collect()
}

/// The way back; names that are unknown are left out.
pub(crate) fn from_text(text: &BTreeMap<String, String>) -> Attributes {
    let attribute = |name: &str| match name.strip_prefix(METADATA) {
        Some(metadata) => Some(Attribute::Metadata(metadata.to_owned().into())),
        None => PLAIN
            .iter()
            .find(|(plain, _)| *plain == name)
            .map(|(_, attribute)| attribute.clone()),
    };
    text.iter()
        .filter_map(|(name, value)| Some((attribute(name)?, object_store::AttributeValue::from(value.clone()))))
        .collect()
}
