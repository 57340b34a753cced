use larder::prelude::*;

#[asset]
async fn sum(flights: u8, _flights: u8) -> u8 {
    flights
}

fn main() {}
