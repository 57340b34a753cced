//! The page around the pictures: totals, errors, memory, the table of steps.

use super::history::{self, Point};
use super::markup::text;
use super::state::State;
use super::{graph, tables, timeline};
use crate::past::{Past, PastStep};
use crate::peak::{advice, held, peak};
use crate::units;
use std::fmt::Write as _;
use std::time::Duration;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Steps of which the table tells at most.
const ROWS: usize = 2000;
/// Checks that are listed.
const CHECKS: usize = 500;
/// Errors that are shown at most.
const ERRORS: usize = 100;

/// What the page shows.
pub(super) struct Page<'p> {
    pub(super) past: &'p Past,
    pub(super) nodes: Vec<graph::Node>,
    pub(super) edges: Vec<(usize, usize)>,
    /// What of the graph is not drawn.
    pub(super) left_out: usize,
    pub(super) history: Vec<(String, Vec<Point>)>,
    pub(super) made_at: jiff::Timestamp,
    /// A word that nobody knows beforehand: only scripts that have it run.
    pub(super) nonce: String,
}

/// The row of a step.
fn id(step: usize) -> String {
    format!("s{step}")
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let run = text(self.past.summary.run.as_str());
        let nonce = text(&self.nonce);
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>larder: run {run}</title>\n\
             <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body>\n"
        );
        self.head(&mut page);
        self.errors(&mut page);
        if !self.nodes.is_empty() {
            page.push_str("<h2 id=\"graph\">Assets</h2>\n");
            page.push_str(&graph::picture(&self.nodes, &self.edges));
            if self.left_out > 0 {
                let _ = writeln!(
                    page,
                    "<p class=\"note\">{} that this run did not touch are not drawn.</p>",
                    units::counted(self.left_out as u64, "asset")
                );
            }
        }
        if !self.past.steps.is_empty() {
            page.push_str("<h2 id=\"timeline\">Timeline</h2>\n");
            let whole = self.past.summary.finished.map(|end| end.duration).unwrap_or_default();
            page.push_str(&timeline::picture(&self.past.steps, whole, id));
        }
        self.checks(&mut page);
        self.memory(&mut page);
        self.steps(&mut page);
        tables::section(&mut page, self.past);
        self.over_runs(&mut page);
        let _ = write!(
            page,
            "<footer>Written by larder {} at {}.</footer>\n<script nonce=\"{nonce}\">\n{SCRIPT}</script>\n</body>\n</html>\n",
            env!("CARGO_PKG_VERSION"),
            units::when(self.made_at)
        );
        page
    }

    fn head(&self, page: &mut String) {
        let summary = &self.past.summary;
        let profile = summary
            .profile
            .as_deref()
            .map(|profile| format!(", profile <code>{}</code>", text(profile)));
        let _ = write!(
            page,
            "<h1>Run <code>{}</code></h1>\n<p class=\"sub\">Began {}, of <code>{}</code>{}</p>\n<div class=\"cards\">\n",
            text(summary.run.as_str()),
            units::when(summary.started),
            text(&summary.selection),
            profile.unwrap_or_default(),
        );
        let mut card = |class: &str, figure: &str, what: &str| {
            let _ = writeln!(
                page,
                "<div class=\"card {class}\"><b>{}</b><span>{}</span></div>",
                text(figure),
                text(what)
            );
        };
        match summary.finished {
            Some(end) => card("", &units::duration(end.duration), "took"),
            None => card("held", "not ended", "it runs, or was killed"),
        }
        let steps = &self.past.steps;
        let failed = steps.iter().filter(|step| step.failure.is_some()).count();
        card("made", &units::number((steps.len() - failed) as u64), "steps done");
        if failed > 0 {
            card("failed", &units::number(failed as u64), "steps failed");
        }
        let skipped = summary.finished.map_or(0, |end| end.counts.skipped);
        if skipped > 0 {
            card("held", &units::number(skipped), "steps held back");
        }
        let sum = |of: fn(&PastStep) -> Option<u64>| steps.iter().filter_map(of).reduce(u64::saturating_add);
        if let Some(bytes) = sum(|step| step.sizes.bytes) {
            card("", &units::bytes(bytes), "stored");
        }
        if let Some(rows) = sum(|step| step.sizes.rows) {
            card("", &units::number(rows), "rows stored");
        }
        if let Some(bytes) = sum(|step| step.sizes.bytes_in) {
            card("", &units::bytes(bytes), "of inputs");
        }
        if let Some(peak) = peak(self.past) {
            card(
                "",
                &units::bytes(peak.bytes),
                if peak.own {
                    "peak memory of a step"
                } else {
                    "peak memory"
                },
            );
        }
        page.push_str("</div>\n");
        if self.past.more > 0 {
            let _ = writeln!(
                page,
                "<p class=\"note\">{} more are in no figure of this page.</p>",
                units::counted(self.past.more as u64, "value")
            );
        }
    }

    fn errors(&self, page: &mut String) {
        let failed: Vec<(usize, &PastStep)> = self
            .past
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.failure.is_some())
            .collect();
        if failed.is_empty() {
            return;
        }
        page.push_str("<h2 id=\"errors\">What failed</h2>\n");
        for (at, step) in failed.iter().take(ERRORS) {
            if let Some(failure) = &step.failure {
                let _ = writeln!(
                    page,
                    "<div class=\"error\"><h3><a href=\"#{}\">{}</a> <code>{}</code></h3><pre>{}</pre></div>",
                    id(*at),
                    text(&step.name()),
                    text(&failure.kind),
                    text(&failure.message),
                );
            }
        }
        if let Some(more) = failed.len().checked_sub(ERRORS).filter(|more| *more > 0) {
            let _ = writeln!(page, "<p class=\"note\">And {more} more, in the table of steps.</p>");
        }
    }

    fn checks(&self, page: &mut String) {
        if self.past.checks.is_empty() {
            return;
        }
        page.push_str("<h2 id=\"checks\">Checks</h2>\n<div class=\"scroll\"><table class=\"sortable\"><thead><tr><th>asset</th><th>check</th><th>result</th><th>found</th></tr></thead><tbody>\n");
        // What did not pass comes first, and is never left out for what did.
        let (passed, wrong): (Vec<_>, Vec<_>) = self.past.checks.iter().partition(|check| check.passed);
        for check in wrong.iter().chain(&passed).take(CHECKS) {
            let (of, verdict, _) = crate::check::told(check);
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{verdict}</td><td>{}</td></tr>",
                text(&of),
                text(&check.name),
                text(check.message.as_deref().unwrap_or_default()),
            );
        }
        page.push_str("</tbody></table></div>\n");
        if let Some(more) = self.past.checks.len().checked_sub(CHECKS).filter(|more| *more > 0) {
            let _ = writeln!(page, "<p class=\"note\">And {more} more.</p>");
        }
    }

    fn memory(&self, page: &mut String) {
        let Some(peak) = peak(self.past) else { return };
        page.push_str("<h2 id=\"memory\">Memory at its peak</h2>\n");
        let when = match peak.rose.is_empty() {
            true => String::new(),
            false => format!(
                ", reached between {} and {} after the run began",
                units::duration(peak.between.0),
                units::duration(peak.between.1)
            ),
        };
        let of = if peak.own {
            "The largest of the steps' own processes took"
        } else {
            "The process took"
        };
        let _ = writeln!(
            page,
            "<p>{of} {}{when}. {}.</p>",
            units::bytes(peak.bytes),
            text(&capital(advice(&peak)))
        );
        let named = peak.rose.iter().map(|step| (step, "it rose during this one"));
        let named = named.chain(peak.beside.iter().map(|step| (step, "ran at that time")));
        let rows: Vec<String> = named
            .take(50)
            .map(|(step, why)| {
                format!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{why}</td></tr>\n",
                    text(&step.name()),
                    text(&held(step))
                )
            })
            .collect();
        if !rows.is_empty() {
            let _ = writeln!(
                page,
                "<table><thead><tr><th>step</th><th>held</th><th></th></tr></thead><tbody>\n{}</tbody></table>",
                rows.concat()
            );
        }
    }

    fn steps(&self, page: &mut String) {
        page.push_str("<h2 id=\"steps\">Steps</h2>\n<div class=\"scroll\"><table class=\"sortable\"><thead><tr><th>step</th><th>state</th>");
        for head in [
            "began", "queue", "lost", "load", "compute", "check", "store", "size in", "rows in", "size", "rows",
            "rate", "requests", "buffers", "memory", "beside", "attempts",
        ] {
            let _ = write!(page, "<th class=\"n\">{head}</th>");
        }
        page.push_str("</tr></thead><tbody>\n");
        for (at, step) in self.past.steps.iter().enumerate().take(ROWS) {
            row(page, at, step);
        }
        page.push_str("</tbody></table></div>\n");
        if let Some(more) = self.past.steps.len().checked_sub(ROWS).filter(|more| *more > 0) {
            let _ = writeln!(page, "<p class=\"note\">And {more} more steps.</p>");
        }
    }

    fn over_runs(&self, page: &mut String) {
        let known: Vec<&(String, Vec<Point>)> = self.history.iter().filter(|(_, points)| !points.is_empty()).collect();
        if known.is_empty() {
            return;
        }
        page.push_str("<h2 id=\"history\">Over runs</h2>\n<p class=\"note\">The last 30 runs that made each asset, the newest to the right; each chart begins at nothing.</p>\n");
        page.push_str("<div class=\"scroll\"><table class=\"sortable history\"><thead><tr><th>asset</th><th>size</th><th>rows</th><th>duration</th><th>peak memory</th><th class=\"n\">runs</th></tr></thead><tbody>\n");
        for (name, points) in known {
            page.push_str(&history::row(name, points));
        }
        page.push_str("</tbody></table></div>\n");
    }
}

