//! What names mean in templates, for all nodes alike: variables, the environment, the target, exceptions...
//!
//! [`Shared`] is made once per invocation. The parser (`parsing`) and the engine add the names of one node on top.

mod arguments;
mod environment;
mod exceptions;
mod flags;
mod functions;
mod names;
pub(crate) mod parsing;
mod runtime_config;
mod test_call;
mod vars;

pub use arguments::{one_or_two_names, parse_ref_args, parse_source_args};
pub(crate) use functions::md5_hex;
pub use functions::render_text;
pub use names::NameContext;
pub use runtime_config::resolver;
pub use test_call::{TestCall, generic_test_call};
pub(crate) use test_call::{looks_like_call, render_kwargs};
pub(crate) use vars::has_jinja;

use crate::Node;
use kpi_adapter::{Adapter, AdapterFacts, ApiObject, CatalogIntegration, ColumnClass, Policy};
use kpi_diagnostics::EventSink;
use kpi_jinja::Value;
use kpi_project::{CatalogDefinition, Project};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// What all templates of an invocation share.
pub struct Shared {
    /// The files.
    pub project: Arc<Project>,
    /// The target.
    pub adapter: Arc<dyn Adapter>,
    /// What `adapter` answers without a connection.
    pub facts: Arc<AdapterFacts>,
    /// Every flag by its lower-case name.
    pub flags: Map<String, Json>,
    /// `invocation_args_dict`
    invocation_args: Json,
    /// Of this invocation.
    pub invocation_id: Arc<str>,
    /// When it started.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Where `log()` and warnings go.
    pub sink: Arc<dyn EventSink>,
    /// Environment variables that templates read, with what they held.
    pub env_vars: EnvRecord,
    /// `target` in templates.
    pub target: Map<String, Json>,
    /// Names whose value is the same in every node.
    constants: FxHashMap<&'static str, Value>,
    /// Merged variables by package.
    vars: FxHashMap<Arc<str>, Arc<Map<String, Json>>>,
    /// The settings as an object, made when a template first asks.
    runtime_config: OnceLock<Value>,
}

/// The record of environment variables that templates read.
pub type EnvRecord = Arc<Mutex<BTreeMap<String, String>>>;

/// What an invocation knows before anything is parsed.
pub struct SharedOptions {
    /// Every flag by its lower-case name.
    pub flags: Map<String, Json>,
    /// `invocation_args_dict`: what the call said, and what follows from it.
    pub invocation_args: Map<String, Json>,
    /// Of this invocation.
    pub invocation_id: Arc<str>,
    /// When it started.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Where `log()` and warnings go.
    pub sink: Arc<dyn EventSink>,
}

impl Shared {
    /// Makes what an invocation shares.
    pub fn new(project: Arc<Project>, adapter: Arc<dyn Adapter>, options: SharedOptions) -> Arc<Self> {
        let root = project.packages.first();
        let quoting = root.map(|p| quoting_over(adapter.default_quoting(), &p.config.quoting));
        let name = root.map(|p| p.name.clone()).unwrap_or_default();
        let facts = AdapterFacts::of(&*adapter).with_quoting(quoting.unwrap_or_default()).with_project(name);
        let facts = facts
            .with_catalogs(project.catalogs.iter().map(integration).collect())
            .with_behavior(root.map(|p| &p.config.flags));
        let facts = Arc::new(facts);
        let env_vars = EnvRecord::default();
        let mut target = adapter.target_fields();
        target.insert("threads".into(), Json::from(project.target.threads));
        target.insert("name".into(), Json::from(project.target.target_name.as_str()));
        target.insert("target_name".into(), Json::from(project.target.target_name.as_str()));
        target.insert("profile_name".into(), Json::from(project.target.profile_name.as_str()));
        let vars =
            project.packages.iter().map(|p| (p.name.clone(), Arc::new(project.vars_for(&p.name)))).collect();
        let mut constants: FxHashMap<&'static str, Value> = FxHashMap::default();
        constants.insert("env_var", environment::env_var(env_vars.clone()));
        constants.insert("exceptions", exceptions::value(options.sink.clone()));
        constants.insert("flags", flags::value(options.flags.clone()));
        constants.insert(
            "api",
            Value::object(ApiObject { quote: facts.quoting, column_rules: facts.column_rules }),
        );
        constants.insert("column", Value::object(ColumnClass(facts.column_rules)));
        constants.insert("invocation_id", Value::from(options.invocation_id.clone()));
        constants.insert("dbt_version", Value::from(kpi_project::EMULATED_DBT_VERSION));
        constants.insert("run_started_at", functions::moment(&options.started_at));
        constants.insert("sql_now", Value::from("now()"));
        constants.insert("validation", functions::validation());
        constants.insert("log", functions::log(options.sink.clone()));
        constants
            .insert("print", functions::print(options.sink.clone(), flag(&options.flags, "print", true)));
        constants.insert("adapter_macro", functions::adapter_macro());
        constants.insert("modules", functions::modules(options.sink.clone()));
        Arc::new(Self {
            project,
            adapter,
            facts,
            flags: options.flags,
            invocation_args: Json::Object(options.invocation_args),
            invocation_id: options.invocation_id,
            started_at: options.started_at,
            sink: options.sink,
            env_vars,
            target,
            constants,
            vars,
            runtime_config: OnceLock::new(),
        })
    }

