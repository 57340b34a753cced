//! The command line of a larder pipeline.
//!
//! | module | owns |
//! |---|---|
//! | `command` | what can be asked for, as clap reads it |
//! | `materialize`, `progress`, `summary` | running a selection, what is seen of it meanwhile, what came of it |
//! | `interrupt` | Ctrl-C and SIGTERM, for whatever can be stopped |
//! | `plan`, `status`, `runs` | what would be computed, what is there, what ran: by the catalogue |
//! | `check` | checks of what is published |
//! | `capacity`, `advise` | what it takes of memory, network and storage; which manager and format suit an asset |
//! | `past`, `peak`, `compare`, `report` | runs of the past, memory at its peak; two of them beside each other; one as a page |
//! | `lifecycle`, `copy`, `diff` | `delete`, `fsck`, `adopt`; `copy`, `promote`; two versions beside each other |
//! | `list`, `graph`, `show`, `history`, `gc`, `doctor`, `config` | one command each (`list` also explains, `history` also restores) |
//! | `table`, `cells`, `json`, `errors` | how tables, cells, documents and errors are shown |
//! | `output`, `text`, `units` | the two writers, text that is safe on a terminal, quantities for people |

mod advise;
mod capacity;
mod cells;
mod check;
mod command;
mod compare;
mod config;
mod copy;
mod diff;
mod doctor;
mod errors;
mod gc;
mod graph;
mod history;
mod interrupt;
mod json;
mod lifecycle;
mod limits;
mod list;
mod materialize;
mod optimize;
mod output;
mod past;
mod peak;
mod plan;
mod progress;
mod report;
mod runs;
mod show;
mod status;
mod summary;
mod table;
mod text;
mod units;

use command::{Arguments, Command, Materialize};
use larder_executor::{Definitions, Pipeline};
use larder_io_core::{Error, ErrorKind, Result};
use output::{Out, Screen};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Everything was done.
const DONE: u8 = 0;
/// An asset failed, or a value could not be loaded, restored or shown.
const FAILED: u8 = 1;
/// The command line or the definitions are wrong.
const WRONG: u8 = 2;
/// Stopped by Ctrl-C: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM: 128 and its number.
const TERMINATED: u8 = 143;

/// Blocking work that was cancelled may outlive its run; the process does not wait longer than this for it.
const LAST_WORK: Duration = Duration::from_secs(5);

/// Runs the command that the process was started with; without one, materializes everything.
///
/// The exit code is 0 when everything was done, 1 when an asset failed or a value could not be loaded or restored, 2 for
/// wrong usage or definitions, 130 after Ctrl-C, 143 after SIGTERM. A second signal does not wait for what the first one stops.
///
/// # Panics
/// When called from within a tokio runtime: it makes its own.
pub fn main(definitions: Definitions) -> ExitCode {
    // Not locked: asset code that prints would wait for the lock for ever.
    let (mut out, mut err) = (io::stdout(), io::stderr());
    ExitCode::from(start(
        definitions,
        std::env::args_os(),
        &mut out,
        &mut err,
        Screen::detect(),
    ))
}

/// Runs a command with the given arguments (the program's name first) and writers; `terminal` tells whether somebody
/// watches both of them. Returns the exit code, as [`main`] does.
///
/// # Panics
/// As [`main`].
pub fn run(
    definitions: Definitions,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    terminal: bool,
) -> u8 {
    start(definitions, args, out, err, Screen::assume(terminal))
}

fn start(
    definitions: Definitions,
    args: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    screen: Screen,
) -> u8 {
    let mut out = Out::new(out, err, screen);
    let code = match command::parse(args) {
        Err(told) => told.show(&mut out),
        Ok(Arguments {
            command,
            profile,
            json,
            quiet,
        }) => {
            (out.json, out.quiet) = (json, quiet);
            let definitions = match profile {
                Some(profile) => definitions.choose_profile(profile),
                None => definitions,
            };
            // Ends here where this process is a step of a run.
            larder_executor::serve_step(|| definitions.clone());
            carry_out(definitions, command, &mut out).unwrap_or_else(|error| {
                out.fail(&error);
                errors::exit_code(&error)
            })
        }
    };
    out.finish(code)
}

