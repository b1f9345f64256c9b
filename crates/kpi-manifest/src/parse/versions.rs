//! Versions of models.

use crate::version_text;
use kpi_project::{ColumnProperties, NodeProperties, TestEntry, VersionProperties};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// `latest_version`, or the greatest of the versions.
pub(super) fn latest_version(properties: &NodeProperties) -> Json {
    if let Some(latest) = &properties.latest_version {
        return latest.clone();
    }
    let greatest = properties.versions.iter().map(|version| &version.v).max_by(|a, b| compare(a, b));
    greatest.cloned().unwrap_or(Json::Null)
}

/// Numbers by value, anything else by its text.
fn compare(a: &Json, b: &Json) -> Ordering {
    let number = |v: &Json| v.as_f64().or_else(|| v.as_str()?.trim().parse().ok());
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => version_text(a).cmp(&version_text(b)),
    }
}

/// The name of the file that holds a version: `defined_in`, or `name_v2`.
pub(super) fn versioned_name(name: &str, version: &VersionProperties) -> String {
    version.defined_in.clone().unwrap_or_else(|| format!("{name}_v{}", version_text(&version.v)))
}

/// The columns of a version: those of the model that it includes, and its own.
pub(super) fn columns<'p>(
    properties: &'p NodeProperties,
    version: Option<&'p VersionProperties>,
) -> Vec<&'p ColumnProperties> {
    let Some(version) = version else { return properties.columns.iter().collect() };
    let filter = version.columns.iter().flatten().find(|column| column.get("include").is_some());
    let included = |name: &str| match filter {
        None => true,
        Some(filter) => listed(filter.get("include"), name) && !excluded(filter.get("exclude"), name),
    };
    let base = properties.columns.iter().filter(|column| included(&column.name));
    base.chain(&version.column_properties).collect()
}

fn listed(include: Option<&Json>, name: &str) -> bool {
    match include {
        Some(Json::String(all)) => all == "*" || all == "all" || all == name,
        Some(Json::Array(names)) => {
            names.iter().any(|n| matches!(n.as_str(), Some(n) if n == name || n == "*"))
        }
        _ => false,
    }
}

fn excluded(exclude: Option<&Json>, name: &str) -> bool {
    exclude.and_then(Json::as_array).is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name)))
}

/// The tests of a version that are not those of a column.
pub(super) fn tests<'p>(
    properties: &'p NodeProperties,
    version: Option<&'p VersionProperties>,
) -> &'p [TestEntry] {
    version.and_then(|version| version.data_tests.as_deref()).unwrap_or(&properties.data_tests)
}
