//! URLs: quoting them and finding them in text.

use super::{argument_error, given, truth};
use crate::python::arguments::index;
use crate::python::iteration::collect;
use crate::python::{markup, text};
use crate::{Args, Error, Interp, Result, Value};
use fancy_regex::Regex;
use std::fmt::Write;
use std::sync::LazyLock;

/// Percent-encodes all but letters, digits and `_.-~`, and `/` outside of query strings.
fn quote(value: &Value, query: bool) -> String {
    let bytes: Vec<u8> = match value {
        Value::Bytes(bytes) => bytes.to_vec(),
        other => other.to_str().as_bytes().to_vec(),
    };
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !query => out.push('/'),
            b' ' if query => out.push('+'),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

pub(super) fn urlencode(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    super::no_arguments("urlencode", args)?;
    let pairs: Vec<Value> = match &value {
        Value::Dict(dict) => dict.snapshot().into_iter().map(|(k, v)| Value::tuple([k.into(), v])).collect(),
        _ if markup::text(&value).is_some() => return Ok(quote(&value, false).into()),
        other => match other.iterate(interp) {
            Ok(_) => collect(interp, other)?,
            Err(_) => return Ok(quote(other, false).into()),
        },
    };
    let mut parts = Vec::with_capacity(pairs.len());
    for pair in pairs {
        match collect(interp, &pair)?.as_slice() {
            [key, item] => parts.push(format!("{}={}", quote(key, true), quote(item, true))),
            others => {
                return Err(Error::value_error(if others.len() > 2 {
                    "too many values to unpack (expected 2)".to_string()
                } else {
                    format!("not enough values to unpack (expected 2, got {})", others.len())
                }));
            }
        }
    }
    Ok(parts.join("&").into())
}

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// What counts as a web address: a host with a scheme or `www.`, a host of a common domain, or a bare address with
/// a scheme; then port, path, query and fragment.
static WEB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)\A(?:(?:https?://|www\.)(?:(?:[\w%-]+\.)+)?(?:[a-z]{2,63}|xn--[\w%]{2,59})",
        r"|(?:[\w%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)",
        r"|https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\]))",
        r"(?::\d{1,5})?(?:[/?#]\S*)?\z"
    ))
});
static MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"\A\S+@\w[\w.-]*\.\w+\z"));
static OPENING: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"\A(?:[(<]|&lt;)+"));
static CLOSING: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"(?:[)>.,\n]|&gt;)+\z"));
static SCHEME: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"\A[\w.+-]{2,}:/{0,2}\z"));

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|r| r.is_match(text).unwrap_or(false))
}

fn found(pattern: &LazyLock<Option<Regex>>, text: &str) -> Option<(usize, usize)> {
    let found = pattern.as_ref()?.find(text).ok()??;
    Some((found.start(), found.end()))
}

/// `urlize(trim_url_limit, nofollow, target, rel, extra_schemes)`
pub(super) fn urlize(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [limit, nofollow, target, rel, schemes] =
        args.bind("urlize", ["trim_url_limit?", "nofollow?", "target?", "rel?", "extra_schemes?"])?;
    let limit = given(limit).map(|v| index(&v)).transpose()?;
    let mut rel_parts: Vec<String> = match given(rel) {
        Some(rel) => rel.to_str().split_whitespace().map(str::to_string).collect(),
        None => Vec::new(),
    };
    if truth(nofollow.as_ref()) {
        rel_parts.push("nofollow".to_string());
    }
    rel_parts.push("noopener".to_string());
    rel_parts.sort();
    rel_parts.dedup();
    let schemes = match given(schemes) {
        Some(schemes) => collect(interp, &schemes)?.iter().map(Value::to_str).collect(),
        None => Vec::new(),
    };
    for scheme in &schemes {
        if !matches(&SCHEME, scheme) {
            return Err(argument_error(format!(
                "{} is not a valid URI scheme prefix.",
                text::repr_str(scheme)
            )));
        }
    }
    let mut attributes = format!(" rel=\"{}\"", markup::escape_text(&rel_parts.join(" ")));
    if let Some(target) = given(target) {
        let _ = write!(attributes, " target=\"{}\"", markup::escape(&target));
    }
    let escaped = markup::escape(&value);
    let mut out = String::with_capacity(escaped.len() * 2);
    let mut rest: &str = &escaped;
    while let Some(first) = rest.chars().next() {
        let blank = text::is_space(first);
        let end = rest.find(|c| text::is_space(c) != blank).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        if blank {
            out.push_str(word)
        } else {
            link(word, limit, &attributes, &schemes, &mut out)
        }
        rest = tail;
    }
    Ok(out.into())
}

fn link(word: &str, limit: Option<i64>, attributes: &str, schemes: &[std::sync::Arc<str>], out: &mut String) {
    let (mut head, mut middle, mut tail) = ("", word.to_string(), String::new());
    if let Some((_, end)) = found(&OPENING, word) {
        (head, middle) = (word.get(..end).unwrap_or(""), word.get(end..).unwrap_or("").to_string());
    }
    if let Some((start, _)) = found(&CLOSING, &middle) {
        tail = middle.split_off(start);
    }
    // Brackets that the address opened itself are given back to it.
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
        let opened = middle.matches(open).count();
        if opened <= middle.matches(close).count() {
            continue;
        }
        for _ in 0..opened.min(tail.matches(close).count()) {
            let Some(at) = tail.find(close) else { break };
            let after = tail.split_off(at + close.len());
            middle.push_str(&tail);
            tail = after;
        }
    }
    let shown = match limit.map(|l| (l, usize::try_from(l).unwrap_or(0))) {
        Some((_, limit)) if text::char_len(&middle) > limit => {
            format!("{}...", text::char_slice(&middle, 0, limit))
        }
        _ => middle.clone(),
    };
    if matches(&WEB, &middle) {
        let scheme =
            if middle.starts_with("https://") || middle.starts_with("http://") { "" } else { "https://" };
        middle = format!("<a href=\"{scheme}{middle}\"{attributes}>{shown}</a>");
    } else if let Some(address) = middle.strip_prefix("mailto:").filter(|a| matches(&MAIL, a)) {
        middle = format!("<a href=\"{middle}\">{address}</a>");
    } else if middle.contains('@')
        && !middle.starts_with("www.")
        && !middle.starts_with('@')
        && !middle.contains(':')
        && matches(&MAIL, &middle)
    {
        middle = format!("<a href=\"mailto:{middle}\">{middle}</a>");
    } else {
        for scheme in schemes {
            if *middle != **scheme && middle.starts_with(&**scheme) {
                middle = format!("<a href=\"{middle}\"{attributes}>{middle}</a>");
            }
        }
    }
    out.push_str(head);
    out.push_str(&middle);
    out.push_str(&tail);
}
