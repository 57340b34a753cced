//! Copying values from elsewhere, and publishing what a branch has in its parent.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, command, json, materialize, units};
use larder_executor::{Copied, CopyOptions, CopyOutcome, Definitions, Pipeline};
use larder_io_core::Result;
use serde_json::json;

/// The pipeline of the same assets as they are kept elsewhere.
pub(crate) fn source(definitions: &Definitions, from: &command::From) -> Result<Pipeline> {
    match (&from.from, &from.from_profile) {
        (Some(manager), _) => definitions.build_within(manager),
        (None, Some(profile)) => {
            let pipeline = definitions.clone().choose_profile(profile).build()?;
            pipeline.open_catalog(false)
        }
        // One of the two is required.
        (None, None) => definitions.clone().build(),
    }
}

/// `copy`.
pub(crate) async fn copy(
    pipeline: &Pipeline,
    source: &Pipeline,
    wanted: &command::Copy,
    out: &mut Out<'_>,
) -> Result<u8> {
    let what = &wanted.what;
    let selection = materialize::selection(pipeline, &what.selection);
    let copied = pipeline.copy_from(source, selection, &options(what)).await?;
    tell(&copied, what.dry_run, "copied", out)
}

/// `promote`.
pub(crate) async fn promote(pipeline: &Pipeline, wanted: &command::Copied, out: &mut Out<'_>) -> Result<u8> {
    let selection = materialize::selection(pipeline, &wanted.selection);
    let promoted = pipeline.promote(selection, &options(wanted)).await?;
    tell(&promoted, wanted.dry_run, "promoted", out)
}

fn options(wanted: &command::Copied) -> CopyOptions {
    let mut options = CopyOptions::default();
    options.partitions.clone_from(&wanted.partitions);
    options.dry_run = wanted.dry_run;
    options.force = wanted.force;
    options
}

fn tell(copied: &[Copied], dry_run: bool, did: &str, out: &mut Out<'_>) -> Result<u8> {
    if out.json {
        let values = copied.iter().map(|copied| {
            json!({
                "asset": copied.of.asset.to_string(),
                "partition": copied.of.partition.as_ref().map(ToString::to_string),
                "outcome": copied.outcome,
                "receipt": json::receipt(&copied.receipt),
            })
        });
        out.document(&json!({ "dry_run": dry_run, "values": values.collect::<Vec<_>>() }))?;
        return Ok(DONE);
    }
    let rows: Vec<[String; 4]> = copied
        .iter()
        .map(|copied| {
            let outcome = match copied.outcome {
                CopyOutcome::Copied if dry_run => "",
                CopyOutcome::Copied => "hash compared",
                CopyOutcome::Unverified => "no hash to compare",
                _ => "the same already",
            };
            [
                escape(&copied.of.to_string()).to_string(),
                units::stored_bytes(&copied.receipt),
                outcome.to_owned(),
                copied.receipt.uri.clone(),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    if !rows.is_empty() {
        out.line(columns(
            [("value", left), ("size", right), ("", left), ("at", left)],
            &rows,
        ));
    }
    let same = copied
        .iter()
        .filter(|copied| copied.outcome == CopyOutcome::Same)
        .count();
    let would = if dry_run { "would be " } else { "" };
    let already = match same {
        0 => String::new(),
        same => format!(", {same} the same already"),
    };
    let values = units::counted((copied.len() - same) as u64, "value");
    out.remark(format_args!("{values} {would}{did}{already}"));
    Ok(DONE)
}
