//! Reading the arguments that templates give to native methods, with the errors that Python would raise.

use crate::{Policy, Relation};
use kpi_jinja::{Args, Error, Interp, Object, Result, Value};
use std::sync::Arc;

/// A method of an object as a value of its own: `{% set f = relation.render %}`.
pub(crate) struct Method {
    receiver: Arc<dyn Object>,
    name: &'static str,
}

impl Method {
    /// The method `name` of `receiver`, which must answer to it in `call_method`.
    pub(crate) fn of(receiver: Arc<dyn Object>, name: &'static str) -> Value {
        Value::object(Self { receiver, name })
    }
}

impl Object for Method {
    fn type_name(&self) -> &str {
        "method"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        self.receiver.clone().call_method(interp, self.name, args)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<bound method {} of {}>", self.name, self.receiver.repr())
    }
}

/// The text of an argument that may be `None` or left out; undefined counts as `None`.
pub(crate) fn optional_text(value: Option<&Value>) -> Option<Arc<str>> {
    match value {
        None | Some(Value::None | Value::Undefined(_)) => None,
        Some(other) => Some(other.to_str()),
    }
}

/// The text of an argument.
pub(crate) fn text(value: Option<&Value>) -> Arc<str> {
    optional_text(value).unwrap_or_else(|| "None".into())
}

/// Truth of an argument that may be left out.
pub(crate) fn flag(value: Option<&Value>, default: bool) -> bool {
    value.map_or(default, Value::is_true)
}

/// A part of a relation's path. dbt refuses what is neither text nor `None`, above all undefined values.
pub(crate) fn path_part(value: Option<&Value>, part: &str) -> Result<Option<Arc<str>>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(Value::Str(s)) => Ok(Some(s.clone())),
        Some(Value::Undefined(u)) if u.lenient => Ok(None),
        Some(other) => Err(Error::compilation(format!("Got an invalid path {part}: {}", other.to_str()))),
    }
}

/// The relation that an argument is.
pub(crate) fn relation(value: Option<&Value>, method: &str, argument: &str) -> Result<Arc<Relation>> {
    value.and_then(Value::downcast::<Relation>).ok_or_else(|| {
        let (shown, kind) = match value {
            Some(v) => (v.to_str(), v.type_name().to_owned()),
            None => ("None".into(), "NoneType".to_owned()),
        };
        Error::compilation(format!(
            "'adapter.{method}' expects argument '{argument}' to be of type 'DuckDBRelation', \
             instead got {shown} (<class '{kind}'>)"
        ))
    })
}

/// Changes the parts of a policy that a mapping such as `{'database': false}` names.
pub(crate) fn merge_policy(policy: &mut Policy, value: &Value) {
    if let Some(other) = value.downcast_ref::<crate::relation_parts::PolicyObject>() {
        *policy = other.0;
    } else if let Some(dict) = value.as_dict() {
        for (part, holds) in dict.str_entries() {
            if !holds.is_none() && !holds.is_undefined() {
                policy.set(&part, holds.is_true());
            }
        }
    }
}

/// The error of an attribute that an object does not have.
pub(crate) fn no_attribute(type_name: &str, name: &str, known: &[&str]) -> Error {
    let error = Error::new(
        kpi_jinja::ErrorKind::Attribute,
        format!("'{type_name}' object has no attribute '{name}'"),
    );
    match kpi_diagnostics::nearest(name, known.iter().copied()) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error,
    }
}
