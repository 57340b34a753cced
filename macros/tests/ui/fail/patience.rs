use larder::prelude::*;

#[asset(retries = -1)]
async fn negative() -> u8 {
    1
}

#[asset(retries = "3")]
async fn text() -> u8 {
    1
}

#[asset(retries)]
async fn bare() -> u8 {
    1
}

#[asset(timeout = "0s")]
async fn no_time() -> u8 {
    1
}

#[asset(timeout = "5 minutes")]
async fn words() -> u8 {
    1
}

#[asset(timeout = 5)]
async fn no_unit() -> u8 {
    1
}

#[asset(timeut = "5m")]
async fn slip() -> u8 {
    1
}

fn main() {}
