//! What the pipeline consists of, and where each asset is stored.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::{cut, escape, escape_lines};
use crate::{DONE, json, units};
use larder_executor::{AssetInfo, Pipeline};
use larder_io_core::{AssetKey, DataRef, Error, ErrorKind, Receipt, Result};
use serde_json::Value as Json;

/// Characters of a description that are shown at most.
const LONGEST_DESCRIPTION: usize = 80;

/// Partitions that an explanation asks about at most.
const MOST_ASKED: u64 = 1000;

/// `list`.
pub(crate) fn list(pipeline: &Pipeline, out: &mut Out<'_>) -> Result<u8> {
    let assets = pipeline.assets();
    if out.json {
        let all: Vec<Json> = assets.iter().map(|info| json::described(info, info)).collect();
        out.document(&all)?;
        return Ok(DONE);
    }
    let mut rows = Vec::with_capacity(assets.len());
    for info in &assets {
        let manager = pipeline.explain(&info.key)?.io_manager.unwrap_or_default();
        rows.push([info.key.to_string(), form(info), group(info), manager, first_line(info)]);
    }
    let header = ["asset", "form", "group", "io manager", "description"].map(|name| (name, Side::Left));
    out.line(columns(header, &rows));
    Ok(DONE)
}

async fn query_plan(pipeline: &Pipeline, key: &AssetKey, out: &mut Out<'_>) -> Result<u8> {
    let Some(plan) = pipeline.query_plan(key).await? else {
        let message = format!("`{key}` is no query: it is made by a function of the pipeline");
        return Err(Error::new(ErrorKind::InvalidDefinition, message));
    };
    match out.json {
        true => out.document(&serde_json::json!({ "asset": key.to_string(), "query_plan": plan }))?,
        false => out.line(escape_lines(plan.trim_end())),
    }
    Ok(DONE)
}

fn form(info: &AssetInfo) -> String {
    let form = if info.reference { "reference" } else { info.form.name() };
    format!("{form}{}", if info.external { " (external)" } else { "" })
}

/// The group where it says more than the key.
fn group(info: &AssetInfo) -> String {
    info.group
        .clone()
        .filter(|group| info.key.prefix() != Some(group.as_str()))
        .unwrap_or_default()
}

fn first_line(info: &AssetInfo) -> String {
    let line = info
        .description
        .as_deref()
        .and_then(|text| text.trim().lines().next())
        .unwrap_or_default();
    cut(line.trim(), LONGEST_DESCRIPTION).into_owned()
}

/// What `explain` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The asset
    pub(crate) asset: String,
    /// Of an asset that is a query: show how its engine would run it now
    #[arg(long)]
    pub(crate) query_plan: bool,
}

