//! Columns encoded by threads, each column in its own order and independent of the others.
//!
//! No thread waits until all columns of a chunk are done: while one column is still at it, others go on with the chunks
//! after it, and the next row group is encoded while the one before is appended to the file.

use super::parquet_column::Column;
use super::parquet_write::CHUNK_BYTES;
use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Fields};
use larder_io_core::ContentHash;
use larder_io_core::hash::ColumnDigest;
use parquet::arrow::arrow_writer::ArrowColumnChunk;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// Chunks that are waiting or being encoded at most: enough for every thread while one column lags behind, and for a thread to stay with a column for a while.
const CHUNKS_AHEAD: usize = 8;
/// The same of the first [`CHUNKS_AHEAD`] of a table: until one of them is encoded nobody knows how large a row group becomes.
const FIRST_AHEAD: usize = 4;
/// Columns of which a thread has few enough, so that it need not stay with one: the chunks of a table of no more wait like its first ones.
const FEW_COLUMNS: usize = 4;
/// Bytes of rows that are waiting or being encoded, from which on no other chunk is taken: one row may be larger than a chunk should be.
const BYTES_AHEAD: usize = CHUNKS_AHEAD * CHUNK_BYTES;

/// The columns of a table, and what is to be done with them.
pub(super) struct Encoders {
    state: Mutex<State>,
    /// There may be something to do.
    work: Condvar,
    /// Something was done.
    progress: Condvar,
}

/// What there is to wait for no longer.
pub(super) enum Wait {
    /// There is room for a chunk.
    Room,
    /// A group is encoded.
    Group,
}

#[derive(Default)]
struct State {
    lanes: Vec<Lane>,
    /// The last [`CHUNKS_AHEAD`] chunks.
    chunks: VecDeque<Chunk>,
    pushed: usize,
    /// Groups that were closed and not taken.
    groups: VecDeque<Group>,
    taken: usize,
    /// Rows of the group that is being filled.
    rows: usize,
    failed: Option<ParquetError>,
    started: bool,
    ended: bool,
}

/// One column and what waits for it.
struct Lane {
    /// With the thread that works on it, else here.
    column: Option<Column>,
    waiting: VecDeque<Task>,
    /// What a chunk of it costs, roughly.
    cost: Duration,
}

struct Chunk {
    /// Columns that have not encoded it.
    left: usize,
    /// Bytes of its rows.
    held: usize,
    /// Rows of its group up to its end.
    rows: usize,
    /// Encoded bytes of its group up to its end.
    bytes: usize,
}

struct Group {
    /// Columns that have not ended it.
    left: usize,
    columns: Vec<Vec<ArrowColumnChunk>>,
}

pub(super) enum Task {
    Encode {
        chunk: usize,
        batches: Arc<Vec<RecordBatch>>,
        /// Whether it is the first one of a group.
        begins: bool,
    },
    Close {
        group: usize,
    },
}

pub(super) enum Done {
    Encoded {
        chunk: usize,
        bytes: usize,
    },
    Closed {
        group: usize,
        chunks: Vec<ArrowColumnChunk>,
    },
}

