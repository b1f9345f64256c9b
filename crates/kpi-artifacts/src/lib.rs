//! The files that other tools read: `manifest.json`, `run_results.json`, `catalog.json`, `sources.json`.
//!
//! Every file is written as a stream into a temporary file beside its place and moved there when it is whole, so that a
//! reader never sees half of one.

mod metadata;
mod run_results;
mod time;

pub use metadata::{DBT_VERSION, Invocation, Metadata};
pub use run_results::{BatchResults, NodeResult, NodeStatus, RunResults, Timing};
