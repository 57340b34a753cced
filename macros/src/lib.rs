//! The asset attribute of larder.
