//! Assets that point to files and folders of local disk.

mod changed;
mod consumers;
mod definitions;
mod folders;
mod hostile;
mod stored;
mod support;
mod targets;
