//! From what was asked to a set of the graph.

use super::member::{Member, members};
use super::{Criterion, IndirectSelection, SelectionGroup, SelectionSpec};
use crate::{Graph, Manifest, ResourceType, Vertex, VertexSet};
use kpi_diagnostics::Diagnostic;
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::Arc;

/// An earlier run that `state:`, `result:` and `source_status:` compare with.
pub trait PreviousState {
    /// Ids that are `new`, `modified`, `modified.body`...
    ///
    /// # Errors
    /// No such comparison, no earlier manifest, or a versioned model that breaks its contract.
    fn state(&self, manifest: &Manifest, comparison: &str) -> Result<Matches, Diagnostic>;

    /// Ids that ended with a status.
    ///
    /// # Errors
    /// No earlier results.
    fn result(&self, status: &str) -> Result<Vec<Arc<str>>, Diagnostic>;

    /// Sources that are `fresher`.
    ///
    /// # Errors
    /// No earlier freshness.
    fn source_status(&self, comparison: &str) -> Result<Vec<Arc<str>>, Diagnostic>;
}

/// What a comparison with an earlier run finds.
#[derive(Debug, Default)]
pub struct Matches {
    /// Unique ids, in any order.
    pub ids: Vec<Arc<str>>,
    /// What the comparison came upon: contracts that break, seeds too large to be compared.
    pub warnings: Vec<Diagnostic>,
}

/// What else decides which nodes a command is about.
#[derive(Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Types of nodes that the command takes; `None`: all.
    pub resource_types: Option<&'a [ResourceType]>,
    /// Whether nodes without any SQL count: only `ls` shows them.
    pub include_empty: bool,
    /// Absolute root of the project, for `path:`.
    pub project_root: Option<&'a Path>,
    /// For `state:` and its like.
    pub state: Option<&'a dyn PreviousState>,
}

/// What a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Unique ids in the manifest's order.
    pub ids: Vec<Arc<str>>,
    /// The same, as a set of the manifest's graph.
    pub vertices: VertexSet,
    /// Criteria that match nothing, and what comparisons came upon.
    pub warnings: Vec<Diagnostic>,
}

/// Selects.
///
/// # Errors
/// A criterion that makes no sense (an unknown type of test, a `state:` without a state).
pub fn select(
    manifest: &Manifest,
    spec: &SelectionSpec,
    filter: &Filter<'_>,
) -> Result<Selection, Diagnostic> {
    let graph = &manifest.graph;
    let members = members(manifest, graph);
    let mut sources = VertexSet::new(graph.len());
    manifest.sources.keys().filter_map(|id| graph.vertex(id)).for_each(|vertex| {
        sources.insert(vertex);
    });
    let mut evaluator = Evaluator {
        manifest,
        graph,
        members,
        sources,
        project_root: filter.project_root,
        state: filter.state,
        named: FxHashMap::default(),
        warnings: Vec::new(),
    };
    let found = evaluator.evaluate(spec)?;
    let mut selection = Selection { vertices: VertexSet::new(graph.len()), ..Selection::default() };
    for vertex in found.direct.iter() {
        let Some(member) = evaluator.member(vertex) else { continue };
        let wanted = filter.resource_types.is_none_or(|types| types.contains(&member.resource_type()));
        if wanted && (filter.include_empty || !member.is_empty()) {
            selection.ids.push(graph.id(vertex).clone());
            selection.vertices.insert(vertex);
        }
    }
    selection.warnings = evaluator.warnings;
    Ok(selection)
}

/// What a part of the spec selects.
#[derive(Clone)]
struct Found {
    direct: VertexSet,
    /// Tests that come along once all of their parents are selected.
    indirect: VertexSet,
}

