//! How many rows.

use super::of_table;
use crate::check::{Check, CheckResult};
use std::ops::{Bound, RangeBounds};

/// A value passes when it has so many rows: `row_count("clean/flights", 1..)`.
pub fn row_count(asset: impl Into<String>, rows: impl RangeBounds<u64>) -> Check {
    let range = (rows.start_bound().cloned(), rows.end_bound().cloned());
    let description = format!("it has {} rows", words(&range));
    of_table(asset, "row_count", description, 0, move |table, _| async move {
        let rows = table.count().await?;
        let result = match range.contains(&rows) {
            true => CheckResult::passed(),
            false => CheckResult::failed(format!("it has {rows} rows, {} are expected", words(&range))),
        };
        Ok(result.with_metadata("rows", rows))
    })
}

fn words((least, most): &(Bound<u64>, Bound<u64>)) -> String {
    let least = match least {
        Bound::Included(least) => Some(*least),
        Bound::Excluded(least) => Some(least.saturating_add(1)),
        Bound::Unbounded => None,
    };
    let most = match most {
        Bound::Included(most) => Some(*most),
        Bound::Excluded(most) => Some(most.saturating_sub(1)),
        Bound::Unbounded => None,
    };
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number of".to_owned(),
    }
}

/// A value passes when its number of rows differs from the median of the `values` before it, of the same partition, by at most this part: 0.5 is one half. The
/// first value passes.
pub fn row_count_near(asset: impl Into<String>, values: usize, part: f64) -> Check {
    let values = values.max(1);
    let description = format!(
        "its rows differ by at most {} % from the median of the {values} values before",
        part * 100.0
    );
    of_table(
        asset,
        "row_count_near",
        description,
        values,
        move |table, context| async move {
            let rows = table.count().await?;
            let mut before: Vec<u64> = context.history().iter().filter_map(|earlier| earlier.rows).collect();
            before.sort_unstable();
            let Some(median) = before.get(before.len() / 2).copied() else {
                let result = CheckResult::passed().with_message("there is no value before it to compare with");
                return Ok(result.with_metadata("rows", rows));
            };
            let off = rows.abs_diff(median);
            // Counts of rows are far below what a float keeps exactly.
            #[allow(clippy::cast_precision_loss)]
            let result = match off as f64 <= part * median as f64 {
                true => CheckResult::passed(),
                false => CheckResult::failed(format!(
                    "it has {rows} rows, and the median of the {} values before is {median}",
                    before.len()
                )),
            };
            Ok(result.with_metadata("rows", rows).with_metadata("median", median))
        },
    )
}
