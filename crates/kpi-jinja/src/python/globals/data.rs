//! dbt's functions of data: JSON, YAML, sets, zips, digests.

use crate::python::iteration::{collect, iterator};
use crate::python::{json, markup, text, yaml};
use crate::{Args, Dict, Error, ErrorKind, Interp, Key, Result, Set, Value};
use md5::{Digest, Md5};

/// Turns the errors that dbt's lenient functions swallow into the default.
fn or_default(outcome: Result<Value>, swallowed: &[ErrorKind], default: Option<Value>) -> Result<Value> {
    match outcome {
        Err(e) if swallowed.contains(&e.kind()) => Ok(default.unwrap_or(Value::None)),
        other => other,
    }
}

fn make_set(interp: &mut Interp, value: Option<Value>) -> Result<Value> {
    Set::of(collect(interp, &value.unwrap_or(Value::None))?).map(Value::Set)
}

/// `set(value, default)`
pub(super) fn set(interp: &mut Interp, args: Args) -> Result<Value> {
    let [value, default] = args.bind("set", ["value", "default?"])?;
    let made = make_set(interp, value);
    or_default(made, &[ErrorKind::Type], default)
}

/// `set_strict(value)`
pub(super) fn set_strict(interp: &mut Interp, args: Args) -> Result<Value> {
    let [value] = args.bind("set_strict", ["value"])?;
    make_set(interp, value).map_err(|e| strict("set_strict", e))
}

fn strict(name: &str, error: Error) -> Error {
    if error.kind() == ErrorKind::Type {
        Error::compilation(format!("{name} was given a value of the wrong type: {}", error.message()))
    } else {
        error
    }
}

fn make_zip(interp: &mut Interp, values: &[Value]) -> Result<Value> {
    let mut sources = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        match value.iterate(interp) {
            Ok(items) => sources.push(items),
            Err(e) if e.kind() == ErrorKind::Type => {
                return Err(Error::type_error(format!("zip argument #{} must support iteration", i + 1)));
            }
            Err(e) => return Err(e),
        }
    }
    Ok(iterator(
        "zip",
        std::iter::from_fn(move || {
            if sources.is_empty() {
                return None;
            }
            let row: Option<Vec<Value>> = sources.iter_mut().map(Iterator::next).collect();
            row.map(Value::tuple)
        }),
    ))
}

/// `zip(*values, default)`
pub(super) fn zip(interp: &mut Interp, args: Args) -> Result<Value> {
    let values = args.positional.clone();
    let [default] = Args { positional: Vec::new(), keyword: args.keyword }.bind("zip", ["default?"])?;
    let made = make_zip(interp, &values);
    or_default(made, &[ErrorKind::Type], default)
}

/// `zip_strict(*values)`
pub(super) fn zip_strict(interp: &mut Interp, args: Args) -> Result<Value> {
    Args { positional: Vec::new(), keyword: args.keyword }.bind::<0>("zip_strict", [])?;
    make_zip(interp, &args.positional).map_err(|e| strict("zip_strict", e))
}

/// `fromjson(string, default)`
pub(super) fn fromjson(_: &mut Interp, args: Args) -> Result<Value> {
    let [string, default] = args.bind("fromjson", ["string", "default?"])?;
    let string = string.unwrap_or(Value::None);
    let text = match &string {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => match markup::text(other) {
            Some(text) => text.to_string(),
            None => {
                return Err(Error::type_error(format!(
                    "the JSON object must be str, bytes or bytearray, not {}",
                    other.type_name()
                )));
            }
        },
    };
    Ok(json::loads(&text).or(default).unwrap_or(Value::None))
}

/// `tojson(value, default, sort_keys)`
pub(super) fn tojson(_: &mut Interp, args: Args) -> Result<Value> {
    let [value, default, sort_keys] = args.bind("tojson", ["value", "default?", "sort_keys?"])?;
    let style = json::Style { sort_keys: sort_keys.is_some_and(|v| v.is_true()), indent: None };
    let outcome = json::dumps(&value.unwrap_or(Value::None), &style).map(Value::from);
    or_default(outcome, &[ErrorKind::Value], default)
}

/// `fromyaml(value, default)`
pub(super) fn fromyaml(_: &mut Interp, args: Args) -> Result<Value> {
    let [value, default] = args.bind("fromyaml", ["value", "default?"])?;
    let value = value.unwrap_or(Value::None);
    let text = match &value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => match markup::text(other) {
            Some(text) => text.to_string(),
            None => return Err(Error::type_error("a string or stream input is required")),
        },
    };
    or_default(yaml::load(&text), &[ErrorKind::Value], default)
}

/// `toyaml(value, default, sort_keys)`
pub(super) fn toyaml(_: &mut Interp, args: Args) -> Result<Value> {
    let [value, default, sort_keys] = args.bind("toyaml", ["value", "default?", "sort_keys?"])?;
    let sort_keys = sort_keys.is_some_and(|v| v.is_true());
    let outcome = yaml::dump(&value.unwrap_or(Value::None), sort_keys).map(Value::from);
    or_default(outcome, &[ErrorKind::Value], default)
}

/// `local_md5(value)`
pub(super) fn local_md5(_: &mut Interp, args: Args) -> Result<Value> {
    let [value] = args.bind("local_md5", ["value"])?;
    let value = value.unwrap_or(Value::None);
    value.require_defined()?;
    match markup::text(&value) {
        Some(text) => Ok(hex::encode(Md5::digest(text.as_bytes())).into()),
        None => Err(Error::new(
            ErrorKind::Attribute,
            format!("'{}' object has no attribute 'encode'", value.type_name()),
        )),
    }
}

/// `diff_of_two_dicts(dict_a, dict_b)`: what the lists of the first have and those of the second do not, without
/// regard to case.
pub(super) fn diff_of_two_dicts(interp: &mut Interp, args: Args) -> Result<Value> {
    let [a, b] = args.bind("diff_of_two_dicts", ["dict_a", "dict_b"])?;
    let (Some(Value::Dict(a)), Some(Value::Dict(b))) = (a, b) else {
        return Err(Error::type_error("diff_of_two_dicts expects two dicts"));
    };
    let folded = |v: &Value| text::casefold(&v.to_str());
    let mut others: rustc_hash::FxHashMap<String, Vec<String>> = rustc_hash::FxHashMap::default();
    for (key, items) in b.snapshot() {
        let items = collect(interp, &items)?.iter().map(folded).collect();
        others.insert(folded(key.value()), items);
    }
    let difference = Dict::new();
    for (key, items) in a.snapshot() {
        let kept = match others.get(&folded(key.value())) {
            None => items,
            Some(other) => {
                let left: Vec<Value> =
                    collect(interp, &items)?.into_iter().filter(|v| !other.contains(&folded(v))).collect();
                if left.is_empty() {
                    continue;
                }
                Value::list(left)
            }
        };
        difference.0.lock().insert(Key::new(key.into())?, kept);
    }
    Ok(Value::Dict(difference))
}
