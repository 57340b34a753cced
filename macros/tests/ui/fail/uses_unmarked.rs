use larder::prelude::*;

mod stats {
    pub fn mean() -> u8 {
        1
    }

    #[larder::code]
    pub fn median() -> u8 {
        2
    }
}
use stats::{mean, median};

#[asset(uses(mean))]
async fn of_an_unmarked_item() -> u8 {
    mean()
}

#[asset(uses(median))]
async fn by_its_imported_name() -> u8 {
    median()
}

fn main() {}
