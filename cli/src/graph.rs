//! Which asset is made from which: as a tree, for Graphviz, for Mermaid.

use crate::DONE;
use crate::output::Out;
use crate::text::escape;
use larder_executor::{AssetInfo, Pipeline};
use larder_io_core::{AssetKey, Result};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// How the graph is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// In the language of Graphviz
    #[arg(long, conflicts_with_all = ["mermaid", "json"])]
    pub(crate) dot: bool,
    /// In the language of Mermaid
    #[arg(long, conflicts_with = "json")]
    pub(crate) mermaid: bool,
}

/// `graph`.
pub(crate) fn graph(pipeline: &Pipeline, wanted: &Shown, out: &mut Out<'_>) -> Result<u8> {
    let graph = Graph::of(pipeline.assets());
    match (out.json, wanted.dot, wanted.mermaid) {
        (true, ..) => out.document(&graph.json())?,
        (_, true, _) => out.line(graph.dot()),
        (_, _, true) => out.line(graph.mermaid()),
        _ => out.line(graph.tree()),
    }
    Ok(DONE)
}

pub(crate) struct Graph {
    pub(crate) assets: Vec<AssetInfo>,
    /// From an asset to one that takes it, by index, each pair once, in the order of the consumers.
    pub(crate) edges: Vec<(usize, usize)>,
}

impl Graph {
    pub(crate) fn of(assets: Vec<AssetInfo>) -> Self {
        let index: HashMap<&AssetKey, usize> = assets.iter().enumerate().map(|(at, info)| (&info.key, at)).collect();
        let mut seen = HashSet::new();
        let inputs = assets
            .iter()
            .enumerate()
            .flat_map(|(to, info)| info.inputs.iter().map(move |input| (input, to)));
        let edges = inputs
            .filter_map(|(input, to)| Some((*index.get(input)?, to)))
            .filter(|edge| seen.insert(*edge));
        let edges = edges.collect();
        Self { assets, edges }
    }

    fn label(&self, at: usize) -> String {
        self.assets
            .get(at)
            .map(|info| escape(&info.key.to_string()).into_owned())
            .unwrap_or_default()
    }

    /// Sources first, below each what takes it; what was shown before is not unfolded again.
    fn tree(&self) -> String {
        let mut consumers: Vec<Vec<usize>> = vec![Vec::new(); self.assets.len()];
        let mut made = vec![false; self.assets.len()];
        for (from, to) in &self.edges {
            consumers[*from].push(*to);
            made[*to] = true;
        }
        let mut lines = Vec::new();
        let mut unfolded = HashSet::new();
        // Not recursive: a chain may be longer than the stack is deep.
        let sources = (0..self.assets.len()).rev().filter(|at| !made[*at]);
        let mut open: Vec<(usize, String, String)> = sources.map(|at| (at, String::new(), String::new())).collect();
        while let Some((at, branch, below)) = open.pop() {
            let external = if self.assets[at].external { " (external)" } else { "" };
            let again = !consumers[at].is_empty() && !unfolded.insert(at);
            let seen = if again { " (see above)" } else { "" };
            lines.push(format!("{branch}{}{external}{seen}", self.label(at)));
            if !again {
                for (position, next) in consumers[at].iter().enumerate().rev() {
                    let last = position + 1 == consumers[at].len();
                    let (corner, line) = if last {
                        ("└── ", "    ")
                    } else {
                        ("├── ", "│   ")
                    };
                    open.push((*next, format!("{below}{corner}"), format!("{below}{line}")));
                }
            }
        }
        lines.join("\n")
    }

    fn dot(&self) -> String {
        let mut text = "digraph larder {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
        for (at, info) in self.assets.iter().enumerate() {
            let style = if info.external { ", style=dashed" } else { "" };
            text.push_str(&format!("  n{at} [label=\"{}\"{style}];\n", dot_label(&self.label(at))));
        }
        for (from, to) in &self.edges {
            text.push_str(&format!("  n{from} -> n{to};\n"));
        }
        text.push('}');
        text
    }

