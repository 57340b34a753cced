use larder::prelude::*;

struct Plain;

#[asset]
async fn count(rows: Vec<Plain>) -> u64 {
    rows.len() as u64
}

fn main() {}
