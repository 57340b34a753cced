//! Conformance laws, broken stores and crash replay for larder backends.
