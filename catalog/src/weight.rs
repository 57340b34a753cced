//! How much memory a change takes, roughly.

use crate::database::Change;
use crate::{Entry, Record};
use larder_io_core::PartitionKey;

/// What every change takes.
const BASE: usize = 512;
/// What a partition or a pair takes.
const PAIR: usize = 200;

pub(crate) fn weight(change: &Change) -> usize {
    let rest = match change {
        Change::AddKeys { values, .. } | Change::RemoveKeys { values, .. } => {
            values.iter().map(|it| it.len() + 24).sum()
        }
        Change::Forget(it) => it.kept.iter().map(|version| version.len() + 24).sum(),
        Change::Record(record) => match record {
            Record::Materialized(entry) => of_entry(entry),
            Record::StepStarted(it) => of_keys(&it.partitions),
            Record::Failed(it) => of_keys(&it.partitions) + it.message.len(),
            Record::Observed(it) => it.metadata.values().map(of_json).sum(),
            Record::Checked(it) => it.metadata.values().map(of_json).sum(),
            Record::RunStarted(it) => it.selection.len(),
            Record::Deleted(_) | Record::RunFinished(_) => 0,
        },
    };
    BASE + rest
}

fn of_entry(entry: &Entry) -> usize {
    let inputs: usize = entry.inputs.iter().map(|input| (input.each.len() + 1) * PAIR).sum();
    let metadata: usize = entry.metadata.values().map(of_json).sum();
    let inline = entry.inline.as_ref().map_or(0, Vec::len);
    let schema = entry
        .receipt
        .as_ref()
        .and_then(|receipt| receipt.schema.as_ref())
        .map_or(0, String::len);
    inputs + metadata + inline + schema + entry.config.as_ref().map_or(0, String::len)
}

fn of_keys(keys: &[PartitionKey]) -> usize {
    keys.len() * PAIR
}

fn of_json(value: &serde_json::Value) -> usize {
    use serde_json::Value as V;
    PAIR / 2
        + match value {
            V::String(text) => text.len(),
            V::Array(values) => values.iter().map(of_json).sum(),
            V::Object(fields) => fields.values().map(of_json).sum(),
            V::Null | V::Bool(_) | V::Number(_) => 0,
        }
}
