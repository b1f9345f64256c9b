//! Methods of the built-in types.

mod bytes;
mod dict;
mod list;
mod number;
mod search;
mod set;
mod split;
mod str;

pub(crate) use dict::update as update_dict;
pub use dict::{DictView, ViewKind};
pub(crate) use list::{merge_sort, sort_by_key};
pub(crate) use split::split_blanks;
pub(crate) use str::{center, replace_text};

use crate::{Args, Error, ErrorKind, Interp, Result, Value};

/// Calls a method; `None`: there is none of that name.
///
/// # Errors
/// What Python raises for such a call.
pub fn call(interp: &mut Interp, receiver: &Value, name: &str, args: Args) -> Result<Option<Value>> {
    match receiver {
        Value::Str(text) => str::call(interp, text, name, args),
        Value::List(items) => list::call_list(interp, items, name, args),
        Value::Tuple(items) => list::call_tuple(items, name, args),
        Value::Dict(dict) => dict::call(interp, dict, name, args),
        Value::Set(set) => set::call(interp, set, name, args),
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) => number::call_int(receiver, name, args),
        Value::Float(number) => number::call_float(*number, name, args),
        Value::Bytes(bytes) => bytes::call(bytes, name, args),
        Value::Undefined(_) | Value::None | Value::Object(_) => Ok(None),
    }
}

/// Whether there is a method of that name.
pub fn has(receiver: &Value, name: &str) -> bool {
    let names = match receiver {
        Value::Str(_) => str::NAMES,
        Value::List(_) => list::LIST_NAMES,
        Value::Tuple(_) => list::TUPLE_NAMES,
        Value::Dict(_) => dict::NAMES,
        Value::Set(_) => set::NAMES,
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) => number::INT_NAMES,
        Value::Float(_) => number::FLOAT_NAMES,
        Value::Bytes(_) => bytes::NAMES,
        Value::Undefined(_) | Value::None | Value::Object(_) => return false,
    };
    names.contains(&name)
}

/// A KeyError, which prints the key.
pub(crate) fn key_error(key: &Value) -> Error {
    Error::new(ErrorKind::Key, key.repr())
}

/// An IndexError.
pub(crate) fn index_error(message: &str) -> Error {
    Error::new(ErrorKind::Index, message)
}
