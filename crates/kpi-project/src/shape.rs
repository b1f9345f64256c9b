//! What a mapping may hold: fields, types, what is required. The tables that use it are the reference of every file
//! format; the errors speak as JSON Schema validators do, since that is what dbt's users know.

use crate::yaml::{Node, Value};
use kpi_diagnostics::{Diagnostic, SourceFile, nearest};
use std::sync::Arc;

/// The type of a value.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Null,
    Str,
    Bool,
    Int,
    Number,
    /// Any mapping.
    Map,
    List(&'static Shape),
    Object(&'static Object),
    Enum(&'static [&'static str]),
    /// Any of these; the last error speaks when none fits.
    Either(&'static [Shape]),
}

/// A mapping with known fields.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) required: &'static [&'static str],
    /// Whether other keys are allowed.
    pub(crate) open: bool,
    pub(crate) fields: &'static [(&'static str, Shape)],
}

pub(crate) const STRINGS: Shape = Shape::List(&Shape::Str);
pub(crate) const STR_OR_NULL: Shape = Shape::Either(&[Shape::Null, Shape::Str]);
pub(crate) const BOOL_OR_NULL: Shape = Shape::Either(&[Shape::Null, Shape::Bool]);
pub(crate) const MAP_OR_NULL: Shape = Shape::Either(&[Shape::Null, Shape::Map]);
pub(crate) const STRINGS_OR_NULL: Shape = Shape::Either(&[Shape::Null, STRINGS]);

/// Why a value does not fit.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// `['columns'][0]['name']`
    pub(crate) path: String,
    /// `1 is not of type 'string'`
    pub(crate) reason: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// What was meant.
    pub(crate) hint: Option<String>,
}

impl Misfit {
    /// As an error: `heading - at path ['name']: 1 is not of type 'string'`.
    pub(crate) fn diagnostic(
        self,
        code: &'static str,
        kind: &'static str,
        heading: &str,
        file: &Arc<SourceFile>,
    ) -> Diagnostic {
        let at = if self.path.is_empty() { "[]" } else { &self.path };
        let message = if heading.is_empty() {
            format!("at path {at}: {}", self.reason)
        } else {
            format!("{heading} - at path {at}: {}", self.reason)
        };
        let diagnostic = Diagnostic::error(code, kind, message).with_span(kpi_diagnostics::Span::at(
            file.clone(),
            self.line,
            self.column,
        ));
        match self.hint {
            Some(hint) => diagnostic.with_hint(hint),
            None => diagnostic,
        }
    }
}

/// A value as Python would print it, cut short.
pub(crate) fn shown(node: &Node) -> String {
    let text = match &node.value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Str(s) => format!("'{s}'"),
        Value::List(_) | Value::Map(_) => kpi_jinja::Value::from_json(&node.to_json()).repr(),
        _ => node.key_text(),
    };
    if text.chars().count() <= 60 {
        return text;
    }
    format!("{}...", text.chars().take(57).collect::<String>())
}

impl Shape {
    /// Checks a value; `Err` names the first thing that does not fit.
    pub(crate) fn check(&self, node: &Node) -> Result<(), Misfit> {
        self.check_at(node, &mut Vec::new())
    }

