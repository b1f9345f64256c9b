//! Searching strings: `find`, `index`, `count`, `startswith`.

use crate::python::arguments::{clipped, positional, string};
use crate::python::{markup, text};
use crate::{Args, Error, Result, Value};

/// The stretch `s[start:end]`, with the number of characters before it; `None` if it begins behind the end.
fn stretch<'a>(s: &'a str, start: Option<&Value>, end: Option<&Value>) -> Result<Option<(&'a str, usize)>> {
    let length = text::char_len(s);
    let (start, end) = clipped(start, end, length)?;
    Ok((start <= length && start <= end).then(|| (text::char_slice(s, start, end), start)))
}

/// `find`, `rfind`, `index` and `rindex`.
pub(super) fn find(s: &str, name: &str, args: Args) -> Result<Value> {
    let [needle, start, end] = positional::<3>(name, args, 1)?;
    let needle = string(name, 1, &needle.unwrap_or(Value::None))?;
    let found = stretch(s, start.as_ref(), end.as_ref())?.and_then(|(part, before)| {
        let at = if name.starts_with('r') { part.rfind(&*needle) } else { part.find(&*needle) }?;
        Some(before + text::char_len(part.get(..at).unwrap_or("")))
    });
    match found {
        Some(at) => Ok(at.into()),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(Error::value_error("substring not found")),
    }
}

/// `str.count`
pub(super) fn count(s: &str, args: Args) -> Result<Value> {
    let [needle, start, end] = positional::<3>("count", args, 1)?;
    let needle = string("count", 1, &needle.unwrap_or(Value::None))?;
    let Some((part, _)) = stretch(s, start.as_ref(), end.as_ref())? else { return Ok(Value::Int(0)) };
    Ok(if needle.is_empty() { text::char_len(part) + 1 } else { part.matches(&*needle).count() }.into())
}

/// `str.startswith`
pub(super) fn starts_with(s: &str, args: Args) -> Result<Value> {
    affix(s, "startswith", args, |part, affix| part.starts_with(affix))
}

/// `str.endswith`
pub(super) fn ends_with(s: &str, args: Args) -> Result<Value> {
    affix(s, "endswith", args, |part, affix| part.ends_with(affix))
}

fn affix(s: &str, name: &str, args: Args, test: fn(&str, &str) -> bool) -> Result<Value> {
    let [affix, start, end] = positional::<3>(name, args, 1)?;
    let affix = affix.unwrap_or(Value::None);
    let wanted = match &affix {
        Value::Tuple(items) => items
            .iter()
            .map(|item| {
                markup::text(item).ok_or_else(|| {
                    Error::type_error(format!(
                        "tuple for {name} must only contain str, not {}",
                        item.type_name()
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()?,
        other => match markup::text(other) {
            Some(text) => vec![text],
            None => {
                return Err(Error::type_error(format!(
                    "{name} first arg must be str or a tuple of str, not {}",
                    other.type_name()
                )));
            }
        },
    };
    let Some((part, _)) = stretch(s, start.as_ref(), end.as_ref())? else { return Ok(Value::Bool(false)) };
    Ok(Value::Bool(wanted.iter().any(|affix| test(part, affix))))
}
