use larder::prelude::*;

#[check]
fn nothing_to_go_by() -> bool {
    true
}

#[check(asset = "a", blocking = true)]
fn blocks(a: u64) -> bool {
    a > 1
}

#[check(asset = "a", severty = "warn")]
fn misspelt(a: u64) -> bool {
    a > 1
}

#[check(asset = "a")]
async fn no_answer(_a: u64) {}

#[check(asset = "a")]
async fn number(a: u64) -> Result<u64> {
    Ok(a)
}

fn main() {}
