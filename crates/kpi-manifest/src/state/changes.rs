//! Whether two things of the same id are the same: nodes by their fields, everything else by its manifest form.

use super::EarlierNode;
use super::contract::{Breaking, same_contract};
use crate::node::version_text;
use crate::node_json::deprecation_moment;
use crate::{Node, ResourceType};
use chrono::DateTime;
use kpi_diagnostics::Diagnostic;
use serde_json::{Map, Value as Json};

/// Python's `==`: numbers by value, dicts in any order.
pub(super) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Bool(a), Json::Number(b)) | (Json::Number(b), Json::Bool(a)) => {
            b.as_f64() == Some(f64::from(u8::from(*a)))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => same_map(a, b),
        (a, b) => a == b,
    }
}

/// The same keys with equal values.
pub(super) fn same_map(a: &Map<String, Json>, b: &Map<String, Json>) -> bool {
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
}

/// As [`equal`], where a field that is missing is one without a value: one side may come from an older version.
pub(super) fn alike(a: Option<&Json>, b: Option<&Json>) -> bool {
    let filled = |value: &&Json| !value.is_null();
    match (a.filter(filled), b.filter(filled)) {
        (None, None) => true,
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            a.keys().chain(b.keys()).all(|key| alike(a.get(key), b.get(key)))
        }
        (Some(Json::Object(map)), None) | (None, Some(Json::Object(map))) => {
            map.values().all(|value| alike(Some(value), None))
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(Some(a), Some(b)))
        }
        (Some(a), Some(b)) => equal(a, b),
        _ => false,
    }
}

/// Keys of configs that belong to where a relation is, or to nothing that is built.
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];

/// What of a test's config decides about its verdict.
const OF_TESTS: [&str; 8] =
    ["severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as"];

fn same_key(a: &Map<String, Json>, b: &Map<String, Json>, key: &str) -> bool {
    match (a.get(key), b.get(key)) {
        (None, None) => true,
        (Some(a), Some(b)) => equal(a, b),
        _ => false,
    }
}

/// Configs as written, compared.
pub(super) fn same_config(node: &Node, old: &EarlierNode) -> bool {
    let (new, old) = (&*node.unrendered_config, &old.unrendered_config);
    match node.resource_type {
        ResourceType::Test => OF_TESTS.iter().all(|key| same_key(new, old, key)),
        _ => {
            let compared = |key: &&String| !NOT_COMPARED.contains(&key.as_str());
            new.keys().chain(old.keys()).filter(compared).all(|key| same_key(new, old, key))
        }
    }
}

/// Where the relation was told to be. What the target decides does not count: another environment is no change.
pub(super) fn same_relation(node: &Node, old: &EarlierNode) -> bool {
    let value = |map: &Map<String, Json>, key: &str| map.get(key).cloned().unwrap_or(Json::Null);
    ["database", "schema", "alias"]
        .iter()
        .all(|key| equal(&value(&node.unrendered_config, key), &value(&old.unrendered_config, key)))
}

/// Descriptions that the database keeps.
pub(super) fn same_persisted_descriptions(node: &Node, old: &EarlierNode) -> bool {
    let persisted = |part: &str| {
        node.config.set.get("persist_docs").and_then(|docs| docs.get(part)).is_some_and(|value| match value {
            Json::Bool(kept) => *kept,
            other => !other.is_null(),
        })
    };
    if persisted("relation") && node.description != old.description {
        return false;
    }
    if !persisted("columns") {
        return true;
    }
    node.columns.len() == old.columns.len()
        && node.columns.iter().all(|(key, column)| {
            old.columns.get(key).is_some_and(|old| old.description == column.description)
        })
}

/// What the comparison of a node's text says: of a large seed only the path is known, which is worth a warning.
pub(super) fn same_body(node: &Node, old: &EarlierNode) -> (bool, Option<Diagnostic>) {
    if node.resource_type != ResourceType::Seed {
        return (node.raw_code == old.raw_code, None);
    }
    let same = old.checksum.name == node.checksum.name && old.checksum.checksum == *node.checksum.checksum;
    if node.checksum.name != "path" {
        return (same, None);
    }
    let found = format!("Found a seed ({}.{}) >1MB in size", node.package_name, node.name);
    let (code, message) = match (old.checksum.name == "path", same) {
        (false, _) => ("K0721", format!("{found}. The previous file was <=1MB, so it has changed")),
        (true, true) => (
            "K0722",
            format!("{found} at the same path: whether it has changed is unknown, assuming it has not"),
        ),
        (true, false) => (
            "K0723",
            format!("{found}. The previous file was in a different location, assuming it has changed"),
        ),
    };
    (same, Some(Diagnostic::warning(code, "Warning", message).with_node(node.heading())))
}

/// Whether a node has the same contents as before; `None`: it was not there.
pub(super) fn same_contents(
    node: &Node,
    old: &EarlierNode,
    warnings: &mut Vec<Diagnostic>,
) -> Result<bool, Diagnostic> {
    if node.resource_type == ResourceType::Test && node.test_metadata.is_some() {
        return Ok(same_config(node, old) && node.fqn == old.fqn);
    }
    let contract = match same_contract(node, old)? {
        Breaking::No(same) => same,
        Breaking::Yes(warning) => {
            warnings.push(warning);
            false
        }
    };
    let (body, warning) = same_body(node, old);
    warnings.extend(warning);
    Ok(body
        && same_config(node, old)
        && same_persisted_descriptions(node, old)
        && node.fqn == old.fqn
        && same_relation(node, old)
        && contract
        && match node.resource_type {
            ResourceType::Model => same_reference(node, old),
            ResourceType::Function => {
                let field = |key: &str| node.extra.get(key);
                alike(field("arguments"), Some(&old.arguments)) && alike(field("returns"), Some(&old.returns))
            }
            _ => true,
        })
}