/// `explain ASSET`.
pub(crate) async fn explain(pipeline: &Pipeline, wanted: &Explain, out: &mut Out<'_>) -> Result<u8> {
    let key = pipeline.key(&wanted.asset)?;
    if wanted.query_plan {
        return query_plan(pipeline, &key, out).await;
    }
    let explanation = pipeline.explain(&key)?;
    let info = &explanation.info;
    // The explanation must not fail where the storage does: it may be asked for because of that.
    let parted = explanation.partitions.is_some();
    let published = match explanation.io_manager.is_some() && !parted {
        true => pipeline.visible(&info.key).await,
        false => Ok(None),
    };
    let stored = match explanation.io_manager.is_some() && parted {
        true => Some(stored_partitions(pipeline, &info.key).await),
        false => None,
    };
    let points_to = match info.reference && !parted {
        true => Some(pipeline.load::<DataRef>(&info.key.to_string()).await),
        false => None,
    };
    let next = match explanation.io_manager.is_some() {
        true => pipeline.next_format(&info.key).await.ok().flatten(),
        false => None,
    };
    if out.json {
        let mut document = json::described(info, &explanation);
        document["next_format"] = next
            .as_ref()
            .map(|next| serde_json::json!({ "format": next.format, "because": next.because }))
            .into();
        document["published"] = published
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(json::receipt)
            .into();
        document["stored_partitions"] = stored.clone().into();
        if let Some(Ok(reference)) = &points_to {
            document["points_to"] = crate::show::told(reference);
        }
        document["published_error"] = published.as_ref().err().map(json::error).into();
        out.document(&document)?;
        return Ok(DONE);
    }
    let keys = |keys: &[AssetKey]| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let tags: Vec<String> = info
        .tags
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let manager = match &explanation.io_manager {
        Some(manager) => format!("{manager}, because {}", explanation.because),
        None => format!("none: {}", explanation.because),
    };
    let published = match (&published, &explanation.io_manager) {
        (_, None) => String::new(),
        _ if parted => stored.unwrap_or_default(),
        (Ok(Some(receipt)), _) => told(receipt),
        (Ok(None), _) => "nothing yet".to_owned(),
        (Err(error), _) => format!("cannot tell: {}", error.message()),
    };
    let points_to = match &points_to {
        Some(Ok(reference)) => crate::show::said(reference),
        Some(Err(error)) if error.kind() == ErrorKind::NotFound => "nothing yet".to_owned(),
        Some(Err(error)) => format!("cannot tell: {}", error.message()),
        None => String::new(),
    };
    let checks = pipeline.checks_of(larder_executor::Selection::key(&info.key))?;
    let checks = checks
        .iter()
        .filter(|check| check.asset == info.key)
        .map(|check| match check.blocking {
            true => format!("{} (blocking)", check.name),
            false => check.name.clone(),
        });
    let checks: Vec<String> = checks.collect();
    out.line(escape(&info.key.to_string()));
    for line in info.description.as_deref().unwrap_or_default().trim().lines() {
        out.line(format_args!("  {}", escape(line.trim())));
    }
    for (name, value) in [
        ("form", form(info)),
        ("group", info.group.clone().unwrap_or_default()),
        ("made from", keys(&info.inputs)),
        ("partitions", explanation.partitions.clone().unwrap_or_default()),
        ("mappings", explanation.mappings.join("; ")),
        ("made with", keys(&info.together_with)),
        ("engine", explanation.engine.clone().unwrap_or_default()),
        ("parameters", explanation.parameters.join(", ")),
        ("code version", explanation.code.clone()),
        ("tags", tags.join(", ")),
        ("io manager", manager),
        ("defined", explanation.defined.clone().unwrap_or_default()),
        ("settings", explanation.settings.join(", ")),
        ("of this asset", explanation.own_settings.join(", ")),
        ("root", explanation.root.clone().unwrap_or_default()),
        (
            "location",
            format!("{} (layout: {})", explanation.location, explanation.layout),
        ),
        ("else from", explanation.inherits.clone().unwrap_or_default()),
        ("retention", explanation.retention.clone().unwrap_or_default()),
        ("resources", explanation.resources.join(", ")),
        ("execution", explanation.execution.join(", ")),
        ("format", explanation.format.clone().unwrap_or_default()),
        (
            "next format",
            next.map(|next| format!("{}: {}", next.format, next.because))
                .unwrap_or_default(),
        ),
        ("published", published),
        ("points to", points_to),
        ("checks", checks.join(", ")),
    ] {
        if !value.is_empty() {
            out.line(format_args!("  {name:<13} {}", escape(&value)));
        }
    }
    for warning in pipeline.warnings() {
        out.warn(warning);
    }
    Ok(DONE)
}

/// How many partitions are stored, and which. Asking for very many would take too long for an explanation.
async fn stored_partitions(pipeline: &Pipeline, key: &AssetKey) -> String {
    let space = match pipeline.keyspace(key).await {
        Ok(Some(space)) => space,
        Ok(None) => return String::new(),
        Err(error) => return format!("cannot tell: {}", error.message()),
    };
    let of = units::counted(space.len(), "partition");
    if space.len() > MOST_ASKED {
        return format!("{of} exist");
    }
    match pipeline.stored_partitions(key).await {
        Ok(stored) if stored.is_empty() => format!("none of {of}"),
        Ok(stored) => format!("{} of {of}: {stored}", units::number(stored.len())),
        Err(error) => format!("cannot tell: {}", error.message()),
    }
}

fn told(receipt: &Receipt) -> String {
    let rows = receipt.rows.map(|rows| units::counted(rows, "row"));
    let by_larder = !receipt.run.as_str().is_empty();
    let parts = [
        Some(format!("version {}", receipt.version)),
        by_larder.then(|| units::when(receipt.stored_at)),
        rows,
        Some(units::stored_bytes(receipt)),
        Some(receipt.uri.clone()),
        (!by_larder).then(|| "not written by larder".to_owned()),
    ];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}
