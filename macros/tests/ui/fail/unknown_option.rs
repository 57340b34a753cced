use larder::prelude::*;

#[asset(grop = "reports")]
async fn near() -> u8 {
    1
}

#[asset(schedule = "daily")]
async fn far() -> u8 {
    1
}

#[asset(outputs(a(grup = "x"), b))]
async fn of_an_output() -> (u8, u8) {
    (1, 2)
}

// What names the asset gives no second error.
fn main() {
    let _ = assets![near, far, of_an_output];
}
