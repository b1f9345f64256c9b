//! Which entry of a property file belongs to which node.

use super::Parser;
use super::config::ConfigTrees;
use super::drafts::Draft;
use super::versions::{latest_version, versioned_name};
use crate::ResourceType;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_project::{NodeProperties, Package, PropertyFile, VersionProperties};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// An entry of a property file, and the version of the model that it is applied to.
#[derive(Clone)]
pub(super) struct Patch<'p> {
    pub package: &'p Package,
    pub file: &'p PropertyFile,
    pub properties: &'p NodeProperties,
    pub version: Option<(&'p VersionProperties, Json)>,
}

impl Patch<'_> {
    /// Where it stands.
    pub(super) fn span(&self) -> &Span {
        self.version.as_ref().map_or(&self.properties.span, |(version, _)| &version.span)
    }

    /// `package://models/schema.yml`
    pub(super) fn path(&self) -> Arc<str> {
        format!("{}://{}", self.package.name, self.file.path).into()
    }

    /// Its config: `config:`, and what may also stand beside it.
    pub(super) fn config(&self) -> Map<String, Json> {
        let mut config = self.properties.config.clone();
        for key in ["meta", "docs", "group", "contract", "access"] {
            if let Some(value) = self.properties.other.get(key)
                && !config.contains_key(key)
            {
                config.insert(key.to_owned(), value.clone());
            }
        }
        if let Some((version, _)) = &self.version {
            deep_merge(&mut config, &version.config);
            if let Some(access) = version.other.get("access").filter(|access| access.is_string()) {
                config.insert("access".into(), access.clone());
            }
        }
        config
    }

    /// A key of the entry, or of its version.
    pub(super) fn other(&self, key: &str) -> Option<&Json> {
        let filled =
            |value: &&Json| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty());
        let of_version = self.version.as_ref().and_then(|(version, _)| version.other.get(key)).filter(filled);
        of_version.or_else(|| self.properties.other.get(key).filter(filled))
    }
}

