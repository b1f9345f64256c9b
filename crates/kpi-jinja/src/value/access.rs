//! Reading values: types, truth, identity, attributes, items, iteration.

use super::{Dict, Key, List, Set, Undefined, Value};
use crate::object::{BoundMethod, Slice};
use crate::{Error, ErrorKind, Interp, Object, Result};
use std::any::Any;
use std::sync::Arc;

impl Value {
    /// Python's name of the type, as messages show it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether it is undefined.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Python's truth.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::BigInt(_) => true,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Set(set) => !set.is_empty(),
            Self::Object(object) => object.is_true(),
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The integer, if it is one that fits (booleans are integers).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The integer, if it is one that fits and is not negative.
    pub fn as_usize(&self) -> Option<usize> {
        self.as_i64().and_then(|i| usize::try_from(i).ok())
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dict, if it is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The set, if it is one.
    pub fn as_set(&self) -> Option<&Set> {
        match self {
            Self::Set(set) => Some(set),
            _ => None,
        }
    }

    /// The items of a list or tuple now.
    pub fn as_sequence(&self) -> Option<Vec<Value>> {
        match self {
            Self::List(list) => Some(list.snapshot()),
            Self::Tuple(items) => Some(items.to_vec()),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Arc<dyn Object>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The Rust value behind an object of type `T`.
    pub fn downcast_ref<T: Object>(&self) -> Option<&T> {
        let object: &dyn Object = &**self.as_object()?;
        (object as &dyn Any).downcast_ref()
    }

    /// The shared Rust value behind an object of type `T`.
    pub fn downcast<T: Object>(&self) -> Option<Arc<T>> {
        let object: Arc<dyn Object> = self.as_object()?.clone();
        let any: Arc<dyn Any + Send + Sync> = object;
        any.downcast().ok()
    }

    /// Python's `is`. Equal scalars of one type count as the same.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::BigInt(a), Self::BigInt(b)) => Arc::ptr_eq(a, b),
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => Arc::ptr_eq(a, b),
            (Self::List(a), Self::List(b)) => a.is_same(b),
            (Self::Tuple(a), Self::Tuple(b)) => Arc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            (Self::Dict(a), Self::Dict(b)) => a.is_same(b),
            (Self::Set(a), Self::Set(b)) => a.is_same(b),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Whether it can be called.
    pub fn is_callable(&self) -> bool {
        match self {
            // jinja2's undefined has a `__call__`, which raises.
            Self::Undefined(_) => true,
            Self::Object(object) => object.is_callable(),
            _ => false,
        }
    }

    /// `len(value)`; `None`: has none.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Undefined(_) => Some(0),
            Self::None | Self::Bool(_) | Self::Int(_) | Self::BigInt(_) | Self::Float(_) => None,
            Self::Str(s) => Some(if s.is_ascii() { s.len() } else { s.chars().count() }),
            Self::Bytes(b) => Some(b.len()),
            Self::List(list) => Some(list.len()),
            Self::Tuple(items) => Some(items.len()),
            Self::Dict(dict) => Some(dict.len()),
            Self::Set(set) => Some(set.len()),
            Self::Object(object) => object.length(),
        }
    }

    /// How messages of undefined attributes call it: `dict object`, `None`.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::None => "None".to_string(),
            other => format!("{} object", other.type_name()),
        }
    }

    /// `value.name`: a method or attribute, else an item of that name, else undefined.
    ///
    /// # Errors
    /// If the value is undefined itself, or what an object raises.
    pub fn get_attr(&self, interp: &mut Interp, name: &str) -> Result<Value> {
        if let Some(found) = self.try_attr(interp, name)? {
            return Ok(if name.starts_with('_') && !matches!(self, Self::Undefined(_)) {
                self.unsafe_attr(interp, name)
            } else {
                found
            });
        }
        match self {
            Self::Dict(dict) => {
                if let Some(found) = dict.get(name) {
                    return Ok(found);
                }
                if name.starts_with("__") {
                    return Ok(self.unsafe_attr(interp, name));
                }
            }
            Self::Object(object) => {
                if let Some(found) = object.clone().item(interp, &Value::from(name))? {
                    return Ok(found);
                }
            }
            _ if name.starts_with("__") => return Ok(self.unsafe_attr(interp, name)),
            _ => {}
        }
        Ok(self.missing_attr(interp, name))
    }

    /// `value[key]`: an item, else (for a string) an attribute, else undefined.
    ///
    /// # Errors
    /// If the value is undefined itself, or what an object raises.
    pub fn get_item(&self, interp: &mut Interp, key: &Value) -> Result<Value> {
        if let Some(found) = self.try_item(interp, key)? {
            return Ok(found);
        }
        if let Self::Str(name) = key {
            if let Some(found) = self.try_attr(interp, name)? {
                return Ok(if name.starts_with('_') { self.unsafe_attr(interp, name) } else { found });
            }
            return Ok(self.missing_attr(interp, name));
        }
        let hint = format!("{} has no element {}", self.described(), key.repr());
        Ok(interp.undefined(Some(key.to_str()), Some(hint.into())))
    }

    fn missing_attr(&self, interp: &Interp, name: &str) -> Value {
        let hint = format!("'{}' has no attribute {}", self.described(), Value::from(name).repr());
        interp.undefined(Some(name.into()), Some(hint.into()))
    }

    fn unsafe_attr(&self, interp: &Interp, name: &str) -> Value {
        let hint = format!("access to attribute '{name}' of '{}' object is unsafe.", self.type_name());
        interp.undefined(Some(name.into()), Some(hint.into()))
    }

    /// An attribute or a method as a value.
    fn try_attr(&self, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        match self {
            Self::Object(object) => object.clone().attr(interp, name),
            Self::Undefined(undefined) => {
                if undefined.lenient {
                    let mut chained = undefined.clone();
                    chained.name = Some(name.into());
                    Ok(Some(Self::Undefined(chained)))
                } else {
                    Err(undefined.error())
                }
            }
            Self::None => Ok(None),
            Self::Bool(_) | Self::Int(_) | Self::BigInt(_)
                if matches!(name, "real" | "imag" | "numerator" | "denominator") =>
            {
                Ok(Some(match name {
                    "imag" => Self::Int(0),
                    "denominator" => Self::Int(1),
                    _ => self.as_bigint().map_or(Self::None, Self::integer),
                }))
            }
            Self::Float(f) if matches!(name, "real" | "imag") => {
                Ok(Some(Self::Float(if name == "real" { *f } else { 0.0 })))
            }
            receiver if crate::python::methods::has(receiver, name) => {
                Ok(Some(Self::object(BoundMethod { receiver: receiver.clone(), name: name.into() })))
            }
            _ => Ok(None),
        }
    }

    /// `value[key]` without a fall-back; `None` where Python raises a TypeError or LookupError.
    fn try_item(&self, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        if let Some(slice) = key.downcast_ref::<Slice>() {
            return self.slice(interp, slice, key);
        }
        let position = |len: usize| {
            let index = key.as_i64()?;
            let index = if index < 0 { index.checked_add(i64::try_from(len).ok()?)? } else { index };
            usize::try_from(index).ok().filter(|i| *i < len)
        };
        Ok(match self {
            Self::Dict(dict) => dict.get_value(key),
            Self::List(list) => {
                let items = list.0.lock();
                position(items.len()).and_then(|i| items.get(i).cloned())
            }
            Self::Tuple(items) => position(items.len()).and_then(|i| items.get(i).cloned()),
            Self::Str(s) if s.is_ascii() => position(s.len()).and_then(|i| s.get(i..=i)).map(Value::from),
            Self::Str(s) => position(s.chars().count())
                .and_then(|i| s.chars().nth(i))
                .map(|c| Value::from(c.encode_utf8(&mut [0; 4]) as &str)),
            Self::Bytes(b) => position(b.len()).and_then(|i| b.get(i)).map(|b| Value::from(*b)),
            Self::Object(object) => object.clone().item(interp, key)?,
            Self::Undefined(undefined) if undefined.lenient => Some(self.clone()),
            Self::Undefined(undefined) => return Err(undefined.error()),
            _ => None,
        })
    }

    fn slice(&self, interp: &mut Interp, slice: &Slice, key: &Value) -> Result<Option<Value>> {
        let length = match self {
            Self::Object(object) => return object.clone().item(interp, key),
            Self::Undefined(undefined) if undefined.lenient => return Ok(Some(self.clone())),
            Self::Undefined(undefined) => return Err(undefined.error()),
            Self::List(_) | Self::Tuple(_) | Self::Str(_) | Self::Bytes(_) => self.length().unwrap_or(0),
            _ => return Ok(None),
        };
        let Some(indices) = slice.indices(length)? else { return Ok(None) };
        Ok(Some(match self {
            Self::List(list) => {
                let items = list.snapshot();
                Self::list(indices.filter_map(|i| items.get(i).cloned()))
            }
            Self::Tuple(items) => Self::tuple(indices.filter_map(|i| items.get(i).cloned())),
            Self::Bytes(bytes) => Self::Bytes(indices.filter_map(|i| bytes.get(i).copied()).collect()),
            Self::Str(text) => {
                let chars: Vec<char> = text.chars().collect();
                Self::from(indices.filter_map(|i| chars.get(i)).collect::<String>())
            }
            _ => Self::None,
        }))
    }

    /// `for x in value`.
    ///
    /// # Errors
    /// A TypeError if it is not iterable.
    pub fn iterate(&self, interp: &mut Interp) -> Result<ValueIter> {
        let refuse = || Error::type_error(format!("'{}' object is not iterable", self.type_name()));
        Ok(ValueIter(match self {
            Self::Undefined(_) => Source::Items(Vec::new().into_iter()),
            Self::List(list) => Source::List(list.clone(), 0),
            Self::Tuple(items) => Source::Tuple(items.clone(), 0),
            Self::Dict(dict) => Source::Dict(dict.clone(), 0),
            Self::Set(set) => Source::Items(set.snapshot().into_iter()),
            Self::Str(text) => Source::Text(text.clone(), 0),
            Self::Bytes(bytes) => {
                Source::Items(bytes.iter().map(|b| Value::from(*b)).collect::<Vec<_>>().into_iter())
            }
            Self::Object(object) => Source::Foreign(object.clone().iterate(interp)?.ok_or_else(refuse)?),
            Self::None | Self::Bool(_) | Self::Int(_) | Self::BigInt(_) | Self::Float(_) => {
                return Err(refuse());
            }
        }))
    }

    /// The items that iterating it gives.
    ///
    /// # Errors
    /// A TypeError if it is not iterable.
    pub fn to_vec(&self, interp: &mut Interp) -> Result<Vec<Value>> {
        Ok(match self {
            Self::List(list) => list.snapshot(),
            Self::Tuple(items) => items.to_vec(),
            other => other.iterate(interp)?.collect(),
        })
    }

    /// `needle in value`.
    ///
    /// # Errors
    /// A TypeError if it is no container, or the needle does not fit it.
    pub fn contains(&self, interp: &mut Interp, needle: &Value) -> Result<bool> {
        let found = |item: &Value| item.is_same(needle) || item == needle;
        match self {
            Self::Str(text) => match needle {
                Self::Str(part) => Ok(text.contains(&**part)),
                Self::Object(object) if object.type_name() == "Markup" => Ok(text.contains(&*object.str())),
                Self::Undefined(undefined) if !undefined.lenient => Err(undefined.error()),
                other => Err(Error::type_error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    other.type_name()
                ))),
            },
            Self::Dict(dict) => {
                let key = Key::new(needle.clone())?;
                Ok(dict.0.lock().contains_key(&key))
            }
            Self::Set(set) => {
                let key = Key::new(needle.clone())?;
                Ok(set.contains(&key))
            }
            Self::List(list) => Ok(list.snapshot().iter().any(found)),
            Self::Tuple(items) => Ok(items.iter().any(found)),
            Self::Undefined(_) => Ok(false),
            Self::Bytes(bytes) => match needle {
                Self::Bytes(part) => {
                    Ok(part.is_empty() || bytes.windows(part.len()).any(|window| *window == **part))
                }
                other => Ok(other.as_i64().is_some_and(|i| bytes.iter().any(|b| i64::from(*b) == i))),
            },
            Self::Object(object) => match object.contains(needle) {
                Some(answer) => Ok(answer),
                None => match object.clone().iterate(interp)? {
                    Some(mut items) => Ok(items.any(|item| found(&item))),
                    None => Err(not_a_container(self)),
                },
            },
            Self::None | Self::Bool(_) | Self::Int(_) | Self::BigInt(_) | Self::Float(_) => {
                Err(not_a_container(self))
            }
        }
    }

    /// What is known about it, if it is undefined.
    pub fn as_undefined(&self) -> Option<&Undefined> {
        match self {
            Self::Undefined(undefined) => Some(undefined),
            _ => None,
        }
    }

    /// Fails if it is undefined, as Python's operators do.
    ///
    /// # Errors
    /// `'name' is undefined`
    pub fn require_defined(&self) -> Result<()> {
        self.as_undefined().map_or(Ok(()), |u| Err(u.error()))
    }
}

