//! Examining the I/O managers.

use crate::interrupt::Interrupts;
use crate::output::{GREEN, Out, RED, YELLOW, paint};
use crate::table::{Side, columns};
use crate::text::{escape, escape_lines};
use crate::{DONE, FAILED, command, errors, json, units};
use larder_executor::{Checkup, Definitions, Diagnosis, DoctorOptions, Examination, Verdict};
use larder_io_core::{Error, Result};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How long removing what was written may take after Ctrl-C or SIGTERM.
const LAST_MOMENT: Duration = Duration::from_secs(10);
/// Where it lies.
const LEFT: &str = "larder-doctor-<random id>";

/// `doctor [MANAGER..]`.
pub(crate) async fn doctor(definitions: Definitions, wanted: &command::Doctor, out: &mut Out<'_>) -> Result<u8> {
    let mut options = DoctorOptions::default();
    options.large = wanted.large.map(|mebibytes| u64::from(mebibytes) << 20);
    // The exit code by which it was interrupted, or 0.
    let interrupted = AtomicU8::new(DONE);
    let mut interrupts = Interrupts::listen();
    let stop = async {
        interrupted.store(interrupts.next().await, Ordering::Relaxed);
    };
    let checkup = tokio::select! {
        // Both must hear the first Ctrl-C.
        biased;
        code = given_up() => {
            match out.json {
                true => out.tell(json!({ "interrupted": true, "left": LEFT })),
                false => out.tell(format_args!("interrupted; what was written to examine may be left at `{LEFT}`")),
            }
            return Ok(code);
        }
        checkup = definitions.doctor(&wanted.io_managers, &options, stop) => checkup?,
    };
    let code = interrupted.into_inner();
    let interrupted = code != DONE;
    match out.json {
        true => out.document(&document(&checkup, interrupted))?,
        false => tell(&checkup, interrupted, out),
    }
    let wrong = count(&checkup, Verdict::Wrong) > 0;
    Ok(match (interrupted, wrong) {
        (true, _) => code,
        (false, true) => FAILED,
        (false, false) => DONE,
    })
}

/// Ends when nobody wants to wait any longer for what was written to be removed.
async fn given_up() -> u8 {
    let mut interrupts = Interrupts::listen();
    let code = interrupts.next().await;
    tokio::select! {
        _ = interrupts.next() => {}
        () = tokio::time::sleep(LAST_MOMENT) => {}
    }
    code
}

fn count(checkup: &Checkup, verdict: Verdict) -> usize {
    checkup
        .diagnoses
        .iter()
        .filter(|diagnosis| diagnosis.verdict() == verdict)
        .count()
}

fn document(checkup: &Checkup, interrupted: bool) -> Json {
    let managers: Vec<Json> = checkup.diagnoses.iter().map(diagnosis).collect();
    json!({
        "interrupted": interrupted,
        "io_managers": managers,
    })
}

fn diagnosis(diagnosis: &Diagnosis) -> Json {
    let examined: Vec<Json> = diagnosis
        .examined
        .iter()
        .map(|examination| {
            json!({
                "what": examination.what,
                "verdict": examination.verdict,
                "answer": examination.answer,
                "advice": examination.advice,
                "seconds": examination.took.map(|took| took.as_secs_f64()),
                "error": examination.error.as_ref().map(json::error),
            })
        })
        .collect();
    json!({
        "io_manager": diagnosis.io_manager,
        "root": diagnosis.root,
        "verdict": diagnosis.verdict(),
        "examined": examined,
    })
}

fn tell(checkup: &Checkup, interrupted: bool, out: &mut Out<'_>) {
    for diagnosis in &checkup.diagnoses {
        out.line(headline(diagnosis));
        out.line(table(diagnosis));
        for examination in &diagnosis.examined {
            details(examination, out);
        }
        out.line("");
    }
    if interrupted {
        return out.tell("interrupted; what was written to examine was removed where it says so");
    }
    let examined = units::counted(checkup.diagnoses.len() as u64, "I/O manager");
    let parts: Vec<String> = [(Verdict::Wrong, "wrong"), (Verdict::Advised, "with advice")]
        .into_iter()
        .map(|(verdict, how)| (count(checkup, verdict), how))
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{count} {how}"))
        .collect();
    out.remark(match parts.as_slice() {
        [] => format!("{examined} examined, nothing is wrong"),
        parts => format!("{examined} examined, {}", parts.join(", ")),
    });
}

fn headline(diagnosis: &Diagnosis) -> String {
    match diagnosis.root.as_str() {
        "" => escape(&diagnosis.io_manager).into_owned(),
        root => escape(&format!("{} ({root})", diagnosis.io_manager)).into_owned(),
    }
}

fn table(diagnosis: &Diagnosis) -> String {
    let rows: Vec<[String; 4]> = diagnosis
        .examined
        .iter()
        .map(|examination| {
            [
                examination.what.to_owned(),
                examination.verdict.name().to_owned(),
                examination.took.map(units::duration).unwrap_or_default(),
                answer(examination),
            ]
        })
        .collect();
    let header = [
        ("examined", Side::Left),
        ("is", Side::Left),
        ("time", Side::Right),
        ("answer", Side::Left),
    ];
    columns(header, &rows)
}

/// One line; the whole error stands below.
fn answer(examination: &Examination) -> String {
    match &examination.error {
        Some(error) => format!("{}: {:?}", examination.answer, error.kind()),
        None => examination.answer.clone(),
    }
}

/// The error and what to do, below the table.
fn details(examination: &Examination, out: &mut Out<'_>) {
    let colour = match examination.verdict {
        Verdict::Fine | Verdict::Skipped => GREEN,
        Verdict::Advised => YELLOW,
        Verdict::Wrong => RED,
    };
    let name = paint(out.screen.colour_out, colour, examination.what);
    if let Some(error) = &examination.error {
        out.line(format_args!("  {name}: {}", message(error)));
    }
    if let Some(advice) = &examination.advice {
        out.line(format_args!("  {name}: {}", indented(advice)));
    }
}

/// What is wrong and what caused it; which asset, manager and run it was is known here.
fn message(error: &Error) -> String {
    let causes = errors::causes(error).into_iter();
    let causes = causes.map(|cause| format!("\n    caused by: {}", indented(&cause)));
    let attempts = match error.attempts() {
        0 | 1 => String::new(),
        attempts => format!(" (after {attempts} attempts)"),
    };
    format!("{}{attempts}{}", indented(error.message()), causes.collect::<String>())
}

fn indented(text: &str) -> String {
    escape_lines(text.trim_end()).replace('\n', "\n    ")
}
