use larder::prelude::*;

struct Settings;

#[asset]
async fn on_a_reference(#[from("clean/flights")] settings: &Settings) -> u8 {
    let _ = settings;
    1
}

#[asset]
async fn no_key(#[from] flights: u8) -> u8 {
    flights
}

#[asset]
async fn no_text(#[from(clean)] flights: u8) -> u8 {
    flights
}

#[asset]
async fn twice(
    #[from("a")]
    #[from("b")]
    flights: u8,
) -> u8 {
    flights
}

fn main() {}
