//! What runs before what among selected nodes.
//!
//! An edge through nodes that are not selected still counts: of `a -> b -> c` with `a` and `c` selected, `c` waits for
//! `a`. Written out as pairs that is quadratic where many meet in one unselected node, so such a node stays as a
//! junction: a position that stands for no work. Together this is linear in the graph.

use super::tests_first::TestsFirst;
use super::{Graph, Vertex, VertexSet};
use std::sync::Arc;

/// The order of a run: positions below `ids.len()` are selected nodes, positions from there on are junctions.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ExecutionGraph {
    /// Selected unique ids, parents before children.
    pub ids: Vec<Arc<str>>,
    /// Number of junctions: jobs that do nothing and end at once, or pass a skip on.
    pub junctions: usize,
    /// Parent and child by position, each pair once.
    pub edges: Vec<(u32, u32)>,
}

impl ExecutionGraph {
    /// Number of positions, junctions included.
    pub fn len(&self) -> usize {
        self.ids.len() + self.junctions
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether a position stands for no work.
    pub fn is_junction(&self, position: u32) -> bool {
        position as usize >= self.ids.len()
    }
}

/// Parents and children by position; positions beyond the graph's vertices are junctions of tests.
struct Adjacency {
    parents: Vec<Vec<u32>>,
    children: Vec<Vec<u32>>,
}

impl Graph {
    /// The order in which selected nodes run. With `tests_first` (dbt's `build`), what is downstream of tested nodes
    /// waits for their tests.
    pub fn execution(&self, selected: &VertexSet, tests_first: bool) -> ExecutionGraph {
        let adjacency = self.adjacency(tests_first);
        let order = topological(&adjacency);
        let useful = leading_to(&adjacency, &order, selected);
        let is_selected = |v: u32| (v as usize) < self.len() && selected.contains(Vertex::from(v));

        let ids: Vec<Arc<str>> =
            order.iter().filter(|v| is_selected(**v)).map(|v| self.id(Vertex::from(*v)).clone()).collect();
        let mut execution = ExecutionGraph { ids, ..ExecutionGraph::default() };
        let mut next = 0;
        // What each vertex hands on to its children: the positions that they must wait for.
        let mut handed: Vec<Vec<u32>> = vec![Vec::new(); adjacency.parents.len()];
        let mut takers: Vec<u32> = adjacency
            .children
            .iter()
            .map(|c| c.iter().filter(|c| useful[**c as usize]).count() as u32)
            .collect();
        for vertex in order {
            let v = vertex as usize;
            if !useful[v] {
                continue;
            }
            let mut before: Vec<u32> = Vec::new();
            for parent in &adjacency.parents[v] {
                let p = *parent as usize;
                if !useful[p] {
                    continue;
                }
                takers[p] -= 1;
                // The last taker gets the list itself, which keeps long chains of unselected nodes linear.
                let list = if takers[p] == 0 { std::mem::take(&mut handed[p]) } else { handed[p].clone() };
                if before.len() < list.len() {
                    let shorter = std::mem::replace(&mut before, list);
                    before.extend(shorter);
                } else {
                    before.extend(list);
                }
            }
            if is_selected(vertex) {
                before.sort_unstable();
                before.dedup();
                execution.edges.extend(before.into_iter().map(|parent| (parent, next)));
                handed[v] = vec![next];
                next += 1;
            } else if before.len() > 1 && takers[v] > 1 {
                before.sort_unstable();
                before.dedup();
                let junction = execution.len() as u32;
                execution.junctions += 1;
                execution.edges.extend(before.into_iter().map(|parent| (parent, junction)));
                handed[v] = vec![junction];
            } else {
                handed[v] = before;
            }
        }
        execution
    }

    fn adjacency(&self, tests_first: bool) -> Adjacency {
        let mut edges: Vec<(u32, u32)> = Vec::new();
        let mut len = self.len();
        for parent in self.vertices() {
            let first = edges.len();
            edges.extend(self.children_of(parent).map(|child| (parent.index() as u32, child.index() as u32)));
            // petgraph lists the newest edge first.
            edges[first..].reverse();
        }
        if tests_first {
            let tests = TestsFirst::of(self);
            len += tests.junctions;
            edges.extend(tests.edges);
        }
        let mut adjacency = Adjacency { parents: vec![Vec::new(); len], children: vec![Vec::new(); len] };
        for (parent, child) in edges {
            adjacency.children[parent as usize].push(child);
            adjacency.parents[child as usize].push(parent);
        }
        adjacency
    }
}

fn topological(adjacency: &Adjacency) -> Vec<u32> {
    let mut waiting: Vec<usize> = adjacency.parents.iter().map(Vec::len).collect();
    let mut order: Vec<u32> = (0..waiting.len() as u32).filter(|v| waiting[*v as usize] == 0).collect();
    let mut next = 0;
    while let Some(vertex) = order.get(next).copied() {
        for child in &adjacency.children[vertex as usize] {
            let left = &mut waiting[*child as usize];
            *left -= 1;
            if *left == 0 {
                order.push(*child);
            }
        }
        next += 1;
    }
    order
}

/// Which vertices are selected or have a selected descendant.
fn leading_to(adjacency: &Adjacency, order: &[u32], selected: &VertexSet) -> Vec<bool> {
    let mut useful = vec![false; adjacency.parents.len()];
    for vertex in order.iter().rev() {
        let v = *vertex as usize;
        useful[v] = selected.contains(Vertex::from(*vertex))
            || adjacency.children[v].iter().any(|c| useful[*c as usize]);
    }
    useful
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<'a>(
        graph: &Graph,
        selected: impl IntoIterator<Item = &'a str>,
        tests_first: bool,
    ) -> ExecutionGraph {
        let mut set = VertexSet::new(graph.len());
        selected.into_iter().for_each(|id| {
            set.insert(graph.vertex(id).unwrap());
        });
        graph.execution(&set, tests_first)
    }

