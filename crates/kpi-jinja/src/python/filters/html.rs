//! HTML: escaping, removing tags and comments, resolving entities.

use super::no_arguments;
use crate::python::{json, markup};
use crate::{Args, Error, ErrorKind, Interp, Result, Value};
use regex::Regex;
use std::sync::LazyLock;

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?-->").ok());
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<.*?>").ok());
static ENTITY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]{0,31};?)").ok());

/// `Markup.striptags`: without comments and tags, blanks collapsed, entities resolved.
pub(crate) fn strip_tags(text: &str) -> String {
    let drop = |pattern: &LazyLock<Option<Regex>>, text: &str| match pattern.as_ref() {
        Some(regex) => regex.replace_all(text, "").into_owned(),
        None => text.to_string(),
    };
    let text = drop(&TAG, &drop(&COMMENT, text));
    unescape(&crate::python::methods::split_blanks(&text, usize::MAX).join(" "))
}

/// The entities that occur in practice.
fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        "copy" => "©",
        "reg" => "®",
        "trade" => "™",
        "hellip" => "…",
        "mdash" => "—",
        "ndash" => "–",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "euro" => "€",
        "pound" => "£",
        "yen" => "¥",
        "cent" => "¢",
        "sect" => "§",
        "para" => "¶",
        "deg" => "°",
        "plusmn" => "±",
        "times" => "×",
        "divide" => "÷",
        "middot" => "·",
        "bull" => "•",
        "eacute" => "é",
        "egrave" => "è",
        "agrave" => "à",
        "aacute" => "á",
        "auml" => "ä",
        "ouml" => "ö",
        "uuml" => "ü",
        "Auml" => "Ä",
        "Ouml" => "Ö",
        "Uuml" => "Ü",
        "szlig" => "ß",
        "ccedil" => "ç",
        "ntilde" => "ñ",
        _ => return None,
    })
}

/// `html.unescape`
pub(crate) fn unescape(text: &str) -> String {
    let Some(regex) = ENTITY.as_ref().filter(|_| text.contains('&')) else { return text.to_string() };
    let resolved = regex.replace_all(text, |found: &regex::Captures| {
        let whole = found.get(0).map_or("", |m| m.as_str());
        let body = found.get(1).map_or("", |m| m.as_str()).trim_end_matches(';');
        let code = match body.strip_prefix('#') {
            Some(number) => match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            },
            None => {
                return match named(body)
                    .filter(|_| whole.ends_with(';') || matches!(body, "amp" | "lt" | "gt" | "quot"))
                {
                    Some(text) => text.to_string(),
                    None => whole.to_string(),
                };
            }
        };
        match code {
            Some(0) | None => "\u{fffd}".to_string(),
            Some(code) => char::from_u32(code).unwrap_or('\u{fffd}').to_string(),
        }
    });
    resolved.into_owned()
}

pub(super) fn escape(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("escape", args)?;
    Ok(if markup::is_markup(&value) { value } else { markup::markup(markup::escape(&value)) })
}

pub(super) fn forceescape(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("forceescape", args)?;
    Ok(markup::markup(markup::escape_text(&value.to_str())))
}

pub(super) fn safe(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("safe", args)?;
    Ok(if markup::is_markup(&value) { value } else { markup::markup(value.to_str()) })
}

pub(super) fn striptags(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("striptags", args)?;
    Ok(strip_tags(&value.to_str()).into())
}

/// `tojson(indent)`: keys sorted, safe inside of HTML.
pub(super) fn tojson(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [indent] = args.bind("tojson", ["indent?"])?;
    let text = json::dumps(&value, &json::Style { sort_keys: true, indent: json::indent(indent.as_ref())? })?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\'' => out.push_str("\\u0027"),
            c => out.push(c),
        }
    }
    Ok(markup::markup(out))
}

/// `xmlattr(autospace)`
pub(super) fn xmlattr(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [autospace] = args.bind("xmlattr", ["autospace?"])?;
    value.require_defined()?;
    let Some(dict) = value.as_dict() else {
        return Err(Error::new(
            ErrorKind::Attribute,
            format!("'{}' object has no attribute 'items'", value.type_name()),
        ));
    };
    let mut parts = Vec::new();
    for (key, item) in dict.snapshot() {
        if item.is_none() || item.is_undefined() {
            continue;
        }
        let key = key.value().to_str();
        if key.contains([' ', '\t', '\n', '\r', '\x0b', '\x0c', '/', '>', '=']) {
            return Err(Error::value_error(format!(
                "Invalid character in attribute name: {}",
                crate::python::text::repr_str(&key)
            )));
        }
        parts.push(format!("{}=\"{}\"", markup::escape_text(&key), markup::escape(&item)));
    }
    let mut out = parts.join(" ");
    if autospace.is_none_or(|v| v.is_true()) && !out.is_empty() {
        out.insert(0, ' ');
    }
    Ok(out.into())
}