fn carry_out(definitions: Definitions, command: Option<Command>, out: &mut Out<'_>) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Unexpected, format!("cannot start the runtime: {error}")).with_source(error)
        })?;
    if let Some(Command::Doctor(wanted)) = &command {
        let code = runtime.block_on(doctor::doctor(definitions, wanted, out));
        match code {
            Ok(INTERRUPTED | TERMINATED) => runtime.shutdown_background(),
            _ => runtime.shutdown_timeout(LAST_WORK),
        }
        return code;
    }
    let mut source = None;
    let built = {
        // A backend may look for the runtime when it is opened.
        let _inside = runtime.enter();
        match &command {
            Some(Command::Config(wanted)) => return config::config(definitions, wanted, out),
            Some(Command::Copy(wanted)) => source = Some(copy::source(&definitions, &wanted.from)?),
            _ => {}
        }
        definitions.build()
    };
    let command = command.unwrap_or_else(|| Command::Materialize(Materialize::default()));
    let pipeline = with_catalog(built?, &command, out)?;
    let code = runtime.block_on(async {
        match command {
            Command::Materialize(wanted) => materialize::materialize(&pipeline, &wanted, out).await,
            Command::Plan(wanted) => plan::plan(&pipeline, &wanted, out).await,
            Command::Status { selection } => status::status(&pipeline, &selection, out).await,
            Command::Runs { run, limit } => runs::runs(&pipeline, run.as_deref(), limit, out).await,
            Command::Compare(wanted) => compare::compare(&pipeline, &wanted, out).await,
            Command::Report(wanted) => report::report(&pipeline, &wanted, out).await,
            Command::Partitions(wanted) => runs::partitions(&pipeline, &wanted, out).await,
            Command::Capacity(wanted) => capacity::capacity(&pipeline, &wanted, out).await,
            Command::Advise(wanted) => advise::advise(&pipeline, &wanted, out).await,
            Command::List => list::list(&pipeline, out),
            Command::Graph(wanted) => graph::graph(&pipeline, &wanted, out),
            Command::Show(wanted) => show::show(&pipeline, &wanted, out).await,
            Command::Explain(wanted) => list::explain(&pipeline, &wanted, out).await,
            Command::History { asset, partition } => {
                history::history(&pipeline, &asset, partition.as_deref(), out).await
            }
            Command::Restore {
                asset,
                version,
                partition,
            } => history::restore(&pipeline, &asset, partition.as_deref(), &version, out).await,
            Command::Copy(wanted) => match &source {
                Some(source) => copy::copy(&pipeline, source, &wanted, out).await,
                None => Ok(DONE),
            },
            Command::Promote(wanted) => copy::promote(&pipeline, &wanted, out).await,
            Command::Diff(wanted) => diff::diff(&pipeline, &wanted, out).await,
            Command::Delete(wanted) => lifecycle::delete(&pipeline, &wanted, out).await,
            Command::Fsck(wanted) => lifecycle::fsck(&pipeline, &wanted, out).await,
            Command::Adopt { selection } => {
                let wanted = command::Fsck {
                    selection,
                    verify: false,
                    mend: true,
                };
                lifecycle::fsck(&pipeline, &wanted, out).await
            }
            Command::Check(wanted) => check::check(&pipeline, &wanted, out).await,
            Command::Gc(wanted) => gc::gc(&pipeline, &wanted, out).await,
            Command::Optimize(wanted) => optimize::optimize(&pipeline, &wanted, out).await,
            Command::Vacuum(wanted) => gc::vacuum(&pipeline, &wanted, out).await,
            // They were carried out before the pipeline was built.
            Command::Config(_) | Command::Doctor(_) => Ok(DONE),
        }
    });
    match code {
        // Who stopped it does not want to wait for work that nobody needs.
        Ok(INTERRUPTED | TERMINATED) => runtime.shutdown_background(),
        _ => runtime.shutdown_timeout(LAST_WORK),
    }
    code
}

/// Opens the catalogue where the command needs it; who only looks makes no new one.
fn with_catalog(pipeline: Pipeline, command: &Command, out: &mut Out<'_>) -> Result<Pipeline> {
    match command {
        Command::Materialize(wanted) | Command::Plan(wanted) if wanted.no_catalog => Ok(pipeline),
        Command::Capacity(wanted) if wanted.given() => Ok(pipeline),
        Command::Check(wanted) => pipeline.open_catalog(!wanted.last),
        Command::Materialize(_)
        | Command::Partitions(_)
        | Command::Delete(_)
        | Command::Copy(_)
        | Command::Promote(_)
        | Command::Fsck(_)
        | Command::Adopt { .. } => pipeline.open_catalog(true),
        Command::Plan(_)
        | Command::Status { .. }
        | Command::Runs { .. }
        | Command::Compare(_)
        | Command::Report(_)
        | Command::Gc(_)
        | Command::Capacity(_)
        | Command::Advise(_) => pipeline.open_catalog(false),
        // They tell as much as they can without one.
        Command::Show(_)
        | Command::Explain(_)
        | Command::History { .. }
        | Command::Diff(_)
        | Command::Restore { .. } => {
            let open = pipeline.clone().open_catalog(false);
            Ok(open.unwrap_or_else(|error| {
                out.warn(error.message());
                pipeline
            }))
        }
        _ => Ok(pipeline),
    }
}
