//! What a function is called with.

use crate::context::AssetContext;
use larder_io_core::{Error, ErrorKind, Input, Loaded, Result};
use std::any::{Any, TypeId, type_name};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Once};
use std::time::Instant;

/// Resources by type.
pub(crate) type Resources = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// The arguments of one call: inputs in the order they were declared, context, resources.
pub struct Args {
    pub(crate) inputs: VecDeque<(String, Loaded)>,
    pub(crate) context: Arc<AssetContext>,
    pub(crate) resources: Arc<Resources>,
}

impl Args {
    /// The next input, as the type it was declared with.
    ///
    /// # Errors
    /// `InvalidDefinition` when none is left; else as [`Input::from_loaded`].
    pub async fn input<T: Input>(&mut self) -> Result<T> {
        let Some((argument, loaded)) = self.inputs.pop_front() else {
            return Err(Error::new(
                ErrorKind::InvalidDefinition,
                "more inputs are taken than were declared",
            ));
        };
        let began = Instant::now();
        let input = T::from_loaded(loaded)
            .await
            .map_err(|error| error.with_context("input", argument));
        self.context.add_load_time(began.elapsed());
        input
    }

    /// The context.
    pub fn context(&self) -> Arc<AssetContext> {
        Arc::clone(&self.context)
    }

    /// A resource by its type.
    ///
    /// # Errors
    /// `InvalidDefinition` when the asset did not declare it and the pipeline has none.
    pub fn resource<T: Send + Sync + 'static>(&self) -> Result<Arc<T>> {
        let found = self
            .resources
            .get(&TypeId::of::<T>())
            .cloned()
            .and_then(|any| any.downcast().ok());
        found.ok_or_else(|| missing_resource(type_name::<T>()))
    }
}

pub(crate) fn missing_resource(name: &str) -> Error {
    let message = format!(
        "there is no resource of type `{name}`; add one with `Definitions::resource`, or with `Definitions::resource_named` if runs are to open it"
    );
    Error::new(ErrorKind::InvalidDefinition, message)
}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.inputs.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "Args({})", names.join(", "))
    }
}

/// Runs a blocking function where it may block.
///
/// # Errors
/// `AssetFailed` when it panics, `Cancelled` when the runtime ends.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // Caught where it happens: only that thread knows the place.
    let caught =
        move || std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(panic.as_ref(), "asset"));
    match tokio::task::spawn_blocking(caught).await {
        Ok(done) => done,
        Err(_) => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
    }
}

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on every thread remembers where it panics; what the program does about panics stays as it is.
pub(crate) fn remember_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PLACE.set(panic.location().map(ToString::to_string));
            before(panic);
        }));
    });
}

/// The error of code of the user's that panicked.
pub(crate) fn panicked(panic: &(dyn Any + Send), what: &str) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let place = PLACE.take().map(|place| format!(" at {place}")).unwrap_or_default();
    Error::new(
        ErrorKind::AssetFailed,
        format!("the {what} panicked{place}: {}", text.unwrap_or("no message")),
    )
}
