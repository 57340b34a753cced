//! Cleaning up what crashed writes left behind, and files of old versions.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, command, units};
use larder_executor::Pipeline;
use larder_io_core::{ErrorKind, Garbage, GcOptions, Result, VacuumOptions};
use serde_json::{Value as Json, json};

/// `gc`.
pub(crate) async fn gc(pipeline: &Pipeline, wanted: &command::Gc, out: &mut Out<'_>) -> Result<u8> {
    let mut options = GcOptions::default();
    options.older_than = wanted.older_than;
    options.dry_run = wanted.dry_run;
    let removed = pipeline.gc(&options).await?;
    let nothing = format!(
        "nothing is left behind that is older than {}",
        units::age(wanted.older_than)
    );
    tell(("io_manager", "io manager"), &removed, wanted.dry_run, &nothing, out)
}

/// `vacuum`.
pub(crate) async fn vacuum(pipeline: &Pipeline, wanted: &command::Vacuum, out: &mut Out<'_>) -> Result<u8> {
    let mut options = VacuumOptions::default();
    options.retention = wanted.retention;
    options.force = wanted.force;
    options.dry_run = wanted.dry_run;
    let named = wanted
        .assets
        .iter()
        .map(|asset| pipeline.key(asset))
        .collect::<Result<Vec<_>>>()?;
    let keys = match named.is_empty() {
        true => pipeline.assets().into_iter().map(|asset| asset.key).collect(),
        false => named,
    };
    let mut removed = Vec::new();
    for key in keys {
        match pipeline.vacuum(&key, &options).await {
            Ok(garbage) => removed.extend(garbage.into_iter().map(|garbage| (key.to_string(), garbage))),
            // Without names every table is meant, and what is none has nothing to remove.
            Err(error) if wanted.assets.is_empty() && passes(error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    tell(
        ("asset", "asset"),
        &removed,
        wanted.dry_run,
        "no file is older than the retention",
        out,
    )
}

/// Not a table, not stored at all, or not yet.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unsupported | ErrorKind::InvalidDefinition | ErrorKind::NotFound
    )
}

/// Tells what was removed; each thing comes with whose it is, under a name for programs and one for people.
fn tell(
    (owner, title): (&str, &str),
    removed: &[(String, Garbage)],
    dry_run: bool,
    nothing: &str,
    out: &mut Out<'_>,
) -> Result<u8> {
    let (stays, removed): (Vec<_>, Vec<_>) = removed.iter().partition(|(_, garbage)| garbage.stays.is_some());
    let bytes: u64 = removed.iter().map(|(_, garbage)| garbage.bytes).sum();
    if out.json {
        let entry = |(whose, garbage): &&(String, Garbage)| {
            let mut entry = json!({
                owner: whose,
                "what": garbage.what,
                "name": garbage.name,
                "bytes": garbage.bytes,
                "age_seconds": garbage.age.as_secs_f64(),
            });
            if let Some(why) = &garbage.stays {
                entry["why"] = Json::from(why.as_str());
            }
            entry
        };
        let removed: Vec<Json> = removed.iter().map(entry).collect();
        let stays: Vec<Json> = stays.iter().map(entry).collect();
        out.document(&json!({ "dry_run": dry_run, "bytes": bytes, "removed": removed, "stays": stays }))?;
        return Ok(DONE);
    }
    for (whose, garbage) in &stays {
        let why = garbage.stays.as_deref().unwrap_or_default();
        out.remark(format_args!(
            "could not remove `{}` of {}: {}",
            escape(&garbage.name),
            escape(whose),
            escape(why)
        ));
    }
    if removed.is_empty() {
        if stays.is_empty() {
            out.remark(nothing);
        }
        return Ok(DONE);
    }
    let rows: Vec<[String; 5]> = removed
        .iter()
        .map(|(whose, garbage)| {
            let size = units::bytes(garbage.bytes);
            [
                escape(whose).to_string(),
                garbage.what.to_owned(),
                size,
                units::age(garbage.age),
                garbage.name.clone(),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    out.line(columns(
        [
            (title, left),
            ("what", left),
            ("size", right),
            ("age", right),
            ("name", left),
        ],
        &rows,
    ));
    let did = if dry_run { "would remove" } else { "removed" };
    out.remark(format_args!(
        "{did} {}, {}",
        units::counted(removed.len() as u64, "thing"),
        units::bytes(bytes)
    ));
    Ok(DONE)
}
