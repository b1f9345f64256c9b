//! `graph`, results in hooks, and the table of a seed: what templates see of the whole project.

use crate::engine::Engine;
use kpi_adapter::SeedTable;
use kpi_jinja::{Error, ErrorKind, Result, Value};
use kpi_manifest::node_json::{exposure_entry, graph_node, graph_source, group_entry};
use kpi_manifest::{Manifest, Node, ResourceType};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// The manifest as dbt's `graph`: dicts by unique id.
fn graph(manifest: &Manifest) -> Json {
    let section = |entries: &mut dyn Iterator<Item = (&Arc<str>, Map<String, Json>)>| {
        Json::Object(entries.map(|(id, map)| (id.to_string(), Json::Object(map))).collect())
    };
    let other = |name: &str| {
        let entries = manifest.other.get(name);
        let entries = entries.map(|s| s.iter().map(|(id, entry)| (id.to_string(), entry.clone())).collect());
        Json::Object(entries.unwrap_or_default())
    };
    let is_function = |node: &&kpi_manifest::Node| node.resource_type == ResourceType::Function;
    let functions = manifest.nodes.iter().filter(is_function).map(|n| (&n.unique_id, graph_node(n)));
    let nodes = manifest.nodes.iter().filter(|n| !is_function(n)).map(|n| (&n.unique_id, graph_node(n)));
    let exposures = manifest.exposures.iter().map(|(id, e)| (id, exposure_entry(e)));
    let groups = manifest.groups.iter().map(|(id, g)| (id, group_entry(g)));
    let sources = manifest.sources.iter().map(|(id, s)| (id, graph_source(s)));
    let mut graph = Map::new();
    graph.insert("exposures".into(), section(&mut { exposures }));
    graph.insert("functions".into(), section(&mut { functions }));
    graph.insert("groups".into(), section(&mut { groups }));
    graph.insert("metrics".into(), other("metrics"));
    graph.insert("nodes".into(), section(&mut { nodes }));
    graph.insert("sources".into(), section(&mut { sources }));
    graph.insert("semantic_models".into(), other("semantic_models"));
    graph.insert("saved_queries".into(), other("saved_queries"));
    Json::Object(graph)
}

impl Engine {
    /// `graph`, made once.
    pub(crate) fn graph_value(&self) -> Value {
        self.graph.get_or_init(|| Value::from_json(&graph(&self.manifest))).clone()
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
