//! A query in a file, whose first comments say what the asset is.

use super::types::columns;
use crate::asset::{Asset, AssetBuilder, CodeVersion};
use jiff::Timestamp;
use larder_io_core::{SqlValue, duration, nearest};
use larder_partitions::{IntoPartitioning, Partitioning};
use std::collections::BTreeMap;

/// What a header may say.
const NAMES: [&str; 14] = [
    "key",
    "group",
    "engine",
    "io_manager",
    "partitions",
    "columns",
    "parameter",
    "retention",
    "tag",
    "setting",
    "retries",
    "timeout",
    "memory",
    "code_version",
];

impl Asset {
    /// Makes the asset of a file with a query. `key` is what it is called where its header says nothing else, `path` is told with errors.
    ///
    /// Comments before the query are the header: lines such as `-- io_manager: warehouse` are settings, the others the description.
    ///
    /// | setting | says |
    /// |---|---|
    /// | `key: reports/delays` | the key |
    /// | `group: reports`, `engine: datafusion`, `io_manager: warehouse`, `retention: last 5`, `code_version: 2` | the same as the builder's methods |
    /// | `partitions: daily from 2024-01-01` | by what it is parted: `hourly`, `daily`, `weekly`, `monthly`, `from` a start and perhaps `to` an end; `static region: de, fr`; `dynamic region` |
    /// | `columns: id bigint not null, total decimal(12, 2)` | the columns that the result is cast to; may come several times, and goes on |
    /// | `parameter: least = 100` | a parameter: a boolean, a number, a text in quotes |
    /// | `tag: team = ops`, `setting: mode = append` | a tag; a setting of its I/O manager |
    /// | `retries: 3`, `timeout: 5m`, `memory: 400MiB` | as the builder's methods |
    ///
    /// What is wrong with the header is told when definitions are built, with the file and the line.
    pub fn sql_file(key: &str, path: &str, text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut header = Header::new(key);
        for (number, line) in comments(text) {
            if let Err(problem) = header.line(number, line) {
                header.problems.push(format!("line {number}: {problem}"));
            }
        }
        let Header {
            mut builder,
            description,
            declared,
            mut problems,
            seen,
        } = header;
        if !description.is_empty() {
            builder = builder.description(description.join("\n"));
        }
        if !declared.is_empty() {
            let text: Vec<&str> = declared.iter().map(|(_, columns)| *columns).collect();
            match columns(&text.join(", ")) {
                Ok(columns) => builder = builder.columns(columns),
                Err(problem) => problems.push(format!("line {}: {problem}", declared[0].0)),
            }
        }
        let mut asset = builder.sql(text);
        if let Some(sql) = &mut asset.sql {
            sql.file = Some(path.to_owned());
            sql.problems = problems;
            sql.header = seen;
        }
        asset
    }
}

/// The lines of the comments before a query, with their numbers.
fn comments(text: &str) -> Vec<(usize, &str)> {
    let (mut lines, mut inside) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if inside || line.starts_with("/*") {
            let end = line.split_once("*/").map(|(_, rest)| rest.trim());
            inside = end.is_none();
            match end {
                Some("") | None => continue,
                Some(_) => break,
            }
        }
        match line.strip_prefix("--") {
            Some(comment) => lines.push((number + 1, comment.trim())),
            None if line.is_empty() => {}
            None => break,
        }
    }
    lines
}

struct Header<'a> {
    builder: AssetBuilder,
    description: Vec<&'a str>,
    /// Lists of columns, with their lines.
    declared: Vec<(usize, &'a str)>,
    problems: Vec<String>,
    /// What came already, with its line: of parameters, tags and settings with their names.
    seen: BTreeMap<String, usize>,
}

