//! Arrow batches out of what the server sends.

use crate::operation::Operation;
use crate::types::arrow_schema;
use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_schema::SchemaRef;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use larder_io_core::{Effect, Error, ErrorKind, Result};
use spark_connect_proto as proto;
use spark_connect_proto::execute_plan_response::{ArrowBatch, ResponseType};
use std::collections::VecDeque;
use std::fmt;
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The rows of a query: their columns, and batches in the order in which Spark gives them. Dropping it ends the query.
pub struct Rows {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch>>,
}

impl Rows {
    /// Waits for the first rows, or for the word that there are none.
    pub(crate) async fn begin(operation: Operation) -> Result<Self> {
        let mut decoder = Decoder::new(operation);
        decoder.fill().await?;
        // Where no batch came, it is over: an empty one tells the columns otherwise.
        let known = decoder.schema.clone().or_else(|| decoder.told.clone());
        let schema = known.unwrap_or_else(|| Arc::new(arrow_schema::Schema::empty()));
        let batches = stream::try_unfold(decoder, |mut decoder| async move {
            decoder.fill().await?;
            Ok(decoder.ready.pop_front().map(|batch| (batch, decoder)))
        });
        Ok(Self {
            schema,
            batches: batches.boxed(),
        })
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

struct Decoder {
    operation: Operation,
    /// The columns of the first batch, which all others must have.
    schema: Option<SchemaRef>,
    /// The columns as Spark tells them itself.
    told: Option<SchemaRef>,
    ready: VecDeque<RecordBatch>,
    /// Rows that came so far.
    count: i64,
}

impl Decoder {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            schema: None,
            told: None,
            ready: VecDeque::new(),
            count: 0,
        }
    }

    /// Takes responses until there is a batch, or no more of them.
    async fn fill(&mut self) -> Result<()> {
        while self.ready.is_empty() {
            let Some(response) = self.operation.next().await? else {
                return Ok(());
            };
            self.take(response)?;
        }
        Ok(())
    }

    fn take(&mut self, response: proto::ExecutePlanResponse) -> Result<()> {
        if let Some(schema) = &response.schema {
            self.told = arrow_schema(schema).ok().map(Arc::new);
        }
        let Some(ResponseType::ArrowBatch(batch)) = response.response_type else {
            return Ok(());
        };
        let before = self.ready.len();
        let rows = decode(&batch, &mut self.schema, &mut self.ready).map_err(|problem| self.bad(&problem))?;
        if rows != batch.row_count || batch.start_offset.is_some_and(|start| start != self.count) {
            let problem = format!(
                "a batch says that it has {} rows from row {:?} on, and has {rows} from row {} on",
                batch.row_count, batch.start_offset, self.count
            );
            return Err(self.bad(&problem));
        }
        self.count += rows;
        // Empty ones only say what the columns are.
        let mut at = 0;
        self.ready.retain(|batch| {
            at += 1;
            at <= before || batch.num_rows() > 0
        });
        Ok(())
    }

    fn bad(&self, problem: &str) -> Error {
        let message = format!(
            "{} failed: what Spark at {} sent is damaged: {problem}",
            self.operation.what(),
            self.operation.link().place
        );
        Error::new(ErrorKind::InvalidData, message).with_effect(Effect::Unknown)
    }
}

/// The batches of a response, and how many rows they have.
fn decode(
    batch: &ArrowBatch,
    schema: &mut Option<SchemaRef>,
    ready: &mut VecDeque<RecordBatch>,
) -> Result<i64, String> {
    if batch.num_chunks_in_batch.is_some_and(|chunks| chunks > 1) {
        return Err("a batch comes in parts, which nobody asked for".to_owned());
    }
    let reader = StreamReader::try_new(Cursor::new(&batch.data), None).map_err(|error| error.to_string())?;
    let columns = reader.schema();
    match schema {
        Some(known) if *known != columns => return Err("a batch has other columns than the first one".to_owned()),
        Some(_) => {}
        None => *schema = Some(columns),
    }
    let mut rows = 0_i64;
    for batch in reader {
        let batch = batch.map_err(|error| error.to_string())?;
        rows += i64::try_from(batch.num_rows()).map_err(|error| error.to_string())?;
        ready.push_back(batch);
    }
    Ok(rows)
}
