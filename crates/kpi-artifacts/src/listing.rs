//! What `ls` prints of a node: its name, path, selector or JSON.

use crate::python::python_json;
use kpi_manifest::node_json::{exposure_entry, node_entry, source_entry};
use kpi_manifest::{Manifest, ResourceType};
use serde_json::{Map, Value as Json};

/// Keys of the JSON form unless others are asked for.
const KEYS: [&str; 10] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// Form of a line of `ls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// What `--select` takes: `shop.staging.stg_orders`, `source:shop.raw.orders`
    Selector,
    /// The name.
    Name,
    /// The file.
    Path,
    /// One JSON object.
    Json,
}

/// The line of a member of the graph; `None` for an id that the manifest does not have. `keys` are those of the JSON
/// form, `config.materialized` reaching inside; empty: dbt's.
pub fn list_line(manifest: &Manifest, id: &str, format: ListFormat, keys: &[String]) -> Option<String> {
    Some(match format {
        ListFormat::Selector => selector(manifest, id)?,
        ListFormat::Name => name(manifest, id)?,
        ListFormat::Path => path(manifest, id)?,
        ListFormat::Json => python_json(&Json::Object(chosen(entry(manifest, id)?, keys))),
    })
}

/// A member in manifest form.
pub fn entry(manifest: &Manifest, id: &str) -> Option<Map<String, Json>> {
    if let Some(node) = manifest.node(id) {
        return Some(node_entry(node));
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(source_entry(source));
    }
    if let Some(exposure) = manifest.exposures.get(id) {
        return Some(exposure_entry(exposure));
    }
    other(manifest, id).and_then(Json::as_object).cloned()
}

fn other<'a>(manifest: &'a Manifest, id: &str) -> Option<&'a Json> {
    manifest.other.values().find_map(|section| section.get(id))
}

fn chosen(mut entry: Map<String, Json>, keys: &[String]) -> Map<String, Json> {
    if keys.is_empty() {
        entry.retain(|key, _| KEYS.contains(&key.as_str()));
        return entry;
    }
    let mut map = Map::new();
    for key in keys {
        if key.contains('.') {
            let mut parts = key.split('.');
            let first = parts.next().and_then(|part| entry.get(part));
            let value = parts.try_fold(first, |value, part| value.map(|v| v.get(part))).flatten();
            if let Some(value) = value.filter(|value| !value.is_null()) {
                map.insert(key.clone(), value.clone());
            }
        } else if let Some(value) = entry.get(key) {
            map.insert(key.clone(), value.clone());
        }
    }
    map
}

fn text<'a>(entry: &'a Json, key: &str) -> &'a str {
    entry.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// A unit test of a versioned model has the version in its name.
fn versioned_name(entry: &Json) -> String {
    match entry.get("version").filter(|version| !version.is_null()) {
        Some(Json::String(version)) => format!("{}_v{version}", text(entry, "name")),
        Some(version) => format!("{}_v{version}", text(entry, "name")),
        None => text(entry, "name").to_owned(),
    }
}

fn selector(manifest: &Manifest, id: &str) -> Option<String> {
    if let Some(node) = manifest.node(id) {
        if node.resource_type == ResourceType::UnitTest {
            return Some(format!("unit_test:{}.{}", node.package_name, node.name));
        }
        return Some(node.fqn.join("."));
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(format!("source:{}.{}.{}", source.package_name, source.source_name, source.name));
    }
    if let Some(exposure) = manifest.exposures.get(id) {
        return Some(format!("exposure:{}.{}", exposure.package_name, exposure.name));
    }
    let entry = other(manifest, id)?;
    let (kind, package) = (text(entry, "resource_type"), text(entry, "package_name"));
    Some(match kind {
        "unit_test" => format!("unit_test:{package}.{}", versioned_name(entry)),
        "function" => {
            let fqn = entry.get("fqn").and_then(Json::as_array).into_iter().flatten();
            fqn.filter_map(Json::as_str).collect::<Vec<_>>().join(".")
        }
        _ => format!("{kind}:{package}.{}", text(entry, "name")),
    })
}

fn name(manifest: &Manifest, id: &str) -> Option<String> {
    if let Some(node) = manifest.node(id) {
        return Some(match node.resource_type {
            ResourceType::Model => node.search_name().to_string(),
            _ => node.name.to_string(),
        });
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(source.search_name());
    }
    if let Some(exposure) = manifest.exposures.get(id) {
        return Some(exposure.name.to_string());
    }
    other(manifest, id).map(|entry| text(entry, "name").to_owned())
}

fn path(manifest: &Manifest, id: &str) -> Option<String> {
    let path = if let Some(node) = manifest.node(id) {
        &*node.original_file_path
    } else if let Some(source) = manifest.sources.get(id) {
        &*source.original_file_path
    } else if let Some(exposure) = manifest.exposures.get(id) {
        &*exposure.original_file_path
    } else {
        text(other(manifest, id)?, "original_file_path")
    };
    Some(path.to_owned())
}
