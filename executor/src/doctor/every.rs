//! Which managers there are, also those that no asset uses.

use super::{Diagnosis, DoctorOptions, all};
use crate::config::DEFAULT_KEY;
use crate::{Asset, ConfigReport, Definitions, Pipeline};
use futures_util::FutureExt;
use larder_io_core::{AssetKey, Error, ErrorKind, Form, Forms, IoManager, Result, nearest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was found out about all managers that were asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checkup {
    /// One for each manager, by key.
    pub diagnoses: Vec<Diagnosis>,
    /// Why managers that no asset uses were left out: one of them cannot be opened.
    pub left_out: Option<Error>,
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
        let found = Found::of(&self, names)?;
        let diagnoses = all(found.managers.into_iter().collect(), options, stop.boxed().shared()).await;
        let mut diagnoses: Vec<Diagnosis> = diagnoses.into_iter().chain(found.unopened).collect();
        diagnoses.sort_by(|a, b| a.io_manager.cmp(&b.io_manager));
        Ok(Checkup {
            diagnoses,
            left_out: found.left_out,
        })
    }
}

/// An asset that is never made: it is bound to a manager so that this is opened.
const STAND_IN: &str = "larder-doctor-stand-in";

#[derive(Default)]
struct Found {
    managers: BTreeMap<String, Arc<dyn IoManager>>,
    unopened: Vec<Diagnosis>,
    left_out: Option<Error>,
}

impl Found {
    fn of(definitions: &Definitions, names: &[String]) -> Result<Self> {
        let pipeline = definitions.clone().build()?;
        let mut found = Self {
            managers: pipeline.managers().into_iter().collect(),
            ..Self::default()
        };
        if names.is_empty() || names.iter().any(|name| !found.managers.contains_key(name)) {
            match report(definitions, &pipeline) {
                Ok(report) => found.add(definitions, &report, names)?,
                Err(error) if names.is_empty() => found.left_out = Some(error),
                Err(error) => return Err(error),
            }
        }
        if !names.is_empty() {
            found.managers.retain(|key, _| names.contains(key));
        }
        Ok(found)
    }

    fn add(&mut self, definitions: &Definitions, report: &ConfigReport, names: &[String]) -> Result<()> {
        let unused: Vec<&str> = report
            .io_managers
            .iter()
            .map(|manager| manager.key.as_str())
            .filter(|key| !self.managers.contains_key(*key))
            .collect();
        let known = || self.managers.keys().map(String::as_str).chain(unused.iter().copied());
        if let Some(stranger) = names.iter().find(|name| known().all(|key| key != name.as_str())) {
            let hint = match nearest(stranger, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no I/O manager `{stranger}`; {hint}");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        for key in unused {
            if !names.is_empty() && names.iter().all(|name| name != key) {
                continue;
            }
            match open(definitions, key) {
                Ok(Some(manager)) => {
                    self.managers.insert(key.to_owned(), manager);
                }
                Ok(None) => {}
                Err(error) => self.unopened.push(Diagnosis::unopened(key.to_owned(), error)),
            }
        }
        Ok(())
    }
}

/// What there is, but for a default that nobody uses: it may be the built-in one, of which nobody knows.
fn report(definitions: &Definitions, pipeline: &Pipeline) -> Result<ConfigReport> {
    let definitions = definitions.clone();
    // That there is no default is no mistake either, as long as nobody needs one.
    let definitions = match pipeline.managers().into_iter().next() {
        Some((_, any)) => definitions.default_io_manager(any),
        None => definitions,
    };
    let mut report = definitions.check_config()?;
    report.io_managers.retain(|manager| manager.key != DEFAULT_KEY);
    Ok(report)
}

/// A manager that no asset uses, opened as if one did: with its policies, and refused if it would be. `None` when it
/// cannot be had so, because everything is stored elsewhere.
fn open(definitions: &Definitions, key: &str) -> Result<Option<Arc<dyn IoManager>>> {
    let mut asset = Asset::from(Asset::builder(STAND_IN).location(STAND_IN).io_manager(key));
    for output in &mut asset.outputs {
        output.forms = Forms::of([Form::Object, Form::Table, Form::Blob]);
    }
    let pipeline = definitions.clone().asset(asset).build()?;
    let probe: AssetKey = STAND_IN.parse()?;
    let chosen = pipeline.explain(&probe)?.io_manager;
    if chosen.as_deref() != Some(key) {
        return Ok(None);
    }
    Ok(Some(pipeline.input(&probe)?.0))
}
