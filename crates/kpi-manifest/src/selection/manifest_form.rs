//! Selectors as `manifest.json` shows them: every criterion written out, named selectors put in.

use super::criterion::Parts;
use kpi_project::SelectorDefinition;
use serde_json::{Map, Value as Json};

/// Selectors that build on one another could grow without end: beyond this size a name stays a name.
const MAX_SIZE: usize = 10_000;

/// How deep a definition is followed.
const MAX_DEPTH: usize = 200;

/// `selectors` of the manifest.
pub fn selectors_entry(definitions: &[SelectorDefinition]) -> Map<String, Json> {
    let mut entries = Map::new();
    for selector in definitions {
        let definition = written_out(&selector.definition, &entries, 0);
        let mut entry = Map::new();
        entry.insert("name".into(), selector.name.as_str().into());
        if let Some(description) = &selector.description {
            entry.insert("description".into(), description.as_str().into());
        }
        entry.insert("definition".into(), definition);
        if selector.default {
            entry.insert("default".into(), true.into());
        }
        entries.insert(selector.name.clone(), Json::Object(entry));
    }
    entries
}

fn written_out(definition: &Json, known: &Map<String, Json>, depth: usize) -> Json {
    if depth > MAX_DEPTH {
        return definition.clone();
    }
    let all =
        |items: &[Json]| Json::Array(items.iter().map(|item| written_out(item, known, depth + 1)).collect());
    match definition {
        Json::String(text) => Json::Object(criterion(text)),
        Json::Object(map) => {
            for key in ["union", "intersection"] {
                if let Some(Json::Array(items)) = map.get(key) {
                    return Json::Object(Map::from_iter([(key.to_owned(), all(items))]));
                }
            }
            let Some((key, value)) = map.iter().next() else { return definition.clone() };
            let value = match value {
                Json::Array(items) => all(items),
                value => value.clone(),
            };
            if key == "exclude" {
                return Json::Object(Map::from_iter([(key.clone(), value)]));
            }
            if map.len() == 1 {
                let method = ("method".to_owned(), key.as_str().into());
                return Json::Object(Map::from_iter([method, ("value".to_owned(), value)]));
            }
            if map.get("method").and_then(Json::as_str) == Some("selector") {
                let name = map.get("value").and_then(Json::as_str).unwrap_or_default();
                let named = known.get(name).and_then(|entry| entry.get("definition"));
                if let Some(named) = named.filter(|named| size(named) < MAX_SIZE) {
                    return named.clone();
                }
            }
            definition.clone()
        }
        other => other.clone(),
    }
}

fn size(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Json::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// A criterion as typed, its parts by name.
fn criterion(text: &str) -> Map<String, Json> {
    let parts = Parts::of(text);
    let mut map = Map::new();
    if parts.childrens_parents {
        map.insert("childrens_parents".into(), true.into());
    }
    if let Some(depth) = parts.parents {
        map.insert("parents".into(), true.into());
        if !depth.is_empty() {
            map.insert("parents_depth".into(), depth.into());
        }
    }
    let method = match (parts.method, parts.method()) {
        (Some(method), _) => method.to_owned(),
        (None, Ok((method, _))) => method.as_str().to_owned(),
        (None, Err(_)) => String::new(),
    };
    map.insert("method".into(), method.into());
    if !parts.value.is_empty() {
        map.insert("value".into(), parts.value.into());
    }
    if let Some(depth) = parts.children {
        map.insert("children".into(), true.into());
        if !depth.is_empty() {
            map.insert("children_depth".into(), depth.into());
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn definitions_are_written_out() {
        let selector = |name: &str, definition: Json| SelectorDefinition {
            name: name.into(),
            description: None,
            definition,
            default: false,
        };
        let entries = selectors_entry(&[
            selector("one", json!("2+tag:x+")),
            selector(
                "two",
                json!({"union": ["a", {"exclude": ["b.sql"]}, {"method": "selector", "value": "one"}]}),
            ),
            selector("three", json!({"config.materialized": "view"})),
        ]);
        let one =
            json!({"parents": true, "parents_depth": "2", "method": "tag", "value": "x", "children": true});
        assert_eq!(entries["one"]["definition"], one);
        assert_eq!(
            entries["two"]["definition"],
            json!({"union": [
                {"method": "fqn", "value": "a"},
                {"exclude": [{"method": "file", "value": "b.sql"}]},
                one,
            ]})
        );
        assert_eq!(entries["three"]["definition"], json!({"method": "config.materialized", "value": "view"}));
    }
}
