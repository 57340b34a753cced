//! One function and the assets it makes; the same with the `#[asset]` attribute and without.

use crate::args::Args;
use crate::capacity::Size;
pub use crate::code_version::CodeVersion;
pub use crate::output_spec::OutputSpec;
use crate::policy::RetryPolicy;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use larder_io_core::{Access, Arity, AssetValue, Error, ErrorKind, Forms, Input, Made, Output, Pin, Result};
use larder_partitions::{IntoPartitioning, Mapping, Partitioning};
use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What `#[asset]` makes of a function: a type that knows how to make the [`Asset`].
pub trait AssetFn {
    /// Makes the asset.
    fn asset() -> Asset;
}

#[derive(Clone, Debug)]
pub(crate) struct InputSpec {
    pub(crate) argument: String,
    pub(crate) from: Option<String>,
    pub(crate) arity: Arity,
    pub(crate) forms: Forms,
    pub(crate) access: Access,
    /// Whether it takes a reference itself.
    pub(crate) refers: bool,
    /// How a reference is followed, whatever that says.
    pub(crate) pin: Option<Pin>,
    pub(crate) type_name: &'static str,
    /// The type of its value, or of each of its values.
    pub(crate) item: &'static str,
    /// Which partitions of it, when it is said.
    pub(crate) mapping: Option<Mapping>,
    /// Whether partitions that nobody stored are left out.
    pub(crate) allow_missing: bool,
}

impl InputSpec {
    pub(crate) fn of<T: Input>(argument: String, from: Option<String>) -> Self {
        Self {
            argument,
            from,
            arity: T::arity(),
            forms: T::Item::forms(),
            access: T::Item::access(),
            refers: T::Item::refers(),
            pin: T::pin(),
            type_name: type_name::<T>(),
            item: type_name::<T::Item>(),
            mapping: None,
            allow_missing: false,
        }
    }
}

/// A resource that a function asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceSpec {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
}

impl ResourceSpec {
    pub(crate) fn of<T: 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
        }
    }
}

pub(crate) type Function = dyn Fn(Args) -> BoxFuture<'static, Result<Vec<Made>>> + Send + Sync;

/// One function and the assets it makes, or an external asset that something else makes.
#[derive(Clone)]
pub struct Asset {
    pub(crate) outputs: Vec<OutputSpec>,
    pub(crate) inputs: Vec<InputSpec>,
    pub(crate) resources: Vec<ResourceSpec>,
    pub(crate) description: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) code_version: CodeVersion,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) location: Option<String>,
    /// By what it is parted, or what is wrong with that.
    pub(crate) partitions: Option<Result<Partitioning, String>>,
    /// How often a failed computation is tried again, and how long an attempt may take, where the run does not decide.
    pub(crate) retry: Option<RetryPolicy>,
    /// Attempts in all, of a policy that is the run's otherwise.
    pub(crate) attempts: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    /// The memory that a call needs, in bytes, or what is wrong with that.
    pub(crate) memory: Option<Result<u64, String>>,
    /// Of a query.
    #[cfg(feature = "arrow")]
    pub(crate) sql: Option<crate::sql::Sql>,
    /// `None` for an external asset.
    pub(crate) function: Option<Arc<Function>>,
}

impl Asset {
    /// Begins an asset without the attribute.
    ///
    /// ```
    /// use larder_executor::Asset;
    /// let asset = Asset::builder("reports/total")
    ///     .input_from::<Vec<u64>>("numbers", "raw/numbers")
    ///     .function(|mut args| async move {
    ///         let numbers: Vec<u64> = args.input().await?;
    ///         Ok(numbers.iter().sum::<u64>())
    ///     });
    /// ```
    pub fn builder(key: impl Into<String>) -> AssetBuilder {
        AssetBuilder {
            output: OutputSpec::new(key),
            asset: Self {
                outputs: Vec::new(),
                inputs: Vec::new(),
                resources: Vec::new(),
                description: None,
                group: None,
                code_version: CodeVersion::Unknown,
                tags: BTreeMap::new(),
                location: None,
                partitions: None,
                retry: None,
                attempts: None,
                timeout: None,
                memory: None,
                #[cfg(feature = "arrow")]
                sql: None,
                function: None,
            },
            #[cfg(feature = "arrow")]
            query: crate::sql::Sql::default(),
        }
    }

    /// The memory that it says a call needs, in bytes.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.memory.as_ref()?.as_ref().ok().copied()
    }

    /// An asset of type `T` that something else makes: larder loads it and never makes it.
    pub fn external<T: AssetValue>(key: impl Into<String>) -> AssetBuilder {
        let mut builder = Self::builder(key);
        builder.output = builder.output.form_of::<T>();
        builder
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.outputs.iter().map(|output| output.key.as_str()).collect();
        write!(
            f,
            "Asset({}{})",
            keys.join(", "),
            if self.function.is_none() { ", external" } else { "" }
        )
    }
}

/// An external asset needs no function: the builder is one as it stands.
impl From<AssetBuilder> for Asset {
    fn from(builder: AssetBuilder) -> Self {
        let AssetBuilder { output, mut asset, .. } = builder;
        asset.outputs = vec![output];
        asset
    }
}

/// An asset in the making.
#[derive(Clone, Debug)]
pub struct AssetBuilder {
    pub(crate) output: OutputSpec,
    pub(crate) asset: Asset,
    /// What is said of its query, where it is one.
    #[cfg(feature = "arrow")]
    pub(crate) query: crate::sql::Sql,
}

