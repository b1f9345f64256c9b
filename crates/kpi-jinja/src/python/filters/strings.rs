//! Filters of strings.

use super::attribute::Path;
use super::{argument_error, given, no_arguments, truth};
use crate::python::arguments::{index, index_or, size};
use crate::python::format::percent_of;
use crate::python::iteration::collect;
use crate::python::{markup, methods, text};
use crate::{Args, BinaryOp, Dict, Error, Interp, Object, Result, Value};
use std::sync::Arc;

/// The text of a value, and whether it is escaped text, which a conversion keeps.
fn soft(value: &Value) -> (Arc<str>, bool) {
    (markup::text(value).unwrap_or_else(|| value.to_str()), markup::is_markup(value))
}

fn again(text: impl Into<Arc<str>>, escaped: bool) -> Value {
    if escaped { markup::markup(text) } else { Value::Str(text.into()) }
}

fn convert(name: &str, value: &Value, args: Args, f: fn(&str) -> String) -> Result<Value> {
    no_arguments(name, args)?;
    let (text, escaped) = soft(value);
    Ok(again(f(&text), escaped))
}

pub(super) fn upper(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    convert("upper", &value, args, str::to_uppercase)
}

pub(super) fn lower(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    convert("lower", &value, args, str::to_lowercase)
}

pub(super) fn capitalize(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    convert("capitalize", &value, args, text::capitalize)
}

/// Upper case after blanks, hyphens and opening brackets only.
pub(super) fn title(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("title", args)?;
    let (text, _) = soft(&value);
    let divides = |c: char| matches!(c, '-' | '(' | '{' | '[' | '<') || text::is_space(c);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(first) = rest.chars().next() {
        let kind = divides(first);
        let end = rest.find(|c| divides(c) != kind).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let mut chars = word.chars();
        out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(&chars.as_str().to_lowercase());
        rest = tail;
    }
    Ok(out.into())
}

pub(super) fn string(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("string", args)?;
    Ok(if markup::text(&value).is_some() { value } else { Value::Str(value.to_str()) })
}

/// `trim(chars)`
pub(super) fn trim(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [chars] = args.bind("trim", ["chars?"])?;
    let (text, escaped) = soft(&value);
    let args = Args::of([chars.unwrap_or(Value::None)]);
    let trimmed = methods::call(interp, &Value::Str(text), "strip", args)?.unwrap_or(Value::None);
    Ok(again(trimmed.to_str(), escaped))
}

/// `center(width)`
pub(super) fn center(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [width] = args.bind("center", ["width?"])?;
    let width = size(index_or(width.as_ref(), 80)?.max(0))?;
    let (text, escaped) = soft(&value);
    Ok(again(methods::center(&text, width, ' '), escaped))
}

/// `replace(old, new, count)`
pub(super) fn replace(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count?"])?;
    let text = |v: Option<Value>| v.map_or_else(|| "".into(), |v| v.to_str());
    let count = index_or(count.as_ref(), -1)?;
    methods::replace_text(&value.to_str(), &text(old), &text(new), count).map(Value::from)
}

/// `join(d, attribute)`
pub(super) fn join(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [separator, attribute] = args.bind("join", ["d?", "attribute?"])?;
    let separator = separator.map_or_else(|| "".into(), |d| d.to_str());
    let path = given(attribute).map(|a| Path::new(Some(&a)));
    let mut out = String::new();
    for (i, item) in collect(interp, &value)?.into_iter().enumerate() {
        if i > 0 {
            out.push_str(&separator);
        }
        match &path {
            Some(path) => path.get(interp, &item)?.write_str(&mut out),
            None => item.write_str(&mut out),
        }
    }
    Ok(out.into())
}

/// `format(*args, **kwargs)`
pub(super) fn format(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    if !args.positional.is_empty() && !args.keyword.is_empty() {
        return Err(argument_error("can't handle positional and keyword arguments at the same time"));
    }
    let values = if args.keyword.is_empty() {
        Value::tuple(args.positional)
    } else {
        Value::Dict(Dict::of(args.keyword))
    };
    if let Some(escaped) = value.downcast_ref::<markup::Markup>() {
        return Ok(escaped.binary(BinaryOp::Rem, &values, false)?.unwrap_or(Value::None));
    }
    percent_of(&value.to_str(), &values).map(Value::from)
}

/// A filter whose value must be a string.
fn required(name: &str, value: &Value) -> Result<(Arc<str>, bool)> {
    value.require_defined()?;
    match markup::text(value) {
        Some(text) => Ok((text, markup::is_markup(value))),
        None => Err(Error::type_error(format!("{name} expected a string, got '{}'", value.type_name()))),
    }
}

/// `indent(width, first, blank)`
pub(super) fn indent(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [width, first, blank] = args.bind("indent", ["width?", "first?", "blank?"])?;
    let (body, escaped) = required("indent", &value)?;
    let indention = match &width {
        None => "    ".to_string(),
        Some(width) => match markup::text(width) {
            Some(text) => text.to_string(),
            None => " ".repeat(size(index(width)?)?),
        },
    };
    // The closing newline that jinja2 adds makes an empty text one empty line.
    let whole = format!("{body}\n");
    let lines = text::lines(&whole);
    size(i64::try_from(indention.len().saturating_mul(lines.len())).unwrap_or(i64::MAX))?;
    let mut out = String::with_capacity(whole.len() + indention.len() * lines.len());
    for (i, (line, _)) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
            if truth(blank.as_ref()) || !line.is_empty() {
                out.push_str(&indention);
            }
        }
        out.push_str(line);
    }
    if truth(first.as_ref()) {
        out.insert_str(0, &indention);
    }
    Ok(again(out, escaped))
}

/// `truncate(length, killwords, end, leeway)`
pub(super) fn truncate(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [length, kill_words, end, leeway] =
        args.bind("truncate", ["length?", "killwords?", "end?", "leeway?"])?;
    let length = length.map_or(Ok(255), |v| index(&v))?;
    let leeway = index_or(leeway.as_ref(), 5)?;
    let end = end.map_or_else(|| "...".into(), |e| e.to_str());
    let end_length = i64::try_from(text::char_len(&end)).unwrap_or(i64::MAX);
    if length < end_length {
        return Err(Error::value_error(format!("expected length >= {end_length}, got {length}")));
    }
    if leeway < 0 {
        return Err(Error::value_error(format!("expected leeway >= 0, got {leeway}")));
    }
    if value.is_undefined() {
        return Ok(value);
    }
    if value.length().is_some_and(|n| i64::try_from(n).unwrap_or(i64::MAX) <= length.saturating_add(leeway)) {
        return Ok(value);
    }
    let (body, escaped) = required("truncate", &value)?;
    let kept = text::char_slice(&body, 0, usize::try_from(length - end_length).unwrap_or(0));
    let kept = if truth(kill_words.as_ref()) { kept } else { kept.rsplit_once(' ').map_or(kept, |(a, _)| a) };
    Ok(again(format!("{kept}{end}"), escaped))
}

pub(super) fn wordcount(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("wordcount", args)?;
    let (text, _) = soft(&value);
    let mut count = 0usize;
    let mut inside = false;
    for c in text.chars() {
        let word = text::is_word(c);
        count += usize::from(word && !inside);
        inside = word;
    }
    Ok(count.into())
}
