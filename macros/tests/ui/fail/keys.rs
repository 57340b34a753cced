use larder::prelude::*;

#[asset(key = "")]
async fn empty() -> u8 {
    1
}

#[asset(key = "reports//daily")]
async fn empty_segment() -> u8 {
    1
}

#[asset(group = "reports/")]
async fn group() -> u8 {
    1
}

#[asset]
async fn input(#[from("/clean/flights")] flights: u8) -> u8 {
    flights
}

fn main() {}
