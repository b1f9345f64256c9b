//! Drafts to nodes: config, property file, names.

use super::config::ConfigTrees;
use super::drafts::{Draft, diagnostic};
use super::patches::Patch;
use super::static_refs::{self, Reference};
use super::{Parser, Registry, versions};
use crate::{ColumnInfo, Node, ResourceType, version_text};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::Template;
use kpi_project::ColumnProperties;
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
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
        if node.language == "python" {
            let config = patched.get_or_insert_default();
            config.entry("materialized").or_insert_with(|| "table".into());
        }
        let version = patch.and_then(|patch| patch.version.as_ref());
        if let (Some(patch), Some((version, latest))) = (patch, version) {
            rename(&mut node, &patch.properties.name, &version.v, latest);
        }
        self.configure(trees, &mut node, patched.as_ref(), &captured.config, patch, &file)?;
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
        patched: Option<&Map<String, Json>>,
        call: &Map<String, Json>,
        patch: Option<&Patch<'_>>,
        file: &Arc<kpi_diagnostics::SourceFile>,
    ) -> Result<(), Diagnostic> {
        let resolved = trees
            .resolve(node.resource_type, &node.package_name, &node.fqn, patched, call)
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
        for tag in node.config.tags() {
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

    /// The name of the relation that a node makes.
    pub(super) fn relation_name(&self, node: &Node) -> Option<Arc<str>> {
        let kept = match node.resource_type {
            ResourceType::Test => self.stores_failures(node),
            _ => node.is_relational(),
        };
        kept.then(|| node.relation().render().into())
    }

    /// Whether a test keeps its failing rows: by its config, else by the flag.
    pub(super) fn stores_failures(&self, node: &Node) -> bool {
        let decided =
            node.config.str("store_failures_as").is_some() || node.config.bool("store_failures").is_some();
        if decided { node.config.store_failures() } else { self.shared.flag("store_failures") }
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
        (node.description, node.doc_blocks) = self
            .describe(&node.package_name, &node.unique_id, description)
            .map_err(|error| at(error, patch.span()))?;
        let columns = versions::columns(patch.properties, version);
        node.columns = self.columns(&node.package_name, &node.unique_id, columns.into_iter())?;
        if node.resource_type != ResourceType::Model {
            return Ok(());
        }
        node.constraints = patch
            .other("constraints")
            .and_then(Json::as_array)
            .map(|items| items.iter().map(|constraint| constraint_fields(constraint, true)).collect())
            .unwrap_or_default();
        node.deprecation_date = match version {
            Some(version) => version.other.get("deprecation_date"),
            None => patch.properties.other.get("deprecation_date"),
        }
        .and_then(Json::as_str)
        .map(str::to_owned);
        node.time_spine = patch.other("time_spine").cloned();
        let on_columns = node.columns.values().flat_map(|column| &column.constraints);
        for constraint in node.constraints.iter().chain(on_columns) {
            let Some(to) = constraint.get("to").and_then(Json::as_str) else { continue };
            match static_refs::parse(to) {
                Some(Reference::Ref(call)) => node.refs.push(call),
                Some(Reference::Source(pair)) => node.sources.push(pair),
                _ => {
                    return Err(Diagnostic::error(
                        "K0509",
                        "Parsing Error",
                        format!(
                            "Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {to}.",
                            node.name
                        ),
                    )
                    .with_span(patch.span().clone()));
                }
            }
        }
        if node.config.contract_enforced() {
            if node.columns.is_empty() {
                return Err(Diagnostic::error(
                    "K0509",
                    "Parsing Error",
                    format!(
                        "Contract enforcement failed for: ({})\nConstraints must be defined in a `yml` schema \
                         configuration file like `schema.yml`.",
                        node.original_file_path
                    ),
                )
                .with_span(patch.span().clone()));
            }
            node.contract_checksum = Some(contract_checksum(node));
        }
        Ok(())
    }

    /// Documented columns of an entry.
    pub(super) fn columns<'p>(
        &self,
        package: &Arc<str>,
        id: &str,
        columns: impl Iterator<Item = &'p ColumnProperties>,
    ) -> Result<IndexMap<Arc<str>, ColumnInfo>, Diagnostic> {
        let mut found = IndexMap::new();
        for column in columns {
            let (description, doc_blocks) =
                self.describe(package, id, &column.description).map_err(|mut error| {
                    error.span = Some(column.span.clone());
                    error
                })?;
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
                    .map(|constraint| constraint_fields(constraint, false))
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

/// A constraint with all of dbt's fields.
fn constraint_fields(constraint: &Json, of_model: bool) -> Json {
    let field = |key: &str, default: Json| constraint.get(key).cloned().unwrap_or(default);
    let mut map = Map::new();
    map.insert("type".into(), field("type", Json::Null));
    map.insert("name".into(), field("name", Json::Null));
    map.insert("expression".into(), field("expression", Json::Null));
    map.insert("warn_unenforced".into(), field("warn_unenforced", true.into()));
    map.insert("warn_unsupported".into(), field("warn_unsupported", true.into()));
    map.insert("to".into(), field("to", Json::Null));
    map.insert("to_columns".into(), field("to_columns", json!([])));
    if of_model {
        map.insert("columns".into(), field("columns", json!([])));
    }
    Json::Object(map)
}

/// A checksum of what a contract promises: columns, types and constraints.
fn contract_checksum(node: &Node) -> String {
    let mut columns: Vec<&ColumnInfo> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut state = String::new();
    for column in columns {
        let data_type = column.data_type.as_deref().unwrap_or("None");
        let constraints: Vec<String> = column.constraints.iter().map(|c| constraint_repr(c, false)).collect();
        state.push_str(&format!("|{}{data_type}[{}]", column.name, constraints.join(", ")));
    }
    let materialized = node.config.materialized();
    if matches!(materialized, "table" | "incremental") {
        let constraints: Vec<String> = node.constraints.iter().map(|c| constraint_repr(c, true)).collect();
        state.push_str(&format!("{materialized}[{}]", constraints.join(", ")));
    }
    hex::encode(Sha256::digest(state.as_bytes()))
}

fn constraint_repr(constraint: &Json, of_model: bool) -> String {
    let field = |key: &str| kpi_jinja::Value::from_json(constraint.get(key).unwrap_or(&Json::Null)).repr();
    let kind = constraint.get("type").and_then(Json::as_str).unwrap_or_default();
    let class = if of_model { "ModelLevelConstraint" } else { "ColumnLevelConstraint" };
    let columns = if of_model { format!(", columns={}", field("columns")) } else { String::new() };
    format!(
        "{class}(type=<ConstraintType.{kind}: '{kind}'>, name={}, expression={}, warn_unenforced={}, warn_unsupported={}, \
         to={}, to_columns={}{columns})",
        field("name"),
        field("expression"),
        field("warn_unenforced"),
        field("warn_unsupported"),
        field("to"),
        field("to_columns"),
    )
}
