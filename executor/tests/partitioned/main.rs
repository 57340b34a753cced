//! Assets with partitions, in memory: what runs, what each call gets, what is refused.

mod choice;
mod inputs;
mod many;
mod refusals;
mod runs;
mod support;
