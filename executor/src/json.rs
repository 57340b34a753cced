//! Events as JSON, for other programs: what `materialize --json` prints, and observers write.
//!
//! Keys of assets and partitions are text (`clean/flights`), times are seconds, sizes are bytes. Every document has a field
//! `event`; what the others are called says the table.
//!
//! | `event` | fields |
//! |---|---|
//! | `run_started` | `run`, `assets`, `calls` |
//! | `step_started`, `step_fresh` | `assets`, `partitions` |
//! | `input_loaded` | `asset`, `partitions`, `input`, `missing`, `seconds` |
//! | `computed` | `assets`, `partitions`, `seconds` |
//! | `store_started` | `asset`, `partition` |
//! | `materialized` | `asset`, `partition`, `run`, `version`, `uri`, `compute_seconds`, `load_seconds`, `store_seconds`, `peak_memory_bytes`, `overlapped`, `measures`, `metadata`, `receipt` |
//! | `checked` | `asset`, `partition`, `run`, `name`, `passed`, `severity`, `blocking`, `message`, `metadata`, `seconds` |
//! | `log` | `asset`, `partitions`, `level`, `message` |
//! | `step_retried` | `assets`, `partitions`, `attempt`, `seconds` until the next one, `error` |
//! | `step_failed` | `assets`, `partitions`, `error` |
//! | `step_skipped` | `assets`, `partitions`, `because` |
//! | `resource_opened` | `resource`, `attempts`, `seconds` |
//! | `resource_retried` | `resource`, `attempt`, `seconds` until the next one, `error` |
//! | `resource_closed` | `resource`, `seconds`, `error` |
//! | `run_finished` | `run`, `succeeded`, `failed`, `skipped`, `seconds` |

use crate::check::Checked;
use crate::event::{Event, Materialization};
use larder_io_core::{AssetKey, Error, Receipt, RunId};
use serde_json::{Value as Json, json};

