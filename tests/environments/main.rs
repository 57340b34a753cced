//! One pipeline in several places: branches, copies, versions.
#![cfg(feature = "fs")]

mod branches;
mod copies;
mod inline;
mod support;
mod versions;
