//! `exceptions` in templates.

use kpi_diagnostics::{Event, EventSink, Level};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Object, Result, Value, function};
use serde_json::json;
use std::sync::Arc;

pub(super) fn value(sink: Arc<dyn EventSink>) -> Value {
    Value::object(Exceptions { sink })
}

struct Exceptions {
    sink: Arc<dyn EventSink>,
}

const METHODS: [&str; 21] = [
    "column_type_missing",
    "missing_config",
    "missing_materialization",
    "missing_relation",
    "raise_ambiguous_alias",
    "raise_ambiguous_catalog_match",
    "raise_cache_inconsistent",
    "raise_compiler_error",
    "raise_contract_error",
    "raise_database_error",
    "raise_dataclass_not_dict",
    "raise_dep_not_found",
    "raise_dependency_error",
    "raise_duplicate_patch_name",
    "raise_duplicate_resource_name",
    "raise_fail_fast_error",
    "raise_invalid_property_yml_version",
    "raise_not_implemented",
    "relation_wrong_type",
    "warn",
    "warn_snapshot_timestamp_data_types",
];

impl Exceptions {
    fn warn(&self, name: &'static str, message: String) -> Value {
        self.sink.emit(Event::new(name, Level::Warn, message.clone()).with("msg", message));
        Value::empty()
    }

    fn run(&self, interp: &mut Interp, name: &str, args: Args) -> Result<Value> {
        // Whatever the parameter is called: all take what they say first.
        let given = |i: usize, key: &str| -> Value {
            args.positional
                .get(i)
                .or_else(|| args.keyword.iter().find(|(k, _)| &**k == key).map(|(_, v)| v))
                .cloned()
                .unwrap_or(Value::None)
        };
        let message = given(0, "msg").to_string();
        Err(match name {
            "warn" if self.sink.forbids("JinjaLogWarning") => Error::compilation(message),
            "warn" => return Ok(self.warn("JinjaLogWarning", message)),
            "warn_snapshot_timestamp_data_types" => {
                let data = json!({
                    "snapshot_time_data_type": given(0, "snapshot_time_data_type").to_string(),
                    "updated_at_data_type": given(1, "updated_at_data_type").to_string(),
                });
                let text = format!(
                    "Data type of snapshot table timestamp columns ({}) doesn't match derived column 'updated_at' ({}). \
                     Please update snapshot config 'updated_at'.",
                    given(0, "snapshot_time_data_type"),
                    given(1, "updated_at_data_type")
                );
                let data = data.as_object().cloned().unwrap_or_default();
                let name = "SnapshotTimestampWarning";
                self.sink.emit(Event { name, level: Level::Warn, message: text, data });
                return Ok(Value::None);
            }
            "raise_database_error" => Error::new(ErrorKind::Database, message),
            "raise_not_implemented" => Error::new(ErrorKind::Runtime, format!("ERROR: {message}")),
            "raise_dependency_error" | "raise_fail_fast_error" => Error::new(ErrorKind::Runtime, message),
            "missing_relation" => Error::compilation(format!("Relation {} not found!", given(0, "relation"))),
            "relation_wrong_type" => {
                let relation = given(0, "relation");
                let kind = relation.get_attr(interp, "type")?;
                Error::compilation(format!(
                    "Trying to create {} {relation}, but it currently exists as a {kind}. Either drop {relation} \
                     manually, or run with --full-refresh and it will be dropped for you.",
                    given(1, "expected_type"),
                ))
            }
            "column_type_missing" => Error::compilation(format!(
                "Contracted models require data_type to be defined for each column. Please ensure that the column name \
                 and data_type are defined within the YAML configuration for the {} column(s).",
                given(0, "column_names")
            )),
            "missing_config" => {
                let model = given(0, "model").get_attr(interp, "unique_id")?;
                Error::compilation(format!(
                    "Model '{model}' does not define a required config parameter '{}'.",
                    given(1, "name")
                ))
            }
            "missing_materialization" => {
                let config = given(0, "model").get_attr(interp, "config")?;
                let materialized = config.get_attr(interp, "materialized")?;
                Error::compilation(format!(
                    "No materialization '{materialized}' was found for adapter {}! (searched types 'default' and '{}')",
                    given(1, "adapter_type"),
                    given(1, "adapter_type")
                ))
            }
            "raise_contract_error" => contract(interp, &given(0, "yaml_columns"), &given(1, "sql_columns"))?,
            _ => Error::compilation(message),
        })
    }
}

/// What the columns of a contract and of its query have and have not in common, as a table.
fn contract(interp: &mut Interp, yaml: &Value, sql: &Value) -> Result<Error> {
    let mut field = |column: &Value, key: &str| -> Result<String> {
        let value = column.get_item(interp, &Value::from(key))?;
        Ok(value.to_string())
    };
    let mut columns = |list: &Value| -> Result<Vec<(String, String, String)>> {
        list.as_sequence()
            .unwrap_or_default()
            .iter()
            .map(|c| Ok((field(c, "name")?, field(c, "data_type")?, field(c, "formatted")?)))
            .collect()
    };
    let (yaml, sql) = (columns(yaml)?, columns(sql)?);
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (name, kind, formatted) in &sql {
        match yaml.iter().find(|(other, _, _)| other.eq_ignore_ascii_case(name)) {
            None => rows.push([name.clone(), kind.clone(), String::new(), "missing in contract".into()]),
            Some((_, other, other_formatted)) if !formatted.eq_ignore_ascii_case(other_formatted) => {
                rows.push([name.clone(), kind.clone(), other.clone(), "data type mismatch".into()]);
            }
            Some(_) => {}
        }
    }
    for (name, kind, _) in &yaml {
        if !sql.iter().any(|(other, _, _)| other.eq_ignore_ascii_case(name)) {
            rows.push([name.clone(), String::new(), kind.clone(), "missing in definition".into()]);
        }
    }
    if yaml.is_empty() {
        return Ok(Error::compilation(
            "This model has an enforced contract, and its 'columns' specification is missing",
        ));
    }
    rows.sort();
    rows.insert(0, ["column_name", "definition_type", "contract_type", "mismatch_reason"].map(str::to_owned));
    let widths: Vec<usize> =
        (0..4).map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
            format!("| {} |", cells.join(" | "))
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    lines.insert(1, format!("| {} |", rule.join(" | ")));
    Ok(Error::compilation(format!(
        "This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in \
         your contract match the columns in your model's definition.\n\n{}",
        lines.join("\n")
    )))
}

impl Object for Exceptions {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let Some(method) = METHODS.iter().find(|m| **m == name) else { return Ok(None) };
        Ok(Some(function(method, move |interp, args| self.run(interp, method, args))))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        match key.as_str() {
            Some(name) => self.attr(interp, name),
            None => Ok(None),
        }
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if !METHODS.contains(&name) {
            return Ok(None);
        }
        self.run(interp, name, args).map(Some)
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        Some(needle.as_str().is_some_and(|name| METHODS.contains(&name)))
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }
}
