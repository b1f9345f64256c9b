//! Drafts to nodes: config, property file, names.

use super::config::{ConfigTrees, Layer};
use super::drafts::{Draft, diagnostic};
use super::later_checks::moment;
use super::patches::Patch;
use super::{Parser, Registry, contracts, versions};
use crate::{ColumnInfo, Node, ResourceType, version_text};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::Template;
use kpi_project::ColumnProperties;
use rayon::prelude::*;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

type Finished = (Node, Option<Template>);

impl Parser {
    /// Configures, patches and names all drafts.
    pub(super) fn finish_nodes(&self, drafts: Vec<Draft>) -> Result<Registry, Vec<Diagnostic>> {
        let shared = self.shared.clone();
        let trees = ConfigTrees::new(&shared.project);
        let links = self.link_patches(&shared.project.packages, &trees, &drafts)?;
        let work: Vec<(Draft, Option<Patch<'_>>)> = drafts.into_iter().zip(links).collect();
        let finished: Vec<Result<Finished, Diagnostic>> = work
            .into_par_iter()
            .with_min_len(32)
            .map(|(draft, patch)| self.finish(&trees, draft, patch.as_ref()))
            .collect();
        let mut registry = Registry::default();
        registry.lookup.node_package_first =
            self.shared.flag("require_ref_searches_node_package_before_root");
        registry.nodes.reserve(finished.len() * 3);
        let mut errors = Vec::new();
        for result in finished {
            if let Err(error) = result.and_then(|(node, template)| registry.add(node, template)) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(registry) } else { Err(errors) }
    }

    fn finish(
        &self,
        trees: &ConfigTrees<'_>,
        draft: Draft,
        patch: Option<&Patch<'_>>,
    ) -> Result<Finished, Diagnostic> {
        let Draft { mut node, mut captured, template, file } = draft;
        let mut patched = patch.map(Patch::config);
        super::python::default_materialization(&node, &mut patched);
        let version = patch.and_then(|patch| patch.version.as_ref());
        if let (Some(patch), Some((version, latest))) = (patch, version) {
            rename(&mut node, &patch.properties.name, &version.v, latest);
        }
        let written_patch = match (patch, &patched) {
            (Some(patch), Some(patched)) => self.written_patch(patch, patched),
            _ => None,
        };
        let layer = Layer { patch: patched.as_ref(), call: &captured.config };
        let written = Layer {
            patch: written_patch.as_ref().or(layer.patch),
            call: captured.written.as_ref().unwrap_or(layer.call),
        };
        self.configure(trees, &mut node, layer, written, patch, &file)?;
        node.config_call_dict = Arc::new(std::mem::take(&mut captured.config));
        node.refs = std::mem::take(&mut captured.refs);
        node.sources = std::mem::take(&mut captured.sources);
        if let Some(patch) = patch {
            self.patch(&mut node, patch)?;
        }
        self.names.apply(&self.parsing, &self.strict, &mut node)?;
        node.relation_name = self.relation_name(&node);
        let hooks = self.hook_templates(&node, &file)?;
        if !hooks.is_empty() {
            let templates: Vec<&Template> = hooks.iter().collect();
            let (rendered, more) = self.capture(node, &templates, &file)?;
            node = rendered;
            node.refs.extend(more.refs);
            node.sources.extend(more.sources);
            captured.metrics.extend(more.metrics);
            captured.macros.extend(
                more.macros.into_iter().filter(|id| !captured.macros.contains(id)).collect::<Vec<_>>(),
            );
        }
        node.metrics = captured.metrics;
        node.functions = captured.functions;
        node.depends_on_macros = captured.macros;
        Ok((node, template))
    }

    /// Resolves a node's config and copies what also lies beside it.
    pub(super) fn configure(
        &self,
        trees: &ConfigTrees<'_>,
        node: &mut Node,
        layer: Layer<'_>,
        written: Layer<'_>,
        patch: Option<&Patch<'_>>,
        file: &Arc<kpi_diagnostics::SourceFile>,
    ) -> Result<(), Diagnostic> {
        let resolved = trees
            .resolve_written(node.resource_type, &node.package_name, &node.fqn, layer, written)
            .map_err(|message| {
                let error = Diagnostic::error("K0508", "Parsing Error", message)
                    .with_span(Span::whole(file.clone()))
                    .with_node(node.heading());
                match patch {
                    Some(patch) => error.with_related(patch.span().clone(), "its properties"),
                    None => error,
                }
            })?;
        node.config = resolved.config;
        node.unrendered_config = resolved.unrendered;
        // dbt adds the tags of a property file when the file of the node is read already.
        let of_patch = layer.patch.and_then(|patch| patch.get("tags"));
        let late = |tag: &str| match of_patch {
            Some(Json::Array(tags)) => tags.iter().any(|late| late.as_str() == Some(tag)),
            Some(Json::String(late)) => late == tag,
            _ => false,
        };
        let (later, sooner): (Vec<&str>, Vec<&str>) =
            node.config.tags().into_iter().partition(|tag| late(tag));
        for tag in sooner.into_iter().chain(later) {
            if !node.tags.iter().any(|known| &**known == tag) {
                node.tags.push(tag.into());
            }
        }
        if let Some(meta) = node.config.meta() {
            node.meta = meta.clone();
        }
        if let Some(group) = node.config.str("group").filter(|group| !group.is_empty()) {
            node.group = Some(group.into());
        }
        if node.resource_type == ResourceType::Model {
            node.access = node.config.str("access").map(Arc::from);
        }
        if let Some(Json::Object(docs)) = node.config.set.get("docs") {
            node.docs = docs.clone();
        }
        if let Some(Json::Object(quoting)) = node.config.set.get("quoting") {
            node.quote = crate::context::quoting_over(self.shared.facts.quoting, quoting);
        }
        Ok(())
    }

    /// What a property file says, before templates: with dbt's flag, lists of both are joined.
    fn written_patch(&self, patch: &Patch<'_>, patched: &Map<String, Json>) -> Option<Map<String, Json>> {
        if !self.shared.flag("state_modified_compare_more_unrendered_values") {
            return None;
        }
        let written = match &patch.version {
            Some((version, _)) => &version.unrendered_config,
            None => &patch.properties.unrendered_config,
        };
        let mut merged = patched.clone();
        join(&mut merged, written);
        Some(merged)
    }

    /// The name of the relation that a node makes.
    pub(super) fn relation_name(&self, node: &Node) -> Option<Arc<str>> {
        let kept = match node.resource_type {
            ResourceType::Test => self.stores_failures(node),
            _ => node.is_relational(),
        };
        kept.then(|| node.relation().render().into())
    }

    /// Whether a test has a relation to keep its failing rows in: by its config or by the flag.
    pub(super) fn stores_failures(&self, node: &Node) -> bool {
        node.config.store_failures() || self.shared.flag("store_failures")
    }

    fn patch(&self, node: &mut Node, patch: &Patch<'_>) -> Result<(), Diagnostic> {
        let at = |mut error: Diagnostic, span: &Span| {
            error.span = Some(span.clone());
            error
        };
        node.patch_path = Some(patch.path());
        let version = patch.version.as_ref().map(|(version, _)| *version);
        let description = version
            .and_then(|version| version.description.as_deref())
            .filter(|text| !text.is_empty())
            .unwrap_or(&patch.properties.description);
        // Of what is disabled the descriptions are not rendered: the docs blocks they name need not be there.
        let rendered = node.config.enabled();
        if rendered {
            (node.description, node.doc_blocks) = self
                .describe(&node.package_name, &node.unique_id, description)
                .map_err(|error| at(error, patch.span()))?;
        } else {
            description.clone_into(&mut node.description);
        }
        let columns = versions::columns(patch.properties, version);
        node.columns = self.columns(&node.package_name, &node.unique_id, columns.into_iter(), rendered)?;
        if node.resource_type == ResourceType::Function {
            super::functions::describe(node, patch)?;
        }
        if node.resource_type != ResourceType::Model {
            return Ok(());
        }
        self.patch_constraints(node, patch)?;
        node.deprecation_date = match version {
            Some(version) => version.other.get("deprecation_date"),
            None => patch.properties.other.get("deprecation_date"),
        }
        .and_then(Json::as_str)
        .map(str::to_owned);
        if let Some(date) = node.deprecation_date.as_deref().filter(|date| moment(date).is_none()) {
            return Err(Diagnostic::error(
                "K0509",
                "Parsing Error",
                format!("Field \"deprecation_date\" of model {} has invalid value '{date}'", node.name),
            )
            .with_span(patch.span().clone())
            .with_hint("write a date, 2026-12-31, or a moment, 2026-12-31T08:00:00Z"));
        }
        node.time_spine = patch.other("time_spine").cloned();
        if node.config.contract_enforced() {
            node.contract_checksum = Some(contracts::checksum(node));
        }
        Ok(())
    }

    /// Documented columns of an entry.
    pub(super) fn columns<'p>(
        &self,
        package: &Arc<str>,
        id: &str,
        columns: impl Iterator<Item = &'p ColumnProperties>,
        rendered: bool,
    ) -> Result<IndexMap<Arc<str>, ColumnInfo>, Diagnostic> {
        let mut found = IndexMap::new();
        for column in columns {
            let (description, doc_blocks) = match rendered {
                true => self.describe(package, id, &column.description).map_err(|mut error| {
                    error.span = Some(column.span.clone());
                    error
                })?,
                false => (column.description.clone(), Vec::new()),
            };
            let mut config = Map::new();
            if !column.meta.is_empty() {
                config.insert("meta".into(), Json::Object(column.meta.clone()));
            }
            if !column.tags.is_empty() {
                config.insert("tags".into(), column.tags.iter().map(|tag| Json::from(&**tag)).collect());
            }
            let extra = column.other.iter().filter(|(key, _)| !matches!(key.as_str(), "docs"));
            let info = ColumnInfo {
                name: column.name.clone(),
                description,
                doc_blocks,
                meta: column.meta.clone(),
                data_type: column.data_type.clone(),
                constraints: column
                    .constraints
                    .iter()
                    .map(|constraint| contracts::fields(constraint, false))
                    .collect(),
                quote: column.quote,
                config,
                tags: column.tags.clone(),
                extra: extra.map(|(key, value)| (key.clone(), value.clone())).collect(),
            };
            found.insert(column.name.clone(), info);
        }
        Ok(found)
    }

