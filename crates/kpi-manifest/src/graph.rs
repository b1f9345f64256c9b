//! The graph of nodes, sources and exposures (petgraph).

use petgraph::graph::DiGraph;
use std::sync::Arc;

/// Edges from parent to child over unique ids.
#[derive(Default)]
pub struct Graph {
    /// Weight: unique id.
    pub digraph: DiGraph<Arc<str>, ()>,
}
