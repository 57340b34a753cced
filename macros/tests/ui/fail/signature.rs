use larder::prelude::*;

#[asset]
async fn generic<T: AssetValue, const N: usize>(value: T) -> T {
    value
}

#[asset]
unsafe fn dangerous() -> u8 {
    1
}

#[asset]
extern "C" fn foreign() -> u8 {
    1
}

fn main() {}
