//! Which manager and format suit each asset.

use crate::capacity::{Memory, positive};
use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::{escape, escape_lines};
use crate::{DONE, FAILED, materialize};
use larder_executor::Pipeline;
use larder_executor::capacity::{Advice, advise as advice_for};
use larder_io_core::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Advise {
    /// Assets, as for `materialize`; default everything
    pub(crate) selection: Vec<String>,
    /// How often each asset is stored or loaded in a day; default by history
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(crate) uses_per_day: Option<f64>,
    #[command(flatten)]
    pub(crate) memory: Memory,
}

/// `advise`. It fails when a function takes more than the memory.
pub(crate) async fn advise(pipeline: &Pipeline, wanted: &Advise, out: &mut Out<'_>) -> Result<u8> {
    let options = wanted.memory.options();
    let selection = materialize::selection(pipeline, &wanted.selection);
    let mut known = pipeline.usage(selection, jiff::Timestamp::now()).await?;
    for usage in &mut known {
        usage.uses_per_day = wanted.uses_per_day.or(usage.uses_per_day);
    }
    let all: Vec<Advice> = known.iter().map(|usage| advice_for(usage, &options)).collect();
    let code = match all.iter().any(|advice| advice.refused.is_some()) {
        true => FAILED,
        false => DONE,
    };
    if out.json {
        out.document(&all)?;
        return Ok(code);
    }
    let rows: Vec<[String; 6]> = all
        .iter()
        .map(|advice| {
            [
                advice.asset.clone(),
                advice
                    .size_bytes
                    .map_or_else(|| "unknown".to_owned(), |size| options.units.bytes(size)),
                advice
                    .uses_per_day
                    .map_or_else(|| "unknown".to_owned(), |uses| format!("{uses:.2}")),
                advice.io_manager.clone().unwrap_or_default(),
                advice.format.clone().unwrap_or_default(),
                advice.because.clone(),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("size", right),
        ("uses a day", right),
        ("io manager", left),
        ("format", left),
        ("why", left),
    ];
    out.line(columns(header, &rows));
    for advice in &all {
        for gain in &advice.gains {
            out.line(format_args!("measured: {}: {}", escape(&advice.asset), escape(gain)));
        }
    }
    for warning in all.iter().filter_map(|advice| advice.warning.as_deref()) {
        out.warn(warning);
    }
    for refused in all.iter().filter_map(|advice| advice.refused.as_deref()) {
        out.tell(format_args!("refused: {}", escape_lines(refused)));
    }
    Ok(code)
}
