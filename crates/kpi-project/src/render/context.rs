//! The names that YAML may use: `env_var`, `var`, `target` and what every template has.

use crate::version::EMULATED_DBT_VERSION;
use crate::yaml::{Node, Value as Data};
use kpi_diagnostics::{Event, EventSink, Level};
use kpi_jinja::{Args, Context, Error, ErrorKind, Interp, Object, Result, Value, function};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads an environment variable.
pub type EnvLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Names of environment variables that hold secrets begin with one of these.
const SECRET_PREFIXES: [&str; 2] = ["DBT_ENV_SECRET", "KPI_ENV_SECRET"];

/// Which names there are.
pub(crate) enum Scope {
    /// `profiles.yml`, `packages.yml`: secrets may be read.
    Secret,
    /// `dbt_project.yml`, `selectors.yml`: the target, no secrets, only variables of the command line.
    Project {
        /// Where it is not, all of `target` is an empty text.
        target_known: bool,
    },
    /// Property files: also the project's variables.
    Properties {
        /// `project_name`
        project: Arc<str>,
    },
}

/// The names of one scope.
pub(crate) struct Names {
    scope: Scope,
    env: EnvLookup,
    vars: Arc<Map<String, Json>>,
    target: Value,
    /// Environment variables that were read, with what they held.
    read: Arc<Mutex<EnvRead>>,
    /// Where `log()` goes.
    sink: Option<Arc<dyn EventSink>>,
    /// Whether a variable that is missing is an error.
    requires_vars: bool,
}

const OPEN: &str = "$$$DBT_SECRET_START$$$";
const CLOSE: &str = "$$$DBT_SECRET_END$$$";

