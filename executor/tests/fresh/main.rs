//! Nothing twice: what is computed again, and what is not.

mod killed;
mod recorded;
mod stale;
mod support;
