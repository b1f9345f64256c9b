//! `ref('x')` and `source('a', 'b')` written as a bare expression: in property files.

use crate::RefCall;
use std::sync::Arc;

/// What an expression refers to.
#[derive(Debug, PartialEq, Eq)]
pub enum Reference {
    /// `ref('x')`, `ref('package', 'x', v=2)`
    Ref(RefCall),
    /// `source('a', 'b')`
    Source([Arc<str>; 2]),
    /// `metric('x')`, `metric('package', 'x')`
    Metric(Vec<Arc<str>>),
}

/// An argument of the call: its keyword, if it has one, and its text.
type Argument<'s> = (Option<&'s str>, &'s str);

/// The reference that an expression is; `None`: something else.
pub fn parse(expression: &str) -> Option<Reference> {
    let text = expression.trim();
    let open = text.find('(')?;
    let inner = text[open + 1..].strip_suffix(')')?;
    let arguments = arguments(inner)?;
    let mut positional: Vec<Arc<str>> = Vec::new();
    let mut version = None;
    for (keyword, value) in arguments {
        match keyword {
            None => positional.push(quoted(value)?.into()),
            Some("v" | "version") => version = Some(Arc::from(quoted(value).unwrap_or(value))),
            Some(_) => return None,
        }
    }
    match (text[..open].trim(), positional.as_slice()) {
        ("ref", [name]) => Some(Reference::Ref(RefCall { package: None, name: name.clone(), version })),
        ("ref", [package, name]) => {
            Some(Reference::Ref(RefCall { package: Some(package.clone()), name: name.clone(), version }))
        }
        ("source", [source, table]) if version.is_none() => {
            Some(Reference::Source([source.clone(), table.clone()]))
        }
        ("metric", [_] | [_, _]) if version.is_none() => Some(Reference::Metric(positional)),
        _ => None,
    }
}

/// The text of a string literal without escapes.
fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| *c == '\'' || *c == '"')?;
    let inner = value.get(1..)?.strip_suffix(quote)?;
    (!inner.contains(quote) && !inner.contains('\\')).then_some(inner)
}

fn arguments(text: &str) -> Option<Vec<Argument<'_>>> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut start = 0;
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ',') => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            (None, '(' | ')' | '{' | '}' | '[' | ']') => return None,
            _ => {}
        }
    }
    if quote.is_some() {
        return None;
    }
    let last = &text[start..];
    if !last.trim().is_empty() {
        parts.push(last);
    }
    for part in parts {
        let part = part.trim();
        match part.split_once('=') {
            Some((keyword, value)) if !part.starts_with(['\'', '"']) => {
                found.push((Some(keyword.trim()), value.trim()));
            }
            _ => found.push((None, part)),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(package: Option<&str>, name: &str, version: Option<&str>) -> Option<Reference> {
        Some(Reference::Ref(RefCall {
            package: package.map(Arc::from),
            name: name.into(),
            version: version.map(Arc::from),
        }))
    }

    #[test]
    fn references_are_read() {
        assert_eq!(parse(" ref( 'a' ) "), name(None, "a", None));
        assert_eq!(parse("ref('p', \"a\", v=2)"), name(Some("p"), "a", Some("2")));
        assert_eq!(parse("source('s','t')"), Some(Reference::Source(["s".into(), "t".into()])));
        for other in
            ["ref(a)", "ref('a') + 1", "ref('a'", "'ref(a)'", "ref()", "f('a')", "ref('a', x=1)", "ref(')"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
