//! Commands of the larder workspace.
fn main() {}
