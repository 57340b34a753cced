use larder::prelude::*;

struct Plain;

#[asset]
async fn direct() -> Plain {
    Plain
}

#[asset]
fn fallible() -> Result<Vec<Plain>> {
    Ok(Vec::new())
}

#[asset(outputs(a, b))]
async fn one_of_two() -> Result<(u8, Plain)> {
    Ok((1, Plain))
}

fn main() {}