fn not_a_container(value: &Value) -> Error {
    Error::new(ErrorKind::Type, format!("argument of type '{}' is not iterable", value.type_name()))
}

/// An iteration over a value. Sees what is appended to a list while it runs.
pub struct ValueIter(Source);

enum Source {
    List(List, usize),
    Tuple(Arc<[Value]>, usize),
    Dict(Dict, usize),
    Text(Arc<str>, usize),
    Items(std::vec::IntoIter<Value>),
    Foreign(Box<dyn Iterator<Item = Value> + Send>),
}

impl Iterator for ValueIter {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        match &mut self.0 {
            Source::List(list, next) => {
                let item = list.get(*next)?;
                *next += 1;
                Some(item)
            }
            Source::Tuple(items, next) => {
                let item = items.get(*next)?.clone();
                *next += 1;
                Some(item)
            }
            Source::Dict(dict, next) => {
                let key = dict.0.lock().get_index(*next)?.0.0.clone();
                *next += 1;
                Some(key)
            }
            Source::Text(text, next) => {
                let c = text.get(*next..)?.chars().next()?;
                *next += c.len_utf8();
                Some(Value::from(c.encode_utf8(&mut [0; 4]) as &str))
            }
            Source::Items(items) => items.next(),
            Source::Foreign(items) => items.next(),
        }
    }
}
