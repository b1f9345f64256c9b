//! Results and nodes as hooks see them: attributes, and `to_dict()`.

use kpi_jinja::{Args, Error, Interp, Object, Result, Value, function};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What a lookup of a name gives that the record does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is undefined.
    Undefined,
    /// `None`: a config answers for every key.
    None,
}

/// A thing with named fields. It is no dict; `to_dict()` makes one of it.
pub(crate) struct Record {
    pub kind: &'static str,
    /// Attributes.
    pub fields: Vec<(Arc<str>, Value)>,
    /// What `to_dict()` gives.
    pub plain: Map<String, Json>,
    pub missing: Missing,
}

impl Record {
    /// A record of the fields of a map.
    pub fn new(kind: &'static str, plain: Map<String, Json>) -> Self {
        let fields = plain.iter().map(|(key, value)| (key.as_str().into(), Value::from_json(value)));
        Self { kind, fields: fields.collect(), plain, missing: Missing::Undefined }
    }

    /// A record of a map, or the value as it is when it is none.
    pub fn of(kind: &'static str, value: &Json) -> Value {
        match value {
            Json::Object(map) => Self::new(kind, map.clone()).into_value(),
            other => Value::from_json(other),
        }
    }

    /// Puts another value in the place of a field, or a field that `to_dict()` does not have.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.fields.iter_mut().find(|(field, _)| **field == *name) {
            Some((_, place)) => *place = value,
            None => self.fields.push((name.into(), value)),
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(field, _)| **field != *name);
        self.plain.remove(name);
    }

    pub fn into_value(self) -> Value {
        Value::object(self)
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, _)| **field == *name).map(|(_, value)| value.clone())
    }

    /// `to_dict(omit_none=False)`
    fn to_dict(&self, args: Args) -> Result<Value> {
        let [omit, _validate] = args.bind("to_dict", ["omit_none?", "validate?"])?;
        let json = Json::Object(self.plain.clone());
        Ok(Value::from_json(&if omit.is_some_and(|o| o.is_true()) { without_nulls(json) } else { json }))
    }

    /// `get(key, default=None)` of a config.
    fn get(&self, args: Args) -> Result<Value> {
        let [key, default] = args.bind("get", ["key", "default?"])?;
        let found = key.as_ref().and_then(Value::as_str).and_then(|key| self.field(key));
        Ok(found.or(default).unwrap_or(Value::None))
    }
}

/// A map without what is null in it, at any depth.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        other => other,
    }
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some(value) = self.field(name) {
            return Ok(Some(value));
        }
        Ok(match (name, self.missing) {
            ("to_dict", _) => Some(function("to_dict", move |_, args| self.to_dict(args))),
            ("get", Missing::None) => Some(function("get", move |_, args| self.get(args))),
            (_, Missing::None) if !name.starts_with('_') => Some(Value::None),
            _ => None,
        })
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        match (key.as_str(), self.missing) {
            (Some(name), Missing::None) => Ok(Some(self.field(name).unwrap_or(Value::None))),
            _ => Ok(None),
        }
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        match self.missing {
            Missing::None => {
                let keys: Vec<Value> = self.plain.keys().map(|key| Value::from(key.as_str())).collect();
                Ok(Some(Box::new(keys.into_iter())))
            }
            Missing::Undefined => Err(Error::type_error(format!("'{}' object is not iterable", self.kind))),
        }
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!("{name}={}", value.repr()));
        format!("{}({})", self.kind, fields.collect::<Vec<_>>().join(", "))
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::Object(self.plain.clone()))
    }
}
