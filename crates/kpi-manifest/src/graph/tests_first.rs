//! Edges from tests to what has to wait for them.
//!
//! A node waits for a test when everything that the test reads is upstream of the node: then the wait cannot make a
//! cycle. Only the first such node on each path gets an edge; what is behind it waits anyway.

use super::{Graph, Vertex, VertexSet};
use rustc_hash::FxHashMap;

/// The edges, by vertex; junctions have positions from the graph's length on.
pub(super) struct TestsFirst {
    pub edges: Vec<(u32, u32)>,
    pub junctions: usize,
}

/// Tests are counted off in blocks of this many words, so that memory stays small in a graph of any size.
const WORDS: usize = 16;

/// A test of more nodes than this is looked at on its own.
const MANY: usize = 16;

fn is_test(id: &str) -> bool {
    id.starts_with("test.")
}

/// Whether it is built, and so can wait.
fn is_built(id: &str) -> bool {
    ["model.", "seed.", "snapshot.", "function.", "analysis.", "operation."]
        .iter()
        .any(|kind| id.starts_with(kind))
}

impl TestsFirst {
    pub fn of(graph: &Graph) -> Self {
        let mut found = Self { edges: Vec::new(), junctions: 0 };
        // By number of parents, since a test of two tables needs two bits.
        let mut by_parents: Vec<Vec<Vertex>> = vec![Vec::new(); MANY + 1];
        let mut wide: Vec<Vertex> = Vec::new();
        for tested in graph.vertices() {
            found.single(graph, tested);
        }
        for test in graph.vertices().filter(|v| is_test(graph.id(*v))) {
            let parents = graph.parents_of(test).count();
            match by_parents.get_mut(parents) {
                Some(tests) if parents > 1 => tests.push(test),
                Some(_) => {}
                None => wide.push(test),
            }
        }
        if wide.is_empty() && by_parents.iter().all(Vec::is_empty) {
            return found;
        }
        let order: Vec<Vertex> =
            graph.topological_order().into_iter().filter(|v| !is_test(graph.id(*v))).collect();
        for (parents, tests) in by_parents.iter().enumerate() {
            for block in tests.chunks(WORDS * 64) {
                found.multiple(graph, &order, parents, block);
            }
        }
        for test in wide {
            found.wide(graph, &order, test);
        }
        found
    }

    /// Tests that read this node alone: they meet in a junction that the node's children wait for.
    fn single(&mut self, graph: &Graph, tested: Vertex) {
        let tests: Vec<u32> = graph
            .children_of(tested)
            .filter(|c| is_test(graph.id(*c)) && graph.parents_of(*c).count() == 1)
            .map(|c| c.index() as u32)
            .collect();
        let children: Vec<u32> =
            graph.children_of(tested).filter(|c| is_built(graph.id(*c))).map(|c| c.index() as u32).collect();
        match (tests.as_slice(), children.as_slice()) {
            ([], _) | (_, []) => {}
            ([test], children) => self.edges.extend(children.iter().map(|child| (*test, *child))),
            (tests, [child]) => self.edges.extend(tests.iter().map(|test| (*test, *child))),
            (tests, children) => {
                let junction = (graph.len() + self.junctions) as u32;
                self.junctions += 1;
                self.edges.extend(tests.iter().map(|test| (*test, junction)));
                self.edges.extend(children.iter().map(|child| (junction, *child)));
            }
        }
    }

    /// Tests that read `parents` nodes each: bit `t` of plane `p` says that the `p`th parent of test `t` is upstream.
    fn multiple(&mut self, graph: &Graph, order: &[Vertex], parents: usize, tests: &[Vertex]) {
        let words = tests.len().div_ceil(64);
        let width = words * parents;
        let mut own: Vec<Vec<(usize, u64)>> = vec![Vec::new(); graph.len()];
        for (t, test) in tests.iter().enumerate() {
            for (plane, parent) in graph.parents_of(*test).enumerate() {
                own[parent.index()].push((plane * words + t / 64, 1 << (t % 64)));
            }
        }
        let mut upstream = vec![0u64; graph.len() * width];
        let mut complete = vec![0u64; graph.len() * words];
        let mut bits = vec![0u64; width];
        let mut known = vec![0u64; words];
        for vertex in order {
            bits.fill(0);
            known.fill(0);
            for parent in graph.parents_of(*vertex) {
                let p = parent.index();
                bits.iter_mut().zip(&upstream[p * width..]).for_each(|(a, b)| *a |= b);
                known.iter_mut().zip(&complete[p * words..]).for_each(|(a, b)| *a |= b);
                own[p].iter().for_each(|(word, bit)| bits[*word] |= bit);
            }
            let v = vertex.index();
            upstream[v * width..(v + 1) * width].copy_from_slice(&bits);
            if !is_built(graph.id(*vertex)) {
                complete[v * words..(v + 1) * words].copy_from_slice(&known);
                continue;
            }
            for word in 0..words {
                let all = (0..parents).fold(u64::MAX, |all, plane| all & bits[plane * words + word]);
                complete[v * words + word] = all | known[word];
                let mut new = all & !known[word];
                while new != 0 {
                    let t = word * 64 + new.trailing_zeros() as usize;
                    new &= new - 1;
                    if let Some(test) = tests.get(t) {
                        self.edges.push((test.index() as u32, v as u32));
                    }
                }
            }
        }
    }
    /// One test that reads many nodes: bit `p` says that its `p`th parent is upstream.
    fn wide(&mut self, graph: &Graph, order: &[Vertex], test: Vertex) {
        let parents: Vec<Vertex> = graph.parents_of(test).collect();
        let words = parents.len().div_ceil(64);
        let place: FxHashMap<Vertex, usize> =
            parents.iter().enumerate().map(|(p, vertex)| (*vertex, p)).collect();
        let mut upstream = vec![0u64; graph.len() * words];
        let mut complete = VertexSet::new(graph.len());
        let mut bits = vec![0u64; words];
        for vertex in order {
            bits.fill(0);
            let mut known = false;
            for parent in graph.parents_of(*vertex) {
                let p = parent.index();
                bits.iter_mut().zip(&upstream[p * words..]).for_each(|(a, b)| *a |= b);
                if let Some(place) = place.get(&parent) {
                    bits[place / 64] |= 1 << (place % 64);
                }
                known |= complete.contains(parent);
            }
            let v = vertex.index();
            upstream[v * words..(v + 1) * words].copy_from_slice(&bits);
            let all = bits.iter().map(|word| word.count_ones() as usize).sum::<usize>() == parents.len();
            if known || (all && is_built(graph.id(*vertex))) {
                complete.insert(*vertex);
            }
            if all && !known && is_built(graph.id(*vertex)) {
                self.edges.push((test.index() as u32, v as u32));
            }
        }
    }
}
