//! Cleaning up what crashed writes left behind.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::{DONE, command, units};
use larder_executor::Pipeline;
use larder_io_core::{GcOptions, Result};
use serde_json::{Value as Json, json};

/// `gc`.
pub(crate) async fn gc(pipeline: &Pipeline, wanted: &command::Gc, out: &mut Out<'_>) -> Result<u8> {
    let mut options = GcOptions::default();
    options.older_than = wanted.older_than;
    options.dry_run = wanted.dry_run;
    let removed = pipeline.gc(&options).await?;
    let bytes: u64 = removed.iter().map(|(_, garbage)| garbage.bytes).sum();
    if out.json {
        let entries = removed.iter().map(|(manager, garbage)| {
            json!({
                "io_manager": manager,
                "what": garbage.what,
                "name": garbage.name,
                "bytes": garbage.bytes,
                "age_seconds": garbage.age.as_secs_f64(),
            })
        });
        let entries: Vec<Json> = entries.collect();
        out.document(&json!({ "dry_run": wanted.dry_run, "bytes": bytes, "removed": entries }))?;
        return Ok(DONE);
    }
    if removed.is_empty() {
        out.remark(format_args!(
            "nothing is left behind that is older than {}",
            units::age(wanted.older_than)
        ));
        return Ok(DONE);
    }
    let rows: Vec<[String; 5]> = removed
        .iter()
        .map(|(manager, garbage)| {
            let size = units::bytes(garbage.bytes);
            [
                manager.clone(),
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
            ("io manager", left),
            ("what", left),
            ("size", right),
            ("age", right),
            ("name", left),
        ],
        &rows,
    ));
    let did = if wanted.dry_run { "would remove" } else { "removed" };
    out.remark(format_args!(
        "{did} {}, {}",
        units::counted(removed.len() as u64, "thing"),
        units::bytes(bytes)
    ));
    Ok(DONE)
}
