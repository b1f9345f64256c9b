//! The types of config values.

use super::colours::is_colour;
use crate::ResourceType;
use serde_json::{Map, Value as Json};

/// What a key's value must be.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bool,
    MaybeBool,
    Text,
    MaybeText,
    MaybeInteger,
    Dict,
    Texts,
    TextOrTexts,
    MaybeTextOrTexts,
    List,
    OneOf(&'static [&'static str]),
    Only(&'static str),
}

fn kind(resource_type: ResourceType, key: &str) -> Option<Kind> {
    use ResourceType::{
        Analysis, Exposure, Function, Model, Operation, Seed, Snapshot, Source, SqlOperation, Test,
    };
    let node =
        matches!(resource_type, Model | Seed | Snapshot | Analysis | Operation | SqlOperation | Function);
    Some(match key {
        "enabled" => Kind::Bool,
        "meta" => Kind::Dict,
        "tags" if matches!(resource_type, Source | Exposure) => Kind::Texts,
        "tags" => Kind::TextOrTexts,
        "alias" | "schema" | "database" | "group" if node || resource_type == Test => Kind::MaybeText,
        "materialized" => match resource_type {
            Test => Kind::Only("test"),
            Seed => Kind::Only("seed"),
            _ => Kind::Text,
        },
        "incremental_strategy" | "on_schema_change" if node => Kind::MaybeText,
        "persist_docs" | "quoting" | "column_types" | "grants" | "docs" | "contract" if node => Kind::Dict,
        "full_refresh" if node => Kind::MaybeBool,
        "unique_key" if node => Kind::MaybeTextOrTexts,
        "on_configuration_change" if node => Kind::OneOf(&["apply", "continue", "fail"]),
        "packages" if node => Kind::Texts,
        "pre-hook" | "post-hook" if node => Kind::List,
        "access" if resource_type == Model => Kind::OneOf(&["private", "protected", "public"]),
        "delimiter" if resource_type == Seed => Kind::Text,
        "quote_columns" if resource_type == Seed => Kind::MaybeBool,
        "strategy" | "target_schema" | "target_database" | "updated_at" | "dbt_valid_to_current"
            if resource_type == Snapshot =>
        {
            Kind::MaybeText
        }
        "check_cols" if resource_type == Snapshot => Kind::MaybeTextOrTexts,
        "snapshot_meta_column_names" if resource_type == Snapshot => Kind::Dict,
        "severity" if resource_type == Test => {
            Kind::OneOf(&["warn", "error", "WARN", "ERROR", "Warn", "Error"])
        }
        "store_failures" if resource_type == Test => Kind::MaybeBool,
        "store_failures_as" | "where" if resource_type == Test => Kind::MaybeText,
        "limit" if resource_type == Test => Kind::MaybeInteger,
        "fail_calc" | "warn_if" | "error_if" if resource_type == Test => Kind::Text,
        "loaded_at_field" | "loaded_at_query" if resource_type == Source => Kind::MaybeText,
        _ => return None,
    })
}

fn all_text(items: &[Json]) -> bool {
    items.iter().all(Json::is_string)
}

fn fits(kind: Kind, value: &Json) -> bool {
    match kind {
        Kind::Bool => value.is_boolean(),
        Kind::MaybeBool => value.is_boolean() || value.is_null(),
        Kind::Text => value.is_string(),
        Kind::MaybeText => value.is_string() || value.is_null(),
        Kind::MaybeInteger => value.is_i64() || value.is_u64() || value.is_null(),
        Kind::Dict => value.is_object(),
        Kind::List => value.is_array(),
        Kind::Texts => value.as_array().is_some_and(|items| all_text(items)),
        Kind::TextOrTexts => value.is_string() || value.as_array().is_some_and(|items| all_text(items)),
        Kind::MaybeTextOrTexts => {
            value.is_null() || value.is_string() || value.as_array().is_some_and(|items| all_text(items))
        }
        Kind::OneOf(words) => value
            .as_str()
            .is_some_and(|text| words.contains(&text) || words.iter().any(|w| w.eq_ignore_ascii_case(text))),
        Kind::Only(word) => value.as_str() == Some(word),
    }
}

