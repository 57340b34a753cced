//! The catalogue beside the storage: what is missing, unrecorded, other than recorded, or damaged.

use super::Known;
use crate::definitions::{AT_ONCE, AssetPartition, Pipeline};
use crate::freshness::Recorder;
use crate::selection::Selection;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use larder_catalog::{Deletion, State};
use larder_io_core::{AssetKey, Error, ErrorKind, Form, Receipt, Result};
use serde::Serialize;
use std::fmt;

/// How thoroughly to look, and what to do.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FsckOptions {
    /// Read every value and compare its hash.
    pub verify: bool,
    /// Bring the catalogue to what is stored. Values are never changed.
    pub mend: bool,
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FsckProblem {
    /// It is recorded and not stored.
    Missing,
    /// larder stored it, and it is not recorded.
    Unrecorded,
    /// Something else stored it, and it is not recorded.
    Foreign,
    /// Another value is stored than is recorded.
    Changed {
        /// The data version in the catalogue.
        recorded: String,
        /// The data version in the storage.
        stored: String,
    },
    /// It cannot be read, or its bytes are not those that were stored.
    Damaged {
        /// What its manager says.
        message: String,
    },
}

impl fmt::Display for FsckProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("recorded, but not stored"),
            Self::Unrecorded => f.write_str("stored, but not recorded"),
            Self::Foreign => f.write_str("stored by something else, and not recorded"),
            Self::Changed { recorded, stored } => write!(f, "another value is stored: {stored} instead of {recorded}"),
            Self::Damaged { message } => write!(f, "damaged: {message}"),
        }
    }
}

/// A value with which something is wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FsckFinding {
    /// The value.
    pub of: AssetPartition,
    /// What is wrong.
    pub problem: FsckProblem,
    /// Whether the catalogue was brought to what is stored.
    pub mended: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FsckReport {
    /// How many values were looked at.
    pub examined: u64,
    /// Those with which something is wrong, in the order of assets and partitions.
    pub findings: Vec<FsckFinding>,
}

impl Pipeline {
    /// Compares the catalogue with what is stored, of every partition that exists or is recorded.
    ///
    /// # Errors
    /// `InvalidConfig` without a catalogue; `InvalidDefinition` for a selection that fits nothing; what keeps a manager from telling.
    pub async fn fsck(&self, selection: impl Into<Selection>, options: FsckOptions) -> Result<FsckReport> {
        let catalog = self.catalog().cloned();
        let catalog = catalog.ok_or_else(|| {
            let message =
                "there is no catalogue to compare with; LARDER_CATALOG or `Definitions::catalog_file` names one";
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        let selected = selection.into().resolve(self)?;
        let mut report = FsckReport::default();
        for key in selected.steps.iter().flat_map(|step| &self.graph().nodes[*step].keys) {
            if self.stored(key)?.form == Form::Nothing {
                continue;
            }
            let wanted = self.known_values(key).await?;
            report.examined += wanted.len() as u64;
            let found = stream::iter(wanted).map(|known| self.examine(key, known, options));
            let found: Vec<Option<FsckFinding>> = found.buffered(AT_ONCE).try_collect().await?;
            report.findings.extend(found.into_iter().flatten());
        }
        catalog.flush().await?;
        Ok(report)
    }

    async fn examine(&self, key: &AssetKey, known: Known, options: FsckOptions) -> Result<Option<FsckFinding>> {
        let of = AssetPartition {
            asset: key.clone(),
            partition: known.partition,
        };
        let recorded = known
            .state
            .filter(State::is_live)
            .and_then(|state| Some(state.data_version()?.into_owned()));
        let (manager, mut context) = self.input_of(key, of.partition.as_ref())?;
        let receipt = match manager.head(&context).await {
            Ok(receipt) => receipt,
            Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(Some(damaged(of, error.message()))),
            Err(error) => return Err(self.about(error, &of, "head")),
        };
        let problem = match (&receipt, recorded) {
            (None, None) => return Ok(None),
            (None, Some(_)) => Some(FsckProblem::Missing),
            (Some(receipt), None) if receipt.run.as_str().is_empty() => Some(FsckProblem::Foreign),
            (Some(_), None) => Some(FsckProblem::Unrecorded),
            (Some(receipt), Some(recorded)) => {
                let stored = receipt.data_version();
                (stored != recorded).then_some(FsckProblem::Changed { recorded, stored })
            }
        };
        // Without a hash of the stored bytes there is nothing to compare.
        if options.verify && receipt.as_ref().is_some_and(|receipt| receipt.stored_hash.is_some()) {
            context.verify = manager.info().capabilities.verify;
            if let Err(error) = manager.load_input(&context).await {
                return match error.kind() {
                    ErrorKind::InvalidData => Ok(Some(damaged(of, error.message()))),
                    _ => Err(self.about(error, &of, "load")),
                };
            }
        }
        let Some(problem) = problem else { return Ok(None) };
        if options.mend {
            self.mend(&of, receipt.as_ref());
        }
        Ok(Some(FsckFinding {
            of,
            problem,
            mended: options.mend,
        }))
    }

    /// Records what is stored, or that nothing is.
    fn mend(&self, of: &AssetPartition, receipt: Option<&Receipt>) {
        match (self.catalog(), receipt) {
            (Some(catalog), None) => catalog.record(Deletion {
                asset: of.asset.clone(),
                partition: of.partition.clone(),
                run: None,
                at: Timestamp::now(),
            }),
            (catalog, Some(receipt)) => Recorder(catalog.cloned()).adopted(self, receipt, &[]),
            (None, None) => {}
        }
    }
}

fn damaged(of: AssetPartition, message: &str) -> FsckFinding {
    FsckFinding {
        of,
        problem: FsckProblem::Damaged {
            message: message.to_owned(),
        },
        mended: false,
    }
}
