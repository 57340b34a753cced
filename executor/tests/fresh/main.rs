//! Nothing twice: what is computed again, and what is not.

mod killed;
mod lifecycle;
mod measured;
mod recorded;
mod stale;
mod support;
