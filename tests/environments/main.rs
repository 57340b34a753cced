//! One pipeline in several places: branches, copies, versions.
#![cfg(feature = "fs")]

mod branches;
mod copies;
mod support;
mod versions;
