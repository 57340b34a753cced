//! The file that says what is published. It only grows; a line counts once it is whole, which its hash tells.

use crate::{JournalIo, disk};
use larder_io_core::{ContentHash, Error, ErrorKind, Location, Receipt, Result, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::PoisonError;

/// From this line on `current` is the published version of `stem`, or nothing is. A new version brings its receipt.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) stem: Location,
    pub(crate) current: Option<Version>,
    pub(crate) receipt: Option<Receipt>,
}

/// The versions of one stem in the order of their writes, and which of them is published.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Vec<Receipt>, Option<Version>);

/// What was read of the journal: every shelf, and how many bytes it took to know them.
pub(crate) type Known = (BTreeMap<Location, Shelf>, u64);

impl Shelf {
    /// The receipt of a version, or of the published one.
    pub(crate) fn find(&self, wanted: Option<&Version>) -> Option<&Receipt> {
        let wanted = wanted.or(self.1.as_ref())?;
        self.0.iter().find(|receipt| receipt.version == *wanted)
    }
}

impl JournalIo {
    /// Looks at a stem, decides, and appends the line that was decided on: one step, also for other processes. Blocks.
    pub(crate) fn decide<T>(&self, decide: impl FnOnce(&Known) -> Result<(Option<Line>, T)>) -> Result<T> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = OpenOptions::new().read(true).append(true).open(self.path("journal")).map_err(disk)?;
        file.lock().map_err(disk)?;
        self.catch_up(&mut file, &mut known)?;
        let (line, answer) = decide(&known)?;
        if let Some(line) = line {
            let json = serde_json::to_string(&line).map_err(|e| Error::new(ErrorKind::Unexpected, e.to_string()))?;
            let text = format!("{} {json}\n", ContentHash::of(json.as_bytes()));
            // The rest of a line that a crash cut goes first, and a line that cannot be made durable goes again.
            let append = |file: &mut File| file.set_len(known.1).and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.sync_all());
            append(&mut file).inspect_err(|_| drop(file.set_len(known.1))).map_err(disk)?;
        }
        Ok(answer)
    }
}
