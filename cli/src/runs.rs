//! Runs as the catalogue has them, and the values of dynamic partitions.

use crate::output::Out;
use crate::past::{self, PastStep};
use crate::status::no_catalog;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, command, peak, units};
use larder_catalog::RunSummary;
use larder_executor::Pipeline;
use larder_io_core::{Error, ErrorKind, Result};
use serde_json::{Value as Json, json};

/// Characters of a run's id that are shown.
const SHORT: usize = 12;

/// `runs`.
pub(crate) async fn runs(pipeline: &Pipeline, run: Option<&str>, limit: usize, out: &mut Out<'_>) -> Result<u8> {
    let Some(catalog) = pipeline.catalog() else {
        out.line("nothing is recorded yet");
        return Ok(DONE);
    };
    if let Some(beginning) = run {
        return one(pipeline, beginning, out).await;
    }
    let runs = catalog.runs(limit).await?;
    if out.json {
        out.document(&runs.iter().map(summary).collect::<Vec<Json>>())?;
        return Ok(DONE);
    }
    let rows: Vec<[String; 6]> = runs
        .iter()
        .map(|run| {
            let counts = run.finished.map(|end| end.counts);
            [
                run.run.as_str().chars().take(SHORT).collect(),
                units::when(run.started),
                run.finished
                    .map_or_else(|| "not ended".to_owned(), |end| units::duration(end.duration)),
                counts.map(|counts| counts.materialized.to_string()).unwrap_or_default(),
                counts
                    .filter(|counts| counts.failed > 0)
                    .map(|counts| counts.failed.to_string())
                    .unwrap_or_default(),
                run.selection.clone(),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("run", left),
        ("began", left),
        ("took", right),
        ("done", right),
        ("failed", right),
        ("selection", left),
    ];
    out.line(columns(header, &rows));
    Ok(DONE)
}

fn summary(run: &RunSummary) -> Json {
    json!({
        "run": run.run.as_str(),
        "started": run.started.to_string(),
        "selection": run.selection,
        "finished": run.finished.map(|end| json!({
            "at": end.at.to_string(),
            "seconds": end.duration.as_secs_f64(),
            "materialized": end.counts.materialized,
            "failed": end.counts.failed,
            "skipped": end.counts.skipped,
        })),
    })
}

async fn one(pipeline: &Pipeline, wanted: &str, out: &mut Out<'_>) -> Result<u8> {
    let catalog = pipeline.catalog().ok_or_else(no_catalog)?;
    let run = past::find(catalog, wanted).await?;
    let detail = catalog.run(&run).await?;
    let detail = detail.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the run `{wanted}` is gone")))?;
    let past = past::load(catalog, &run).await?;
    if out.json {
        let mut document = summary(&detail.summary);
        let pairs = detail.materialized.iter().map(|(asset, partition)| {
            json!({ "asset": asset.to_string(), "partition": partition.as_ref().map(ToString::to_string) })
        });
        document["materializations"] = pairs.collect::<Vec<Json>>().into();
        let failures = detail.failures.iter().map(|failure| {
            json!({
                "assets": failure.assets.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "partitions": failure.partitions.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "kind": failure.kind,
                "message": failure.message,
            })
        });
        document["failures"] = failures.collect::<Vec<Json>>().into();
        document["steps"] = past.steps.iter().map(step).collect::<Vec<Json>>().into();
        document["checks"] = past
            .checks
            .iter()
            .map(crate::check::document)
            .collect::<Vec<Json>>()
            .into();
        document["memory"] = peak::document(&past);
        out.document(&document)?;
        return Ok(DONE);
    }
    out.line(format_args!(
        "{}  {}",
        detail.summary.run,
        escape(&detail.summary.selection)
    ));
    for (asset, partition) in &detail.materialized {
        let partition = partition
            .as_ref()
            .map(|partition| format!(" {partition}"))
            .unwrap_or_default();
        out.line(format_args!(
            "  materialized {}",
            escape(&format!("{asset}{partition}"))
        ));
    }
    for failure in &detail.failures {
        let assets: Vec<String> = failure.assets.iter().map(ToString::to_string).collect();
        let partitions: Vec<String> = failure.partitions.iter().map(ToString::to_string).collect();
        let what = format!("{} {}", assets.join(", "), partitions.join(" "));
        out.line(format_args!(
            "  failed {}: {}",
            escape(what.trim()),
            escape(&failure.message)
        ));
    }
    for check in past.checks.iter().filter(|check| !check.passed) {
        let (of, verdict, found) = crate::check::told(check);
        out.line(format_args!(
            "  {verdict} {} `{}`{}",
            escape(&of),
            escape(&check.name),
            escape(&found)
        ));
    }
    peak::show(&past, out);
    Ok(DONE)
}

fn step(step: &PastStep) -> Json {
    let mut document = json!({
        "assets": step.assets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "partitions": step.partitions,
        "began_seconds": step.began.as_secs_f64(),
        "ended_seconds": step.ended.map(|ended| ended.as_secs_f64()),
        "attempts": step.attempts,
        "bytes_in": step.sizes.bytes_in,
        "rows_in": step.sizes.rows_in,
        "bytes": step.sizes.bytes,
        "rows": step.sizes.rows,
        "value_bytes": step.sizes.value_bytes,
        "requests": step.sizes.requests,
        "buffered_bytes": step.sizes.buffered,
        "peak_memory_bytes": step.record.as_ref().and_then(|record| record.peak_memory_bytes),
        "failed": step.failure.as_ref().map(|failure| &failure.message),
    });
    for (name, time) in step.phases.named() {
        document[format!("{name}_seconds")] = time.as_secs_f64().into();
    }
    document
}

/// `partitions`.
pub(crate) async fn partitions(pipeline: &Pipeline, wanted: &command::Partitions, out: &mut Out<'_>) -> Result<u8> {
    let catalog = pipeline.catalog().ok_or_else(no_catalog)?;
    match wanted {
        command::Partitions::List { dimension } => {
            let values = catalog.dynamic_keys(dimension).await?;
            if out.json {
                out.document(&values)?;
            } else {
                for value in values {
                    out.line(escape(&value));
                }
            }
        }
        command::Partitions::Add { dimension, values } => {
            catalog.add_dynamic_keys(dimension, values.iter().cloned()).await?;
            out.remark(format_args!(
                "{} of {dimension} there",
                units::counted(values.len() as u64, "value")
            ));
        }
        command::Partitions::Remove { dimension, values } => {
            catalog.remove_dynamic_keys(dimension, values.iter().cloned()).await?;
            out.remark(format_args!(
                "{} of {dimension} gone; what is stored stays",
                units::counted(values.len() as u64, "value")
            ));
        }
    }
    Ok(DONE)
}
