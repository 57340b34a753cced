//! What differs between two versions of a value.

use crate::output::Out;
use crate::show::{described, drawn};
use crate::table::{Side, columns};
use crate::text::{cut, escape};
use crate::{DONE, cells, json, units};
use larder_executor::{BlobDifference, Difference, Differs, ObjectDifference, Pipeline, TableDifference};
use larder_io_core::{Receipt, Result};
use serde_json::{Value as Json, json};

/// Letters of a value in an object that are shown.
const LONGEST_VALUE: usize = 60;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The asset
    pub(crate) asset: String,
    /// The older version, or a beginning of it; `history` lists them
    pub(crate) from: String,
    /// The newer version; default the published one
    pub(crate) to: Option<String>,
    /// The partition, of an asset that has some
    #[arg(long, value_name = "KEY")]
    pub(crate) partition: Option<String>,
    /// Rows or values to show at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) limit: usize,
}

/// `diff`.
pub(crate) async fn diff(pipeline: &Pipeline, wanted: &Diff, out: &mut Out<'_>) -> Result<u8> {
    let of = pipeline
        .asset_partition(&wanted.asset, wanted.partition.as_deref())
        .await?;
    let to = wanted.to.as_deref();
    let found = pipeline.diff(&of, &wanted.from, to, wanted.limit).await?;
    if out.json {
        let mut document = what(&found)?;
        document["asset"] = of.asset.to_string().into();
        document["partition"] = of.partition.as_ref().map(ToString::to_string).into();
        document["from"] = json::receipt(&found.from);
        document["to"] = json::receipt(&found.to);
        out.document(&document)?;
        return Ok(DONE);
    }
    for (sign, receipt) in [("-", &found.from), ("+", &found.to)] {
        out.line(escape(&told(sign, receipt)));
    }
    match &found.what {
        Differs::Nothing => out.remark("the same value"),
        Differs::Form => out.line(format_args!(
            "one is a value of form {}, the other of form {}",
            found.from.form, found.to.form
        )),
        Differs::Unseen => {
            out.line("they differ in the order of rows or columns, or in what JSON has no word for; nothing else does")
        }
        Differs::Object(found) => object(found, out),
        Differs::Table(found) => table(found, out)?,
        Differs::Blob(BlobDifference {
            from_bytes,
            to_bytes,
            same_bytes,
            ..
        }) => out.line(format_args!(
            "{} and {}, the first {} the same",
            units::bytes(*from_bytes),
            units::bytes(*to_bytes),
            units::bytes(*same_bytes)
        )),
        _ => out.line("they differ"),
    }
    Ok(DONE)
}

fn told(sign: &str, receipt: &Receipt) -> String {
    let rows = receipt.rows.map(|rows| units::counted(rows, "row"));
    let parts = [
        Some(units::when(receipt.stored_at)),
        rows,
        Some(units::stored_bytes(receipt)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{sign} {}  {}", receipt.version, parts.join(", "))
}

fn object(found: &ObjectDifference, out: &mut Out<'_>) {
    let shown = |value: &Option<Json>| match value {
        Some(value) => escape(&cut(&value.to_string(), LONGEST_VALUE)).into_owned(),
        None => String::new(),
    };
    let rows: Vec<[String; 3]> = found
        .places
        .iter()
        .map(|place| [escape(&place.at).into_owned(), shown(&place.was), shown(&place.is)])
        .collect();
    let left = Side::Left;
    out.line(columns([("place", left), ("was", left), ("is", left)], &rows));
    let more = match found.count.saturating_sub(rows.len() as u64) {
        0 => String::new(),
        more => format!(", {more} of them not shown: --limit N"),
    };
    out.remark(format_args!("{} differ{more}", units::counted(found.count, "place")));
}

fn table(found: &TableDifference, out: &mut Out<'_>) -> Result<()> {
    if !found.columns.is_empty() {
        let rows: Vec<[String; 3]> = found
            .columns
            .iter()
            .map(|column| {
                let shown = |kind: &Option<String>| kind.clone().unwrap_or_default();
                [escape(&column.name).into_owned(), shown(&column.was), shown(&column.is)]
            })
            .collect();
        let left = Side::Left;
        out.line(columns([("column", left), ("was", left), ("is", left)], &rows));
    }
    for (rows, count, what) in [
        (&found.removed_rows, found.removed, "removed"),
        (&found.added_rows, found.added, "added"),
    ] {
        if count > 0 {
            out.line(format_args!("{} {what}", units::counted(count, "row")));
        }
        if rows.rows() > 0 {
            let of = match rows.rows() as u64 == count {
                true => units::counted(count, "row"),
                false => format!(
                    "{} of {}",
                    units::number(rows.rows() as u64),
                    units::counted(count, "row")
                ),
            };
            drawn(rows, &of, out)?;
        }
    }
    let by = match found.columns.is_empty() {
        true => String::new(),
        false => format!(", compared by {}", escape(&found.compared.join(", "))),
    };
    out.remark(format_args!(
        "{} removed, {} added, {} the same{by}",
        units::counted(found.removed, "row"),
        units::number(found.added),
        units::number(found.same)
    ));
    Ok(())
}

fn what(found: &Difference) -> Result<Json> {
    Ok(match &found.what {
        Differs::Nothing => json!({ "differs": "nothing" }),
        Differs::Form => json!({ "differs": "form" }),
        Differs::Unseen => json!({ "differs": "unseen" }),
        Differs::Object(found) => json!({ "differs": "object", "count": found.count, "places": found.places }),
        Differs::Blob(found) => json!({
            "differs": "blob",
            "from_bytes": found.from_bytes,
            "to_bytes": found.to_bytes,
            "same_bytes": found.same_bytes,
        }),
        Differs::Table(found) => {
            let columns = found.columns.iter();
            let columns = columns.map(|column| json!({ "name": column.name, "was": column.was, "is": column.is }));
            json!({
                "differs": "table",
                "columns": columns.collect::<Vec<_>>(),
                "compared": described(&found.added_rows),
                "removed": found.removed,
                "added": found.added,
                "same": found.same,
                "removed_rows": cells::rows(&found.removed_rows)?,
                "added_rows": cells::rows(&found.added_rows)?,
            })
        }
        _ => json!({ "differs": "something" }),
    })
}
