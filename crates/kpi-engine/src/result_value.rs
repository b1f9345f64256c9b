//! `results` of `on-run-end` hooks: every result with its node, both as deep as packages read them.

use crate::engine::Engine;
use crate::record::{Missing, Record};
use kpi_artifacts::NodeResult;
use kpi_jinja::Value;
use kpi_jinja::python::modules::datetime::datetime_value;
use kpi_manifest::node_json::{graph_node, refs_json};
use kpi_manifest::{Node, NodeId, ResourceType};
use serde_json::{Map, Value as Json, json};

/// A result as `on-run-end` hooks see it. `node`: its node, or what stands for it.
pub(crate) fn result_record(node: Value, result: &NodeResult) -> Record {
    let mut plain = match serde_json::to_value(result) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    };
    for of_the_file in ["unique_id", "compiled", "compiled_code", "relation_name"] {
        plain.remove(of_the_file);
    }
    plain.insert("agate_table".into(), Json::Null);
    if let Some(record) = node.downcast_ref::<Record>() {
        plain.insert("node".into(), Json::Object(record.plain.clone()));
    }
    let timing = plain.get("timing").and_then(Json::as_array).cloned().unwrap_or_default();
    let moments = result.timing.iter().zip(&timing).map(|(timing, plain)| {
        let moment = |at: Option<chrono::DateTime<chrono::Utc>>| {
            at.map_or(Value::None, |at| datetime_value(at.naive_utc(), None))
        };
        let mut record = Record::new("TimingInfo", plain.as_object().cloned().unwrap_or_default());
        record.set("started_at", moment(timing.started_at));
        record.set("completed_at", moment(timing.completed_at));
        record.into_value()
    });
    let moments = Value::list(moments.collect::<Vec<_>>());
    let mut record = Record::new("RunResult", plain);
    record.set("node", node);
    record.set("timing", moments);
    record.set("skipped", Value::Bool(result.status == kpi_artifacts::NodeStatus::Skipped));
    record
}

impl Engine {
    /// A node in dbt's form with what this run has made of it; `id`: its place in the manifest, if it has one.
    pub(crate) fn node_with_code(&self, node: &Node, id: Option<NodeId>) -> Map<String, Json> {
        let mut map = graph_node(node);
        let Some(id) = id else { return map };
        if let Some(done) = self.compiled.lock().get(&id) {
            map.insert("compiled".into(), true.into());
            map.insert("compiled_code".into(), (&*done.code).into());
            map.insert("extra_ctes_injected".into(), true.into());
            let ctes = done.ctes.iter().map(|(id, sql)| json!({"id": &**id, "sql": &**sql}));
            map.insert("extra_ctes".into(), ctes.collect());
            if let Some(path) = &done.path {
                map.insert("compiled_path".into(), (&**path).into());
            }
        }
        if let Some(path) = self.build_paths.lock().get(&id) {
            map.insert("build_path".into(), (&**path).into());
        }
        map
    }

    /// The definition of a unit test as an object.
    pub(crate) fn unit_test_value(&self, id: &str) -> Value {
        let entry = self.manifest.other.get("unit_tests").and_then(|section| section.get(id));
        let mut plain = entry.and_then(Json::as_object).cloned().unwrap_or_default();
        plain.insert("_event_status".into(), json!({}));
        let config = plain.get("config").and_then(Json::as_object).cloned().unwrap_or_default();
        let depends_on = plain.get("depends_on").cloned().unwrap_or_default();
        let mut record = Record::new(kind(ResourceType::UnitTest), plain);
        record.set("config", config_value(ResourceType::UnitTest, config));
        record.set("depends_on", Record::of("DependsOn", &depends_on));
        record.set("depends_on_nodes", Value::from_json(&depends_on["nodes"]));
        record.into_value()
    }

    /// A node as an object: its fields, and what a template can ask of it besides.
    pub(crate) fn node_value(&self, node: &Node, id: Option<NodeId>) -> Value {
        let plain = self.node_with_code(node, id);
        let config = plain.get("config").and_then(Json::as_object).cloned().unwrap_or_default();
        let columns = plain.get("columns").and_then(Json::as_object).cloned().unwrap_or_default();
        let mut record = Record::new(kind(node.resource_type), plain);
        record.set("config", config_value(node.resource_type, config));
        let columns = columns.iter().map(|(name, column)| (name.as_str(), Record::of("ColumnInfo", column)));
        record.set("columns", Value::dict(columns.collect::<Vec<_>>()));
        for (field, kind) in [
            ("depends_on", "DependsOn"),
            ("checksum", "FileHash"),
            ("docs", "Docs"),
            ("contract", "Contract"),
            ("test_metadata", "TestMetadata"),
        ] {
            if let Some(value) = record.plain.get(field).cloned() {
                record.set(field, Record::of(kind, &value));
            }
        }
        if record.plain.contains_key("refs") {
            let refs = refs_json(&node.refs);
            let refs = refs.as_array().into_iter().flatten().map(|call| Record::of("RefArgs", call));
            record.set("refs", Value::list(refs.collect::<Vec<_>>()));
        }
        let list = |ids: &[std::sync::Arc<str>]| Value::list(ids.iter().map(|id| Value::from(id.clone())));
        record.set("depends_on_nodes", list(&node.depends_on_nodes));
        record.set("depends_on_macros", list(&node.depends_on_macros));
        record.set("identifier", Value::from(node.alias.clone()));
        record.set("search_name", Value::from(node.search_name()));
        let file = format!("{}://{}", node.package_name, node.original_file_path);
        record.set("file_id", Value::from(file));
        let model = node.resource_type == ResourceType::Model;
        record.set("is_ephemeral", Value::Bool(node.config.materialized() == "ephemeral"));
        record.set("is_ephemeral_model", Value::Bool(model && node.config.materialized() == "ephemeral"));
        record.set("is_refable", Value::Bool(node.is_refable()));
        record.set("is_relational", Value::Bool(node.is_refable()));
        record.set("is_external_node", Value::Bool(false));
        record.set("is_versioned", Value::Bool(node.version.is_some()));
        for (field, default) in [
            ("compiled", Value::Bool(false)),
            ("compiled_code", Value::None),
            ("extra_ctes_injected", Value::Bool(false)),
            ("extra_ctes", Value::list([])),
        ] {
            if !record.plain.contains_key(field) {
                record.set(field, default);
            }
        }
        record.into_value()
    }
}

fn config_value(resource_type: ResourceType, plain: Map<String, Json>) -> Value {
    let kind = match resource_type {
        ResourceType::Model => "ModelConfig",
        ResourceType::Seed => "SeedConfig",
        ResourceType::Snapshot => "SnapshotConfig",
        ResourceType::Test => "TestConfig",
        _ => "NodeConfig",
    };
    let known = kpi_manifest::Config::defaults(resource_type);
    let made_up = plain.iter().filter(|(key, _)| !known.contains_key(*key));
    let extra: Map<String, Json> = made_up.map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut record = Record::new(kind, plain);
    record.missing = Missing::None;
    record.set("extra", Value::from_json(&Json::Object(extra)));
    record.into_value()
}

/// dbt's class of a node, for messages.
fn kind(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Model => "ModelNode",
        ResourceType::Seed => "SeedNode",
        ResourceType::Snapshot => "SnapshotNode",
        ResourceType::Test => "TestNode",
        ResourceType::Analysis => "AnalysisNode",
        ResourceType::Operation => "HookNode",
        ResourceType::UnitTest => "UnitTestDefinition",
        ResourceType::Function => "FunctionNode",
        _ => "CompiledNode",
    }
}
