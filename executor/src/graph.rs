//! Who needs whom: steps, the assets they make and take, and an order in which they can run.

use crate::asset::{Asset, InputSpec};
use larder_io_core::{AssetKey, Error, ErrorKind, nearest};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Where an asset is made: the index of a step, and of the output within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The step.
    pub step: usize,
    /// The output of the step.
    pub output: usize,
}

/// One function in the graph, or an external asset.
#[derive(Clone, Debug)]
pub struct Node {
    /// The assets it makes.
    pub keys: Vec<AssetKey>,
    /// The assets it takes, in the order of its inputs.
    pub inputs: Vec<AssetKey>,
    /// Steps that make what it takes, each once.
    pub upstream: Vec<usize>,
    /// Steps that take what it makes, each once.
    pub downstream: Vec<usize>,
    /// Where each input is made.
    pub(crate) made: Vec<Origin>,
}

/// The graph of a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The nodes, in the order of the definitions.
    pub nodes: Vec<Node>,
    /// Where each asset is made.
    pub origins: HashMap<AssetKey, Origin>,
    /// Every node, each after those it needs; nodes that are free keep the order of the definitions.
    pub order: Vec<usize>,
}

/// Behind the key of an asset in a message: the file of its query, with the line of the header that says this; nothing of other assets.
pub(crate) fn said(asset: &Asset, setting: &str) -> String {
    #[cfg(feature = "arrow")]
    return asset.said(setting);
    #[cfg(not(feature = "arrow"))]
    {
        let _ = (asset, setting);
        String::new()
    }
}

impl Graph {
    /// Builds the graph. Problems are gathered, not only the first.
    pub(crate) fn build(assets: &[Asset], problems: &mut Vec<Error>) -> Self {
        let mut graph = Self {
            nodes: Vec::with_capacity(assets.len()),
            origins: HashMap::with_capacity(assets.len()),
            order: Vec::with_capacity(assets.len()),
        };
        for (step, asset) in assets.iter().enumerate() {
            let mut keys = Vec::with_capacity(asset.outputs.len());
            for (output, spec) in asset.outputs.iter().enumerate() {
                match spec.key.parse::<AssetKey>() {
                    Ok(key) => {
                        if let Some(before) = graph.origins.insert(key.clone(), Origin { step, output }) {
                            let said = said(asset, "key");
                            let message = format!("two assets have the key `{key}`; rename one of them{said}");
                            problems.push(definition(message));
                            graph.origins.insert(key.clone(), before);
                        }
                        keys.push(key);
                    }
                    Err(error) => {
                        let message = format!("{}{}", error.message(), said(asset, "key"));
                        problems.push(Error::new(error.kind(), message));
                    }
                }
            }
            graph.nodes.push(Node {
                keys,
                inputs: Vec::new(),
                upstream: Vec::new(),
                downstream: Vec::new(),
                made: Vec::new(),
            });
        }
        if problems.is_empty() {
            graph.connect(assets, problems);
        }
        if problems.is_empty() {
            graph.sort(problems);
        }
        graph
    }

    fn connect(&mut self, assets: &[Asset], problems: &mut Vec<Error>) {
        let mut by_name: HashMap<&str, Vec<&AssetKey>> = HashMap::new();
        if assets
            .iter()
            .flat_map(|asset| &asset.inputs)
            .any(|input| input.from.is_none())
        {
            for key in self.origins.keys() {
                by_name.entry(key.name()).or_default().push(key);
            }
        }
        let mut edges: Vec<(Vec<AssetKey>, Vec<Origin>)> = Vec::with_capacity(assets.len());
        for (step, asset) in assets.iter().enumerate() {
            let own = &self.nodes[step].keys;
            let (mut inputs, mut made) = (
                Vec::with_capacity(asset.inputs.len()),
                Vec::with_capacity(asset.inputs.len()),
            );
            for input in &asset.inputs {
                let found = match &input.from {
                    Some(text) => self.by_key(text),
                    // Its own earlier partitions, as the mapping says.
                    None if let Some(itself) = own_earlier(input, own) => self.by_key(itself.as_str()),
                    None => by_argument(&input.argument, own, &self.origins, &by_name)
                        .and_then(|key| self.by_key(key.as_str())),
                };
                match found {
                    Ok((key, origin)) => {
                        inputs.push(key);
                        made.push(origin);
                    }
                    Err(message) => {
                        let of = own.first().map(ToString::to_string).unwrap_or_default();
                        problems.push(definition(format!("`{of}` takes `{}`, but {message}", input.argument)));
                    }
                }
            }
            edges.push((inputs, made));
        }
        for (step, (inputs, made)) in edges.into_iter().enumerate() {
            for origin in &made {
                let itself = origin.step == step && assets[step].partitions.is_some();
                if !itself && !self.nodes[step].upstream.contains(&origin.step) {
                    self.nodes[step].upstream.push(origin.step);
                    self.nodes[origin.step].downstream.push(step);
                }
            }
            self.nodes[step].inputs = inputs;
            self.nodes[step].made = made;
        }
    }

