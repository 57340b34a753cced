use larder::prelude::*;

#[code]
mod helpers {}

#[code(uses(other))]
fn with_options() {}

#[code]
const _: u8 = 1;

fn main() {}
