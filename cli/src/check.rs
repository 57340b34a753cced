//! Checks of what is published, and what they said last.

use crate::interrupt::Interrupts;
use crate::materialize::{LAST_MOMENT, let_go};
use crate::output::{Out, RED, YELLOW, paint};
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, FAILED, json as documents, materialize, units};
use larder_catalog::Happening;
use larder_executor::{CheckInfo, CheckOptions, CheckReport, Checked, Pipeline, Severity, Stop};
use larder_io_core::{AssetKey, Error, ErrorKind, Result};
use serde_json::json;

/// Events of an asset that are looked through for what its checks said last.
const LOOKED_THROUGH: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Assets, as for `materialize`, external ones too; default every asset that has checks
    pub(crate) selection: Vec<String>,
    /// Which partitions; default all in which something is stored
    #[arg(long, value_name = "WHICH")]
    pub(crate) partitions: Option<String>,
    /// Make no checks: list them, with what each said last
    #[arg(long, conflicts_with = "partitions")]
    pub(crate) last: bool,
}

/// `check`.
pub(crate) async fn check(pipeline: &Pipeline, wanted: &Check, out: &mut Out<'_>) -> Result<u8> {
    let selection = materialize::selection(pipeline, &wanted.selection);
    if wanted.last {
        return last(pipeline, pipeline.checks_of(selection)?, out).await;
    }
    let mut options = CheckOptions::default();
    options.partitions.clone_from(&wanted.partitions);
    let (report, interrupted) = made(pipeline, selection, options).await?;
    let named = !wanted.selection.is_empty() || wanted.partitions.is_some();
    let missing: Vec<String> = report.missing.iter().map(ToString::to_string).collect();
    let code = match (interrupted, report.succeeded() && (missing.is_empty() || !named)) {
        (Some(code), _) => code,
        (None, true) => DONE,
        (None, false) => FAILED,
    };
    if out.json {
        let checked: Vec<_> = report
            .checked
            .iter()
            .map(|made| larder_executor::json::checked(made))
            .collect();
        let unclosed: Vec<_> = report.unclosed.iter().map(|error| documents::error(error)).collect();
        out.document(&json!({
            "checked": checked,
            "missing": missing,
            "unclosed": unclosed,
            "interrupted": interrupted.is_some(),
        }))?;
        return Ok(code);
    }
    let rows: Vec<[String; 6]> = report.checked.iter().map(|made| row(made)).collect();
    if !rows.is_empty() {
        let (left, right) = (Side::Left, Side::Right);
        let header = [
            ("asset", left),
            ("partition", left),
            ("check", left),
            ("result", left),
            ("took", right),
            ("found", left),
        ];
        out.line(columns(header, &rows));
    }
    for error in &report.unclosed {
        out.warn(error.message());
    }
    for of in &missing {
        out.tell(format_args!("nothing is stored for {}", escape(of)));
    }
    let wrong = report.checked.iter().filter(|made| made.is_wrong()).count();
    let warned = report.checked.iter().filter(|made| !made.passed).count() - wrong;
    out.remark(format_args!(
        "{} made: {} failed, {}",
        units::counted(report.checked.len() as u64, "check"),
        wrong,
        units::counted(warned as u64, "warning")
    ));
    if interrupted.is_some() {
        out.tell("interrupted; the checks that were made are recorded");
    }
    Ok(code)
}

/// Makes the checks, until Ctrl-C or SIGTERM: resources are closed then too, and the answer has the exit code.
async fn made(
    pipeline: &Pipeline,
    selection: larder_executor::Selection,
    mut options: CheckOptions,
) -> Result<(CheckReport, Option<u8>)> {
    let (mut interrupts, stop) = (Interrupts::listen(), Stop::new());
    options.stop = Some(stop.clone());
    let pipeline = pipeline.clone();
    let last_moment = LAST_MOMENT.saturating_add(pipeline.closing_time());
    // A task of its own: Ctrl-C is heard also while a check keeps its thread.
    let mut checking = tokio::spawn(async move { pipeline.check(selection, options).await });
    let (ended, interrupted) = tokio::select! {
        biased;
        code = interrupts.next() => {
            stop.stop();
            (let_go(&mut checking, &mut interrupts, last_moment).await, Some(code))
        }
        ended = &mut checking => (Some(ended), None),
    };
    match ended {
        Some(Ok(report)) => Ok((report?, interrupted)),
        Some(Err(stopped)) => {
            Err(Error::new(ErrorKind::Unexpected, format!("the checks stopped: {stopped}")).with_source(stopped))
        }
        // It did not let go.
        None => Ok((CheckReport::default(), interrupted)),
    }
}

