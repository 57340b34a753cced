//! Tables that references point to, at the version that was recorded as long as it is kept.

use crate::core::Core;
use crate::log::Log;
use crate::partition::Scope;
use crate::table::Table;
use larder_io_core::{
    Error, ErrorKind, Form, ManagerUrl, Result, TableSource, Target, TargetFacts, Value, Version, async_trait,
};
use object_store::path::Path;
use std::fmt;
use std::sync::Arc;

/// Between the number of a version and the id of its table, because a table that is made anew counts from 0 again.
const SEPARATOR: char = '~';

/// The format that references record.
const FORMAT: &str = "delta";

/// The target of an address, whose path is the directory of a table. `root` opens what lies above it.
pub(crate) fn find(
    url: &ManagerUrl,
    format: Option<&str>,
    root: impl FnOnce(ManagerUrl) -> Result<Arc<Core>>,
) -> Result<Arc<dyn Target>> {
    if format.is_some_and(|format| format != FORMAT) {
        let message = format!("`{url}` is a table of Delta, whatever format the reference names; leave the format out");
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    let (host, path) = url.host_and_path();
    let wrong = || {
        let message = format!(
            "`{url}` is no directory of a table; write `delta+file:///path/of/the/table` or `delta+s3://bucket/table`"
        );
        Error::new(ErrorKind::InvalidData, message)
    };
    let below = Path::parse(path).map_err(|cause| wrong().with_source(cause))?;
    if below.as_ref().is_empty() {
        return Err(wrong());
    }
    let above = match host {
        "" => "/".to_owned(),
        host => format!("//{host}"),
    };
    let core = root(url.clone().with_address(above))?;
    let log = Log::below(core.files.ground(), below)?;
    Ok(Arc::new(DeltaTarget {
        core,
        log,
        shown: url.to_string(),
    }))
}

/// A table.
#[derive(Clone)]
struct DeltaTarget {
    core: Arc<Core>,
    log: Log,
    shown: String,
}

impl fmt::Debug for DeltaTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeltaTarget({})", self.shown)
    }
}

fn version_of(table: &Table) -> Version {
    Version::from_text(format!("{}{SEPARATOR}{}", table.state.version, table.id))
}

impl DeltaTarget {
    async fn latest(&self) -> Result<Table> {
        let table = self.core.latest(&self.log).await?;
        table.filter(|table| !table.is_missing()).ok_or_else(|| {
            let message = format!("there is no table of Delta at `{}`", self.shown);
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The version that is wanted, as long as the table keeps it.
    async fn table(&self, version: Option<&Version>) -> Result<Table> {
        let Some(version) = version else {
            return self.latest().await;
        };
        let text = version.as_str();
        let (number, id) = match text.split_once(SEPARATOR) {
            Some((number, id)) => (number, Some(id)),
            None => (text, None),
        };
        let Ok(number) = number.parse::<u64>() else {
            let message = format!(
                "`{}` has no version `{}`: versions are numbers",
                self.shown,
                text.escape_debug()
            );
            return Err(Error::new(ErrorKind::InvalidData, message));
        };
        let found = match self.log.at(number).await? {
            Some(state) => Some(Table::new(state)?),
            None => None,
        };
        if let Some(table) = found.filter(|table| id.is_none_or(|id| id == table.id)) {
            return Ok(table);
        }
        // Whether the table is gone, or another one, or only this version is not kept.
        let now = self.latest().await?;
        let message = match id.filter(|id| *id != now.id) {
            Some(_) => format!("`{}` is another table, made anew since then", self.shown),
            None => format!(
                "`{}` keeps version {number} no more; its newest is {}",
                self.shown, now.state.version
            ),
        };
        Err(Error::new(ErrorKind::Conflict, message))
    }

    fn facts(&self, table: &Table) -> TargetFacts {
        let source = self.core.source(&self.log, table, &Scope::default());
        let sizes = table.state.files.iter().map(|add| add.size.unsigned_abs());
        let mut facts = TargetFacts::default();
        facts.version = Some(version_of(table));
        facts.bytes = Some(sizes.fold(0, u64::saturating_add));
        facts.files = Some(table.state.files.len() as u64);
        facts.rows = source.rows();
        facts.format = Some(FORMAT.to_owned());
        facts.schema = Some(source.schema());
        facts
    }
}

#[async_trait]
impl Target for DeltaTarget {
    async fn head(&self) -> Result<TargetFacts> {
        Ok(self.facts(&self.latest().await?))
    }

    async fn describe(&self, version: Option<&Version>) -> Result<TargetFacts> {
        Ok(self.facts(&self.table(version).await?))
    }

    async fn open(&self, form: Form, version: Option<&Version>) -> Result<Value> {
        if form != Form::Table {
            let message = format!(
                "`{}` is a table and cannot be read as a value of form {form}",
                self.shown
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let table = self.table(version).await?;
        Ok(Value::Table(Arc::new(self.core.source(
            &self.log,
            &table,
            &Scope::default(),
        ))))
    }
}