fn is_secret(name: &str) -> bool {
    SECRET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

impl Names {
    pub(crate) fn new(
        scope: Scope,
        env: EnvLookup,
        vars: Arc<Map<String, Json>>,
        target: &Map<String, Json>,
    ) -> Self {
        let target = Value::from_json(&Json::Object(target.clone()));
        Self { scope, env, vars, target, read: Arc::default(), sink: None, requires_vars: true }
    }

    /// Sends what `log()` is given to a sink.
    pub(crate) fn logging(mut self, sink: &Option<Arc<dyn EventSink>>) -> Self {
        self.sink.clone_from(sink);
        self
    }

    /// Takes a variable that is missing for nothing.
    pub(crate) fn lenient(mut self) -> Self {
        self.requires_vars = false;
        self
    }

    /// Shares the record of environment variables that were read.
    pub(crate) fn recording(mut self, read: &Arc<Mutex<EnvRead>>) -> Self {
        self.read = read.clone();
        self
    }

    pub(crate) fn reveals_secrets(&self) -> bool {
        matches!(self.scope, Scope::Secret)
    }

    /// Puts the values of secrets where templates left their names: a template cannot take a secret apart.
    pub(crate) fn reveal(&self, node: &mut Node) {
        match &mut node.value {
            Data::Str(text) if text.contains(OPEN) => {
                let mut out = String::new();
                let mut rest: &str = text;
                while let Some((before, tail)) = rest.split_once(OPEN) {
                    let Some((name, after)) = tail.split_once(CLOSE) else { break };
                    out.push_str(before);
                    out.push_str(&(self.env)(name).unwrap_or_default());
                    rest = after;
                }
                out.push_str(rest);
                node.value = Data::Str(out.into());
            }
            Data::List(items) => items.iter_mut().for_each(|item| self.reveal(item)),
            Data::Map(entries) => entries.iter_mut().for_each(|(_, value)| self.reveal(value)),
            _ => {}
        }
    }
}

/// A text with stars where templates left the names of secrets.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once(OPEN) {
        let Some((_, after)) = tail.split_once(CLOSE) else { break };
        out.push_str(before);
        out.push_str("*****");
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Environment variables that were read, with what they held.
pub(crate) type EnvRead = BTreeMap<String, Option<String>>;

/// A message with every secret that was read replaced by stars.
pub(crate) fn hide_secrets(message: &str, read: &EnvRead) -> String {
    read.iter()
        .filter(|(name, _)| is_secret(name))
        .filter_map(|(_, value)| value.as_deref())
        .filter(|secret| !secret.trim().is_empty())
        .fold(message.to_owned(), |message, secret| message.replace(secret, "*****"))
}

/// `target` of commands that need none, such as `clean`.
struct NoTarget;

impl Object for NoTarget {
    fn type_name(&self) -> &str {
        "dict"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, _: &str) -> Result<Option<Value>> {
        Ok(Some(Value::empty()))
    }

    fn item(self: Arc<Self>, _: &mut Interp, _: &Value) -> Result<Option<Value>> {
        Ok(Some(Value::empty()))
    }

    fn is_mapping(&self) -> bool {
        true
    }
}

fn text_of(value: Option<Value>) -> Option<String> {
    match value {
        None | Some(Value::None) => None,
        Some(value) => Some(value.to_str().to_string()),
    }
}

impl Context for Names {
    fn lookup(&self, name: &str) -> Option<Value> {
        match name {
            "env_var" => {
                let env = self.env.clone();
                let read = self.read.clone();
                let reveals = self.reveals_secrets();
                Some(function("env_var", move |_, args: Args| {
                    let [name, default] = args.bind("env_var", ["var", "default?"])?;
                    let name = text_of(name).unwrap_or_default();
                    let found = env(&name);
                    read.lock().insert(name.clone(), found.clone());
                    if is_secret(&name) {
                        if !reveals {
                            return Err(Error::new(
                                ErrorKind::Parsing,
                                format!(
                                    "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' \
                                     referenced elsewhere."
                                ),
                            )
                            .with_hint("read it in profiles.yml, or give a variable that is no secret another name"));
                        }
                        if found.is_some() {
                            return Ok(Value::str(format!("{OPEN}{name}{CLOSE}")));
                        }
                    }
                    match (found, default) {
                        (Some(value), _) => Ok(Value::str(value)),
                        (None, Some(default)) if !matches!(default, Value::None) => Ok(default),
                        (None, _) => Err(Error::new(
                            ErrorKind::Parsing,
                            format!("Env var required but not provided: '{name}'"),
                        )
                        .with_hint(format!(
                            "set it in the environment, or give a default: env_var('{name}', '...')"
                        ))),
                    }
                }))
            }
            "log" => {
                let sink = self.sink.clone();
                Some(function("log", move |_, args: Args| {
                    let [message, info] = args.bind("log", ["msg", "info?"])?;
                    if let (Some(sink), Some(message)) = (&sink, message) {
                        let message = masked(&message.to_str());
                        sink.emit(match info.is_some_and(|v| v.is_true()) {
                            true => Event::new("JinjaLogInfo", Level::Info, message),
                            false => Event::new("JinjaLogDebug", Level::Debug, message),
                        });
                    }
                    Ok(Value::empty())
                }))
            }
            "var" => {
                let vars = self.vars.clone();
                let required = self.requires_vars;
                Some(function("var", move |_, args: Args| {
                    let [name, default] = args.bind("var", ["var_name", "default?"])?;
                    let name = text_of(name).unwrap_or_default();
                    match (vars.get(&name), default) {
                        (Some(value), _) => Ok(crate::variable_value(value)),
                        (None, Some(default)) => Ok(default),
                        (None, None) if !required => Ok(Value::None),
                        (None, None) => {
                            let known: Vec<&str> = vars.keys().map(String::as_str).collect();
                            let error = Error::compilation(format!(
                                "Required var '{name}' not found in config: Vars supplied to <Configuration> = [{}]",
                                known.join(", ")
                            ));
                            Err(match crate::shape::did_you_mean(&name, known) {
                                Some(hint) => error.with_hint(hint),
                                None => error.with_hint(format!(
                                    "pass it with --vars '{{{name}: ...}}', or give a default"
                                )),
                            })
                        }
                    }
                }))
            }
            "target" => match self.scope {
                Scope::Secret => None,
                Scope::Project { target_known: false } => Some(Value::object(NoTarget)),
                Scope::Project { .. } | Scope::Properties { .. } => Some(self.target.clone()),
            },
            "project_name" => match &self.scope {
                Scope::Properties { project } => Some(Value::str(project.clone())),
                _ => None,
            },
            "dbt_version" => Some(Value::str(EMULATED_DBT_VERSION)),
            _ => kpi_jinja::python::globals::get(name),
        }
    }

    fn names(&self) -> Vec<Arc<str>> {
        ["env_var", "var", "log", "target", "project_name", "dbt_version"].map(Arc::from).to_vec()
    }

    fn package(&self) -> &str {
        match &self.scope {
            Scope::Properties { project } => project,
            _ => "",
        }
    }
}
