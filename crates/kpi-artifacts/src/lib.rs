//! The files that other tools read: `manifest.json`, `run_results.json`, `catalog.json`, `sources.json`.
//!
//! Every file is written as a stream into a temporary file beside its place and moved there when it is whole, so that a
//! reader never sees half of one.

// An error ends the command: its size is on no hot path.
#![allow(clippy::result_large_err)]

mod catalog;
mod freshness;
mod listing;
mod manifest;
mod metadata;
mod python;
mod run_results;
mod semantic_manifest;
mod state;
mod time;
mod write;

pub use catalog::{Catalog, CatalogTable, ColumnMetadata, StatsItem, TableMetadata};
pub use freshness::{Freshness, FreshnessResult, Sources};
pub use listing::{ListFormat, entry, list_line};
pub use manifest::{MANIFEST_SCHEMA, write_manifest};
pub use metadata::{DBT_VERSION, Invocation, Metadata};
pub use run_results::{BatchResults, NodeResult, NodeStatus, RunResults, Timing};
pub use semantic_manifest::SemanticManifest;
pub use state::{EarlierMetadata, EarlierResult, EarlierResults, State};
pub use write::{read_json, write_json};
