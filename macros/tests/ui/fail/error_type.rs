use larder::prelude::*;

struct NoError;

#[asset]
async fn flights() -> std::result::Result<u8, NoError> {
    Err(NoError)
}

fn main() {}
