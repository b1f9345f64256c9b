//! Results as hooks see them: attributes, items and `to_dict()`.

use kpi_jinja::{Args, Interp, Object, Result, Value};
use std::sync::Arc;

/// A value with named fields that can also be read as a dict.
pub(crate) struct Record {
    pub kind: &'static str,
    pub fields: Value,
}

impl Object for Record {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name == "to_dict" {
            let record = self.clone();
            return Ok(Some(kpi_jinja::function("to_dict", move |_, _| Ok(record.plain()))));
        }
        self.item(interp, &Value::from(name))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        let value = self.fields.get_item(interp, key)?;
        Ok(if value.is_undefined() { None } else { Some(value) })
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "to_dict" => Ok(Some(self.plain())),
            "get" | "items" | "keys" | "values" => {
                kpi_jinja::python::methods::call(interp, &self.fields, name, args)
            }
            _ => Ok(None),
        }
    }

    fn is_true(&self) -> bool {
        true
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("{}({})", self.kind, self.fields)
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        self.plain().to_json().ok()
    }
}

impl Record {
    /// As a dict, records inside it as dicts too.
    fn plain(&self) -> Value {
        let Some(dict) = self.fields.as_dict() else { return self.fields.clone() };
        Value::dict(dict.snapshot().into_iter().map(|(key, value)| {
            let value = match value.downcast_ref::<Record>() {
                Some(record) => record.plain(),
                None => value,
            };
            (key.as_str().unwrap_or_default().to_owned(), value)
        }))
    }
}
