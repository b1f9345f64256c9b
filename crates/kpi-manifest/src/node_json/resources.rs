//! Sources, exposures, groups, macros, docs blocks.

use super::Entry;
use super::fields::{Columns, ConfigEntry, DependsOn, Docs, Fields, Refs};
use crate::{Config, Doc, Exposure, Group, ManifestMacro, ResourceType, SourceTable};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

impl Serialize for Entry<'_, SourceTable> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (source, nulls) = (self.item, self.nulls);
        let mut fields = Fields::begin(serializer, nulls)?;
        fields.maybe("database", source.database.as_ref())?;
        fields.put("schema", &source.schema)?;
        fields.put("name", &source.name)?;
        fields.put("resource_type", "source")?;
        fields.put("package_name", &source.package_name)?;
        fields.put("path", &source.path)?;
        fields.put("original_file_path", &source.original_file_path)?;
        fields.put("unique_id", &source.unique_id)?;
        fields.put("fqn", &source.fqn)?;
        fields.put("source_name", &source.source_name)?;
        fields.put("source_description", &source.source_description)?;
        fields.put("loader", &source.loader)?;
        fields.put("identifier", &source.identifier)?;
        let quoting = ["database", "schema", "identifier", "column"];
        fields.put("quoting", &Known { map: &source.quoting, keys: &quoting, nulls })?;
        fields.maybe("loaded_at_field", source.loaded_at_field.as_ref())?;
        fields.maybe("loaded_at_query", source.loaded_at_query.as_ref())?;
        fields.json("freshness", Some(&source.freshness))?;
        match &source.external {
            Json::Object(map) => {
                let keys = ["location", "file_format", "row_format", "tbl_properties", "partitions"];
                fields.put("external", &Known { map, keys: &keys, nulls })?;
            }
            other => fields.json("external", Some(other))?,
        }
        fields.put("description", &source.description)?;
        fields.put("columns", &Columns { columns: &source.columns, nulls })?;
        fields.put("meta", &source.meta)?;
        fields.put("source_meta", &source.source_meta)?;
        fields.put("tags", &source.tags)?;
        fields.put("config", &ConfigEntry { config: &source.config, nulls })?;
        fields.maybe("patch_path", source.patch_path.as_ref())?;
        fields.put("unrendered_config", &source.unrendered_config)?;
        fields.put("relation_name", &source.relation_name)?;
        fields.put("created_at", &source.created_at)?;
        fields.maybe("unrendered_database", source.unrendered_database.as_ref())?;
        fields.maybe("unrendered_schema", source.unrendered_schema.as_ref())?;
        fields.put("doc_blocks", &source.doc_blocks)?;
        fields.end()
    }
}

/// A map whose known keys come first, there or not.
struct Known<'a> {
    map: &'a Map<String, Json>,
    keys: &'a [&'a str],
    nulls: bool,
}

impl Serialize for Known<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        for key in self.keys {
            fields.json(key, self.map.get(*key))?;
        }
        for (key, value) in self.map.iter().filter(|(key, _)| !self.keys.contains(&key.as_str())) {
            fields.put(key, value)?;
        }
        fields.end()
    }
}

impl Serialize for Entry<'_, Exposure> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (exposure, nulls) = (self.item, self.nulls);
        let mut fields = Fields::begin(serializer, nulls)?;
        fields.put("name", &exposure.name)?;
        fields.put("resource_type", "exposure")?;
        fields.put("package_name", &exposure.package_name)?;
        fields.put("path", &exposure.path)?;
        fields.put("original_file_path", &exposure.original_file_path)?;
        fields.put("unique_id", &exposure.unique_id)?;
        fields.put("fqn", &exposure.fqn)?;
        fields.json("type", exposure.fields.get("type"))?;
        match exposure.fields.get("owner") {
            Some(Json::Object(map)) => {
                fields.put("owner", &Known { map, keys: &["email", "name"], nulls })?
            }
            other => fields.json("owner", other)?,
        }
        let description = exposure.fields.get("description").and_then(Json::as_str).unwrap_or_default();
        fields.put("description", description)?;
        fields.json("label", exposure.fields.get("label"))?;
        fields.json("maturity", exposure.fields.get("maturity"))?;
        fields.put("meta", &exposure.meta)?;
        fields.put("tags", &exposure.tags)?;
        fields.put("config", &ConfigEntry { config: &exposure.config, nulls })?;
        fields.put("unrendered_config", &exposure.unrendered_config)?;
        fields.json("url", exposure.fields.get("url"))?;
        fields.put("depends_on", &DependsOn { macros: &[], nodes: Some(&exposure.depends_on_nodes) })?;
        fields.put("refs", &Refs { calls: &exposure.refs, nulls })?;
        fields.put("sources", &exposure.sources)?;
        fields.put("metrics", &exposure.metrics)?;
        fields.put("created_at", &exposure.created_at)?;
        fields.end()
    }
}

