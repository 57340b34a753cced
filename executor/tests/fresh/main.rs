//! Nothing twice: what is computed again, and what is not.

mod from_failure;
mod killed;
mod lifecycle;
mod measured;
mod recorded;
mod stale;
mod support;