fn keys(keys: &[AssetKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

/// What an error says beyond its message, each cause once.
pub fn causes(error: &Error) -> Vec<String> {
    let mut said = error.message().to_owned();
    let mut new = Vec::new();
    for cause in error.causes() {
        if !said.ends_with(&cause) {
            said.clone_from(&cause);
            new.push(cause);
        }
    }
    new
}

/// A receipt.
pub fn receipt(receipt: &Receipt) -> Json {
    json!({
        "asset": receipt.asset.to_string(),
        "partition": receipt.partition.as_ref().map(ToString::to_string),
        "version": receipt.version.as_str(),
        "uri": receipt.uri,
        "location": receipt.location.as_str(),
        "form": receipt.form,
        "format": receipt.format,
        "bytes": receipt.bytes,
        "rows": receipt.rows,
        "content_hash": receipt.content_hash,
        "stored_hash": receipt.stored_hash,
        "stored_at": receipt.stored_at.to_string(),
        "run": receipt.run.as_str(),
        "write": receipt.write.as_str(),
        "code_version": receipt.code_version,
        "seconds": receipt.duration.as_secs_f64(),
    })
}

/// An error.
pub fn error(error: &Error) -> Json {
    let context: serde_json::Map<String, Json> = error
        .contexts()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    json!({
        "kind": format!("{:?}", error.kind()),
        "message": error.message(),
        "context": context,
        "causes": causes(error),
        "attempts": error.attempts(),
    })
}

/// A check of one value.
pub fn checked(made: &Checked) -> Json {
    json!({
        "asset": made.asset.to_string(),
        "partition": made.partition.as_ref().map(ToString::to_string),
        "run": made.run.as_ref().map(RunId::as_str),
        "name": made.name,
        "passed": made.passed,
        "severity": made.severity,
        "blocking": made.blocking,
        "message": made.message,
        "metadata": made.metadata,
        "seconds": made.duration.as_secs_f64(),
    })
}

fn materialization(made: &Materialization) -> Json {
    json!({
        "event": "materialized",
        "asset": made.asset.to_string(),
        "partition": made.partition.as_ref().map(ToString::to_string),
        "run": made.run.as_str(),
        "version": made.version,
        "uri": made.uri,
        "compute_seconds": made.compute.as_secs_f64(),
        "load_seconds": made.load.as_secs_f64(),
        "store_seconds": made.store.as_secs_f64(),
        "peak_memory_bytes": made.peak_memory,
        "overlapped": made.overlapped,
        "measures": made.measures,
        "metadata": made.metadata,
        "receipt": made.receipt.as_ref().map(receipt),
    })
}

/// An event of a run.
pub fn event(event: &Event) -> Json {
    match event {
        Event::RunStarted { run, assets, calls } => {
            json!({ "event": "run_started", "run": run, "assets": keys(assets), "calls": calls })
        }
        Event::StepStarted { assets, partitions } => {
            json!({ "event": "step_started", "assets": keys(assets), "partitions": partitions })
        }
        Event::StepFresh { assets, partitions } => {
            json!({ "event": "step_fresh", "assets": keys(assets), "partitions": partitions })
        }
        Event::InputLoaded {
            asset,
            partitions,
            input,
            missing,
            duration,
        } => json!({
            "event": "input_loaded",
            "asset": asset.to_string(),
            "partitions": partitions,
            "input": input.to_string(),
            "missing": missing,
            "seconds": duration.as_secs_f64(),
        }),
        Event::Computed {
            assets,
            partitions,
            duration,
        } => json!({
            "event": "computed",
            "assets": keys(assets),
            "partitions": partitions,
            "seconds": duration.as_secs_f64(),
        }),
        Event::StoreStarted { asset, partition, .. } => json!({
            "event": "store_started",
            "asset": asset.to_string(),
            "partition": partition.as_ref().map(ToString::to_string),
        }),
        Event::Materialized(made) => materialization(made),
        Event::Checked(made) => {
            let mut json = checked(made);
            json["event"] = "checked".into();
            json
        }
        Event::Log {
            asset,
            partitions,
            level,
            message,
        } => json!({
            "event": "log",
            "asset": asset.to_string(),
            "partitions": partitions,
            "level": level,
            "message": message,
        }),
        Event::StepFailed {
            assets,
            partitions,
            error: failure,
        } => json!({
            "event": "step_failed",
            "assets": keys(assets),
            "partitions": partitions,
            "error": error(failure),
        }),
        Event::StepRetried {
            assets,
            partitions,
            attempt,
            delay,
            error: failure,
        } => json!({
            "event": "step_retried",
            "assets": keys(assets),
            "partitions": partitions,
            "attempt": attempt,
            "seconds": delay.as_secs_f64(),
            "error": error(failure),
        }),
        Event::StepSkipped {
            assets,
            partitions,
            because,
        } => json!({
            "event": "step_skipped",
            "assets": keys(assets),
            "partitions": partitions,
            "because": because.to_string(),
        }),
        Event::ResourceOpened {
            resource,
            attempts,
            duration,
        } => json!({
            "event": "resource_opened",
            "resource": resource,
            "attempts": attempts,
            "seconds": duration.as_secs_f64(),
        }),
        Event::ResourceRetried {
            resource,
            attempt,
            delay,
            error: failure,
        } => json!({
            "event": "resource_retried",
            "resource": resource,
            "attempt": attempt,
            "seconds": delay.as_secs_f64(),
            "error": error(failure),
        }),
        Event::ResourceClosed {
            resource,
            duration,
            error: failure,
        } => json!({
            "event": "resource_closed",
            "resource": resource,
            "seconds": duration.as_secs_f64(),
            "error": failure.as_deref().map(error),
        }),
        Event::RunFinished {
            run,
            counts: [succeeded, failed, skipped],
            duration,
        } => json!({
            "event": "run_finished",
            "run": run,
            "succeeded": succeeded,
            "failed": failed,
            "skipped": skipped,
            "seconds": duration.as_secs_f64(),
        }),
    }
}
