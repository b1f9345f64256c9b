//! Nodes: models, seeds, snapshots, tests, analyses, operations, functions.

use super::Entry;
use super::fields::{Columns, ConfigEntry, Constraints, DependsOn, Docs, Fields, Refs};
use crate::{Node, ResourceType, TestMetadata};
use chrono::{Local, NaiveDate, NaiveDateTime};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::sync::Arc;

impl Serialize for Entry<'_, Node> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (node, nulls) = (self.item, self.nulls);
        let mut fields = Fields::begin(serializer, nulls)?;
        // A function begins with what it returns.
        let returns = node.extra.get("returns").filter(|_| node.resource_type == ResourceType::Function);
        if let Some(returns) = returns {
            fields.put("returns", returns)?;
        }
        fields.maybe("database", node.database.as_ref())?;
        fields.put("schema", &node.schema)?;
        fields.put("name", &node.name)?;
        fields.put("resource_type", node.resource_type.as_str())?;
        fields.put("package_name", &node.package_name)?;
        fields.put("path", &node.path)?;
        fields.put("original_file_path", &node.original_file_path)?;
        fields.put("unique_id", &node.unique_id)?;
        fields.put("fqn", &node.fqn)?;
        fields.put("alias", &node.alias)?;
        fields.put(
            "checksum",
            &ChecksumEntry { name: node.checksum.name, checksum: &node.checksum.checksum },
        )?;
        fields.put("config", &ConfigEntry { config: &node.config, nulls })?;
        fields.put("tags", &node.tags)?;
        fields.put("description", &node.description)?;
        fields.put("columns", &Columns { columns: &node.columns, nulls })?;
        fields.put("meta", &node.meta)?;
        fields.maybe("group", node.group.as_ref())?;
        fields.put("docs", &Docs { docs: &node.docs, nulls })?;
        fields.maybe("patch_path", node.patch_path.as_ref())?;
        fields.maybe("build_path", node.build_path.as_ref())?;
        fields.put("unrendered_config", &node.unrendered_config)?;
        fields.put("created_at", &node.created_at)?;
        fields.maybe("relation_name", node.relation_name.as_ref())?;
        fields.put("raw_code", &node.raw_code)?;
        fields.put("doc_blocks", &node.doc_blocks)?;
        if node.resource_type == ResourceType::Seed {
            fields.maybe("root_path", node.root_path.as_ref())?;
            fields.put("depends_on", &DependsOn { macros: &node.depends_on_macros, nodes: None })?;
            return fields.end();
        }
        compiled(&mut fields, node, nulls)?;
        match node.resource_type {
            ResourceType::Model => model(&mut fields, node, nulls)?,
            ResourceType::Test => {
                if let Some(metadata) = &node.test_metadata {
                    fields.maybe("column_name", node.column_name.as_ref())?;
                    fields.maybe("file_key_name", node.file_key_name.as_ref())?;
                    fields.maybe("attached_node", node.attached_node.as_ref())?;
                    fields.put("test_metadata", &TestMetadataEntry { metadata, nulls })?;
                }
            }
            ResourceType::Operation => fields.maybe("index", node.hook_index)?,
            _ => {}
        }
        for (key, value) in &node.extra {
            if !(returns.is_some() && key == "returns") {
                fields.put(key, value)?;
            }
        }
        fields.end()
    }
}

/// What all but seeds have.
fn compiled<S: Serializer>(fields: &mut Fields<S>, node: &Node, nulls: bool) -> Result<(), S::Error> {
    fields.put("language", node.language)?;
    fields.put("refs", &Refs { calls: &node.refs, nulls })?;
    fields.put("sources", &node.sources)?;
    fields.put("metrics", &node.metrics)?;
    fields.put("functions", &node.functions)?;
    fields.put(
        "depends_on",
        &DependsOn { macros: &node.depends_on_macros, nodes: Some(&node.depends_on_nodes) },
    )?;
    fields.maybe("compiled_path", node.compiled_path.as_ref())?;
    if let Some(code) = &node.compiled_code {
        fields.put("compiled", &true)?;
        fields.put("compiled_code", code)?;
        fields.put("extra_ctes_injected", &true)?;
        let ctes: Vec<_> = node.extra_ctes.iter().map(|(id, sql)| CteEntry { id, sql }).collect();
        fields.put("extra_ctes", &ctes)?;
    }
    fields.put("contract", &Contract { node, nulls })
}

/// What models have.
fn model<S: Serializer>(fields: &mut Fields<S>, node: &Node, nulls: bool) -> Result<(), S::Error> {
    fields.put("access", node.access.as_deref().unwrap_or("protected"))?;
    fields.put("constraints", &Constraints { constraints: &node.constraints, of_model: true, nulls })?;
    fields.json("version", node.version.as_ref())?;
    fields.json("latest_version", node.latest_version.as_ref())?;
    fields.maybe("deprecation_date", node.deprecation_date.as_deref().map(moment))?;
    fields.put("primary_key", &node.primary_key)?;
    match node.time_spine.as_ref().and_then(Json::as_object) {
        Some(map) if !map.contains_key("custom_granularities") => {
            let mut map = map.clone();
            map.insert("custom_granularities".to_owned(), Json::Array(Vec::new()));
            fields.put("time_spine", &map)
        }
        _ => fields.json("time_spine", node.time_spine.as_ref()),
    }
}

/// A date as dbt writes it: with a time and a zone, which is the machine's own unless it is given.
pub(crate) fn moment(text: &str) -> Cow<'_, str> {
    let date = text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    let naive = date.or_else(|| text.parse::<NaiveDateTime>().ok());
    match naive.and_then(|naive| naive.and_local_timezone(Local).earliest()) {
        Some(time) => Cow::Owned(time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()),
        None => Cow::Borrowed(text),
    }
}

#[derive(Serialize)]
struct ChecksumEntry<'a> {
    name: &'a str,
    checksum: &'a Arc<str>,
}

#[derive(Serialize)]
struct CteEntry<'a> {
    id: &'a Arc<str>,
    sql: &'a Arc<str>,
}

struct Contract<'a> {
    node: &'a Node,
    nulls: bool,
}

impl Serialize for Contract<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let contract = self.node.config.value("contract");
        let flag = |key: &str, default: bool| {
            contract.as_ref().and_then(|c| c.get(key)).and_then(Json::as_bool).unwrap_or(default)
        };
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("enforced", &flag("enforced", false))?;
        fields.put("alias_types", &flag("alias_types", true))?;
        fields.maybe("checksum", self.node.contract_checksum.as_ref())?;
        fields.end()
    }
}

struct TestMetadataEntry<'a> {
    metadata: &'a TestMetadata,
    nulls: bool,
}

impl Serialize for TestMetadataEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("name", &self.metadata.name)?;
        fields.put("kwargs", &self.metadata.kwargs)?;
        fields.maybe("namespace", self.metadata.namespace.as_ref())?;
        fields.end()
    }
}
