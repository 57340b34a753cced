//! Mistakes in `#[asset]` are shown where they are made, and say what to do.
//!
//! Each file in `ui/fail` has the compiler's words beside it. After a change of the words:
//! `TRYBUILD=overwrite cargo test -p larder-macros --test ui`, then read the difference.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.pass("tests/ui/pass/*.rs");
}
