//! What names mean while a node is parsed: calls of `ref`, `source` and `config` are written down, nothing is executed.

use super::{NameContext, Shared, arguments, functions, vars};
use crate::config_merge::merge_calls;
use crate::{Node, RefCall, ResourceType, node_json};
use kpi_adapter::{AdapterObject, Relation};
use kpi_jinja::{Args, Context, Error, Interp, Object, Result, Value, function};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What rendering a node found.
#[derive(Debug, Default, Clone)]
pub(crate) struct Captured {
    pub refs: Vec<RefCall>,
    pub sources: Vec<[Arc<str>; 2]>,
    pub metrics: Vec<Vec<Arc<str>>>,
    pub functions: Vec<Vec<Arc<str>>>,
    /// Merged calls of `config()`.
    pub config: Map<String, Json>,
    /// The first call of `config()` as written, where states are compared by that.
    pub written: Option<Map<String, Json>>,
    /// Macros that the node itself called.
    pub macros: Vec<Arc<str>>,
}

/// What every node's context shares while a project is parsed.
pub(crate) struct ParseShared {
    pub shared: Arc<Shared>,
    pub adapter: Value,
}

impl ParseShared {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let adapter =
            AdapterObject::parsing(shared.facts.clone()).with_events(shared.sink.clone()).into_value();
        Arc::new(Self { shared, adapter })
    }
}

/// The context of a node that is parsed.
pub(crate) struct ParseScope {
    pub parsing: Arc<ParseShared>,
    pub node: Arc<Node>,
    pub captured: Mutex<Captured>,
    /// `_dbt_generic_test_kwargs`
    pub test_kwargs: Mutex<Option<Value>>,
    results: Mutex<FxHashMap<String, Value>>,
}

/// Names of this context on top of those of [`super::lookup`].
const NAMES: &[&str] = &[
    "adapter",
    "builtins",
    "compiled_code",
    "config",
    "context_macro_stack",
    "database",
    "defer_relation",
    "execute",
    "function",
    "graph",
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
    "store_raw_result",
    "store_result",
    "submit_python_job",
    "this",
    "var",
    "write",
];

impl ParseScope {
    pub(crate) fn new(parsing: &Arc<ParseShared>, node: Arc<Node>) -> Arc<Self> {
        Arc::new(Self {
            parsing: parsing.clone(),
            node,
            captured: Mutex::default(),
            test_kwargs: Mutex::default(),
            results: Mutex::default(),
        })
    }

    /// The relation of the node itself: what `this` is, and what `ref()` gives while parsing.
    fn relation(&self) -> Relation {
        let node = &self.node;
        Relation::new(node.database.clone(), Some(node.schema.clone()), Some(node.alias.clone()))
            .with_quote(self.parsing.shared.facts.quoting)
    }

    fn resolver(
        self: &Arc<Self>,
        kind: &'static str,
        call: impl Fn(&mut Interp, Args) -> Result<Value> + Send + Sync + 'static,
    ) -> Value {
        let node = self.node.clone();
        let model = move || Value::from_json(&Json::Object(node_json::node_json(&node)));
        super::resolver(kind, self.parsing.shared.clone(), model, call)
    }

