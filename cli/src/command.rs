//! What can be asked for.

use crate::output::Out;
use crate::units;
use crate::{DONE, WRONG};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use larder_executor::Executor;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

/// Materializes the assets of this pipeline and looks at what is stored. Without a command it materializes everything.
#[derive(Debug, Parser)]
#[command(version = concat!("(larder ", env!("CARGO_PKG_VERSION"), ")"))]
#[command(
    after_help = "Exit codes: 0 done, 1 an asset failed, 2 wrong usage or definitions, 130 interrupted (143 by SIGTERM)."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The profile of larder.toml; it goes before LARDER_PROFILE
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print JSON: events line by line while materializing, else one document
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print results and errors only: no progress, no summary
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute assets and store them
    Materialize(Materialize),
    /// Tell what `materialize` would compute with the same options, and why, without computing anything
    Plan(Materialize),
    /// Show what is materialized, of assets with partitions which of them; of one asset a grid
    Status {
        /// Assets, as for `materialize`; default everything
        selection: Vec<String>,
    },
    /// List runs, the last first, or show one of them
    Runs {
        /// The run: `last`, `previous`, or a beginning of its id
        run: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Tell what got slower or larger from one run to another, and what to turn
    Compare(crate::compare::Compare),
    /// Write a page that shows a run: graph, timeline, errors, each asset over runs; one HTML file
    Report(crate::report::Report),
    /// Look after partitions that come and go: those of `Partitioning::dynamic`
    #[command(subcommand)]
    Partitions(Partitions),
    /// List the assets
    List,
    /// Show which asset is made from which
    Graph(crate::graph::Shown),
    /// Show the stored value of an asset, or the rows of a query over all of them
    Show(Show),
    /// Tell where an asset is stored, and why there
    Explain(crate::list::Explain),
    /// List the stored versions of an asset, in the order they were made, newest first; `*` marks the published one
    History {
        /// The asset
        asset: String,
        /// The partition, of an asset that has some
        #[arg(long, value_name = "KEY")]
        partition: Option<String>,
    },
    /// Publish an old version again; the one it replaces is kept
    Restore {
        /// The asset
        asset: String,
        /// The version, or a beginning of it that fits no other
        version: String,
        /// The partition, of an asset that has some
        #[arg(long, value_name = "KEY")]
        partition: Option<String>,
    },
    /// Copy values from another I/O manager, format or profile to where this one keeps them, and compare their hashes
    Copy(Copy),
    /// Publish what a branch has of its own in its parent profile
    Promote(Copied),
    /// Tell what differs between two versions of an asset
    Diff(crate::diff::Diff),
    /// Delete the published value of an asset or of its partitions, and record that
    Delete(Delete),
    /// Compare the catalogue with what is stored: missing, unrecorded, foreign, changed, damaged
    Fsck(Fsck),
    /// Record what is stored and not in the catalogue: `fsck --mend`
    Adopt {
        /// Assets, as for `materialize`; default everything
        selection: Vec<String>,
    },
    /// Make the checks of what is published, or tell what they said last
    Check(crate::check::Check),
    /// Remove what crashed writes left behind, and versions that retention keeps no longer
    Gc(Gc),
    /// Rewrite the files of a Delta table: few large ones, in place of many small ones
    Optimize(crate::optimize::Optimize),
    /// Remove files of Delta tables that only old versions need, or none
    Vacuum(Vacuum),
    /// Examine the I/O managers: reach each, write, read back and delete a probe, and tell what could be better
    Doctor(Doctor),
    /// Compute memory, network, storage and settings that it takes, by history or by given sizes, each with its formula
    Capacity(crate::capacity::Capacity),
    /// Recommend a manager and a format for each asset, by its size and how often it is used
    Advise(crate::advise::Advise),
    /// Look at the configuration outside of the code: larder.toml
    #[command(subcommand)]
    Config(Config),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Partitions {
    /// List the values of a dimension
    List {
        /// The dimension
        dimension: String,
    },
    /// Add values; those that are there already stay where they are
    Add {
        /// The dimension
        dimension: String,
        /// The values
        #[arg(required = true)]
        values: Vec<String>,
    },
    /// Remove values; what is stored of them stays
    Remove {
        /// The dimension
        dimension: String,
        /// The values
        #[arg(required = true)]
        values: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Read it, open every I/O manager, and tell what would be used
    Check,
    /// Print the JSON schema of the file, for editors
    Schema,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Materialize {
    /// Assets: `a`, `+a` (and what it needs), `a+` (and what needs it), `group:reports`, `reports/*`; default everything
    pub(crate) selection: Vec<String>,
    /// Partitions, of the assets named; what depends on them follows: `2024-01-31`, `2024-01-01..2024-03-31`, `2024-*`,
    /// `date=2024-01-01..,region=eu|us`; default all that exist
    #[arg(long, value_name = "SELECTION")]
    pub(crate) partitions: Option<String>,
    /// Only what is not stored as it would be made again: its code, place or inputs are others, or it is missing
    #[arg(long, conflicts_with = "missing")]
    pub(crate) stale: bool,
    /// Only what is not stored
    #[arg(long)]
    pub(crate) missing: bool,
    /// Count every other build of this program as changed code
    #[arg(long)]
    pub(crate) build_id: bool,
    /// Neither read nor write the catalogue
    #[arg(long, conflicts_with = "stale")]
    pub(crate) no_catalog: bool,
    /// How many partitions one call of a function makes at most, if it returns many; default all
    #[arg(long, value_name = "N")]
    pub(crate) partitions_per_call: Option<NonZeroUsize>,
    /// Make them in several runs, of so many partitions each, one after another: 1 for a run of its own for each; one asset at a time. Default one run
    #[arg(long, value_name = "N")]
    pub(crate) partitions_per_run: Option<NonZeroUsize>,
    /// Publish over a value that somebody else changed since the run began, or that larder did not write
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) limits: crate::limits::Limits,
    /// How often a computation that failed is tried again, of assets that do not say themselves; default not at all
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// How long an attempt at a step may take, of assets that do not say themselves: `30s`, `10m`; default as long as it likes
    #[arg(long, value_name = "DURATION", value_parser = units::parse_limit)]
    pub(crate) step_timeout: Option<Duration>,
    /// How long the run may take; what has not been published then has failed
    #[arg(long, value_name = "DURATION", value_parser = units::parse_limit)]
    pub(crate) timeout: Option<Duration>,
    /// What failed in a run, or was skipped because of that, with its selection and partitions: its id, a beginning of it, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["selection", "partitions", "partitions_per_run", "no_catalog"])]
    pub(crate) from_failure: Option<String>,
    /// Who is told what happens, and where, as in `[observe]`: `json_lines=events.ndjson`; may be given several times
    #[arg(long, value_name = "OBSERVER=TARGET", value_parser = parse_observer)]
    pub(crate) observe: Vec<(String, String)>,
    /// Where steps are executed: in_process, threads, processes; default in_process
    #[arg(long, value_name = "EXECUTOR")]
    pub(crate) executor: Option<Executor>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The asset
    #[arg(required_unless_present = "sql", conflicts_with = "sql")]
    pub(crate) asset: Option<String>,
    /// A query over the tables of all assets: "select carrier, avg(delay) from reports.delays group by carrier"
    #[arg(long, value_name = "QUERY", conflicts_with = "version")]
    pub(crate) sql: Option<String>,
    /// The partition, of an asset that has some; tables are shown whole without it
    #[arg(long, value_name = "KEY", conflicts_with = "sql")]
    pub(crate) partition: Option<String>,
    /// How many rows of a table
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) head: usize,
    /// An old version, or a beginning of it that fits no other
    #[arg(long, value_name = "V")]
    pub(crate) version: Option<String>,
}

/// What is copied, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Copied {
    /// Assets, as for `materialize`; default everything
    pub(crate) selection: Vec<String>,
    /// Which partitions, of assets that have some: as for `materialize`; default every one that is stored
    #[arg(long, value_name = "SELECTION")]
    pub(crate) partitions: Option<String>,
    /// Only tell what would be copied
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also over values that larder did not write
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Copy {
    #[command(flatten)]
    pub(crate) from: From,
    #[command(flatten)]
    pub(crate) what: Copied,
}

/// Where values are copied from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct From {
    /// The key of an I/O manager, or a URL such as `file:old/storage?table=csv`
    #[arg(long, value_name = "WHERE")]
    pub(crate) from: Option<String>,
    /// A profile of larder.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) from_profile: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// The asset
    pub(crate) asset: String,
    /// Which partitions, of an asset that has some: as for `materialize`; `all` for all
    #[arg(long, value_name = "SELECTION")]
    pub(crate) partitions: Option<String>,
    /// Only tell what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Fsck {
    /// Assets, as for `materialize`; default everything
    pub(crate) selection: Vec<String>,
    /// Read every value and compare its hash
    #[arg(long)]
    pub(crate) verify: bool,
    /// Bring the catalogue to what is stored; values are never changed
    #[arg(long)]
    pub(crate) mend: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Gc {
    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave what is younger: a write that still runs must not look abandoned (30s, 10m, 24h, 7d)
    #[arg(long, value_name = "AGE", default_value = "24h", value_parser = units::parse_age)]
    pub(crate) older_than: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Vacuum {
    /// Assets; default all that are kept in Delta tables
    pub(crate) assets: Vec<String>,
    /// Leave files that a version needed so lately (30s, 10m, 24h, 7d); default what the table says, else 7 days
    #[arg(long, value_name = "AGE", value_parser = units::parse_age)]
    pub(crate) retention: Option<Duration>,
    /// Also with a shorter retention than the table says: readers of old versions and long writes fail
    #[arg(long, requires = "retention")]
    pub(crate) force: bool,
    /// Only tell what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Keys of I/O managers; default all, also those that no asset uses
    pub(crate) io_managers: Vec<String>,
    /// Write a large value as well, of so many MiB: more than `part_bytes`, so that it is written in parts
    #[arg(long, value_name = "MIB", num_args = 0..=1, require_equals = true, default_missing_value = "32")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) large: Option<u32>,
}

/// A name and what stands behind the first equals sign.
fn parse_observer(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, to)) if !name.is_empty() && !to.is_empty() => Ok((name.to_owned(), to.to_owned())),
        _ => Err("an observer and its target are written as `json_lines=events.ndjson`".to_owned()),
    }
}

