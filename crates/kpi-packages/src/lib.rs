//! Installs the packages of a project: it finds the versions that suit everybody, writes them into the lock, fetches
//! them from the package hub, from git, from archives or from folders, and puts them where the project looks for them.
//!
//! An installation is made beside the one that is there and takes its place at the very end: one that fails changes
//! nothing.

// An error ends the command: its size is on no hot path.
#![allow(clippy::result_large_err)]

mod addition;
mod archive;
mod folder;
mod git;
mod http;
mod hub;
mod install;
mod listing;
mod lock;
mod resolve;
mod source;

pub use addition::{AddedFrom, Addition, add};
pub use hub::DEFAULT_HUB;
pub use install::{Options, install};
