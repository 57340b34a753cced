//! Stored values from outside of a pipeline: a program, a notebook, a test.

use larder_executor::{Asset, AssetPartition, Definitions, Pipeline};
use larder_io_core::{AssetValue, Error, ErrorKind, PartitionKey, Receipt, Result, Version};
use larder_partitions::Partitioning;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

/// The storage of a pipeline without its code: `larder.toml`, the profile and the environment say where every asset is, as they do for the
/// pipeline itself.
///
/// ```no_run
/// use larder::prelude::*;
/// use larder::Larder;
///
/// # async fn example() -> Result<()> {
/// let larder = Larder::open();
/// let delays: Table = larder.load("reports/carrier_delays").await?;
/// let day: Table = larder.load("clean/flights").partition(PartitionKey::single("date", "2013-02-08")?).await?;
/// # Ok(())
/// # }
/// ```
///
/// What only the code says is not known here: an asset's own `io_manager`, `extension` and settings, and a layout of one's own. Add those by
/// [`Larder::with`], or load through the pipeline.
#[derive(Clone, Debug)]
pub struct Larder {
    definitions: Definitions,
}

impl Larder {
    /// Opens what `larder.toml` and the environment name, with every backend that is compiled in. Nothing is read yet.
    pub fn open() -> Self {
        Self::with(crate::definitions())
    }

    /// The same with definitions of one's own: their I/O managers, layout, configuration.
    pub fn with(definitions: Definitions) -> Self {
        Self { definitions }
    }

    /// Loads the published value of an asset; `.partition(..)` and `.version(..)` say otherwise. Nothing happens before it is awaited.
    pub fn load<T: AssetValue>(&self, key: impl Into<String>) -> Load<T> {
        Load {
            definitions: self.definitions.clone(),
            key: key.into(),
            partition: None,
            version: None,
            value: PhantomData,
        }
    }

    /// Stores a value as the published one of an asset, or of a partition of it.
    ///
    /// # Errors
    /// Whatever definitions or the manager give.
    pub async fn store<T: AssetValue>(&self, key: &str, partition: Option<&PartitionKey>, value: T) -> Result<Receipt> {
        let pipeline = pipeline::<T>(&self.definitions, key, partition)?;
        let of: AssetPartition = (&pipeline.key(key)?, partition).into();
        pipeline.store_at(of, value).await
    }
}

/// A value that is to be loaded: await it.
#[derive(Clone, Debug)]
#[must_use = "nothing is loaded before it is awaited"]
pub struct Load<T> {
    definitions: Definitions,
    key: String,
    partition: Option<PartitionKey>,
    version: Option<Version>,
    value: PhantomData<fn() -> T>,
}

impl<T> Load<T> {
    /// Of this partition.
    pub fn partition(mut self, partition: PartitionKey) -> Self {
        self.partition = Some(partition);
        self
    }

    /// In this version instead of the published one. Where the manager does not have it, the catalogue is opened, which blocks, and may
    /// have [a copy](Definitions::inline_values).
    pub fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }
}

impl<T: AssetValue> IntoFuture for Load<T> {
    type Output = Result<T>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let pipeline = pipeline::<T>(&self.definitions, &self.key, self.partition.as_ref())?;
            let of: AssetPartition = (&pipeline.key(&self.key)?, self.partition.as_ref()).into();
            let value = match pipeline.load_value(&of, self.version.clone()).await {
                Err(error) if self.version.is_some() && is_not_kept(&error) => match pipeline.open_catalog(false) {
                    // It may have a copy that the manager no longer has.
                    Ok(recorded) => recorded.load_value(&of, self.version).await?,
                    Err(_) => return Err(error),
                },
                other => other?,
            };
            T::from_value(value).await
        })
    }
}

fn is_not_kept(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported)
}

/// A pipeline of this one asset.
fn pipeline<T: AssetValue>(definitions: &Definitions, key: &str, partition: Option<&PartitionKey>) -> Result<Pipeline> {
    let mut asset = Asset::external::<T>(key);
    if let Some(partition) = partition {
        let dimension = |(name, value): &(String, String)| Ok((name.clone(), Partitioning::fixed(name, [value])?));
        let dimensions: Vec<(String, Partitioning)> =
            partition.dimensions().iter().map(dimension).collect::<Result<_>>()?;
        asset = asset.partitions(Partitioning::multi(dimensions));
    }
    definitions.clone().asset(asset).build()
}