    fn own_value(self: &Arc<Self>, name: &str) -> Option<Value> {
        let scope = self.clone();
        Some(match name {
            "ref" => self.resolver("ParseRefResolver", move |_, args| {
                let call = arguments::parse_ref_args(args)?;
                scope.captured.lock().refs.push(call);
                Ok(scope.relation().into_value())
            }),
            "source" => self.resolver("ParseSourceResolver", move |_, args| {
                let pair = arguments::parse_source_args(args)?;
                scope.captured.lock().sources.push(pair);
                Ok(scope.relation().into_value())
            }),
            "metric" => function("metric", move |_, args| {
                let names = arguments::one_or_two_names(args, "metric")?;
                let name = names.last().cloned().unwrap_or_default();
                scope.captured.lock().metrics.push(names);
                Ok(Value::from(name))
            }),
            "function" => function("function", move |_, args| {
                let names = arguments::one_or_two_names(args, "function")?;
                scope.captured.lock().functions.push(names);
                Ok(scope.relation().into_value())
            }),
            "config" => Value::object(ConfigCall(scope)),
            "var" => {
                let node = &self.node;
                vars::value(
                    &self.parsing.shared,
                    &node.package_name,
                    Some(node.name.clone()),
                    vars::Missing::None,
                )
            }
            "this" => match self.node.resource_type {
                ResourceType::Operation => Value::None,
                _ => self.relation().into_value(),
            },
            "model" => Value::from_json(&Json::Object(node_json::node_json(&self.node))),
            "graph" => Value::dict::<Arc<str>>([]),
            "adapter" => self.parsing.adapter.clone(),
            "execute" => Value::Bool(false),
            "schema" => Value::from(self.node.schema.clone()),
            "database" => Value::from(self.node.database.clone()),
            "pre_hooks" | "post_hooks" | "selected_resources" => Value::list([]),
            "sql" | "compiled_code" | "defer_relation" | "context_macro_stack" => Value::None,
            "builtins" => {
                let names = ["ref", "source", "metric", "config", "var", "execute", "adapter", "this"];
                let own = names.into_iter().filter_map(|n| Some((Arc::from(n), self.own_value(n)?)));
                let shared = super::names().into_iter().filter_map(|n| {
                    let value = super::lookup(&self.parsing.shared, &self.node.package_name, None, &n)?;
                    (&*n != "var").then_some((n, value))
                });
                Value::dict(own.chain(shared).collect::<Vec<(Arc<str>, Value)>>())
            }
            "load_result" => function("load_result", move |_, args| {
                let [name] = args.bind("load_result", ["name"])?;
                let name = name.map(|n| n.to_string()).unwrap_or_default();
                Ok(scope.results.lock().get(&name).cloned().unwrap_or(Value::None))
            }),
            "store_result" | "store_raw_result" => function("store_result", move |_, args| {
                let name = args.positional.first().map(ToString::to_string).unwrap_or_default();
                let keyword =
                    |key: &str| args.keyword.iter().find(|(k, _)| &**k == key).map(|(_, v)| v.clone());
                let response = keyword("response").or_else(|| args.positional.get(1).cloned());
                let table = keyword("agate_table").or_else(|| args.positional.get(2).cloned());
                let result = Value::dict([
                    ("response", response.unwrap_or(Value::None)),
                    ("data", Value::list([])),
                    ("table", table.unwrap_or(Value::None)),
                ]);
                scope.results.lock().insert(name, result);
                Ok(Value::empty())
            }),
            "render" => function("render", move |interp, args| {
                let [text] = args.bind("render", ["string"])?;
                let text = text.map(|t| t.to_string()).unwrap_or_default();
                functions::render_text(interp, &scope.node.original_file_path, &text)
            }),
            "write" => function("write", |_, _| Ok(Value::empty())),
            "load_agate_table" => function("load_agate_table", move |_, _| {
                Err(Error::compilation(format!(
                    "can only load_agate_table for seeds (got a {})",
                    scope.node.resource_type.as_str()
                )))
            }),
            "submit_python_job" => function("submit_python_job", |_, _| {
                Err(Error::compilation("submit_python_job is not intended to be called here"))
            }),
            "_dbt_generic_test_kwargs" => return self.test_kwargs.lock().clone(),
            _ => return None,
        })
    }
}

/// A scope as the context of an interpreter.
pub(crate) struct ParseContext(pub Arc<ParseScope>);

impl Context for ParseContext {
    fn lookup(&self, name: &str) -> Option<Value> {
        self.0.own_value(name).or_else(|| {
            super::lookup(&self.0.parsing.shared, &self.0.node.package_name, Some(&self.0.node), name)
        })
    }

