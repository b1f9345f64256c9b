//! From a selection to jobs: which nodes run, which only pass on that their parents ended, and what waits for what.

use crate::scheduler::JobGraph;
use crate::unit_tests::UnitTest;
use kpi_manifest::{Manifest, NodeId, ResourceType};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// The jobs of a run. Every node of the manifest has a job at its own position, so that an order through unselected
/// nodes is kept; the jobs of unselected nodes do nothing.
pub(crate) struct Plan {
    pub graph: JobGraph,
    /// Whether the job at a position does something.
    pub selected: Vec<bool>,
    /// What has nothing to build, at the positions behind the nodes.
    pub no_ops: Vec<NoOp>,
    /// Unit tests, at the positions behind those.
    pub unit_tests: Vec<UnitTest>,
    /// How many selected nodes are counted in lines (ephemeral models are not).
    pub counted: usize,
}

/// An exposure or a saved query: reported when what it needs is there.
pub(crate) struct NoOp {
    pub unique_id: Arc<str>,
    pub name: Arc<str>,
    pub resource_type: ResourceType,
}

impl Plan {
    /// The jobs of the selected nodes. `tests_between`: a node waits for the tests of what it needs (`build`).
    /// `unit_tests`: those are jobs too; a model waits for its own.
    pub fn new(
        manifest: &Manifest,
        selected: &[Arc<str>],
        tests_between: bool,
        ordered: bool,
        unit_tests: bool,
    ) -> Self {
        let n = manifest.nodes.len();
        let mut is_selected = vec![false; n];
        for id in selected {
            if let Some(NodeId(i)) = manifest.node_ids.get(id) {
                is_selected[*i as usize] = true;
            }
        }
        let mut no_ops = Vec::new();
        let mut needs: Vec<Vec<Arc<str>>> = Vec::new();
        for id in selected {
            if let Some(exposure) = manifest.exposures.get(id) {
                no_ops.push(NoOp {
                    unique_id: id.clone(),
                    name: exposure.name.clone(),
                    resource_type: ResourceType::Exposure,
                });
                needs.push(exposure.depends_on_nodes.clone());
            } else if let Some(query) = manifest.other.get("saved_queries").and_then(|s| s.get(id)) {
                let name = query.get("name").and_then(|n| n.as_str()).unwrap_or_default();
                no_ops.push(NoOp {
                    unique_id: id.clone(),
                    name: name.into(),
                    resource_type: ResourceType::SavedQuery,
                });
                needs.push(nodes_behind(manifest, query));
            }
        }
        let unit_tests: Vec<UnitTest> = match unit_tests {
            true => selected.iter().filter_map(|id| UnitTest::of(manifest, id)).collect(),
            false => Vec::new(),
        };
        let behind = no_ops.len() + unit_tests.len();
        let counted =
            (0..n).filter(|i| is_selected[*i] && !manifest.nodes[*i].is_ephemeral()).count() + behind;
        is_selected.resize(n + behind, true);
        let mut graph = JobGraph::new(n + behind);
        for (i, parents) in needs.iter().enumerate() {
            for NodeId(parent) in parents.iter().filter_map(|p| manifest.node_ids.get(p)) {
                graph.add_edge(*parent, (n + i) as u32);
            }
        }
        for (i, node) in manifest.nodes.iter().enumerate() {
            graph.first[i] = is_selected[i] && node.resource_type == ResourceType::Seed;
        }
        if ordered {
            for (child, node) in manifest.nodes.iter().enumerate() {
                let mut seen = FxHashSet::default();
                for parent in &node.depends_on_nodes {
                    if let Some(NodeId(parent)) = manifest.node_ids.get(parent)
                        && seen.insert(*parent)
                    {
                        graph.add_edge(*parent, child as u32);
                    }
                }
            }
            let mut of_model: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
            for (i, test) in unit_tests.iter().enumerate() {
                let (job, NodeId(model)) = ((n + no_ops.len() + i) as u32, test.tested);
                let of_this_model = of_model.entry(model).or_default();
                // In a build the tests of a model go one after the other, and what comes after a failure is skipped.
                if let Some(before) = of_this_model.last().filter(|_| tests_between) {
                    graph.add_edge(*before, job);
                }
                of_this_model.push(job);
                // The relations of the model's inputs tell the types of the rows that stand for them.
                let parents = manifest.node_at(test.tested).map(|model| &*model.depends_on_nodes);
                for NodeId(parent) in parents.into_iter().flatten().filter_map(|p| manifest.node_ids.get(p)) {
                    graph.add_edge(*parent, job);
                }
                if is_selected[model as usize] {
                    graph.add_edge(job, model);
                }
            }
            if tests_between {
                add_test_edges(manifest, &is_selected, &of_model, &mut graph);
            }
        }
        Self { graph, selected: is_selected, no_ops, unit_tests, counted }
    }

