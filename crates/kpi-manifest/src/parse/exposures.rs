//! Exposures and groups.

use super::config::ConfigTrees;
use super::drafts::{diagnostic, folders, fqn, relative_path};
use super::static_refs::{self, Reference};
use super::{Parser, Registry};
use crate::context::parsing::Captured;
use crate::lookup::DisabledEntry;
use crate::{Config, Exposure, Group, Node, ResourceType, node_json};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::Template;
use kpi_project::{ExposureProperties, Package, PropertyFile};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

impl Parser {
    /// All exposures that are enabled, not yet resolved.
    pub(super) fn exposures(
        &self,
        registry: &mut Registry,
        errors: &mut Vec<Diagnostic>,
    ) -> IndexMap<Arc<str>, Exposure> {
        let trees = ConfigTrees::new(self.project());
        let mut found: IndexMap<Arc<str>, Exposure> = IndexMap::new();
        let mut places: FxHashMap<Arc<str>, Span> = FxHashMap::default();
        for package in &self.project().packages {
            for file in &package.properties {
                for properties in &file.exposures {
                    let exposure = match self.exposure(&trees, package, file, properties) {
                        Ok(exposure) => exposure,
                        Err(error) => {
                            errors.push(error);
                            continue;
                        }
                    };
                    if !exposure.config.enabled() {
                        registry.lookup.disabled.entry(exposure.name.clone()).or_default().push(
                            DisabledEntry {
                                package: package.name.clone(),
                                unique_id: exposure.unique_id.clone(),
                                resource_type: ResourceType::Exposure,
                                original_file_path: file.path.clone(),
                            },
                        );
                        let entry = Json::Object(node_json::exposure_entry(&exposure));
                        registry.disabled_other.push((exposure.unique_id.clone(), entry));
                        continue;
                    }
                    if let Some(first) = places.insert(exposure.unique_id.clone(), properties.span.clone()) {
                        errors.push(twice("exposure", package, &properties.name, first, &properties.span));
                        continue;
                    }
                    found.insert(exposure.unique_id.clone(), exposure);
                }
            }
        }
        found
    }

