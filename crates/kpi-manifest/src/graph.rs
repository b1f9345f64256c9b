//! The graph of nodes, sources and the other resources, with edges from parent to child (petgraph).
//!
//! Every walk here is linear in what it visits. Vertices keep the order of the manifest, so that everything derived from
//! the graph has the same order in every run.

mod vertices;

pub use vertices::VertexSet;

use crate::Manifest;
use kpi_diagnostics::Diagnostic;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::Value as Json;
use std::sync::Arc;

type FxIndexSet<T> = indexmap::IndexSet<T, FxBuildHasher>;

/// A vertex of the graph, by position.
pub type Vertex = NodeIndex<u32>;

/// Edges from parent to child over unique ids.
#[derive(Debug, Default, Clone)]
pub struct Graph {
    digraph: DiGraph<Arc<str>, ()>,
    index: FxHashMap<Arc<str>, Vertex>,
}

/// Sections of [`Manifest::other`] whose entries are vertices, in dbt's order.
const OTHER_SECTIONS: [&str; 5] = ["semantic_models", "functions", "metrics", "unit_tests", "saved_queries"];

impl Graph {
    /// The graph of a manifest: sources, nodes, exposures, semantic models, metrics, unit tests and saved queries.
    ///
    /// What the manifest holds as its graph is not looked at. A dependency on what is not there makes no edge.
    pub fn build(manifest: &Manifest) -> Self {
        let mut graph = Self::default();
        let entries = || OTHER_SECTIONS.iter().filter_map(|section| manifest.other.get(section)).flatten();
        for id in manifest.sources.keys() {
            graph.add_vertex(id);
        }
        for node in &manifest.nodes {
            graph.add_vertex(&node.unique_id);
        }
        for id in manifest.exposures.keys() {
            graph.add_vertex(id);
        }
        for (id, _) in entries() {
            graph.add_vertex(id);
        }
        for node in &manifest.nodes {
            graph.add_dependencies(&node.unique_id, node.depends_on_nodes.iter().map(|id| &**id));
        }
        for exposure in manifest.exposures.values() {
            graph.add_dependencies(&exposure.unique_id, exposure.depends_on_nodes.iter().map(|id| &**id));
        }
        for (id, entry) in entries() {
            graph.add_dependencies(id, dependencies_of_entry(entry));
        }
        graph
    }

