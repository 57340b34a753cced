//! Which managers there are, also those that no asset uses.

use super::{Diagnosis, DoctorOptions, all};
use crate::Definitions;
use crate::definitions::Managers;
use futures_util::FutureExt;
use larder_io_core::{Error, ErrorKind, Result, nearest};

/// What was found out about all managers that were asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checkup {
    /// One for each manager, by key. Of one that cannot be opened it says why.
    pub diagnoses: Vec<Diagnosis>,
}

impl Definitions {
    /// Builds, and examines the managers that are named; without a name every one that has a key, also those that no asset
    /// uses, and the default where one does.
    /// Nothing more is asked when `stop` ends; [`std::future::pending`] never does.
    ///
    /// # Errors
    /// As [`Definitions::build`]; `InvalidConfig` for a name that no manager has.
    ///
    /// # Cancel safety
    /// A dropped future leaves its probes at `larder-doctor-<random id>`. End `stop` instead, and wait.
    pub async fn doctor(
        self,
        names: &[String],
        options: &DoctorOptions,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Checkup> {
        let (mut managers, mut unopened) = (Vec::new(), Vec::new());
        for (key, opened) in wanted(&self, names)? {
            match opened {
                Ok(manager) => managers.push((key, manager)),
                Err(error) => unopened.push(Diagnosis::unopened(key, error)),
            }
        }
        let mut diagnoses = all(managers, options, stop.boxed().shared()).await;
        diagnoses.extend(unopened);
        diagnoses.sort_by(|a, b| a.io_manager.cmp(&b.io_manager));
        Ok(Checkup { diagnoses })
    }
}

fn wanted(definitions: &Definitions, names: &[String]) -> Result<Managers> {
    let pipeline = definitions.clone().build()?;
    let mut managers = definitions.every_manager()?;
    // Those in use as the pipeline has them; a default may be among them that has no key.
    managers.extend(pipeline.managers().into_iter().map(|(key, manager)| (key, Ok(manager))));
    if let Some(stranger) = names.iter().find(|name| !managers.contains_key(*name)) {
        let known = || managers.keys().map(String::as_str);
        let hint = match nearest(stranger, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no I/O manager `{stranger}`; {hint}");
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    managers.retain(|key, _| names.is_empty() || names.contains(key));
    Ok(managers)
}
