//! The whole of what a project means.

use crate::lookup::Lookup;
use crate::{Doc, Exposure, Graph, Group, Node, NodeId, SourceTable};
use indexmap::IndexMap;
use kpi_jinja::{Environment, MacroRef, Template};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Every node, source, exposure, macro and doc of a project, with the edges between them.
#[derive(Clone)]
pub struct Manifest {
    /// Nodes in order of parsing.
    pub nodes: Vec<Node>,
    /// unique id -> position in `nodes`
    pub node_ids: FxHashMap<Arc<str>, NodeId>,
    /// Sources by unique id.
    pub sources: IndexMap<Arc<str>, SourceTable>,
    /// Exposures by unique id.
    pub exposures: IndexMap<Arc<str>, Exposure>,
    /// Groups by unique id.
    pub groups: IndexMap<Arc<str>, Group>,
    /// Docs by unique id.
    pub docs: IndexMap<Arc<str>, Doc>,
    /// Macros by unique id.
    pub macros: IndexMap<Arc<str>, ManifestMacro>,
    /// Disabled nodes, sources and exposures in manifest form, by unique id.
    pub disabled: IndexMap<Arc<str>, Vec<Json>>,
    /// Other resources in manifest form by section (`unit_tests`, `metrics`, `semantic_models`, `saved_queries`) and id.
    pub other: IndexMap<&'static str, IndexMap<Arc<str>, Json>>,
    /// Parsed texts of nodes.
    pub templates: Vec<Template>,
    /// Edges.
    pub graph: Graph,
    /// Macros and globals for rendering at run time.
    pub environment: Arc<Environment>,
    /// Root package.
    pub root_package: Arc<str>,
    /// Hex MD5 of the root package's name.
    pub project_id: String,
    /// Names to ids.
    pub lookup: Lookup,
    /// Environment variables that parsing read.
    pub env_vars: Map<String, Json>,
}

/// A macro with its documentation.
#[derive(Clone)]
pub struct ManifestMacro {
    /// The macro.
    pub definition: MacroRef,
    /// Unique ids of the macros that it calls.
    pub depends_on_macros: Vec<Arc<str>>,
    /// `description`
    pub description: String,
    /// `meta`
    pub meta: Map<String, Json>,
    /// `docs`
    pub docs: Map<String, Json>,
    /// `arguments`
    pub arguments: Vec<Json>,
    /// `config`
    pub config: Map<String, Json>,
    /// `package://...`
    pub patch_path: Option<Arc<str>>,
    /// Seconds since the epoch.
    pub created_at: f64,
}
