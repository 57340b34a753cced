//! An in-process I/O manager that keeps values by reference.
