//! What the checks share: contexts, storing, loading, looking into a local root.

use crate::Fixture;
use crate::laws::probe::Probe;
use futures_util::TryStreamExt;
use larder_io_core::{
    Capabilities, Error, ErrorKind, Form, InputContext, IoManager, Location, OutputContext, Receipt, Result, Staged,
    Value,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Fixture {
    /// What the manager claims.
    pub(crate) fn claims(&self) -> Capabilities {
        self.manager().info().capabilities
    }

    /// Whether the manager takes a form.
    pub(crate) fn takes(&self, form: Form) -> bool {
        self.manager().info().forms.contains(form)
    }

    /// The forms for which a probe can be made.
    pub(crate) fn forms(&self) -> Vec<Form> {
        let mut forms: Vec<Form> = self.manager().info().forms.iter().collect();
        forms.retain(|form| *form != Form::Nothing);
        assert!(
            !forms.is_empty(),
            "law 15: the manager takes no form that holds a value"
        );
        forms
    }

    /// A maker of values in the manager's preferred form.
    pub(crate) fn probe(&self) -> Probe {
        Probe::new(self.forms()[0])
    }

    /// Stores and publishes, which must succeed.
    pub(crate) async fn store(&self, ctx: &OutputContext, value: &Value) -> Receipt {
        let stored = self.manager().handle_output(ctx, value).await;
        stored.unwrap_or_else(|error| {
            panic!(
                "law 1: a {} at `{}` was not stored: {error:?}",
                value.form(),
                ctx.location
            )
        })
    }

    /// Stages, which must succeed.
    pub(crate) async fn stage(&self, ctx: &OutputContext, value: &Value) -> Box<dyn Staged> {
        let staged = self.manager().stage(ctx, value).await;
        staged.unwrap_or_else(|error| {
            panic!(
                "law 1: a {} at `{}` was not staged: {error:?}",
                value.form(),
                ctx.location
            )
        })
    }

    /// Loads, which must succeed.
    pub(crate) async fn load(&self, ctx: &InputContext) -> Value {
        load(self.manager().as_ref(), ctx).await
    }

    /// The receipt of the published value; that it can be told is a must.
    pub(crate) async fn head(&self, ctx: &InputContext) -> Option<Receipt> {
        let head = self.manager().head(ctx).await;
        head.unwrap_or_else(|error| panic!("law 6: head of `{}` cannot tell: {error:?}", ctx.location))
    }

    /// Every stem below a prefix, sorted.
    pub(crate) async fn list(&self, prefix: Option<&str>) -> Vec<String> {
        let prefix = prefix.map(location);
        let stems: Result<Vec<Location>> = self.manager().list(prefix.as_ref()).try_collect().await;
        let stems = stems.unwrap_or_else(|error| panic!("law 10: list below {prefix:?} failed: {error:?}"));
        let mut stems: Vec<String> = stems.into_iter().map(Into::into).collect();
        stems.sort_unstable();
        stems
    }

    /// Stores a value that a format may be unable to keep: `None` when it was refused, in which case nothing may be
    /// there.
    pub(crate) async fn keep_or_refuse(
        &self,
        law: u8,
        what: &str,
        ctx: &OutputContext,
        value: &Value,
    ) -> Option<Value> {
        match self.manager().handle_output(ctx, value).await {
            Ok(_) => {
                let loaded = self.manager().load_input(&ctx.to_input(value.form())).await;
                Some(loaded.unwrap_or_else(|error| panic!("law {law}: {what} was stored but does not load: {error:?}")))
            }
            Err(error) => {
                assert_refusal(law, what, &error);
                // A context that cannot be, such as one with a bad suffix, may be refused here in the same words.
                let left = match self.manager().head(&ctx.to_input(value.form())).await {
                    Err(error) if error.kind() == ErrorKind::InvalidDefinition => None,
                    other => other.unwrap_or_else(|error| panic!("law 6: head of {what} cannot tell: {error:?}")),
                };
                assert!(left.is_none(), "law 3: {what} was refused but is there: {left:?}");
                None
            }
        }
    }

    /// Asserts what is published at a context.
    pub(crate) async fn assert_holds(&self, law: u8, when: &str, ctx: &OutputContext, probe: Probe, seed: u64) {
        let loaded = self.manager().load_input(&ctx.to_input(probe.form())).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("law {law}: {when}: `{}` is gone: {error:?}", ctx.location));
        let found = probe.read(law, loaded).await;
        check_eq!(found, seed, "law {law}: {when}: `{}` holds another value", ctx.location);
    }

    /// Asserts that nothing is published at a context.
    pub(crate) async fn assert_missing(&self, law: u8, when: &str, ctx: &InputContext) {
        match self.manager().load_input(ctx).await {
            Ok(_) => panic!("law {law}: {when}: load of `{}` gives a value", ctx.location),
            Err(error) => check_eq!(error.kind(), ErrorKind::NotFound, "law {law}: {when}: {error:?}"),
        }
        let head = self.manager().head(ctx).await;
        let head = head.unwrap_or_else(|error| panic!("law {law}: {when}: head cannot tell: {error:?}"));
        assert!(
            head.is_none(),
            "law {law}: {when}: head of `{}` gives {head:?}",
            ctx.location
        );
    }
}

/// Loads, which must succeed.
pub(crate) async fn load(manager: &dyn IoManager, ctx: &InputContext) -> Value {
    let loaded = manager.load_input(ctx).await;
    loaded.unwrap_or_else(|error| panic!("law 1: `{}` was not loaded: {error:?}", ctx.location))
}

/// Asserts that a store was refused because it cannot be done, and not by accident.
pub(crate) fn assert_refusal(law: u8, what: &str, error: &Error) {
    use ErrorKind::{InvalidData, InvalidDefinition, Unsupported};
    let clear = matches!(error.kind(), Unsupported | InvalidData | InvalidDefinition);
    assert!(clear, "law {law}: {what} was not refused but failed: {error:?}");
    assert!(
        !error.message().is_empty(),
        "law {law}: {what} was refused without a word"
    );
}

/// A location that is known to be valid.
pub(crate) fn location(text: &str) -> Location {
    text.parse()
        .unwrap_or_else(|error| panic!("the test names a bad location: {error}"))
}

/// A new write of an asset that is called like its location.
pub(crate) fn output(at: &str) -> OutputContext {
    let asset = at
        .parse()
        .unwrap_or_else(|error| panic!("the test names a bad asset: {error}"));
    OutputContext::new(asset, None, location(at))
}

/// Every file below a directory with its size, by its path from there.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        // Directories may come and go under a working store.
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.metadata() else { continue };
            if kind.is_dir() {
                left.push(entry.path());
            } else if let Ok(path) = entry.path().strip_prefix(root) {
                found.insert(path.to_owned(), kind.len());
            }
        }
    }
    found
}

/// The files that other tools would find: those outside `.larder`.
pub(crate) fn visible(root: &Path) -> Vec<PathBuf> {
    files(root)
        .into_keys()
        .filter(|path| !path.starts_with(".larder"))
        .collect()
}

/// The bytes of all files below a directory.
pub(crate) fn bytes_below(root: &Path) -> u64 {
    files(root).values().sum()
}
