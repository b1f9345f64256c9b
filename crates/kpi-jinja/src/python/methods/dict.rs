//! Methods of `dict`, and its views.

use super::key_error;
use crate::python::arguments::{none, positional};
use crate::python::{iteration, methods::set};
use crate::{Args, BinaryOp, Dict, Error, Interp, Key, Object, Result, Value};
use std::sync::Arc;

/// All names.
pub(super) const NAMES: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];

/// Calls a method.
pub(super) fn call(interp: &mut Interp, dict: &Dict, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "get" => {
            let [key, default] = positional::<2>("get", args, 1)?;
            let key = key.unwrap_or(Value::None);
            lookup(dict, &key)?.or(default).unwrap_or(Value::None)
        }
        "keys" => view(dict, ViewKind::Keys, args)?,
        "values" => view(dict, ViewKind::Values, args)?,
        "items" => view(dict, ViewKind::Items, args)?,
        "update" => {
            update(interp, dict, args, "update")?;
            Value::None
        }
        "pop" => {
            let [key, default] = positional::<2>("pop", args, 1)?;
            let key = key.unwrap_or(Value::None);
            let hashed = Key::new(key.clone())?;
            let removed = dict.0.lock().shift_remove(&hashed);
            removed.or(default).ok_or_else(|| key_error(&key))?
        }
        "popitem" => {
            none("dict.popitem", args)?;
            let last = dict.0.lock().pop();
            match last {
                Some((key, value)) => Value::tuple([key.into(), value]),
                None => {
                    return Err(Error::new(crate::ErrorKind::Key, "'popitem(): dictionary is empty'"));
                }
            }
        }
        "setdefault" => {
            let [key, default] = positional::<2>("setdefault", args, 1)?;
            let key = Key::new(key.unwrap_or(Value::None))?;
            dict.0.lock().entry(key).or_insert(default.unwrap_or(Value::None)).clone()
        }
        "clear" => {
            none("dict.clear", args)?;
            dict.0.lock().clear();
            Value::None
        }
        "copy" => {
            none("dict.copy", args)?;
            Value::Dict(dict.shallow_copy())
        }
        "fromkeys" => {
            let [keys, value] = positional::<2>("fromkeys", args, 1)?;
            let value = value.unwrap_or(Value::None);
            let made = Dict::new();
            for key in iteration::collect(interp, &keys.unwrap_or(Value::None))? {
                made.set(key, value.clone())?;
            }
            Value::Dict(made)
        }
        _ => return Ok(None),
    }))
}

fn lookup(dict: &Dict, key: &Value) -> Result<Option<Value>> {
    match key {
        Value::Str(s) => Ok(dict.get(s)),
        other => {
            let key = Key::new(other.clone())?;
            Ok(dict.0.lock().get(&key).cloned())
        }
    }
}

fn view(dict: &Dict, kind: ViewKind, args: Args) -> Result<Value> {
    none(kind.method(), args)?;
    Ok(Value::object(DictView { dict: dict.clone(), kind }))
}

/// Adds what `dict(...)` and `dict.update(...)` take: a mapping or pairs, and keywords.
pub(crate) fn update(interp: &mut Interp, dict: &Dict, args: Args, name: &str) -> Result<()> {
    let Args { positional, keyword } = args;
    if positional.len() > 1 {
        return Err(Error::type_error(format!(
            "{name} expected at most 1 argument, got {}",
            positional.len()
        )));
    }
    match positional.first() {
        None => {}
        Some(Value::Dict(other)) => dict.extend(other),
        Some(Value::Object(object)) if object.is_mapping() => {
            let source = Value::Object(object.clone());
            for key in iteration::collect(interp, &source)? {
                let value = object.clone().item(interp, &key)?.unwrap_or(Value::None);
                dict.set(key, value)?;
            }
        }
        Some(pairs) => {
            for (i, pair) in iteration::collect(interp, pairs)?.into_iter().enumerate() {
                let parts = match iteration::collect(interp, &pair) {
                    Ok(parts) => parts,
                    Err(_) => {
                        return Err(Error::type_error(format!(
                            "cannot convert dictionary update sequence element #{i} to a sequence"
                        )));
                    }
                };
                match <[Value; 2]>::try_from(parts) {
                    Ok([key, value]) => dict.set(key, value)?,
                    Err(parts) => {
                        return Err(Error::value_error(format!(
                            "dictionary update sequence element #{i} has length {}; 2 is required",
                            parts.len()
                        )));
                    }
                }
            }
        }
    }
    for (key, value) in keyword {
        dict.insert(key, value);
    }
    Ok(())
}

