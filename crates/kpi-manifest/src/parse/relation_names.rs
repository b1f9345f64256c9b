//! Schema, alias and database of a node, by the macros that a project may override.

use crate::context::Shared;
use crate::context::parsing::{ParseShared, name_macro_context};
use crate::{Node, ResourceType, node_json, version_text};
use kpi_adapter::{AdapterFacts, CatalogIntegration};
use kpi_diagnostics::Diagnostic;
use kpi_jinja::{Args, Environment, Interp, MacroRef, Object, Result, Value};
use kpi_project::Project;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Which macros generate names. `None`: the built-in rule, which needs no macro.
pub(crate) struct NameMacros {
    schema: Component,
    alias: Component,
    database: Component,
    default_schema: Arc<str>,
    default_database: Option<Arc<str>>,
    facts: Arc<AdapterFacts>,
    /// Schemas made of the target's and a custom one.
    schemas: Mutex<FxHashMap<Box<str>, Arc<str>>>,
}

#[derive(Default)]
struct Component {
    root: Option<MacroRef>,
    packages: FxHashMap<Arc<str>, MacroRef>,
}

impl Component {
    fn find(name: &str, project: &Project, env: &Environment) -> Self {
        let macros = &env.macros;
        let Some(root) = project.packages.first() else { return Self::default() };
        let mut own = macros.get(&root.name, name).cloned();
        // The built-in macro dispatches, so that a project may also define an implementation of it.
        let prefixes = macros.adapter_prefixes.iter().map(|p| &**p).chain(["default"]);
        let dispatched = prefixes.map(|prefix| format!("{prefix}__{name}")).any(|implementation| {
            let order = macros.dispatch.get("dbt").map(Vec::as_slice).unwrap_or_default();
            macros.get(&root.name, &implementation).is_some()
                || order.iter().any(|p| {
                    !macros.internal_packages.contains(p) && macros.get(p, &implementation).is_some()
                })
        });
        if own.is_none() && dispatched {
            own = macros.internal_packages.iter().find_map(|p| macros.get(p, name)).cloned();
        }
        let packages = project
            .packages
            .iter()
            .skip(1)
            .filter_map(|package| Some((package.name.clone(), macros.get(&package.name, name)?.clone())))
            .collect();
        Self { root: own, packages }
    }

    fn of(&self, package: &str) -> Option<&MacroRef> {
        self.packages.get(package).or(self.root.as_ref())
    }
}

impl NameMacros {
    pub(super) fn find(shared: &Shared, env: &Environment) -> Self {
        let component = |name| Component::find(name, &shared.project, env);
        Self {
            schema: component("generate_schema_name"),
            alias: component("generate_alias_name"),
            database: component("generate_database_name"),
            default_schema: shared.facts.schema.clone(),
            default_database: shared.facts.database.clone(),
            facts: shared.facts.clone(),
            schemas: Mutex::default(),
        }
    }

    /// The schema and database that a node has before names are generated.
    pub(super) fn defaults(&self) -> (Arc<str>, Option<Arc<str>>) {
        (self.default_schema.clone(), self.default_database.clone())
    }

    /// The catalog that a node names.
    fn catalog_of(&self, config: &crate::Config) -> Option<&CatalogIntegration> {
        if self.facts.catalogs.is_empty() {
            return None;
        }
        self.facts.catalog(config.str("catalog_name")?)
    }

    fn custom_schema(&self, custom: &str) -> Arc<str> {
        let mut schemas = self.schemas.lock();
        if let Some(schema) = schemas.get(custom) {
            return schema.clone();
        }
        let schema: Arc<str> = format!("{}_{}", self.default_schema, custom.trim()).into();
        schemas.insert(custom.into(), schema.clone());
        schema
    }