impl AssetBuilder {
    /// What it is, for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.asset.description = Some(text.into());
        self
    }

    /// The group; the key's prefix without one.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.asset.group = Some(group.into());
        self
    }

    /// The key of the I/O manager that stores it.
    #[must_use]
    pub fn io_manager(mut self, key: impl Into<String>) -> Self {
        self.output = self.output.io_manager(key);
        self
    }

    /// The suffix of a blob, without a dot.
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.output = self.output.extension(extension);
        self
    }

    /// A setting of its I/O manager for this asset alone, as [`OutputSpec::setting`].
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.output = self.output.setting(name, value);
        self
    }

    /// Which versions of it are kept, as [`OutputSpec::retention`].
    #[must_use]
    pub fn retention(mut self, retention: impl Into<String>) -> Self {
        self.output = self.output.retention(retention);
        self
    }

    /// The columns of its table, as [`OutputSpec::columns`].
    #[cfg(feature = "arrow")]
    #[must_use]
    pub fn columns(mut self, schema: arrow_schema::SchemaRef) -> Self {
        self.output = self.output.columns(schema);
        self
    }

    /// The version of its code.
    #[must_use]
    pub fn code_version(mut self, version: CodeVersion) -> Self {
        self.asset.code_version = version;
        self
    }

    /// A tag.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.asset.tags.insert(name.into(), value.into());
        self
    }

    /// The stem of its location, instead of the layout's: for an external asset that lies where others put it.
    #[must_use]
    pub fn location(mut self, stem: impl Into<String>) -> Self {
        self.asset.location = Some(stem.into());
        self
    }

    /// An input that the argument's name finds: the asset of that key, else the only one whose last segment it is.
    #[must_use]
    pub fn input<T: Input>(self, argument: impl Into<String>) -> Self {
        self.add_input::<T>(argument.into(), None)
    }

    /// An input by its key.
    #[must_use]
    pub fn input_from<T: Input>(self, argument: impl Into<String>, key: impl Into<String>) -> Self {
        self.add_input::<T>(argument.into(), Some(key.into()))
    }

    fn add_input<T: Input>(mut self, argument: String, from: Option<String>) -> Self {
        self.asset.inputs.push(InputSpec::of::<T>(argument, from));
        self
    }

    /// How often it is computed again when it fails, whatever the run says: [`RunOptions::retry`](crate::RunOptions::retry).
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.asset.retry = Some(retry);
        self
    }

    /// How often it is computed again when it fails, whatever the run says; 0 for never. Delays are the run's, unless
    /// [`AssetBuilder::retry`] gives others.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.asset.attempts = Some(retries.saturating_add(1));
        self
    }

    /// How long an attempt at it may take, whatever the run says: [`RunOptions::step_timeout`](crate::RunOptions::step_timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.asset.timeout = Some(timeout);
        self
    }

    /// The memory that a call of it needs with all it takes and makes, as `400MiB` or `1.5GB`: it is reserved where a run has a
    /// [`memory_budget`](crate::RunOptions::memory_budget). What is no size is told when definitions are built.
    #[must_use]
    pub fn memory(mut self, size: impl AsRef<str>) -> Self {
        let size = size.as_ref().parse::<Size>();
        let bytes = size.map(|size| size.bytes);
        self.asset.memory = Some(bytes.map_err(|error| error.message().to_owned()));
        self
    }

    /// Parts the asset: `Partitioning::daily("2024-01-01")`. What is wrong with it is told when definitions are built.
    #[must_use]
    pub fn partitions(mut self, partitions: impl IntoPartitioning) -> Self {
        let partitions = partitions.into_partitioning();
        self.asset.partitions = Some(partitions.map_err(|error| error.message().to_owned()));
        self
    }

    /// Which partitions of the input that was named last a partition is made from; [`Mapping::default_for`] without.
    #[must_use]
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        if let Some(input) = self.asset.inputs.last_mut() {
            input.mapping = Some(mapping);
        }
        self
    }

    /// Leaves out those partitions of the input that was named last that nobody stored, instead of failing.
    #[must_use]
    pub fn allow_missing(mut self) -> Self {
        if let Some(input) = self.asset.inputs.last_mut() {
            input.allow_missing = true;
        }
        self
    }

    /// A resource by its type.
    #[must_use]
    pub fn resource<T: Send + Sync + 'static>(mut self) -> Self {
        self.asset.resources.push(ResourceSpec::of::<T>());
        self
    }

    /// The function that makes it: a value of each call, or `Partitions<T>` with a value for each partition it is asked for.
    pub fn function<T, F, Fut>(mut self, function: F) -> Asset
    where
        T: Output,
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        self.output = self.output.form_of::<T>();
        let output = self.output.clone();
        self.functions(vec![output], move |args| {
            let made = function(args);
            async move { Ok(vec![made.await?.into_made()]) }
        })
    }

    /// The function that makes several assets: one result for each output, in their order. The builder's own key is
    /// not used.
    pub fn functions<M, F, Fut>(mut self, outputs: Vec<OutputSpec>, function: F) -> Asset
    where
        M: Into<Made>,
        F: Fn(Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<M>>> + Send + 'static,
    {
        let promised = outputs.len();
        self.asset.outputs = outputs;
        self.asset.function = Some(Arc::new(move |args| {
            let made = function(args);
            async move {
                let values = made.await?;
                if values.len() != promised {
                    let message = format!("the function promised {promised} values and returned {}", values.len());
                    return Err(Error::new(ErrorKind::InvalidDefinition, message));
                }
                Ok(values.into_iter().map(Into::into).collect())
            }
            .boxed()
        }));
        self.asset
    }
}
