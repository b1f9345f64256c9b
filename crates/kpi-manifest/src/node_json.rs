//! Nodes and sources as dbt's dicts: `model` and `graph` in templates, entries of `manifest.json`.

use crate::{ColumnInfo, Config, Exposure, Group, Node, RefCall, ResourceType, SourceTable};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// A node as `model` in a template: fields without a value are left out, as dbt does.
pub fn node_json(node: &Node) -> Map<String, Json> {
    without_nulls(node_entry(node))
}

/// A source as in `graph.sources`: fields without a value are left out.
pub fn source_json(source: &SourceTable) -> Map<String, Json> {
    without_nulls(source_entry(source))
}

/// An exposure as in `graph.exposures`: fields without a value are left out.
pub fn exposure_json(exposure: &Exposure) -> Map<String, Json> {
    without_nulls(exposure_entry(exposure))
}

/// A group as in `graph.groups`.
pub fn group_json(group: &Group) -> Map<String, Json> {
    without_nulls(group_entry(group))
}

fn without_nulls(mut map: Map<String, Json>) -> Map<String, Json> {
    map.retain(|_, value| !value.is_null());
    for key in ["config", "docs", "contract"] {
        if let Some(Json::Object(inner)) = map.get_mut(key) {
            inner.retain(|_, value| !value.is_null());
        }
    }
    if let Some(Json::Object(columns)) = map.get_mut("columns") {
        for column in columns.values_mut() {
            if let Json::Object(column) = column {
                column.retain(|_, value| !value.is_null());
            }
        }
    }
    if let Some(Json::Array(refs)) = map.get_mut("refs") {
        for call in refs {
            if let Json::Object(call) = call {
                call.retain(|_, value| !value.is_null());
            }
        }
    }
    map
}

fn texts(items: &[Arc<str>]) -> Json {
    Json::Array(items.iter().map(|t| Json::from(&**t)).collect())
}

fn lists(items: &[Vec<Arc<str>>]) -> Json {
    Json::Array(items.iter().map(|list| texts(list)).collect())
}

fn text(item: &Option<Arc<str>>) -> Json {
    item.as_deref().map_or(Json::Null, Json::from)
}

/// `ref()`s as dbt keeps them: a version that reads as a number is one.
pub fn refs_json(refs: &[RefCall]) -> Json {
    let version = |text: &Arc<str>| match text.parse::<i64>() {
        Ok(number) => Json::from(number),
        Err(_) => text.parse::<f64>().ok().filter(|f| f.is_finite()).map_or_else(|| Json::from(&**text), Json::from),
    };
    Json::Array(
        refs.iter()
            .map(|call| {
                json!({
                    "name": &*call.name,
                    "package": text(&call.package),
                    "version": call.version.as_ref().map_or(Json::Null, version),
                })
            })
            .collect(),
    )
}

/// Columns by name.
pub fn columns_json(columns: &IndexMap<Arc<str>, ColumnInfo>) -> Json {
    Json::Object(columns.iter().map(|(name, column)| (name.to_string(), column_json(column))).collect())
}

