//! Methods of `set`.

use super::key_error;
use crate::python::arguments::{none, one};
use crate::python::iteration;
use crate::{Args, Error, Interp, Key, Result, Set, Value};
use indexmap::IndexSet;

/// All names.
pub(super) const NAMES: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "symmetric_difference_update",
    "union",
    "update",
];

type Members = IndexSet<Key, rustc_hash::FxBuildHasher>;

/// A set of values.
pub(super) fn of(values: Vec<Value>) -> Result<Set> {
    Set::of(values)
}

/// The members of an iterable.
fn members(interp: &mut Interp, value: &Value) -> Result<Members> {
    match value {
        Value::Set(set) => set.snapshot().into_iter().map(Key::new).collect(),
        other => iteration::collect(interp, other)?.into_iter().map(Key::new).collect(),
    }
}

/// The members of all arguments, one set each.
fn operands(interp: &mut Interp, name: &str, args: Args) -> Result<Vec<Members>> {
    if !args.keyword.is_empty() {
        return Err(Error::type_error(format!("set.{name}() takes no keyword arguments")));
    }
    args.positional.iter().map(|value| members(interp, value)).collect()
}

fn operand(interp: &mut Interp, name: &str, args: Args) -> Result<Members> {
    let value = one(&format!("set.{name}"), args)?;
    members(interp, &value)
}

/// Calls a method.
pub(super) fn call(interp: &mut Interp, set: &Set, name: &str, args: Args) -> Result<Option<Value>> {
    let own = || -> Members { set.snapshot().into_iter().filter_map(|v| Key::new(v).ok()).collect() };
    Ok(Some(match name {
        "add" => {
            set.insert(Key::new(one("set.add", args)?)?);
            Value::None
        }
        "discard" => {
            let key = Key::new(one("set.discard", args)?)?;
            set.0.lock().shift_remove(&key);
            Value::None
        }
        "remove" => {
            let value = one("set.remove", args)?;
            let key = Key::new(value.clone())?;
            let removed = set.0.lock().shift_remove(&key);
            if !removed {
                return Err(key_error(&value));
            }
            Value::None
        }
        "pop" => {
            none("set.pop", args)?;
            let first = set.snapshot().into_iter().next();
            match first {
                Some(first) => {
                    set.0.lock().shift_remove(&Key::new(first.clone())?);
                    first
                }
                None => return Err(Error::new(crate::ErrorKind::Key, "'pop from an empty set'")),
            }
        }
        "clear" => {
            none("set.clear", args)?;
            set.0.lock().clear();
            Value::None
        }
        "copy" => {
            none("set.copy", args)?;
            made(own())
        }
        "union" => made(union(own(), operands(interp, name, args)?)),
        "update" => {
            let members = union(own(), operands(interp, name, args)?);
            *set.0.lock() = members;
            Value::None
        }
        "intersection" => made(intersection(own(), operands(interp, name, args)?)),
        "intersection_update" => {
            let members = intersection(own(), operands(interp, name, args)?);
            *set.0.lock() = members;
            Value::None
        }
        "difference" => made(difference(own(), operands(interp, name, args)?)),
        "difference_update" => {
            let members = difference(own(), operands(interp, name, args)?);
            *set.0.lock() = members;
            Value::None
        }
        "symmetric_difference" => {
            let other = operand(interp, name, args)?;
            made(symmetric(own(), &other))
        }
        "symmetric_difference_update" => {
            let other = operand(interp, name, args)?;
            let members = symmetric(own(), &other);
            *set.0.lock() = members;
            Value::None
        }
        "issubset" => {
            let other = operand(interp, name, args)?;
            Value::Bool(own().iter().all(|k| other.contains(k)))
        }
        "issuperset" => {
            let other = operand(interp, name, args)?;
            let own = own();
            Value::Bool(other.iter().all(|k| own.contains(k)))
        }
        "isdisjoint" => {
            let other = operand(interp, name, args)?;
            Value::Bool(!own().iter().any(|k| other.contains(k)))
        }
        _ => return Ok(None),
    }))
}

fn made(members: Members) -> Value {
    Value::Set(members.into_iter().collect())
}

fn union(mut own: Members, others: Vec<Members>) -> Members {
    others.into_iter().for_each(|other| own.extend(other));
    own
}

fn intersection(mut own: Members, others: Vec<Members>) -> Members {
    own.retain(|key| others.iter().all(|other| other.contains(key)));
    own
}

fn difference(mut own: Members, others: Vec<Members>) -> Members {
    own.retain(|key| !others.iter().any(|other| other.contains(key)));
    own
}

fn symmetric(own: Members, other: &Members) -> Members {
    let mut out: Members = other.iter().filter(|k| !own.contains(*k)).cloned().collect();
    out.extend(own.iter().filter(|k| !other.contains(*k)).cloned());
    out
}
