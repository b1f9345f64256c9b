//! Typed nodes and configs, names to ids, references to edges, and selection.
//!
//! [`parse`] turns a [`kpi_project::Project`] into a [`Manifest`]: every node with its config resolved and its
//! references turned into edges. Nothing here talks to a database.

mod graph;
mod manifest;
mod node;
pub mod parse;
pub mod selection;

pub use graph::Graph;
pub use manifest::{Manifest, ManifestMacro};
pub use node::{
    Checksum, ColumnInfo, Config, Doc, Exposure, Group, Node, NodeId, RefCall, ResourceType, SourceTable, TestMetadata,
};
