//! What got slower, and what is said of it.

use super::*;
use crate::past::test::{past, step};

fn total(millis: [u64; 5], bytes: u64) -> Total {
    let [queue, lost, load, compute, store] = millis.map(Duration::from_millis);
    Total {
        phases: Phases {
            queue,
            lost,
            load,
            compute,
            store,
            ..Phases::default()
        },
        sizes: past::Sizes {
            bytes: Some(bytes),
            bytes_in: Some(bytes),
            ..past::Sizes::default()
        },
        attempts: 1,
        ..Total::default()
    }
}

#[test]
fn more_requests_and_longer_checks_are_told() {
    let before = total([0, 0, 100, 100, 100], 1000);
    let mut after = total([0, 0, 900, 100, 100], 1000);
    let mut asked = before.clone();
    (asked.sizes.requests, after.sizes.requests) = (Some(10), Some(40));
    let told = hint(&asked, &after).expect("it is slower");
    assert!(told.contains("4.0 times as many requests"), "{told}");
    let mut checked = before.clone();
    checked.phases.check = Duration::from_secs(2);
    let told = hint(&before, &checked).expect("it is slower");
    assert!(told.starts_with("checks 2"), "{told}");
}

#[test]
fn the_phase_that_grew_says_what_to_turn() {
    let before = total([10, 0, 100, 100, 100], 1000);
    for (after, wanted) in [
        (total([10, 700, 100, 100, 100], 1000), "attempts that failed"),
        (total([10, 0, 400, 100, 100], 3000), "inputs are 3.0 times as large"),
        (total([10, 0, 400, 100, 100], 1000), "the storage is slower; `doctor`"),
        (total([10, 0, 100, 400, 100], 1000), "its own code"),
        (
            total([10, 0, 100, 400, 100], 2000),
            "its inputs are 2.0 times as large: partitions",
        ),
        (
            total([10, 0, 100, 100, 400], 2000),
            "another format or compression (`advise`)",
        ),
        (
            total([10, 0, 100, 100, 400], 1000),
            "stores 0.30 s longer with the same size",
        ),
    ] {
        let hint = hint(&before, &after).unwrap_or_default();
        assert!(hint.contains(wanted), "{hint}\n{wanted}");
    }
    let pair = |after: Total| Pair {
        name: "a".to_owned(),
        before: Some(before.clone()),
        after: Some(after),
    };
    let waited = queue_hint(&[pair(total([900, 0, 100, 100, 100], 1000))]).unwrap_or_default();
    assert!(
        waited.starts_with("1 asset waited longer for a free place, 0.89 s together"),
        "{waited}"
    );
    assert_eq!(queue_hint(&[pair(total([12, 0, 900, 100, 100], 1000))]), None);
    // Noise is none.
    assert_eq!(hint(&before, &total([10, 0, 110, 105, 101], 1000)), None);
    assert_eq!(hint(&before, &total([0, 0, 0, 0, 0], 9000)), None);
}

#[test]
fn the_largest_slow_down_comes_first() {
    let before = past(vec![
        step("a", (0, 10), None),
        step("b", (0, 10), None),
        step("gone", (0, 99), None),
    ]);
    let after = past(vec![
        step("a", (0, 12), None),
        step("b", (0, 40), None),
        step("c", (0, 99), None),
    ]);
    let pairs = pairs(&before, &after);
    let seen: Vec<(&str, f64, &str)> = pairs
        .iter()
        .map(|pair| (pair.name.as_str(), pair.slower(), pair.what()))
        .collect();
    assert_eq!(
        seen,
        [
            ("b", 30.0, ""),
            ("a", 2.0, ""),
            ("c", 0.0, "only in the later run"),
            ("gone", 0.0, "only in the earlier run"),
        ]
    );
    assert_eq!(row(&pairs[0])[3], "+30.0 s +300%");
}

#[test]
fn changes_in_percent() {
    assert_eq!(percent(100.0, 150.0), " +50%");
    assert_eq!(percent(100.0, 40.0), " -60%");
    assert_eq!(percent(100.0, 100.3), "");
    assert_eq!(percent(0.0, 5.0), "");
    assert_eq!(percent(1.0, 20.0), " x20");
}