    /// Templates of the node's hooks: they may refer to other nodes.
    fn hook_templates(
        &self,
        node: &Node,
        file: &Arc<kpi_diagnostics::SourceFile>,
    ) -> Result<Vec<Template>, Diagnostic> {
        if node.resource_type == ResourceType::Test {
            return Ok(Vec::new());
        }
        let mut templates = Vec::new();
        for key in ["pre-hook", "post-hook"] {
            let hooks = node.config.set.get(key).and_then(Json::as_array);
            for sql in hooks.into_iter().flatten().filter_map(|hook| hook.get("sql").and_then(Json::as_str)) {
                if !sql.contains("{{") && !sql.contains("{%") && !sql.contains("{#") {
                    continue;
                }
                let name = format!("{} ({key})", file.name);
                let template = Template::parse_str(&name, sql)
                    .map_err(|error| diagnostic(&error, &node.heading(), file))?;
                templates.push(template);
            }
        }
        Ok(templates)
    }
}

/// Dicts are joined key by key, lists end to end; anything else is replaced.
fn join(into: &mut Map<String, Json>, over: &Map<String, Json>) {
    for (key, value) in over {
        match (into.get_mut(key), value) {
            (Some(Json::Object(old)), Json::Object(new)) => join(old, new),
            (Some(Json::Array(old)), Json::Array(new)) => {
                let mut items = new.clone();
                items.append(old);
                *old = items;
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Makes a model a version of another name.
fn rename(node: &mut Node, name: &Arc<str>, version: &Json, latest: &Json) {
    let text: Arc<str> = format!("v{}", version_text(version)).into();
    node.unique_id = format!("model.{}.{name}.{text}", node.package_name).into();
    node.name = name.clone();
    node.alias = name.clone();
    if let Some(last) = node.fqn.last_mut() {
        *last = name.clone();
    }
    node.fqn.push(text);
    node.version = Some(version.clone());
    node.latest_version = Some(latest.clone());
}
