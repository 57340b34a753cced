//! Rewriting the files of a table.

use crate::output::Out;
use crate::text::escape;
use crate::{DONE, units};
use larder_executor::Pipeline;
use larder_io_core::{OptimizeOptions, Result};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Optimize {
    /// The asset
    pub(crate) asset: String,
    /// Put rows together that are near each other in these columns, so that filters on any of them read less
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) z_order: Vec<String>,
    /// Size of a file to aim at, in MiB [default: 256]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) target: Option<u64>,
}

/// `optimize`.
pub(crate) async fn optimize(pipeline: &Pipeline, wanted: &Optimize, out: &mut Out<'_>) -> Result<u8> {
    let key = pipeline.key(&wanted.asset)?;
    let mut options = OptimizeOptions::default();
    options.z_order.clone_from(&wanted.z_order);
    options.target_bytes = wanted.target.map(|mib| mib.saturating_mul(1 << 20));
    let done = pipeline.optimize(&key, &options).await?;
    if out.json {
        out.document(&json!({
            "asset": key.to_string(),
            "version": done.version,
            "files_before": done.files_before,
            "bytes_before": done.bytes_before,
            "files_after": done.files_after,
            "bytes_after": done.bytes_after,
        }))?;
        return Ok(DONE);
    }
    let name = key.to_string();
    let name = escape(&name);
    match &done.version {
        None => out.remark(format_args!("{name} has no files worth rewriting")),
        Some(version) => out.remark(format_args!(
            "rewrote {} ({}) of {name} as {} ({}); version {version} of the table has them",
            units::counted(done.files_before, "file"),
            units::bytes(done.bytes_before),
            units::counted(done.files_after, "file"),
            units::bytes(done.bytes_after),
        )),
    }
    Ok(DONE)
}
