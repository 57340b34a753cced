//! Tables as files under names that nobody else writes: what table formats such as Delta Lake are made of.
//!
//! Such a file is never replaced, so that it needs no precondition, no receipt and no pinned version; which files count
//! is said elsewhere.

mod adopt;
mod ground;
mod reader;

pub use crate::table::apart;
pub use ground::{Ground, GroundBackend, check_settings, without};

use crate::core::Core;
use crate::format::Settings;
use crate::sink::{Body, Sink};
use crate::store::Store;
use crate::table::{ParquetSource, Seat, write_at};
use ground::GroundStore;
use larder_io_core::{ContentHash, Error, ErrorKind, Precondition, Result, TableSource, Usage, WriteId};
use object_store::path::Path;
use parquet::file::metadata::ParquetMetaData;
use reader::FileReader;
use std::fmt;
use std::sync::Arc;

/// Writes and reads Parquet files below a [`Ground`].
#[derive(Clone)]
pub struct TableFiles {
    ground: Ground,
    core: Arc<Core>,
    /// Where encoders work, if it is always the same place.
    seat: Option<Seat>,
}

/// A file that was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableFile {
    /// Its path below the ground.
    pub path: Path,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// The hash of its bytes.
    pub stored_hash: ContentHash,
    /// Its footer, with the statistics of each column.
    pub metadata: Arc<ParquetMetaData>,
}

impl TableFiles {
    /// Files below `ground`, encoded as `settings` say.
    ///
    /// # Errors
    /// `InvalidConfig` for settings that cannot work.
    pub fn new(ground: Ground, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let store: Arc<dyn Store> = Arc::new(GroundStore::new(&ground));
        Ok(Self {
            ground,
            core: Arc::new(Core::new(store, settings)),
            seat: None,
        })
    }

    /// The same files, counting what is asked of their storage and held in memory for them.
    #[must_use]
    pub fn counted(&self, usage: Option<&Arc<Usage>>) -> Self {
        let Some(usage) = usage else { return self.clone() };
        let ground = self.ground.counted(usage);
        let store: Arc<dyn Store> = Arc::new(GroundStore::new(&ground));
        Self {
            ground,
            core: Arc::new(self.core.with_store(store, usage)),
            seat: self.seat.clone(),
        }
    }

    /// The same files, for who writes many of them one after the other: their encoders have one thread, until all that this gives is dropped.
    /// While one works, a blocking thread of the runtime waits for it.
    #[must_use]
    pub fn in_turn(&self) -> Self {
        Self {
            seat: Some(Seat::take()),
            ..self.clone()
        }
    }

    /// What the files lie on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Writes a table as one new file, columns encoded in parallel. Memory as storing a table has (law 12).
    ///
    /// # Errors
    /// `Unsupported` for a type that Parquet cannot keep; the source's own; whatever the storage gives.
    ///
    /// # Cancel safety
    /// A dropped future leaves at most a file that nothing refers to.
    pub async fn write(&self, path: &Path, write: &WriteId, source: &dyn TableSource) -> Result<TableFile> {
        let mut sink = Sink::new(&self.core, path.clone(), write.clone());
        let written = match write_at(self.seat.as_ref(), source, &mut sink, &self.core.settings).await {
            Ok(written) => written,
            Err(error) => {
                sink.abort().await;
                return Err(error);
            }
        };
        let (bytes, stored_hash) = self.settle(sink, path, write).await?;
        let metadata = written
            .metadata
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "a Parquet file was written without a footer"))?;
        Ok(TableFile {
            path: path.clone(),
            bytes,
            rows: written.rows,
            stored_hash,
            metadata,
        })
    }

    /// Makes what a sink has taken a file.
    async fn settle(&self, sink: Sink, path: &Path, write: &WriteId) -> Result<(u64, ContentHash)> {
        let (body, bytes, stored_hash) = sink.finish().await?;
        let options = crate::store::Written {
            write,
            receipt: "",
            precondition: &Precondition::None,
            retention: None,
        };
        match body {
            Body::Small(small) => self.core.store.put(path, small, &options).await.map(drop)?,
            Body::Large(mut upload) => {
                if let Err(error) = upload.complete(&options).await {
                    // Nothing refers to it; what stays is found by `gc`.
                    let _ = upload.abort().await;
                    return Err(error);
                }
            }
        }
        Ok((bytes, stored_hash))
    }

    /// Opens a file of known size by its footer: one request, or two for a large footer.
    ///
    /// # Errors
    /// `NotFound` when it is gone; `InvalidData` for damage.
    pub async fn open(&self, path: &Path, bytes: u64) -> Result<Arc<dyn TableSource>> {
        let reader = Arc::new(FileReader::new(&self.ground, path.clone(), bytes));
        let source = ParquetSource::open(reader).await?;
        Ok(Arc::new(source.counted(self.core.usage.as_ref())))
    }
}

impl fmt::Debug for TableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableFiles({:?})", self.ground)
    }
}
