//! What must hold of all nodes together.

use super::{Parser, config};
use crate::{Manifest, Node, ResourceType};
use kpi_diagnostics::{Diagnostic, Event, Level, SourceFile, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Two enabled nodes with one id.
pub(super) fn duplicate_name(first: &Node, second: &Node) -> Diagnostic {
    let kind = first.resource_type.as_str();
    let plural = match first.resource_type {
        ResourceType::Test => "data_tests".to_owned(),
        ResourceType::Analysis => "analyses".to_owned(),
        _ => format!("{kind}s"),
    };
    let (name, action) = match (&first.test_metadata, first.is_refable()) {
        (_, true) => (first.name.to_string(), format!("looking for ref(\"{}\")", first.name)),
        (None, false) => (first.name.to_string(), format!("looking for {}", first.name)),
        (Some(_), false) => {
            let column =
                first.column_name.as_ref().map(|c| format!("column \"{c}\" in ")).unwrap_or_default();
            let of = first.file_key_name.as_deref().unwrap_or_default();
            (format!("{}\" defined on {column}\"{of}", first.name), "running tests".to_owned())
        }
    };
    Diagnostic::error(
        "K0609",
        "Compilation Error",
        format!(
            "dbt found two {plural} with the name \"{name}\".\n\nSince these resources have the same name, dbt will be \
             unable to find the correct resource\nwhen {action}.\n\nTo fix this, change the name of one of these \
             resources:\n- {} ({})\n- {} ({})",
            first.unique_id, first.original_file_path, second.unique_id, second.original_file_path
        ),
    )
    .with_span(place(second))
    .with_related(place(first), "defined here too")
}

fn place(node: &Node) -> Span {
    Span::whole(SourceFile::new(node.original_file_path.clone(), ""))
}

impl Parser {
    /// Checks a manifest whose references are resolved.
    pub(super) fn check(&self, manifest: &Manifest, disabled: &[Node], errors: &mut Vec<Diagnostic>) {
        self.unique_relations(manifest, errors);
        let groups: FxHashSet<&str> = manifest.groups.values().map(|group| &*group.name).collect();
        let spaces_allowed =
            self.shared.flags.get("require_resource_names_without_spaces").and_then(Json::as_bool)
                == Some(false);
        let mut spaced: Vec<&Node> = Vec::new();
        for node in &manifest.nodes {
            if let Some(group) = &node.group
                && !groups.contains(&**group)
            {
                let mut known: Vec<&str> = groups.iter().copied().collect();
                known.sort_unstable();
                errors.push(
                    Diagnostic::error(
                        "K0614",
                        "Parsing Error",
                        format!("Invalid group '{group}', expected one of [{}]", known.join(", ")),
                    )
                    .with_span(place(node))
                    .with_node(node.heading()),
                );
            }
            if node.resource_type == ResourceType::Model
                && node.access.as_deref() == Some("public")
                && node.is_ephemeral()
            {
                errors.push(
                    Diagnostic::error(
                        "K0507",
                        "Parsing Error",
                        format!(
                            "Node {} with 'ephemeral' materialization has an invalid value (public) for the access field",
                            node.unique_id
                        ),
                    )
                    .with_span(place(node)),
                );
            }
            if node.resource_type == ResourceType::Snapshot
                && let Some(message) = snapshot_fault(node)
            {
                errors.push(
                    Diagnostic::error("K0515", "Parsing Error", message)
                        .with_span(place(node))
                        .with_node(node.heading()),
                );
            }
            if node.name.contains(' ') {
                spaced.push(node);
            }
        }
        self.names_with_spaces(&spaced, spaces_allowed, errors);
        self.unused_config_paths(manifest, disabled);
        self.check_deprecations(manifest);
        self.check_microbatch(manifest, errors);
    }

    /// Names hold no spaces; where a flag allows them, that is deprecated.
    fn names_with_spaces(&self, spaced: &[&Node], allowed: bool, errors: &mut Vec<Diagnostic>) {
        let debug = self.shared.flag("debug");
        let hint = "rename the file so that its name does not contain any spaces";
        let level = if allowed { Level::Warn } else { Level::Error };
        for (i, node) in spaced.iter().enumerate() {
            if debug || (allowed && i == 0) {
                let message = format!("Found spaces in the name of '{}'", node.unique_id);
                self.shared.sink.emit(
                    Event::new("SpacesInResourceNameDeprecation", level, message)
                        .with("unique_id", &*node.unique_id)
                        .with("level", level.as_str()),
                );
            }
            if !allowed {
                let message = format!(
                    "Resource names cannot contain spaces: '{}' ({})",
                    node.unique_id, node.original_file_path
                );
                errors.push(
                    Diagnostic::error("K0516", "Runtime Error", message)
                        .with_span(place(node))
                        .with_hint(hint),
                );
            }
        }
        if allowed && !spaced.is_empty() {
            let more = if debug { "" } else { ". Run again with `--debug` to see them all." };
            let message = format!("Spaces found in {} resource name(s){more}", spaced.len());
            self.warn(Diagnostic::warning("K0516", "Deprecation", message).with_hint(hint).with_event(
                "ResourceNamesWithSpacesDeprecation",
                json!({"count_invalid_names": spaced.len(), "show_debug_hint": !debug}),
            ));
        }
    }

    /// No two nodes may make one relation.
    fn unique_relations(&self, manifest: &Manifest, errors: &mut Vec<Diagnostic>) {
        let mut relations: FxHashMap<&str, &Node> = FxHashMap::default();
        let mut names: FxHashMap<(&str, &str), &Node> = FxHashMap::default();
        for node in &manifest.nodes {
            let Some(relation) = &node.relation_name else { continue };
            if let Some(other) = relations.insert(relation, node) {
                errors.push(
                    Diagnostic::error(
                        "K0617",
                        "Compilation Error",
                        format!(
                            "dbt found two resources with the database representation \"{relation}\".\ndbt cannot create two \
                             resources with identical database representations. To fix this,\nchange the configuration of \
                             one of these resources:\n- {} ({})\n- {} ({})",
                            other.unique_id, other.original_file_path, node.unique_id, node.original_file_path
                        ),
                    )
                    .with_span(place(node))
                    .with_related(place(other), "makes it too"),
                );
            }
            if !node.is_refable() {
                continue;
            }
            if let Some(other) = names.insert((&node.package_name, &node.name), node) {
                if other.version.is_some() != node.version.is_some() {
                    let (versioned, plain) =
                        if other.version.is_some() { (other, node) } else { (node, other) };
                    errors.push(
                        Diagnostic::error(
                            "K0618",
                            "Parsing Error",
                            format!(
                                "dbt found versioned and unversioned models with the name \"{0}\".\n\nTo fix this, change the \
                                 name of the unversioned resource {1} ({2}) or add the unversioned model to the versions in \
                                 {3}",
                                node.name,
                                plain.unique_id,
                                plain.original_file_path,
                                versioned.patch_path.as_deref().unwrap_or_default()
                            ),
                        )
                        .with_span(place(plain))
                        .with_related(place(versioned), "the versioned one"),
                    );
                } else if node.version.is_none() {
                    match self.shared.flag("require_unique_project_resource_names") {
                        true => errors.push(duplicate_name(other, node)),
                        false => self.warn(same_name(other, node)),
                    }
                }
            }
        }
    }

    fn unused_config_paths(&self, manifest: &Manifest, disabled: &[Node]) {
        let Some(root) = self.project().packages.first() else { return };
        let nodes =
            manifest.nodes.iter().chain(disabled).map(|node| (node.resource_type, node.fqn.as_slice()));
        let sources = manifest.sources.values().map(|source| (ResourceType::Source, source.fqn.as_slice()));
        let exposures = manifest.exposures.values().map(|e| (ResourceType::Exposure, e.fqn.as_slice()));
        // Sources and exposures that are disabled are kept in manifest form only.
        let fqn_of = |entry: &Json| -> Option<(ResourceType, Vec<Arc<str>>)> {
            let kind = ResourceType::from_word(entry.get("resource_type")?.as_str()?)?;
            let fqn = entry.get("fqn")?.as_array()?.iter().filter_map(Json::as_str).map(Arc::from);
            matches!(kind, ResourceType::Source | ResourceType::Exposure).then(|| (kind, fqn.collect()))
        };
        let off: Vec<(ResourceType, Vec<Arc<str>>)> =
            manifest.disabled.values().flatten().filter_map(fqn_of).collect();
        let off = off.iter().map(|(kind, fqn)| (*kind, fqn.as_slice()));
        let unused = config::unused_paths(&root.config, nodes.chain(sources).chain(exposures).chain(off));
        if unused.is_empty() {
            return;
        }
        let list: Vec<String> = unused.iter().map(|path| format!("- {path}")).collect();
        let file = if root.config.native { "kpi.toml" } else { "dbt_project.yml" };
        let mut warning = Diagnostic::warning(
            "K0619",
            "Warning",
            format!(
                "Configuration paths exist in your {file} file which do not apply to any resources.\nThere are {} unused \
                 configuration paths:\n{}",
                unused.len(),
                list.join("\n")
            ),
        )
        .with_event("UnusedResourceConfigPath", json!({"unused_config_paths": unused}));
        warning.span = root.config.file.clone().map(Span::whole);
        self.warn(warning);
    }
}

/// A model and a seed of one name, for instance.
fn same_name(first: &Node, second: &Node) -> Diagnostic {
    Diagnostic::warning(
        "K0637",
        "Deprecation",
        format!(
            "Found resources with the same name '{}' in package '{}': '{}' and '{}'",
            second.name, second.package_name, first.unique_id, second.unique_id
        ),
    )
    .with_span(place(second))
    .with_related(place(first), "has the name too")
    .with_hint("rename one of them")
    .with_event(
        "DuplicateNameDistinctNodeTypesDeprecation",
        json!({
            "resource_name": &*second.name,
            "unique_id1": &*first.unique_id,
            "unique_id2": &*second.unique_id,
            "package_name": &*second.package_name,
        }),
    )
}

/// What a snapshot's config lacks.
fn snapshot_fault(node: &Node) -> Option<String> {
    let config = &node.config;
    let filled = |key: &str| {
        config.set.get(key).is_some_and(|value| match value {
            Json::Null => false,
            Json::String(text) => !text.is_empty(),
            Json::Array(items) => !items.is_empty(),
            _ => true,
        })
    };
    if !filled("strategy") || !filled("unique_key") {
        return Some("Snapshots must be configured with a 'strategy' and 'unique_key'.".to_owned());
    }
    let of_strategy = match config.str("strategy") {
        Some("check") if !filled("check_cols") => Some(
            "A snapshot configured with the check strategy must specify a check_cols configuration."
                .to_owned(),
        ),
        Some("check") => config.str("check_cols").filter(|cols| *cols != "all").map(|cols| {
            format!("Invalid value for 'check_cols': {cols}. Expected 'all' or a list of strings.")
        }),
        Some("timestamp") if !filled("updated_at") => Some(
            "A snapshot configured with the timestamp strategy must specify an updated_at configuration."
                .to_owned(),
        ),
        Some("timestamp") if filled("check_cols") => {
            Some("A 'timestamp' snapshot should not have 'check_cols'".to_owned())
        }
        _ => None,
    };
    of_strategy.or_else(|| {
        let materialized = config.materialized();
        (!materialized.is_empty() && materialized != "snapshot")
            .then(|| "A snapshot must have a materialized value of 'snapshot'".to_owned())
    })
}
