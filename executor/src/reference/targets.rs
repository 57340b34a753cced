//! Which backend knows the address of a reference, and with which settings.

use larder_io_core::{Backend, DataRef, Error, ErrorKind, ManagerUrl, Result, Target, nearest};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Finds what references point to.
#[derive(Clone, Default)]
pub(crate) struct Targets {
    pub(crate) backends: Vec<Arc<dyn Backend>>,
    /// Of the managers that are configured, used or not: a target within the root of one is reached with its settings.
    pub(crate) managers: Vec<ManagerUrl>,
    /// Instead of the process's environment.
    pub(crate) variables: Option<BTreeMap<String, String>>,
}

/// Without the settings, which hold secrets.
impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets({} backends)", self.backends.len())
    }
}

impl Targets {
    /// What a reference points to. Nothing is looked at yet.
    ///
    /// # Errors
    /// `InvalidData` for an address that is none; `Unsupported` for a scheme that nobody answers to, or that has no targets;
    /// `InvalidConfig` for settings that cannot work.
    pub(crate) fn find(&self, reference: &DataRef) -> Result<Arc<dyn Target>> {
        let url = reference.address()?;
        let answers = |backend: &&Arc<dyn Backend>| backend.schemes().contains(&url.scheme());
        let Some(backend) = self.backends.iter().find(answers) else {
            return Err(self.unknown(reference, url.scheme()));
        };
        let mut url = match self.around(&url, &backend.schemes()) {
            Some(manager) => url.with_settings_of(manager)?,
            None => url,
        };
        if let Some(variables) = &self.variables {
            url = url.with_variables(variables.clone());
        }
        backend.target(&url, reference.format.as_deref())
    }

    /// The manager in whose root an address is; of several the innermost.
    fn around(&self, url: &ManagerUrl, schemes: &[&str]) -> Option<&ManagerUrl> {
        let (host, path) = url.host_and_path();
        let inside = |manager: &&ManagerUrl| {
            let (its, root) = manager.host_and_path();
            let below = path.strip_prefix(root);
            let whole = below.is_some_and(|rest| root.is_empty() || rest.is_empty() || rest.starts_with('/'));
            schemes.contains(&manager.scheme()) && its == host && whole && manager.address().starts_with('/')
        };
        let managers = self.managers.iter().filter(inside);
        managers.max_by_key(|manager| manager.host_and_path().1.len())
    }

    fn unknown(&self, reference: &DataRef, scheme: &str) -> Error {
        let mut known: Vec<&str> = self.backends.iter().flat_map(|backend| backend.schemes()).collect();
        known.sort_unstable();
        let near = nearest(scheme, known.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let known = match known.is_empty() {
            true => "no backend was handed over with `Definitions::backend`".to_owned(),
            false => format!("known are {}", known.join(", ")),
        };
        let message = format!(
            "a reference points to `{}`, and no backend answers to the scheme `{scheme}`{near} ({known})",
            reference.shown()
        );
        Error::new(ErrorKind::Unsupported, message)
    }
}
