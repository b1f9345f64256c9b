//! Methods of `str`.

use super::{search, split};
use crate::python::arguments::{index, index_or, none, one, positional, size, string};
use crate::python::{format, iteration, markup, text};
use crate::{Args, Dict, Error, Interp, Key, Result, Value};
use std::sync::Arc;

/// All names.
pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Calls a method.
pub(super) fn call(interp: &mut Interp, s: &Arc<str>, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "upper" => convert(s, "str.upper", args, str::to_uppercase)?,
        "lower" => convert(s, "str.lower", args, str::to_lowercase)?,
        "title" => convert(s, "str.title", args, text::title)?,
        "capitalize" => convert(s, "str.capitalize", args, text::capitalize)?,
        "swapcase" => convert(s, "str.swapcase", args, text::swap_case)?,
        "casefold" => convert(s, "str.casefold", args, text::casefold)?,
        "strip" | "lstrip" | "rstrip" => strip(s, name, args)?,
        "replace" => replace(s, args)?,
        "split" => split::split(s, args, false)?,
        "rsplit" => split::split(s, args, true)?,
        "splitlines" => split::lines(s, args)?,
        "partition" => split::partition(s, args, false)?,
        "rpartition" => split::partition(s, args, true)?,
        "join" => join(interp, s, args)?,
        "startswith" => search::starts_with(s, args)?,
        "endswith" => search::ends_with(s, args)?,
        "find" | "rfind" | "index" | "rindex" => search::find(s, name, args)?,
        "count" => search::count(s, args)?,
        "format" => format::format(interp, s, args)?.into(),
        "format_map" => {
            let mapping = one("str.format_map", args)?;
            format::format_map(interp, s, &mapping)?.into()
        }
        "removeprefix" => {
            let prefix = string("removeprefix", 1, &one("str.removeprefix", args)?)?;
            s.strip_prefix(&*prefix).map_or_else(|| Value::Str(s.clone()), Value::from)
        }
        "removesuffix" => {
            let suffix = string("removesuffix", 1, &one("str.removesuffix", args)?)?;
            s.strip_suffix(&*suffix).map_or_else(|| Value::Str(s.clone()), Value::from)
        }
        "center" | "ljust" | "rjust" => justify(s, name, args)?,
        "zfill" => {
            let width = size(index(&one("str.zfill", args)?)?.max(0))?;
            zero_fill(s, width).into()
        }
        "expandtabs" => {
            let [tab] = args.bind("expandtabs", ["tabsize?"])?;
            expand_tabs(s, index_or(tab.as_ref(), 8)?)?.into()
        }
        "encode" => super::bytes::encode(s, args)?,
        "translate" => translate(interp, s, &one("str.translate", args)?)?,
        "maketrans" => make_translation(args)?,
        "isascii" => is(name, args, s.is_ascii())?,
        "isprintable" => is(name, args, s.chars().all(text::is_printable))?,
        "islower" => is(name, args, text::is_lower(s))?,
        "isupper" => is(name, args, text::is_upper(s))?,
        "istitle" => is(name, args, text::is_title_cased(s))?,
        "isidentifier" => is(name, args, is_identifier(s))?,
        "isalpha" => is(name, args, all(s, text::is_alpha))?,
        "isalnum" => is(name, args, all(s, text::is_alnum))?,
        "isdigit" => is(name, args, all(s, text::is_digit))?,
        "isdecimal" => is(name, args, all(s, text::is_decimal))?,
        "isnumeric" => is(name, args, all(s, text::is_numeric))?,
        "isspace" => is(name, args, all(s, text::is_space))?,
        _ => return Ok(None),
    }))
}

fn convert(s: &str, name: &str, args: Args, f: fn(&str) -> String) -> Result<Value> {
    none(name, args)?;
    Ok(f(s).into())
}

fn is(name: &str, args: Args, truth: bool) -> Result<Value> {
    none(&format!("str.{name}"), args)?;
    Ok(Value::Bool(truth))
}

fn all(s: &str, f: fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(f)
}

fn is_identifier(s: &str) -> bool {
    let mut chars = s.chars();
    chars.next().is_some_and(|c| c == '_' || text::is_alpha(c)) && chars.all(text::is_word)
}

fn strip(s: &Arc<str>, name: &str, args: Args) -> Result<Value> {
    let [chars] = positional::<1>(name, args, 0)?;
    let set = match &chars {
        None | Some(Value::None) => None,
        Some(value) => Some(
            markup::text(value)
                .ok_or_else(|| Error::type_error(format!("{name} arg must be None or str")))?,
        ),
    };
    let drop = |c: char| match &set {
        Some(set) => set.contains(c),
        None => text::is_space(c),
    };
    let kept = match name {
        "strip" => s.trim_matches(drop),
        "lstrip" => s.trim_start_matches(drop),
        _ => s.trim_end_matches(drop),
    };
    Ok(if kept.len() == s.len() { Value::Str(s.clone()) } else { kept.into() })
}

fn replace(s: &Arc<str>, args: Args) -> Result<Value> {
    let [old, new, count] = positional::<3>("replace", args, 2)?;
    let old = string("replace", 1, &old.unwrap_or(Value::None))?;
    let new = string("replace", 2, &new.unwrap_or(Value::None))?;
    let count = count.as_ref().map_or(Ok(-1), index)?;
    replace_text(s, &old, &new, count).map(Value::from)
}

