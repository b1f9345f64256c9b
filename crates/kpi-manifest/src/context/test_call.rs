//! A generic test as a call of its macro, with its arguments rendered.

use super::{Shared, vars};
use crate::Node;
use kpi_jinja::{Error, Interp, Template, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A macro's name (`test_unique`, `dbt_utils.test_at_least_one`) and the arguments of the call.
pub type TestCall = (String, Vec<(Arc<str>, Value)>);

/// The macro and the rendered arguments of a generic test.
///
/// # Errors
/// What rendering an argument raises.
pub fn generic_test_call(shared: &Arc<Shared>, node: &Node, interp: &mut Interp) -> Result<TestCall, Error> {
    let _ = shared;
    let Some(metadata) = &node.test_metadata else {
        return Err(Error::compilation(format!("{} is no generic test", node.unique_id)));
    };
    let name = match &metadata.namespace {
        Some(namespace) => format!("{namespace}.test_{}", metadata.name),
        None => format!("test_{}", metadata.name),
    };
    Ok((name, render_kwargs(interp, &metadata.kwargs)?))
}

/// Renders the arguments of a test: every text but the column's name, deep.
pub(crate) fn render_kwargs(
    interp: &mut Interp,
    kwargs: &Map<String, Json>,
) -> Result<Vec<(Arc<str>, Value)>, Error> {
    kwargs
        .iter()
        .map(|(key, value)| {
            let value = match (key.as_str(), value) {
                ("column_name", Json::String(text)) => Value::from(text.as_str()),
                _ => render_argument(interp, value)?,
            };
            Ok((Arc::from(key.as_str()), value))
        })
        .collect()
}

fn render_argument(interp: &mut Interp, value: &Json) -> Result<Value, Error> {
    Ok(match value {
        Json::String(text) if looks_like_call(text) => native(interp, &format!("{{{{ {text} }}}}"))?,
        Json::String(text) if vars::has_jinja(text) => native(interp, text)?,
        Json::Array(items) => {
            let items: Result<Vec<Value>, Error> =
                items.iter().map(|item| render_argument(interp, item)).collect();
            Value::list(items?)
        }
        Json::Object(map) => {
            let entries: Result<Vec<(&str, Value)>, Error> =
                map.iter().map(|(k, v)| Ok((k.as_str(), render_argument(interp, v)?))).collect();
            Value::dict(entries?)
        }
        other => Value::from_json(other),
    })
}

fn native(interp: &mut Interp, text: &str) -> Result<Value, Error> {
    interp.render_native(&Template::parse_str("test argument", text)?)
}

/// Whether a text is meant as a call though it has no braces: `ref('orders')`.
pub(crate) fn looks_like_call(text: &str) -> bool {
    let text = text.trim();
    if !text.ends_with(')') || text.contains('\n') {
        return false;
    }
    ["env_var", "ref", "var", "source", "doc"].iter().any(|name| {
        let rest = text.strip_prefix(name).map(str::trim_start).and_then(|rest| rest.strip_prefix('('));
        rest.is_some_and(|rest| rest.len() > 1)
    })
}

#[cfg(test)]
mod tests {
    use super::looks_like_call;

    #[test]
    fn calls_need_no_braces() {
        for text in ["ref('a')", " source('a', 'b') ", "var ('x')", "env_var(\"A\")"] {
            assert!(looks_like_call(text), "{text}");
        }
        for text in ["ref", "ref()", "refer('a')", "a ref('a')", "ref('a') + 1", "references"] {
            assert!(!looks_like_call(text), "{text}");
        }
    }
}