fn deep_merge(into: &mut Map<String, Json>, over: &Map<String, Json>) {
    for (key, value) in over {
        match (into.get_mut(key), value) {
            (Some(Json::Object(old)), Json::Object(new)) => deep_merge(old, new),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Drafts by name: for each, its package and position.
type Named = FxHashMap<Arc<str>, Vec<(Arc<str>, usize)>>;

/// A section of property files and the nodes that it may patch.
fn sections(file: &PropertyFile) -> [(&'static str, ResourceType, &[NodeProperties]); 6] {
    [
        ("models", ResourceType::Model, &file.models),
        ("seeds", ResourceType::Seed, &file.seeds),
        ("snapshots", ResourceType::Snapshot, &file.snapshots),
        ("analyses", ResourceType::Analysis, &file.analyses),
        ("data_tests", ResourceType::Test, &file.data_tests),
        ("functions", ResourceType::Function, &file.functions),
    ]
}

struct Linker<'l, 'p> {
    parser: &'l Parser,
    trees: &'l ConfigTrees<'p>,
    drafts: &'l [Draft],
    refable: Named,
    others: FxHashMap<ResourceType, Named>,
    links: Vec<Option<Patch<'p>>>,
    errors: Vec<Diagnostic>,
}

impl Parser {
    /// The patch of each draft.
    pub(super) fn link_patches<'p>(
        &self,
        packages: &'p [Package],
        trees: &ConfigTrees<'p>,
        drafts: &[Draft],
    ) -> Result<Vec<Option<Patch<'p>>>, Vec<Diagnostic>> {
        let mut refable = Named::default();
        let mut others: FxHashMap<ResourceType, Named> = FxHashMap::default();
        for (i, draft) in drafts.iter().enumerate() {
            let node = &draft.node;
            let names = match node.is_refable() {
                true => &mut refable,
                false => others.entry(node.resource_type).or_default(),
            };
            names.entry(node.name.clone()).or_default().push((node.package_name.clone(), i));
        }
        let mut links = Vec::new();
        links.resize_with(drafts.len(), || None);
        let mut linker = Linker { parser: self, trees, drafts, refable, others, links, errors: Vec::new() };
        for package in packages {
            for file in &package.properties {
                for (key, resource_type, entries) in sections(file) {
                    for properties in entries {
                        linker.entry(package, file, key, resource_type, properties);
                    }
                }
            }
        }
        if linker.errors.is_empty() { Ok(linker.links) } else { Err(linker.errors) }
    }
}

impl<'p> Linker<'_, 'p> {
    fn entry(
        &mut self,
        package: &'p Package,
        file: &'p PropertyFile,
        key: &'static str,
        resource_type: ResourceType,
        properties: &'p NodeProperties,
    ) {
        let patch = Patch { package, file, properties, version: None };
        if resource_type == ResourceType::Model && !properties.versions.is_empty() {
            let latest = latest_version(properties);
            for version in &properties.versions {
                let name = versioned_name(&properties.name, version);
                let mut found = self.find(&name, package, resource_type, true);
                if found.is_empty() && version.v == latest {
                    found = self.find(&properties.name, package, resource_type, true);
                }
                if found.is_empty() {
                    self.not_found(&name, key, &version.span);
                }
                let patch = Patch { version: Some((version, latest.clone())), ..patch.clone() };
                self.apply(found, key, resource_type, patch);
            }
            return;
        }
        let found = self.find(&properties.name, package, resource_type, false);
        if found.is_empty() {
            self.not_found(&properties.name, key, &properties.span);
        }
        if found.len() > 1 && patch.config().get("enabled").and_then(Json::as_bool) == Some(true) {
            self.errors.push(
                Diagnostic::error(
                    "K0514",
                    "Parsing Error",
                    format!(
                        "Found {} matching disabled nodes for {} '{}'. Multiple nodes for the same unique id cannot be enabled \
                         in the schema file. They must be enabled in `dbt_project.yml` or in the sql files.",
                        found.len(),
                        resource_type.as_str(),
                        properties.name
                    ),
                )
                .with_span(properties.span.clone()),
            );
            return;
        }
        self.apply(found, key, resource_type, patch);
    }

    /// The drafts of a name: those of the package before others, enabled ones before disabled ones.
    fn find(&self, name: &str, package: &Package, resource_type: ResourceType, own_only: bool) -> Vec<usize> {
        let refable =
            matches!(resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
        let names = if refable { Some(&self.refable) } else { self.others.get(&resource_type) };
        let Some(all) = names.and_then(|names| names.get(name)) else { return Vec::new() };
        if let [(of, single)] = all.as_slice() {
            return if !own_only || *of == package.name { vec![*single] } else { Vec::new() };
        }
        let own: Vec<usize> = all.iter().filter(|(p, _)| *p == package.name).map(|(_, i)| *i).collect();
        let everywhere: Vec<usize> = match own_only {
            true => Vec::new(),
            false => all.iter().map(|(_, i)| *i).collect(),
        };
        // What another package has enabled goes before what this one has disabled.
        let enabled = own.iter().chain(&everywhere).copied().find(|i| self.enabled(*i));
        let candidates = if own.is_empty() { everywhere } else { own };
        match enabled {
            Some(first) => vec![first],
            None => candidates
                .into_iter()
                .filter(|i| self.drafts.get(*i).is_some_and(|d| d.node.resource_type == resource_type))
                .collect(),
        }
    }

    /// Whether a draft is enabled without its property file.
    fn enabled(&self, position: usize) -> bool {
        let Some(draft) = self.drafts.get(position) else { return false };
        let node = &draft.node;
        let config = &draft.captured.config;
        self.trees
            .resolve(node.resource_type, &node.package_name, &node.fqn, None, config)
            .is_ok_and(|resolved| resolved.config.enabled())
    }

    fn apply(&mut self, found: Vec<usize>, key: &str, resource_type: ResourceType, patch: Patch<'p>) {
        for position in found {
            let (Some(draft), Some(link)) = (self.drafts.get(position), self.links.get_mut(position)) else {
                continue;
            };
            if draft.node.resource_type != resource_type {
                self.parser.warn(
                    Diagnostic::warning(
                        "K0606",
                        "Warning",
                        format!(
                            "'{0}' is a {1} node, but it is specified in the {key} section of {2}. To fix this warning, \
                             place the `{0}` specification under the {1}s key instead.",
                            patch.properties.name,
                            draft.node.resource_type.as_str(),
                            patch.file.path
                        ),
                    )
                    .with_span(patch.span().clone())
                    .with_event(
                        "WrongResourceSchemaFile",
                        json!({
                            "patch_name": &*patch.properties.name,
                            "resource_type": draft.node.resource_type.as_str(),
                            "plural_resource_type": format!("{}s", draft.node.resource_type.as_str()),
                            "yaml_key": key,
                            "file_path": &*patch.file.path,
                        }),
                    ),
                );
                continue;
            }
            match link {
                Some(first) => self.errors.push(twice(first, &patch)),
                None => *link = Some(patch.clone()),
            }
        }
    }

    fn not_found(&self, name: &str, key: &str, span: &Span) {
        let known: Vec<&str> = match key {
            "analyses" => Vec::new(),
            _ => self.refable.keys().map(|name| &**name).collect(),
        };
        let mut warning = Diagnostic::warning(
            "K0607",
            "Warning",
            format!(
                "Did not find matching node for patch with name '{name}' in the '{key}' section of file '{}'",
                span.file.name
            ),
        )
        .with_span(span.clone())
        .with_event(
            "NoNodeForYamlKey",
            json!({"patch_name": name, "yaml_key": key, "file_path": &*span.file.name}),
        );
        if let Some(near) = kpi_diagnostics::nearest(name, known) {
            warning = warning.with_hint(format!("did you mean '{near}'?"));
        }
        self.parser.warn(warning);
    }
}

fn twice(first: &Patch<'_>, second: &Patch<'_>) -> Diagnostic {
    let name = &second.properties.name;
    let fix = match first.file.path == second.file.path {
        true => {
            format!("remove one of the resource entries for {name} in this file:\n - {}", first.file.path)
        }
        false => format!(
            "remove the resource entry for {name} in one of these files:\n - {}\n - {}",
            second.file.path, first.file.path
        ),
    };
    Diagnostic::error(
        "K0608",
        "Compilation Error",
        format!(
            "dbt found two schema.yml entries for the same resource named {name}. Resources and their associated columns \
             may only be described a single time. To fix this, {fix}"
        ),
    )
    .with_span(second.span().clone())
    .with_related(first.span().clone(), "described here too")
}
