//! Who held what when a run's memory was at its highest.

use crate::output::Out;
use crate::past::{Past, PastStep};
use crate::text::escape;
use crate::units;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Steps that are listed at most.
const SHOWN: usize = 20;

/// The highest peak of a run.
pub(crate) struct Peak<'p> {
    pub(crate) bytes: u64,
    /// Whether it is of one step's own process.
    pub(crate) own: bool,
    /// When it was reached, since the run began.
    pub(crate) between: (Duration, Duration),
    /// Steps during which it was reached: one of them, or what they held together, is the reason.
    pub(crate) rose: Vec<&'p PastStep>,
    /// Other steps that ran at some moment of that time.
    pub(crate) beside: Vec<&'p PastStep>,
}

/// The highest peak, where any was measured.
///
/// The kernel tells only how high the memory ever was: a step during which that number rose to its highest held some of it. Of those that did, the time
/// that they have in common is when it was.
pub(crate) fn peak(past: &Past) -> Option<Peak<'_>> {
    let measured = || past.steps.iter().filter_map(|step| Some((step, step.record.as_ref()?)));
    let (highest, record) = measured().max_by_key(|(_, record)| record.peak_memory_bytes)?;
    let bytes = record.peak_memory_bytes?;
    if record.measures.own_process {
        return Some(Peak {
            bytes,
            own: true,
            between: (highest.began, highest.ended?),
            rose: vec![highest],
            beside: Vec::new(),
        });
    }
    let rose: Vec<&PastStep> = measured()
        .filter(|(_, record)| {
            record.peak_memory_bytes == Some(bytes)
                && record.measures.memory_before.is_some_and(|before| before < bytes)
        })
        .map(|(step, _)| step)
        .collect();
    let from = rose.iter().map(|step| step.began).max();
    let to = rose.iter().filter_map(|step| step.ended).min();
    let between = from.zip(to).unwrap_or_default();
    let ran_then = |step: &PastStep| {
        step.began <= between.1 && step.ended.is_none_or(|ended| ended >= between.0) && !rose.is_empty()
    };
    let beside = past
        .steps
        .iter()
        .filter(|step| ran_then(step) && !rose.iter().any(|other| std::ptr::eq(*step, *other)));
    Some(Peak {
        bytes,
        own: false,
        between,
        beside: beside.collect(),
        rose,
    })
}

/// What a step held: its inputs as they are stored, its value in memory.
pub(crate) fn held(step: &PastStep) -> String {
    let bytes = units::bytes;
    let mut parts = Vec::new();
    if let Some(taken) = step.sizes.bytes_in.filter(|taken| *taken > 0) {
        parts.push(format!("inputs of {} as stored", bytes(taken)));
    }
    match (step.sizes.value_bytes, step.sizes.bytes) {
        (Some(value), _) if value > 0 => parts.push(format!("a value of {} in memory", bytes(value))),
        (_, Some(stored)) => parts.push(format!("a value of {} as stored", bytes(stored))),
        _ => {}
    }
    match parts.is_empty() {
        true => "sizes that are not known".to_owned(),
        false => parts.join(", "),
    }
}

/// The peak of a run on a terminal.
pub(crate) fn show(past: &Past, out: &mut Out<'_>) {
    let Some(peak) = peak(past) else { return };
    let of = match (peak.own, peak.rose.is_empty()) {
        (true, _) => ", of one step's own process".to_owned(),
        (false, true) => String::new(),
        (false, false) => format!(
            ", reached between {} and {}",
            units::duration(peak.between.0),
            units::duration(peak.between.1)
        ),
    };
    out.line(format_args!(
        "  memory peak {}{of}: {}",
        units::bytes(peak.bytes),
        advice(&peak)
    ));
    let steps = peak.rose.iter().map(|step| (step, "rose during"));
    for (step, why) in steps
        .chain(peak.beside.iter().map(|step| (step, "ran beside")))
        .take(SHOWN)
    {
        out.line(format_args!("    {why} {}: {}", escape(&step.name()), held(step)));
    }
}

/// The peak of a run for programs.
pub(crate) fn document(past: &Past) -> Json {
    let Some(peak) = peak(past) else { return Json::Null };
    let names = |steps: &[&PastStep]| steps.iter().map(|step| step.name()).collect::<Vec<String>>();
    json!({
        "peak_bytes": peak.bytes,
        "own_process": peak.own,
        "from_seconds": peak.between.0.as_secs_f64(),
        "to_seconds": peak.between.1.as_secs_f64(),
        "rose_during": names(&peak.rose),
        "ran_beside": names(&peak.beside),
        "advice": advice(&peak),
    })
}

/// What to do about it.
pub(crate) fn advice(peak: &Peak<'_>) -> &'static str {
    match (peak.own, peak.rose.len() + peak.beside.len()) {
        (true, _) => "return a `TableStream`, take a `LazyTable`, or make it in partitions",
        (false, 0) => {
            "no step that published made it rise: it was as high before the run began, or a step that failed did"
        }
        (false, 1) => "one step alone: return a `TableStream`, take a `LazyTable`, or make it in partitions",
        (false, _) => {
            "several at once: a lower `--max-concurrent`, streams for the largest, or `--executor processes` to tell their own peaks"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::past::test::{past, step};

    #[test]
    fn those_during_which_it_rose_held_it() {
        let past = past(vec![
            step("a", (0, 40), Some((10, 100))),
            step("b", (20, 60), Some((10, 300))),
            step("c", (30, 50), Some((100, 300))),
            step("d", (55, 90), Some((300, 300))),
            step("e", (45, 70), None),
        ]);
        let peak = peak(&past).expect("is measured");
        let names = |steps: &[&PastStep]| steps.iter().map(|step| step.name()).collect::<Vec<_>>();
        assert_eq!((peak.bytes, peak.own), (300, false));
        assert_eq!(names(&peak.rose), ["b", "c"]);
        assert_eq!(peak.between, (Duration::from_secs(30), Duration::from_secs(50)));
        assert_eq!(names(&peak.beside), ["a", "e"]);
        assert!(advice(&peak).contains("--max-concurrent"));
    }

    #[test]
    fn a_process_of_its_own_has_a_peak_of_its_own() {
        let mut steps = vec![step("a", (0, 40), Some((0, 100))), step("b", (0, 60), Some((0, 900)))];
        for record in steps.iter_mut().filter_map(|step| step.record.as_mut()) {
            record.measures.own_process = true;
        }
        let past = past(steps);
        let peak = peak(&past).expect("is measured");
        assert!(peak.own && peak.beside.is_empty() && peak.rose[0].name() == "b");
    }

    #[test]
    fn a_peak_of_before_the_run_is_nobodys() {
        let past = past(vec![step("a", (0, 40), Some((300, 300)))]);
        let peak = peak(&past).expect("is measured");
        assert!(peak.rose.is_empty() && peak.beside.is_empty());
        assert!(advice(&peak).contains("before the run began"));
    }
}
