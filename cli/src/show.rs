//! The stored value of an asset.

use crate::output::Out;
use crate::table::{boxed, format};
use crate::text::{escape, escape_lines};
use crate::{DONE, cells, command, units};
use futures_util::TryStreamExt;
use larder_executor::{AssetPartition, Pipeline};
use larder_io_core::object::AsObject;
use larder_io_core::{Blob, DataRef, Error, ErrorKind, LazyTable, Pin, Receipt, Result, Table, Value, Version};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Bytes of a blob that are read to see whether it is text, and printed when it is.
const LONGEST_TEXT: usize = 64 * 1024;

/// `show ASSET`, `show --sql QUERY`.
pub(crate) async fn show(pipeline: &Pipeline, wanted: &command::Show, out: &mut Out<'_>) -> Result<u8> {
    if let Some(sql) = &wanted.sql {
        let shown = query(pipeline, sql, wanted.head, out).await;
        return shown
            .map(|()| DONE)
            .map_err(|error| error.with_context("operation", "query"));
    }
    let asset = wanted.asset.as_deref().unwrap_or_default();
    let key = pipeline.asset_partition(asset, wanted.partition.as_deref()).await?;
    let version = match &wanted.version {
        Some(beginning) => Some(pipeline.find_version(&key, beginning).await?),
        None => None,
    };
    let (reference, value) = loaded(pipeline, &key, version.clone()).await?;
    let shown = match value {
        Value::Table(source) => table(&key, LazyTable::new(source), reference.as_ref(), wanted.head, out).await,
        Value::Blob(source) => {
            let from = match &reference {
                Some(reference) => Origin::Reference(reference),
                None => Origin::Storage(pipeline, version.as_ref()),
            };
            blob(&key, from, Blob::from_source(source), out).await
        }
        Value::Native(_) | Value::Object(_) => object(&key, &value, out),
        other => Err(Error::new(
            ErrorKind::Unsupported,
            format!("a value of form {} cannot be shown", other.form()),
        )),
    };
    shown.map_err(|error| {
        error
            .with_context("operation", "show")
            .with_context("asset", &key.asset)
    })?;
    Ok(DONE)
}

/// The value, and the reference that leads to it. What a reference points to may be nothing that can be shown: then the reference itself is.
async fn loaded(
    pipeline: &Pipeline,
    key: &AssetPartition,
    version: Option<Version>,
) -> Result<(Option<DataRef>, Value)> {
    match pipeline.load_followed(key.clone(), version.clone()).await {
        Err(error) if error.kind() == ErrorKind::Unsupported && pipeline.refers(&key.asset)? => {
            Ok((None, pipeline.load_value(key.clone(), version).await?))
        }
        other => other,
    }
}

/// A reference in a document.
pub(crate) fn told(reference: &DataRef) -> serde_json::Value {
    json!({ "uri": reference.uri, "pin": reference.taken(), "version": reference.version })
}

/// A reference in a line.
pub(crate) fn said(reference: &DataRef) -> String {
    let how = match (reference.taken(), &reference.version) {
        (Pin::Pinned, Some(version)) => format!("pinned to version {version}"),
        (pin, _) => pin.to_string(),
    };
    format!("{}, {how}", reference.shown())
}

async fn table(
    key: &AssetPartition,
    lazy: LazyTable,
    reference: Option<&DataRef>,
    rows: usize,
    out: &mut Out<'_>,
) -> Result<()> {
    let head = lazy.head(rows).await?;
    let total = lazy.count().await?;
    if out.json {
        let mut document = json!({
            "asset": key.asset.to_string(),
            "partition": key.partition.as_ref().map(ToString::to_string),
            "form": "table",
            "total_rows": total,
            "columns": described(&head),
            "rows": cells::rows(&head)?,
        });
        if let Some(reference) = reference {
            document["reference"] = told(reference);
        }
        return out.document(&document);
    }
    if let Some(reference) = reference {
        out.remark(format_args!("from {}", escape(&said(reference))));
    }
    let of = match head.rows() as u64 == total {
        true => units::counted(total, "row"),
        false => format!(
            "{} of {}",
            units::number(head.rows() as u64),
            units::counted(total, "row")
        ),
    };
    drawn(&head, &of, out)
}