    /// The unit test at a position.
    pub fn unit_test(&self, job: u32) -> Option<&UnitTest> {
        let first = self.selected.len() - self.unit_tests.len();
        self.unit_tests.get((job as usize).checked_sub(first)?)
    }
}

/// The nodes that an entry of the semantic layer needs, through metrics and semantic models.
fn nodes_behind(manifest: &Manifest, entry: &serde_json::Value) -> Vec<Arc<str>> {
    let parents = |entry: &serde_json::Value| -> Vec<Arc<str>> {
        let listed = entry.pointer("/depends_on/nodes").and_then(|nodes| nodes.as_array());
        listed.into_iter().flatten().filter_map(|id| id.as_str()).map(Arc::from).collect()
    };
    let mut found = Vec::new();
    let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
    let mut open = parents(entry);
    while let Some(id) = open.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let section = ["metrics", "semantic_models", "saved_queries"].iter();
        match section.filter_map(|name| manifest.other.get(*name)?.get(&id)).next() {
            Some(entry) => open.extend(parents(entry)),
            None => found.push(id),
        }
    }
    found
}

/// Bits by position.
#[derive(Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn sized(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }
    fn set(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }
    fn clear(&mut self, i: usize) {
        self.0[i / 64] &= !(1 << (i % 64));
    }
    fn has(&self, i: usize) -> bool {
        self.0[i / 64] & (1 << (i % 64)) != 0
    }
    fn add(&mut self, other: &Bits) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }
    fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(block, bits)| {
            (0..64).filter(move |i| bits & (1u64 << i) != 0).map(move |i| block * 64 + i)
        })
    }
}

/// A node waits for every test all of whose inputs are upstream of it: bad data must not reach what is downstream.
///
/// A test of one node is waited for by the node's children. A test of several is waited for by the first nodes, going
/// down the graph, that have all of them upstream; what is further down waits for those anyway. Following only nodes
/// that are descendants of all inputs already, no edge can close a cycle.
///
/// What a model waits for, its unit tests (`unit_tests`, by model) wait for too.
fn add_test_edges(
    manifest: &Manifest,
    selected: &[bool],
    unit_tests: &FxHashMap<u32, Vec<u32>>,
    graph: &mut JobGraph,
) {
    let is_test = |i: usize| manifest.nodes[i].resource_type == ResourceType::Test;
    // Inputs are nodes or sources; both get a number.
    let mut children: FxHashMap<&str, Vec<u32>> = FxHashMap::default();
    for (i, node) in manifest.nodes.iter().enumerate() {
        if !is_test(i) {
            for parent in &node.depends_on_nodes {
                children.entry(parent).or_default().push(i as u32);
            }
        }
    }
    let mut several: Vec<(u32, Vec<&str>)> = Vec::new();
    let mut edges = Vec::new();
    for (i, node) in manifest.nodes.iter().enumerate() {
        if !is_test(i) || !selected[i] {
            continue;
        }
        let inputs: FxHashSet<&str> = node.depends_on_nodes.iter().map(|s| &**s).collect();
        match inputs.len() {
            0 => {}
            1 => {
                for input in inputs {
                    for child in children.get(input).into_iter().flatten() {
                        edges.push((i as u32, *child));
                    }
                }
            }
            _ => several.push((i as u32, inputs.into_iter().collect())),
        }
    }
    if !several.is_empty() {
        edges.extend(edges_of_several(manifest, &several, &children));
    }
    edges.sort_unstable();
    edges.dedup();
    for (test, child) in edges {
        graph.add_edge(test, child);
        for unit_test in unit_tests.get(&child).into_iter().flatten() {
            graph.add_edge(test, *unit_test);
        }
    }
}

