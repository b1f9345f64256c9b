//! Attributes by path: `attribute='a.b.0'`.

use crate::python::{markup, methods, text};
use crate::{Args, Interp, Result, Value};

/// The steps of a path; integers are looked up as such.
pub(crate) struct Path {
    parts: Vec<Value>,
    ignore_case: bool,
    default: Option<Value>,
}

impl Path {
    /// `a.b.0`; `None` is the value itself.
    pub(crate) fn new(attribute: Option<&Value>) -> Self {
        let parts = match attribute {
            None | Some(Value::None) => Vec::new(),
            Some(value) => match markup::text(value) {
                Some(path) => path.split('.').map(part).collect(),
                None => vec![value.clone()],
            },
        };
        Self { parts, ignore_case: false, default: None }
    }

    /// Lowers strings that are found, for comparing without case.
    pub(crate) fn ignoring_case(mut self, ignore: bool) -> Self {
        self.ignore_case = ignore;
        self
    }

    /// What stands for a missing attribute.
    pub(crate) fn or(mut self, default: Option<Value>) -> Self {
        self.default = default.filter(|v| !v.is_none());
        self
    }

    /// Follows the path from a value.
    pub(crate) fn get(&self, interp: &mut Interp, value: &Value) -> Result<Value> {
        let mut found = value.clone();
        for part in &self.parts {
            found = found.get_item(interp, part)?;
            if found.is_undefined()
                && let Some(default) = &self.default
            {
                found = default.clone();
            }
        }
        Ok(if self.ignore_case { lowered(found) } else { found })
    }
}

fn part(name: &str) -> Value {
    if !name.is_empty()
        && name.chars().all(text::is_digit)
        && let Ok(index) = name.parse::<i64>()
    {
        return Value::Int(index);
    }
    Value::from(name)
}

/// Strings in lower case, other values as they are.
pub(crate) fn lowered(value: Value) -> Value {
    match markup::text(&value) {
        Some(text) => text.to_lowercase().into(),
        None => value,
    }
}

/// `attr(name)`: the attribute and never an item.
pub(super) fn attr(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [name] = args.bind("attr", ["name"])?;
    let name = name.map_or_else(|| "".into(), |n| n.to_str());
    match &value {
        Value::Object(object) => {
            if let Some(found) = object.clone().attr(interp, &name)? {
                return Ok(found);
            }
        }
        Value::Dict(_) if !methods::has(&value, &name) => {}
        other => return other.get_attr(interp, &name),
    }
    let hint = format!("'{} object' has no attribute {}", value.type_name(), text::repr_str(&name));
    Ok(interp.undefined(Some(name), Some(hint.into())))
}