impl Encoders {
    pub(super) fn new(fields: &Fields, properties: &WriterProperties) -> Result<Self> {
        let lane = |field: &FieldRef| {
            Ok(Lane {
                column: Some(Column::new(field, properties)?),
                waiting: VecDeque::new(),
                cost: Duration::ZERO,
            })
        };
        let state = State {
            lanes: fields.iter().map(lane).collect::<Result<_>>()?,
            ..State::default()
        };
        Ok(Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
        })
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the threads, one for each core, where they have not begun. Without them a chunk waits for
    /// [`Encoders::work_off`].
    pub(super) fn start<'s, 'e>(&'e self, threads: &'s Scope<'s, 'e>) {
        let columns = {
            let mut state = self.lock();
            if std::mem::replace(&mut state.started, true) {
                return;
            }
            state.lanes.len()
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.min(columns) {
            threads.spawn(|| self.run(true));
        }
    }

    /// Does on this thread what waits, beside the others.
    pub(super) fn work_off(&self) {
        self.run(false);
    }

    /// Ends the threads when it is dropped; what waits then is left undone.
    pub(super) fn ending(&self) -> impl Drop + '_ {
        struct Ending<'e>(&'e Encoders);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.lock().ended = true;
                self.0.work.notify_all();
            }
        }
        Ending(self)
    }

    fn run(&self, patient: bool) {
        let (mut state, mut last) = (self.lock(), None);
        while !state.ended {
            let Some((index, mut column, task)) = state.next(last) else {
                if !patient {
                    return;
                }
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            last = Some(index);
            let began = Instant::now();
            let panicked = |_| Err(ParquetError::General("encoding a column panicked".to_owned()));
            let done = catch_unwind(AssertUnwindSafe(|| column.run(index, task))).unwrap_or_else(panicked);
            state = self.lock();
            // Who waits is woken for what it waits for alone: waking takes a core from an encoder.
            if state.settle(index, column, began.elapsed(), done) {
                self.progress.notify_all();
            }
        }
    }

    /// Waits for room for a chunk, or for a group to append.
    pub(super) fn room(&self) -> Result<Wait> {
        let mut state = self.lock();
        loop {
            if let Some(failed) = state.failed.take() {
                return Err(failed);
            }
            if state.groups.front().is_some_and(|group| group.left == 0) {
                return Ok(Wait::Group);
            }
            if state.has_room() {
                return Ok(Wait::Room);
            }
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Encoded bytes of a row, as a chunk tells that is encoded as soon as there is room for the next one.
    pub(super) fn row_bytes(&self) -> Option<f64> {
        let state = self.lock();
        let measured = &state.chunks[state.telling()?];
        Some(measured.bytes as f64 / measured.rows.max(1) as f64)
    }

    /// Hands a chunk over, which may be the first one of a group.
    pub(super) fn push(&self, batches: Vec<RecordBatch>, held: usize, begins: bool) {
        let mut state = self.lock();
        state.rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let chunk = Chunk {
            left: state.lanes.len(),
            held,
            rows: state.rows,
            bytes: 0,
        };
        if state.chunks.len() == CHUNKS_AHEAD {
            state.chunks.pop_front();
        }
        state.chunks.push_back(chunk);
        let number = state.pushed;
        state.pushed += 1;
        let batches = Arc::new(batches);
        for lane in &mut state.lanes {
            lane.waiting.push_back(Task::Encode {
                chunk: number,
                batches: Arc::clone(&batches),
                begins,
            });
        }
        drop(state);
        self.work.notify_all();
    }

    /// Ends the group of the chunks so far.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let columns = state.lanes.len();
        let group = state.taken + state.groups.len();
        state.groups.push_back(Group {
            left: columns,
            columns: (0..columns).map(|_| Vec::new()).collect(),
        });
        state.rows = 0;
        for lane in &mut state.lanes {
            lane.waiting.push_back(Task::Close { group });
        }
        drop(state);
        self.work.notify_all();
    }

    /// The columns of the next group, waiting until they are encoded; `None` when no group was closed since.
    pub(super) fn group(&self) -> Result<Option<Vec<ArrowColumnChunk>>> {
        let mut state = self.lock();
        loop {
            if let Some(failed) = state.failed.take() {
                return Err(failed);
            }
            match state.groups.front() {
                None => return Ok(None),
                Some(group) if group.left == 0 => break,
                Some(_) => state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.taken += 1;
        let group = state.groups.pop_front();
        Ok(group.map(|group| group.columns.into_iter().flatten().collect()))
    }

    /// The hash of each column; `None` when a type has none. To be asked when every group was taken.
    pub(super) fn hashes(&self) -> Option<Vec<ContentHash>> {
        let columns = std::mem::take(&mut self.lock().lanes).into_iter();
        let digest = |lane: Lane| lane.column.map(|column| column.digest);
        let digests = columns.map(digest).collect::<Option<Vec<ColumnDigest>>>()?;
        let supported = digests.iter().all(ColumnDigest::supported);
        supported.then(|| digests.into_iter().map(ColumnDigest::finish).collect())
    }
}

impl State {
    /// How many chunks may be waiting or being encoded.
    fn ahead(&self) -> usize {
        match self.pushed < CHUNKS_AHEAD || self.lanes.len() <= FEW_COLUMNS {
            true => FIRST_AHEAD,
            false => CHUNKS_AHEAD,
        }
    }

    /// Which one of the chunks tells how large rows become. Never one before the one that told last.
    fn telling(&self) -> Option<usize> {
        let of_first = self.pushed.min(CHUNKS_AHEAD - 1).checked_sub(FIRST_AHEAD)?;
        let number = of_first.max(self.pushed.saturating_sub(CHUNKS_AHEAD));
        Some(number + self.chunks.len() - self.pushed)
    }

    fn has_room(&self) -> bool {
        let unfinished = self.chunks.iter().filter(|chunk| chunk.left > 0);
        let (chunks, bytes) = unfinished.fold((0, 0), |(chunks, bytes), chunk| (chunks + 1, bytes + chunk.held));
        chunks < self.ahead() && bytes < BYTES_AHEAD
    }

    /// The next thing to do: of the column a thread did last, whose dictionary and window of compression are still in its caches, else of the one with the
    /// most work waiting. No column gets ahead of the others by more than [`CHUNKS_AHEAD`].
    fn next(&mut self, last: Option<usize>) -> Option<(usize, Column, Task)> {
        if self.failed.is_some() {
            return None;
        }
        let free = self.lanes.iter_mut().enumerate();
        let free = free.filter(|(_, lane)| lane.column.is_some() && !lane.waiting.is_empty());
        let waiting = |lane: &Lane| (lane.cost * lane.waiting.len() as u32, lane.waiting.len());
        let (index, lane) = free.max_by_key(|(index, lane)| (Some(*index) == last, waiting(lane)))?;
        Some((index, lane.column.take()?, lane.waiting.pop_front()?))
    }

    /// True when a chunk or a group is done, or nothing will be.
    fn settle(&mut self, index: usize, column: Column, took: Duration, done: Result<Done>) -> bool {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.column = Some(column);
            lane.cost = lane.cost.max(took);
        }
        match done {
            Ok(Done::Encoded { chunk, bytes }) => {
                let from_end = self.pushed - chunk;
                let at = self.chunks.len().checked_sub(from_end);
                at.and_then(|at| self.chunks.get_mut(at)).is_some_and(|chunk| {
                    chunk.left -= 1;
                    chunk.bytes += bytes;
                    chunk.left == 0
                })
            }
            Ok(Done::Closed { group, chunks }) => self.groups.get_mut(group - self.taken).is_some_and(|group| {
                group.left -= 1;
                group.columns[index] = chunks;
                group.left == 0
            }),
            Err(error) => {
                self.failed = Some(error);
                true
            }
        }
    }
}

#[cfg(test)]
#[path = "parquet_encoders_tests.rs"]
mod tests;
