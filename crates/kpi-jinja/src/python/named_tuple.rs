//! Tuples with field names: groups, calendar dates, broken-down times.

use crate::object::Slice;
use crate::{Interp, Object, Result, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A tuple whose items have names as well.
pub struct NamedTuple {
    type_name: &'static str,
    fields: &'static [&'static str],
    items: Vec<Value>,
    named_repr: bool,
}

impl NamedTuple {
    /// One that prints like any tuple.
    pub(crate) fn plain(
        type_name: &'static str,
        fields: &'static [&'static str],
        items: Vec<Value>,
    ) -> Value {
        Value::object(Self { type_name, fields, items, named_repr: false })
    }

    /// One that prints its names: `IsoCalendarDate(year=2024, week=1, weekday=1)`.
    pub fn named(type_name: &'static str, fields: &'static [&'static str], items: Vec<Value>) -> Value {
        Value::object(Self { type_name, fields, items, named_repr: true })
    }

    fn tuple(&self) -> Value {
        Value::tuple(self.items.iter().cloned())
    }
}

/// The tuple that another value is.
fn as_tuple(value: &Value) -> Option<Value> {
    match value {
        Value::Tuple(_) => Some(value.clone()),
        other => other.downcast_ref::<NamedTuple>().map(NamedTuple::tuple),
    }
}

impl Object for NamedTuple {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let at = self.fields.iter().position(|f| *f == name);
        Ok(at.and_then(|i| self.items.get(i).cloned()))
    }

    fn call_method(
        self: Arc<Self>,
        interp: &mut Interp,
        name: &str,
        args: crate::Args,
    ) -> Result<Option<Value>> {
        if self.fields.contains(&name) {
            return Ok(None);
        }
        super::methods::call(interp, &self.tuple(), name, args)
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        if key.as_i64().is_none() && key.downcast_ref::<Slice>().is_none() {
            return Ok(None);
        }
        Ok(Some(self.tuple().get_item(interp, key)?).filter(|v| !v.is_undefined()))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new(self.items.clone().into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.items.len())
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(as_tuple(other).is_some_and(|t| t == self.tuple()))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        as_tuple(other).and_then(|t| self.tuple().compare(&t, "<").ok().flatten())
    }

    fn repr(&self) -> String {
        if !self.named_repr {
            return self.tuple().repr();
        }
        let parts: Vec<String> =
            self.fields.iter().zip(&self.items).map(|(f, v)| format!("{f}={}", v.repr())).collect();
        format!("{}({})", self.type_name, parts.join(", "))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        self.tuple().to_json().ok()
    }
}
