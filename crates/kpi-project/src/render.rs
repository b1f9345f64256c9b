//! Jinja in YAML and TOML: which values are rendered, and with which names.
//!
//! Rendering happens in place, so that every rendered value still knows its line. A file without `{{` or `{%` costs
//! one search.

mod context;
mod policy;

use crate::yaml::{Node, Value};
use kpi_diagnostics::{Diagnostic, SourceFile};
use kpi_jinja::{Environment, ErrorKind, Interp, Template};
use std::sync::Arc;

pub use context::EnvLookup;
pub(crate) use context::{EnvRead, Names, Scope, hide_secrets};
pub(crate) use policy::{Policy, Section, Step};

/// Renders trees with the names of one scope.
pub(crate) struct Renderer {
    environment: Arc<Environment>,
    names: Arc<Names>,
}

impl Renderer {
    pub(crate) fn new(names: Names) -> Self {
        let environment = Environment {
            macros: kpi_jinja::MacroTable::default(),
            globals: Default::default(),
            undefined: kpi_jinja::UndefinedMode::Strict,
        };
        Self { environment: Arc::new(environment), names: Arc::new(names) }
    }

    /// Renders what `policy` allows, and turns dates into ISO strings there, as dbt does.
    pub(crate) fn render(
        &self,
        node: &mut Node,
        file: &Arc<SourceFile>,
        policy: Policy,
    ) -> Result<(), Diagnostic> {
        let mut path = Vec::new();
        self.walk(node, file, policy, &mut path)
    }

    fn walk(
        &self,
        node: &mut Node,
        file: &Arc<SourceFile>,
        policy: Policy,
        path: &mut Vec<Step>,
    ) -> Result<(), Diagnostic> {
        let (line, column) = (node.line, node.column);
        let text = match &mut node.value {
            Value::List(items) => {
                for item in items {
                    path.push(Step::Index);
                    self.walk(item, file, policy, path)?;
                    path.pop();
                }
                return Ok(());
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    path.push(key.as_str().map_or(Step::Index, |name| Step::Key(name.clone())));
                    self.walk(value, file, policy, path)?;
                    path.pop();
                }
                return Ok(());
            }
            Value::Date(text) | Value::DateTime(text) => {
                let text = text.clone();
                if policy.renders(path) {
                    node.value = Value::Str(text);
                }
                return Ok(());
            }
            Value::Str(text) if has_jinja(text) && policy.renders(path) => text.clone(),
            Value::Str(text) => {
                // Templates lose a line end at their end, and so do texts that could be templates.
                if let Some(shorter) = text.strip_suffix('\n').filter(|_| policy.renders(path)) {
                    *text = shorter.into();
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        match self.evaluate(&text, file, line, column) {
            Ok(value) => node.value = value,
            // A password may well look like Jinja without being any.
            Err(_) if policy == Policy::Profile && path.iter().any(|step| step.is("password")) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The value of a text with Jinja: `{{ x }}` alone keeps the type of `x`.
    fn evaluate(
        &self,
        text: &str,
        file: &Arc<SourceFile>,
        line: u32,
        column: u32,
    ) -> Result<Value, Diagnostic> {
        let snippet = SourceFile::new(file.name.clone(), text);
        let mut interp = Interp::new(self.environment.clone(), self.names.clone());
        let json = Template::parse(&snippet, text, line)
            .and_then(|template| interp.render_native(&template))
            .and_then(|value| match &value {
                kpi_jinja::Value::Undefined(undefined) => Err(undefined.error()),
                _ => value.to_json(),
            })
            .map_err(|error| {
                let (code, kind) = match error.kind() {
                    ErrorKind::Syntax => ("K0301", "Compilation Error"),
                    ErrorKind::Parsing => ("K0402", "Parsing Error"),
                    _ => ("K0401", "Compilation Error"),
                };
                let message = match error.kind() {
                    // Those of env_var and var are sentences of their own.
                    ErrorKind::Parsing => error.message().to_owned(),
                    _ => format!("Could not render {text}: {}", error.message()),
                };
                let diagnostic = Diagnostic::error(code, kind, message).with_span(kpi_diagnostics::Span::at(
                    file.clone(),
                    line,
                    column,
                ));
                let hint = match (&error.0.hint, error.kind()) {
                    (Some(hint), _) => hint.as_str(),
                    (None, ErrorKind::Syntax) => "check the expression between {{ and }}",
                    (None, ErrorKind::Undefined) => {
                        "what is known here is: env_var, var, target and Python's own names"
                    }
                    (None, _) => "check the types: the filters `int`, `as_number` and `as_bool` change them",
                };
                diagnostic.with_hint(hint)
            })?;
        let mut node = Node::from_json(&json, line, column);
        if self.names.reveals_secrets() {
            self.names.reveal(&mut node);
        }
        Ok(node.value)
    }
}

/// Whether a text has any Jinja in it.
pub(crate) fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}
