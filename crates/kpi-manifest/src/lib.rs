//! Typed nodes and configs, names to ids, references to edges, and selection.
//!
//! [`parse`] turns a [`kpi_project::Project`] into a [`Manifest`]: every node with its config resolved and its
//! references turned into edges. Nothing here talks to a database.

// An error ends the command: its size is on no hot path.
#![allow(clippy::result_large_err)]

mod config;
mod config_merge;
pub mod context;
mod graph;
mod lookup;
mod manifest;
mod microbatch;
mod node;
pub mod node_json;
pub mod parse;
pub mod selection;
mod staging;
pub mod state;

pub use config::Config;
pub use graph::{Graph, Vertex, VertexSet};
pub use lookup::{DisabledEntry, Lookup, not_found};
pub use manifest::{Manifest, ManifestMacro};
pub use node::{
    Checksum, ColumnInfo, Doc, Exposure, Group, Node, NodeId, QUARANTINE_SUFFIX, RefCall, ResourceType,
    SourceTable, TestMetadata, version_text,
};
pub use parse::{UnitTestInput, static_refs};
