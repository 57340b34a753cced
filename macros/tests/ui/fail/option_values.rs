use larder::prelude::*;

const NAME: &str = "reports";

#[asset(group = NAME)]
async fn no_literal() -> u8 {
    1
}

#[asset("reports/daily")]
async fn no_name() -> u8 {
    1
}

#[asset(key)]
async fn no_value() -> u8 {
    1
}

#[asset(group = "a", group = "b")]
async fn twice() -> u8 {
    1
}

#[asset(extension = ".html")]
async fn dotted() -> Vec<u8> {
    Vec::new()
}

#[asset(io_manager = "")]
async fn empty() -> u8 {
    1
}

#[asset(tags(team))]
async fn bare_tag() -> u8 {
    1
}

fn main() {}