/// What may break those that refer to a model.
fn same_reference(node: &Node, old: &EarlierNode) -> bool {
    let text = |version: Option<&Json>| version.filter(|v| !v.is_null()).map(version_text);
    text(node.latest_version.as_ref()) == text(Some(&old.latest_version))
        && node.access.as_deref().unwrap_or("protected") == old.access.as_deref().unwrap_or("protected")
        && match (node.deprecation_date.as_deref().map(deprecation_moment), old.deprecation_date.as_deref()) {
            (None, None) => true,
            (Some(new), Some(old)) => {
                let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok();
                *new == *old || moment(&new).is_some_and(|new| moment(old) == Some(new))
            }
            _ => false,
        }
}

/// Whether fields of two entries in manifest form are alike.
fn same_fields(new: &Map<String, Json>, old: &Json, keys: &[&str]) -> bool {
    keys.iter().all(|key| alike(new.get(*key), old.get(*key)))
}

/// A config as written, of an entry in manifest form; `except` is not compared.
fn same_unrendered(new: &Map<String, Json>, old: &Json, except: &str) -> bool {
    let of = |value: Option<&Json>| -> Map<String, Json> {
        let mut map = value.and_then(Json::as_object).cloned().unwrap_or_default();
        map.shift_remove(except);
        map
    };
    same_map(&of(new.get("unrendered_config")), &of(old.get("unrendered_config")))
}

/// Where a source says that its table is; `unrendered`: before templates.
pub(super) fn same_source_relation(new: &Map<String, Json>, old: &Json, unrendered: bool) -> bool {
    let place: &[&str] =
        if unrendered { &["unrendered_database", "unrendered_schema"] } else { &["database", "schema"] };
    same_fields(new, old, place) && same_fields(new, old, &["identifier"])
}

/// Whether the config of something in manifest form is the same; `None`: it has none that is compared.
pub(super) fn same_entry_config(
    resource_type: ResourceType,
    new: &Map<String, Json>,
    old: &Json,
) -> Option<bool> {
    match resource_type {
        ResourceType::Source | ResourceType::Exposure => Some(same_unrendered(new, old, "")),
        ResourceType::Metric => Some(same_unrendered(new, old, "group")),
        ResourceType::SemanticModel | ResourceType::SavedQuery => {
            Some(alike(new.get("config"), old.get("config")))
        }
        _ => None,
    }
}

/// Whether something in manifest form has the same contents.
pub(super) fn same_entry(
    resource_type: ResourceType,
    new: &Map<String, Json>,
    old: &Json,
    unrendered: bool,
) -> bool {
    let config = || same_entry_config(resource_type, new, old).unwrap_or(true);
    match resource_type {
        ResourceType::Source => {
            same_source_relation(new, old, unrendered)
                && config()
                && same_fields(new, old, &["fqn", "quoting", "freshness", "loaded_at_field", "external"])
        }
        ResourceType::Exposure => {
            let nodes = |depends_on: Option<&Json>| -> Vec<String> {
                let nodes = depends_on.and_then(|d| d.get("nodes")).and_then(Json::as_array);
                let mut nodes: Vec<String> =
                    nodes.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect();
                nodes.sort_unstable();
                nodes.dedup();
                nodes
            };
            config()
                && nodes(new.get("depends_on")) == nodes(old.get("depends_on"))
                && same_fields(new, old, &["fqn", "type", "owner", "maturity", "url", "description", "label"])
        }
        ResourceType::Metric => config() && same_fields(new, old, &["type", "description", "label"]),
        ResourceType::SemanticModel => {
            let fields = [
                "model",
                "description",
                "defaults",
                "entities",
                "dimensions",
                "measures",
                "primary_entity",
                "group",
            ];
            config() && same_fields(new, old, &fields)
        }
        ResourceType::SavedQuery => {
            config()
                && same_fields(new, old, &["description", "label", "group", "tags"])
                && same_query(new.get("query_params"), old.get("query_params"))
                && same_exports(new.get("exports"), old.get("exports"))
        }
        ResourceType::UnitTest => same_fields(new, old, &["checksum"]),
        _ => true,
    }
}

fn same_query(new: Option<&Json>, old: Option<&Json>) -> bool {
    let part = |params: Option<&Json>, key: &str| params.and_then(|p| p.get(key)).cloned();
    ["metrics", "group_by", "where"].iter().all(|key| alike(part(new, key).as_ref(), part(old, key).as_ref()))
}

fn same_exports(new: Option<&Json>, old: Option<&Json>) -> bool {
    let list = |exports: Option<&Json>| exports.and_then(Json::as_array).cloned().unwrap_or_default();
    let (new, old) = (list(new), list(old));
    new.len() == old.len()
        && new.iter().zip(&old).all(|(new, old)| {
            alike(new.get("name"), old.get("name"))
                && ["export_as", "schema", "alias"].iter().all(|key| {
                    let value = |export: &Json| export.pointer(&format!("/unrendered_config/{key}")).cloned();
                    alike(value(new).as_ref(), value(old).as_ref())
                })
        })
}