pub(super) struct Evaluator<'a> {
    pub manifest: &'a Manifest,
    pub graph: &'a Graph,
    pub members: Vec<Option<Member<'a>>>,
    sources: VertexSet,
    pub project_root: Option<&'a Path>,
    pub state: Option<&'a dyn PreviousState>,
    /// Named selectors that were evaluated, by address: selectors that build on one another must not add up.
    named: FxHashMap<*const SelectionSpec, Found>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Evaluator<'_> {
    fn member(&self, vertex: Vertex) -> Option<Member<'_>> {
        self.members.get(vertex.index()).copied().flatten()
    }

    fn evaluate(&mut self, spec: &SelectionSpec) -> Result<Found, Diagnostic> {
        match spec {
            SelectionSpec::Criterion(criterion) => self.criterion(criterion),
            SelectionSpec::Union(group) => self.group(group, VertexSet::union_with),
            SelectionSpec::Intersection(group) => self.group(group, VertexSet::intersect_with),
            SelectionSpec::Difference(group) => self.group(group, VertexSet::difference_with),
            SelectionSpec::Named(spec) => {
                if let Some(found) = self.named.get(&Arc::as_ptr(spec)) {
                    return Ok(found.clone());
                }
                let found = self.evaluate(spec)?;
                self.named.insert(Arc::as_ptr(spec), found.clone());
                Ok(found)
            }
        }
    }

    fn group(
        &mut self,
        group: &SelectionGroup,
        combine: fn(&mut VertexSet, &VertexSet),
    ) -> Result<Found, Diagnostic> {
        let mut combined: Option<Found> = None;
        for component in &group.components {
            let mut found = self.evaluate(component)?;
            // What may come along counts with what is there: an exclusion takes out its own tests too.
            found.indirect.union_with(&found.direct);
            match &mut combined {
                None => combined = Some(found),
                Some(all) => {
                    combine(&mut all.direct, &found.direct);
                    combine(&mut all.indirect, &found.indirect);
                }
            }
        }
        let empty =
            || Found { direct: VertexSet::new(self.graph.len()), indirect: VertexSet::new(self.graph.len()) };
        let mut found = combined.unwrap_or_else(empty);
        self.take_along(&mut found, group.indirect);
        if let Some(raw) = &group.expected
            && found.direct.is_empty()
        {
            let message = format!("The selection criterion '{raw}' does not match any enabled nodes");
            self.warnings.push(
                Diagnostic::warning("K0710", "Warning", message)
                    .with_event("NoNodesForSelectionCriteria", serde_json::json!({"spec_raw": raw})),
            );
        }
        Ok(found)
    }

    /// Adds tests of which all parents are there by now.
    fn take_along(&self, found: &mut Found, mode: IndirectSelection) {
        let reach = match mode {
            IndirectSelection::Eager | IndirectSelection::Empty => return,
            IndirectSelection::Cautious => None,
            IndirectSelection::Buildable => {
                let mut reach = self.graph.ancestors(&found.direct, None);
                reach.union_with(&found.direct);
                Some(reach)
            }
        };
        let mut new = Vec::new();
        for vertex in found.indirect.iter() {
            let Some(member) = self.member(vertex) else { continue };
            // A test that was added counts as a parent of none, so the order does not matter.
            let there = |parent: Vertex| reach.as_ref().unwrap_or(&found.direct).contains(parent);
            if member.as_node().is_some() && self.graph.parents_of(vertex).all(there) {
                new.push(vertex);
            }
        }
        new.into_iter().for_each(|vertex| {
            found.direct.insert(vertex);
        });
    }

    fn criterion(&mut self, criterion: &Criterion) -> Result<Found, Diagnostic> {
        let own = self.search(criterion)?;
        let mut selected = own.clone();
        if criterion.childrens_parents {
            let mut family = self.graph.descendants(&own, None);
            family.union_with(&own);
            selected.union_with(&self.graph.ancestors(&family, None));
            selected.union_with(&family);
        }
        if criterion.parents {
            selected.union_with(&self.graph.ancestors(&own, criterion.parents_depth));
        }
        if criterion.children {
            selected.union_with(&self.graph.descendants(&own, criterion.children_depth));
        }
        Ok(self.with_tests(selected, criterion.indirect))
    }

    /// Adds the tests of what is selected.
    fn with_tests(&self, selected: VertexSet, mode: IndirectSelection) -> Found {
        let mut indirect = VertexSet::new(self.graph.len());
        if mode == IndirectSelection::Empty {
            return Found { direct: selected, indirect };
        }
        let reach = (mode == IndirectSelection::Buildable).then(|| {
            let mut reach = self.graph.ancestors(&selected, None);
            reach.union_with(&selected);
            reach.union_with(&self.sources);
            reach
        });
        let mut direct = selected.clone();
        for child in selected.iter().flat_map(|vertex| self.graph.children_of(vertex)) {
            if direct.contains(child) || indirect.contains(child) {
                continue;
            }
            let is_test = self
                .member(child)
                .is_some_and(|m| matches!(m.resource_type(), ResourceType::Test | ResourceType::UnitTest));
            if !is_test {
                continue;
            }
            let within = |set: &VertexSet| self.graph.parents_of(child).all(|parent| set.contains(parent));
            if mode == IndirectSelection::Eager || within(&selected) || reach.as_ref().is_some_and(within) {
                direct.insert(child);
            } else {
                indirect.insert(child);
            }
        }
        Found { direct, indirect }
    }
}
