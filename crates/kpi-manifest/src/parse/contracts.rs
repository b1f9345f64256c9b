//! Constraints and contracts of models.

use super::Parser;
use super::patches::Patch;
use super::static_refs::{self, Reference};
use crate::{ColumnInfo, Node};
use kpi_diagnostics::Diagnostic;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

const TYPES: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

fn kind(constraint: &Json) -> &str {
    constraint.get("type").and_then(Json::as_str).unwrap_or_default()
}

impl Parser {
    /// Takes over the constraints of an entry and checks what they need.
    pub(super) fn patch_constraints(&self, node: &mut Node, patch: &Patch<'_>) -> Result<(), Diagnostic> {
        let wrong = |message: String| {
            Diagnostic::error("K0509", "Parsing Error", message)
                .with_span(patch.span().clone())
                .with_node(node.heading())
        };
        let given: &[Json] = patch.other("constraints").and_then(Json::as_array).map_or(&[], Vec::as_slice);
        if node.config.contract_enforced() {
            self.warn_unsupported(node, patch, given);
            let mut faults = Vec::new();
            if node.columns.is_empty() {
                faults.push(
                    "Constraints must be defined in a `yml` schema configuration file like `schema.yml`."
                        .to_owned(),
                );
            }
            if node.language != "sql" {
                faults.push(format!("Language Error: Expected 'sql' but found '{}'", node.language));
            }
            if !faults.is_empty() {
                return Err(wrong(format!(
                    "Contract enforcement failed for: ({})\n{}",
                    node.original_file_path,
                    faults.join("\n")
                )));
            }
            if given.iter().any(|constraint| !TYPES.contains(&kind(constraint))) {
                return Err(wrong(format!(
                    "Invalid constraint type on model {}: Type must be one of [{}]",
                    node.name,
                    TYPES.map(|t| format!("'{t}'")).join(", ")
                )));
            }
        }
        let keys: Vec<&str> = node
            .columns
            .values()
            .flat_map(|column| column.constraints.iter().map(move |constraint| (column, constraint)))
            .filter(|(_, constraint)| kind(constraint) == "primary_key")
            .map(|(column, _)| &*column.name)
            .collect();
        let mut faults = Vec::new();
        if keys.len() > 1 {
            let names: Vec<String> = keys.iter().map(|key| format!("'{key}'")).collect();
            faults.push(format!(
                "Found {} columns ([{}]) with primary key constraints defined. Primary keys for multiple columns must be \
                 defined as a model level constraint.",
                keys.len(),
                names.join(", ")
            ));
        }
        if !keys.is_empty() && given.iter().any(|constraint| kind(constraint) == "primary_key") {
            faults.push(
                "Primary key constraints defined at the model level and the columns level. Primary keys can be defined at \
                 the model level or the column level, not both."
                    .to_owned(),
            );
        }
        if !faults.is_empty() {
            return Err(wrong(format!(
                "Primary key constraint error: ({})\n{}",
                node.original_file_path,
                faults.join("\n")
            )));
        }
        node.constraints = given.iter().map(|constraint| fields(constraint, true)).collect();
        let on_columns = node.columns.values().flat_map(|column| &column.constraints);
        for constraint in node.constraints.iter().chain(on_columns) {
            let Some(to) = constraint.get("to").and_then(Json::as_str) else { continue };
            match static_refs::parse(to) {
                Some(Reference::Ref(call)) => node.refs.push(call),
                Some(Reference::Source(pair)) => node.sources.push(pair),
                _ => {
                    return Err(Diagnostic::error(
                        "K0509",
                        "Parsing Error",
                        format!(
                            "Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {to}.",
                            node.name
                        ),
                    )
                    .with_span(patch.span().clone()));
                }
            }
        }
        Ok(())
    }

    fn warn_unsupported(&self, node: &Node, patch: &Patch<'_>, given: &[Json]) {
        let materialized = node.config.materialized();
        if matches!(materialized, "table" | "incremental") {
            return;
        }
        let on_columns = node.columns.values().flat_map(|column| &column.constraints);
        let warned =
            |constraint: &Json| constraint.get("warn_unsupported").and_then(Json::as_bool) != Some(false);
        if given.iter().chain(on_columns).any(warned) {
            self.warn(
                Diagnostic::warning(
                    "K0624",
                    "Warning",
                    format!(
                        "Constraint types are not supported for {materialized} materializations and will be ignored.  Set \
                         'warn_unsupported: false' on this constraint to ignore this warning."
                    ),
                )
                .with_span(patch.span().clone())
                .with_node(node.heading())
                .with_event("UnsupportedConstraintMaterialization", json!({"materialized": materialized})),
            );
        }
    }
}

/// A constraint with all of dbt's fields.
pub(super) fn fields(constraint: &Json, of_model: bool) -> Json {
    let field = |key: &str, default: Json| constraint.get(key).cloned().unwrap_or(default);
    let mut map = Map::new();
    map.insert("type".into(), field("type", Json::Null));
    map.insert("name".into(), field("name", Json::Null));
    map.insert("expression".into(), field("expression", Json::Null));
    map.insert("warn_unenforced".into(), field("warn_unenforced", true.into()));
    map.insert("warn_unsupported".into(), field("warn_unsupported", true.into()));
    map.insert("to".into(), field("to", Json::Null));
    map.insert("to_columns".into(), field("to_columns", json!([])));
    if of_model {
        map.insert("columns".into(), field("columns", json!([])));
    }
    Json::Object(map)
}

/// A checksum of what a contract promises: columns, types and constraints.
pub(super) fn checksum(node: &Node) -> String {
    let mut columns: Vec<&ColumnInfo> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut state = String::new();
    for column in columns {
        let data_type = column.data_type.as_deref().unwrap_or("None");
        let constraints: Vec<String> = column.constraints.iter().map(|c| constraint_repr(c, false)).collect();
        state.push_str(&format!("|{}{data_type}[{}]", column.name, constraints.join(", ")));
    }
    let materialized = node.config.materialized();
    if matches!(materialized, "table" | "incremental") {
        let constraints: Vec<String> = node.constraints.iter().map(|c| constraint_repr(c, true)).collect();
        state.push_str(&format!("{materialized}[{}]", constraints.join(", ")));
    }
    hex::encode(Sha256::digest(state.as_bytes()))
}

fn constraint_repr(constraint: &Json, of_model: bool) -> String {
    let field = |key: &str| kpi_jinja::Value::from_json(constraint.get(key).unwrap_or(&Json::Null)).repr();
    let kind = constraint.get("type").and_then(Json::as_str).unwrap_or_default();
    let class = if of_model { "ModelLevelConstraint" } else { "ColumnLevelConstraint" };
    let columns = if of_model { format!(", columns={}", field("columns")) } else { String::new() };
    format!(
        "{class}(type=<ConstraintType.{kind}: '{kind}'>, name={}, expression={}, warn_unenforced={}, warn_unsupported={}, \
         to={}, to_columns={}{columns})",
        field("name"),
        field("expression"),
        field("warn_unenforced"),
        field("warn_unsupported"),
        field("to"),
        field("to_columns"),
    )
}
