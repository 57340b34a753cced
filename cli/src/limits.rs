//! What the command line says of how much runs at once.

use larder_executor::capacity::Size;
use larder_executor::{Limit, RunOptions};
use std::num::NonZeroUsize;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Limits {
    /// How many assets are computed at once; default the number of cores
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent: Option<NonZeroUsize>,
    /// How many of those that take a resource (`db=2`), or have a tag (`tag:team=2`, `tag:team=ops=2`), are computed at once; may come several times
    #[arg(long, value_name = "WHAT=N")]
    pub(crate) limit: Vec<Limit>,
    /// Memory that assets may need together, by what they declare or stored before: `8GiB`; what nobody needs keeps values for those that take them
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_budget: Option<Size>,
}

impl Limits {
    pub(crate) fn set(&self, options: &mut RunOptions) {
        if let Some(limit) = self.max_concurrent {
            options.max_concurrent = limit.get();
        }
        if !self.limit.is_empty() {
            options.limits.clone_from(&self.limit);
        }
        options.memory_budget = self.memory_budget.map(|size| size.bytes).or(options.memory_budget);
    }
}
