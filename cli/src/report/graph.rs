//! The graph of assets as a picture.

use super::layout::{HEIGHT, WIDTH, layered};
use super::markup::{at, short_key, text};
use super::state::State;

/// Characters of a key that fit into a box.
const LONGEST: usize = 22;

/// A box.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) state: State,
    /// What is told beside the name: lines.
    pub(super) told: String,
    /// Where more is told.
    pub(super) link: Option<String>,
}

/// The picture, and what its colours and signs mean.
pub(super) fn picture(nodes: &[Node], edges: &[(usize, usize)]) -> String {
    let layout = layered(nodes.len(), edges);
    let mut svg = format!(
        "<svg class=\"graph\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"which asset is made from which\">\n",
        at(layout.width),
        at(layout.height)
    );
    for (points, (from, to)) in layout.edges.iter().zip(edges) {
        svg.push_str(&format!(
            "<path class=\"edge\" d=\"{}\"><title>{} → {}</title></path>\n",
            curve(points),
            text(&nodes[*from].name),
            text(&nodes[*to].name)
        ));
    }
    for (node, place) in nodes.iter().zip(&layout.nodes) {
        svg.push_str(&one(node, *place));
    }
    svg.push_str("</svg>\n");
    format!("{}<div class=\"scroll\">{svg}</div>\n", legend(nodes))
}

fn one(node: &Node, (x, y): (f64, f64)) -> String {
    let (open, close) = match &node.link {
        Some(link) => (format!("<a href=\"#{}\">", text(link)), "</a>"),
        None => (String::new(), ""),
    };
    let mut told = format!("{}: {}", node.name, node.state.word());
    if !node.told.is_empty() {
        told.push('\n');
        told.push_str(&node.told);
    }
    format!(
        "{open}<g class=\"node {class}\"><title>{told}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"5\"/><text x=\"{sign}\" y=\"{base}\">{symbol}</text><text x=\"{left}\" y=\"{base}\">{name}</text></g>{close}\n",
        class = node.state.class(),
        told = text(&told),
        x = at(x),
        y = at(y),
        sign = at(x + 9.0),
        left = at(x + 26.0),
        base = at(y + HEIGHT / 2.0 + 4.5),
        symbol = node.state.symbol(),
        name = short_key(&node.name, LONGEST),
    )
}

/// Straight where the edge passes a layer, bent between them.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (position, (x, y)) in points.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| points[before]);
        match before {
            None => path.push_str(&format!("M{},{}", at(*x), at(*y))),
            Some(_) if position % 2 == 0 => path.push_str(&format!("L{},{}", at(*x), at(*y))),
            Some((from_x, from_y)) => {
                let middle = at(f64::midpoint(from_x, *x));
                path.push_str(&format!(
                    "C{middle},{} {middle},{} {},{}",
                    at(from_y),
                    at(*y),
                    at(*x),
                    at(*y)
                ));
            }
        }
    }
    path
}

fn legend(nodes: &[Node]) -> String {
    let mut legend = "<p class=\"legend\">".to_owned();
    for state in State::ALL {
        let count = nodes.iter().filter(|node| node.state == state).count();
        if count > 0 {
            legend.push_str(&format!(
                "<span class=\"key {}\"><b>{}</b> {count} {}</span> ",
                state.class(),
                state.symbol(),
                state.word()
            ));
        }
    }
    legend.push_str("</p>\n");
    legend
}
