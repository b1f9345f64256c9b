//! How configs of several levels become one: dbt's merge rules by key.

use crate::ResourceType;
use crate::config::canonical;
use kpi_jinja::{Error, Value};
use serde_json::{Map, Value as Json, json};

/// What happens to a key that two levels set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merge {
    /// The later one wins.
    Clobber,
    /// Lists are joined.
    Append,
    /// Dicts are joined.
    Update,
    /// Dicts of lists: `+key` extends, `key` replaces.
    Grants,
}

fn rule(resource_type: ResourceType, key: &str) -> Merge {
    use ResourceType::{
        Analysis, Exposure, Function, Model, Operation, Seed, Snapshot, Source, SqlOperation, Test, UnitTest,
    };
    let node =
        matches!(resource_type, Model | Seed | Snapshot | Analysis | Operation | SqlOperation | Function);
    match key {
        "tags" if node || matches!(resource_type, Test | UnitTest | ResourceType::SavedQuery) => {
            Merge::Append
        }
        "meta" if resource_type != Exposure => Merge::Update,
        "pre-hook" | "post-hook" | "packages" if node => Merge::Append,
        "quoting" | "column_types" | "docs" | "contract" if node => Merge::Update,
        "grants" if node => Merge::Grants,
        "tags" | "meta" if matches!(resource_type, Source | Exposure) => Merge::Clobber,
        _ => Merge::Clobber,
    }
}

fn listed(value: Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items,
        other => vec![other],
    }
}

/// A hook as dbt keeps it: `{"sql", "transaction", "index"}`.
fn hook(key: &str, place: usize, value: Json) -> Result<Json, String> {
    let parsed = match &value {
        Json::Object(_) => Some(value.clone()),
        Json::String(text) => serde_json::from_str::<Json>(text).ok().filter(Json::is_object),
        _ => None,
    };
    let Some(Json::Object(mut map)) = parsed else {
        let sql = match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        return Ok(json!({"sql": sql, "transaction": true, "index": null}));
    };
    let Some(sql) = map.remove("sql") else {
        return Err(format!(
            "Field \"{}\" has invalid value {}: a hook needs 'sql'",
            key.replace('-', "_"),
            Value::from_json(&Json::Object(map))
        ));
    };
    let wrong = |name: &str, value: &Json, wanted: &str| {
        let value = Value::from_json(value).repr();
        Err(format!("at path ['{key}'][{place}]['{name}']: {value} is not of type '{wanted}'"))
    };
    if !sql.is_string() {
        return wrong("sql", &sql, "string");
    }
    let transaction = map.remove("transaction").unwrap_or(Json::Bool(true));
    let index = map.remove("index").unwrap_or(Json::Null);
    if !transaction.is_boolean() {
        return wrong("transaction", &transaction, "boolean");
    }
    Ok(json!({"sql": sql, "transaction": transaction, "index": index}))
}

