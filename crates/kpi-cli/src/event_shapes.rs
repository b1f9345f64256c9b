//! The shapes of events in structured logs: code and fields of each, in dbt's names. Tools tell events apart by them,
//! and some read lines strictly: a known event has exactly its fields, those that say nothing with an empty value.

use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Name, code and fields, one event a line.
const TABLE: &str = include_str!("events.txt");

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    Number,
    Float,
    List,
    Map,
    /// A nested record, or a number beyond 32 bits as text: absent where there is nothing to say.
    Optional,
    /// The node that the event is about, or that runs where it happens.
    Node,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "flag" => Self::Flag,
            "number" => Self::Number,
            "float" => Self::Float,
            "list" => Self::List,
            "map" => Self::Map,
            "node" => Self::Node,
            "object" | "long" => Self::Optional,
            _ => Self::Text,
        }
    }

    fn empty(self) -> Option<Json> {
        match self {
            Self::Text => Some(json!("")),
            Self::Flag => Some(json!(false)),
            Self::Number => Some(json!(0)),
            Self::Float => Some(json!(0.0)),
            Self::List => Some(json!([])),
            Self::Map => Some(json!({})),
            Self::Optional | Self::Node => None,
        }
    }
}

/// The shape of one event.
#[derive(Debug)]
pub struct Shape {
    /// `Q011`: the letter says from which stage of a call it comes.
    pub code: &'static str,
    fields: Vec<(&'static str, Kind)>,
}

impl Shape {
    /// The fields of an event that says `message` and `data`, while `node` runs.
    pub fn data(&self, message: &str, data: &Map<String, Json>, node: Option<&Json>) -> Map<String, Json> {
        let mut filled = Map::new();
        for (name, kind) in &self.fields {
            let given = data.get(*name).filter(|value| !value.is_null()).cloned();
            let value = given.or_else(|| match (*name, kind) {
                ("msg", _) => Some(Json::from(message)),
                (_, Kind::Node) => node.cloned(),
                _ => kind.empty(),
            });
            if let Some(value) = value {
                filled.insert((*name).to_owned(), value);
            }
        }
        filled
    }
}

fn table() -> &'static HashMap<&'static str, Shape> {
    static SHAPES: OnceLock<HashMap<&'static str, Shape>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let line = |line: &'static str| {
            let mut words = line.split_whitespace();
            let (name, code) = (words.next()?, words.next()?);
            let fields =
                words.filter_map(|w| w.split_once(':')).map(|(n, kind)| (n, Kind::of(kind))).collect();
            Some((name, Shape { code, fields }))
        };
        TABLE.lines().filter_map(line).collect()
    })
}

/// The shape of an event that dbt has too.
pub fn shape(name: &str) -> Option<&'static Shape> {
    table().get(name)
}

/// The names of all events.
pub fn names() -> impl Iterator<Item = &'static str> {
    table().keys().copied()
}

/// Whether the event is about something deprecated.
pub fn is_deprecation(name: &str) -> bool {
    shape(name).is_some_and(|shape| shape.code.starts_with('D'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_an_event() {
        assert_eq!(table().len(), TABLE.lines().count());
        assert!(table().values().all(|shape| shape.code.len() == 4));
        assert_eq!(shape("SkippingDetails").map(|s| s.code), Some("Q034"));
        assert!(shape("SomethingElse").is_none());
        assert!(is_deprecation("ModelParamUsageDeprecation") && !is_deprecation("NothingToDo"));
    }

    #[test]
    fn an_event_has_exactly_its_fields() {
        let data = json!({"statement": "select 1", "status": null, "own": 1}).as_object().cloned().unwrap();
        let node = json!({"node_name": "a"});
        let filled = shape("LogHookEndLine").unwrap().data("text", &data, Some(&node));
        assert_eq!(
            Json::Object(filled),
            json!({
                "node_info": {"node_name": "a"}, "statement": "select 1", "status": "", "index": 0, "total": 0,
                "execution_time": 0.0,
            })
        );
        let filled = shape("JinjaLogInfo").unwrap().data("hi", &Map::new(), None);
        assert_eq!(Json::Object(filled), json!({"msg": "hi"}));
    }
}
