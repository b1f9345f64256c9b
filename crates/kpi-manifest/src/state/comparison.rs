//! The words of `state:`: `new`, `old`, `modified` and its parts, `unmodified`.

use super::changes::{self, same_body, same_contents, same_persisted_descriptions, same_relation};
use super::contract::{self, Breaking, same_contract};
use super::macros::{self, Touched};
use super::{EarlierManifest, EarlierNode};
use crate::node_json::{exposure_entry, source_entry};
use crate::selection::Matches;
use crate::{Manifest, Node, ResourceType};
use kpi_diagnostics::{Diagnostic, nearest};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::borrow::Cow;

/// What a comparison asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    New,
    Old,
    Modified,
    Unmodified,
    Body,
    Configs,
    PersistedDescriptions,
    Relation,
    Macros,
    Contract,
}

/// dbt's words, in its order.
const CHECKS: [(&str, Check); 10] = [
    ("new", Check::New),
    ("old", Check::Old),
    ("modified", Check::Modified),
    ("unmodified", Check::Unmodified),
    ("modified.body", Check::Body),
    ("modified.configs", Check::Configs),
    ("modified.persisted_descriptions", Check::PersistedDescriptions),
    ("modified.relation", Check::Relation),
    ("modified.macros", Check::Macros),
    ("modified.contract", Check::Contract),
];

/// The project as it is, beside an earlier manifest of it.
pub struct Comparison<'a> {
    current: &'a Manifest,
    earlier: &'a EarlierManifest,
    /// `state_modified_compare_more_unrendered_values`
    unrendered: bool,
    warnings: Vec<Diagnostic>,
}

