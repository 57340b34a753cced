//! Where the nodes of a graph are drawn: layers from left to right, each after what it needs, with few crossings.

use std::collections::HashMap;

/// A box.
pub(super) const WIDTH: f64 = 190.0;
pub(super) const HEIGHT: f64 = 30.0;
/// Between two layers.
const GAP: f64 = 56.0;
/// Between two boxes of a layer.
const BESIDE: f64 = 12.0;
/// What an edge takes that passes a layer.
const THROUGH: f64 = 8.0;
/// Around everything.
const MARGIN: f64 = 10.0;
/// Rounds of bringing neighbours together.
const ROUNDS: usize = 12;
/// Columns of boxes that no edge touches.
const LOOSE_COLUMNS: usize = 5;

/// Places of boxes (their upper left corners), and of edges (the points that they go through).
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) nodes: Vec<(f64, f64)>,
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Lays out so many nodes; edges go from what is needed to what needs it. An edge that closes a circle is drawn all the same.
pub(super) fn layered(count: usize, edges: &[(usize, usize)]) -> Layout {
    let edges: Vec<(usize, usize)> = edges
        .iter()
        .copied()
        .map(|(from, to)| (from.min(count.saturating_sub(1)), to.min(count.saturating_sub(1))))
        .collect();
    let mut touched = vec![false; count];
    for (from, to) in &edges {
        touched[*from] = true;
        touched[*to] = true;
    }
    let layer = layers(count, &edges);
    let mut grid = Grid::new(count, &edges, &layer, &touched);
    grid.sort();
    let heights = grid.place();
    let mut layout = Layout {
        nodes: vec![(MARGIN, MARGIN); count],
        ..Layout::default()
    };
    let x = |layer: usize| MARGIN + layer as f64 * (WIDTH + GAP);
    for (at, cell) in grid.cells.iter().enumerate() {
        if let Some(node) = cell.node {
            layout.nodes[node] = (x(cell.layer), heights[at] - HEIGHT / 2.0);
        }
    }
    layout.edges = grid
        .paths
        .iter()
        .map(|path| {
            let mut points = Vec::with_capacity(path.len() * 2);
            for (position, cell) in path.iter().enumerate() {
                let (left, y) = (x(grid.cells[*cell].layer), heights[*cell]);
                // A box is left on its right side and reached on its left one; what passes, passes straight.
                if position > 0 {
                    points.push((left, y));
                }
                if position + 1 < path.len() {
                    points.push((left + WIDTH, y));
                }
            }
            points
        })
        .collect();
    let bottom = grid
        .cells
        .iter()
        .zip(&heights)
        .map(|(_, y)| y + HEIGHT / 2.0)
        .fold(0.0, f64::max);
    loose(&mut layout, &touched, bottom);
    layout.width = layout.nodes.iter().map(|(x, _)| x + WIDTH).fold(0.0, f64::max) + MARGIN;
    let lowest = layout.nodes.iter().map(|(_, y)| y + HEIGHT).fold(bottom, f64::max);
    layout.height = lowest + MARGIN;
    layout
}

/// Boxes without any edge stand in rows below the others.
fn loose(layout: &mut Layout, touched: &[bool], bottom: f64) {
    let top = if bottom > 0.0 { bottom + 2.0 * BESIDE } else { MARGIN };
    let alone = (0..touched.len()).filter(|node| !touched[*node]);
    for (position, node) in alone.enumerate() {
        let (row, column) = (position / LOOSE_COLUMNS, position % LOOSE_COLUMNS);
        layout.nodes[node] = (
            MARGIN + column as f64 * (WIDTH + GAP / 2.0),
            top + row as f64 * (HEIGHT + BESIDE),
        );
    }
}

/// The layer of each node: one more than the highest of what it needs; what needs nothing stands right before what needs it.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut next = vec![Vec::new(); count];
    let mut waiting = vec![0_usize; count];
    for (from, to) in edges {
        next[*from].push(*to);
        waiting[*to] += 1;
    }
    let mut layer = vec![0_usize; count];
    let mut open: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    let sources = open.clone();
    while let Some(node) = open.pop() {
        for to in &next[node] {
            layer[*to] = layer[*to].max(layer[node] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                open.push(*to);
            }
        }
    }
    for node in sources {
        let nearest = next[node].iter().map(|to| layer[*to]).min();
        layer[node] = nearest.map_or(0, |nearest| nearest.saturating_sub(1));
    }
    layer
}

