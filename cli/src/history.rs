//! Old versions: listed, and published again.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, json, units};
use larder_executor::Pipeline;
use larder_io_core::{Receipt, Result};
use serde_json::{Value as Json, json};

/// Characters of a hash or a run's id that are shown.
const SHORT: usize = 12;
/// Characters of a version that are shown at least.
const SHORTEST_VERSION: usize = 8;

/// `history ASSET`.
pub(crate) async fn history(
    pipeline: &Pipeline,
    asset: &str,
    partition: Option<&str>,
    out: &mut Out<'_>,
) -> Result<u8> {
    let key = pipeline.asset_partition(asset, partition).await?;
    let (kept, published) = pipeline.history(&key).await?;
    let is_published = |receipt: &Receipt| published.as_ref() == Some(&receipt.version);
    if out.json {
        let versions = kept.iter().map(|receipt| {
            let mut document = json::receipt(receipt);
            document["published"] = is_published(receipt).into();
            document
        });
        out.document(&json!({
            "asset": key.asset.to_string(),
            "partition": key.partition.as_ref().map(ToString::to_string),
            "versions": versions.collect::<Vec<Json>>(),
        }))?;
        return Ok(DONE);
    }
    if kept.is_empty() {
        out.remark(format_args!("no version of {} is kept", escape(&key.to_string())));
        return Ok(DONE);
    }
    let length = telling_length(&kept);
    let rows: Vec<[String; 7]> = kept
        .iter()
        .map(|receipt| {
            let by_larder = !receipt.run.as_str().is_empty();
            [
                if is_published(receipt) { "*" } else { "" }.to_owned(),
                short(receipt.version.as_str(), length),
                match (by_larder, receipt.uri.is_empty()) {
                    (false, _) => "not by larder".to_owned(),
                    (true, false) => units::when(receipt.stored_at),
                    (true, true) => format!("{}, in the catalogue", units::when(receipt.stored_at)),
                },
                receipt.rows.map(units::number).unwrap_or_default(),
                units::stored_bytes(receipt),
                receipt
                    .content_hash
                    .or(receipt.stored_hash)
                    .map(|hash| short(&hash.to_string(), SHORT))
                    .unwrap_or_default(),
                short(receipt.run.as_str(), SHORT),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("", left),
        ("version", left),
        ("written", left),
        ("rows", right),
        ("size", right),
        ("hash", left),
        ("run", left),
    ];
    out.line(columns(header, &rows));
    Ok(DONE)
}

/// `restore ASSET VERSION`.
pub(crate) async fn restore(
    pipeline: &Pipeline,
    asset: &str,
    partition: Option<&str>,
    version: &str,
    out: &mut Out<'_>,
) -> Result<u8> {
    let key = pipeline.asset_partition(asset, partition).await?;
    let version = pipeline.find_version(&key, version).await?;
    let receipt = pipeline.restore(&key, version.as_str()).await?;
    match out.json {
        true => out.document(&json::receipt(&receipt))?,
        false => out.remark(format_args!(
            "restored {} to the value of version {}{}",
            escape(&key.to_string()),
            escape(version.as_str()),
            receipt
                .rows
                .map(|rows| format!(", {}", units::counted(rows, "row")))
                .unwrap_or_default(),
        )),
    }
    Ok(DONE)
}

fn short(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

/// The least length at which every version is shown differently, so that what is shown can be given to `restore`.
fn telling_length(kept: &[Receipt]) -> usize {
    let mut texts: Vec<&str> = kept.iter().map(|receipt| receipt.version.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let common = |pair: &[&str]| pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count();
    texts
        .windows(2)
        .map(common)
        .max()
        .map_or(SHORTEST_VERSION, |most| SHORTEST_VERSION.max(most + 1))
}
