use larder::prelude::*;

#[asset(outputs(a, b, c))]
async fn too_few() -> Result<(u8, u8)> {
    Ok((1, 2))
}

#[asset(outputs(a, b))]
async fn nothing() {}

#[asset(outputs(a, b))]
async fn neither() -> [u8; 2] {
    [1, 2]
}

fn main() {}