/// What a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewKind {
    /// `dict.keys()`
    Keys,
    /// `dict.values()`
    Values,
    /// `dict.items()`
    Items,
}

impl ViewKind {
    fn method(self) -> &'static str {
        match self {
            Self::Keys => "dict.keys",
            Self::Values => "dict.values",
            Self::Items => "dict.items",
        }
    }
}

/// A live view of a dict.
pub struct DictView {
    /// The dict.
    pub dict: Dict,
    /// What it shows.
    pub kind: ViewKind,
}

impl DictView {
    /// What it shows now.
    pub fn snapshot(&self) -> Vec<Value> {
        match self.kind {
            ViewKind::Keys => self.dict.keys(),
            ViewKind::Values => self.dict.values(),
            ViewKind::Items => {
                self.dict.snapshot().into_iter().map(|(k, v)| Value::tuple([k.into(), v])).collect()
            }
        }
    }
}

impl Object for DictView {
    fn type_name(&self) -> &str {
        match self.kind {
            ViewKind::Keys => "dict_keys",
            ViewKind::Values => "dict_values",
            ViewKind::Items => "dict_items",
        }
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let mut next = 0;
        Ok(Some(Box::new(std::iter::from_fn(move || {
            let map = self.dict.0.lock();
            let (key, value) = map.get_index(next)?;
            next += 1;
            Some(match self.kind {
                ViewKind::Keys => key.value().clone(),
                ViewKind::Values => value.clone(),
                ViewKind::Items => Value::tuple([key.value().clone(), value.clone()]),
            })
        }))))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name == "isdisjoint" && self.kind != ViewKind::Values {
            let members = set::of(self.snapshot())?;
            return set::call(interp, &members, name, args);
        }
        Ok(None)
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok((name == "mapping").then(|| Value::Dict(self.dict.clone())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.dict.len())
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        match self.kind {
            ViewKind::Keys => Some(self.dict.get_value(needle).is_some()),
            _ => Some(self.snapshot().iter().any(|v| v.is_same(needle) || v == needle)),
        }
    }

    fn repr(&self) -> String {
        format!("{}({})", self.type_name(), Value::list(self.snapshot()).repr())
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        if self.kind == ViewKind::Values {
            return None;
        }
        let members = set_like(other)?;
        let own = set::of(self.snapshot()).ok()?;
        Some(Value::Set(own) == Value::Set(members))
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        if op != BinaryOp::Sub || self.kind == ViewKind::Values {
            return Ok(None);
        }
        let Some(others) = set_like(other) else { return Ok(None) };
        let own = set::of(self.snapshot())?;
        let (left, right) = if reversed { (others, own) } else { (own, others) };
        let right = right.0.lock().clone();
        Ok(Some(Value::Set(left.0.lock().iter().filter(|k| !right.contains(*k)).cloned().collect())))
    }
}

/// The members of a set, a view or a sequence.
fn set_like(value: &Value) -> Option<crate::Set> {
    match value {
        Value::Set(set) => Some(set.clone()),
        other => match other.downcast_ref::<DictView>() {
            Some(view) => set::of(view.snapshot()).ok(),
            None => other.as_sequence().and_then(|items| set::of(items).ok()),
        },
    }
}
