//! Methods of `list` and `tuple`.

use super::index_error;
use crate::python::arguments::{clipped, index, index_or, none, one, positional};
use crate::python::iteration;
use crate::{Args, Error, Interp, List, Result, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Names of `list`.
pub(super) const LIST_NAMES: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];

/// Names of `tuple`.
pub(super) const TUPLE_NAMES: &[&str] = &["count", "index"];

/// Calls a method of a list.
pub(super) fn call_list(interp: &mut Interp, list: &List, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "append" => {
            let value = one("list.append", args)?;
            list.push(value);
            Value::None
        }
        "extend" => {
            let items = one("list.extend", args)?;
            let items = iteration::collect(interp, &items)?;
            list.0.lock().extend(items);
            Value::None
        }
        "insert" => {
            let [at, value] = positional::<2>("list.insert", args, 2)?;
            let at = index_or(at.as_ref(), 0)?;
            let mut items = list.0.lock();
            let at = position(at, items.len()).clamp(0, i64::try_from(items.len()).unwrap_or(i64::MAX));
            items.insert(usize::try_from(at).unwrap_or(0), value.unwrap_or(Value::None));
            Value::None
        }
        "pop" => {
            let [at] = positional::<1>("list.pop", args, 0)?;
            let at = at.as_ref().map_or(Ok(-1), index)?;
            let mut items = list.0.lock();
            if items.is_empty() {
                return Err(index_error("pop from empty list"));
            }
            match usize::try_from(position(at, items.len())) {
                Ok(at) if at < items.len() => items.remove(at),
                _ => return Err(index_error("pop index out of range")),
            }
        }
        "remove" => {
            let value = one("list.remove", args)?;
            match find(&list.snapshot(), &value) {
                Some(at) => {
                    let mut items = list.0.lock();
                    if at < items.len() {
                        items.remove(at);
                    }
                    Value::None
                }
                None => return Err(Error::value_error("list.remove(x): x not in list")),
            }
        }
        "clear" => {
            none("list.clear", args)?;
            list.0.lock().clear();
            Value::None
        }
        "copy" => {
            none("list.copy", args)?;
            Value::list(list.snapshot())
        }
        "reverse" => {
            none("list.reverse", args)?;
            list.0.lock().reverse();
            Value::None
        }
        "sort" => {
            if !args.positional.is_empty() {
                return Err(Error::type_error("sort() takes no positional arguments"));
            }
            let [key, reverse] = args.bind("sort", ["key?", "reverse?"])?;
            let mut items = list.snapshot();
            let reverse = reverse.as_ref().map_or(Ok(0), index)? != 0;
            match key {
                None | Some(Value::None) => sort(&mut items, reverse)?,
                Some(key) => {
                    let mut keyed = Vec::with_capacity(items.len());
                    for item in items {
                        keyed.push((interp.call(&key, Args::of([item.clone()]))?, item));
                    }
                    sort_by_key(&mut keyed, reverse)?;
                    items = keyed.into_iter().map(|(_, item)| item).collect();
                }
            }
            *list.0.lock() = items;
            Value::None
        }
        "count" => count(&list.snapshot(), one("list.count", args)?),
        "index" => index_of(&list.snapshot(), args, "list")?,
        _ => return Ok(None),
    }))
}

/// Calls a method of a tuple.
pub(super) fn call_tuple(items: &Arc<[Value]>, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "count" => count(items, one("tuple.count", args)?),
        "index" => index_of(items, args, "tuple")?,
        _ => return Ok(None),
    }))
}

/// Sorts as Python's `sorted`: stable, by `<`, also when reversed.
pub(crate) fn sort(items: &mut Vec<Value>, reverse: bool) -> Result<()> {
    let mut keyed: Vec<(Value, Value)> = items.drain(..).map(|v| (v.clone(), v)).collect();
    let outcome = sort_by_key(&mut keyed, reverse);
    items.extend(keyed.into_iter().map(|(_, item)| item));
    outcome
}

/// Sorts (key, item) pairs by key. Python's order need not be total (NaN, sets), which the standard library's sorts
/// may answer with a panic: this one merges, whatever the answers are.
pub(crate) fn sort_by_key(items: &mut Vec<(Value, Value)>, reverse: bool) -> Result<()> {
    merge_sort(items, &mut |a, b| {
        let order = if reverse { a.0.compare(&b.0, "<")? } else { b.0.compare(&a.0, "<")? };
        Ok(order == Some(Ordering::Less))
    })
}

/// Sorts stably; `before` says whether the second belongs before the first.
pub(crate) fn merge_sort<T>(
    items: &mut Vec<T>,
    before: &mut dyn FnMut(&T, &T) -> Result<bool>,
) -> Result<()> {
    if items.len() < 2 {
        return Ok(());
    }
    let mut right = items.split_off(items.len() / 2);
    merge_sort(items, before)?;
    merge_sort(&mut right, before)?;
    // Already in order, as often happens.
    if let (Some(last), Some(first)) = (items.last(), right.first())
        && !before(last, first)?
    {
        items.append(&mut right);
        return Ok(());
    }
    let mut merged = Vec::with_capacity(items.len() + right.len());
    let mut left = items.drain(..).peekable();
    let mut right = right.into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if before(a, b)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    *items = merged;
    Ok(())
}

fn position(at: i64, length: usize) -> i64 {
    if at < 0 { at.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)) } else { at }
}

fn find(items: &[Value], value: &Value) -> Option<usize> {
    items.iter().position(|item| item.is_same(value) || item == value)
}

fn count(items: &[Value], value: Value) -> Value {
    items.iter().filter(|item| item.is_same(&value) || **item == value).count().into()
}

fn index_of(items: &[Value], args: Args, type_name: &str) -> Result<Value> {
    let [value, start, end] = positional::<3>(&format!("{type_name}.index"), args, 1)?;
    let value = value.unwrap_or(Value::None);
    let (start, end) = clipped(start.as_ref(), end.as_ref(), items.len())?;
    match items.get(start..end).and_then(|part| find(part, &value)) {
        Some(at) => Ok((start + at).into()),
        None if type_name == "tuple" => Err(Error::value_error("tuple.index(x): x not in tuple")),
        None => Err(Error::value_error(format!("{} is not in list", value.repr()))),
    }
}
