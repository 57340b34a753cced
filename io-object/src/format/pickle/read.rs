//! Reads a pickle: the stack machine of protocols 0 to 5, which fills an arena of nodes and runs nothing.

use std::collections::HashMap;

use super::Error;
use super::decode::{decimal, float, long, python2_string, python2_text, raw_unicode_escape, utf8};
use super::input::Input;
use super::opcodes as op;
use super::reduce::Budget;
use super::value::{Node, Pickled};

/// The nodes that all `None`s, `False`s and `True`s share.
const NONE: u32 = 0;
const FALSE: u32 = 1;
const TRUE: u32 = 2;

/// The highest protocol there is.
const PROTOCOL: u8 = 5;

/// Reads a whole pickle.
pub(super) fn read(bytes: &[u8]) -> Result<Pickled, Error> {
    let mut machine = Machine {
        input: Input::new(bytes),
        nodes: vec![Node::None, Node::Bool(false), Node::Bool(true)],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        budget: Budget::new(bytes.len().saturating_mul(16).saturating_add(1_000_000)),
    };
    let mut start = 0;
    match machine.run(&mut start) {
        Ok(root) => Pickled::checked(machine.nodes, root, bytes.len()),
        Err(error) => Err(Error::new(format!("{error} (the opcode at byte {start})"))),
    }
}

/// The state of the stack machine. Nodes are named by their place in the arena, so that a list can be in the memo
/// and on the stack at once and still grow.
pub(super) struct Machine<'a> {
    pub(super) input: Input<'a>,
    pub(super) nodes: Vec<Node>,
    stack: Vec<u32>,
    /// How high the stack was at each open mark; what lies below the last one is out of reach.
    marks: Vec<usize>,
    /// A map, since a pickle may choose any numbers.
    memo: HashMap<u64, u32>,
    pub(super) budget: Budget,
}

