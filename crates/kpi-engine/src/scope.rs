//! What the names of one node mean at run time: `this`, `ref`, `config`, `adapter`, results of statements...

use crate::config_object::ConfigObject;
use crate::engine::Engine;
use crate::foreign_keys::ResolvedConstraints;
use crate::microbatch::{Batch, EventTime};
use crate::results_store::ResultStore;
use indexmap::IndexSet;
use kpi_adapter::{AdapterObject, NodeConnection, Relation, RelationType};
use kpi_jinja::{
    Args, Context, Environment, Error, Interp, MacroDef, Result, Template, UndefinedMode, Value, function,
};
use kpi_manifest::context;
use kpi_manifest::{Node, NodeId, RefCall, ResourceType};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Names of this context, besides those that every context has.
const NAMES: &[&str] = &[
    "adapter",
    "adapter_macro",
    "builtins",
    "compiled_code",
    "config",
    "context_macro_stack",
    "database",
    "defer_relation",
    "execute",
    "function",
    "graph",
    "kpi_quarantine_statements",
    "kpi_set_aside",
    "load_agate_table",
    "load_result",
    "metric",
    "model",
    "post_hooks",
    "pre_hooks",
    "ref",
    "render",
    "schema",
    "selected_resources",
    "source",
    "sql",
    "sql_now",
    "store_raw_result",
    "store_result",
    "submit_python_job",
    "this",
    "try_or_compiler_error",
    "write",
];

/// The context of one node (or of an operation, without a node) while it is compiled or run.
pub(crate) struct NodeScope {
    pub engine: Arc<Engine>,
    pub node: Option<NodeId>,
    /// A node that the manifest does not have among its nodes (a unit test, its inputs), instead of `node`.
    pub own: Option<Arc<Node>>,
    /// Macros of its own; otherwise the engine's.
    pub environment: Option<Arc<Environment>>,
    pub package: Arc<str>,
    pub connection: Arc<NodeConnection>,
    /// The batch of a microbatch model.
    pub batch: Option<Arc<Batch>>,
    pub results: ResultStore,
    /// Ephemeral parents met while compiling, in order.
    pub ctes: Mutex<IndexSet<Arc<str>>>,
    /// The node's SQL once compiled.
    pub compiled: Mutex<Option<Arc<str>>>,
    /// The node's constraints with the relations that foreign keys point to, once compiled.
    pub constraints: Mutex<Option<Arc<ResolvedConstraints>>>,
    /// Names that a caller adds (`results`, `schemas` of hooks).
    pub extra: Vec<(Arc<str>, Value)>,
    /// The rows of a model whose expectations put some into quarantine, while it is built.
    pub separated: Mutex<Option<crate::quarantine::Separated>>,
    /// Values made once.
    cached: Mutex<FxHashMap<&'static str, Value>>,
}

impl NodeScope {
    /// A scope over a session.
    pub fn new(
        engine: &Arc<Engine>,
        node: Option<NodeId>,
        package: Arc<str>,
        connection: Arc<NodeConnection>,
    ) -> Self {
        Self {
            engine: engine.clone(),
            node,
            own: None,
            environment: None,
            package,
            connection,
            batch: None,
            results: ResultStore::default(),
            ctes: Mutex::new(IndexSet::new()),
            compiled: Mutex::new(None),
            constraints: Mutex::new(None),
            extra: Vec::new(),
            separated: Mutex::new(None),
            cached: Mutex::new(FxHashMap::default()),
        }
    }

    /// The node.
    pub fn node(&self) -> Option<&Node> {
        match &self.own {
            Some(node) => Some(node),
            None => self.engine.manifest.nodes.get(self.node?.0 as usize),
        }
    }

    /// An interpreter for this scope.
    pub fn interp(self: &Arc<Self>) -> Interp {
        let environment = self.environment.as_ref().unwrap_or(&self.engine.environment);
        Interp::new(environment.clone(), Arc::new(ScopeContext(self.clone())))
            .with_undefined(UndefinedMode::Strict)
    }

    fn cached(&self, name: &'static str, make: impl FnOnce() -> Value) -> Value {
        if let Some(value) = self.cached.lock().get(name) {
            return value.clone();
        }
        let value = make();
        self.cached.lock().insert(name, value.clone());
        value
    }

