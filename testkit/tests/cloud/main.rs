//! The doubles of object stores, seen by a client that real stores are used with, and request by request.

mod azure;
mod faults;
mod gcs;
mod options;
mod races;
mod raw;
mod s3;
mod statuses;
mod stores;
mod suites;
