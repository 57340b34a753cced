//! Every fault on every request of every object store, on doubles that fail as they are told.
//!
//! | module | holds |
//! |---|---|
//! | `step` | the requests that fail, and what a manager is told to do so that it sends them |
//! | `trouble` | the faults, and what each means |
//! | `table` | what is expected of each fault on each request, once and always |
//! | `world` | one double with one manager, and what is visible afterwards |
//! | `run` | one case, and all of a step |
//! | `vendor` | how each vendor is opened, and in what it differs |
//! | `bare`, `policies` | the tests: managers as they are, and behind the policies of a run |
//! | `blind` | faults that come together, so that a writer cannot see what became of its write |
//!
//! A case asserts the result, the error's kind, retry, effect and attempts, the number of requests, what is visible
//! afterwards, that nothing is left over, and that no secret is told.

mod bare;
mod blind;
mod policies;
mod run;
mod step;
mod table;
mod trouble;
mod vendor;
mod world;
