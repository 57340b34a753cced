//! The page itself.

use super::chart::chart;
use super::machine::Machine;
use super::results::{Kept, Results, Run};
use super::{aim_text, escape};
use crate::bench::arguments::Part;
use crate::bench::row::{Amount, Row, largest, operations};

const STYLE: &str = include_str!("style.css");

/// What a part is about, in its own words.
const ABOUT: [(Part, &str, &str); 6] = [
    (
        Part::Steps,
        "Steps and plans",
        "What the executor itself costs, without any storage.",
    ),
    (
        Part::Budget,
        "A memory budget",
        "The most memory that the process of a run takes, with steps that say what they need.",
    ),
    (
        Part::Tables,
        "Tables",
        "The same rows stored and loaded on local disk. Every store ends with an fsync; larder also hashes, and publishes in one \
         atomic step. Each peer runs in a process of its own with its default of threads, and has the rows in hand before its \
         clock starts. Bare is arrow-rs by hand on all cores, in larder's process.",
    ),
    (
        Part::Head,
        "The first rows of a large table",
        "From asking the manager for the table to its first ten rows.",
    ),
    (
        Part::Clouds,
        "S3 on loopback",
        "Bare is object_store by hand with larder's part size and parts in flight; boto3 has its defaults.",
    ),
    (
        Part::Postgres,
        "PostgreSQL beside psql",
        "The same rows by larder, which hashes them and publishes in one step, and by psql's \\copy to and from files.",
    ),
];

/// Everything that is known, as one file.
pub(super) fn document(results: &Results) -> String {
    let parts: Vec<(&str, &str, &Kept)> = ABOUT
        .iter()
        .filter_map(|(part, title, about)| Some((*title, *about, results.parts.get(part.name())?)))
        .collect();
    let mut body = format!("<h1>larder: benchmarks</h1>\n{}", summary(&parts));
    // Told once, unless parts were taken on several machines.
    let machine = parts.first().map(|(.., first)| &first.now.machine);
    let machine = machine.filter(|machine| parts.iter().all(|(.., kept)| kept.now.machine == **machine));
    if let Some(machine) = machine {
        body.push_str(&list(&about_machine(machine)));
    }
    for (title, about, kept) in parts {
        body.push_str(&part(title, about, kept, machine.is_none()));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>larder: benchmarks</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn summary(parts: &[(&str, &str, &Kept)]) -> String {
    let rows = || parts.iter().flat_map(|(.., kept)| &kept.now.rows);
    let aims = rows().filter(|row| row.aim.is_some()).count();
    let missed: Vec<String> = rows().filter(|row| row.missed()).map(|row| escape(&row.what)).collect();
    let mut html = format!("<p>{} of {aims} aims are reached.", aims - missed.len());
    if !missed.is_empty() {
        html.push_str(&format!(
            " <span class=\"missed\">Missed:</span> {}.",
            missed.join("; ")
        ));
    }
    html.push_str("</p>\n");
    if parts.iter().any(|(.., kept)| !kept.now.optimized) {
        html.push_str("<p class=\"warning\">Built without optimization: these numbers only show that it runs.</p>\n");
    }
    html.push_str(
        "<ul class=\"key\"><li><i class=\"larder\"></i>larder</li><li><i class=\"bare\"></i>the bare library by hand</li>\
         <li><i class=\"peer\"></i>another library</li><li>shorter is better; the dashed line is larder's aim</li></ul>\n",
    );
    html
}

fn part(title: &str, about: &str, kept: &Kept, with_machine: bool) -> String {
    let now = &kept.now;
    let of = |memory: bool| {
        let charts = operations(&now.rows).filter(|rows| rows.iter().any(is_memory) == memory);
        charts.map(chart).collect::<String>()
    };
    let charts = |title: &str, charts: String| match charts.is_empty() {
        true => String::new(),
        false => format!("<h3>{title}</h3>\n<div class=\"charts\">\n{charts}</div>\n"),
    };
    format!(
        "<h2>{}</h2>\n<p>{}</p>\n{}{}{}<h3>All rows</h3>\n{}",
        escape(title),
        escape(about),
        facts(kept, with_machine),
        charts("Time", of(false)),
        charts("Peak memory", of(true)),
        table(kept)
    )
}

fn is_memory(row: &Row) -> bool {
    [&row.larder, &row.other]
        .into_iter()
        .any(|amount| matches!(amount, Some(Amount::Bytes(_))))
}

fn facts(kept: &Kept, with_machine: bool) -> String {
    let Run {
        at,
        commit,
        machine,
        setting,
        versions,
        ..
    } = &kept.now;
    let commit = commit
        .as_ref()
        .map_or(String::new(), |commit| format!(", commit {commit}"));
    let versions: Vec<String> = versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut facts = vec![
        ("Data", setting.clone()),
        ("Taken", format!("{at}{commit}")),
        ("Libraries", versions.join("; ")),
    ];
    if let Some(before) = &kept.before {
        let commit = before
            .commit
            .as_ref()
            .map_or(String::new(), |commit| format!(", commit {commit}"));
        let elsewhere = if before.machine == *machine {
            ""
        } else {
            ", on another machine"
        };
        facts.push(("Before", format!("{}{commit}{elsewhere}", before.at)));
    }
    if with_machine {
        facts.extend(about_machine(machine));
    }
    list(&facts)
}

fn about_machine(machine: &Machine) -> Vec<(&'static str, String)> {
    let mut facts = vec![(
        "Machine",
        format!(
            "{} cores, {}, {}, {}, tables on {}",
            machine.cores, machine.processor, machine.memory, machine.kernel, machine.file_system
        ),
    )];
    if machine.file_system == "tmpfs" {
        facts.push((
            "Note",
            "an fsync costs nothing on tmpfs; set TMPDIR to a disk".to_owned(),
        ));
    }
    facts
}

fn list(facts: &[(&str, String)]) -> String {
    let lines: String = facts
        .iter()
        .map(|(name, fact)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(fact)))
        .collect();
    format!("<dl class=\"about\">\n{lines}</dl>\n")
}

fn table(kept: &Kept) -> String {
    let mut lines = String::new();
    for rows in operations(&kept.now.rows) {
        let unit = largest(rows);
        for row in rows {
            lines.push_str(&line(kept, row, unit));
        }
    }
    let before = if kept.before.is_some() {
        "<th>before</th><th>change</th>"
    } else {
        ""
    };
    format!(
        "<div class=\"scroll\"><table>\n<tr><th>what</th><th>larder</th><th>bare or other</th><th>ratio</th><th>aim</th><th></th>{before}\
         </tr>\n{lines}</table></div>\n{}",
        missing(&kept.now.rows)
    )
}

/// Why some numbers are missing, each reason once.
fn missing(rows: &[Row]) -> String {
    let mut reasons: Vec<&str> = Vec::new();
    for amount in rows.iter().flat_map(|row| [&row.larder, &row.other]).flatten() {
        if let Amount::Missing(why) = amount
            && !reasons.contains(&why.as_str())
        {
            reasons.push(why);
        }
    }
    reasons
        .iter()
        .map(|why| format!("<p class=\"soft\">missing: {}</p>\n", escape(why)))
        .collect()
}

fn line(kept: &Kept, row: &Row, unit: f64) -> String {
    let shown = |amount: Option<&Amount>| match amount {
        Some(amount) => escape(&amount.shown(unit)),
        None => String::new(),
    };
    let what = match &row.by {
        Some(by) => format!("by {by}"),
        None => row.what.clone(),
    };
    let mark = match &row.aim {
        Some(aim) if aim.reached => "<span class=\"good\">reached</span>",
        Some(_) => "<span class=\"missed\">MISSED</span>",
        None => "",
    };
    let before = kept.before.as_ref().map(|_| {
        let before = kept.before(row);
        let now = row.larder.as_ref().or(row.other.as_ref());
        let change = change(now, before).map_or(String::new(), |percent| format!("{percent:+.0} %"));
        format!("<td>{}</td><td>{change}</td>", shown(before))
    });
    format!(
        "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{mark}</td>{}</tr>\n",
        if row.by.is_some() { " class=\"other\"" } else { "" },
        escape(&what),
        shown(row.larder.as_ref()),
        shown(row.other.as_ref()),
        row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}")),
        row.aim.as_ref().map(aim_text).unwrap_or_default(),
        before.unwrap_or_default()
    )
}

