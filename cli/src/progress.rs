//! What is seen of a run while it runs: bars on a terminal, lines elsewhere, events for programs.

use crate::output::{GREEN, Out, RED, YELLOW, paint};
use crate::text::{escape, escape_lines};
use crate::{json, units};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use larder_executor::event::Progress;
use larder_executor::{Event, Level, Materialization, Observer};
use larder_io_core::{AssetKey, PartitionKey};
use larder_partitions::PartitionSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Loading that took less is not worth a word.
const NOTABLE: Duration = Duration::from_millis(5);

/// Hands events over to whoever writes, because a run's tasks must not wait for a terminal.
pub(crate) struct Forward(pub(crate) UnboundedSender<Event>);

impl Observer for Forward {
    fn on_event(&self, event: &Event) {
        // Nobody listens after an interruption.
        let _ = self.0.send(event.clone());
    }
}

/// One running step.
struct Running {
    assets: Vec<AssetKey>,
    partitions: Option<PartitionSet>,
    left: u64,
    bar: ProgressBar,
    storing: Option<(AssetKey, Arc<Progress>, Instant)>,
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: Vec<Running>,
}

/// Shows a run.
pub(crate) struct Watch {
    bars: Option<Bars>,
    planned: usize,
    pub(crate) published: usize,
}

