//! What `materialize` would compute, and why.

use crate::materialize::asked;
use crate::output::Out;
use crate::table::{Side, columns};
use crate::{DONE, command, units};
use larder_executor::{Pipeline, Previewed};
use larder_io_core::Result;
use std::time::Duration;

/// Characters of a list of partitions that are shown at most.
const LONGEST: usize = 60;

/// `plan`.
pub(crate) async fn plan(pipeline: &Pipeline, wanted: &command::Materialize, out: &mut Out<'_>) -> Result<u8> {
    let (selection, options) = asked(pipeline, wanted).await?;
    let previewed = pipeline.preview(selection, &options).await?;
    if out.json {
        let documents: Vec<_> = previewed.iter().map(document).collect();
        out.document(&documents)?;
        return Ok(DONE);
    }
    if previewed.is_empty() {
        out.line("nothing to compute: everything selected is as it would be made again");
        return Ok(DONE);
    }
    let rows: Vec<[String; 5]> = previewed.iter().map(row).collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("asset", left),
        ("partitions", left),
        ("why", left),
        ("took", right),
        ("wrote", right),
    ];
    out.line(columns(header, &rows));
    let calls: u64 = previewed
        .iter()
        .map(|step| step.partitions.as_ref().map_or(1, |set| set.len()))
        .sum();
    out.remark(format_args!(
        "{} to compute, by the catalogue; `materialize` also looks at what is stored",
        units::counted(calls, "value")
    ));
    Ok(DONE)
}

fn document(step: &Previewed) -> serde_json::Value {
    serde_json::json!({
        "assets": step.assets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "partitions": step.partitions,
        "reason": step.reason.to_string(),
        "why": step.reason,
        "last": step.last,
    })
}

fn row(step: &Previewed) -> [String; 5] {
    let assets: Vec<String> = step.assets.iter().map(ToString::to_string).collect();
    let partitions = step.partitions.as_ref().map(|set| match set.len() {
        1 => set.to_string(),
        count => format!(
            "{}: {}",
            units::number(count),
            crate::text::cut(&set.to_string(), LONGEST)
        ),
    });
    let last = step.last.as_ref();
    [
        assets.join(", "),
        partitions.unwrap_or_default(),
        step.reason.to_string(),
        last.map(|last| units::duration(Duration::from_secs_f64(last.seconds)))
            .unwrap_or_default(),
        last.filter(|last| last.bytes > 0)
            .map(|last| units::bytes(last.bytes))
            .unwrap_or_default(),
    ]
}
