use larder::prelude::*;

#[asset(uses())]
async fn of_nothing() -> u8 {
    1
}

#[asset(uses("helper"))]
async fn of_a_text() -> u8 {
    1
}

#[asset(uses = helper)]
async fn no_list() -> u8 {
    1
}

#[asset(code_version = "1", uses(helper))]
async fn beside_a_version() -> u8 {
    1
}

fn main() {}
