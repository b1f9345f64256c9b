//! Trees of YAML and TOML with positions.
//!
//! YAML is what PyYAML's `safe_load` makes of it: YAML 1.1 with `yes`/`on`, octal `017`, sexagesimal `1:30`, dates and
//! merge keys. Every [`Node`] knows its line and column, so that any later message can point at the entry it is about.

mod faults;
mod lenient;
mod load;
mod scalar;
mod toml;

use kpi_diagnostics::{SourceFile, Span};
use num_bigint::BigInt;
use serde_json::{Map, Number, Value as Json};
use std::sync::Arc;

pub use load::{Document, parse, parse_document};
pub use scalar::resolve_plain;
pub use toml::parse_toml;

/// How deep lists and mappings may nest.
pub const MAX_DEPTH: usize = 200;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
}

/// A value of YAML or TOML.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on`...
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer.
    BigInt(Arc<BigInt>),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// A date in ISO form: `2024-01-31`.
    Date(Arc<str>),
    /// A date with time in Python's ISO form: `2024-01-31T10:00:00+02:00`.
    DateTime(Arc<str>),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which Python's dict would hold it.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// A node at a place.
    pub fn new(value: Value, line: u32, column: u32) -> Self {
        Self { value, line, column }
    }

    /// Where it is in `file`.
    pub fn span(&self, file: &Arc<SourceFile>) -> Span {
        Span::at(file.clone(), self.line, self.column)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&Arc<str>> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value of a string key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Key and value of a string key of a mapping.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.as_map()?.iter().find(|(k, _)| k.is_str(key)).map(|(k, v)| (k, v))
    }

    /// The node at a path of keys and list positions: `["columns", "0", "name"]`.
    pub fn find<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Node> {
        let mut node = self;
        for step in path {
            node = match &node.value {
                Value::List(items) => items.get(step.parse::<usize>().ok()?)?,
                _ => node.get(step)?,
            };
        }
        Some(node)
    }

    /// Whether it is this string.
    pub fn is_str(&self, text: &str) -> bool {
        matches!(&self.value, Value::Str(s) if &**s == text)
    }

    /// Python's name of the type: `str`, `dict`, `list`...
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Date(_) => "date",
            Value::DateTime(_) => "datetime",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
        }
    }

    /// As JSON: dates become ISO strings, keys become strings as Python's `json` writes them.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(i) => Json::from(*i),
            Value::BigInt(i) => big_to_json(i),
            Value::Float(f) => Number::from_f64(*f).map_or(Json::Null, Json::Number),
            Value::Str(s) | Value::Date(s) | Value::DateTime(s) => Json::String(s.to_string()),
            Value::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Map(entries) => Json::Object(entries_to_json(entries)),
        }
    }

    /// A mapping as JSON; anything else is an empty one.
    pub fn to_json_map(&self) -> Map<String, Json> {
        self.as_map().map(entries_to_json).unwrap_or_default()
    }

    /// A scalar as the text of a JSON key.
    pub fn key_text(&self) -> String {
        match &self.value {
            Value::Str(s) | Value::Date(s) | Value::DateTime(s) => s.to_string(),
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => i.to_string(),
            Value::BigInt(i) => i.to_string(),
            Value::Float(f) => python_float(*f),
            Value::List(_) | Value::Map(_) => self.to_json().to_string(),
        }
    }

    /// A value made of JSON, all of it at one place.
    pub fn from_json(json: &Json, line: u32, column: u32) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Value::Int(i),
                (None, Some(u)) => Value::BigInt(Arc::new(BigInt::from(u))),
                (None, None) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => Value::Str(s.as_str().into()),
            Json::Array(items) => {
                Value::List(items.iter().map(|item| Self::from_json(item, line, column)).collect())
            }
            Json::Object(map) => Value::Map(
                map.iter()
                    .map(|(key, value)| {
                        let key = Node::new(Value::Str(key.as_str().into()), line, column);
                        (key, Self::from_json(value, line, column))
                    })
                    .collect(),
            ),
        };
        Self { value, line, column }
    }

    /// How many nodes it is made of and how deep they nest.
    pub(crate) fn measure(&self) -> (usize, usize) {
        let children: Vec<&Node> = match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(entries) => entries.iter().flat_map(|(k, v)| [k, v]).collect(),
            _ => return (1, 0),
        };
        children
            .into_iter()
            .map(Node::measure)
            .fold((1, 1), |(size, depth), (s, d)| (size + s, depth.max(d + 1)))
    }
}

fn entries_to_json(entries: &[(Node, Node)]) -> Map<String, Json> {
    entries.iter().map(|(key, value)| (key.key_text(), value.to_json())).collect()
}

fn big_to_json(number: &BigInt) -> Json {
    if let Ok(u) = u64::try_from(number) {
        return Json::from(u);
    }
    // JSON numbers of this program are 64 bits wide; beyond that a float keeps the magnitude.
    number.to_string().parse().ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number)
}

/// A float as Python prints it.
fn python_float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{f:?}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let digits = digits.strip_suffix(".0").unwrap_or(digits);
            let (sign, number) = exponent.strip_prefix('-').map_or(('+', exponent), |n| ('-', n));
            format!("{digits}e{sign}{number:0>2}")
        }
        None => text,
    }
}