/// Anything that can be selected.
enum Item<'a> {
    Node(&'a Node),
    Entry(ResourceType, Cow<'a, Map<String, Json>>),
}

impl<'a> Comparison<'a> {
    /// A comparison. `unrendered`: sources are compared by what is written, not by what the target makes of it.
    pub fn new(current: &'a Manifest, earlier: &'a EarlierManifest, unrendered: bool) -> Self {
        Self { current, earlier, unrendered, warnings: Vec::new() }
    }

    /// Unique ids of what the words say, and what there is to warn of.
    ///
    /// # Errors
    /// There is no such comparison; a versioned model breaks its contract.
    pub fn find(mut self, words: &str) -> Result<Matches, Diagnostic> {
        let Some((_, check)) = CHECKS.iter().find(|(word, _)| *word == words) else {
            let all = CHECKS.map(|(word, _)| word);
            let message =
                format!("Got an invalid selector \"{words}\", expected one of \"{}\"", all.join(", "));
            let error = Diagnostic::error("K0706", "Runtime Error", message);
            return Err(match nearest(words, all) {
                Some(near) => error.with_hint(format!("did you mean 'state:{near}'?")),
                None => error,
            });
        };
        let touched = match check {
            Check::Modified | Check::Unmodified | Check::Macros => {
                macros::touched(self.current, self.earlier)
            }
            _ => Touched::default(),
        };
        let mut found = Vec::new();
        let current = self.current;
        for node in &current.nodes {
            if self.holds(*check, &Item::Node(node), &node.unique_id, &touched)? {
                found.push(node.unique_id.clone());
            }
        }
        for (id, source) in &current.sources {
            let item = Item::Entry(ResourceType::Source, Cow::Owned(source_entry(source)));
            if self.holds(*check, &item, id, &touched)? {
                found.push(id.clone());
            }
        }
        for (id, exposure) in &current.exposures {
            let item = Item::Entry(ResourceType::Exposure, Cow::Owned(exposure_entry(exposure)));
            if self.holds(*check, &item, id, &touched)? {
                found.push(id.clone());
            }
        }
        for (section, entries) in &current.other {
            let resource_type = match *section {
                "metrics" => ResourceType::Metric,
                "semantic_models" => ResourceType::SemanticModel,
                "saved_queries" => ResourceType::SavedQuery,
                "unit_tests" => ResourceType::UnitTest,
                _ => continue,
            };
            for (id, entry) in entries {
                let Json::Object(entry) = entry else { continue };
                if self.holds(*check, &Item::Entry(resource_type, Cow::Borrowed(entry)), id, &touched)? {
                    found.push(id.clone());
                }
            }
        }
        if matches!(check, Check::Modified | Check::Unmodified | Check::Contract) {
            self.removed()?;
        }
        Ok(Matches { ids: found, warnings: self.warnings })
    }

    fn holds(
        &mut self,
        check: Check,
        item: &Item<'_>,
        id: &str,
        touched: &Touched<'_>,
    ) -> Result<bool, Diagnostic> {
        match item {
            Item::Node(node) => self.node(check, node, touched),
            Item::Entry(resource_type, entry) => Ok(self.entry(check, *resource_type, entry, id, touched)),
        }
    }

    fn node(&mut self, check: Check, node: &Node, touched: &Touched<'_>) -> Result<bool, Diagnostic> {
        let earlier: &'a EarlierManifest = self.earlier;
        let old = earlier.node(&node.unique_id);
        let differs = |same: fn(&Node, &EarlierNode) -> bool| old.is_none_or(|old| !same(node, old));
        Ok(match check {
            Check::New => old.is_none(),
            Check::Old => old.is_some(),
            Check::Modified | Check::Unmodified => {
                let same = match old {
                    Some(old) => same_contents(node, old, &mut self.warnings)?,
                    None => false,
                };
                let modified = touched.by(node)? || !same;
                modified == (check == Check::Modified)
            }
            Check::Body => old.is_none_or(|old| {
                let (same, warning) = same_body(node, old);
                self.warnings.extend(warning);
                !same
            }),
            Check::Configs => differs(changes::same_config),
            Check::PersistedDescriptions => differs(same_persisted_descriptions),
            Check::Relation => differs(same_relation),
            Check::Macros => touched.by(node)?,
            Check::Contract => match old {
                None => true,
                Some(old) => match same_contract(node, old)? {
                    Breaking::No(same) => !same,
                    Breaking::Yes(warning) => {
                        self.warnings.push(warning);
                        true
                    }
                },
            },
        })
    }

    /// As [`Comparison::node`]. As with dbt, a source, an exposure or what belongs to the semantic layer is `new` and not
    /// `modified` when it was not there before.
    fn entry(
        &self,
        check: Check,
        resource_type: ResourceType,
        new: &Map<String, Json>,
        id: &str,
        touched: &Touched<'_>,
    ) -> bool {
        let old = match resource_type {
            ResourceType::Source => self.earlier.sources.get(id),
            ResourceType::Exposure => self.earlier.exposures.get(id),
            ResourceType::Metric => self.earlier.metrics.get(id),
            ResourceType::SemanticModel => self.earlier.semantic_models.get(id),
            ResourceType::SavedQuery => self.earlier.saved_queries.get(id),
            _ => self.earlier.unit_tests.get(id),
        };
        let macros = || {
            let called = new.get("depends_on").and_then(|d| d.get("macros")).and_then(Json::as_array);
            called.into_iter().flatten().filter_map(Json::as_str).any(|id| touched.contains(id))
        };
        match check {
            Check::New => old.is_none(),
            Check::Old => old.is_some(),
            Check::Modified | Check::Unmodified => {
                let same = match old {
                    Some(old) => changes::same_entry(resource_type, new, old, self.unrendered),
                    None => resource_type != ResourceType::UnitTest,
                };
                (!same || macros()) == (check == Check::Modified)
            }
            Check::Configs => match old {
                Some(old) => changes::same_entry_config(resource_type, new, old) == Some(false),
                None => resource_type != ResourceType::UnitTest,
            },
            Check::Relation => {
                resource_type == ResourceType::Source
                    && old.is_none_or(|old| !changes::same_source_relation(new, old, self.unrendered))
            }
            Check::Macros => macros(),
            Check::Body | Check::PersistedDescriptions | Check::Contract => false,
        }
    }

    /// Contracts of models that are gone. What is gone is never selected.
    fn removed(&mut self) -> Result<(), Diagnostic> {
        let current = self.current;
        for (id, node) in &self.earlier.nodes {
            if node.resource_type != "model" {
                continue;
            }
            let disabled = current.disabled.get(id).and_then(|entries| entries.first());
            let warning = match disabled.and_then(|entry| EarlierNode::deserialize(entry).ok()) {
                Some(disabled) => contract::removed(&disabled)?,
                None if !current.node_ids.contains_key(id) => contract::removed(node)?,
                None => None,
            };
            self.warnings.extend(warning);
        }
        Ok(())
    }
}