impl Watch {
    pub(crate) fn new(out: &Out<'_>) -> Self {
        let all = (out.screen.err && !out.json && !out.quiet).then(MultiProgress::new);
        // Said to be a terminal and not one: then nothing would be drawn at all.
        let bars = all.filter(|all| !all.is_hidden()).map(|all| {
            let total = all.add(ProgressBar::new_spinner().with_style(style("{wide_msg}")));
            Bars {
                all,
                total,
                running: Vec::new(),
            }
        });
        Self {
            bars,
            planned: 0,
            published: 0,
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &Event, out: &mut Out<'_>) {
        match event {
            Event::RunStarted { assets, calls, .. } => self.planned = assets.len().max(*calls),
            Event::Materialized(_) => self.published += 1,
            _ => {}
        }
        if out.json {
            out.event(&json::event(event));
        } else if !out.quiet {
            if let Some(bars) = &mut self.bars {
                bars.follow(event);
            }
            if let Some(line) = describe(event, out.screen.colour_err) {
                match &self.bars {
                    // Above the bars; what cannot be drawn cannot be told either.
                    Some(bars) => drop(bars.all.println(line)),
                    None => out.tell(line),
                }
            }
        }
    }

    /// Something happened after the run was stopped. That what was left failed is no news to who stopped it.
    pub(crate) fn last(&mut self, event: &Event, out: &mut Out<'_>) {
        let unclosed = matches!(event, Event::ResourceClosed { error: Some(_), .. });
        if out.json || unclosed || matches!(event, Event::Materialized(_)) {
            self.event(event, out);
        }
    }

    /// Time passed: the bars show how far their steps are.
    pub(crate) fn tick(&self) {
        if let Some(bars) = &self.bars {
            bars.total.set_message(format!(
                "{} of {}",
                self.published,
                units::counted(self.planned as u64, "asset")
            ));
            for running in &bars.running {
                running.bar.set_message(running.message());
                running.bar.tick();
            }
        }
    }

    /// The run ended: the bars go.
    pub(crate) fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            drop(bars.all.clear());
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Bars {
    fn follow(&mut self, event: &Event) {
        match event {
            Event::StepStarted { assets, partitions } => {
                let bar = ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg} {elapsed}"));
                let bar = self.all.insert_before(&self.total, bar);
                self.running.push(Running {
                    left: assets.len() as u64 * partitions.as_ref().map_or(1, PartitionSet::len),
                    assets: assets.clone(),
                    partitions: partitions.clone(),
                    bar,
                    storing: None,
                });
            }
            Event::StoreStarted {
                asset,
                partition,
                progress,
            } => {
                if let Some(running) = self.find(asset, partition.as_ref()) {
                    running.storing = Some((asset.clone(), Arc::clone(progress), Instant::now()));
                }
            }
            Event::Materialized(made) => {
                if let Some(running) = self.find(&made.asset, made.partition.as_ref()) {
                    running.left = running.left.saturating_sub(1);
                }
                self.end(|running| running.left == 0);
            }
            Event::StepFailed { assets, partitions, .. } | Event::StepSkipped { assets, partitions, .. } => {
                self.end(|running| running.assets == *assets && running.partitions == *partitions);
            }
            _ => {}
        }
    }

    fn find(&mut self, asset: &AssetKey, partition: Option<&PartitionKey>) -> Option<&mut Running> {
        let makes = |running: &&mut Running| match (&running.partitions, partition) {
            (Some(set), Some(partition)) => set.contains(partition),
            _ => true,
        };
        let mut running = self.running.iter_mut().filter(|running| running.assets.contains(asset));
        running.find(makes)
    }

    fn end(&mut self, ended: impl Fn(&Running) -> bool) {
        for running in self.running.extract_if(.., |running| ended(running)) {
            running.bar.finish_and_clear();
            self.all.remove(&running.bar);
        }
    }
}

impl Running {
    fn message(&self) -> String {
        let Some((asset, progress, since)) = &self.storing else {
            return format!("{}  computing", named(&self.assets, self.partitions.as_ref()));
        };
        let (rows, bytes) = (progress.rows(), progress.bytes());
        let rate = (bytes > 0).then(|| units::rate(bytes, since.elapsed())).flatten();
        let parts = [
            Some(format!("{}  storing", escape(&asset.to_string()))),
            (rows > 0).then(|| units::counted(rows, "row")),
            (bytes > 0).then(|| units::bytes(bytes)),
            rate,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }
}

/// The line that stays of an event.
fn describe(event: &Event, colour: bool) -> Option<String> {
    Some(match event {
        Event::Materialized(made) => format!("{} {}", paint(colour, GREEN, "materialized"), finished(made)),
        Event::Checked(made) => return crate::check::described(made, colour),
        Event::StepFailed {
            assets,
            partitions,
            error,
        } => {
            let named = named(assets, partitions.as_ref());
            format!("{} {named}  {:?}", paint(colour, RED, "failed"), error.kind())
        }
        Event::StepRetried {
            assets,
            partitions,
            delay,
            error,
            ..
        } => {
            let (named, message) = (named(assets, partitions.as_ref()), escape(error.message()).to_string());
            let delay = units::duration(*delay);
            format!(
                "{} {named}  in {delay}, after: {message}",
                paint(colour, YELLOW, "again")
            )
        }
        Event::ResourceRetried {
            resource, delay, error, ..
        } => {
            let (named, message) = (escape(resource), escape(error.message()));
            let delay = units::duration(*delay);
            let again = paint(colour, YELLOW, "again");
            format!("{again} the resource {named}  in {delay}, after: {message}")
        }
        Event::ResourceClosed { error: Some(error), .. } => {
            format!("{} {}", paint(colour, YELLOW, "warning"), escape_lines(error.message()))
        }
        Event::StepSkipped {
            assets,
            partitions,
            because,
        } => {
            let because = because.to_string();
            format!(
                "{} {}  because {} failed",
                paint(colour, YELLOW, "skipped"),
                named(assets, partitions.as_ref()),
                escape(&because)
            )
        }
        Event::Log {
            asset,
            partitions,
            level,
            message,
        } => {
            let level = match level {
                Level::Info => "info".to_owned(),
                Level::Warn => paint(colour, YELLOW, "warning"),
            };
            let named = named(std::slice::from_ref(asset), partitions.as_ref());
            format!("{level} {named}: {}", escape_lines(message))
        }
        _ => return None,
    })
}

/// Assets, and which partitions of them.
pub(crate) fn named(assets: &[AssetKey], partitions: Option<&PartitionSet>) -> String {
    let names: Vec<String> = assets.iter().map(|key| escape(&key.to_string()).into_owned()).collect();
    let names = names.join(", ");
    match partitions {
        Some(partitions) => format!("{names} {}", escape(&partitions.to_string())),
        None => names,
    }
}

fn finished(made: &Materialization) -> String {
    let receipt = made.receipt.as_ref();
    let load = (made.load >= NOTABLE).then(|| format!("load {}", units::duration(made.load)));
    let store = receipt.map(|_| format!("store {}", units::duration(made.store)));
    let shares = [Some(format!("compute {}", units::duration(made.compute))), load, store];
    let shares = shares.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let parts = [
        Some(match &made.partition {
            Some(partition) => escape(&format!("{} {partition}", made.asset)).into_owned(),
            None => escape(&made.asset.to_string()).into_owned(),
        }),
        receipt
            .and_then(|receipt| receipt.rows)
            .map(|rows| units::counted(rows, "row")),
        receipt.map(units::stored_bytes).filter(|text| !text.is_empty()),
        Some(format!(
            "{} ({shares})",
            units::duration(made.compute + made.load + made.store)
        )),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}