    fn this_arc(self: &Arc<Self>) -> Arc<Self> {
        self.clone()
    }

    fn resolver(
        self: &Arc<Self>,
        kind: &'static str,
        call: impl Fn(&mut Interp, Args) -> Result<Value> + Send + Sync + 'static,
    ) -> Value {
        let scope = self.this_arc();
        context::resolver(kind, self.engine.shared.clone(), move || scope.model_value(), call)
    }

    /// `ref(...)`
    fn resolve_ref(&self, args: Args) -> Result<Value> {
        let call = context::parse_ref_args(args)?;
        let manifest = &self.engine.manifest;
        let target = manifest.resolve_ref(&call, &self.package, self.node())?;
        let operation = self
            .node()
            .is_none_or(|n| matches!(n.resource_type, ResourceType::Operation | ResourceType::SqlOperation));
        if let Some(node) = self.node()
            && !operation
            && !node.depends_on_nodes.contains(&target.unique_id)
        {
            return Err(not_inferred(node, &call));
        }
        let stands_in = self.node.is_some() && self.engine.is_read_through(target, &self.connection)?;
        if target.is_ephemeral() || stands_in {
            if self.node.is_none() {
                return Err(Error::compilation(format!(
                    "Operations can not ref() ephemeral nodes, but {} is ephemeral",
                    target.name
                )));
            }
            self.ctes.lock().insert(target.unique_id.clone());
            let relation = Relation::ephemeral(&target.alias);
            return Ok(self.limited(relation, &EventTime::of_node(target)).into_value());
        }
        Ok(self.limited(self.referred(target)?, &EventTime::of_node(target)).into_value())
    }

    /// `source(...)`
    fn resolve_source(&self, args: Args) -> Result<Value> {
        let [source, table] = context::parse_source_args(args)?;
        let target = self.engine.manifest.resolve_source(&source, &table, &self.package, self.node())?;
        Ok(self.limited(target.relation(), &EventTime::of_source(target)).into_value())
    }

    /// `function(...)`: the name under which the function is called.
    fn resolve_function(&self, args: Args) -> Result<Value> {
        let names = context::one_or_two_names(args, "function")?;
        let target = self.engine.manifest.resolve_function(&names, &self.package, self.node())?;
        Ok(self.referred(target)?.with_kind(RelationType::Function).into_value())
    }

    /// With `--empty`, inputs are limited to zero rows; in batches and samples to a stretch of event time.
    fn limited(&self, relation: Relation, event_time: &EventTime<'_>) -> Relation {
        let relation = if self.engine.options.empty { relation.with_limit(0) } else { relation };
        match self.event_time_filter(event_time) {
            Some(filter) => relation.with_event_time(filter),
            None => relation,
        }
    }

    /// `model`
    pub fn model_value(&self) -> Value {
        let Some(node) = self.node() else { return Value::None };
        let mut map = kpi_manifest::node_json::node_json(node);
        if let Some(code) = self.compiled.lock().as_ref() {
            map.insert("compiled".into(), true.into());
            map.insert("compiled_code".into(), (&**code).into());
            map.insert("compiled_sql".into(), (&**code).into());
            map.insert("extra_ctes_injected".into(), true.into());
            map.insert("extra_ctes".into(), serde_json::Value::Array(Vec::new()));
            self.compiled_place(&mut map);
        }
        if let Some(constraints) = self.constraints.lock().as_ref() {
            constraints.write_into(&mut map);
        }
        if let Some(deferred) = &node.deferred {
            map.insert("defer_relation".into(), deferred.entry());
        }
        let model = Value::from_json(&serde_json::Value::Object(map));
        if let Some(batch) = &self.batch {
            batch.describe(&model);
        }
        model
    }

    /// Where the compiled SQL lies, and which ephemeral parents it has in front.
    fn compiled_place(&self, map: &mut serde_json::Map<String, serde_json::Value>) {
        let compiled = self.engine.compiled.lock();
        let Some(done) = self.node.and_then(|id| compiled.get(&id)) else { return };
        if let Some(path) = &done.path {
            map.insert("compiled_path".into(), (&**path).into());
        }
        let ctes = done.ctes.iter().map(|(id, sql)| serde_json::json!({"id": &**id, "sql": &**sql}));
        map.insert("extra_ctes".into(), ctes.collect());
    }