fn edges_of_several(
    manifest: &Manifest,
    tests: &[(u32, Vec<&str>)],
    children: &FxHashMap<&str, Vec<u32>>,
) -> Vec<(u32, u32)> {
    let mut input_number: FxHashMap<&str, usize> = FxHashMap::default();
    let mut tests_of: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (t, (_, inputs)) in tests.iter().enumerate() {
        for input in inputs {
            let next = input_number.len();
            input_number.entry(input).or_insert(next);
            tests_of.entry(input).or_default().push(t);
        }
    }
    let needs: Vec<Vec<usize>> =
        tests.iter().map(|(_, inputs)| inputs.iter().map(|i| input_number[i]).collect()).collect();
    // Going down in topological order: what is upstream (of the tested inputs), and which tests wait for more.
    struct Seen {
        upstream: Bits,
        awaited: Bits,
    }
    let n = manifest.nodes.len();
    let mut waiting: Vec<u32> = vec![0; n];
    for list in children.values() {
        for child in list {
            waiting[*child as usize] += 1;
        }
    }
    let mut seen: Vec<Option<Seen>> = (0..n).map(|_| None).collect();
    let mut edges = Vec::new();
    let mut ready: Vec<&str> = manifest.sources.keys().map(|k| &**k).collect();
    ready.extend(
        manifest
            .nodes
            .iter()
            .enumerate()
            .filter(|(i, node)| waiting[*i] == 0 && node.resource_type != ResourceType::Test)
            .map(|(_, node)| &*node.unique_id),
    );
    // Parents outside nodes and sources (metrics and the like) are ready at once.
    ready.extend(
        children
            .keys()
            .filter(|k| !manifest.node_ids.contains_key(**k) && !manifest.sources.contains_key(**k))
            .copied(),
    );
    while let Some(id) = ready.pop() {
        let own = manifest.node_ids.get(id).and_then(|NodeId(i)| seen[*i as usize].take());
        let mut below = own.unwrap_or_else(|| Seen {
            upstream: Bits::sized(input_number.len()),
            awaited: Bits::sized(tests.len()),
        });
        if let Some(number) = input_number.get(id) {
            below.upstream.set(*number);
        }
        for test in tests_of.get(id).into_iter().flatten() {
            below.awaited.set(*test);
        }
        for child in children.get(id).into_iter().flatten() {
            let c = *child as usize;
            let state = seen[c].get_or_insert_with(|| Seen {
                upstream: Bits::sized(input_number.len()),
                awaited: Bits::sized(tests.len()),
            });
            state.upstream.add(&below.upstream);
            state.awaited.add(&below.awaited);
            waiting[c] -= 1;
            if waiting[c] == 0 {
                let done: Vec<usize> = state
                    .awaited
                    .ones()
                    .filter(|t| needs[*t].iter().all(|input| state.upstream.has(*input)))
                    .collect();
                for test in done {
                    edges.push((tests[test].0, *child));
                    state.awaited.clear(test);
                }
                ready.push(&manifest.nodes[c].unique_id);
            }
        }
    }
    edges
}
