//! References to ids: `depends_on.nodes`, in the order that dbt has them.

use super::Parser;
use crate::lookup::{Found, ambiguous, capitalized, function_call, target_message};
use crate::{Exposure, Manifest, Node, RefCall, ResourceType};
use kpi_diagnostics::{Diagnostic, Event, Level, SourceFile, Span, nearest};
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What the references of a node turned out to be.
#[derive(Default)]
struct Outcome {
    depends_on: Vec<Arc<str>>,
    /// A test that refers to what is not there is not run.
    broken: bool,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Outcome {
    fn add(&mut self, id: &Arc<str>) {
        if !self.depends_on.contains(id) {
            self.depends_on.push(id.clone());
        }
    }
}

/// Who refers.
struct Referrer<'r> {
    unique_id: &'r Arc<str>,
    heading: String,
    package: &'r Arc<str>,
    is_test: bool,
    node: Option<&'r Node>,
}

impl Referrer<'_> {
    /// What structured logs say of a test's target that is not there.
    fn target_fields(&self, kind: &str, call: &RefCall, disabled: bool) -> Json {
        let title = self.node.map_or("", |node| node.resource_type.as_str());
        json!({
            "original_file_path": self.node.map(|node| &*node.original_file_path),
            "unique_id": &**self.unique_id,
            "resource_type_title": capitalized(title),
            "target_name": &*call.name,
            "target_kind": kind,
            "target_package": call.package.as_deref(),
            "disabled": if disabled { "True" } else { "False" },
        })
    }
}

impl Parser {
    /// Fills `depends_on` of nodes and exposures.
    pub(super) fn resolve(&self, manifest: &mut Manifest, errors: &mut Vec<Diagnostic>) {
        let outcomes: Vec<Outcome> = {
            let manifest: &Manifest = manifest;
            manifest
                .nodes
                .par_iter()
                .with_min_len(256)
                .map(|node| self.resolve_node(manifest, node))
                .collect()
        };
        for (node, outcome) in manifest.nodes.iter_mut().zip(outcomes) {
            node.depends_on_nodes = outcome.depends_on;
            errors.extend(outcome.errors);
            outcome.warnings.into_iter().for_each(|warning| self.warn(warning));
            if outcome.broken {
                let mut set: Map<String, Json> = (*node.config.set).clone();
                set.insert("enabled".into(), false.into());
                node.config.set = Arc::new(set);
            }
        }
        let outcomes: Vec<Outcome> =
            manifest.exposures.values().map(|exposure| self.resolve_exposure(manifest, exposure)).collect();
        for (exposure, outcome) in manifest.exposures.values_mut().zip(outcomes) {
            exposure.depends_on_nodes = outcome.depends_on;
            errors.extend(outcome.errors);
        }
    }

    /// Fills `depends_on` of one node that was added later.
    pub(super) fn resolve_one(&self, manifest: &Manifest, node: &mut Node) -> Result<(), Vec<Diagnostic>> {
        let outcome = self.resolve_node(manifest, node);
        if !outcome.errors.is_empty() {
            return Err(outcome.errors);
        }
        node.depends_on_nodes = outcome.depends_on;
        Ok(())
    }

    fn resolve_node(&self, manifest: &Manifest, node: &Node) -> Outcome {
        let mut outcome = Outcome::default();
        let calls = [node.refs.len(), node.sources.len(), node.metrics.len(), node.functions.len()];
        if calls == [0; 4] {
            return outcome;
        }
        let referrer = Referrer {
            unique_id: &node.unique_id,
            heading: match node.resource_type {
                ResourceType::SqlOperation => {
                    format!("Sql_Operation '{}' ({})", node.unique_id, node.original_file_path)
                }
                other => format!(
                    "{} '{}' ({})",
                    capitalized(other.as_str()),
                    node.unique_id,
                    node.original_file_path
                ),
            },
            package: &node.package_name,
            is_test: node.resource_type == ResourceType::Test,
            node: Some(node),
        };
        self.references(manifest, &referrer, &node.sources, &node.refs, &node.metrics, &mut outcome);
        self.functions(manifest, &referrer, &node.functions, &mut outcome);
        outcome
    }

