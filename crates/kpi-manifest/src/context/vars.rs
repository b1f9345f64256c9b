//! `var()`: the command line over the root project over the node's package.

use super::Shared;
use kpi_jinja::{Args, Error, Interp, Object, Result, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What `var()` does for a variable that is not there and has no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Fails: at run time.
    Error,
    /// Gives `None`: while parsing.
    None,
}

/// `var` in a template.
pub(crate) fn value(shared: &Arc<Shared>, package: &str, node: Option<Arc<str>>, missing: Missing) -> Value {
    Value::object(Var { vars: shared.vars(package), node, missing })
}

struct Var {
    vars: Arc<Map<String, Json>>,
    node: Option<Arc<str>>,
    missing: Missing,
}

impl Var {
    fn not_found(&self, name: &str) -> Error {
        let mut sorted: Vec<_> = self.vars.iter().collect();
        sorted.sort_by_key(|(key, _)| key.as_str());
        let sorted: Map<String, Json> = sorted
            .into_iter()
            .filter(|(key, _)| !key.contains("SECRET"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let supplied = serde_json::to_string_pretty(&Json::Object(sorted)).unwrap_or_default();
        let error = Error::compilation(format!(
            "Required var '{name}' not found in config:\nVars supplied to {} = {supplied}",
            self.node.as_deref().unwrap_or("<Configuration>")
        ));
        match kpi_diagnostics::nearest(name, self.vars.keys().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error.with_hint(format!(
                "pass it with --vars '{{{name}: ...}}', or give a default: var('{name}', ...)"
            )),
        }
    }

    fn get(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        let [name, default] = args.bind("var", ["var_name", "default?"])?;
        let name = name.map(|n| n.to_string()).unwrap_or_default();
        match (self.vars.get(&name), default) {
            (Some(Json::String(text)), _) if has_jinja(text) => super::render_text(interp, "vars", text),
            (Some(value), _) => Ok(kpi_project::variable_value(value)),
            (None, Some(default)) => Ok(default),
            (None, None) if self.missing == Missing::None => Ok(Value::None),
            (None, None) => Err(self.not_found(&name)),
        }
    }
}

/// Whether a text must be rendered.
pub(crate) fn has_jinja(text: &str) -> bool {
    text.contains("{{")
        || text.contains("{%")
        || text.contains("{#")
        || text.contains("}}")
        || text.contains("%}")
}

impl Object for Var {
    fn type_name(&self) -> &str {
        "Var"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        self.get(interp, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name != "has_var" {
            return Ok(None);
        }
        let [name] = args.bind("has_var", ["var_name"])?;
        let name = name.map(|n| n.to_string()).unwrap_or_default();
        Ok(Some(Value::Bool(self.vars.contains_key(&name))))
    }

    fn is_true(&self) -> bool {
        true
    }
}