fn column_json(column: &ColumnInfo) -> Json {
    let mut config = Map::new();
    config.insert("meta".into(), column.config.get("meta").cloned().unwrap_or_else(|| json!({})));
    config.insert("tags".into(), column.config.get("tags").cloned().unwrap_or_else(|| json!([])));
    for (key, value) in &column.config {
        config.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let mut map = Map::new();
    map.insert("name".into(), (&*column.name).into());
    map.insert("description".into(), column.description.as_str().into());
    map.insert("meta".into(), Json::Object(column.meta.clone()));
    map.insert("data_type".into(), column.data_type.as_deref().map_or(Json::Null, Json::from));
    map.insert("constraints".into(), Json::Array(column.constraints.clone()));
    map.insert("quote".into(), column.quote.map_or(Json::Null, Json::from));
    map.insert("config".into(), Json::Object(config));
    map.insert("tags".into(), texts(&column.tags));
    map.insert("granularity".into(), column.extra.get("granularity").cloned().unwrap_or(Json::Null));
    map.insert("doc_blocks".into(), texts(&column.doc_blocks));
    for (key, value) in &column.extra {
        map.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Json::Object(map)
}

/// A node as an entry of `manifest.json`.
pub fn node_entry(node: &Node) -> Map<String, Json> {
    let seed = node.resource_type == ResourceType::Seed;
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| {
        map.insert(key.to_owned(), value);
    };
    put("database", text(&node.database));
    put("schema", (&*node.schema).into());
    put("name", (&*node.name).into());
    put("resource_type", node.resource_type.as_str().into());
    put("package_name", (&*node.package_name).into());
    put("path", (&*node.path).into());
    put("original_file_path", (&*node.original_file_path).into());
    put("unique_id", (&*node.unique_id).into());
    put("fqn", texts(&node.fqn));
    put("alias", (&*node.alias).into());
    put("checksum", json!({"name": node.checksum.name, "checksum": &*node.checksum.checksum}));
    put("config", Json::Object(node.config.effective()));
    put("tags", texts(&node.tags));
    put("description", node.description.as_str().into());
    put("columns", columns_json(&node.columns));
    put("meta", Json::Object(node.meta.clone()));
    put("group", text(&node.group));
    put("docs", Json::Object(docs_json(&node.docs)));
    put("patch_path", text(&node.patch_path));
    put("build_path", text(&node.build_path));
    put("unrendered_config", Json::Object((*node.unrendered_config).clone()));
    put("created_at", node.created_at.into());
    put("relation_name", text(&node.relation_name));
    put("raw_code", (&*node.raw_code).into());
    put("doc_blocks", texts(&node.doc_blocks));
    if seed {
        put("root_path", text(&node.root_path));
        put("depends_on", json!({"macros": texts(&node.depends_on_macros)}));
        return map;
    }
    put("language", node.language.into());
    put("refs", refs_json(&node.refs));
    put("sources", Json::Array(node.sources.iter().map(|pair| texts(pair)).collect()));
    put("metrics", lists(&node.metrics));
    put("functions", lists(&node.functions));
    put("depends_on", json!({"macros": texts(&node.depends_on_macros), "nodes": texts(&node.depends_on_nodes)}));
    put("compiled_path", text(&node.compiled_path));
    if let Some(code) = &node.compiled_code {
        put("compiled", true.into());
        put("compiled_code", (&**code).into());
        put("extra_ctes_injected", true.into());
        let ctes = node.extra_ctes.iter().map(|(id, sql)| json!({"id": &**id, "sql": &**sql})).collect();
        put("extra_ctes", Json::Array(ctes));
    }
    let contract = node.config.get("contract").unwrap_or(Json::Null);
    put(
        "contract",
        json!({
            "enforced": contract.get("enforced").and_then(Json::as_bool).unwrap_or(false),
            "alias_types": contract.get("alias_types").and_then(Json::as_bool).unwrap_or(true),
            "checksum": node.contract_checksum,
        }),
    );
    match node.resource_type {
        ResourceType::Model => {
            put("access", node.access.as_deref().unwrap_or("protected").into());
            put("constraints", Json::Array(node.constraints.clone()));
            put("version", node.version.clone().unwrap_or(Json::Null));
            put("latest_version", node.latest_version.clone().unwrap_or(Json::Null));
            put("deprecation_date", node.deprecation_date.as_deref().map_or(Json::Null, Json::from));
            put("primary_key", texts(&node.primary_key));
            put("time_spine", node.time_spine.clone().unwrap_or(Json::Null));
        }
        ResourceType::Test => {
            if let Some(metadata) = &node.test_metadata {
                put("column_name", text(&node.column_name));
                put("file_key_name", text(&node.file_key_name));
                put("attached_node", text(&node.attached_node));
                put(
                    "test_metadata",
                    json!({
                        "name": &*metadata.name,
                        "kwargs": metadata.kwargs,
                        "namespace": text(&metadata.namespace),
                    }),
                );
            }
        }
        ResourceType::Operation => put("index", node.hook_index.map_or(Json::Null, Json::from)),
        _ => {}
    }
    for (key, value) in &node.extra {
        put(key, value.clone());
    }
    map
}

fn docs_json(docs: &Map<String, Json>) -> Map<String, Json> {
    let mut map = Map::new();
    map.insert("show".into(), docs.get("show").cloned().unwrap_or(Json::Bool(true)));
    map.insert("node_color".into(), docs.get("node_color").cloned().unwrap_or(Json::Null));
    map
}

/// A source as an entry of `manifest.json`.
pub fn source_entry(source: &SourceTable) -> Map<String, Json> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| {
        map.insert(key.to_owned(), value);
    };
    let quoting = |key: &str| source.quoting.get(key).cloned().unwrap_or(Json::Null);
    put("database", text(&source.database));
    put("schema", (&*source.schema).into());
    put("name", (&*source.name).into());
    put("resource_type", "source".into());
    put("package_name", (&*source.package_name).into());
    put("path", (&*source.path).into());
    put("original_file_path", (&*source.original_file_path).into());
    put("unique_id", (&*source.unique_id).into());
    put("fqn", texts(&source.fqn));
    put("source_name", (&*source.source_name).into());
    put("source_description", source.source_description.as_str().into());
    put("loader", source.loader.as_str().into());
    put("identifier", (&*source.identifier).into());
    put(
        "quoting",
        json!({
            "database": quoting("database"), "schema": quoting("schema"), "identifier": quoting("identifier"),
            "column": quoting("column"),
        }),
    );
    put("loaded_at_field", source.loaded_at_field.as_deref().map_or(Json::Null, Json::from));
    put("loaded_at_query", source.loaded_at_query.as_deref().map_or(Json::Null, Json::from));
    put("freshness", source.freshness.clone());
    put("external", source.external.clone());
    put("description", source.description.as_str().into());
    put("columns", columns_json(&source.columns));
    put("meta", Json::Object(source.meta.clone()));
    put("source_meta", Json::Object(source.source_meta.clone()));
    put("tags", texts(&source.tags));
    put("config", Json::Object(source.config.effective()));
    put("patch_path", text(&source.patch_path));
    put("unrendered_config", Json::Object(source.unrendered_config.clone()));
    put("relation_name", (&*source.relation_name).into());
    put("created_at", source.created_at.into());
    put("unrendered_database", source.unrendered_database.as_deref().map_or(Json::Null, Json::from));
    put("unrendered_schema", source.unrendered_schema.as_deref().map_or(Json::Null, Json::from));
    put("doc_blocks", texts(&source.doc_blocks));
    map
}

/// An exposure as an entry of `manifest.json`.
pub fn exposure_entry(exposure: &Exposure) -> Map<String, Json> {
    let field = |key: &str| exposure.fields.get(key).cloned().unwrap_or(Json::Null);
    let mut map = Map::new();
    let mut put = |key: &str, value: Json| {
        map.insert(key.to_owned(), value);
    };
    put("name", (&*exposure.name).into());
    put("resource_type", "exposure".into());
    put("package_name", (&*exposure.package_name).into());
    put("path", (&*exposure.path).into());
    put("original_file_path", (&*exposure.original_file_path).into());
    put("unique_id", (&*exposure.unique_id).into());
    put("fqn", texts(&exposure.fqn));
    put("type", field("type"));
    put("owner", field("owner"));
    put("description", exposure.fields.get("description").cloned().unwrap_or_else(|| "".into()));
    put("label", field("label"));
    put("maturity", field("maturity"));
    put("meta", Json::Object(exposure.meta.clone()));
    put("tags", texts(&exposure.tags));
    put("config", Json::Object(exposure.config.effective()));
    put("unrendered_config", Json::Object(exposure.unrendered_config.clone()));
    put("url", field("url"));
    put("depends_on", json!({"macros": [], "nodes": texts(&exposure.depends_on_nodes)}));
    put("refs", refs_json(&exposure.refs));
    put("sources", Json::Array(exposure.sources.iter().map(|pair| texts(pair)).collect()));
    put("metrics", lists(&exposure.metrics));
    put("created_at", exposure.created_at.into());
    map
}

/// A group as an entry of `manifest.json`.
pub fn group_entry(group: &Group) -> Map<String, Json> {
    let config = match group.config.is_empty() {
        true => Config::defaults(ResourceType::Group).clone(),
        false => group.config.clone(),
    };
    let mut map = Map::new();
    map.insert("name".into(), (&*group.name).into());
    map.insert("resource_type".into(), "group".into());
    map.insert("package_name".into(), (&*group.package_name).into());
    map.insert("path".into(), (&*group.path).into());
    map.insert("original_file_path".into(), (&*group.original_file_path).into());
    map.insert("unique_id".into(), (&*group.unique_id).into());
    map.insert("owner".into(), Json::Object(group.owner.clone()));
    map.insert("description".into(), group.description.as_deref().map_or(Json::Null, Json::from));
    map.insert("config".into(), Json::Object(config));
    map
}
