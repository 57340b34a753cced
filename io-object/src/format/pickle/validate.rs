//! Checks a read arena once: no cycles, not too deep, not too large when written out, and nothing but data.

use super::value::{Node, node};
use super::{Error, MAX_DEPTH};

/// What a value comes to when everything shared in it is written out each time.
#[derive(Clone, Copy, Debug)]
struct Size {
    depth: usize,
    nodes: usize,
    bytes: usize,
}

impl Size {
    /// The size of a node alone.
    fn of(node: &Node) -> Self {
        let bytes = match node {
            Node::Str(text) => text.len(),
            Node::Bytes(bytes) | Node::ByteArray(bytes) => bytes.len(),
            _ => 0,
        };
        Self {
            depth: usize::from(node.is_container()),
            nodes: 1,
            bytes,
        }
    }

    fn hold(&mut self, child: Self) {
        self.depth = self.depth.max(child.depth + 1);
        self.nodes = self.nodes.saturating_add(child.nodes);
        self.bytes = self.bytes.saturating_add(child.bytes);
    }

    fn check(self, input: usize) -> Result<(), Error> {
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let shared = input.saturating_mul(16);
        if self.nodes > shared.saturating_add(1_000_000) || self.bytes > shared.saturating_add(64 << 20) {
            return Err(Error::new(
                "the pickle repeats shared values so often that it would grow too large",
            ));
        }
        Ok(())
    }
}

/// How far the walk has come with a container.
#[derive(Clone, Copy)]
enum Mark {
    New,
    Open,
    Done(Size),
}

/// A container on the path from the root to where the walk is.
struct Step {
    id: u32,
    next: usize,
    size: Size,
}

/// Checks what the root reaches, and gives the sets and dicts of it, in which duplicates may be.
///
/// The walk keeps its own path, so a deep pickle is an error and not a stack overflow; each container is gone through
/// once, so a pickle that shares much costs no more time than one that does not.
pub(super) fn check(nodes: &[Node], root: u32, input: usize) -> Result<Vec<u32>, Error> {
    let mut marks = vec![Mark::New; nodes.len()];
    let mut keyed = Vec::new();
    let mut path = Vec::new();
    enter(nodes, root, &mut marks, &mut path)?.check(input)?;
    while let Some(step) = path.last_mut() {
        let here = node(nodes, step.id).ok_or_else(missing)?;
        if let Some(child) = here.child(step.next) {
            step.next += 1;
            match marks.get(child as usize) {
                Some(Mark::Done(size)) => step.size.hold(*size),
                Some(Mark::Open) => return Err(Error::new(format!("a {} contains itself", here.kind()))),
                Some(Mark::New) if path.len() > MAX_DEPTH => return Err(too_deep()),
                Some(Mark::New) => {
                    let size = enter(nodes, child, &mut marks, &mut path)?;
                    // A leaf is not entered, so the last step is still its parent.
                    if !node(nodes, child).is_some_and(Node::is_container)
                        && let Some(parent) = path.last_mut()
                    {
                        parent.size.hold(size);
                    }
                }
                None => return Err(missing()),
            }
            continue;
        }
        let (id, size) = (step.id, step.size);
        size.check(input)?;
        if matches!(here, Node::Set(_) | Node::FrozenSet(_) | Node::Dict(_)) {
            keyed.push(id);
        }
        if let Some(mark) = marks.get_mut(id as usize) {
            *mark = Mark::Done(size);
        }
        path.pop();
        if let Some(parent) = path.last_mut() {
            parent.size.hold(size);
        }
    }
    Ok(keyed)
}

/// Goes to a node, onto the path if it is a container, and gives its size alone.
fn enter(nodes: &[Node], id: u32, marks: &mut [Mark], path: &mut Vec<Step>) -> Result<Size, Error> {
    let here = node(nodes, id).ok_or_else(missing)?;
    if let Node::Class(class) = here {
        return Err(Error::new(format!(
            "it has `{}` itself as a value, which is no plain data",
            class.name()
        )));
    }
    let size = Size::of(here);
    if let (true, Some(mark)) = (here.is_container(), marks.get_mut(id as usize)) {
        *mark = Mark::Open;
        path.push(Step { id, next: 0, size });
    }
    Ok(size)
}

fn too_deep() -> Error {
    Error::new(format!("the pickle is nested more than {MAX_DEPTH} levels deep"))
}

fn missing() -> Error {
    Error::new("the pickle holds a value that is not there")
}