    fn names(&self) -> Vec<Arc<str>> {
        NAMES.iter().map(|name| Arc::from(*name)).chain(super::names()).collect()
    }

    fn package(&self) -> &str {
        &self.0.node.package_name
    }
}

/// `config` while parsing: calls are collected, lookups give nothing.
struct ConfigCall(Arc<ParseScope>);

impl ConfigCall {
    fn collect(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        let given: Vec<(String, Value)> = match (args.positional.as_slice(), args.keyword.is_empty()) {
            ([Value::Dict(dict)], true) => {
                dict.snapshot().into_iter().map(|(key, value)| (key.value().to_string(), value)).collect()
            }
            ([other], true) => {
                let items = other.to_vec(interp)?;
                if !items.is_empty() {
                    return Err(Error::value_error(
                        "dictionary update sequence element #0 has length 1; 2 is required",
                    ));
                }
                Vec::new()
            }
            ([], false) => args.keyword.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
            _ => return Err(Error::compilation("Invalid inline model config")),
        };
        let mut map = Map::new();
        for (key, value) in given {
            // What JSON cannot hold (a relation, a date) is kept as its text.
            let value = value.to_json().unwrap_or_else(|_| match value.is_undefined() {
                true => Json::Null,
                false => Json::from(value.to_string()),
            });
            let key = match key.as_str() {
                "pre_hook" | "post_hook" => {
                    let dashed = key.replace('_', "-");
                    if map.contains_key(&dashed) {
                        return Err(Error::compilation(format!(
                            "Invalid config, has conflicting keys \"{key}\" and \"{dashed}\""
                        )));
                    }
                    dashed
                }
                "pre-hook" | "post-hook" if map.contains_key(&key) => {
                    let underscored = key.replace('-', "_");
                    return Err(Error::compilation(format!(
                        "Invalid config, has conflicting keys \"{underscored}\" and \"{key}\""
                    )));
                }
                _ => key,
            };
            map.insert(key, value);
        }
        merge_calls(&mut self.0.captured.lock().config, map)?;
        Ok(Value::empty())
    }
}

impl Object for ConfigCall {
    fn type_name(&self) -> &str {
        "ParseConfigObject"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        self.collect(interp, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "get" => {
                args.bind("get", ["name", "default?", "validator?"])?;
                Value::empty()
            }
            "require" | "meta_get" | "meta_require" => Value::empty(),
            "persist_relation_docs" | "persist_column_docs" => Value::Bool(false),
            "set" => {
                let [name, value] = args.bind("set", ["name", "value"])?;
                let name = name.map(|n| n.to_string()).unwrap_or_default();
                let call = Args {
                    positional: Vec::new(),
                    keyword: vec![(name.into(), value.unwrap_or(Value::None))],
                };
                self.collect(interp, call)?
            }
            _ => return Ok(None),
        }))
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        const METHODS: [&str; 7] = [
            "get",
            "require",
            "meta_get",
            "meta_require",
            "persist_relation_docs",
            "persist_column_docs",
            "set",
        ];
        let Some(method) = METHODS.iter().find(|m| **m == name) else { return Ok(None) };
        Ok(Some(function(method, move |interp, args| {
            Ok(self.clone().call_method(interp, method, args)?.unwrap_or(Value::None))
        })))
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// The context of the macros that generate names: nothing of the node but what they are given.
pub(crate) fn name_macro_context(parsing: &ParseShared, package: &Arc<str>) -> Arc<NameContext> {
    let nothing = || function("ref", |_, _| Ok(Value::None));
    Arc::new(NameContext {
        shared: parsing.shared.clone(),
        package: package.clone(),
        own: vec![
            ("adapter", parsing.adapter.clone()),
            ("execute", Value::Bool(false)),
            ("graph", Value::dict::<Arc<str>>([])),
            ("ref", nothing()),
            ("source", nothing()),
        ],
    })
}