/// How much more it takes now, in percent.
fn change(now: Option<&Amount>, before: Option<&Amount>) -> Option<f64> {
    let (now, before) = (now?.number()?, before?.number()?);
    (before > 0.0).then(|| (now / before - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{beside, limited};
    use std::time::Duration;

    #[test]
    fn what_was_not_measured_has_no_change() {
        let (one, two) = (Amount::Seconds(1.0), Amount::Seconds(2.0));
        assert_eq!(change(Some(&two), Some(&one)), Some(100.0));
        assert_eq!(change(Some(&two), Some(&Amount::Missing("why".to_owned()))), None);
        assert_eq!(change(Some(&two), Some(&Amount::Bytes(0))), None);
        assert_eq!(change(None, Some(&one)), None);
    }

    #[test]
    fn says_which_aims_are_missed_and_what_is_missing() {
        let rows = vec![
            limited("slow & old", Duration::from_secs(2), Duration::from_secs(1), "<= 1 s"),
            beside(
                "slow & old",
                "DuckDB",
                Amount::Missing("DuckDB: not installed".to_owned()),
            ),
            limited("fast", Duration::from_secs(1), Duration::from_secs(1), "<= 1 s"),
        ];
        let mut results = Results::default();
        results.add(
            "head",
            Run {
                at: String::new(),
                commit: None,
                machine: super::super::machine::machine(),
                optimized: false,
                setting: String::new(),
                versions: Vec::new(),
                rows,
            },
        );
        let html = document(&results);
        assert!(html.contains("1 of 2 aims are reached."), "{html}");
        assert!(html.contains("Missed:</span> slow &amp; old."), "{html}");
        assert!(
            html.contains("<td>missing</td>") && html.contains(">missing: DuckDB: not installed</p>"),
            "{html}"
        );
        assert!(html.contains("without optimization"), "{html}");
    }
}