    /// A graph of ids and what each depends on.
    ///
    /// # Examples
    ///
    /// ```
    /// let graph = kpi_manifest::Graph::from_dependencies([("a", vec![]), ("b", vec!["a"])]);
    /// assert_eq!(graph.parents("b").map(|id| id.to_string()).collect::<Vec<_>>(), ["a"]);
    /// ```
    pub fn from_dependencies<'a>(entries: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>) -> Self {
        let mut graph = Self::default();
        let entries: Vec<_> = entries.into_iter().collect();
        for (id, _) in &entries {
            graph.add_vertex(&Arc::from(*id));
        }
        for (id, parents) in entries {
            graph.add_dependencies(id, parents.into_iter());
        }
        graph
    }

    fn add_vertex(&mut self, id: &Arc<str>) {
        if !self.index.contains_key(id) {
            let vertex = self.digraph.add_node(id.clone());
            self.index.insert(id.clone(), vertex);
        }
    }

    fn add_dependencies<'a>(&mut self, id: &str, parents: impl Iterator<Item = &'a str>) {
        let Some(child) = self.vertex(id) else { return };
        let parents: FxIndexSet<Vertex> = parents.filter_map(|parent| self.vertex(parent)).collect();
        for parent in parents {
            self.digraph.add_edge(parent, child, ());
        }
    }

    /// Number of vertices.
    pub fn len(&self) -> usize {
        self.digraph.node_count()
    }

    /// Whether there is no vertex.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vertex of a unique id.
    pub fn vertex(&self, id: &str) -> Option<Vertex> {
        self.index.get(id).copied()
    }

    /// Whether the graph has this unique id.
    pub fn contains(&self, id: &str) -> bool {
        self.index.contains_key(id)
    }

    /// The unique id of a vertex of this graph.
    pub fn id(&self, vertex: Vertex) -> &Arc<str> {
        &self.digraph[vertex]
    }

    /// All vertices in order.
    pub fn vertices(&self) -> impl Iterator<Item = Vertex> + use<> {
        (0..self.len() as u32).map(Vertex::from)
    }

    /// All unique ids in order.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.digraph.node_weights()
    }

    /// Parents of a vertex.
    pub fn parents_of(&self, vertex: Vertex) -> impl Iterator<Item = Vertex> + '_ {
        self.digraph.neighbors_directed(vertex, Direction::Incoming)
    }

    /// Children of a vertex.
    pub fn children_of(&self, vertex: Vertex) -> impl Iterator<Item = Vertex> + '_ {
        self.digraph.neighbors_directed(vertex, Direction::Outgoing)
    }

    /// Unique ids of the parents of `id`.
    pub fn parents(&self, id: &str) -> impl Iterator<Item = &Arc<str>> {
        self.vertex(id).into_iter().flat_map(|v| self.parents_of(v)).map(|v| self.id(v))
    }

    /// Unique ids of the children of `id`.
    pub fn children(&self, id: &str) -> impl Iterator<Item = &Arc<str>> {
        self.vertex(id).into_iter().flat_map(|v| self.children_of(v)).map(|v| self.id(v))
    }

    /// Everything upstream of `from` within `depth` steps. A vertex of `from` is among it only if another one needs it.
    pub fn ancestors(&self, from: &VertexSet, depth: Option<usize>) -> VertexSet {
        self.reach(from, depth, Direction::Incoming)
    }

    /// Everything downstream of `from` within `depth` steps. A vertex of `from` is among it only if it needs another one.
    pub fn descendants(&self, from: &VertexSet, depth: Option<usize>) -> VertexSet {
        self.reach(from, depth, Direction::Outgoing)
    }

    fn reach(&self, from: &VertexSet, depth: Option<usize>, direction: Direction) -> VertexSet {
        let mut found = VertexSet::new(self.len());
        let mut layer: Vec<Vertex> = from.iter().collect();
        let mut steps = 0;
        while !layer.is_empty() && depth.is_none_or(|limit| steps < limit) {
            let mut next = Vec::new();
            for vertex in layer {
                for neighbour in self.digraph.neighbors_directed(vertex, direction) {
                    if found.insert(neighbour) {
                        next.push(neighbour);
                    }
                }
            }
            layer = next;
            steps += 1;
        }
        found
    }

    /// All vertices, parents before children, otherwise in order; those on or behind a cycle are missing.
    pub fn topological_order(&self) -> Vec<Vertex> {
        let mut waiting: Vec<u32> = self.vertices().map(|v| self.parents_of(v).count() as u32).collect();
        let mut order: Vec<Vertex> = self.vertices().filter(|v| waiting[v.index()] == 0).collect();
        let mut next = 0;
        while let Some(vertex) = order.get(next).copied() {
            // petgraph lists the newest edge first: turn it round to keep the order of the manifest.
            let mut children: Vec<Vertex> = self.children_of(vertex).collect();
            children.reverse();
            for child in children {
                let left = &mut waiting[child.index()];
                *left -= 1;
                if *left == 0 {
                    order.push(child);
                }
            }
            next += 1;
        }
        order
    }

    /// A cycle, each vertex the parent of the next and the last the parent of the first.
    pub fn find_cycle(&self) -> Option<Vec<Arc<str>>> {
        let order = self.topological_order();
        if order.len() == self.len() {
            return None;
        }
        let mut sorted = VertexSet::new(self.len());
        order.into_iter().for_each(|v| {
            sorted.insert(v);
        });
        // Every vertex left over has a parent that is left over: walking up must come back to where it was.
        let mut vertex = self.vertices().find(|v| !sorted.contains(*v))?;
        let mut walked = VertexSet::new(self.len());
        let mut path = Vec::new();
        while walked.insert(vertex) {
            path.push(vertex);
            vertex = self.parents_of(vertex).find(|v| !sorted.contains(*v))?;
        }
        let start = path.iter().position(|v| *v == vertex)?;
        let mut cycle: Vec<Arc<str>> = path.drain(start..).map(|v| self.id(v).clone()).collect();
        cycle.reverse();
        Some(cycle)
    }

    /// Says that there is no cycle.
    ///
    /// # Errors
    /// The path of a cycle.
    pub fn check_acyclic(&self) -> Result<(), Diagnostic> {
        let Some(cycle) = self.find_cycle() else { return Ok(()) };
        // A cycle of thousands of nodes is told by its ends.
        let mut shown: Vec<&str> = cycle.iter().take(20).map(|id| &**id).collect();
        if cycle.len() > shown.len() {
            shown.push("...");
        }
        if let Some(first) = cycle.first() {
            shown.push(first);
        }
        Err(Diagnostic::error("K0610", "Runtime Error", format!("Found a cycle: {}", shown.join(" --> ")))
            .with_hint("each of them needs the one before it: take one of these references out"))
    }
}