    /// Generates schema, alias and database of a node whose config is final.
    pub(super) fn apply(
        &self,
        parsing: &ParseShared,
        env: &Arc<Environment>,
        node: &mut Node,
    ) -> std::result::Result<(), Diagnostic> {
        let config = node.config.clone();
        match self.database.of(&node.package_name) {
            Some(definition) => {
                let value = generate(parsing, env, definition, config.str("database"), node)?;
                node.database = (!value.is_none()).then(|| trimmed(&value));
            }
            None => {
                let custom = config.str("database");
                let catalog = self.catalog_of(&config);
                node.database = match catalog.map_or(custom, |catalog| catalog.database_of(custom)) {
                    Some(custom) => Some(custom.trim().into()),
                    None => self.default_database.clone(),
                };
            }
        }
        node.schema = match (self.schema.of(&node.package_name), config.str("schema")) {
            (Some(definition), custom) => trimmed(&generate(parsing, env, definition, custom, node)?),
            (None, Some(custom)) => self.custom_schema(custom),
            (None, None) => self.default_schema.clone(),
        };
        if self.schema.of(&node.package_name).is_none()
            && self.catalog_of(&config).is_some_and(CatalogIntegration::is_glue)
        {
            node.schema = node.schema.to_lowercase().into();
        }
        node.alias = match (
            self.alias.of(&node.package_name),
            config.str("alias").filter(|alias| !alias.is_empty()),
        ) {
            (Some(definition), _) => trimmed(&generate(parsing, env, definition, config.str("alias"), node)?),
            (None, Some(custom)) => custom.trim().into(),
            (None, None) => match &node.version {
                Some(version) => format!("{}_v{}", node.name, version_text(version).replace('.', "_")).into(),
                None => node.name.clone(),
            },
        };
        if node.resource_type == ResourceType::Snapshot {
            if let Some(database) = config.str("target_database").filter(|d| !d.is_empty()) {
                node.database = Some(database.into());
            }
            if let Some(schema) = config.str("target_schema").filter(|s| !s.is_empty()) {
                node.schema = schema.into();
            }
        }
        Ok(())
    }
}

fn trimmed(value: &Value) -> Arc<str> {
    match value {
        Value::Str(text) if text.trim().len() == text.len() => text.clone(),
        other => other.to_string().trim().into(),
    }
}

fn generate(
    parsing: &ParseShared,
    env: &Arc<Environment>,
    definition: &MacroRef,
    custom: Option<&str>,
    node: &Node,
) -> std::result::Result<Value, Diagnostic> {
    let context = name_macro_context(parsing, &definition.package);
    let mut interp = Interp::new(env.clone(), context);
    let custom = custom.map_or(Value::None, Value::from);
    let view = Value::object(NodeView(node.clone()));
    interp
        .call_macro(definition, Args::of([custom, view]))
        .map_err(|error| error.to_diagnostic("Compilation Error", Some(&node.heading())))
}

/// A node as macros that generate names see it.
struct NodeView(Node);

impl NodeView {
    fn field(&self, name: &str) -> Option<Value> {
        let node = &self.0;
        Some(match name {
            "name" => Value::from(&node.name),
            "package_name" => Value::from(&node.package_name),
            "resource_type" => Value::from(node.resource_type.as_str()),
            "path" => Value::from(&node.path),
            "original_file_path" => Value::from(&node.original_file_path),
            "unique_id" => Value::from(&node.unique_id),
            "alias" => Value::from(&node.alias),
            "schema" => Value::from(&node.schema),
            "database" => Value::from(node.database.clone()),
            "fqn" => Value::list(node.fqn.iter().map(Value::from)),
            "tags" => Value::list(node.tags.iter().map(Value::from)),
            "version" => node.version.as_ref().map_or(Value::None, Value::from_json),
            "config" => Value::from_json(&serde_json::Value::Object(node.config.effective())),
            _ => Value::from_json(node_json::node_entry(node).get(name)?),
        })
    }
}

impl Object for NodeView {
    fn type_name(&self) -> &str {
        "ModelNode"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.field(name))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.field(name)))
    }

    fn is_true(&self) -> bool {
        true
    }
}