    fn check_at(&self, node: &Node, path: &mut Vec<String>) -> Result<(), Misfit> {
        let wrong_type = |name: &str| {
            let mut error = misfit(node, path, format!("{} is not of type '{name}'", shown(node)));
            error.hint = Some(type_hint(node, name));
            Err(error)
        };
        match (self, &node.value) {
            (Shape::Any, _)
            | (Shape::Null, Value::Null)
            | (Shape::Str, Value::Str(_))
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Int | Shape::Number, Value::Int(_) | Value::BigInt(_))
            | (Shape::Number, Value::Float(_))
            | (Shape::Map, Value::Map(_)) => Ok(()),
            (Shape::Int, Value::Float(f)) if f.fract() == 0.0 => Ok(()),
            (Shape::Null, _) => wrong_type("null"),
            (Shape::Str, _) => wrong_type("string"),
            (Shape::Bool, _) => wrong_type("boolean"),
            (Shape::Int, _) => wrong_type("integer"),
            (Shape::Number, _) => wrong_type("number"),
            (Shape::Map | Shape::Object(_), v) if !matches!(v, Value::Map(_)) => wrong_type("object"),
            (Shape::List(inner), Value::List(items)) => {
                for (i, item) in items.iter().enumerate() {
                    path.push(format!("[{i}]"));
                    inner.check_at(item, path)?;
                    path.pop();
                }
                Ok(())
            }
            (Shape::List(_), _) => wrong_type("array"),
            (Shape::Enum(words), Value::Str(s)) if words.contains(&&**s) => Ok(()),
            (Shape::Enum(words), _) => {
                let mut error =
                    misfit(node, path, format!("{} is not one of {words:?}", shown(node)).replace('"', "'"));
                error.hint = node.as_str().and_then(|s| did_you_mean(s, words.iter().copied()));
                Err(error)
            }
            (Shape::Either(shapes), _) => {
                let depth = path.len();
                let mut last = None;
                for shape in *shapes {
                    match shape.check_at(node, path) {
                        Ok(()) => return Ok(()),
                        Err(error) => {
                            path.truncate(depth);
                            last = Some(error);
                        }
                    }
                }
                // A value of the right type with a fault inside is told by that fault; else none of them fits.
                match last {
                    Some(error) if path.concat() == error.path => {
                        let given = shown(node);
                        let why = error.reason.strip_prefix(&*given).unwrap_or(&error.reason);
                        let reason = format!("{given} is not valid under any of the given schemas: it{why}");
                        Err(Misfit { reason, ..error })
                    }
                    other => other.map_or(Ok(()), Err),
                }
            }
            (Shape::Object(object), _) => object.check_at(node, path),
            (Shape::Map, _) => Ok(()),
        }
    }
}

impl Object {
    /// Checks a mapping.
    pub(crate) fn check(&self, node: &Node) -> Result<(), Misfit> {
        self.check_at(node, &mut Vec::new())
    }

    fn check_at(&self, node: &Node, path: &mut Vec<String>) -> Result<(), Misfit> {
        let Some(entries) = node.as_map() else {
            let mut error = misfit(node, path, format!("{} is not of type 'object'", shown(node)));
            error.hint = Some(type_hint(node, "object"));
            return Err(error);
        };
        if let Some(missing) = self.required.iter().find(|name| node.get(name).is_none()) {
            let mut error = misfit(node, path, format!("'{missing}' is a required property"));
            let keys = entries.iter().filter_map(|(key, _)| key.as_str());
            let unknown = keys.filter(|key| !self.fields.iter().any(|(field, _)| *field == &***key));
            let meant = unknown.map(|key| &**key).find(|key| did_you_mean(key, [*missing]).is_some());
            error.hint = Some(match meant {
                Some(key) => format!("did you mean '{missing}' instead of '{key}'?"),
                None => format!("add `{missing}: ...`"),
            });
            return Err(error);
        }
        for (key, value) in entries {
            let name = key.as_str().map(|s| &**s);
            match name.and_then(|name| self.fields.iter().find(|(field, _)| *field == name)) {
                Some((field, shape)) => {
                    path.push(format!("['{field}']"));
                    shape.check_at(value, path)?;
                    path.pop();
                }
                None if self.open => {}
                None => {
                    let name = key.key_text();
                    let reason = format!("Additional properties are not allowed ('{name}' was unexpected)");
                    let mut error = misfit(key, path, reason);
                    error.hint =
                        did_you_mean(&name, self.fields.iter().map(|(field, _)| *field)).or_else(|| {
                            let known: Vec<&str> = self.fields.iter().map(|(field, _)| *field).collect();
                            Some(format!("known keys are: {}", known.join(", ")))
                        });
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// How to write a value of the type.
fn type_hint(node: &Node, wanted: &str) -> String {
    if node.is_null() {
        return "give it a value, or remove the key".to_owned();
    }
    match wanted {
        "string" if matches!(node.value, Value::List(_) | Value::Map(_)) => "write a text here",
        "string" => "put quotes around it to make it a text",
        "boolean" => "write true or false, without quotes",
        "integer" | "number" => "write a number, without quotes",
        "array" => "write a list: [a, b], or lines that begin with `- `",
        "object" => "write a mapping: lines of `key: value`, further indented",
        _ => "remove the value",
    }
    .to_owned()
}

/// `did you mean 'x'?`
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean '{name}'?"))
}

fn misfit(node: &Node, path: &[String], reason: String) -> Misfit {
    Misfit { path: path.concat(), reason, line: node.line, column: node.column, hint: None }
}