/// What is wrong with a value, in the words of JSON schema.
fn fault(kind: Kind, value: &Json) -> String {
    let shown = kpi_jinja::Value::from_json(value).repr();
    let type_name = match kind {
        Kind::Bool => "boolean",
        Kind::Text => "string",
        Kind::Dict => "object",
        Kind::List | Kind::Texts if !value.is_array() => "array",
        Kind::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            return format!("{shown} is not one of [{}]", words.join(", "));
        }
        _ => {
            let wanted = match kind {
                Kind::MaybeBool => "true, false or null",
                Kind::MaybeText => "a string or null",
                Kind::MaybeInteger => "an integer or null",
                Kind::Texts => "a list of strings",
                Kind::MaybeTextOrTexts => "a string, a list of strings or null",
                _ => "a string or a list of strings",
            };
            return format!("{shown} is not valid under any of the given schemas: it must be {wanted}");
        }
    };
    format!("{shown} is not of type '{type_name}'")
}

/// The fields of a contract are switches.
fn validate_contract(contract: &Json) -> Result<(), String> {
    for key in ["enforced", "alias_types"] {
        if let Some(value) = contract.get(key).filter(|value| !value.is_boolean()) {
            let fault = fault(Kind::Bool, value);
            return Err(format!(
                "Invalid value for the config 'contract': at path ['contract']['{key}']: {fault}"
            ));
        }
    }
    Ok(())
}

/// Checks the values whose types dbt knows.
///
/// # Errors
/// The first that does not fit, with what was given and what would fit.
pub(super) fn validate(resource_type: ResourceType, map: &Map<String, Json>) -> Result<(), String> {
    for (key, value) in map {
        let Some(kind) = kind(resource_type, key) else { continue };
        if fits(kind, value) {
            if key == "contract" {
                validate_contract(value)?;
            }
            continue;
        }
        if key == "severity" {
            let given = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Err(format!("Severity must be either 'warn' or 'error'. Got '{given}'"));
        }
        if let Kind::Only(word) = kind {
            return Err(format!("A {word} must have a materialized value of '{word}'"));
        }
        return Err(format!("Invalid value for the config '{key}': {}", fault(kind, value)));
    }
    let colour = map.get("docs").and_then(|docs| docs.get("node_color")).filter(|colour| !colour.is_null());
    if let Some(colour) = colour
        && !colour.as_str().is_some_and(is_colour)
    {
        let shown = colour.as_str().map_or_else(|| colour.to_string(), str::to_owned);
        return Err(format!(
            "Invalid color name for docs.node_color: {shown}. It is neither a valid HTML color name nor a valid HEX code."
        ));
    }
    if resource_type == ResourceType::Model
        && map.get("materialized").and_then(Json::as_str) == Some("incremental")
        && map.get("contract").and_then(|c| c.get("enforced")).and_then(Json::as_bool) == Some(true)
    {
        let change = map.get("on_schema_change").and_then(Json::as_str).unwrap_or("ignore");
        if !["append_new_columns", "fail"].contains(&change) {
            return Err(format!(
                "Invalid value for on_schema_change: {change}. Models materialized as incremental with contracts enabled \
                 must set on_schema_change to 'append_new_columns' or 'fail'"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_types_are_named() {
        for (resource_type, config, words) in [
            (ResourceType::Model, json!({"materialized": 1}), "'materialized'"),
            (ResourceType::Model, json!({"enabled": "yes"}), "'enabled'"),
            (ResourceType::Test, json!({"severity": "warning"}), "'warning'"),
            (ResourceType::Test, json!({"limit": "ten"}), "'limit'"),
            (ResourceType::Model, json!({"tags": [1]}), "'tags'"),
        ] {
            let Json::Object(map) = config else { continue };
            assert!(validate(resource_type, &map).unwrap_err().contains(words));
        }
        let Json::Object(map) = json!({"materialized": "table", "severity": 3, "tags": "a", "own": [1]})
        else {
            return;
        };
        assert_eq!(validate(ResourceType::Model, &map), Ok(()));
    }
}
