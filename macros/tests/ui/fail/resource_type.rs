use larder::prelude::*;
use std::cell::Cell;

struct Counter(Cell<u8>);

#[asset]
fn flights(counter: &Counter) -> u8 {
    counter.0.get()
}

fn main() {}
