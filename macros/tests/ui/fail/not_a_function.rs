use larder::prelude::*;

#[asset]
struct Flights;

#[asset]
pub const FLIGHTS: u8 = 1;

#[asset]
mod flights {}

trait Source {
    #[asset]
    fn flights() -> u8;
}

fn main() {}