    fn edges(execution: &ExecutionGraph) -> Vec<(String, String)> {
        let name = |p: u32| match execution.ids.get(p as usize) {
            Some(id) => id.to_string(),
            None => format!("junction {}", p as usize - execution.ids.len()),
        };
        execution.edges.iter().map(|(a, b)| (name(*a), name(*b))).collect()
    }

    fn waits(execution: &ExecutionGraph, child: &str, parent: &str) -> bool {
        let position = |id: &str| execution.ids.iter().position(|i| &**i == id).unwrap() as u32;
        let (child, parent) = (position(child), position(parent));
        let mut seen = vec![parent];
        let mut next = 0;
        while let Some(at) = seen.get(next).copied() {
            for (a, b) in &execution.edges {
                if *a == at && !seen.contains(b) {
                    seen.push(*b);
                }
            }
            next += 1;
        }
        seen.contains(&child)
    }

    #[test]
    fn an_edge_through_an_unselected_node_still_counts() {
        let g = Graph::from_dependencies([
            ("a", vec![]),
            ("b", vec!["a"]),
            ("c", vec!["b"]),
            ("d", vec!["c", "a"]),
            ("side", vec!["b"]),
        ]);
        let execution = run(&g, ["a", "d"], false);
        assert_eq!(edges(&execution), [("a".into(), "d".into())]);
        assert_eq!(execution.junctions, 0);
    }

    #[test]
    fn many_to_many_through_one_unselected_node_is_a_junction() {
        let parents: Vec<String> = (0..300).map(|i| format!("p{i}")).collect();
        let children: Vec<String> = (0..300).map(|i| format!("c{i}")).collect();
        let mut entries: Vec<(&str, Vec<&str>)> = parents.iter().map(|p| (p.as_str(), vec![])).collect();
        entries.push(("hub", parents.iter().map(String::as_str).collect()));
        entries.extend(children.iter().map(|c| (c.as_str(), vec!["hub"])));
        let g = Graph::from_dependencies(entries);
        let execution = run(&g, parents.iter().chain(&children).map(String::as_str), false);
        assert_eq!((execution.ids.len(), execution.junctions, execution.edges.len()), (600, 1, 600));
        assert!(execution.is_junction(600) && !execution.is_junction(599));
        assert!(waits(&execution, "c7", "p9"));
    }

    #[test]
    fn tests_run_before_what_is_downstream_of_what_they_test() {
        let g = Graph::from_dependencies([
            ("model.a", vec![]),
            ("model.b", vec![]),
            ("model.c", vec!["model.a"]),
            ("model.d", vec!["model.b", "model.c"]),
            ("test.a", vec!["model.a"]),
            ("test.ab", vec!["model.a", "model.b"]),
            ("exposure.e", vec!["model.a"]),
        ]);
        let all: Vec<String> = g.ids().map(|id| id.to_string()).collect();
        let execution = run(&g, all.iter().map(String::as_str), true);
        assert!(waits(&execution, "model.c", "test.a"));
        assert!(waits(&execution, "model.d", "test.ab"));
        assert!(!waits(&execution, "model.c", "test.ab"), "c does not need b");
        assert!(!waits(&execution, "exposure.e", "test.a"));
        let plain = run(&g, all.iter().map(String::as_str), false);
        assert!(!waits(&plain, "model.c", "test.a"));
        let without = run(&g, ["model.a", "model.c"], true);
        assert_eq!(edges(&without), [("model.a".into(), "model.c".into())]);
    }

    #[test]
    fn a_test_of_many_nodes_is_waited_for_where_all_of_them_meet() {
        let names: Vec<String> = (0..70).map(|i| format!("model.m{i}")).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut entries: Vec<(&str, Vec<&str>)> = all.iter().map(|n| (*n, vec![])).collect();
        entries.push(("test.all", all.clone()));
        entries.push(("model.some", all[1..].to_vec()));
        entries.push(("model.meet", vec!["model.some", "model.m0"]));
        entries.push(("model.after", vec!["model.meet"]));
        let g = Graph::from_dependencies(entries);
        let execution = run(&g, ["test.all", "model.some", "model.meet", "model.after"], true);
        assert_eq!(
            edges(&execution),
            [
                ("test.all".into(), "model.meet".into()),
                ("model.some".into(), "model.meet".into()),
                ("model.meet".into(), "model.after".into()),
            ]
        );
    }

    #[test]
    fn a_long_chain_with_unselected_links_stays_linear() {
        let names: Vec<String> = (0..40_000).map(|i| format!("n{i}")).collect();
        let entries = names.iter().enumerate().map(|(i, n)| {
            let parents = if i == 0 { vec![] } else { vec![names[i - 1].as_str()] };
            (n.as_str(), parents)
        });
        let g = Graph::from_dependencies(entries);
        let execution = run(&g, names.iter().step_by(1000).map(String::as_str), false);
        assert_eq!(execution.edges.len(), 39);
    }
}
