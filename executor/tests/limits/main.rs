//! What runs at once: limits by resource and tag, a memory budget, and values that pass in memory. Time is paused, nothing really waits.

mod budget;
mod early;
mod kept;
mod limited;
mod places;
mod random;
mod support;
