//! `str.format`.

use super::format_value;
use crate::python::text;
use crate::{Args, Error, ErrorKind, Interp, Result, Value};

/// How deep fields may nest in format specifications.
const DEPTH: usize = 2;

/// What the fields name.
struct Fields<'a> {
    positional: &'a [Value],
    lookup: &'a dyn Fn(&mut Interp, &str) -> Result<Option<Value>>,
    /// The next automatic number; `None` once numbers were written.
    automatic: Option<usize>,
    manual: bool,
}

/// `template.format(...)`
///
/// # Errors
/// A ValueError for a bad template, an IndexError or KeyError for a missing argument.
pub fn format(interp: &mut Interp, template: &str, args: Args) -> Result<String> {
    let Args { positional, keyword } = args;
    let lookup = |_: &mut Interp, name: &str| {
        Ok(keyword.iter().find(|(key, _)| **key == *name).map(|(_, value)| value.clone()))
    };
    let mut fields = Fields { positional: &positional, lookup: &lookup, automatic: Some(0), manual: false };
    render(interp, template, &mut fields, DEPTH)
}

/// `template.format_map(mapping)`
///
/// # Errors
/// As [`format()`].
pub fn format_map(interp: &mut Interp, template: &str, mapping: &Value) -> Result<String> {
    let lookup = |interp: &mut Interp, name: &str| match mapping {
        Value::Dict(dict) => Ok(dict.get(name)),
        other => Ok(Some(other.get_item(interp, &Value::from(name))?).filter(|v| !v.is_undefined())),
    };
    let mut fields = Fields { positional: &[], lookup: &lookup, automatic: Some(0), manual: false };
    render(interp, template, &mut fields, DEPTH)
}

fn render(interp: &mut Interp, template: &str, fields: &mut Fields, depth: usize) -> Result<String> {
    if depth == 0 {
        return Err(Error::value_error("Max string recursion exceeded"));
    }
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let opens = tail.starts_with('{');
        let tail = tail.get(1..).unwrap_or("");
        if let Some(after) = tail.strip_prefix(if opens { '{' } else { '}' }) {
            out.push(if opens { '{' } else { '}' });
            rest = after;
            continue;
        }
        if !opens {
            return Err(Error::value_error("Single '}' encountered in format string"));
        }
        if tail.is_empty() {
            return Err(Error::value_error("Single '{' encountered in format string"));
        }
        let end = closing(tail)?;
        field(interp, tail.get(..end).unwrap_or(""), fields, depth, &mut out)?;
        rest = tail.get(end + 1..).unwrap_or("");
    }
    out.push_str(rest);
    Ok(out)
}

/// The index of the brace that closes a field. Brackets hide braces in the name only, not in the specification.
fn closing(tail: &str) -> Result<usize> {
    let mut depth = 1usize;
    let (mut in_index, mut in_name) = (false, true);
    for (i, c) in tail.char_indices() {
        match c {
            '[' if in_name => in_index = true,
            ']' => in_index = false,
            ':' | '!' if !in_index => in_name = false,
            '{' if !in_index => depth += 1,
            '}' if !in_index => {
                depth -= 1;
                if depth == 0 {
                    return Ok(i);
                }
            }
            _ => {}
        }
    }
    Err(Error::value_error("expected '}' before end of string"))
}

fn field(interp: &mut Interp, body: &str, fields: &mut Fields, depth: usize, out: &mut String) -> Result<()> {
    // `!` and `:` inside of brackets belong to the index.
    let mut in_index = false;
    let cut = body.find(|c: char| {
        match c {
            '[' => in_index = true,
            ']' => in_index = false,
            _ => {}
        }
        !in_index && matches!(c, '!' | ':')
    });
    let (name, tail) = body.split_at(cut.unwrap_or(body.len()));
    let (conversion, spec) = match tail.strip_prefix('!') {
        Some(tail) => {
            let mut chars = tail.chars();
            let conversion = chars.next();
            let after = chars.as_str();
            if conversion.is_none() {
                return Err(Error::value_error("end of string while looking for conversion specifier"));
            }
            match after.strip_prefix(':') {
                Some(spec) => (conversion, spec),
                None if after.is_empty() => (conversion, ""),
                None => return Err(Error::value_error("expected ':' after conversion specifier")),
            }
        }
        None => (None, tail.strip_prefix(':').unwrap_or("")),
    };
    let value = resolve(interp, name, fields)?;
    let spec =
        if spec.contains(['{', '}']) { render(interp, spec, fields, depth - 1)? } else { spec.to_string() };
    let converted = match conversion {
        None => value,
        Some('s') => Value::Str(value.to_str()),
        Some('r') => value.repr().into(),
        Some('a') => text::ascii(&value.repr()).into(),
        Some(c) => return Err(Error::value_error(format!("Unknown conversion specifier '{c}'"))),
    };
    out.push_str(&format_value(&converted, &spec)?);
    Ok(())
}

/// `0.name[key]`
fn resolve(interp: &mut Interp, name: &str, fields: &mut Fields) -> Result<Value> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(end);
    let number = if first.is_empty() {
        if fields.manual {
            return Err(Error::value_error(
                "cannot switch from manual field specification to automatic field numbering",
            ));
        }
        let n = fields.automatic.unwrap_or(0);
        fields.automatic = Some(n + 1);
        Some(n)
    } else if first.bytes().all(|b| b.is_ascii_digit()) {
        if fields.automatic.is_some_and(|n| n > 0) {
            return Err(Error::value_error(
                "cannot switch from automatic field numbering to manual field specification",
            ));
        }
        fields.manual = true;
        Some(first.parse().map_err(|_| Error::value_error("Too many decimal digits in format string"))?)
    } else {
        None
    };
    let mut value = match number {
        Some(n) => fields.positional.get(n).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Index,
                format!("Replacement index {n} out of range for positional args tuple"),
            )
        })?,
        None => (fields.lookup)(interp, first)?
            .ok_or_else(|| Error::new(ErrorKind::Key, text::repr_str(first)))?,
    };
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            let (attribute, after) = tail.split_at(end);
            if attribute.is_empty() {
                return Err(Error::value_error("Empty attribute in format string"));
            }
            value = value.get_attr(interp, attribute)?;
            rest = after;
        } else if let Some(tail) = rest.strip_prefix('[') {
            let Some((key, after)) = tail.split_once(']') else {
                return Err(Error::value_error("Missing ']' in format string"));
            };
            if key.is_empty() {
                return Err(Error::value_error("Empty attribute in format string"));
            }
            let key = match key.parse::<i64>() {
                Ok(n) if key.bytes().all(|b| b.is_ascii_digit()) => Value::Int(n),
                _ => Value::from(key),
            };
            value = value.get_item(interp, &key)?;
            rest = after;
        } else {
            return Err(Error::value_error("Only '.' or '[' may follow ']' in format field specifier"));
        }
    }
    Ok(value)
}
