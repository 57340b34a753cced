#![allow(unused_variables)]

use larder::prelude::*;

struct Settings;

#[asset]
async fn exclusive(settings: &mut Settings) -> u8 {
    1
}

#[asset]
async fn pattern((a, b): (u8, u8), _: u8, __: u8) -> u8 {
    a + b
}

#[asset]
async fn unnamed_type(rows: impl Iterator<Item = u8>, all: Vec<impl Send>) -> u8 {
    1
}

#[asset]
async fn context_by_value(ctx: AssetContext) -> u8 {
    1
}

#[asset]
async fn input_by_reference(flights: &Table) -> u8 {
    1
}

#[asset]
async fn without_a_size(name: &str, rows: &[u8]) -> u8 {
    1
}

#[asset]
async fn borrowing(name: std::borrow::Cow<'_, str>, rows: Option<&'static str>) -> u8 {
    1
}

fn main() {}
