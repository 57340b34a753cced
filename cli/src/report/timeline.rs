//! The run over time: a lane for each step, split into what it did.

use super::markup::{at, short_key, text};
use crate::past::PastStep;
use crate::units;
use std::time::Duration;

/// Lanes that are drawn at most: those that took longest.
const LANES: usize = 400;
const LABEL: f64 = 230.0;
const BARS: f64 = 780.0;
const AFTER: f64 = 70.0;
const LANE: f64 = 20.0;
const TOP: f64 = 26.0;
/// What would not be seen is drawn so wide.
const THINNEST: f64 = 1.5;

/// The phases that are drawn, in their order, each with what it means.
pub(super) const PHASES: [(&str, &str); 7] = [
    ("queue", "ready, waiting for a free place"),
    ("lost", "attempts that failed"),
    ("load", "loading inputs"),
    ("compute", "the asset's own code"),
    ("check", "checks of what was made"),
    ("store", "encoding, writing, publishing"),
    (
        "other",
        "none of them: looking at storage, starting a process, or it failed",
    ),
];

/// A part of a lane.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) phase: usize,
    pub(super) from: f64,
    pub(super) to: f64,
    /// How long it took, which may be more than is drawn: a stream is computed while it is stored.
    pub(super) took: Duration,
}

/// The parts of a step in seconds since the run began. What it did is squeezed into the time that it ran.
pub(super) fn parts(step: &PastStep, end: f64) -> Vec<Part> {
    let began = step.began.as_secs_f64();
    let ended = step.ended.map_or(end, |ended| ended.as_secs_f64()).max(began);
    let queue = step.phases.queue;
    let mut parts = Vec::new();
    if !queue.is_zero() {
        parts.push(Part {
            phase: 0,
            from: (began - queue.as_secs_f64()).max(0.0),
            to: began,
            took: queue,
        });
    }
    let busy = step.phases.busy().as_secs_f64();
    let squeeze = if busy > ended - began {
        (ended - began) / busy
    } else {
        1.0
    };
    let mut at = began;
    for (phase, (_, took)) in step.phases.named().into_iter().enumerate().skip(1) {
        if !took.is_zero() {
            let to = at + took.as_secs_f64() * squeeze;
            parts.push(Part {
                phase,
                from: at,
                to,
                took,
            });
            at = to;
        }
    }
    let rest = ended - at;
    if rest > 1e-6 {
        parts.push(Part {
            phase: 6,
            from: at,
            to: ended,
            took: Duration::from_secs_f64(rest),
        });
    }
    parts
}

/// A distance of ticks that gives some six of them.
fn tick(seconds: f64) -> f64 {
    let rough = seconds / 6.0;
    let power = 10_f64.powf(rough.max(1e-6).log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| nice * power >= rough);
    nice.unwrap_or(10.0) * power
}

/// The picture; `name` gives the place of a step's row.
pub(super) fn picture(steps: &[PastStep], whole: Duration, row: impl Fn(usize) -> String) -> String {
    let last = steps.iter().filter_map(|step| step.ended).max().unwrap_or_default();
    let end = whole.max(last).as_secs_f64().max(1e-4);
    let mut shown: Vec<usize> = (0..steps.len()).collect();
    if shown.len() > LANES {
        shown.sort_by_key(|at| {
            let step = &steps[*at];
            std::cmp::Reverse((
                step.failure.is_some(),
                step.ended.unwrap_or(whole).saturating_sub(step.began),
            ))
        });
        shown.truncate(LANES);
        shown.sort_unstable();
    }
    let x = |seconds: f64| LABEL + seconds / end * BARS;
    let height = TOP + shown.len() as f64 * LANE + 6.0;
    let mut svg = format!(
        "<svg class=\"timeline\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"the steps over time\">\n",
        at(LABEL + BARS + AFTER),
        at(height)
    );
    let step_of_ticks = tick(end);
    let ticks = (0..)
        .map(|count| f64::from(count) * step_of_ticks)
        .take_while(|seconds| *seconds <= end * 1.0001);
    for seconds in ticks {
        let shown = match seconds > 0.0 {
            true => units::duration(Duration::from_secs_f64(seconds)),
            false => "0".to_owned(),
        };
        svg.push_str(&format!(
            "<line class=\"tick\" x1=\"{0}\" y1=\"{1}\" x2=\"{0}\" y2=\"{2}\"/><text class=\"tick\" x=\"{0}\" y=\"14\">{shown}</text>\n",
            at(x(seconds)),
            at(TOP - 6.0),
            at(height)
        ));
    }
    for (lane, position) in shown.iter().enumerate() {
        let (step, top) = (&steps[*position], TOP + lane as f64 * LANE);
        svg.push_str(&self::lane(step, top, end, &row(*position), x));
    }
    svg.push_str("</svg>\n");
    let missing = match steps.len() - shown.len() {
        0 => String::new(),
        more => format!("<p class=\"note\">{more} shorter steps are in the table only.</p>\n"),
    };
    format!("{}<div class=\"scroll\">{svg}</div>\n{missing}", legend())
}