fn row(made: &Checked) -> [String; 6] {
    [
        made.asset.to_string(),
        made.partition.as_ref().map(ToString::to_string).unwrap_or_default(),
        made.name.clone(),
        verdict(made.passed, made.severity).to_owned(),
        units::duration(made.duration),
        made.message.clone().unwrap_or_default(),
    ]
}

fn verdict(passed: bool, severity: Severity) -> &'static str {
    match (passed, severity) {
        (true, _) => "passed",
        (false, Severity::Error) => "failed",
        (false, Severity::Warn) => "warning",
    }
}

/// The line of a check in a run; one that passes needs no word.
pub(crate) fn described(made: &Checked, colour: bool) -> Option<String> {
    if made.passed {
        return None;
    }
    let word = match (made.severity, made.blocks()) {
        (Severity::Warn, _) => paint(colour, YELLOW, "warning"),
        (Severity::Error, true) => paint(colour, RED, "blocked"),
        (Severity::Error, false) => paint(colour, RED, "check failed"),
    };
    let of = match &made.partition {
        Some(partition) => format!("{} {partition}", made.asset),
        None => made.asset.to_string(),
    };
    Some(format!("{word} {} {}", escape(&of), escape(&made.text())))
}

/// What a recorded check was of, its verdict, and what it found.
pub(crate) fn told(check: &larder_catalog::Check) -> (String, &'static str, String) {
    let of = match &check.partition {
        Some(partition) => format!("{} {partition}", check.asset),
        None => check.asset.to_string(),
    };
    let verdict = match (check.passed, check.warning, check.blocking) {
        (true, ..) => "passed",
        (false, true, _) => "warning",
        (false, false, true) => "blocked",
        (false, false, false) => "check failed",
    };
    let found = check.message.as_deref().map(|found| format!(": {found}"));
    (of, verdict, found.unwrap_or_default())
}

/// A recorded check as JSON.
pub(crate) fn document(check: &larder_catalog::Check) -> serde_json::Value {
    json!({
        "asset": check.asset.to_string(),
        "partition": check.partition.as_ref().map(ToString::to_string),
        "name": check.name,
        "passed": check.passed,
        "severity": if check.warning { Severity::Warn } else { Severity::Error },
        "blocking": check.blocking,
        "at": check.at.to_string(),
        "message": check.message,
        "metadata": check.metadata,
    })
}

async fn last(pipeline: &Pipeline, checks: Vec<CheckInfo>, out: &mut Out<'_>) -> Result<u8> {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    // Checks of one asset stand together: its history is read once.
    let mut read: Option<(AssetKey, Vec<larder_catalog::Check>)> = None;
    for check in checks {
        if read.as_ref().is_none_or(|(asset, _)| *asset != check.asset) {
            let history = match pipeline.catalog() {
                Some(catalog) => catalog.history(&check.asset, None, LOOKED_THROUGH).await?,
                None => Vec::new(),
            };
            let said = history.into_iter().filter_map(|happening| match happening {
                Happening::Checked(said) => Some(said),
                _ => None,
            });
            read = Some((check.asset.clone(), said.collect()));
        }
        let said = read
            .iter()
            .flat_map(|(_, said)| said)
            .find(|said| said.name == check.name)
            .cloned();
        let severity = said.as_ref().map_or(check.severity, |said| match said.warning {
            true => Severity::Warn,
            false => Severity::Error,
        });
        if out.json {
            documents.push(json!({
                "check": check,
                "last": said.as_ref().map(|said| json!({
                    "partition": said.partition.as_ref().map(ToString::to_string),
                    "run": said.run,
                    "at": said.at.to_string(),
                    "passed": said.passed,
                    "severity": severity,
                    "message": said.message,
                    "metadata": said.metadata,
                })),
            }));
            continue;
        }
        rows.push([
            check.asset.to_string(),
            check.name,
            if check.blocking {
                "yes".to_owned()
            } else {
                String::new()
            },
            said.as_ref()
                .map_or("never made", |said| verdict(said.passed, severity))
                .to_owned(),
            said.as_ref().map(|said| units::when(said.at)).unwrap_or_default(),
            said.and_then(|said| said.message)
                .or(check.description)
                .unwrap_or_default(),
        ]);
    }
    if out.json {
        out.document(&documents)?;
        return Ok(DONE);
    }
    let header = ["asset", "check", "blocking", "last", "when", "what"].map(|name| (name, Side::Left));
    out.line(columns(header, &rows));
    Ok(DONE)
}
