//! Values of parameters: of the asset, the configuration, the partition.

use super::asset::Sql;
use crate::config::ParameterTable;
use crate::context::AssetContext;
use larder_io_core::{Result, SqlValue, nearest};
use larder_partitions::Partitioning;
use std::collections::BTreeMap;

/// The key of the partition, as text.
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
            if given.contains(name) {
                problems.push(format!(
                    "the parameter `{name}` is one that the partition gives; give it another name"
                ));
            } else if !taken.contains(name) {
                problems.push(match nearest(name, taken.iter().map(String::as_str)) {
                    Some(near) => format!("the query has no `${name}`; did you mean `${near}`?"),
                    None => format!("the query has no `${name}`, to which the parameter `{name}` could be bound"),
                });
            }
        }
        let mut fixed = BTreeMap::new();
        for name in taken {
            if given.contains(name) {
                continue;
            }
            let own = sql.parameters.get(name);
            match (table.get(name), own) {
                (Some(line), Some(own)) if line.value.kind() != own.kind() => {
                    let (wanted, found) = (own.kind(), line.value.kind());
                    problems.push(format!(
                        "{}: the parameter `{name}` is of kind {wanted}, not {found}",
                        line.place
                    ));
                }
                (Some(line), _) => {
                    fixed.insert(name.clone(), line.value.clone());
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
        let mut values = self.fixed.clone();
        for name in &self.of_partition {
            let partition = context.partition();
            let value = match name.as_str() {
                START => SqlValue::Timestamp(context.window()?.start),
                END => SqlValue::Timestamp(context.window()?.end),
                PARTITION => partition.map(ToString::to_string).unwrap_or_default().into(),
                dimension => partition.and_then(|key| key.get(dimension)).unwrap_or_default().into(),
            };
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// Values of the right kinds, for what needs no more than the kinds.
    pub(super) fn samples(&self) -> BTreeMap<String, SqlValue> {
        let mut values = self.fixed.clone();
        for name in &self.of_partition {
            let value = match name.as_str() {
                START | END => SqlValue::Timestamp(jiff::Timestamp::UNIX_EPOCH),
                _ => SqlValue::Text(String::new()),
            };
            values.insert(name.clone(), value);
        }
        values
    }
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
