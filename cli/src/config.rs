//! The configuration outside of the code.

use crate::output::Out;
use crate::table::{Side, columns};
use crate::text::escape;
use crate::{DONE, command, units};
use larder_executor::{ConfigReport, Definitions};
use larder_io_core::Result;

/// `config check`, `config schema`.
pub(crate) fn config(definitions: Definitions, wanted: &command::Config, out: &mut Out<'_>) -> Result<u8> {
    match wanted {
        command::Config::Schema => out.document(&definitions.config_schema())?,
        command::Config::Check => {
            let report = definitions.check_config()?;
            match out.json {
                true => out.document(&report)?,
                false => tell(&report, out),
            }
        }
    }
    Ok(DONE)
}

fn tell(report: &ConfigReport, out: &mut Out<'_>) {
    let profiles = match report.profiles.as_slice() {
        [] => String::new(),
        profiles => format!("; there are {}", profiles.join(", ")),
    };
    let file = report.file.as_ref().map(|file| file.display().to_string());
    let profile = report.profile.as_ref().map(|profile| format!("profile {profile}"));
    out.line(escape(&format!(
        "{}, {}{profiles}",
        file.unwrap_or_else(|| "no file".to_owned()),
        profile.unwrap_or_else(|| "no profile".to_owned())
    )));
    let (left, right) = (Side::Left, Side::Right);
    let rows: Vec<[String; 5]> = report
        .io_managers
        .iter()
        .map(|manager| {
            [
                manager.key.clone(),
                manager.root.clone(),
                units::number(manager.assets as u64),
                manager.defined.clone().unwrap_or_default(),
                manager.settings.join(", "),
            ]
        })
        .collect();
    let header = [
        ("io manager", left),
        ("root", left),
        ("assets", right),
        ("defined", left),
        ("settings", left),
    ];
    out.line(columns(header, &rows));
    for manager in &report.io_managers {
        if let Some(because) = &manager.default {
            out.line(escape(&format!("the default is {}, because {because}", manager.key)));
        }
    }
    if !report.run.is_empty() {
        let rows = report.run.iter();
        let rows: Vec<[String; 3]> = rows
            .map(|setting| [setting.name.clone(), setting.value.clone(), setting.defined.clone()])
            .collect();
        out.line(columns([("run", left), ("value", left), ("defined", left)], &rows));
    }
    if !report.observers.is_empty() {
        let rows = report.observers.iter();
        let rows: Vec<[String; 3]> = rows
            .map(|observer| {
                [
                    observer.name.clone(),
                    observer.settings.join(", "),
                    observer.defined.clone(),
                ]
            })
            .collect();
        out.line(columns(
            [("observer", left), ("settings", left), ("defined", left)],
            &rows,
        ));
    }
    resources(report, out);
    queries(report, out);
    if report.bindings.is_empty() {
        return;
    }
    let rows: Vec<[String; 4]> = report
        .bindings
        .iter()
        .map(|binding| {
            [
                binding.pattern.clone(),
                binding.io_manager.clone(),
                units::number(binding.assets as u64),
                binding.defined.clone(),
            ]
        })
        .collect();
    let header = [
        ("pattern", left),
        ("io manager", left),
        ("fits", right),
        ("defined", left),
    ];
    out.line(columns(header, &rows));
    for binding in report.bindings.iter().filter(|binding| binding.assets == 0) {
        let (at, pattern) = (&binding.defined, &binding.pattern);
        out.warn(&format!("{at}: `{pattern}` fits no asset of this pipeline"));
    }
}

fn queries(report: &ConfigReport, out: &mut Out<'_>) {
    if report.queries.is_empty() {
        return;
    }
    let rows = report.queries.iter();
    let rows: Vec<[String; 5]> = rows
        .map(|query| {
            [
                query.asset.clone(),
                query.engine.clone(),
                query.because.clone(),
                query.parameters.join(", "),
                query.file.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let header = ["query", "engine", "because", "parameters", "file"].map(|name| (name, Side::Left));
    out.line(columns(header, &rows));
}

fn resources(report: &ConfigReport, out: &mut Out<'_>) {
    if report.resources.is_empty() {
        return;
    }
    let rows = report.resources.iter();
    let rows: Vec<[String; 5]> = rows
        .map(|resource| {
            [
                resource.name.clone(),
                resource.type_name.clone(),
                units::number(resource.taken_by.len() as u64),
                resource.defined.clone().unwrap_or_default(),
                resource.settings.join(", "),
            ]
        })
        .collect();
    let (left, right) = (Side::Left, Side::Right);
    let header = [
        ("resource", left),
        ("type", left),
        ("taken by", right),
        ("defined", left),
        ("settings", left),
    ];
    out.line(columns(header, &rows));
}