/// Lays the keys of `over` on top of `result`.
///
/// # Errors
/// A value that must be a dict and is none.
pub(crate) fn update(
    resource_type: ResourceType,
    result: &mut Map<String, Json>,
    over: impl IntoIterator<Item = (String, Json)>,
) -> Result<(), String> {
    for (key, value) in over {
        let key = canonical(key.trim()).to_owned();
        match rule(resource_type, &key) {
            Merge::Clobber => {
                result.insert(key, value);
            }
            Merge::Append => {
                let mut items = result.remove(&key).map(listed).unwrap_or_default();
                let new = listed(value);
                match key.ends_with("-hook") {
                    true => {
                        for value in new {
                            items.push(hook(&key, items.len(), value)?);
                        }
                    }
                    false => items.extend(new),
                }
                result.insert(key, Json::Array(items));
            }
            Merge::Update => match (result.get_mut(&key), value) {
                (Some(Json::Object(old)), Json::Object(new)) => old.extend(new),
                (_, value @ Json::Object(_)) => {
                    result.insert(key, value);
                }
                (_, Json::Null) => {}
                (_, other) => return Err(not_a_dict(&key, &other)),
            },
            Merge::Grants => {
                let Json::Object(new) = value else { return Err(not_a_dict(&key, &value)) };
                let old = result.entry(key).or_insert_with(|| json!({}));
                let Json::Object(old) = old else { continue };
                for (name, value) in new {
                    let extends = name.starts_with('+');
                    let name = name.trim_start_matches('+').to_owned();
                    match old.get_mut(&name) {
                        Some(Json::Array(items)) if extends => items.extend(listed(value)),
                        _ => {
                            old.insert(name, Json::Array(listed(value)));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn not_a_dict(key: &str, value: &Json) -> String {
    format!("Invalid value for '{key}': expected a dictionary, got {value}")
}

/// Joins a call of `config()` with the calls before it.
///
/// # Errors
/// A value that must be a dict and is none.
pub(crate) fn merge_calls(result: &mut Map<String, Json>, call: Map<String, Json>) -> Result<(), Error> {
    if result.is_empty() {
        *result = call;
        return Ok(());
    }
    for (key, value) in call {
        match key.as_str() {
            "pre-hook" | "post-hook" | "tags" | "packages" => {
                let mut items = result.remove(&key).map(listed).unwrap_or_default();
                items.extend(listed(value));
                result.insert(key, Json::Array(items));
            }
            "quoting" | "column_types" | "meta" | "docs" | "contract" | "snapshot_meta_column_names" => {
                let Json::Object(new) = value else {
                    return Err(Error::compilation(not_a_dict(&key, &value)));
                };
                match result.get_mut(&key) {
                    Some(Json::Object(old)) => old.extend(new),
                    _ => {
                        result.insert(key, Json::Object(new));
                    }
                }
            }
            "grants" => {
                let Json::Object(new) = value else {
                    return Err(Error::compilation(not_a_dict(&key, &value)));
                };
                let Json::Object(old) = result.entry(key).or_insert_with(|| json!({})) else { continue };
                for (name, value) in new {
                    match old.get_mut(&name) {
                        Some(old) if name.starts_with('+') => {
                            let mut items = listed(old.take());
                            items.extend(listed(value));
                            *old = Json::Array(items);
                        }
                        _ => {
                            old.insert(name, Json::Array(listed(value)));
                        }
                    }
                }
            }
            _ => {
                result.insert(key, value);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: Json) -> Map<String, Json> {
        json.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn levels_merge_by_key() {
        let mut result = Map::new();
        for level in [
            json!({"tags": "a", "meta": {"x": 1, "y": 1}, "materialized": "view", "pre-hook": "select 1"}),
            json!({"tags": ["b"], "meta": {"y": 2}, "materialized": "table", "pre_hook": {"sql": "select 2"}}),
            json!({"grants": {"select": "one"}}),
            json!({"grants": {"+select": ["two"], "insert": "three"}}),
        ] {
            update(ResourceType::Model, &mut result, map(level)).unwrap();
        }
        assert_eq!(
            Json::Object(result),
            json!({
                "tags": ["a", "b"], "meta": {"x": 1, "y": 2}, "materialized": "table",
                "pre-hook": [
                    {"sql": "select 1", "transaction": true, "index": null},
                    {"sql": "select 2", "transaction": true, "index": null}
                ],
                "grants": {"select": ["one", "two"], "insert": ["three"]}
            })
        );
    }

    #[test]
    fn sources_replace_tags() {
        let mut result = map(json!({"tags": ["a"]}));
        update(ResourceType::Source, &mut result, map(json!({"tags": ["b"]}))).unwrap();
        assert_eq!(result.get("tags"), Some(&json!(["b"])));
    }

    #[test]
    fn several_calls_of_config_add_up() {
        let mut calls = Map::new();
        merge_calls(&mut calls, map(json!({"tags": "a", "alias": "x"}))).unwrap();
        merge_calls(&mut calls, map(json!({"tags": ["b"], "alias": "y", "meta": {"k": 1}}))).unwrap();
        assert_eq!(Json::Object(calls), json!({"alias": "y", "tags": ["a", "b"], "meta": {"k": 1}}));
        assert!(
            merge_calls(&mut Map::from_iter([("a".to_owned(), Json::Null)]), map(json!({"meta": 1})))
                .is_err()
        );
    }
}
