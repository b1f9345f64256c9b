//! `graph`, results in hooks, and the table of a seed: what templates see of the whole project.

use crate::engine::Engine;
use crate::record::Record;
use kpi_adapter::SeedTable;
use kpi_artifacts::NodeResult;
use kpi_jinja::{Error, ErrorKind, Result, Value};
use kpi_manifest::node_json::{exposure_entry, group_entry, node_entry, node_json, source_entry};
use kpi_manifest::{Manifest, Node};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// The manifest as dbt's `graph`: dicts by unique id.
fn graph(manifest: &Manifest) -> Json {
    let section = |entries: &mut dyn Iterator<Item = (&Arc<str>, Map<String, Json>)>| {
        Json::Object(entries.map(|(id, map)| (id.to_string(), Json::Object(map))).collect())
    };
    let mut graph = Map::new();
    let nodes = &mut manifest.nodes.iter().map(|n| (&n.unique_id, node_entry(n)));
    graph.insert("nodes".into(), section(nodes));
    graph
        .insert("sources".into(), section(&mut manifest.sources.iter().map(|(id, s)| (id, source_entry(s)))));
    graph.insert(
        "exposures".into(),
        section(&mut manifest.exposures.iter().map(|(id, e)| (id, exposure_entry(e)))),
    );
    graph.insert("groups".into(), section(&mut manifest.groups.iter().map(|(id, g)| (id, group_entry(g)))));
    for name in ["metrics", "semantic_models", "saved_queries", "unit_tests"] {
        let entries = manifest.other.get(name).map(|section| {
            section.iter().map(|(id, entry)| (id.to_string(), entry.clone())).collect::<Map<String, Json>>()
        });
        graph.insert(name.into(), Json::Object(entries.unwrap_or_default()));
    }
    Json::Object(graph)
}

impl Engine {
    /// `graph`, made once.
    pub(crate) fn graph_value(&self) -> Value {
        self.graph.get_or_init(|| Value::from_json(&graph(&self.manifest))).clone()
    }

    /// A result as `on-run-end` hooks see it.
    pub(crate) fn result_value(&self, node: &Node, result: &NodeResult) -> Value {
        let mut fields = serde_json::to_value(result).unwrap_or_default();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("unique_id");
        }
        let fields = Value::from_json(&fields);
        let node =
            Value::object(Record { kind: "Node", fields: Value::from_json(&Json::Object(node_json(node))) });
        if let Some(dict) = fields.as_dict() {
            dict.insert("node", node);
        }
        Value::object(Record { kind: "RunResult", fields })
    }

    /// The table of a seed, as `load_agate_table()` gives it.
    pub(crate) fn seed_table(&self, node: &Node) -> Result<Value> {
        let root =
            node.root_path.as_deref().map_or_else(|| self.project.root.clone(), std::path::PathBuf::from);
        let path = root.join(&*node.original_file_path);
        let delimiter = match node.config.get("delimiter").as_ref().and_then(Json::as_str) {
            None => b',',
            Some(text) => match text.as_bytes() {
                [one] => *one,
                _ => {
                    return Err(Error::compilation(format!(
                        "the delimiter of seed '{}' is '{text}': \"delimiter\" must be a 1-character string",
                        node.name
                    )));
                }
            },
        };
        let types = node.config.get("column_types");
        let overrides = |name: &str| types.as_ref()?.as_object()?.get(name)?.as_str().map(Arc::<str>::from);
        let table = SeedTable::read(&path, &node.original_file_path, delimiter, &overrides).map_err(|d| {
            let mut error = Error::new(ErrorKind::Runtime, d.message.clone());
            error.0.diagnostic = Some(d);
            error
        })?;
        Ok(table.into_value())
    }
}
