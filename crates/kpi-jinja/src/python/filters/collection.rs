//! Filters of sequences and mappings that keep the order.

use super::{argument_error, given, no_arguments, truth};
use crate::python::arguments::{index, size};
use crate::python::iteration::{collect, generator, iterator};
use crate::python::{markup, random};
use crate::{Args, Error, ErrorKind, Interp, Result, Value};

/// `default(value, boolean)`
pub(super) fn default(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [default, boolean] = args.bind("default", ["default_value?", "boolean?"])?;
    let missing = value.is_undefined() || (truth(boolean.as_ref()) && !value.is_true());
    Ok(if missing { default.unwrap_or_else(Value::empty) } else { value })
}

pub(super) fn length(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("len", args)?;
    match value.length() {
        Some(length) => Ok(length.into()),
        None => Err(Error::type_error(format!("object of type '{}' has no len()", value.type_name()))),
    }
}

pub(super) fn list(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("list", args)?;
    collect(interp, &value).map(Value::list)
}

pub(super) fn first(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("first", args)?;
    let first = value.iterate(interp)?.next();
    Ok(first.unwrap_or_else(|| interp.undefined(None, Some("No first item, sequence was empty.".into()))))
}

pub(super) fn last(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("last", args)?;
    let items = match reversible(&value) {
        true => collect(interp, &value)?,
        false => {
            return Err(Error::type_error(format!("'{}' object is not reversible", value.type_name())));
        }
    };
    Ok(match items.into_iter().next_back() {
        Some(last) => last,
        None => interp.undefined(None, Some("No last item, sequence was empty.".into())),
    })
}

/// Whether Python's `reversed` takes a value.
fn reversible(value: &Value) -> bool {
    match value {
        Value::Set(_) => false,
        Value::Object(object) => object.length().is_some(),
        other => other.length().is_some(),
    }
}

pub(super) fn reverse(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("reverse", args)?;
    if let Some(text) = markup::text(&value) {
        let reversed: String = text.chars().rev().collect();
        return Ok(if markup::is_markup(&value) { markup::markup(reversed) } else { reversed.into() });
    }
    let mut items = match collect(interp, &value) {
        Ok(items) => items,
        Err(e) if e.kind() == ErrorKind::Type => return Err(argument_error("argument must be iterable")),
        Err(e) => return Err(e),
    };
    items.reverse();
    Ok(match &value {
        Value::List(_) => iterator("list_reverseiterator", items.into_iter()),
        Value::Dict(_) => iterator("dict_reversekeyiterator", items.into_iter()),
        other if reversible(other) => iterator("reversed", items.into_iter()),
        _ => Value::list(items),
    })
}

pub(super) fn random(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("random", args)?;
    let Some(length) = value.length() else {
        return Err(Error::type_error(format!("object of type '{}' has no len()", value.type_name())));
    };
    if length == 0 {
        return Ok(interp.undefined(None, Some("No random item, sequence was empty.".into())));
    }
    let items = collect(interp, &value)?;
    Ok(items.get(random::below(items.len())).cloned().unwrap_or(Value::None))
}

pub(super) fn items(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("items", args)?;
    let pairs = match &value {
        Value::Undefined(_) => Vec::new(),
        Value::Dict(dict) => dict.snapshot().into_iter().map(|(k, v)| Value::tuple([k.into(), v])).collect(),
        Value::Object(object) if object.is_mapping() => {
            match object.clone().call_method(interp, "items", Args::default())? {
                Some(items) => collect(interp, &items)?,
                None => {
                    let mut pairs = Vec::new();
                    for key in collect(interp, &value)? {
                        let item = object.clone().item(interp, &key)?.unwrap_or(Value::None);
                        pairs.push(Value::tuple([key, item]));
                    }
                    pairs
                }
            }
        }
        _ => return Err(Error::type_error("Can only get item pairs from a mapping.")),
    };
    Ok(generator("do_items", pairs))
}

/// `batch(linecount, fill_with)`: rows of so many items.
pub(super) fn batch(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [count, fill] = args.bind("batch", ["linecount", "fill_with?"])?;
    let count = count.unwrap_or(Value::None);
    let fill = given(fill);
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut row: Vec<Value> = Vec::new();
    for item in collect(interp, &value)? {
        // A row that never has the wanted length takes all, also if that is no number.
        if Value::from(row.len()) == count {
            rows.push(std::mem::take(&mut row));
        }
        row.push(item);
    }
    if !row.is_empty() {
        if let Some(fill) = fill {
            let width = size(index(&count)?)?;
            while row.len() < width {
                row.push(fill.clone());
            }
        }
        rows.push(row);
    }
    Ok(generator("do_batch", rows.into_iter().map(Value::list).collect()))
}

/// `slice(slices, fill_with)`: so many columns.
pub(super) fn slice(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [slices, fill] = args.bind("slice", ["slices", "fill_with?"])?;
    let slices = index(&slices.unwrap_or(Value::None))?;
    let fill = given(fill);
    let items = collect(interp, &value)?;
    if slices == 0 {
        return Err(Error::new(ErrorKind::ZeroDivision, "integer division or modulo by zero"));
    }
    let slices = size(slices.max(0))?;
    let (each, extra) = match slices {
        0 => (0, 0),
        n => (items.len() / n, items.len() % n),
    };
    let mut rest = items.into_iter();
    let mut out = Vec::new();
    for number in 0..slices {
        let longer = number < extra;
        let mut column: Vec<Value> = rest.by_ref().take(each + usize::from(longer)).collect();
        if !longer && let Some(fill) = &fill {
            column.push(fill.clone());
        }
        out.push(Value::list(column));
    }
    Ok(generator("sync_do_slice", out))
}