/// Boxes and passing edges, by layers.
struct Grid {
    cells: Vec<Cell>,
    /// The cells of each layer, from above.
    layers: Vec<Vec<usize>>,
    /// The cells of each edge.
    paths: Vec<Vec<usize>>,
}

struct Cell {
    layer: usize,
    /// The node; none where an edge passes.
    node: Option<usize>,
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Grid {
    fn new(count: usize, edges: &[(usize, usize)], layer: &[usize], touched: &[bool]) -> Self {
        let mut grid = Self {
            cells: Vec::new(),
            layers: vec![Vec::new(); layer.iter().max().map_or(0, |most| most + 1)],
            paths: Vec::new(),
        };
        let mut cell_of = HashMap::new();
        for node in (0..count).filter(|node| touched[*node]) {
            cell_of.insert(node, grid.cell(layer[node], Some(node)));
        }
        for (from, to) in edges {
            let (Some(from_cell), Some(to_cell)) = (cell_of.get(from), cell_of.get(to)) else {
                continue;
            };
            let mut path = vec![*from_cell];
            for between in layer[*from] + 1..layer[*to] {
                let cell = grid.cell(between, None);
                path.push(cell);
            }
            path.push(*to_cell);
            for pair in path.windows(2) {
                grid.cells[pair[0]].after.push(pair[1]);
                grid.cells[pair[1]].before.push(pair[0]);
            }
            grid.paths.push(path);
        }
        grid
    }

    fn cell(&mut self, layer: usize, node: Option<usize>) -> usize {
        let at = self.cells.len();
        self.cells.push(Cell {
            layer,
            node,
            before: Vec::new(),
            after: Vec::new(),
        });
        self.layers[layer].push(at);
        at
    }

    /// Orders each layer by the middle of its neighbours, to and fro.
    fn sort(&mut self) {
        let mut position = vec![0.0; self.cells.len()];
        let number = |layer: &[usize], position: &mut [f64]| {
            for (rank, cell) in layer.iter().enumerate() {
                position[*cell] = rank as f64;
            }
        };
        for layer in &self.layers {
            number(layer, &mut position);
        }
        for round in 0..ROUNDS {
            let forth = round % 2 == 0;
            let order: Vec<usize> = match forth {
                true => (0..self.layers.len()).collect(),
                false => (0..self.layers.len()).rev().collect(),
            };
            for at in order {
                let mut layer = std::mem::take(&mut self.layers[at]);
                let wanted = |cell: usize| {
                    let cells = &self.cells[cell];
                    let beside = if forth { &cells.before } else { &cells.after };
                    mean(beside, &position).unwrap_or(position[cell])
                };
                let mut keyed: Vec<(f64, usize)> = layer.iter().map(|cell| (wanted(*cell), *cell)).collect();
                // Stable: what is equal keeps its order.
                keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
                layer.clear();
                layer.extend(keyed.into_iter().map(|(_, cell)| cell));
                number(&layer, &mut position);
                self.layers[at] = layer;
            }
        }
    }

    /// The middle of each cell: near its neighbours, with room between it and those beside it.
    fn place(&self) -> Vec<f64> {
        let mut y = vec![0.0; self.cells.len()];
        let half = |cell: usize| match self.cells[cell].node {
            Some(_) => (HEIGHT + BESIDE) / 2.0,
            None => THROUGH / 2.0,
        };
        for layer in &self.layers {
            let mut below = 0.0;
            for cell in layer {
                y[*cell] = below + half(*cell);
                below += 2.0 * half(*cell);
            }
        }
        for _ in 0..ROUNDS {
            for layer in &self.layers {
                let wanted: Vec<f64> = layer
                    .iter()
                    .map(|cell| {
                        let (before, after) = (&self.cells[*cell].before, &self.cells[*cell].after);
                        match (mean(before, &y), mean(after, &y)) {
                            (Some(one), Some(other)) => f64::midpoint(one, other),
                            (one, other) => one.or(other).unwrap_or(y[*cell]),
                        }
                    })
                    .collect();
                // From above and from below; the middle of two that have room has room as well.
                let mut down = wanted.clone();
                for at in 1..layer.len() {
                    let room = half(layer[at - 1]) + half(layer[at]);
                    down[at] = down[at].max(down[at - 1] + room);
                }
                let mut up = wanted;
                for at in (1..layer.len()).rev() {
                    let room = half(layer[at - 1]) + half(layer[at]);
                    up[at - 1] = up[at - 1].min(up[at] - room);
                }
                for (at, cell) in layer.iter().enumerate() {
                    y[*cell] = f64::midpoint(down[at], up[at]);
                }
            }
        }
        let top = y
            .iter()
            .zip(&self.cells)
            .map(|(y, _)| y - HEIGHT / 2.0)
            .fold(f64::INFINITY, f64::min);
        y.iter_mut().for_each(|y| *y += MARGIN - top);
        y
    }
}

fn mean(cells: &[usize], of: &[f64]) -> Option<f64> {
    (!cells.is_empty()).then(|| cells.iter().map(|cell| of[*cell]).sum::<f64>() / cells.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often lines between neighbouring layers cross.
    fn crossings(layout: &Layout) -> usize {
        let lines: Vec<[(f64, f64); 2]> = layout
            .edges
            .iter()
            .flat_map(|points| points.windows(2).map(|pair| [pair[0], pair[1]]))
            .collect();
        let mut count = 0;
        for (at, one) in lines.iter().enumerate() {
            for other in &lines[at + 1..] {
                let same = (one[0].0 - other[0].0).abs() < 1.0 && (one[1].0 - other[1].0).abs() < 1.0;
                count += usize::from(same && (one[0].1 - other[0].1) * (one[1].1 - other[1].1) < 0.0);
            }
        }
        count
    }

    fn apart(layout: &Layout) -> bool {
        let overlap = |(ax, ay): (f64, f64), (bx, by): (f64, f64)| (ax - bx).abs() < WIDTH && (ay - by).abs() < HEIGHT;
        let nodes = &layout.nodes;
        (0..nodes.len()).all(|one| (0..one).all(|other| !overlap(nodes[one], nodes[other])))
    }

    fn inside(layout: &Layout) -> bool {
        let nodes = layout
            .nodes
            .iter()
            .all(|(x, y)| *x >= 0.0 && *y >= 0.0 && x + WIDTH <= layout.width && y + HEIGHT <= layout.height);
        nodes
            && layout
                .edges
                .iter()
                .flatten()
                .all(|(x, y)| *x >= 0.0 && *y >= 0.0 && *x <= layout.width && *y <= layout.height)
    }

    #[test]
    fn what_is_needed_stands_to_the_left() {
        let edges = [(0, 2), (1, 2), (2, 3), (0, 3), (4, 3)];
        let layout = layered(6, &edges);
        for (from, to) in edges {
            assert!(
                layout.nodes[from].0 + WIDTH < layout.nodes[to].0,
                "{from} {to} {layout:?}"
            );
        }
        // What needs nothing stands right before what needs it.
        assert!((layout.nodes[4].0 - layout.nodes[2].0).abs() < 1.0);
        // What has no edge stands below.
        assert!(layout.nodes[5].1 > layout.nodes[0].1.max(layout.nodes[1].1));
        assert!(apart(&layout) && inside(&layout), "{layout:?}");
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // Given crosswise.
        let layout = layered(8, &[(0, 7), (1, 6), (2, 5), (3, 4)]);
        assert_eq!(crossings(&layout), 0);
        let tree = [(0, 1), (0, 2), (1, 5), (2, 3), (1, 4), (2, 6)];
        assert_eq!(crossings(&layered(7, &tree)), 0);
    }

    #[test]
    fn many_have_room_and_circles_end() {
        let mut edges = Vec::new();
        let mut seed = 7_usize;
        for to in 1..200 {
            for _ in 0..2 {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                edges.push(((seed >> 33) % to, to));
            }
        }
        let layout = layered(200, &edges);
        assert!(apart(&layout) && inside(&layout));
        assert_eq!(layout.edges.len(), edges.len());
        let circle = layered(3, &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(circle.nodes.len(), 3);
        assert_eq!(layered(0, &[]).nodes.len(), 0);
    }
}
