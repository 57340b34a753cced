//! Which assets to run: `a`, `+a` (with all it needs), `a+` (with all that need it), `group:reports`, `reports/*`, `*`.

use crate::definitions::Pipeline;
use crate::graph::definition;
use larder_io_core::{AssetKey, Result, nearest};
use std::collections::BTreeSet;
use std::fmt;

/// A selection in words; what it means depends on the pipeline. Several terms are joined, by commas or white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<String>);

/// What a selection means for one pipeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selected {
    /// The steps, without external assets, in an order in which they can run.
    pub steps: Vec<usize>,
    named: StepSet,
    all: StepSet,
}

/// Some of the steps of a pipeline.
#[derive(Clone, Debug)]
struct StepSet(Vec<bool>);

impl StepSet {
    fn empty(pipeline: &Pipeline) -> Self {
        Self(vec![false; pipeline.graph().nodes.len()])
    }

    fn of(steps: impl IntoIterator<Item = usize>, mut empty: Self) -> Self {
        steps.into_iter().for_each(|step| empty.0[step] = true);
        empty
    }

    fn contains(&self, step: usize) -> bool {
        self.0.get(step).copied().unwrap_or_default()
    }

    /// Whether it is new.
    fn insert(&mut self, step: usize) -> bool {
        !std::mem::replace(&mut self.0[step], true)
    }
}

impl Selected {
    /// Some of the steps that another selection has.
    pub(crate) fn narrowed(&self, steps: Vec<usize>) -> Self {
        let none = StepSet(vec![false; self.all.0.len()]);
        let all = StepSet::of(steps.iter().copied(), none.clone());
        let named = StepSet::of(steps.iter().copied().filter(|step| self.is_named(*step)), none);
        Self { steps, named, all }
    }

    /// Whether a step is named, and does not only come in by a plus sign.
    pub fn is_named(&self, step: usize) -> bool {
        self.named.contains(step)
    }

    /// Whether a step is selected.
    pub fn contains(&self, step: usize) -> bool {
        self.all.contains(step)
    }
}

impl Selection {
    /// Everything that can be made.
    pub fn all() -> Self {
        Self(vec!["*".to_owned()])
    }

    /// One asset, whatever its key looks like.
    pub fn key(key: &AssetKey) -> Self {
        Self(vec![format!("key:{key}")])
    }

    /// The union of terms, each taken as it is: a key may hold commas and white space.
    pub fn terms<S: Into<String>>(terms: impl IntoIterator<Item = S>) -> Self {
        Self(terms.into_iter().map(Into::into).collect())
    }

    /// The steps of a pipeline that it means.
    ///
    /// # Errors
    /// `InvalidDefinition` for a term that fits nothing, with the nearest known name; or when nothing is left to make.
    pub fn resolve(&self, pipeline: &Pipeline) -> Result<Selected> {
        let (chosen, named) = self.choose(pipeline)?;
        let makes = |step: &usize| chosen.contains(*step) && !pipeline.is_external(*step);
        let steps: Vec<usize> = pipeline.graph().order.iter().copied().filter(makes).collect();
        match steps.is_empty() {
            true => Err(definition(format!(
                "`{self}` selects only external assets, which something else makes"
            ))),
            false => {
                let all = StepSet::of(steps.iter().copied(), StepSet::empty(pipeline));
                Ok(Selected { all, steps, named })
            }
        }
    }

    /// The nodes that it means, external assets too, each after those it needs.
    pub(crate) fn assets(&self, pipeline: &Pipeline) -> Result<Vec<usize>> {
        let (chosen, _) = self.choose(pipeline)?;
        let order = pipeline.graph().order.iter().copied();
        Ok(order.filter(|step| chosen.contains(*step)).collect())
    }

