//! `ref`, `source` and `config` as objects: `builtins.ref.config` is how packages read the settings of the project.

use super::Shared;
use kpi_jinja::{Args, Interp, Object, Result, Value, function};
use kpi_project::{Package, ProjectConfig};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

type Call = dyn Fn(&mut Interp, Args) -> Result<Value> + Send + Sync;

/// A function of a node (`ref`, `source`) that also knows the settings and the node.
struct Resolver {
    kind: &'static str,
    shared: Arc<Shared>,
    model: Box<dyn Fn() -> Value + Send + Sync>,
    call: Box<Call>,
}

/// `ref` or `source`: callable, with `config` (the project's settings), `model` and `current_project`.
pub fn resolver(
    kind: &'static str,
    shared: Arc<Shared>,
    model: impl Fn() -> Value + Send + Sync + 'static,
    call: impl Fn(&mut Interp, Args) -> Result<Value> + Send + Sync + 'static,
) -> Value {
    Value::object(Resolver { kind, shared, model: Box::new(model), call: Box::new(call) })
}

impl Object for Resolver {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        (self.call)(interp, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(Some(match name {
            "config" => self.shared.runtime_config(),
            "current_project" => Value::from(self.shared.root_package()),
            "model" => (self.model)(),
            _ => return Ok(None),
        }))
    }
}

/// An object that has nothing but attributes.
struct Attributes {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Object for Attributes {
    fn type_name(&self) -> &str {
        self.kind
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone()))
    }
}

/// The settings of the project with those of its packages in `dependencies`.
pub(super) fn value(shared: &Shared) -> Value {
    let project = &shared.project;
    let packages = project.packages.iter().map(|p| (p.name.clone(), of_package(shared, p, Vec::new())));
    let dependencies = Value::dict(packages.collect::<Vec<_>>());
    let Some(root) = project.packages.first() else { return Value::None };
    let loaded = dependencies.clone();
    let more = vec![
        ("dependencies", dependencies),
        ("load_dependencies", function("load_dependencies", move |_, _| Ok(loaded.clone()))),
    ];
    of_package(shared, root, more)
}

fn of_package(shared: &Shared, package: &Package, more: Vec<(&'static str, Value)>) -> Value {
    let config = &package.config;
    let object = |map: &Map<String, Json>| Value::from_json(&Json::Object(map.clone()));
    let list = |items: &[String]| Value::list(items.iter().map(|item| Value::from(item.as_str())));
    let tree = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| config.configs.get(*name));
        Value::from_json(found.unwrap_or(&Json::Object(Map::new())))
    };
    let target = &shared.project.target;
    let vars = object(&config.vars);
    let plain = vars.clone();
    let provider = Attributes {
        kind: "VarProvider",
        fields: vec![("vars", vars.clone()), ("to_dict", function("to_dict", move |_, _| Ok(plain.clone())))],
    };
    let quoting: Map<String, Json> = ["database", "schema", "identifier"]
        .iter()
        .zip([shared.facts.quoting.database, shared.facts.quoting.schema, shared.facts.quoting.identifier])
        .map(|(part, quoted)| ((*part).to_owned(), Json::Bool(quoted)))
        .collect();
    let dispatch = config.dispatch.iter().map(|(namespace, order)| {
        let order = Value::list(order.iter().map(|package| Value::from(package.clone())));
        Value::dict([("macro_namespace", Value::from(namespace.clone())), ("search_order", order)])
    });
    let version = config.version.as_deref().map_or(Value::None, Value::from);
    let mut fields = vec![
        ("project_name", Value::from(package.name.clone())),
        ("version", version),
        ("project_root", Value::from(package.root.display().to_string())),
        ("config_version", Value::from(2)),
        ("profile_name", Value::from(target.profile_name.as_str())),
        ("target_name", Value::from(target.target_name.as_str())),
        ("threads", Value::from(target.threads as i64)),
        ("credentials", credentials(shared)),
        ("cli_vars", object(&shared.project.cli_vars)),
        ("vars", Value::object(provider)),
        ("args", super::flags::value(shared.flags.clone())),
        ("quoting", object(&quoting)),
        ("dispatch", Value::list(dispatch)),
        ("on_run_start", list(&config.on_run_start)),
        ("on_run_end", list(&config.on_run_end)),
        ("restrict_access", Value::Bool(config.restrict_access)),
        ("dbt_cloud", Value::from_json(config.dbt_cloud.as_ref().unwrap_or(&Json::Object(Map::new())))),
        ("flags", object(&config.flags)),
        ("data_tests", tree(["data_tests", "tests"])),
        ("exposures", tree(["exposures"; 2])),
        ("functions", tree(["functions"; 2])),
        ("metrics", tree(["metrics"; 2])),
        ("models", tree(["models"; 2])),
        ("saved_queries", tree(["saved-queries"; 2])),
        ("seeds", tree(["seeds"; 2])),
        ("semantic_models", tree(["semantic-models"; 2])),
        ("snapshots", tree(["snapshots"; 2])),
        ("sources", tree(["sources"; 2])),
        ("unit_tests", tree(["unit_tests"; 2])),
    ];
    fields.extend(paths(config).into_iter().map(|(name, items)| (name, list(items))));
    fields.extend([
        ("target_path", Value::from(config.target_path.as_str())),
        ("log_path", Value::from(config.log_path.as_str())),
        ("packages_install_path", Value::from(config.packages_install_path.as_str())),
    ]);
    fields.extend(more);
    Value::object(Attributes { kind: "RuntimeConfig", fields })
}

fn paths(config: &ProjectConfig) -> [(&'static str, &[String]); 10] {
    [
        ("analysis_paths", &config.analysis_paths),
        ("asset_paths", &config.asset_paths),
        ("clean_targets", &config.clean_targets),
        ("docs_paths", &config.docs_paths),
        ("function_paths", &config.function_paths),
        ("macro_paths", &config.macro_paths),
        ("model_paths", &config.model_paths),
        ("seed_paths", &config.seed_paths),
        ("snapshot_paths", &config.snapshot_paths),
        ("test_paths", &config.test_paths),
    ]
}

/// What the target says without its secrets: the fields of `target`.
fn credentials(shared: &Shared) -> Value {
    const FIELDS: [&str; 4] = ["database", "schema", "type", "path"];
    let field = |name: &&'static str| Some((*name, Value::from_json(shared.target.get(*name)?)));
    let mut fields: Vec<_> = FIELDS.iter().filter_map(field).collect();
    fields.push(("threads", Value::from(shared.project.target.threads as i64)));
    Value::object(Attributes { kind: "Credentials", fields })
}
