//! What structured logs say of a node, of its group and of its result, in the shapes that dbt's log has.

use chrono::{DateTime, SecondsFormat, Utc};
use kpi_artifacts::NodeResult;
use kpi_manifest::{Group, Manifest, Node};
use serde_json::{Map, Value as Json, json};

/// Where a node is in its life.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// `started`, `compiling`, `executing`, `success`, `error`...; empty before and after.
    pub status: &'static str,
    /// When it started.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished: Option<DateTime<Utc>>,
}

/// The time format of `node_info`.
fn iso(time: Option<DateTime<Utc>>) -> String {
    time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()).unwrap_or_default()
}

/// A value as Python's `str()` shows it: structured logs hold free-form values as text.
pub fn python_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => kpi_jinja::Value::from_json(other).to_string(),
    }
}

/// A mapping whose values are text.
pub(crate) fn texts<'a>(map: impl IntoIterator<Item = (&'a String, &'a Json)>) -> Map<String, Json> {
    map.into_iter().map(|(key, value)| (key.clone(), Json::from(python_text(value)))).collect()
}

/// `node_info` of a node.
pub fn node_info(node: &Node, life: &Life) -> Json {
    let materialized = node.config.get("materialized").and_then(|v| v.as_str().map(str::to_owned));
    json!({
        "node_path": &*node.path,
        "node_name": &*node.name,
        "unique_id": &*node.unique_id,
        "resource_type": node.resource_type.as_str(),
        "materialized": materialized.unwrap_or_default(),
        // Python's word for no status.
        "node_status": if life.status.is_empty() { "None" } else { life.status },
        "node_started_at": iso(life.started),
        "node_finished_at": iso(life.finished),
        "meta": node.meta,
        "node_relation": {
            "database": node.database.as_deref().unwrap_or_default(),
            "schema": &*node.schema,
            "alias": &*node.alias,
            "relation_name": node.relation_name.as_deref().unwrap_or_default(),
        },
        "node_checksum": &*node.checksum.checksum,
    })
}

/// `node_info` of what is no node of the manifest: an exposure, a saved query.
pub(crate) fn bare_info(kind: &str, name: &str, unique_id: &str, status: &str) -> Json {
    json!({
        "node_path": "", "node_name": name, "unique_id": unique_id, "resource_type": kind, "materialized": "",
        "node_status": status, "node_started_at": "", "node_finished_at": "", "meta": {},
        "node_relation": {"database": "", "schema": "", "alias": "", "relation_name": ""}, "node_checksum": "",
    })
}

/// A group.
fn group_info(group: &Group) -> Json {
    let owner = texts(group.owner.iter().filter(|(_, value)| !value.is_null()));
    json!({"name": &*group.name, "package_name": &*group.package_name, "owner": owner})
}

/// The group of a node; a test is in that of the node that it tests.
pub fn group_of(manifest: &Manifest, node: &Node) -> Option<Json> {
    let tested = || manifest.node(node.attached_node.as_deref()?)?.group.as_ref();
    let name = node.group.as_ref().or_else(tested)?;
    manifest.groups.values().find(|group| group.name == *name).map(group_info)
}

/// `run_result`: a result without its SQL.
pub fn result_info(result: &NodeResult) -> Json {
    let time = |time: Option<DateTime<Utc>>| time.map(|t| t.to_rfc3339_opts(SecondsFormat::Micros, true));
    let timing: Vec<Json> = result
        .timing
        .iter()
        .map(|step| {
            json!({"name": step.name, "started_at": time(step.started_at), "completed_at": time(step.completed_at)})
        })
        .collect();
    json!({
        "status": result.status.as_str(),
        "message": result.message.as_deref().unwrap_or_default(),
        "timing_info": timing,
        "thread": result.thread_id,
        "execution_time": result.execution_time,
        "adapter_response": result.adapter_response,
        "num_failures": result.failures.unwrap_or(0),
    })
}