/// `str.replace`; all occurrences for a negative count.
pub(crate) fn replace_text(s: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() { s.len() + 1 } else { s.matches(old).count() }.min(most);
    size(i64::try_from(s.len().saturating_add(found.saturating_mul(new.len()))).unwrap_or(i64::MAX))?;
    Ok(if count < 0 { s.replace(old, new) } else { s.replacen(old, new, most) })
}

fn join(interp: &mut Interp, s: &str, args: Args) -> Result<Value> {
    let items = one("str.join", args)?;
    let items = match items.iterate(interp) {
        Ok(_) => iteration::collect(interp, &items)?,
        Err(_) => return Err(Error::type_error("can only join an iterable")),
    };
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        let Some(part) = markup::text(item) else {
            return Err(Error::type_error(format!(
                "sequence item {i}: expected str instance, {} found",
                item.type_name()
            )));
        };
        if i > 0 {
            out.push_str(s);
        }
        out.push_str(&part);
    }
    Ok(out.into())
}

fn justify(s: &Arc<str>, name: &str, args: Args) -> Result<Value> {
    let [width, fill] = positional::<2>(name, args, 1)?;
    let width = size(index_or(width.as_ref(), 0)?.max(0))?;
    let fill = match fill {
        None => ' ',
        Some(value) => {
            let text = markup::text(&value).ok_or_else(|| {
                Error::type_error(format!(
                    "The fill character must be a unicode character, not {}",
                    value.type_name()
                ))
            })?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => return Err(Error::type_error("The fill character must be exactly one character long")),
            }
        }
    };
    Ok(match name {
        "center" => center(s, width, fill).into(),
        "ljust" => pad(s, 0, width.saturating_sub(text::char_len(s)), fill).into(),
        _ => pad(s, width.saturating_sub(text::char_len(s)), 0, fill).into(),
    })
}

fn pad(s: &str, left: usize, right: usize, fill: char) -> String {
    let mut out = String::with_capacity(s.len() + left + right);
    out.extend(std::iter::repeat_n(fill, left));
    out.push_str(s);
    out.extend(std::iter::repeat_n(fill, right));
    out
}

/// `str.center`: the odd blank goes left when the width is odd.
pub(crate) fn center(s: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text::char_len(s));
    let left = missing / 2 + (missing & width & 1);
    pad(s, left, missing - left, fill)
}

fn zero_fill(s: &str, width: usize) -> String {
    let missing = width.saturating_sub(text::char_len(s));
    let signed = s.starts_with(['+', '-']);
    let (sign, rest) = s.split_at(usize::from(signed));
    format!("{sign}{}{rest}", "0".repeat(missing))
}

fn expand_tabs(s: &str, tab: i64) -> Result<String> {
    let tab = size(tab.max(0))?;
    size(i64::try_from(tab.saturating_mul(s.matches('\t').count())).unwrap_or(i64::MAX))?;
    let mut out = String::with_capacity(s.len());
    let mut column = 0usize;
    for c in s.chars() {
        match c {
            '\t' if tab > 0 => {
                let blanks = tab - column % tab;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\t' => {}
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    Ok(out)
}

fn translate(interp: &mut Interp, s: &str, table: &Value) -> Result<Value> {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        let key = Value::from(u32::from(c));
        let found = match table {
            Value::Dict(dict) => dict.get_value(&key),
            other => Some(other.get_item(interp, &key)?).filter(|v| !v.is_undefined()),
        };
        match found {
            None => out.push(c),
            Some(Value::None) => {}
            Some(value) => match (value.as_i64(), markup::text(&value)) {
                (Some(code), _) => match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(c) => out.push(c),
                    None => {
                        return Err(Error::value_error("character mapping must be in range(0x110000)"));
                    }
                },
                (None, Some(text)) => out.push_str(&text),
                (None, None) => {
                    return Err(Error::type_error("character mapping must return integer, None or str"));
                }
            },
        }
    }
    Ok(out.into())
}

fn make_translation(args: Args) -> Result<Value> {
    let [from, to, deleted] = positional::<3>("maketrans", args, 1)?;
    let table = Dict::new();
    let Some(to) = to else {
        let Some(Value::Dict(mapping)) = from else {
            return Err(Error::type_error("if you give only one argument to maketrans it must be a dict"));
        };
        for (key, value) in mapping.snapshot() {
            let key = match key.value() {
                Value::Str(s) => {
                    let mut chars = s.chars();
                    match (chars.next(), chars.next()) {
                        (Some(c), None) => Value::from(u32::from(c)),
                        _ => {
                            return Err(Error::value_error(
                                "string keys in translate table must be of length 1",
                            ));
                        }
                    }
                }
                number if number.as_i64().is_some() => number.clone(),
                _ => return Err(Error::type_error("keys in translate table must be strings or integers")),
            };
            table.0.lock().insert(Key::new(key)?, value);
        }
        return Ok(Value::Dict(table));
    };
    let from = string("maketrans", 1, &from.unwrap_or(Value::None))?;
    let to = string("maketrans", 2, &to)?;
    if text::char_len(&from) != text::char_len(&to) {
        return Err(Error::value_error("the first two maketrans arguments must have equal length"));
    }
    for (a, b) in from.chars().zip(to.chars()) {
        table.set(Value::from(u32::from(a)), Value::from(u32::from(b)))?;
    }
    if let Some(deleted) = deleted {
        for c in string("maketrans", 3, &deleted)?.chars() {
            table.set(Value::from(u32::from(c)), Value::None)?;
        }
    }
    Ok(Value::Dict(table))
}
