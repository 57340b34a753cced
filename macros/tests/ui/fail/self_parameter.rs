use larder::prelude::*;

struct Source;

impl Source {
    #[asset]
    async fn flights(&self) -> u8 {
        1
    }
}

fn main() {}
