use larder::prelude::*;

#[asset(grup = "clean")]
async fn flights<T>(rows: &mut u8, (a, b): (u8, u8)) -> impl Send {
    a + b + *rows
}

fn main() {
    let _ = assets![flights];
}