fn row(page: &mut String, at: usize, step: &PastStep) {
    let state = match (&step.failure, step.published) {
        (Some(_), _) => State::Failed,
        (None, 0) => State::CutOff,
        (None, _) => State::Made,
    };
    let _ = write!(
        page,
        "<tr id=\"{}\"><th scope=\"row\">{}</th><td class=\"{}\">{} {}</td>",
        id(at),
        text(&step.name()),
        state.class(),
        state.symbol(),
        state.word()
    );
    let mut cell = |value: Option<u64>, shown: String| {
        let _ = match value {
            Some(value) => write!(page, "<td class=\"n\" data-v=\"{value}\">{}</td>", text(&shown)),
            None => write!(page, "<td class=\"n none\" data-v=\"-1\">–</td>"),
        };
    };
    let nanos = |time: Duration| Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    cell(nanos(step.began), units::duration(step.began));
    for (_, time) in step.phases.named() {
        let known = nanos(time).filter(|time| *time > 0);
        cell(known, units::duration(time));
    }
    let sizes = &step.sizes;
    let bytes = |bytes: Option<u64>| bytes.map(units::bytes).unwrap_or_default();
    let count = |count: Option<u64>| count.map(units::number).unwrap_or_default();
    cell(sizes.bytes_in, bytes(sizes.bytes_in));
    cell(sizes.rows_in, count(sizes.rows_in));
    cell(sizes.bytes, bytes(sizes.bytes));
    cell(sizes.rows, count(sizes.rows));
    let record = step.record.as_ref();
    let rate = record.and_then(|record| record.bytes_per_second);
    cell(rate, format!("{}/s", bytes(rate)));
    cell(sizes.requests, count(sizes.requests));
    cell(sizes.buffered, bytes(sizes.buffered));
    let memory = record.and_then(|record| record.peak_memory_bytes);
    let own = record.is_some_and(|record| record.measures.own_process);
    cell(memory, format!("{}{}", bytes(memory), if own { " own" } else { "" }));
    let beside = record.filter(|_| !own).map(|record| record.overlapped as u64);
    cell(beside, count(beside));
    cell(Some(step.attempts.into()), step.attempts.to_string());
    page.push_str("</tr>\n");
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