    /// What it means, and what of that is named.
    fn choose(&self, pipeline: &Pipeline) -> Result<(StepSet, StepSet)> {
        if self.0.is_empty() {
            return Err(definition("the selection is empty; `*` selects everything".to_owned()));
        }
        let (mut chosen, mut named) = (StepSet::empty(pipeline), StepSet::empty(pipeline));
        for term in &self.0 {
            let (up, rest) = term
                .strip_prefix('+')
                .map_or((false, term.as_str()), |rest| (true, rest));
            let (down, atom) = rest.strip_suffix('+').map_or((false, rest), |rest| (true, rest));
            // A key may itself begin or end with a plus sign.
            let exact = atoms(pipeline, term);
            let (steps, up, down) = if exact.is_empty() {
                (atoms(pipeline, atom), up, down)
            } else {
                (exact, false, false)
            };
            if steps.is_empty() {
                return Err(definition(unknown(pipeline, atom)));
            }
            if up {
                reach(
                    pipeline,
                    &steps,
                    |step| &pipeline.graph().nodes[step].upstream,
                    &mut chosen,
                );
            }
            if down {
                reach(
                    pipeline,
                    &steps,
                    |step| &pipeline.graph().nodes[step].downstream,
                    &mut chosen,
                );
            }
            for step in steps {
                named.insert(step);
                chosen.insert(step);
            }
        }
        Ok((chosen, named))
    }
}

impl<S: AsRef<str>> From<S> for Selection {
    fn from(text: S) -> Self {
        let terms: Vec<String> = text
            .as_ref()
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|term| !term.is_empty())
            .map(str::to_owned)
            .collect();
        Self(terms)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The steps that an atom means, in the order of the definitions.
fn atoms(pipeline: &Pipeline, atom: &str) -> Vec<usize> {
    let nodes = pipeline.graph().nodes.iter().enumerate();
    // Only some atoms ask for the group, which has to be looked up.
    let group = |step| atom.starts_with("group:").then(|| pipeline.group(step)).flatten();
    nodes
        .filter(|(step, node)| atom == "*" || node.keys.iter().any(|key| fits(atom, key, group(*step))))
        .map(|(step, _)| step)
        .collect()
}

/// Whether an asset is meant by `*`, `reports/*`, `raw/flights`, `key:raw/flights` or `group:raw`.
pub(crate) fn fits(atom: &str, key: &AssetKey, group: Option<&str>) -> bool {
    match (atom.strip_prefix("key:"), atom.strip_prefix("group:")) {
        (Some(exact), _) => key.as_str() == exact,
        (_, Some(wanted)) => group == Some(wanted),
        _ if atom == "*" => true,
        _ if atom.contains('*') => glob(atom, key.as_str()),
        _ => key.as_str() == atom,
    }
}

/// `*` stands for any text, `/` included.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn reach<'g>(pipeline: &Pipeline, from: &[usize], next: impl Fn(usize) -> &'g Vec<usize>, chosen: &mut StepSet) {
    let mut seen = StepSet::of(from.iter().copied(), StepSet::empty(pipeline));
    let mut open = from.to_vec();
    while let Some(step) = open.pop() {
        chosen.insert(step);
        open.extend(next(step).iter().copied().filter(|step| seen.insert(*step)));
    }
}

fn unknown(pipeline: &Pipeline, atom: &str) -> String {
    if let Some(group) = atom.strip_prefix("group:") {
        let groups: BTreeSet<&str> = (0..pipeline.graph().nodes.len())
            .filter_map(|step| pipeline.group(step))
            .collect();
        return match nearest(group, groups.iter().copied()) {
            Some(near) => format!("there is no group `{group}`; did you mean `group:{near}`?"),
            None => format!(
                "there is no group `{group}`; the groups are {}",
                groups.into_iter().collect::<Vec<_>>().join(", ")
            ),
        };
    }
    let names: Vec<String> = pipeline.graph().origins.keys().map(ToString::to_string).collect();
    let near = nearest(atom, names.iter().map(String::as_str)).or_else(|| {
        // The last segment alone is a common slip.
        names
            .iter()
            .map(String::as_str)
            .filter(|name| name.rsplit('/').next() == Some(atom))
            .min()
    });
    match near {
        Some(near) => format!("there is no asset `{atom}`; did you mean `{near}`?"),
        None => format!("there is no asset `{atom}`; `list` shows all of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("*", "a/b", true),
            ("a/*", "a/b/c", true),
            ("a/*", "ab/c", false),
            ("*b", "a/b", true),
            ("a*c*e", "abcde", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
