//! The checks, by topic. Each takes a fixture with an empty store and panics, with the number of the law in front of
//! the message, when the law is broken.

/// As `assert_eq!`, but the message comes first, so that it begins with the law's number.
macro_rules! check_eq {
    ($found:expr, $wanted:expr, $($message:tt)+) => {
        match (&$found, &$wanted) {
            (found, wanted) => {
                if found != wanted {
                    panic!("{}\n  found: {found:?}\n wanted: {wanted:?}", format_args!($($message)+));
                }
            }
        }
    };
}

/// As `assert_ne!`, but the message comes first.
macro_rules! check_ne {
    ($found:expr, $unwanted:expr, $($message:tt)+) => {
        match (&$found, &$unwanted) {
            (found, unwanted) => {
                if found == unwanted {
                    panic!("{}\n   both: {found:?}", format_args!($($message)+));
                }
            }
        }
    };
}

pub mod blobs;
pub mod claims;
pub mod damage;
pub mod failing;
pub mod locations;
pub mod memory;
pub mod missing;
pub mod objects;
pub mod probe;
pub mod receipts;
pub mod replacing;
pub mod staging;
pub mod support;
pub mod tables;
pub mod versions;
pub mod writers;

use crate::Fixture;
use futures_util::future::BoxFuture;
use std::fmt;

/// One check of the list.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name, which begins with `law_` and the number of the law.
    pub name: &'static str,
    /// Runs it; it panics when the law is broken.
    pub run: for<'f> fn(&'f Fixture) -> BoxFuture<'f, ()>,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Every check, for those who run them in another way than by [`conformance!`](crate::conformance).
pub const CHECKS: &[Check] = __checks! { table [] [] };
