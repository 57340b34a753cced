//! Runs for tests.

use super::*;

/// A run of steps.
pub(crate) fn past(steps: Vec<PastStep>) -> Past {
    Past {
        summary: RunSummary {
            run: RunId::from_text("0123456789abcdef"),
            started: jiff::Timestamp::UNIX_EPOCH,
            selection: "*".to_owned(),
            profile: None,
            tags: BTreeMap::new(),
            finished: None,
        },
        steps,
        checks: Vec::new(),
        more: 0,
    }
}

/// A step that ran between two seconds, with the process's peak before and after it.
pub(crate) fn step(key: &str, (began, ended): (u64, u64), peak: Option<(u64, u64)>) -> PastStep {
    let record = peak.map(|(before, after)| {
        let mut record = StepRecord::default();
        record.measures.memory_before = Some(before);
        record.peak_memory_bytes = Some(after);
        record
    });
    PastStep {
        assets: vec![key.parse().expect("is a key")],
        partitions: String::new(),
        began: Duration::from_secs(began),
        ended: Some(Duration::from_secs(ended)),
        phases: Phases {
            compute: Duration::from_secs(ended - began),
            ..Phases::default()
        },
        sizes: Sizes::default(),
        attempts: 1,
        record,
        failure: None,
        tables: Vec::new(),
        published: 1,
    }
}
