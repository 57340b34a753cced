//! Which assets to run: `a`, `+a` (with all it needs), `a+` (with all that need it), `group:reports`, `reports/*`, `*`.

use crate::definitions::Pipeline;
use crate::graph::definition;
use larder_io_core::{AssetKey, Result, nearest};
use std::collections::{BTreeSet, HashSet};
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
    /// Those of them that are named, and not only come in by a plus sign.
    pub named: HashSet<usize>,
    /// For every step of the pipeline whether it is one of them.
    all: Vec<bool>,
}

impl Selected {
    /// Some of the steps that another selection has.
    pub(crate) fn of(steps: Vec<usize>, named: HashSet<usize>, selected: &Self) -> Self {
        let mut all = vec![false; selected.all.len()];
        steps.iter().for_each(|step| all[*step] = true);
        Self { steps, named, all }
    }

    /// Whether a step is selected.
    pub fn contains(&self, step: usize) -> bool {
        self.all.get(step).copied().unwrap_or_default()
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
        let makes = |step: &usize| chosen.contains(step) && !pipeline.is_external(*step);
        let steps: Vec<usize> = pipeline.graph().order.iter().copied().filter(makes).collect();
        match steps.is_empty() {
            true => Err(definition(format!(
                "`{self}` selects only external assets, which something else makes"
            ))),
            false => {
                let mut all = vec![false; pipeline.graph().nodes.len()];
                steps.iter().for_each(|step| all[*step] = true);
                Ok(Selected { all, steps, named })
            }
        }
    }

    /// The nodes that it means, external assets too, each after those it needs.
    pub(crate) fn assets(&self, pipeline: &Pipeline) -> Result<Vec<usize>> {
        let (chosen, _) = self.choose(pipeline)?;
        let order = pipeline.graph().order.iter().copied();
        Ok(order.filter(|step| chosen.contains(step)).collect())
    }

    /// What it means, and what of that is named.
    fn choose(&self, pipeline: &Pipeline) -> Result<(BTreeSet<usize>, HashSet<usize>)> {
        if self.0.is_empty() {
            return Err(definition("the selection is empty; `*` selects everything".to_owned()));
        }
        let (mut chosen, mut named) = (BTreeSet::new(), HashSet::new());
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
                reach(&steps, |step| &pipeline.graph().nodes[step].upstream, &mut chosen);
            }
            if down {
                reach(&steps, |step| &pipeline.graph().nodes[step].downstream, &mut chosen);
            }
            named.extend(steps.iter().copied());
            chosen.extend(steps);
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

fn atoms(pipeline: &Pipeline, atom: &str) -> BTreeSet<usize> {
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

fn reach<'g>(from: &BTreeSet<usize>, next: impl Fn(usize) -> &'g Vec<usize>, chosen: &mut BTreeSet<usize>) {
    let mut seen = from.clone();
    let mut open: Vec<usize> = from.iter().copied().collect();
    while let Some(step) = open.pop() {
        open.extend(next(step).iter().copied().filter(|step| seen.insert(*step)));
    }
    chosen.extend(seen);
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
