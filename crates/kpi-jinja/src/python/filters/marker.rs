//! Marks that tell value rendering what a result is meant to be.

use super::no_arguments;
use crate::python::literal;
use crate::{Args, Error, Interp, Object, Result, Value};
use std::sync::Arc;

/// What a value was marked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `as_text`: stays text.
    Text,
    /// `as_native`: becomes the Python literal that it spells.
    Native,
    /// `as_bool`
    Bool,
    /// `as_number`
    Number,
}

/// A text with a mark.
pub struct Marked {
    /// The text.
    pub text: Arc<str>,
    /// The mark.
    pub mark: Mark,
}

impl Object for Marked {
    fn type_name(&self) -> &str {
        "str"
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        crate::python::methods::call(interp, &Value::Str(self.text.clone()), name, args)
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let chars: Vec<Value> = self.text.chars().map(|c| Value::from(c.to_string())).collect();
        Ok(Some(Box::new(chars.into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(crate::python::text::char_len(&self.text))
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.to_str() == self.text)
    }

    fn str(&self) -> String {
        self.text.to_string()
    }

    fn repr(&self) -> String {
        crate::python::text::repr_str(&self.text)
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.text.to_string()))
    }
}

fn marked(value: &Value, mark: Mark, args: Args) -> Result<Value> {
    no_arguments("filter", args)?;
    Ok(Value::object(Marked { text: value.to_str(), mark }))
}

pub(super) fn as_text(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    marked(&value, Mark::Text, args)
}

pub(super) fn as_native(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    marked(&value, Mark::Native, args)
}

pub(super) fn as_bool(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    marked(&value, Mark::Bool, args)
}

pub(super) fn as_number(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    marked(&value, Mark::Number, args)
}

/// The value that a template stands for where values are rendered: one part keeps its type, several become one text.
///
/// # Errors
/// A part marked `as_bool` or `as_number` that is none.
pub fn native_concat(parts: &[Value]) -> Result<Value> {
    let single = match parts {
        [] => return Ok(Value::empty()),
        [single] => single,
        parts => {
            let mut out = String::new();
            parts.iter().for_each(|part| part.write_str(&mut out));
            return Ok(out.into());
        }
    };
    let Some(marked) = single.downcast_ref::<Marked>() else { return Ok(single.clone()) };
    let text = Value::Str(marked.text.clone());
    if marked.mark == Mark::Text {
        return Ok(text);
    }
    let value = literal::parse(&marked.text).unwrap_or(text);
    let fits = match marked.mark {
        Mark::Bool => matches!(value, Value::Bool(_)),
        Mark::Number => matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_)),
        Mark::Text | Mark::Native => true,
    };
    if fits {
        return Ok(value);
    }
    let wanted = if marked.mark == Mark::Bool { "bool" } else { "number" };
    Err(Error::compilation(format!("Could not convert value '{}' into type '{wanted}'", marked.text)))
}
