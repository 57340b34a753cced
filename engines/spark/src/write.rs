//! Files that the cluster writes, and the evidence for them.

use crate::evidence::{evidence, fresh, missing};
use crate::files::Files;
use crate::operation::Operation;
use crate::rows::Rows;
use crate::session::Link;
use crate::sql::{Sql, relation};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::SchemaRef;
use futures_util::TryStreamExt;
use larder_io_core::{Error, ErrorKind, Result};
use spark_connect_proto as proto;
use std::path::PathBuf;
use std::sync::Arc;

/// How the pages of Parquet files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Fast.
    Snappy,
    /// Small.
    #[default]
    Zstd,
}

/// Where a query's rows are written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A directory that is not there yet; the cluster and this process reach it under this path.
    pub directory: PathBuf,
    /// How pages are compressed; zstd by default.
    pub compression: Compression,
    /// The most files to write, where Spark is not to decide; each is written by one task.
    pub files: Option<u32>,
}

impl Target {
    /// A directory that is not there yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            compression: Compression::default(),
            files: None,
        }
    }
}

/// A file that the cluster wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its rows, by its footer.
    pub rows: u64,
}

/// What was written, after the evidence was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The files, in the order of their names, which is that of Spark's tasks.
    pub files: Vec<File>,
    /// The rows of all of them.
    pub rows: u64,
    /// Their columns.
    pub schema: SchemaRef,
}

pub(crate) fn plan(command: proto::command::CommandType) -> proto::Plan {
    let command = proto::Command {
        command_type: Some(command),
    };
    proto::Plan {
        op_type: Some(proto::plan::OpType::Command(command)),
    }
}

pub(crate) async fn write(link: &Arc<Link>, sql: &Sql, target: &Target) -> Result<Written> {
    let (path, name) = fresh(&target.directory)?;
    let again = Files::parquet([name.as_str()]).relation_of_any()?;
    let input = match target.files {
        None => sql.relation()?,
        Some(files) => relation(proto::relation::RelType::Repartition(Box::new(proto::Repartition {
            input: Some(Box::new(sql.relation()?)),
            num_partitions: i32::try_from(files.max(1)).unwrap_or(i32::MAX),
            shuffle: Some(false),
        }))),
    };
    // What the query gave, as Spark counted it on the way into the files: rows of a task whose file got lost are in it all the same.
    let observed = format!("larder_{}", uuid::Uuid::new_v4().simple());
    let input = relation(proto::relation::RelType::CollectMetrics(Box::new(
        proto::CollectMetrics {
            input: Some(Box::new(input)),
            name: observed.clone(),
            metrics: vec![count_of_one()],
        },
    )));
    let compression = match target.compression {
        Compression::None => "none",
        Compression::Snappy => "snappy",
        Compression::Zstd => "zstd",
    };
    let options = [
        ("compression", compression),
        // Only a task whose commit the driver has allowed leaves a file, and the job's marker is written last.
        ("mapreduce.fileoutputcommitter.algorithm.version", "1"),
        ("mapreduce.fileoutputcommitter.marksuccessfuljobs", "true"),
        // Long values would leave their column without statistics, the count of its nulls among them.
        ("parquet.statistics.truncate.length", "64"),
    ];
    let command = proto::WriteOperation {
        input: Some(input),
        source: Some("parquet".to_owned()),
        mode: proto::write_operation::SaveMode::ErrorIfExists.into(),
        options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        save_type: Some(proto::write_operation::SaveType::Path(name.clone())),
        ..Default::default()
    };
    let what = format!("writing to `{name}`");
    let mut operation = Operation::start(
        Arc::clone(link),
        plan(proto::command::CommandType::WriteOperation(command)),
        &what,
    )
    .await?;
    let mut given = None;
    while let Some(response) = operation.next().await? {
        let mut metrics = response.observed_metrics.iter();
        given = metrics
            .find(|metrics| metrics.name == observed)
            .and_then(told)
            .or(given);
    }
    let evidence = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || evidence(&path))
    };
    let written = evidence.await.map_err(|error| {
        Error::new(
            ErrorKind::Unexpected,
            format!("{what} failed: what was written could not be looked at: {error}"),
        )
    })??;
    let counted = count(link, again, &what).await?;
    if counted != written.rows {
        let message = format!(
            "{what} failed: Spark counts {counted} rows in what it wrote, and the files have {}",
            written.rows
        );
        return Err(missing(message));
    }
    // A server that is slow to gather what it observed says nothing of it.
    if let Some(given) = given.filter(|given| *given != written.rows) {
        let message = format!(
            "{what} failed: the query gave {given} rows, and the files have {}; do all workers share this directory, or did somebody remove files?",
            written.rows
        );
        return Err(missing(message));
    }
    Ok(written)
}

/// The one count of observed metrics.
fn told(metrics: &proto::execute_plan_response::ObservedMetrics) -> Option<u64> {
    match metrics.values.first()?.literal_type.as_ref()? {
        proto::expression::literal::LiteralType::Long(rows) => u64::try_from(*rows).ok(),
        _ => None,
    }
}

fn count_of_one() -> proto::Expression {
    let expression = |of| proto::Expression {
        expr_type: Some(of),
        ..Default::default()
    };
    let one = proto::expression::Literal {
        literal_type: Some(proto::expression::literal::LiteralType::Integer(1)),
        ..Default::default()
    };
    let function = proto::expression::UnresolvedFunction {
        function_name: "count".to_owned(),
        arguments: vec![expression(proto::expression::ExprType::Literal(one))],
        ..Default::default()
    };
    expression(proto::expression::ExprType::UnresolvedFunction(function))
}

/// How many rows the cluster finds in what it wrote.
async fn count(link: &Arc<Link>, written: proto::Relation, what: &str) -> Result<u64> {
    let odd = || missing(format!("{what} failed: Spark did not count what it wrote"));
    let aggregate = proto::Aggregate {
        input: Some(Box::new(written)),
        group_type: proto::aggregate::GroupType::Groupby.into(),
        aggregate_expressions: vec![count_of_one()],
        ..Default::default()
    };
    let plan = proto::Plan {
        op_type: Some(proto::plan::OpType::Root(relation(
            proto::relation::RelType::Aggregate(Box::new(aggregate)),
        ))),
    };
    let operation = Operation::start(Arc::clone(link), plan, what).await?;
    let batches: Vec<_> = Rows::begin(operation).await?.try_collect().await?;
    let [batch] = batches.as_slice() else { return Err(odd()) };
    let column = batch
        .columns()
        .first()
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(odd)?;
    column
        .iter()
        .next()
        .flatten()
        .and_then(|rows| u64::try_from(rows).ok())
        .ok_or_else(odd)
}
