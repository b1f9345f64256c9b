//! Escaped text: what `|e` and `|safe` give, a string that knows that it is HTML.

use super::{filters, format, iteration, methods};
use crate::{Args, BinaryOp, Interp, Object, Result, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A string that is HTML already.
pub struct Markup(pub Arc<str>);

/// The text of a string or of escaped text.
pub fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Str(s) => Some(s.clone()),
        Value::Object(_) => value.downcast_ref::<Markup>().map(|m| m.0.clone()),
        _ => None,
    }
}

/// Whether a value is escaped text.
pub fn is_markup(value: &Value) -> bool {
    value.downcast_ref::<Markup>().is_some()
}

/// Escaped text as a value.
pub fn markup(text: impl Into<Arc<str>>) -> Value {
    Value::object(Markup(text.into()))
}

/// Escapes the characters that mean something in HTML.
pub fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The text of a value with HTML escaped, unless it is escaped already.
pub fn escape(value: &Value) -> Arc<str> {
    match value.downcast_ref::<Markup>() {
        Some(done) => done.0.clone(),
        None => escape_text(&value.to_str()).into(),
    }
}

/// Wraps strings, also in lists and tuples, as methods of escaped text return them.
fn wrap(value: Value) -> Value {
    match value {
        Value::Str(s) => markup(s),
        Value::List(items) => Value::list(items.snapshot().into_iter().map(wrap)),
        Value::Tuple(items) => Value::tuple(items.iter().cloned().map(wrap)),
        other => other,
    }
}

impl Object for Markup {
    fn type_name(&self) -> &str {
        "Markup"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let known = matches!(name, "striptags" | "unescape" | "escape")
            || methods::has(&Value::Str(self.0.clone()), name);
        if !known {
            return Ok(None);
        }
        let name: Arc<str> = name.into();
        Ok(Some(crate::function("method", move |interp, args| {
            Ok(self.clone().call_method(interp, &name, args)?.unwrap_or(Value::None))
        })))
    }

    fn call_method(
        self: Arc<Self>,
        interp: &mut Interp,
        name: &str,
        mut args: Args,
    ) -> Result<Option<Value>> {
        match name {
            "striptags" => return Ok(Some(filters::html::strip_tags(&self.0).into())),
            "unescape" => return Ok(Some(filters::html::unescape(&self.0).into())),
            "join" => {
                let items = match args.positional.first() {
                    Some(items) => iteration::collect(interp, items)?,
                    None => Vec::new(),
                };
                let parts: Vec<Arc<str>> = items.iter().map(escape).collect();
                return Ok(Some(markup(parts.join(&*self.0))));
            }
            "format" => {
                args.positional = args.positional.iter().map(escaped_operand).collect();
                args.keyword = args.keyword.into_iter().map(|(k, v)| (k, escaped_operand(&v))).collect();
                return Ok(Some(markup(format::format(interp, &self.0, args)?)));
            }
            "replace" => {
                args.positional = args
                    .positional
                    .into_iter()
                    .map(|v| text(&v).map_or_else(|| v.clone(), |_| escape(&v).into()))
                    .collect();
            }
            _ => {}
        }
        let plain = Value::Str(self.0.clone());
        let answer = methods::call(interp, &plain, name, args)?;
        Ok(answer.map(|v| if name == "encode" { v } else { wrap(v) }))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        if text(key).is_some() {
            return Ok(None);
        }
        let plain = Value::Str(self.0.clone());
        let found = plain.get_item(interp, key)?;
        Ok(if found.is_undefined() { None } else { Some(wrap(found)) })
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let chars: Vec<Value> = self.0.chars().map(|c| Value::from(c.to_string())).collect();
        Ok(Some(Box::new(chars.into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(super::text::char_len(&self.0))
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        text(needle).map(|n| self.0.contains(&*n))
    }

    fn str(&self) -> String {
        self.0.to_string()
    }

    fn repr(&self) -> String {
        format!("Markup({})", super::text::repr_str(&self.0))
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(text(other).is_some_and(|t| t == self.0))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        text(other).map(|t| self.0.cmp(&t))
    }

    fn hash(&self) -> Option<u64> {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        self.0.hash(&mut hasher);
        Some(hasher.finish())
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        match op {
            BinaryOp::Add if text(other).is_some() => {
                let other = escape(other);
                Ok(Some(markup(if reversed {
                    format!("{other}{}", self.0)
                } else {
                    format!("{}{other}", self.0)
                })))
            }
            BinaryOp::Mul => match other.as_i64() {
                Some(n) => {
                    let times = super::arguments::size(n)?;
                    super::arguments::size(
                        i64::try_from(times.saturating_mul(self.0.len())).unwrap_or(i64::MAX),
                    )?;
                    Ok(Some(markup(self.0.repeat(times))))
                }
                None => Ok(None),
            },
            BinaryOp::Rem if !reversed => {
                let values = match other {
                    Value::Tuple(items) => Value::tuple(items.iter().map(escaped_operand)),
                    Value::Dict(dict) => Value::Dict(
                        dict.snapshot().into_iter().map(|(k, v)| (k, escaped_operand(&v))).collect(),
                    ),
                    other => escaped_operand(other),
                };
                Ok(Some(markup(format::percent_of(&self.0, &values)?)))
            }
            _ => Ok(None),
        }
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.0.to_string()))
    }
}

/// What an operand of `%` prints: numbers stay numbers for `%d`, all else is escaped text.
fn escaped_operand(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => value.clone(),
        other => Value::Str(escape(other)),
    }
}