    fn exposure(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        file: &PropertyFile,
        properties: &ExposureProperties,
    ) -> Result<Exposure, Diagnostic> {
        let name = &properties.name;
        let unique_id: Arc<str> = format!("exposure.{}.{name}", package.name).into();
        if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            let message =
                format!("The name of the exposure '{name}' holds more than letters, digits and underscores");
            self.warn(
                Diagnostic::warning("K0656", "Deprecation", message)
                    .with_span(properties.span.clone())
                    .with_hint("shorten the name, and put what people read into `label`")
                    .with_event("ExposureNameDeprecation", serde_json::json!({"exposure": &**name})),
            );
        }
        let relative = relative_path(package, &file.path);
        let fqn = fqn(&package.name, folders(relative), name);
        let map =
            |key: &str| properties.fields.get(key).and_then(Json::as_object).cloned().unwrap_or_default();
        let none = Map::new();
        let configured = map("config");
        let resolved = trees
            .resolve(ResourceType::Exposure, &package.name, &fqn, Some(&configured), &none)
            .map_err(|message| {
            Diagnostic::error("K0508", "Parsing Error", message)
                .with_span(properties.span.clone())
                .with_node(format!("exposure {name} ({})", file.path))
        })?;
        let mut tags: Vec<&str> = strings(properties.fields.get("tags"));
        tags.extend(resolved.config.tags());
        tags.sort_unstable();
        tags.dedup();
        let mut meta = map("meta");
        meta.extend(resolved.config.meta().cloned().unwrap_or_default());
        let mut set = (*resolved.config.set).clone();
        if !tags.is_empty() {
            set.insert("tags".into(), tags.iter().map(|tag| Json::from(*tag)).collect());
        }
        if !meta.is_empty() {
            set.insert("meta".into(), Json::Object(meta.clone()));
        }
        let tags: Vec<Arc<str>> = tags.into_iter().map(Arc::from).collect();
        let captured = self.exposure_references(package, file, properties)?;
        let mut fields = properties.fields.clone();
        for key in ["config", "tags", "meta", "depends_on", "name"] {
            fields.shift_remove(key);
        }
        if let Some(Json::String(text)) = fields.get("description") {
            let (rendered, _) = self.describe(&package.name, &unique_id, text).map_err(|mut error| {
                error.span = Some(properties.span.clone());
                error
            })?;
            fields.insert("description".into(), rendered.into());
        }
        Ok(Exposure {
            unique_id,
            name: name.clone(),
            package_name: package.name.clone(),
            path: relative.into(),
            original_file_path: file.path.clone(),
            fqn,
            config: Config::with(ResourceType::Exposure, set),
            unrendered_config: (*resolved.unrendered).clone(),
            tags,
            meta,
            fields,
            refs: captured.refs,
            sources: captured.sources,
            metrics: captured.metrics,
            depends_on_nodes: Vec::new(),
            created_at: self.created_at,
        })
    }

    /// What `depends_on` names.
    fn exposure_references(
        &self,
        package: &Package,
        file: &PropertyFile,
        properties: &ExposureProperties,
    ) -> Result<Captured, Diagnostic> {
        let mut captured = Captured::default();
        for expression in &properties.depends_on {
            match static_refs::parse(expression) {
                Some(Reference::Ref(call)) => captured.refs.push(call),
                Some(Reference::Source(pair)) => captured.sources.push(pair),
                Some(Reference::Metric(names)) => captured.metrics.push(names),
                None => {
                    let mut node =
                        Node::new(ResourceType::Exposure, package.name.clone(), properties.name.clone());
                    node.original_file_path = file.path.clone();
                    let text = format!("{{{{ {expression} }}}}");
                    let heading = node.heading();
                    let found = Template::parse_str(&file.file.name, &text)
                        .map_err(|error| diagnostic(&error, &heading, &file.file))
                        .and_then(|template| self.capture(node, &[&template], &file.file))
                        .map_err(|mut error| {
                            error.span = Some(properties.span.clone());
                            error
                        })?;
                    captured.refs.extend(found.1.refs);
                    captured.sources.extend(found.1.sources);
                    captured.metrics.extend(found.1.metrics);
                }
            }
        }
        Ok(captured)
    }

    /// All groups.
    pub(super) fn groups(&self, errors: &mut Vec<Diagnostic>) -> IndexMap<Arc<str>, Group> {
        let mut found: IndexMap<Arc<str>, Group> = IndexMap::new();
        let mut places: FxHashMap<Arc<str>, Span> = FxHashMap::default();
        for package in &self.project().packages {
            for file in &package.properties {
                for properties in &file.groups {
                    let unique_id: Arc<str> = format!("group.{}.{}", package.name, properties.name).into();
                    if let Some(first) = places.insert(unique_id.clone(), properties.span.clone()) {
                        errors.push(twice("group", package, &properties.name, first, &properties.span));
                        continue;
                    }
                    let map = |key: &str| {
                        properties.fields.get(key).and_then(Json::as_object).cloned().unwrap_or_default()
                    };
                    let group = Group {
                        unique_id: unique_id.clone(),
                        name: properties.name.clone(),
                        package_name: package.name.clone(),
                        path: relative_path(package, &file.path).into(),
                        original_file_path: file.path.clone(),
                        owner: map("owner"),
                        description: properties
                            .fields
                            .get("description")
                            .and_then(Json::as_str)
                            .map(str::to_owned),
                        config: map("config"),
                    };
                    found.insert(unique_id, group);
                }
            }
        }
        found
    }
}

fn strings(value: Option<&Json>) -> Vec<&str> {
    match value {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

fn twice(kind: &str, package: &Package, name: &str, first: Span, second: &Span) -> Diagnostic {
    let resource = |span: &Span| format!("- {kind}.{}.{name} ({})", package.name, span.file.name);
    Diagnostic::error(
        "K0609",
        "Compilation Error",
        format!(
            "dbt found two {kind}s with the name \"{name}\".\n\nSince these resources have the same name, dbt will be unable \
             to find the correct resource\nwhen looking for {name}.\n\nTo fix this, change the name of one of these \
             resources:\n{}\n{}",
            resource(&first),
            resource(second)
        ),
    )
    .with_span(second.clone())
    .with_related(first, "defined here too")
}
