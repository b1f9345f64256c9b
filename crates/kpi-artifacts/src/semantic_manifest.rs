//! `semantic_manifest.json`: the semantic layer for tools that turn metrics into SQL.
//!
//! The sections come from whoever knows metrics; this crate knows the shape of the file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SemanticManifest {
    /// Semantic models.
    pub semantic_models: Vec<Json>,
    /// Metrics.
    pub metrics: Vec<Json>,
    /// Time spines and the like.
    pub project_configuration: Map<String, Json>,
    /// Saved queries.
    pub saved_queries: Vec<Json>,
}
