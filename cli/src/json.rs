//! Documents for other programs. Keys are text (`clean/flights`), times are seconds.

use larder_executor::AssetInfo;
pub(crate) use larder_executor::json::{error, event, receipt};
use larder_io_core::AssetKey;
use serde::Serialize;
use serde_json::Value as Json;

fn keys(keys: &[AssetKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

/// Whatever begins with the fields of an [`AssetInfo`].
pub(crate) fn described(info: &AssetInfo, whole: &impl Serialize) -> Json {
    let mut document = serde_json::to_value(whole).unwrap_or_default();
    document["key"] = info.key.to_string().into();
    document["inputs"] = keys(&info.inputs).into();
    document["together_with"] = keys(&info.together_with).into();
    document
}
