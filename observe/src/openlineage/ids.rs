//! Ids and times as OpenLineage has them.

use larder_io_core::RunId;
use std::time::SystemTime;

/// Sixteen bytes as a UUID of version 8: ones of our own making.
fn uuid(bytes: &[u8]) -> String {
    let mut id = [0_u8; 16];
    let some = bytes.len().min(16);
    id[..some].copy_from_slice(&bytes[..some]);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let digits: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

/// The id of a run: always the same for the same run.
pub(super) fn run(run: &RunId) -> String {
    uuid(blake3::hash(run.as_str().as_bytes()).as_bytes())
}

/// The id of a step of a run, by the step's number.
pub(super) fn step(run: &RunId, number: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(run.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(&number.to_le_bytes());
    uuid(hasher.finalize().as_bytes())
}

/// A time in UTC.
pub(super) fn time(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).unwrap_or_default().to_string()
}