/// `depends_on.nodes` of an entry in manifest form.
pub(crate) fn dependencies_of_entry(entry: &Json) -> impl Iterator<Item = &str> {
    entry.pointer("/depends_on/nodes").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(graph: &Graph, set: &VertexSet) -> Vec<String> {
        set.iter().map(|v| graph.id(v).to_string()).collect()
    }

    fn set(graph: &Graph, names: &[&str]) -> VertexSet {
        let mut set = VertexSet::new(graph.len());
        names.iter().for_each(|n| {
            set.insert(graph.vertex(n).unwrap());
        });
        set
    }

    fn diamond() -> Graph {
        Graph::from_dependencies([
            ("a", vec![]),
            ("b", vec!["a"]),
            ("c", vec!["a", "a"]),
            ("d", vec!["b", "c", "nowhere"]),
            ("e", vec!["d"]),
        ])
    }

    #[test]
    fn ancestors_and_descendants_stop_at_the_depth() {
        let g = diamond();
        assert_eq!(ids(&g, &g.ancestors(&set(&g, &["d"]), None)), ["a", "b", "c"]);
        assert_eq!(ids(&g, &g.ancestors(&set(&g, &["d"]), Some(1))), ["b", "c"]);
        assert_eq!(ids(&g, &g.descendants(&set(&g, &["b"]), Some(1))), ["d"]);
        assert_eq!(ids(&g, &g.descendants(&set(&g, &["b", "d"]), None)), ["d", "e"]);
        assert!(g.descendants(&set(&g, &["a"]), Some(0)).is_empty());
    }

    #[test]
    fn parents_come_before_children_and_ties_keep_their_order() {
        let g = diamond();
        let order: Vec<String> = g.topological_order().into_iter().map(|v| g.id(v).to_string()).collect();
        assert_eq!(order, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_cycle_is_told_by_its_path() {
        let g = Graph::from_dependencies([
            ("in", vec![]),
            ("a", vec!["in", "c"]),
            ("b", vec!["a"]),
            ("c", vec!["b"]),
            ("out", vec!["c"]),
        ]);
        let cycle = g.find_cycle().unwrap();
        assert_eq!(cycle.len(), 3);
        for (i, id) in cycle.iter().enumerate() {
            let next = &cycle[(i + 1) % cycle.len()];
            assert!(g.parents(next).any(|p| p == id), "{id} is a parent of {next}");
        }
        assert!(g.check_acyclic().unwrap_err().message.starts_with("Found a cycle: "));
        assert!(diamond().find_cycle().is_none());
        let own = Graph::from_dependencies([("a", vec!["a"])]);
        assert_eq!(own.find_cycle().unwrap().len(), 1);
    }
}