    /// The asset that an argument means, by the key where one is given; none of `own`.
    pub(crate) fn find(
        &self,
        argument: &str,
        from: Option<&str>,
        own: &[AssetKey],
    ) -> Result<(AssetKey, Origin), String> {
        if let Some(text) = from {
            return self.by_key(text);
        }
        let mut by_name: HashMap<&str, Vec<&AssetKey>> = HashMap::new();
        for key in self.origins.keys().filter(|key| key.name() == argument) {
            by_name.entry(key.name()).or_default().push(key);
        }
        by_argument(argument, own, &self.origins, &by_name).and_then(|key| self.by_key(key.as_str()))
    }

    fn by_key(&self, text: &str) -> Result<(AssetKey, Origin), String> {
        // The key that is there, not another one of the same text: equal pointers are compared at once.
        if let Some((key, origin)) = self.origins.get_key_value(text) {
            return Ok((key.clone(), *origin));
        }
        text.parse::<AssetKey>().map_err(|error| error.message().to_owned())?;
        Err(unknown(text, &self.origins))
    }

    /// Orders the nodes, or shows a cycle as a path.
    fn sort(&mut self, problems: &mut Vec<Error>) {
        let mut waiting: Vec<usize> = self.nodes.iter().map(|node| node.upstream.len()).collect();
        let free = (0..waiting.len()).filter(|step| waiting[*step] == 0);
        let mut ready: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
        while let Some(Reverse(step)) = ready.pop() {
            self.order.push(step);
            for next in &self.nodes[step].downstream {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    ready.push(Reverse(*next));
                }
            }
        }
        if let Some(start) = (0..waiting.len()).find(|step| waiting[*step] > 0) {
            problems.push(definition(format!(
                "assets need each other in a circle: {}",
                self.cycle(start, &waiting)
            )));
        }
    }

    /// A cycle as `a -> b -> a`, read in the direction in which values flow.
    fn cycle(&self, start: usize, waiting: &[usize]) -> String {
        let mut path = vec![start];
        loop {
            let last = path[path.len() - 1];
            // A node that still waits has another one upstream that waits too, so this walk must meet itself.
            let Some(next) = self.nodes[last]
                .upstream
                .iter()
                .copied()
                .find(|step| waiting[*step] > 0)
            else {
                break;
            };
            if let Some(met) = path.iter().position(|step| *step == next) {
                path.drain(..met);
                path.push(next);
                break;
            }
            path.push(next);
        }
        path.reverse();
        let names: Vec<String> = path
            .iter()
            .filter_map(|step| self.nodes[*step].keys.first())
            .map(ToString::to_string)
            .collect();
        names.join(" -> ")
    }
}

/// The asset itself, when the argument has its name and says which of its partitions.
fn own_earlier(input: &InputSpec, own: &[AssetKey]) -> Option<AssetKey> {
    input.mapping.as_ref()?;
    own.iter().find(|key| key.name() == input.argument).cloned()
}

/// The asset that an argument's name means: its key, else the only other asset whose last segment it is.
fn by_argument(
    argument: &str,
    own: &[AssetKey],
    origins: &HashMap<AssetKey, Origin>,
    by_name: &HashMap<&str, Vec<&AssetKey>>,
) -> Result<AssetKey, String> {
    let others = |keys: &Vec<&AssetKey>| {
        keys.iter()
            .filter(|key| !own.contains(key))
            .map(|key| (*key).clone())
            .collect()
    };
    let mut candidates: Vec<AssetKey> = by_name.get(argument).map(others).unwrap_or_default();
    if let Some(exact) = candidates.iter().position(|key| key.prefix().is_none()) {
        return Ok(candidates.swap_remove(exact));
    }
    candidates.sort();
    match candidates.len() {
        1 => Ok(candidates.remove(0)),
        0 if own.iter().any(|key| key.name() == argument) => {
            Err("it cannot take itself; an asset with partitions can take its earlier ones: `#[mapping(Mapping::Previous)]`".to_owned())
        }
        0 => Err(unknown(argument, origins)),
        _ => {
            let list: Vec<String> = candidates.iter().map(|key| format!("`{key}`")).collect();
            Err(format!(
                "that name fits {}; write `#[from(\"{}\")]`",
                list.join(" and "),
                candidates[0]
            ))
        }
    }
}

fn unknown(text: &str, origins: &HashMap<AssetKey, Origin>) -> String {
    let names: Vec<String> = origins.keys().map(ToString::to_string).collect();
    let keys = nearest(text, names.iter().map(String::as_str));
    let near = keys.or_else(|| {
        let last = nearest(text, origins.keys().map(AssetKey::name))?;
        names
            .iter()
            .map(String::as_str)
            .filter(|name| name.rsplit('/').next() == Some(last))
            .min()
    });
    match near {
        Some(near) => format!("there is no asset `{text}`; did you mean `{near}`?"),
        None => format!(
            "there is no asset `{text}`; add it to the definitions, as `Asset::external` if something else makes it"
        ),
    }
}

pub(crate) fn definition(message: String) -> Error {
    Error::new(ErrorKind::InvalidDefinition, message)
}
