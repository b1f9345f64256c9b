//! `pprint`: containers over several lines once they are too wide.

use super::no_arguments;
use crate::python::{methods, text};
use crate::{Args, Interp, Result, Value};
use std::cmp::Ordering;
use std::sync::Arc;

const WIDTH: usize = 80;
const DEPTH: usize = 200;

pub(super) fn pprint(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("pprint", args)?;
    if is_endless(&value, &mut Vec::new()) {
        return Ok(value.repr().into());
    }
    let mut out = String::new();
    write(&value, &mut out, 0, 0, 0);
    Ok(out.into())
}

/// `repr`, but with the keys of dicts in order.
fn flat(value: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return value.repr();
    }
    let join = |items: &[Value]| items.iter().map(|v| flat(v, depth + 1)).collect::<Vec<_>>().join(", ");
    match value {
        Value::List(list) => format!("[{}]", join(&list.snapshot())),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", join(items)),
        Value::Tuple(items) => format!("({})", join(items)),
        Value::Dict(_) => {
            let parts: Vec<String> = sorted_entries(value)
                .into_iter()
                .map(|(k, v)| format!("{}: {}", flat(&k, depth + 1), flat(&v, depth + 1)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        other => other.repr(),
    }
}

fn before(a: &Value, b: &Value) -> bool {
    match a.compare(b, "<") {
        Ok(order) => order == Some(Ordering::Less),
        Err(_) => a.type_name() < b.type_name(),
    }
}

/// Whether a value contains itself: it cannot be laid out then.
fn is_endless(value: &Value, open: &mut Vec<*const ()>) -> bool {
    let (id, items): (*const (), Vec<Value>) = match value {
        Value::List(list) => (Arc::as_ptr(&list.0).cast(), list.snapshot()),
        Value::Dict(dict) => (Arc::as_ptr(&dict.0).cast(), dict.values()),
        Value::Tuple(items) => (Arc::as_ptr(items).cast(), items.to_vec()),
        _ => return false,
    };
    if open.len() > DEPTH || open.contains(&id) {
        return true;
    }
    open.push(id);
    let endless = items.iter().any(|item| is_endless(item, open));
    open.pop();
    endless
}

fn sorted_entries(value: &Value) -> Vec<(Value, Value)> {
    let Value::Dict(dict) = value else { return Vec::new() };
    let mut entries: Vec<(Value, Value)> =
        dict.snapshot().into_iter().map(|(k, v)| (k.value().clone(), v)).collect();
    // Keys of different types are ordered by the names of their types.
    let sorted = methods::merge_sort(&mut entries, &mut |(a, _), (b, _)| Ok(before(b, a)));
    debug_assert!(sorted.is_ok());
    entries
}

fn write(value: &Value, out: &mut String, indent: usize, allowance: usize, depth: usize) {
    let whole = flat(value, depth);
    let room = WIDTH.saturating_sub(indent + allowance);
    if text::char_len(&whole) <= room || depth > DEPTH {
        out.push_str(&whole);
        return;
    }
    match value {
        Value::List(list) => items(&list.snapshot(), out, indent, allowance, depth, ("[", "]")),
        Value::Tuple(parts) => {
            let close = if parts.len() == 1 { ",)" } else { ")" };
            items(parts, out, indent, allowance, depth, ("(", close));
        }
        Value::Set(set) if !set.is_empty() => {
            let mut members = set.snapshot();
            let sorted = methods::merge_sort(&mut members, &mut |a, b| Ok(before(b, a)));
            debug_assert!(sorted.is_ok());
            items(&members, out, indent, allowance, depth, ("{", "}"));
        }
        Value::Dict(_) => {
            let entries = sorted_entries(value);
            out.push('{');
            for (i, (key, item)) in entries.iter().enumerate() {
                let key = flat(key, depth + 1);
                let last = i + 1 == entries.len();
                out.push_str(&key);
                out.push_str(": ");
                let inner = indent + 1 + text::char_len(&key) + 2;
                write(item, out, inner, if last { allowance + 1 } else { 1 }, depth + 1);
                if !last {
                    out.push_str(",\n");
                    out.push_str(&" ".repeat(indent + 1));
                }
            }
            out.push('}');
        }
        Value::Str(s) => string(s, out, indent, allowance, depth),
        _ => out.push_str(&whole),
    }
}

fn items(
    parts: &[Value],
    out: &mut String,
    indent: usize,
    allowance: usize,
    depth: usize,
    (open, close): (&str, &str),
) {
    out.push_str(open);
    let inner = indent + 1;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        write(part, out, inner, if last { allowance + close.len() } else { 1 }, depth + 1);
        if !last {
            out.push_str(",\n");
            out.push_str(&" ".repeat(inner));
        }
    }
    out.push_str(close);
}

/// A long string in several literals, cut at line ends and blanks.
fn string(s: &str, out: &mut String, mut indent: usize, mut allowance: usize, depth: usize) {
    if depth == 0 {
        indent += 1;
        allowance += 1;
    }
    let lines = text::lines(s);
    let width = WIDTH.saturating_sub(indent);
    let mut chunks: Vec<String> = Vec::new();
    for (i, (line, end)) in lines.iter().enumerate() {
        let line = format!("{line}{end}");
        let last_line = i + 1 == lines.len();
        let room = if last_line { width.saturating_sub(allowance) } else { width };
        let whole = text::repr_str(&line);
        if text::char_len(&whole) <= room {
            chunks.push(whole);
            continue;
        }
        let parts = words(&line);
        let mut current = String::new();
        for (j, part) in parts.iter().enumerate() {
            let candidate = format!("{current}{part}");
            let room =
                if last_line && j + 1 == parts.len() { width.saturating_sub(allowance) } else { width };
            if text::char_len(&text::repr_str(&candidate)) > room {
                if !current.is_empty() {
                    chunks.push(text::repr_str(&current));
                }
                current = part.to_string();
            } else {
                current = candidate;
            }
        }
        if !current.is_empty() {
            chunks.push(text::repr_str(&current));
        }
    }
    if chunks.len() == 1 {
        out.push_str(&text::repr_str(s));
        return;
    }
    if depth == 0 {
        out.push('(');
    }
    out.push_str(&chunks.join(&format!("\n{}", " ".repeat(indent))));
    if depth == 0 {
        out.push(')');
    }
}

/// Words with the blanks behind them.
fn words(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut blank = false;
    for (i, c) in line.char_indices() {
        let space = text::is_space(c);
        if blank && !space {
            out.push(line.get(start..i).unwrap_or(""));
            start = i;
        }
        blank = space;
    }
    out.push(line.get(start..).unwrap_or(""));
    out
}