/// What clap tells instead of arguments: help, the version, or what is wrong.
pub(crate) struct Told(clap::Error);

impl Told {
    /// Shows it and returns the exit code.
    pub(crate) fn show(self, out: &mut Out<'_>) -> u8 {
        let styled = self.0.render();
        let text = |colour: bool| {
            if colour {
                styled.ansi().to_string()
            } else {
                styled.to_string()
            }
        };
        match self.0.exit_code() {
            0 => {
                let text = text(out.screen.colour_out);
                out.raw(text.as_bytes());
                DONE
            }
            _ => {
                let text = text(out.screen.colour_err);
                out.tell(text.trim_end());
                if let Some(name) = self.stranger() {
                    out.tell(format_args!(
                        "\n  tip: to materialize an asset, write `materialize {name}`"
                    ));
                }
                WRONG
            }
        }
    }

    /// What was written in the place of a command.
    fn stranger(&self) -> Option<&str> {
        match (self.0.kind(), self.0.get(ContextKind::InvalidSubcommand)) {
            (ErrorKind::InvalidSubcommand, Some(ContextValue::String(name))) => Some(name),
            _ => None,
        }
    }
}

/// Reads arguments, the program's name first; help calls the program by the name of its file.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, Told> {
    let mut args = args.into_iter();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or("larder")
        .to_owned();
    let command = Arguments::command().bin_name(name.clone()).display_name(name);
    let matches = command
        .try_get_matches_from(std::iter::once(program).chain(args))
        .map_err(Told)?;
    Arguments::from_arg_matches(&matches).map_err(Told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }
}
