//! Values of parameters: of the asset, the configuration, the partition.

use super::asset::Sql;
use crate::config::ParameterTable;
use crate::context::AssetContext;
use jiff::Timestamp;
use larder_io_core::{PartitionKey, Result, SqlValue, nearest};
use larder_partitions::Partitioning;
use std::collections::BTreeMap;

/// The value of the partition, as text; of several dimensions the whole key.
const PARTITION: &str = "partition";
/// The first moment of its window of time.
const START: &str = "window_start";
/// The first moment after it.
const END: &str = "window_end";

/// What a query's parameters are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    /// Values that are there from the beginning.
    pub(crate) fixed: BTreeMap<String, SqlValue>,
    /// Those that a partition gives.
    of_partition: Vec<String>,
    /// One of the partitions.
    sample: Option<PartitionKey>,
}

impl Parameters {
    /// Gathers what a query takes.
    ///
    /// # Errors
    /// Each problem: a parameter that nobody gives, one that the query does not take, a name with two meanings, another kind in the
    /// configuration.
    pub(super) fn new(
        sql: &Sql,
        taken: &[String],
        partitioning: Option<&Partitioning>,
        table: &ParameterTable,
    ) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let given = of_partitioning(partitioning);
        for name in sql.parameters.keys() {
            let line = sql.line(&format!("parameter: {name}"));
            if given.contains(name) {
                problems.push(format!(
                    "{line}the parameter `{name}` is one that the partition gives; give it another name"
                ));
            } else if !taken.contains(name) {
                problems.push(match nearest(name, taken.iter().map(String::as_str)) {
                    Some(near) => format!("{line}the query has no `${name}`; did you mean `${near}`?"),
                    None => format!("{line}the query has no `${name}`, to which the parameter `{name}` could be bound"),
                });
            }
        }
        let mut fixed = BTreeMap::new();
        for name in taken {
            if given.contains(name) {
                if let Some(line) = table.get(name) {
                    let problem = "the partition gives the parameter";
                    problems.push(format!(
                        "{}: {problem} `{name}` of this query; give this one another name",
                        line.place
                    ));
                }
                continue;
            }
            let own = sql.parameters.get(name);
            match (table.get(name), own) {
                (Some(line), Some(own)) if fitting(&line.value, own).is_none() => {
                    let (wanted, found) = (own.kind(), line.value.kind());
                    problems.push(format!(
                        "{}: the parameter `{name}` is of kind {wanted}, not {found}",
                        line.place
                    ));
                }
                (Some(line), own) => {
                    let value = own.and_then(|own| fitting(&line.value, own));
                    fixed.insert(name.clone(), value.unwrap_or_else(|| line.value.clone()));
                }
                (None, Some(own)) => {
                    fixed.insert(name.clone(), own.clone());
                }
                (None, None) => {
                    let known = given.iter().chain(sql.parameters.keys()).map(String::as_str);
                    let advice = match (nearest(name, known), partitioning) {
                        (Some(near), _) => format!("did you mean `${near}`?"),
                        (None, None) if [PARTITION, START, END].contains(&name.as_str()) => {
                            "the asset has no partitions".to_owned()
                        }
                        _ => format!(
                            "give it a value with `parameter(\"{name}\", ..)`, or in `[parameters]` of larder.toml"
                        ),
                    };
                    problems.push(format!("nothing gives `${name}`; {advice}"));
                }
            }
        }
        match problems.is_empty() {
            true => Ok(Self {
                fixed,
                sample: partitioning.and_then(sample),
                of_partition: given.into_iter().filter(|name| taken.contains(name)).collect(),
            }),
            false => Err(problems),
        }
    }

    /// The values for one call.
    ///
    /// # Errors
    /// `InvalidDefinition` for a window of what is not of time.
    pub(super) fn of_call(&self, context: &AssetContext) -> Result<BTreeMap<String, SqlValue>> {
        let partition = context.partition();
        let window = || context.window().map(|window| (window.start, window.end));
        self.filled(partition, window)
    }

    /// Values as a partition could give them, for what looks at the query alone.
    pub(super) fn samples(&self) -> BTreeMap<String, SqlValue> {
        let window = || Ok((Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH));
        self.filled(self.sample.as_ref(), window).unwrap_or_default()
    }

    /// Whether the samples are none that the query is run with.
    pub(super) fn are_sampled(&self) -> bool {
        !self.of_partition.is_empty()
    }

    fn filled(
        &self,
        partition: Option<&PartitionKey>,
        window: impl Fn() -> Result<(Timestamp, Timestamp)>,
    ) -> Result<BTreeMap<String, SqlValue>> {
        let mut values = self.fixed.clone();
        for name in &self.of_partition {
            let of_dimension = partition.and_then(|key| key.get(name));
            let value = match (of_dimension, name.as_str()) {
                (Some(value), _) => value.into(),
                (None, START) => window()?.0.into(),
                (None, END) => window()?.1.into(),
                (None, _) => partition.map(whole).unwrap_or_default().into(),
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// Those that are there from the beginning, for people.
    pub(crate) fn told(&self) -> Vec<String> {
        let fixed = self.fixed.iter();
        fixed.map(|(name, value)| format!("{name} = {value}")).collect()
    }
}

/// The value as one of the same kind as the asset's own; a whole number is a number too.
fn fitting(value: &SqlValue, own: &SqlValue) -> Option<SqlValue> {
    match (value, own) {
        (SqlValue::Int(value), SqlValue::Float(_)) => Some((*value as f64).into()),
        (value, own) => (value.kind() == own.kind()).then(|| value.clone()),
    }
}

/// The value of a partition with one dimension, the whole key of others.
fn whole(key: &PartitionKey) -> String {
    match key.dimensions() {
        [(_, value)] => value.clone(),
        _ => key.to_string(),
    }
}

/// A partition that exists, where that is known without asking anybody.
fn sample(partitioning: &Partitioning) -> Option<PartitionKey> {
    let none = |_: &str| Ok(Vec::new());
    partitioning.at(Timestamp::now(), &none).ok()?.first()
}

/// The parameters that partitions give.
fn of_partitioning(partitioning: Option<&Partitioning>) -> Vec<String> {
    let Some(partitioning) = partitioning else {
        return Vec::new();
    };
    let mut names: Vec<String> = partitioning.names().map(str::to_owned).collect();
    let more = [PARTITION, START, END].map(str::to_owned);
    names.extend(
        more.into_iter()
            .filter(|name| !partitioning.names().any(|dimension| dimension == name)),
    );
    names
}
