//! `flags` in templates.

use kpi_jinja::{Interp, Object, Result, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// `flags`: every flag of the command line by its upper-case name.
struct Flags(Map<String, Json>);

pub(super) fn value(flags: Map<String, Json>) -> Value {
    Value::object(Flags(flags))
}

impl Object for Flags {
    fn type_name(&self) -> &str {
        "Flags"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.0.get(&name.to_lowercase()).map(Value::from_json))
    }

    fn is_true(&self) -> bool {
        true
    }
}
