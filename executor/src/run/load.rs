//! The inputs of a call: one value, the values of many partitions, or many partitions as one table.

use super::inputs::missing;
use super::step::Step;
use crate::asset::InputSpec;
use crate::definitions::one_table;
use crate::event::Event;
use crate::hook::Moment;
use crate::reference::Wanted;
use larder_io_core::{Arity, AssetKey, Error, ErrorKind, Form, Forms, Loaded, PartitionKey, Result, Value};
use larder_partitions::Upstream;
use std::collections::VecDeque;
use std::time::Instant;

/// Partitions that an error names at most.
const NAMED: usize = 10;

impl Step {
    pub(super) async fn load(&mut self, asset: &AssetKey) -> Result<VecDeque<(String, Loaded)>> {
        let mut loaded = VecDeque::with_capacity(self.inputs.len());
        // Taken, so that this step's hold on a value ends when the function has it.
        for (position, shared) in std::mem::take(&mut self.inputs).into_iter().enumerate() {
            let pipeline = self.pipeline.clone();
            let spec = &pipeline.0.assets[self.index].inputs[position];
            let subject = || Some(shared.key.clone());
            self.hook(Moment::BeforeLoad, |of| of.subject = subject()).await;
            let began = Instant::now();
            let follows = self
                .follows
                .get(&self.index)
                .and_then(|follows| follows[position].as_ref());
            let value = match follows {
                // `()` waits for the other asset and takes nothing of it.
                _ if spec.forms == Forms::of([Form::Nothing]) && spec.arity == Arity::One => {
                    Ok(Loaded::One(Value::Nothing))
                }
                Some(follows) => {
                    let upstream = follows.upstream(self.partitions.as_ref())?;
                    let single = pipeline.parted(self.index).inputs[position]
                        .as_ref()
                        .is_some_and(|taken| taken.single);
                    Box::pin(self.parted(&shared.key, spec, upstream, single)).await
                }
                None => match self.handed_over(&shared, spec).await {
                    Ok(Some(value)) => {
                        let followed = pipeline.follow(&shared.key, value, Wanted::by(spec)).await;
                        followed.map(Loaded::One)
                    }
                    Ok(None) => self.nothing(&shared.key, spec),
                    Err(error) => Err(error),
                },
            };
            let value = value.map_err(|error| {
                let error = pipeline
                    .explain_error(error, &shared.key, "load")
                    .with_context("needed_by", asset);
                match &self.partitions {
                    Some(partitions) => error.with_context("needed_by_partition", partitions),
                    None => error,
                }
            })?;
            let (missing, duration) = (matches!(value, Loaded::Missing), began.elapsed());
            self.hook(Moment::AfterLoad, |of| of.subject = subject()).await;
            self.emitter.emit(|| Event::InputLoaded {
                asset: asset.clone(),
                partitions: self.partitions.clone(),
                input: shared.key.clone(),
                missing,
                duration,
            });
            loaded.push_back((spec.argument.clone(), value));
        }
        Ok(loaded)
    }

    fn nothing(&self, key: &AssetKey, spec: &InputSpec) -> Result<Loaded> {
        match spec.arity {
            Arity::Maybe => Ok(Loaded::Missing),
            _ => Err(missing(key, self.pipeline.info(key).is_ok_and(|info| info.external))),
        }
    }

    /// An input that has partitions.
    async fn parted(&self, key: &AssetKey, spec: &InputSpec, upstream: Upstream, single: bool) -> Result<Loaded> {
        let wanted = Wanted::by(spec);
        let lenient = spec.allow_missing || spec.arity == Arity::Maybe;
        let partitions = match lenient {
            true => upstream.partitions,
            false => upstream.complete()?,
        };
        if spec.arity != Arity::Many && single {
            let Some(partition) = partitions.first() else {
                return match spec.arity {
                    Arity::Maybe => Ok(Loaded::Missing),
                    _ => Err(Error::new(
                        ErrorKind::NotFound,
                        format!("there is no partition of `{key}` that this one is made from; take `Maybe<T>`"),
                    )),
                };
            };
            return match self.pipeline.load_for(&(key, &partition).into(), wanted).await? {
                Some(value) => Ok(Loaded::One(value)),
                None if lenient => Ok(Loaded::Missing),
                None => Err(absent(key, &[partition], 1)),
            };
        }
        let asked = partitions.len();
        let found = self.pipeline.load_partitions(key, partitions.iter(), wanted).await?;
        let (mut values, mut lacks) = (Vec::with_capacity(found.len()), Vec::new());
        for (partition, value) in found {
            match value {
                Some(value) => values.push((partition, value)),
                None => lacks.push(partition),
            }
        }
        if !lacks.is_empty() && !lenient {
            return Err(absent(key, &lacks, asked));
        }
        match spec.arity {
            Arity::Many => {
                values.sort_by(|(one, _), (other, _)| one.cmp(other));
                Ok(Loaded::Many(values))
            }
            _ => one_table(key, values).map(Loaded::One),
        }
    }
}

fn absent(key: &AssetKey, lacks: &[PartitionKey], of: u64) -> Error {
    let named: Vec<String> = lacks.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match lacks.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let count = lacks.len();
    let message = format!(
        "nothing is stored in {count} of {of} partitions of `{key}`: {}{more}; materialize them first, or leave them out with `#[allow_missing]`",
        named.join("; ")
    );
    Error::new(ErrorKind::NotFound, message)
}