    /// `config`
    pub fn config_value(&self) -> Value {
        let manifest = self.engine.manifest.clone();
        Value::object(ConfigObject { manifest, node: self.node, own: self.own.clone() })
    }

    fn hooks(&self, key: &str) -> Value {
        let Some(node) = self.node() else { return Value::None };
        if node.resource_type == ResourceType::Test || self.leaves_hooks(key) {
            return Value::list([]);
        }
        match node.config.get(key) {
            Some(hooks) => Value::from_json(&hooks),
            None => Value::list([]),
        }
    }

    fn write(&self, payload: &str) -> Result<Value> {
        if let Some(node) = self.node() {
            let path = self.engine.artifact_path("run", node);
            if let Some(batch) = &self.batch {
                let path = batch.path(&path);
                self.engine.write_text(&path, payload)?;
                *batch.written.lock() = Some(path.into());
                return Ok(Value::empty());
            }
            self.engine.write_text(&path, payload)?;
            if let Some(id) = self.node {
                self.engine.note_build_path(id, &path);
            }
        }
        Ok(Value::empty())
    }

    fn load_agate_table(&self) -> Result<Value> {
        match self.node() {
            Some(node) if node.resource_type == ResourceType::Seed => self.engine.seed_table(node),
            node => Err(Error::compilation(format!(
                "can only load_agate_table for seeds (got a {})",
                node.map_or("macro", |n| n.resource_type.as_str())
            ))),
        }
    }

    fn own_value(self: &Arc<Self>, name: &'static str) -> Option<Value> {
        let scope = self.this_arc();
        Some(match name {
            "execute" => Value::Bool(true),
            "ref" => self
                .cached(name, || self.resolver("RuntimeRefResolver", move |_, args| scope.resolve_ref(args))),
            "source" => self.cached(name, || {
                self.resolver("RuntimeSourceResolver", move |_, args| scope.resolve_source(args))
            }),
            "function" => self.cached(name, || {
                self.resolver("RuntimeFunctionResolver", move |_, args| scope.resolve_function(args))
            }),
            "metric" => self.cached(name, || {
                function("metric", |_, args| {
                    let name = args.positional.last().cloned().unwrap_or(Value::None);
                    Ok(name)
                })
            }),
            "config" => self.cached(name, || scope.config_value()),
            "this" => self.cached(name, || match scope.node() {
                Some(node) if node.resource_type != ResourceType::Operation => node.relation().into_value(),
                _ => Value::None,
            }),
            "model" => self.model_value(),
            "graph" => self.engine.graph_value(),
            "adapter" => self.cached(name, || {
                AdapterObject::running(
                    scope.engine.facts.clone(),
                    scope.connection.clone(),
                    scope.engine.cache.clone(),
                )
                .with_events(scope.engine.sink.clone())
                .into_value()
            }),
            "database" => {
                match self.node().and_then(|n| n.database.clone()).or(self.engine.adapter.default_database())
                {
                    Some(database) => Value::from(database),
                    None => Value::None,
                }
            }
            "schema" => match self.node() {
                Some(node) => Value::from(node.schema.clone()),
                None => Value::from(self.engine.adapter.default_schema()),
            },
            "sql" | "compiled_code" => match self.compiled.lock().as_ref() {
                Some(code) => Value::from(code.clone()),
                None => Value::None,
            },
            "pre_hooks" => self.hooks("pre-hook"),
            "post_hooks" => self.hooks("post-hook"),
            "store_result" => {
                self.cached(name, || function("store_result", move |_, args| scope.results.store(args)))
            }
            "store_raw_result" => self
                .cached(name, || function("store_raw_result", move |_, args| scope.results.store_raw(args))),
            "load_result" => {
                self.cached(name, || function("load_result", move |_, args| scope.results.load(args)))
            }
            "kpi_set_aside" => self.cached(name, || {
                function("kpi_set_aside", move |_, args| {
                    let [code] = args.bind("kpi_set_aside", ["code"])?;
                    let Some(code) = code else { return Ok(Value::None) };
                    match code.as_str() {
                        Some(text) => scope.set_aside(text),
                        None => scope.set_aside(&code.to_string()),
                    }
                })
            }),
            "kpi_quarantine_statements" => self.cached(name, || {
                function("kpi_quarantine_statements", move |_, args| {
                    let [adds] = args.bind("kpi_quarantine_statements", ["adds"])?;
                    scope.quarantine_statements(adds.is_some_and(|adds| adds.is_true()))
                })
            }),
            "write" => self.cached(name, || {
                function("write", move |_, args| {
                    let [payload] = args.bind("write", ["payload"])?;
                    scope.write(&payload.map(|p| p.to_string()).unwrap_or_default())
                })
            }),
            "render" => self.cached(name, || {
                function("render", move |interp, args| {
                    let [text] = args.bind("render", ["string"])?;
                    let text = text.map(|t| t.to_string()).unwrap_or_default();
                    let label =
                        scope.node().map_or("<hook>".to_owned(), |n| n.original_file_path.to_string());
                    let file = kpi_diagnostics::SourceFile::new(label, text.clone());
                    let template = Template::parse(&file, &text, 1)?;
                    interp.render(&template).map(Value::from)
                })
            }),
            "load_agate_table" => {
                self.cached(name, || function("load_agate_table", move |_, _| scope.load_agate_table()))
            }
            "try_or_compiler_error" => self.cached(name, || {
                function("try_or_compiler_error", |interp, mut args| {
                    if args.positional.len() < 2 {
                        return Err(Error::type_error(
                            "try_or_compiler_error() needs a message and a function",
                        ));
                    }
                    let rest = args.positional.split_off(2);
                    let call = Args { positional: rest, keyword: args.keyword };
                    let message = args.positional[0].to_string();
                    let callable = args.positional[1].clone();
                    interp.call(&callable, call).map_err(|_| Error::compilation(message))
                })
            }),
            "selected_resources" => self.engine.selected_value(),
            "submit_python_job" => self.cached(name, || {
                function("submit_python_job", move |_, args| crate::python::submit(&scope, args))
            }),
            "sql_now" => Value::from("now()"),
            "defer_relation" => match self.node().and_then(|node| node.deferred.as_ref()) {
                Some(deferred) => deferred.relation().into_value(),
                None => Value::None,
            },
            "adapter_macro" => self.cached(name, || {
                function("adapter_macro", |_, _| {
                    Err(Error::compilation(
                        "The \"adapter_macro\" macro has been deprecated. Use adapter.dispatch instead",
                    ))
                })
            }),
            "builtins" => Value::dict([
                ("ref", self.own_value("ref")?),
                ("source", self.own_value("source")?),
                ("config", self.own_value("config")?),
            ]),
            "context_macro_stack" => Value::None,
            _ => return None,
        })
    }
}