impl Machine<'_> {
    /// Runs to the `STOP`, keeping the place of the opcode at hand in `start`.
    fn run(&mut self, start: &mut usize) -> Result<u32, Error> {
        loop {
            *start = self.input.at();
            match self.input.byte()? {
                op::STOP => break,
                opcode => self.step(opcode)?,
            }
        }
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(Error::new("the pickle ends with more than one value"));
        }
        match self.input.left() {
            0 => Ok(root),
            left => Err(Error::new(format!("{left} bytes follow the end of the pickle"))),
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            op::PROTO => match self.input.byte()? {
                0..=PROTOCOL => Ok(()),
                other => Err(Error::new(format!(
                    "pickle protocol {other} is unknown; up to {PROTOCOL} is read"
                ))),
            },
            op::FRAME => self.input.begin_frame(),

            op::NONE => self.put(NONE),
            op::NEWFALSE => self.put(FALSE),
            op::NEWTRUE => self.put(TRUE),
            op::INT => match self.input.text_line()? {
                "00" => self.put(FALSE),
                "01" => self.put(TRUE),
                digits => decimal(digits).and_then(|int| self.push(int)),
            },
            op::LONG => {
                let line = self.input.text_line()?;
                decimal(line.strip_suffix('L').unwrap_or(line)).and_then(|int| self.push(int))
            }
            op::BININT => self.input.i32().and_then(|int| self.push(Node::Int(int.into()))),
            op::BININT1 => self.input.byte().and_then(|int| self.push(Node::Int(int.into()))),
            op::BININT2 => self.input.u16().and_then(|int| self.push(Node::Int(int.into()))),
            op::LONG1 => self.input.sized::<1>().and_then(long).and_then(|int| self.push(int)),
            op::LONG4 => self.input.sized::<4>().and_then(long).and_then(|int| self.push(int)),
            op::FLOAT => self
                .input
                .text_line()
                .and_then(float)
                .and_then(|float| self.push(float)),
            op::BINFLOAT => self.input.f64().and_then(|float| self.push(Node::Float(float))),

            op::STRING => self
                .input
                .line()
                .and_then(python2_string)
                .and_then(|text| self.text(&text)),
            op::BINSTRING => self
                .input
                .sized::<4>()
                .and_then(python2_text)
                .and_then(|text| self.text(text)),
            op::SHORT_BINSTRING => self
                .input
                .sized::<1>()
                .and_then(python2_text)
                .and_then(|text| self.text(text)),
            op::UNICODE => self
                .input
                .line()
                .and_then(raw_unicode_escape)
                .and_then(|text| self.text(&text)),
            op::SHORT_BINUNICODE => self.input.sized::<1>().and_then(utf8).and_then(|text| self.text(text)),
            op::BINUNICODE => self.input.sized::<4>().and_then(utf8).and_then(|text| self.text(text)),
            op::BINUNICODE8 => self.input.sized::<8>().and_then(utf8).and_then(|text| self.text(text)),
            op::SHORT_BINBYTES => self
                .input
                .sized::<1>()
                .and_then(|bytes| self.push(Node::Bytes(bytes.into()))),
            op::BINBYTES => self
                .input
                .sized::<4>()
                .and_then(|bytes| self.push(Node::Bytes(bytes.into()))),
            op::BINBYTES8 => self
                .input
                .sized::<8>()
                .and_then(|bytes| self.push(Node::Bytes(bytes.into()))),
            op::BYTEARRAY8 => self
                .input
                .sized::<8>()
                .and_then(|bytes| self.push(Node::ByteArray(bytes.into()))),

            op::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP if self.marks.last() == Some(&self.stack.len()) => self.pop_mark().map(drop),
            op::POP => self.pop().map(drop),
            op::POP_MARK => self.pop_mark().map(drop),
            op::DUP => self.top().and_then(|top| self.put(top)),
            _ => self.step_compound(opcode),
        }
    }

    fn step_compound(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            op::EMPTY_LIST => self.push(Node::List(Vec::new())),
            op::EMPTY_DICT => self.push(Node::Dict(Vec::new())),
            op::EMPTY_SET => self.push(Node::Set(Vec::new())),
            op::EMPTY_TUPLE => self.push(Node::Tuple(Box::default())),
            op::LIST => self.pop_mark().and_then(|items| self.push(Node::List(items))),
            op::TUPLE => self.pop_mark().and_then(|items| self.push(Node::Tuple(items.into()))),
            op::FROZENSET => self
                .pop_mark()
                .and_then(|items| self.push(Node::FrozenSet(items.into()))),
            op::DICT => self.pop_mark().and_then(|items| self.push(Node::Dict(pairs(&items)?))),
            op::TUPLE1 => self.tuple::<1>(),
            op::TUPLE2 => self.tuple::<2>(),
            op::TUPLE3 => self.tuple::<3>(),
            op::APPEND => self.pop().and_then(|item| self.append(&[item])),
            op::APPENDS => self.pop_mark().and_then(|items| self.append(&items)),
            op::ADDITEMS => {
                let items = self.pop_mark()?;
                match self.top_node()? {
                    Node::Set(set) => set.extend(items),
                    other => return Err(Error::new(format!("it adds members to a {}", other.kind()))),
                }
                Ok(())
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            op::SETITEMS => self.pop_mark().and_then(|items| self.set_items(&items)),

            op::GET => self.input.number().and_then(|at| self.get(at)),
            op::BINGET => self.input.byte().and_then(|at| self.get(at.into())),
            op::LONG_BINGET => self.input.u32().and_then(|at| self.get(at.into())),
            op::PUT => self.input.number().and_then(|at| self.memoize(at)),
            op::BINPUT => self.input.byte().and_then(|at| self.memoize(at.into())),
            op::LONG_BINPUT => self.input.u32().and_then(|at| self.memoize(at.into())),
            op::MEMOIZE => self.memoize(self.memo.len() as u64),
            _ => self.step_object(opcode),
        }
    }

    /// Adds a node to the arena, and puts it on the stack.
    pub(super) fn push(&mut self, node: Node) -> Result<(), Error> {
        let id = u32::try_from(self.nodes.len()).map_err(|_| Error::new("the pickle has too many values"))?;
        self.nodes.push(node);
        self.put(id)
    }

    fn put(&mut self, id: u32) -> Result<(), Error> {
        self.stack.push(id);
        Ok(())
    }

    fn top(&self) -> Result<u32, Error> {
        let fence = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(top) if self.stack.len() > fence => Ok(*top),
            _ => Err(Error::new("the pickle takes a value from an empty stack")),
        }
    }

    pub(super) fn pop(&mut self) -> Result<u32, Error> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Takes everything above the last mark, and the mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<u32>, Error> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| Error::new("the pickle goes back to a mark that is not there"))?;
        // Not by `split_off`, which would leave the capacity of the whole stack with a short list.
        Ok(self.stack.drain(mark.min(self.stack.len())..).collect())
    }

    pub(super) fn top_node(&mut self) -> Result<&mut Node, Error> {
        let top = self.top()?;
        self.nodes
            .get_mut(top as usize)
            .ok_or_else(|| Error::new("a value is not there"))
    }

    fn tuple<const N: usize>(&mut self) -> Result<(), Error> {
        let mut items = [0; N];
        for item in items.iter_mut().rev() {
            *item = self.pop()?;
        }
        self.push(Node::Tuple(items.into()))
    }

    fn append(&mut self, items: &[u32]) -> Result<(), Error> {
        match self.top_node()? {
            Node::List(list) => list.extend(items),
            other => return Err(Error::new(format!("it appends to a {}", other.kind()))),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[u32]) -> Result<(), Error> {
        match self.top_node()? {
            Node::Dict(dict) => dict.extend(pairs(items)?),
            other => return Err(Error::new(format!("it sets the items of a {}", other.kind()))),
        }
        Ok(())
    }

    fn get(&mut self, at: u64) -> Result<(), Error> {
        match self.memo.get(&at).copied() {
            Some(id) => self.put(id),
            None => Err(Error::new(format!("it recalls value {at}, which it did not keep"))),
        }
    }

    fn memoize(&mut self, at: u64) -> Result<(), Error> {
        let top = self.top()?;
        self.memo.insert(at, top);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.push(Node::Str(text.into()))
    }
}

/// Pairs the keys and values of a dict, which lie in turn on the stack.
fn pairs(items: &[u32]) -> Result<Vec<(u32, u32)>, Error> {
    match items.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(Error::new("a dict has a key without a value")),
    }
}
