//! Making values from Rust's.

use super::{Dict, Key, List, Set, Undefined, Value};
use crate::Object;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::sync::Arc;

impl Value {
    /// A string.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// An empty string.
    pub fn empty() -> Self {
        thread_local! { static EMPTY: Arc<str> = Arc::from(""); }
        Self::Str(EMPTY.with(Arc::clone))
    }

    /// A new list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(List::new(items.into_iter().collect()))
    }

    /// A tuple.
    pub fn tuple(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Tuple(items.into_iter().collect())
    }

    /// A new dict with string keys.
    pub fn dict<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Dict(Dict::of(entries))
    }

    /// A value implemented in Rust.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }

    /// An undefined name.
    pub fn undefined(name: impl Into<Arc<str>>) -> Self {
        Self::Undefined(Undefined { name: Some(name.into()), hint: None, lenient: false })
    }

    /// An integer of any size, in its one representation.
    pub fn integer(number: BigInt) -> Self {
        match number.to_i64() {
            Some(small) => Self::Int(small),
            None => Self::BigInt(Arc::new(number)),
        }
    }

    /// JSON as the values that `json.loads` makes.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => {
                if let Some(i) = n.as_i64() {
                    Self::Int(i)
                } else if let Some(u) = n.as_u64() {
                    Self::integer(BigInt::from(u))
                } else {
                    Self::Float(n.as_f64().unwrap_or(f64::NAN))
                }
            }
            serde_json::Value::String(s) => Self::str(s.as_str()),
            serde_json::Value::Array(items) => Self::list(items.iter().map(Self::from_json)),
            serde_json::Value::Object(map) => {
                Self::dict(map.iter().map(|(k, v)| (k.as_str(), Self::from_json(v))))
            }
        }
    }

    /// Anything that serializes, as the dicts, lists and scalars that its JSON would give. What cannot be
    /// serialized (a map with keys that are no strings) is `None`.
    pub fn from_serialize<T: serde::Serialize>(data: &T) -> Self {
        serde_json::to_value(data).map_or(Self::None, |json| Self::from_json(&json))
    }

    /// As JSON, as `json.dumps` would write it.
    ///
    /// # Errors
    /// A TypeError for what JSON cannot hold.
    pub fn to_json(&self) -> crate::Result<serde_json::Value> {
        to_json(self, 0)
    }
}

fn to_json(value: &Value, depth: usize) -> crate::Result<serde_json::Value> {
    use serde_json::Value as Json;
    if depth > super::print::MAX_DEPTH {
        return Err(crate::Error::value_error("Circular reference detected"));
    }
    let refuse =
        || crate::Error::type_error(format!("Object of type {} is not JSON serializable", value.type_name()));
    Ok(match value {
        Value::None => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) => Json::from(*i),
        Value::BigInt(i) => match i.to_u64() {
            Some(u) => Json::from(u),
            None => Json::from(i.to_f64().unwrap_or(f64::NAN)),
        },
        Value::Float(f) => Json::from(*f),
        Value::Str(s) => Json::String(s.to_string()),
        Value::List(list) => {
            Json::Array(list.snapshot().iter().map(|v| to_json(v, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Tuple(items) => {
            Json::Array(items.iter().map(|v| to_json(v, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Dict(dict) => {
            let mut map = serde_json::Map::new();
            for (key, item) in dict.snapshot() {
                let name = match key.value() {
                    Value::Str(s) => s.to_string(),
                    Value::None => "null".to_string(),
                    Value::Bool(true) => "true".to_string(),
                    Value::Bool(false) => "false".to_string(),
                    number @ (Value::Int(_) | Value::BigInt(_) | Value::Float(_)) => number.repr(),
                    other => {
                        return Err(crate::Error::type_error(format!(
                            "keys must be str, int, float, bool or None, not {}",
                            other.type_name()
                        )));
                    }
                };
                map.insert(name, to_json(&item, depth + 1)?);
            }
            Json::Object(map)
        }
        Value::Object(object) => object.to_json().ok_or_else(refuse)?,
        Value::Undefined(_) | Value::Bytes(_) | Value::Set(_) => return Err(refuse()),
    })
}

macro_rules! from_small_int {
    ($($t:ty),*) => {$(
        impl From<$t> for Value {
            fn from(number: $t) -> Self {
                Self::Int(i64::from(number))
            }
        }
    )*};
}
from_small_int!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::integer(BigInt::from(number))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::integer(BigInt::from(number))
    }
}

impl From<BigInt> for Value {
    fn from(number: BigInt) -> Self {
        Self::integer(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Str(text.as_str().into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Str(text)
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Self::Str(text.clone())
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Self::None
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(dict)
    }
}

impl From<Set> for Value {
    fn from(set: Set) -> Self {
        Self::Set(set)
    }
}

impl From<Key> for Value {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl<T: Object> From<Arc<T>> for Value {
    fn from(object: Arc<T>) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::list(items.into_iter().map(Into::into))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::list(items)
    }
}

impl Default for Value {
    /// `None`
    fn default() -> Self {
        Self::None
    }
}