fn lane(step: &PastStep, top: f64, end: f64, row: &str, x: impl Fn(f64) -> f64) -> String {
    let parts = parts(step, end);
    let failed = step.failure.is_some();
    let mut told: Vec<String> = vec![step.name()];
    for part in &parts {
        told.push(format!("{}: {}", PHASES[part.phase].0, units::duration(part.took)));
    }
    if let Some(failure) = &step.failure {
        told.push(format!("failed: {}", failure.message));
    }
    let mut lane = format!(
        "<a href=\"#{row}\"><g class=\"lane\"><title>{}</title><rect class=\"under\" x=\"0\" y=\"{}\" width=\"{}\" height=\"{LANE}\"/><text class=\"{}\" x=\"{}\" y=\"{}\">{}{}</text>",
        text(&told.join("\n")),
        at(top),
        at(LABEL + BARS + AFTER),
        if failed { "name bad" } else { "name" },
        at(LABEL - 8.0),
        at(top + 14.0),
        if failed { "✗ " } else { "" },
        short_key(&step.name(), 32),
    );
    let mut right = x(step.began.as_secs_f64());
    for part in &parts {
        let (from, to) = (x(part.from), x(part.to));
        right = right.max(from + (to - from).max(THINNEST));
        lane.push_str(&format!(
            "<rect class=\"p{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            part.phase,
            at(from),
            at(top + 4.0),
            at((to - from).max(THINNEST)),
            at(LANE - 8.0),
        ));
    }
    let took = match step.ended {
        Some(ended) => units::duration(ended.saturating_sub(step.began)),
        None => "not ended".to_owned(),
    };
    lane.push_str(&format!(
        "<text class=\"took\" x=\"{}\" y=\"{}\">{}</text></g></a>\n",
        at(right + 5.0),
        at(top + 14.0),
        text(&took),
    ));
    lane
}

fn legend() -> String {
    let mut legend = "<p class=\"legend\">".to_owned();
    for (phase, (name, meaning)) in PHASES.iter().enumerate() {
        legend.push_str(&format!(
            "<span class=\"key\" title=\"{}\"><i class=\"p{phase}\"></i>{name}</span> ",
            text(meaning)
        ));
    }
    legend.push_str("</p>\n");
    legend
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::Phases;
    use crate::past::test::step;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn what_a_step_did_fits_into_its_time() {
        let mut one = step("a", (10, 20), None);
        one.phases = Phases {
            queue: seconds(4),
            load: seconds(1),
            compute: seconds(5),
            store: seconds(2),
            ..Phases::default()
        };
        let drawn = |step: &PastStep| -> Vec<(usize, f64, f64)> {
            parts(step, 100.0)
                .iter()
                .map(|part| (part.phase, part.from, part.to))
                .collect()
        };
        assert_eq!(
            drawn(&one),
            [
                (0, 6.0, 10.0),
                (2, 10.0, 11.0),
                (3, 11.0, 16.0),
                (5, 16.0, 18.0),
                (6, 18.0, 20.0)
            ]
        );
        // A stream is computed while it is stored: together they took longer than the step.
        one.phases.compute = seconds(17);
        assert_eq!(
            drawn(&one),
            [(0, 6.0, 10.0), (2, 10.0, 10.5), (3, 10.5, 19.0), (5, 19.0, 20.0)]
        );
        // One that was cut off reaches to the end.
        one.phases = Phases::default();
        one.ended = None;
        assert_eq!(drawn(&one), [(6, 10.0, 100.0)]);
    }

    #[test]
    fn ticks_are_round() {
        for (whole, wanted) in [(6.0, 1.0), (13.0, 5.0), (0.5, 0.1), (3600.0, 1000.0)] {
            assert!((tick(whole) - wanted).abs() < wanted * 1e-9, "{whole} {}", tick(whole));
        }
    }
}
