//! Nodes, sources and the rest as dbt's dicts: `model` and `graph` in templates, entries of `manifest.json`.
//!
//! [`Entry`] serializes straight from what it borrows, so that a manifest of 10,000 models is written without a tree of
//! JSON in between; the functions make such a tree for one node.

mod fields;
mod nodes;
mod resources;

use crate::{ColumnInfo, Doc, Exposure, Group, ManifestMacro, Node, RefCall, ResourceType, SourceTable};
use fields::Columns;
use indexmap::IndexMap;
pub(crate) use nodes::moment as deprecation_moment;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Something in dbt's form, fields in dbt's order. It borrows what it shows.
#[derive(Clone, Copy)]
pub struct Entry<'a, T> {
    item: &'a T,
    nulls: bool,
}

impl<'a, T> Entry<'a, T> {
    /// As in `manifest.json`: fields without a value are `null`.
    pub fn new(item: &'a T) -> Self {
        Self { item, nulls: true }
    }

    /// As `model` in templates: fields without a value are left out.
    pub fn without_nulls(item: &'a T) -> Self {
        Self { item, nulls: false }
    }
}

/// A serializable thing as a map; what is not a map is an empty one.
fn map_of(item: impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(item) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    }
}

/// A node as `model` in a template: fields without a value are left out, as dbt does.
pub fn node_json(node: &Node) -> Map<String, Json> {
    let mut map = map_of(Entry::without_nulls(node));
    map.insert("config_call_dict".to_owned(), Json::Object((*node.config_call_dict).clone()));
    map.insert("unrendered_config_call_dict".to_owned(), Json::Object(Map::new()));
    map
}

/// A source as `model` in a template: fields without a value are left out.
pub fn source_json(source: &SourceTable) -> Map<String, Json> {
    map_of(Entry::without_nulls(source))
}

/// An exposure, fields without a value left out.
pub fn exposure_json(exposure: &Exposure) -> Map<String, Json> {
    map_of(Entry::without_nulls(exposure))
}

/// A group, fields without a value left out.
pub fn group_json(group: &Group) -> Map<String, Json> {
    map_of(Entry::without_nulls(group))
}

/// A node as an entry of `manifest.json` and of `graph.nodes`.
pub fn node_entry(node: &Node) -> Map<String, Json> {
    map_of(Entry::new(node))
}

/// A node as an entry of `graph.nodes`, and as `node` of a result: with what the manifest does not tell.
pub fn graph_node(node: &Node) -> Map<String, Json> {
    let mut map = node_entry(node);
    map.insert("config_call_dict".to_owned(), Json::Object((*node.config_call_dict).clone()));
    map.insert("unrendered_config_call_dict".to_owned(), Json::Object(Map::new()));
    match node.resource_type {
        ResourceType::Model => {
            map.insert("batch".to_owned(), Json::Null);
            map.insert("defer_relation".to_owned(), Json::Null);
        }
        ResourceType::Seed | ResourceType::Snapshot => {
            map.insert("defer_relation".to_owned(), Json::Null);
        }
        _ => {}
    }
    map
}

/// A source as an entry of `graph.sources`.
pub fn graph_source(source: &SourceTable) -> Map<String, Json> {
    let mut map = source_entry(source);
    map.insert("_event_status".to_owned(), Json::Object(Map::new()));
    map
}

/// A source as an entry of `manifest.json` and of `graph.sources`.
pub fn source_entry(source: &SourceTable) -> Map<String, Json> {
    map_of(Entry::new(source))
}

/// An exposure as an entry of `manifest.json` and of `graph.exposures`.
pub fn exposure_entry(exposure: &Exposure) -> Map<String, Json> {
    map_of(Entry::new(exposure))
}

/// A group as an entry of `manifest.json` and of `graph.groups`.
pub fn group_entry(group: &Group) -> Map<String, Json> {
    map_of(Entry::new(group))
}

/// A macro as an entry of `manifest.json`.
pub fn macro_entry(definition: &ManifestMacro) -> Map<String, Json> {
    map_of(Entry::new(definition))
}

/// A docs block as an entry of `manifest.json`.
pub fn doc_entry(doc: &Doc) -> Map<String, Json> {
    map_of(Entry::new(doc))
}

/// `ref()`s as dbt keeps them: a version that reads as a number is one.
pub fn refs_json(refs: &[RefCall]) -> Json {
    serde_json::to_value(fields::Refs { calls: refs, nulls: true }).unwrap_or_default()
}

/// Columns by name.
pub fn columns_json(columns: &IndexMap<Arc<str>, ColumnInfo>) -> Json {
    serde_json::to_value(Columns { columns, nulls: true }).unwrap_or_default()
}
