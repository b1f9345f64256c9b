//! Contracts, compared: what breaks those that rely on one is a warning, and an error of a versioned model.

use super::EarlierNode;
use super::changes::alike;
use crate::node_json::deprecation_moment;
use crate::{Node, ResourceType};
use chrono::{DateTime, Utc};
use kpi_diagnostics::Diagnostic;
use kpi_jinja::Value;
use serde_json::Value as Json;

/// Whether a change breaks those that rely on a contract.
pub(super) enum Breaking {
    /// It does not; whether anything changed at all.
    No(bool),
    /// It does: what to warn of.
    Yes(Diagnostic),
}

/// The materializations for which the database enforces constraints.
fn enforces(materialized: &str) -> bool {
    matches!(materialized, "table" | "incremental")
}

/// The contract of a model, compared.
///
/// # Errors
/// A versioned model breaks the contract that it had.
pub(super) fn same_contract(node: &Node, old: &EarlierNode) -> Result<Breaking, Diagnostic> {
    if node.resource_type != ResourceType::Model {
        return Ok(Breaking::No(true));
    }
    let enforced = node.config.contract_enforced();
    if !old.contract.enforced {
        return Ok(Breaking::No(!enforced));
    }
    if enforced && node.contract_checksum == old.contract.checksum {
        return Ok(Breaking::No(true));
    }
    let changes = breaking_changes(node, old, enforced);
    if changes.is_empty() {
        return Ok(Breaking::No(false));
    }
    let model = Model { name: &node.name, file: &node.original_file_path, versioned: node.version.is_some() };
    tell(&model, &changes, node.heading()).map(Breaking::Yes)
}

/// A model with a contract that is not there any more, or disabled.
///
/// # Errors
/// It is versioned.
pub(super) fn removed(node: &EarlierNode) -> Result<Option<Diagnostic>, Diagnostic> {
    if node.resource_type != "model" || !node.contract.enforced || is_past(node.deprecation_date.as_deref()) {
        return Ok(None);
    }
    let enabled = node.config.get("enabled").and_then(Json::as_bool).unwrap_or(true);
    let what = if enabled { "deleted or renamed" } else { "disabled" };
    let change = format!("Contracted model '{}' was {what}.", node.unique_id);
    let model =
        Model { name: &node.name, file: &node.original_file_path, versioned: !node.version.is_null() };
    tell(&model, &[change], node.heading()).map(Some)
}

fn is_past(date: Option<&str>) -> bool {
    let moment = date.and_then(|date| DateTime::parse_from_rfc3339(&deprecation_moment(date)).ok());
    moment.is_some_and(|moment| moment < Utc::now())
}

struct Model<'a> {
    name: &'a str,
    file: &'a str,
    versioned: bool,
}

fn tell(model: &Model<'_>, changes: &[String], heading: String) -> Result<Diagnostic, Diagnostic> {
    let reasons = changes.join("\n  - ");
    if model.versioned {
        let message = format!(
            "While comparing to previous project state, dbt detected a breaking change to an enforced contract.\n  - \
             {reasons}"
        );
        return Err(Diagnostic::error("K0725", "Breaking Change to Contract Error", message)
            .with_node(heading)
            .with_hint("add instead of changing, or make a new version of the model"));
    }
    let message = format!(
        "Breaking change to contracted, unversioned model {} ({})\nWhile comparing to previous project state, dbt detected \
         a breaking change to an unversioned model.\n  - {reasons}",
        model.name, model.file
    );
    Ok(Diagnostic::warning("K0724", "Warning", message))
}

fn breaking_changes(node: &Node, old: &EarlierNode, enforced: bool) -> Vec<String> {
    let mut changes = Vec::new();
    if !enforced {
        changes.push(
            "Contract enforcement was removed: Previously, this model had an enforced contract. It is no longer \
             configured to enforce its contract, and this is a breaking change."
                .to_owned(),
        );
    }
    let mut removed = Vec::new();
    let mut retyped = Vec::new();
    let mut freed = Vec::new();
    let mut any_constraint = false;
    let mut columns: Vec<_> = old.columns.iter().collect();
    columns.sort_unstable_by_key(|(key, _)| *key);
    for (key, column) in columns {
        any_constraint |= !column.constraints.is_empty();
        let Some(new) = node.columns.get(key) else {
            removed.push(column.name.clone());
            continue;
        };
        if base_type(column.data_type.as_deref()) != base_type(new.data_type.as_deref()) {
            let text = |data_type: &Option<String>| data_type.clone().unwrap_or_else(|| "None".to_owned());
            retyped.push(format!(
                "{} ({} -> {})",
                column.name,
                text(&column.data_type),
                text(&new.data_type)
            ));
        }
        if enforces(old.materialized()) {
            let lost = lost_constraints(&column.constraints, &new.constraints);
            freed.extend(
                lost.map(|constraint| format!("'{}' constraint on column {key}", name_of(constraint))),
            );
        }
    }
    let list = |title: &str, items: &[String]| format!("{title}: \n    - {}", items.join("\n    - "));
    if !removed.is_empty() {
        changes.push(list("Columns were removed", &removed));
    }
    if !retyped.is_empty() {
        changes.push(list("Columns with data_type changes", &retyped));
    }
    if !freed.is_empty() {
        changes.push(list("Enforced column level constraints were removed", &freed));
    }
    if enforces(old.materialized()) {
        let lost: Vec<String> = lost_constraints(&old.constraints, &node.constraints)
            .map(|constraint| {
                let columns = constraint.get("columns").cloned().unwrap_or_else(|| Json::Array(Vec::new()));
                format!(
                    "'{}' constraint on columns {}",
                    name_of(constraint),
                    Value::from_json(&columns).repr()
                )
            })
            .collect();
        if !lost.is_empty() {
            changes.push(list("Enforced model level constraints were removed", &lost));
        }
        let materialized = node.config.materialized();
        if !enforces(materialized) && (any_constraint || !old.constraints.is_empty()) {
            let change = format!("{} -> {materialized}", old.materialized());
            changes.push(list("Materialization changed with enforced constraints", &[change]));
        }
    }
    changes
}

/// A type without size, precision and scale: a change of those breaks nothing.
fn base_type(data_type: Option<&str>) -> Option<String> {
    let data_type = data_type.filter(|text| !text.is_empty())?;
    Some(data_type.split('(').next().unwrap_or_default().trim().to_lowercase())
}

/// Constraints that the database enforced and that are gone. Of DuckDB these are all but custom ones.
fn lost_constraints<'a>(old: &'a [Json], new: &'a [Json]) -> impl Iterator<Item = &'a Json> {
    old.iter().filter(|constraint| {
        constraint.get("type").and_then(Json::as_str) != Some("custom")
            && !new.iter().any(|new| alike(Some(constraint), Some(new)))
    })
}

fn name_of(constraint: &Json) -> &str {
    let text = |key: &str| constraint.get(key).and_then(Json::as_str);
    text("name").or_else(|| text("type")).unwrap_or_default()
}