    /// The project's settings: `ref.config`.
    pub fn runtime_config(&self) -> Value {
        self.runtime_config.get_or_init(|| runtime_config::value(self)).clone()
    }

    /// A flag that is on or off.
    pub fn flag(&self, name: &str) -> bool {
        flag(&self.flags, name, false)
    }

    /// The name of the root package.
    pub fn root_package(&self) -> Arc<str> {
        self.project.packages.first().map(|p| p.name.clone()).unwrap_or_default()
    }

    /// The variables of a package: its own, under the root project's, under those of the command line.
    pub fn vars(&self, package: &str) -> Arc<Map<String, Json>> {
        match self.vars.get(package) {
            Some(vars) => vars.clone(),
            None => Arc::new(self.project.vars_for(package)),
        }
    }
}

fn flag(flags: &Map<String, Json>, name: &str, default: bool) -> bool {
    flags.get(name).and_then(Json::as_bool).unwrap_or(default)
}

/// A catalog as the target sees it.
pub fn integration(declared: &CatalogDefinition) -> CatalogIntegration {
    CatalogIntegration {
        name: declared.name.clone(),
        form: declared.form,
        catalog_type: declared.catalog_type.clone(),
        catalog_name: declared.catalog_name.clone(),
        table_format: declared.table_format.clone(),
        external_volume: declared.external_volume.clone(),
        file_format: declared.file_format.clone(),
        catalog_database: declared.catalog_database.clone(),
        properties: declared.properties.clone(),
    }
}

/// What a `quoting` map says over a policy.
pub(crate) fn quoting_over(mut policy: Policy, quoting: &Map<String, Json>) -> Policy {
    for (part, quoted) in quoting {
        if let Some(quoted) = quoted.as_bool() {
            policy.set(part, quoted);
        }
    }
    policy
}

/// Names of [`lookup`] that are made anew for each node or read.
const MADE: [&str; 9] = [
    "database",
    "dbt_metadata_envs",
    "env",
    "invocation_args_dict",
    "project_name",
    "schema",
    "target",
    "thread_id",
    "var",
];

/// A name that all contexts have, in a node of `package`; `None`: no such name.
pub fn lookup(shared: &Arc<Shared>, package: &str, node: Option<&Node>, name: &str) -> Option<Value> {
    if let Some(value) = shared.constants.get(name) {
        return Some(value.clone());
    }
    Some(match name {
        "var" => vars::value(shared, package, node.map(|n| n.name.clone()), vars::Missing::Error),
        "target" | "env" => Value::from_json(&Json::Object(shared.target.clone())),
        "project_name" => Value::from(shared.root_package()),
        "schema" => Value::from(shared.facts.schema.clone()),
        "database" => Value::from(shared.facts.database.clone()),
        "thread_id" => Value::from(kpi_diagnostics::thread_label()),
        "invocation_args_dict" => Value::from_json(&shared.invocation_args),
        "dbt_metadata_envs" => environment::metadata(),
        _ => return kpi_jinja::python::globals::get(name),
    })
}

/// All names that [`lookup`] knows, but for those of every template.
pub fn names() -> Vec<Arc<str>> {
    const CONSTANTS: [&str; 13] = [
        "adapter_macro",
        "api",
        "column",
        "dbt_version",
        "env_var",
        "exceptions",
        "flags",
        "invocation_id",
        "log",
        "print",
        "run_started_at",
        "sql_now",
        "validation",
    ];
    CONSTANTS.iter().chain(&MADE).map(|name| Arc::from(*name)).collect()
}