impl Serialize for Entry<'_, Group> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (group, nulls) = (self.item, self.nulls);
        let mut fields = Fields::begin(serializer, nulls)?;
        fields.put("name", &group.name)?;
        fields.put("resource_type", "group")?;
        fields.put("package_name", &group.package_name)?;
        fields.put("path", &group.path)?;
        fields.put("original_file_path", &group.original_file_path)?;
        fields.put("unique_id", &group.unique_id)?;
        fields.put("owner", &Known { map: &group.owner, keys: &["email", "name"], nulls })?;
        fields.maybe("description", group.description.as_ref())?;
        match group.config.is_empty() {
            true => fields.put("config", Config::defaults(ResourceType::Group))?,
            false => fields.put("config", &group.config)?,
        }
        fields.end()
    }
}

impl Serialize for Entry<'_, ManifestMacro> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (item, nulls) = (self.item, self.nulls);
        let definition = &item.definition;
        let docs = Docs { docs: &item.docs, nulls };
        let mut fields = Fields::begin(serializer, nulls)?;
        fields.put("name", &definition.name)?;
        fields.put("resource_type", "macro")?;
        fields.put("package_name", &definition.package)?;
        fields.put("path", &definition.path)?;
        fields.put("original_file_path", &definition.path)?;
        fields.put("unique_id", &definition.unique_id)?;
        fields.put("macro_sql", &definition.code)?;
        fields.put("depends_on", &DependsOn { macros: &item.depends_on_macros, nodes: None })?;
        fields.put("description", &item.description)?;
        fields.put("meta", &item.meta)?;
        fields.put("docs", &docs)?;
        fields.put("config", &MacroConfig { item, docs })?;
        fields.maybe("patch_path", item.patch_path.as_ref())?;
        let arguments: Vec<_> = item.arguments.iter().map(|argument| Argument { argument, nulls }).collect();
        fields.put("arguments", &arguments)?;
        fields.put("created_at", &item.created_at)?;
        // The published schema knows these two languages only.
        let known = |language: &&Arc<str>| matches!(&***language, "sql" | "python");
        let languages = definition.supported_languages.as_ref().map(|list| list.iter().filter(known));
        fields.maybe("supported_languages", languages.map(|list| list.collect::<Vec<_>>()))?;
        fields.end()
    }
}

struct MacroConfig<'a> {
    item: &'a ManifestMacro,
    docs: Docs<'a>,
}

impl Serialize for MacroConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, true)?;
        fields.put("meta", &self.item.meta)?;
        fields.put("docs", &self.docs)?;
        for (key, value) in
            self.item.config.iter().filter(|(key, _)| !matches!(key.as_str(), "meta" | "docs"))
        {
            fields.put(key, value)?;
        }
        fields.end()
    }
}

struct Argument<'a> {
    argument: &'a Json,
    nulls: bool,
}

impl Serialize for Argument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.json("name", self.argument.get("name"))?;
        fields.json("type", self.argument.get("type"))?;
        fields.put(
            "description",
            self.argument.get("description").and_then(Json::as_str).unwrap_or_default(),
        )?;
        fields.end()
    }
}

impl Serialize for Entry<'_, Doc> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let doc = self.item;
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("name", &doc.name)?;
        fields.put("resource_type", "doc")?;
        fields.put("package_name", &doc.package_name)?;
        fields.put("path", &doc.path)?;
        fields.put("original_file_path", &doc.original_file_path)?;
        fields.put("unique_id", &doc.unique_id)?;
        fields.put("block_contents", &doc.block_contents)?;
        fields.end()
    }
}
