//! Deleting values, and the catalogue beside the storage.

use crate::output::Out;
use crate::text::escape;
use crate::{DONE, FAILED, command, materialize, units};
use larder_executor::{AssetPartition, FsckOptions, FsckReport, Pipeline};
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::json;

/// `delete`.
pub(crate) async fn delete(pipeline: &Pipeline, wanted: &command::Delete, out: &mut Out<'_>) -> Result<u8> {
    let key = pipeline.key(&wanted.asset)?;
    let targets: Vec<AssetPartition> = match (pipeline.keyspace(&key).await?, &wanted.partitions) {
        (None, None) => vec![(&key).into()],
        (Some(space), Some(text)) => space
            .select(text)?
            .iter()
            .map(|partition| (&key, &partition).into())
            .collect(),
        (Some(_), None) => {
            let message = format!("`{key}` has partitions; say which with `--partitions`, `all` for all of them");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
        (None, Some(text)) => {
            let message = format!("`{key}` has no partitions, so there is no `{text}` of it");
            return Err(Error::new(ErrorKind::InvalidDefinition, message));
        }
    };
    let mut deleted = Vec::new();
    for of in &targets {
        let there = match wanted.dry_run {
            true => pipeline.deletable(of).await?,
            false => pipeline.delete(of).await?,
        };
        if there {
            deleted.push(of.to_string());
        }
    }
    if out.json {
        out.document(&json!({ "deleted": deleted, "dry_run": wanted.dry_run }))?;
        return Ok(DONE);
    }
    for of in &deleted {
        out.line(escape(of));
    }
    let would = if wanted.dry_run { "would be deleted" } else { "deleted" };
    out.remark(format_args!(
        "{} {would}",
        units::counted(deleted.len() as u64, "value")
    ));
    Ok(DONE)
}

/// `fsck` and `adopt`.
pub(crate) async fn fsck(pipeline: &Pipeline, wanted: &command::Fsck, out: &mut Out<'_>) -> Result<u8> {
    let mut options = FsckOptions::default();
    options.verify = wanted.verify;
    options.mend = wanted.mend;
    let FsckReport { examined, findings, .. } = pipeline
        .fsck(materialize::selection(pipeline, &wanted.selection), options)
        .await?;
    let left = findings.iter().filter(|finding| !finding.mended).count();
    if out.json {
        let findings = findings.iter().map(|finding| {
            json!({
                "asset": finding.of.asset.to_string(),
                "partition": finding.of.partition.as_ref().map(ToString::to_string),
                "problem": finding.problem,
                "mended": finding.mended,
            })
        });
        out.document(&json!({ "examined": examined, "findings": findings.collect::<Vec<_>>() }))?;
    } else {
        for finding in &findings {
            let mended = if finding.mended {
                "; the catalogue says so now"
            } else {
                ""
            };
            out.line(format_args!(
                "{}: {}{mended}",
                escape(&finding.of.to_string()),
                escape(&finding.problem.to_string())
            ));
        }
        let found = units::counted(findings.len() as u64, "problem");
        out.remark(format_args!("{} examined, {found}", units::counted(examined, "value")));
    }
    Ok(if left == 0 { DONE } else { FAILED })
}
