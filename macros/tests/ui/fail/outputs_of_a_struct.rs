use larder::prelude::*;

struct Both {
    flights: u8,
    planes: u8,
}

#[asset(outputs(flights, plains))]
async fn split() -> Result<Both> {
    Ok(Both { flights: 1, planes: 2 })
}

fn main() {}
