//! Columns and first rows of the tables that a run made.

use super::markup::text;
use crate::past::{Past, PastTable};
use crate::units;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// Tables that are told of at most.
const TABLES: usize = 200;

/// The section; nothing where no table was looked at.
pub(super) fn section(page: &mut String, past: &Past) {
    let mut tables = past.steps.iter().flat_map(|step| &step.tables);
    let shown: Vec<&PastTable> = tables.by_ref().take(TABLES).collect();
    if shown.is_empty() {
        return;
    }
    page.push_str("<h2 id=\"tables\">Tables</h2>\n");
    for table in shown {
        one(page, table);
    }
    let more = tables.count();
    if more > 0 {
        let _ = writeln!(
            page,
            "<p class=\"note\">And {}.</p>",
            units::counted(more as u64, "more table")
        );
    }
}

fn one(page: &mut String, table: &PastTable) {
    let partition = table
        .partition
        .as_ref()
        .map(|partition| format!(" [{partition}]"))
        .unwrap_or_default();
    let rows = table
        .rows
        .map(|rows| format!(", {}", units::counted(rows, "row")))
        .unwrap_or_default();
    let _ = write!(
        page,
        "<details><summary>{}: {}{rows}</summary>",
        text(&format!("{}{partition}", table.asset)),
        units::counted(table.columns.len() as u64, "column"),
    );
    if !table.columns.is_empty() {
        page.push_str("<div class=\"scroll\"><table><thead><tr><th>column</th><th>type</th><th class=\"n\">nulls</th><th>least</th><th>greatest</th></tr></thead><tbody>\n");
        for column in &table.columns {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
                text(&column.name),
                text(&column.kind),
                units::number(column.nulls),
                shown(column.min.as_ref()),
                shown(column.max.as_ref()),
            );
        }
        page.push_str("</tbody></table></div>");
    }
    preview(page, &table.preview);
    page.push_str("</details>\n");
}

/// The first rows; every row has the same columns.
fn preview(page: &mut String, rows: &[Json]) {
    let Some(first) = rows.first().and_then(Json::as_object) else {
        return;
    };
    page.push_str("<div class=\"scroll\"><table><thead><tr>");
    for name in first.keys() {
        let _ = write!(page, "<th>{}</th>", text(name));
    }
    page.push_str("</tr></thead><tbody>\n");
    for row in rows {
        page.push_str("<tr>");
        for name in first.keys() {
            let _ = write!(page, "<td>{}</td>", shown(row.get(name)));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>");
}

/// A value of a cell; what is not known is a dash.
fn shown(value: Option<&Json>) -> String {
    match value {
        None => "–".to_owned(),
        Some(Json::String(plain)) => text(plain),
        Some(other) => text(&other.to_string()),
    }
}
