//! The command line of a larder pipeline.
