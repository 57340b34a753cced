//! Tests of the pickle module, and what they share.
#![allow(clippy::unwrap_used, clippy::use_self)]

mod calendar;
mod golden;
mod hostile;
mod mutate;
mod python;
mod round_trip;
mod serde_types;

use std::collections::BTreeSet;

use super::value::Node;
use super::{Pickled, parse, to_vec};

/// Says what a pickle holds, types included; `describe` in make_goldens.py says the same.
fn describe(pickled: &Pickled) -> String {
    let (nodes, root) = pickled.parts();
    describe_node(nodes, root)
}

fn describe_node(nodes: &[Node], id: u32) -> String {
    let all = |ids: &[u32]| {
        ids.iter()
            .map(|id| describe_node(nodes, *id))
            .collect::<Vec<_>>()
            .join(",")
    };
    let sorted = |ids: &[u32]| {
        let members: Vec<_> = ids.iter().map(|id| describe_node(nodes, *id)).collect();
        let sorted: BTreeSet<_> = members.iter().cloned().collect();
        assert_eq!(sorted.len(), members.len(), "a set has a member twice");
        sorted.into_iter().collect::<Vec<_>>().join(",")
    };
    match &nodes[id as usize] {
        Node::None => "None".into(),
        Node::Bool(true) => "True".into(),
        Node::Bool(false) => "False".into(),
        Node::Int(value) => format!("int:{value}"),
        Node::Unsigned(value) => format!("int:{value}"),
        Node::Float(value) => format!("float:{:016x}", value.to_bits()),
        Node::Str(text) => format!("str:{}", hex(text.as_bytes())),
        Node::Bytes(bytes) => format!("bytes:{}", hex(bytes)),
        Node::ByteArray(bytes) => format!("bytearray:{}", hex(bytes)),
        Node::List(items) => format!("[{}]", all(items)),
        Node::Tuple(items) => format!("({})", all(items)),
        Node::Set(items) => format!("set{{{}}}", sorted(items)),
        Node::FrozenSet(items) => format!("frozenset{{{}}}", sorted(items)),
        Node::Dict(pairs) => {
            let pair =
                |(key, value): &(u32, u32)| format!("{}={}", describe_node(nodes, *key), describe_node(nodes, *value));
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        Node::DateTime(value) => format!("datetime:{value}"),
        Node::Date(value) => format!("date:{value}"),
        Node::Time(value) => format!("time:{value}"),
        Node::TimeDelta(value) => format!("timedelta:{}", value.as_micros()),
        Node::TimeZone(value) => format!("timezone:{}", value.micros()),
        Node::Class(_) => panic!("a class is left in the tree"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The pickles of goldens.txt, with their names and descriptions.
fn goldens() -> impl Iterator<Item = (String, &'static str, Vec<u8>)> {
    include_str!("tests/goldens.txt")
        .lines()
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, protocol, pickler, description, data] => (
                format!("{name} by {pickler} in protocol {protocol}"),
                description,
                unhex(data),
            ),
            _ => panic!("a broken line: {line}"),
        })
}

/// The error of a pickle that must not be read.
fn refusal(bytes: &[u8]) -> String {
    parse(bytes).expect_err("it must be refused").to_string()
}

/// Runs a test on a thread with a small stack.
fn on_stack<T: Send + 'static>(bytes: usize, run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(bytes)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap()
}

fn written<T: serde::Serialize + ?Sized>(value: &T) -> String {
    describe(&parse(&to_vec(value).unwrap()).unwrap())
}