/// The first rows of a query. One more is asked for, which tells whether there are more: counting them could take as long as
/// the query.
async fn query(pipeline: &Pipeline, sql: &str, rows: usize, out: &mut Out<'_>) -> Result<()> {
    let mut stream = pipeline.query(sql).await?;
    let schema = Arc::clone(stream.schema());
    let (mut batches, mut found) = (Vec::new(), 0);
    while found <= rows
        && let Some(batch) = stream.try_next().await?
    {
        let taken = batch.num_rows().min(rows.saturating_sub(found));
        found += batch.num_rows();
        batches.push(batch.slice(0, taken));
    }
    let more = found > rows;
    let head = Table::new(schema, batches)?;
    if out.json {
        return out.document(&json!({
            "sql": sql,
            "form": "table",
            "more_rows": more,
            "columns": described(&head),
            "rows": cells::rows(&head)?,
        }));
    }
    let of = match more {
        false => units::counted(head.rows() as u64, "row"),
        true => format!(
            "the first {}, there are more: --head N",
            units::counted(rows as u64, "row")
        ),
    };
    drawn(&head, &of, out)
}

/// Names and types of the columns.
pub(crate) fn described(head: &Table) -> Vec<serde_json::Value> {
    let fields = head.schema().fields().iter();
    fields
        .map(|field| {
            json!({ "name": field.name(), "type": field.data_type().to_string(), "nullable": field.is_nullable() })
        })
        .collect()
}

/// The rows in a box, and below it how many there are.
pub(crate) fn drawn(head: &Table, of: &str, out: &mut Out<'_>) -> Result<()> {
    let columns = head.schema().fields().len();
    let (text, hidden) = boxed(format(head)?, out.screen.width, out.screen.colour_out);
    out.line(text);
    let left_out = match hidden {
        0 => String::new(),
        hidden => format!(", {hidden} of them not shown: pipe the output, or use --json"),
    };
    out.remark(format_args!(
        "{of}, {}{left_out}",
        units::counted(columns as u64, "column")
    ));
    Ok(())
}

/// Pretty JSON. JSON has no NaN and no infinity: they are shown as null.
fn object(key: &AssetPartition, value: &Value, out: &mut Out<'_>) -> Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        asset: String,
        partition: Option<String>,
        form: &'static str,
        value: AsObject<'a>,
    }
    match out.json {
        true => out.document(&Document {
            asset: key.asset.to_string(),
            partition: key.partition.as_ref().map(ToString::to_string),
            form: "object",
            value: AsObject(value),
        }),
        false => out.document(&AsObject(value)),
    }
}

/// Where a blob comes from.
enum Origin<'f> {
    Storage(&'f Pipeline, Option<&'f Version>),
    Reference(&'f DataRef),
}

/// The address of a blob, and its bytes where storage knows them.
async fn placed(key: &AssetPartition, from: &Origin<'_>) -> Result<(Option<String>, Option<u64>)> {
    let receipt = match from {
        Origin::Reference(reference) => return Ok((Some(reference.shown()), reference.bytes)),
        Origin::Storage(pipeline, Some(version)) => pipeline
            .history(key)
            .await?
            .0
            .into_iter()
            .find(|receipt| receipt.version == **version),
        Origin::Storage(pipeline, None) => pipeline.visible(key).await?,
    };
    let bytes = receipt.as_ref().map(|receipt| receipt.bytes);
    Ok((receipt.map(|Receipt { uri, .. }| uri), bytes))
}

async fn blob(key: &AssetPartition, from: Origin<'_>, blob: Blob, out: &mut Out<'_>) -> Result<()> {
    let text = short_text(&blob).await?;
    if let (Some(text), false) = (&text, out.json) {
        match out.screen.out {
            // A page must not act on the terminal; a pipe gets the bytes as they are.
            false => out.raw(text.as_bytes()),
            true => out.line(escape_lines(text.strip_suffix('\n').unwrap_or(text))),
        }
        return Ok(());
    }
    let (uri, bytes) = placed(key, &from).await?;
    let size = blob.size().or(bytes);
    if out.json {
        let mut document = json!({
            "asset": key.asset.to_string(),
            "partition": key.partition.as_ref().map(ToString::to_string),
            "form": "blob",
            "bytes": size,
            "uri": uri,
            "text": text,
        });
        if let Origin::Reference(reference) = from {
            document["reference"] = told(reference);
        }
        return out.document(&document);
    }
    let what = if text_is_known_short(size) {
        "not text"
    } else {
        "too long to show"
    };
    out.line(format_args!(
        "{}, {what}",
        size.map_or_else(|| "size unknown".to_owned(), units::bytes)
    ));
    if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
        out.line(escape(&uri));
    }
    Ok(())
}

fn text_is_known_short(size: Option<u64>) -> bool {
    size.is_some_and(|size| size < LONGEST_TEXT as u64)
}

/// The whole blob when it is short and text; no more is read than it takes to know.
async fn short_text(blob: &Blob) -> Result<Option<String>> {
    if blob.size().is_some() && !text_is_known_short(blob.size()) {
        return Ok(None);
    }
    let mut chunks = blob.stream().await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.try_next().await? {
        if bytes.len() + chunk.len() >= LONGEST_TEXT {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(bytes).ok())
}
