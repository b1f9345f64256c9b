//! Loads projects from disk.

mod mistakes;
mod projects;
mod support;