impl<'a> Header<'a> {
    fn new(key: &str) -> Self {
        Self {
            builder: Asset::builder(key),
            description: Vec::new(),
            declared: Vec::new(),
            problems: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn line(&mut self, number: usize, comment: &'a str) -> Result<(), String> {
        let words =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b"_-".contains(&b));
        let Some((name, value)) = comment.split_once(':').filter(|(name, _)| words(name)) else {
            self.description.push(comment);
            return Ok(());
        };
        let value = value.trim();
        let plain = name.to_ascii_lowercase().replace('-', "_");
        let Some(known) = NAMES.into_iter().find(|known| *known == plain) else {
            // What begins with a large letter is a sentence.
            let near = nearest(name, NAMES).filter(|_| name == plain);
            return match near {
                Some(near) => Err(format!("there is no setting `{name}`; did you mean `{near}`?")),
                None => {
                    self.description.push(comment);
                    Ok(())
                }
            };
        };
        if known != name {
            return Err(format!(
                "write `{known}:` for the setting, or begin a description otherwise"
            ));
        }
        if value.is_empty() {
            return Err(format!("`{name}` says nothing"));
        }
        if known == "columns" {
            self.declared.push((number, value.trim_end_matches(',')));
            self.seen.entry(name.to_owned()).or_insert(number);
            return Ok(());
        }
        let several = ["parameter", "tag", "setting"].contains(&known);
        let once = match value.split_once('=').filter(|_| several) {
            Some((of, _)) => format!("{name}: {}", of.trim()),
            None => name.to_owned(),
        };
        if self.seen.contains_key(&once) {
            return Err(format!("`{once}` comes twice"));
        }
        self.seen.insert(once, number);
        self.builder = set(self.builder.clone(), known, value)?;
        Ok(())
    }
}

fn set(mut builder: AssetBuilder, name: &str, value: &str) -> Result<AssetBuilder, String> {
    Ok(match name {
        "key" => {
            builder.output.key = value.to_owned();
            builder
        }
        "group" => builder.group(value),
        "engine" => builder.engine(value),
        "io_manager" => builder.io_manager(value),
        "retention" => builder.retention(value),
        "memory" => builder.memory(value),
        "code_version" => builder.code_version(CodeVersion::manual(value)),
        "partitions" => builder.partitions(partitions(value)?),
        "retries" => builder.retries(
            value
                .parse()
                .map_err(|_| format!("`retries` is a number, not `{value}`"))?,
        ),
        "timeout" => builder.timeout(duration::parse(value).map_err(|error| error.message().to_owned())?),
        _ => {
            let (key, value) = value
                .split_once('=')
                .ok_or_else(|| format!("write `{name}: NAME = VALUE`"))?;
            let (key, value) = (key.trim(), value.trim());
            match name {
                "parameter" => builder.parameter(key, literal(value)?),
                "tag" => builder.tag(key, value),
                _ => builder.setting(key, value),
            }
        }
    })
}

/// A value as SQL writes it.
fn literal(text: &str) -> Result<SqlValue, String> {
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(text) = quoted('\'').or_else(|| quoted('"')) {
        return Ok(text.replace("''", "'").into());
    }
    if let Ok(value) = text.parse::<bool>() {
        return Ok(value.into());
    }
    if let Ok(value) = text.parse::<i64>() {
        return Ok(value.into());
    }
    let number = text
        .contains(['.', 'e', 'E'])
        .then(|| text.parse::<f64>().ok())
        .flatten();
    if let Some(value) = number.filter(|value| value.is_finite()) {
        return Ok(value.into());
    }
    text.parse::<Timestamp>().map(Into::into).map_err(|_| {
        format!("`{text}` is no value: write true or false, a number of 64 bits, a text in quotes, or a time with its offset")
    })
}

fn partitions(text: &str) -> Result<Partitioning, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let said = |error: larder_io_core::Error| error.message().to_owned();
    let cut = |start: &str| match words[0] {
        "hourly" => Some(Partitioning::hourly(start)),
        "daily" => Some(Partitioning::daily(start)),
        "weekly" => Some(Partitioning::weekly(start)),
        "monthly" => Some(Partitioning::monthly(start)),
        _ => None,
    };
    match words.as_slice() {
        [_, "from", start] if cut(start).is_some() => {
            cut(start).ok_or_else(String::new)?.into_partitioning().map_err(said)
        }
        [_, "from", start, "to", end] if cut(start).is_some() => cut(start)
            .ok_or_else(String::new)?
            .end(*end)
            .into_partitioning()
            .map_err(said),
        ["dynamic", name] => Partitioning::dynamic(name).map_err(said),
        ["static", ..] if text.contains(':') => {
            let (name, values) = text["static".len()..].split_once(':').unwrap_or_default();
            Partitioning::fixed(name.trim(), values.split(',').map(str::trim)).map_err(said)
        }
        _ => Err(format!(
            "`{text}` is no partitioning; write `daily from 2024-01-01`, `monthly from 2024-01-01 to 2025-01-01`, `static region: de, fr` or `dynamic region`"
        )),
    }
}