fn not_inferred(node: &Node, call: &RefCall) -> Error {
    let mut arguments = String::new();
    if let Some(package) = &call.package {
        arguments.push_str(&format!("'{package}', "));
    }
    arguments.push_str(&format!("'{}'", call.name));
    if let Some(version) = &call.version {
        arguments.push_str(&format!(", v={version}"));
    }
    Error::compilation(format!(
        "kpi was unable to infer all dependencies for the model \"{}\".\nThis typically happens when ref() is placed \
         within a conditional block.\n\nTo fix this, add the following hint to the top of the model \"{}\":\n\n\
         -- depends_on: {{{{ ref({arguments}) }}}}",
        node.name, node.name
    ))
}

/// The scope as a context: shared by all names that hold on to it.
pub(crate) struct ScopeContext(pub Arc<NodeScope>);

impl Drop for ScopeContext {
    /// The values made once hold on to the scope and so to the engine: without this neither would ever be freed.
    fn drop(&mut self) {
        let values = std::mem::take(&mut *self.0.cached.lock());
        drop(values);
    }
}

impl Context for ScopeContext {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.0.extra.iter().find(|(n, _)| **n == *name) {
            return Some(value.clone());
        }
        if let Some(own) = NAMES.iter().find(|n| **n == name) {
            return self.0.own_value(own);
        }
        context::lookup(&self.0.engine.shared, &self.0.package, self.0.node(), name)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = NAMES.iter().map(|n| Arc::from(*n)).collect();
        names.extend(self.0.extra.iter().map(|(n, _)| n.clone()));
        names.extend(context::names());
        names
    }

    fn package(&self) -> &str {
        &self.0.package
    }

    fn override_macro(&self, definition: &MacroDef) -> Option<Value> {
        self.0.batch_macro(definition)
    }
}