    fn functions(
        &self,
        manifest: &Manifest,
        referrer: &Referrer<'_>,
        calls: &[Vec<Arc<str>>],
        outcome: &mut Outcome,
    ) {
        for names in calls {
            let call = function_call(names);
            match manifest.lookup.find_function(&call, &manifest.root_package, referrer.package) {
                Found::Here(id) => {
                    if let Some(target) = manifest.node_at(id) {
                        outcome.add(&target.unique_id);
                    }
                }
                found => {
                    let known = manifest.lookup.functions.keys().map(|name| &**name);
                    self.missing(manifest, referrer, "function", &call, &call.name, found, known, outcome);
                }
            }
        }
    }

    fn resolve_exposure(&self, manifest: &Manifest, exposure: &Exposure) -> Outcome {
        let mut outcome = Outcome::default();
        let referrer = Referrer {
            unique_id: &exposure.unique_id,
            heading: format!("Exposure '{}' ({})", exposure.unique_id, exposure.original_file_path),
            package: &exposure.package_name,
            is_test: false,
            node: None,
        };
        self.references(
            manifest,
            &referrer,
            &exposure.sources,
            &exposure.refs,
            &exposure.metrics,
            &mut outcome,
        );
        outcome
    }

    fn references(
        &self,
        manifest: &Manifest,
        referrer: &Referrer<'_>,
        sources: &[[Arc<str>; 2]],
        refs: &[RefCall],
        metrics: &[Vec<Arc<str>>],
        outcome: &mut Outcome,
    ) {
        let root = &manifest.root_package;
        for [source, table] in sources {
            match manifest.lookup.find_source(source, table, root, referrer.package) {
                Found::Here(position) => {
                    if let Some((id, _)) = manifest.sources.get_index(position) {
                        outcome.add(id);
                    }
                }
                found => {
                    let call =
                        RefCall { package: None, name: format!("{source}.{table}").into(), version: None };
                    let known = manifest.lookup.sources.keys().map(|name| &**name);
                    self.missing(manifest, referrer, "source", &call, table, found, known, outcome);
                }
            }
        }
        for call in refs {
            match manifest.lookup.find_ref(call, root, referrer.package) {
                Found::Here(id) => {
                    let Some(target) = manifest.node_at(id) else { continue };
                    if let Some(error) = self.refused(referrer, target) {
                        outcome.errors.push(self.placed(manifest, referrer, &call.name, error));
                        continue;
                    }
                    self.package_on_root(referrer, call, target, outcome);
                    outcome.add(&target.unique_id);
                }
                found => {
                    let known = manifest.lookup.refs.keys().map(|name| &**name);
                    self.missing(manifest, referrer, "node", call, &call.name, found, known, outcome);
                }
            }
        }
        for names in metrics {
            let (package, name) = match names.as_slice() {
                [name] => (None, name),
                [package, name] => (Some(package), name),
                _ => continue,
            };
            let entries = manifest.lookup.metrics.get(name).map(Vec::as_slice).unwrap_or_default();
            let found = match package {
                Some(package) => entries.iter().find(|(p, _)| p == package),
                None => entries.iter().find(|(p, _)| p == root || p == referrer.package).or(entries.first()),
            };
            match found {
                Some((_, id)) => outcome.add(id),
                None => {
                    let call = RefCall { package: package.cloned(), name: name.clone(), version: None };
                    let known = manifest.lookup.metrics.keys().map(|name| &**name);
                    self.missing(
                        manifest,
                        referrer,
                        "metric",
                        &call,
                        name,
                        Found::<()>::Missing,
                        known,
                        outcome,
                    );
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn missing<'k, T>(
        &self,
        manifest: &Manifest,
        referrer: &Referrer<'_>,
        kind: &str,
        call: &RefCall,
        written: &str,
        found: Found<T>,
        known: impl Iterator<Item = &'k str>,
        outcome: &mut Outcome,
    ) {
        let disabled = match &found {
            Found::Disabled(entry) => Some(entry),
            _ => None,
        };
        outcome.broken = true;
        if referrer.is_test {
            let message = target_message(&referrer.heading, kind, call, disabled);
            let fields = referrer.target_fields(kind, call, disabled.is_some());
            match (disabled.is_some(), kind) {
                // What a disabled node had in tests is disabled with it: that is worth no warning.
                (true, "node") => {
                    let data = fields.as_object().cloned().unwrap_or_default();
                    let name = "InvalidDisabledTargetInTestNode";
                    self.shared.sink.emit(Event { name, level: Level::Debug, message, data });
                }
                (is_disabled, _) => {
                    let name = if is_disabled {
                        "InvalidDisabledTargetInTestNode"
                    } else {
                        "NodeNotFoundOrDisabled"
                    };
                    outcome
                        .warnings
                        .push(Diagnostic::warning("K0611", "Warning", message).with_event(name, fields));
                }
            }
            return;
        }
        let message = match &found {
            Found::Ambiguous(packages) => ambiguous(call, packages),
            _ => target_message(&referrer.heading, kind, call, disabled),
        };
        let mut error = Diagnostic::error("K0612", "Compilation Error", message);
        if disabled.is_none() {
            error.hint = nearest(&call.name, known).map(|near| format!("did you mean '{near}'?"));
        }
        outcome.errors.push(self.placed(manifest, referrer, written, error));
    }

    /// Warns of a package's node that refers to one of the project's own without saying so: it may close a cycle.
    fn package_on_root(&self, referrer: &Referrer<'_>, call: &RefCall, target: &Node, outcome: &mut Outcome) {
        let root = self.shared.root_package();
        let Some(node) = referrer.node else { return };
        if node.package_name == root
            || target.package_name != root
            || call.package.as_ref() == Some(&root)
            || self.shared.flag("require_ref_searches_node_package_before_root")
        {
            return;
        }
        let message = format!(
            "The node '{}' in package '{}' depends on the root project node '{}', which may lead to unexpected cycles",
            node.name, node.package_name, target.unique_id
        );
        outcome.warnings.push(
            Diagnostic::warning("K0626", "Warning", message)
                .with_hint("set the flag require_ref_searches_node_package_before_root in the project file")
                .with_event(
                    "PackageNodeDependsOnRootProjectNode",
                    json!({
                        "node_name": &*node.name,
                        "package_name": &*node.package_name,
                        "root_project_unique_id": &*target.unique_id,
                    }),
                ),
        );
    }

    /// Puts an error where the name is written in the node's file.
    fn placed(
        &self,
        manifest: &Manifest,
        referrer: &Referrer<'_>,
        written: &str,
        error: Diagnostic,
    ) -> Diagnostic {
        let Some(node) = referrer.node else { return error };
        let template = node.template.and_then(|position| manifest.templates.get(position as usize));
        let file = match template {
            Some(template) => template.file().clone(),
            None => SourceFile::new(node.original_file_path.clone(), ""),
        };
        let quoted = ['\'', '"'].iter().find_map(|q| file.text.find(&format!("{q}{written}{q}")));
        match quoted {
            Some(offset) => {
                let position = file.position(offset + 1);
                error.with_span(Span::at(file, position.line, position.column))
            }
            None => error.with_span(Span::whole(file)),
        }
    }

    /// Why a node may not refer to another.
    fn refused(&self, referrer: &Referrer<'_>, target: &Node) -> Option<Diagnostic> {
        if target.resource_type != ResourceType::Model {
            return None;
        }
        let id = referrer.unique_id;
        let group = referrer.node.and_then(|node| node.group.as_ref());
        if referrer.node.is_some_and(|node| node.resource_type == ResourceType::SqlOperation) {
            return None;
        }
        let restricted = || {
            let root = self.shared.root_package();
            target.package_name != root
                && self
                    .project()
                    .package(&target.package_name)
                    .is_some_and(|package| package.config.restrict_access)
        };
        let (access, scope) = match target.access.as_deref() {
            Some("private") if group.is_none() || group != target.group.as_ref() || restricted() => {
                ("private", format!("'{}' group", target.group.as_deref().unwrap_or_default()))
            }
            None | Some("protected") if *referrer.package != target.package_name && restricted() => {
                ("protected", format!("'{}' package", target.package_name))
            }
            _ => return None,
        };
        Some(
            Diagnostic::error(
                "K0613",
                "Parsing Error",
                format!(
                    "Node {id} attempted to reference node {}, which is not allowed because the referenced node is \
                     {access} to the {scope}.",
                    target.unique_id
                ),
            )
            .with_hint(match access {
                "private" => "put both nodes into the same group, or give the referenced node another access",
                _ => "the package restricts access: only models with `access: public` may be referred to",
            }),
        )
    }

    /// Guesses primary keys of models from their constraints and tests.
    pub(super) fn infer_primary_keys(&self, manifest: &mut Manifest, disabled: &[Node]) {
        use rustc_hash::FxHashMap;
        #[derive(Default)]
        struct Columns<'n> {
            unique: Vec<&'n str>,
            disabled_unique: Vec<&'n str>,
            not_null: Vec<&'n str>,
        }
        let mut tested: FxHashMap<&str, Columns<'_>> = FxHashMap::default();
        for node in manifest.nodes.iter().chain(disabled) {
            let (Some(metadata), Some(attached)) = (&node.test_metadata, &node.attached_node) else {
                continue;
            };
            if !matches!(&*metadata.name, "unique" | "unique_combination_of_columns" | "not_null") {
                continue;
            }
            let columns: Vec<&str> =
                match (metadata.kwargs.get("column_name"), metadata.kwargs.get("combination_of_columns")) {
                    (Some(Json::String(column)), _) => vec![column],
                    (_, Some(Json::Array(columns))) => columns.iter().filter_map(Json::as_str).collect(),
                    _ => continue,
                };
            let entry = tested.entry(attached).or_default();
            let list = match (&*metadata.name, node.config.enabled()) {
                ("not_null", _) => &mut entry.not_null,
                (_, true) => &mut entry.unique,
                (_, false) => &mut entry.disabled_unique,
            };
            list.extend(columns);
        }
        let mut keys: Vec<(usize, Vec<Arc<str>>)> = Vec::new();
        for (i, node) in manifest.nodes.iter().enumerate() {
            if node.resource_type != ResourceType::Model {
                continue;
            }
            let is_primary = |c: &&Json| c.get("type").and_then(Json::as_str) == Some("primary_key");
            let mut key: Vec<&str> = match node.constraints.iter().find(is_primary) {
                Some(constraint) => constraint
                    .get("columns")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect(),
                None => match node
                    .columns
                    .iter()
                    .find(|(_, column)| column.constraints.iter().any(|c| is_primary(&c)))
                {
                    Some((name, _)) => vec![name],
                    None => match tested.get(&*node.unique_id) {
                        None => continue,
                        Some(columns) => {
                            let both: Vec<&str> = columns
                                .not_null
                                .iter()
                                .filter(|c| columns.unique.contains(c) || columns.disabled_unique.contains(c))
                                .copied()
                                .collect();
                            match (both.is_empty(), columns.unique.is_empty()) {
                                (false, _) => both,
                                (true, false) => columns.unique.clone(),
                                (true, true) => columns.disabled_unique.clone(),
                            }
                        }
                    },
                },
            };
            key.sort_unstable();
            key.dedup();
            if !key.is_empty() {
                keys.push((i, key.into_iter().map(Arc::from).collect()));
            }
        }
        for (i, key) in keys {
            if let Some(node) = manifest.nodes.get_mut(i) {
                node.primary_key = key;
            }
        }
    }
}
