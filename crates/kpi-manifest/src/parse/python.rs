//! Python models: `dbt.ref()`, `dbt.source()` and `dbt.config()` with constant arguments.

use super::static_refs::{self, Reference};
use crate::context::parsing::Captured;
use serde_json::{Value as Json, json};

/// What a Python model asks for. Comments and strings are not told apart from code: a call in them counts.
pub(super) fn calls(text: &str) -> Captured {
    let mut captured = Captured::default();
    let mut used = Vec::new();
    let mut defaults = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for (at, _) in line.match_indices("dbt.") {
            let rest = &line[at + 4..];
            // A call may go on over several lines; only what stands on one is read.
            let Some(end) = closing(rest) else { continue };
            let call = &rest[..=end];
            match static_refs::parse(call) {
                Some(Reference::Ref(reference)) => captured.refs.push(reference),
                Some(Reference::Source(pair)) => captured.sources.push(pair),
                _ => {
                    if let Some(arguments) = call.strip_prefix("config.get(") {
                        let mut parts = arguments.trim_end_matches(')').splitn(2, ',');
                        if let Some(Json::String(key)) = parts.next().and_then(literal) {
                            used.push(Json::from(key));
                            defaults.push(parts.next().and_then(literal).unwrap_or(Json::Null));
                        }
                    } else if let Some(arguments) = call.strip_prefix("config(") {
                        config(arguments.trim_end_matches(')'), &mut captured);
                    }
                }
            }
        }
    }
    if !used.is_empty() {
        captured.config.insert("config_keys_used".into(), Json::Array(used));
        captured.config.insert("config_keys_defaults".into(), Json::Array(defaults));
        captured.config.insert("meta_keys_used".into(), json!([]));
        captured.config.insert("meta_keys_defaults".into(), json!([]));
    }
    captured
}

/// Where the parenthesis of the call at the beginning of a text closes.
fn closing(text: &str) -> Option<usize> {
    let open = text.find('(')?;
    let mut depth = 0;
    let mut quote = None;
    for (i, c) in text.char_indices().skip_while(|(i, _)| *i < open) {
        match (quote, c) {
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

fn config(arguments: &str, captured: &mut Captured) {
    for argument in split(arguments) {
        if let Some((key, value)) = argument.split_once('=')
            && let Some(value) = literal(value)
        {
            captured.config.insert(key.trim().to_owned(), value);
        }
    }
}

/// Splits at commas outside of quotes and brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0, None);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// A Python literal: a string, number, boolean, `None` or a list of them.
fn literal(text: &str) -> Option<Json> {
    let text = text.trim();
    match text {
        "True" => return Some(Json::Bool(true)),
        "False" => return Some(Json::Bool(false)),
        "None" => return Some(Json::Null),
        _ => {}
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        let items = split(inner).into_iter().filter(|item| !item.trim().is_empty());
        return items.map(literal).collect::<Option<Vec<Json>>>().map(Json::Array);
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return (!inner.contains(quote)).then(|| json!(inner));
        }
    }
    text.parse::<i64>().map(Json::from).or_else(|_| text.parse::<f64>().map(Json::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_configs_are_found() {
        let captured = calls(
            "def model(dbt, session):\n    dbt.config(materialized='table', tags=[\"a\", 'b'])\n    \
             x = dbt.ref('orders').df()\n    y = dbt.source(\"raw\", 'items')\n    # dbt.ref('no')\n    \
             z = dbt.config.get('limit', 3)\n    return x\n",
        );
        assert_eq!(captured.refs.len(), 1);
        assert_eq!(&*captured.refs[0].name, "orders");
        assert_eq!(&*captured.sources[0][1], "items");
        assert_eq!(captured.config.get("materialized"), Some(&json!("table")));
        assert_eq!(captured.config.get("tags"), Some(&json!(["a", "b"])));
        assert_eq!(captured.config.get("config_keys_used"), Some(&json!(["limit"])));
        assert_eq!(captured.config.get("config_keys_defaults"), Some(&json!([3])));
    }
}
