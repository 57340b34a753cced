use larder::prelude::*;

#[larder::attributes::assets(group = "clean")]
async fn missing() -> (u8, u8) {
    (1, 2)
}

#[asset(outputs())]
async fn empty() -> (u8, u8) {
    (1, 2)
}

#[asset(outputs(a, b, a))]
async fn twice() -> (u8, u8, u8) {
    (1, 2, 3)
}

#[asset(outputs(a, b(key = "a")))]
async fn one_key() -> (u8, u8) {
    (1, 2)
}

#[asset(key = "clean/both", outputs(a, b))]
async fn shared_key() -> (u8, u8) {
    (1, 2)
}

#[asset(outputs(a, b = "x"))]
async fn no_list() -> (u8, u8) {
    (1, 2)
}

fn main() {}