    fn mermaid(&self) -> String {
        let mut lines = vec!["flowchart LR".to_owned()];
        for (at, info) in self.assets.iter().enumerate() {
            let (left, right) = if info.external { ("([", "])") } else { ("[", "]") };
            lines.push(format!("  n{at}{left}\"{}\"{right}", mermaid_label(&self.label(at))));
        }
        lines.extend(self.edges.iter().map(|(from, to)| format!("  n{from} --> n{to}")));
        lines.join("\n")
    }

    fn json(&self) -> serde_json::Value {
        let key = |at: usize| self.assets.get(at).map(|info| info.key.to_string());
        let nodes = self.assets.iter().map(|info| {
            json!({ "key": info.key.to_string(), "form": info.form, "group": info.group, "external": info.external })
        });
        let edges = self
            .edges
            .iter()
            .map(|(from, to)| json!({ "from": key(*from), "to": key(*to) }));
        json!({ "nodes": nodes.collect::<Vec<_>>(), "edges": edges.collect::<Vec<_>>() })
    }
}

/// Graphviz ends a string at a quote, gives a backslash a meaning, and reads HTML's entities.
/// <https://graphviz.org/docs/attr-types/escString/>
fn dot_label(text: &str) -> String {
    text.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"")
}

/// Mermaid gives a meaning to quotes, brackets, backticks, backslashes and more, and has one escape for all of them.
/// <https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters>
fn mermaid_label(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut all, c| {
        match c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | ' ' | '=') {
            true => all.push(c),
            false => all.push_str(&format!("#{};", u32::from(c))),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_executor::{Asset, Definitions};
    use larder_io_memory::MemoryIo;
    use std::sync::Arc;

    fn graph(assets: &[(&str, &[&str])]) -> Graph {
        let definitions = assets.iter().map(|(key, inputs)| {
            let mut builder = Asset::builder(*key);
            for input in *inputs {
                builder = builder.input_from::<u8>("x", *input);
            }
            builder.function(|_| async { Ok(0_u8) })
        });
        let definitions = Definitions::new()
            .assets(definitions)
            .with_every_asset_in(Arc::new(MemoryIo::new()));
        Graph::of(definitions.build().expect("is valid").assets())
    }

    #[test]
    fn sources_first_and_nothing_unfolded_twice() {
        let graph = graph(&[
            ("a", &[]),
            ("b", &[]),
            ("c", &["a", "b"]),
            ("d", &["c"]),
            ("e", &["a"]),
            ("alone", &[]),
        ]);
        let wanted = "\
a
├── c
│   └── d
└── e
b
└── c (see above)
alone";
        assert_eq!(graph.tree(), wanted);
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let keys: Vec<String> = (0..3_000).map(|n| format!("a{n}")).collect();
        let inputs: Vec<Vec<&str>> = (0..3_000)
            .map(|n: usize| n.checked_sub(1).map(|n| keys[n].as_str()).into_iter().collect())
            .collect();
        let assets: Vec<(&str, &[&str])> = keys
            .iter()
            .zip(&inputs)
            .map(|(key, inputs)| (key.as_str(), inputs.as_slice()))
            .collect();
        assert_eq!(graph(&assets).tree().lines().count(), 3_000);
    }

    #[test]
    fn keys_with_quotes_stay_in_their_labels() {
        let graph = graph(&[("say \"hi\"\\n;]&amp;", &[]), ("b`", &["say \"hi\"\\n;]&amp;"])]);
        let dot = graph.dot();
        assert!(dot.contains(r#"  n0 [label="say \"hi\"\\n;]&amp;amp;"];"#), "{dot}");
        assert!(dot.contains("  n0 -> n1;"), "{dot}");
        let mermaid = graph.mermaid();
        assert!(
            mermaid.contains("  n0[\"say #34;hi#34;#92;n#59;#93;#38;amp#59;\"]"),
            "{mermaid}"
        );
        assert!(mermaid.contains("  n1[\"b#96;\"]\n  n0 --> n1"), "{mermaid}");
    }
}
