//! A model's config as the statements of Snowflake need it.

use kpi_jinja::{Error, Interp, Object, Result, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A node as a macro hands it over: `config.model`, `model`, or what the macros that generate names get.
pub(crate) struct Model {
    pub schema: String,
    pub identifier: String,
    config: Map<String, Json>,
}

impl Model {
    pub fn read(interp: &mut Interp, node: &Value) -> Result<Self> {
        let mut field = |name: &str| -> Result<Value> {
            if node.is_none() || node.is_undefined() {
                return Ok(Value::None);
            }
            node.get_attr(interp, name)
        };
        let text = |value: Value| if value.is_true() { value.to_str().to_string() } else { String::new() };
        let config = match field("config")?.to_json() {
            Ok(Json::Object(map)) => map,
            _ => Map::new(),
        };
        Ok(Self { schema: text(field("schema")?), identifier: text(field("alias")?), config })
    }

    /// A config that is set.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.config.get(key).filter(|value| !value.is_null())
    }

    pub fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// A text that says something: neither empty nor false.
    pub fn filled(&self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty() && text != "false")
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// Texts of a config that may be one or a list.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::String(one)) => Ok(Some(vec![one.clone()])),
            Some(Json::Array(many)) => many
                .iter()
                .map(|entry| {
                    entry
                        .as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| self.unexpected(key, &Json::Array(many.clone())))
                })
                .collect::<Result<_>>()
                .map(Some),
            Some(other) => Err(self.unexpected(key, other)),
        }
    }

    fn unexpected(&self, key: &str, value: &Json) -> Error {
        Error::compilation(format!("Unexpected {key} configuration: {value}"))
            .with_hint(format!("`{key}` is a text or a list of texts"))
    }

    /// `cluster_by` as it stands in SQL.
    pub fn cluster_by(&self) -> Result<Option<String>> {
        Ok(self.texts("cluster_by")?.map(|keys| keys.join(", ")))
    }

    pub fn is_iceberg(&self) -> bool {
        self.text("table_format").is_some_and(|format| format.eq_ignore_ascii_case("iceberg"))
    }
}

/// What a macro reads of by name: a catalog's relation, a table's configuration.
pub(crate) struct Fields {
    class: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    pub fn value(class: &'static str, values: Vec<(&'static str, Value)>) -> Value {
        Value::object(Self { class, values })
    }

    fn find(&self, name: &str) -> Option<Value> {
        self.values.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }
}

impl Object for Fields {
    fn type_name(&self) -> &str {
        self.class
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.find(name))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.find(name)))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let fields = self.values.iter().map(|(name, value)| format!("{name}={}", value.repr()));
        format!("{}({})", self.class, fields.collect::<Vec<_>>().join(", "))
    }
}
