use larder::prelude::*;

#[asset]
fn future() -> impl Future<Output = u8> {
    async { 1 }
}

#[asset]
fn rows() -> Result<Box<impl Iterator<Item = u8>>> {
    Ok(Box::new([1].into_iter()))
}

#[asset]
fn text() -> &'static str {
    "borrowed"
}

fn main() {}
