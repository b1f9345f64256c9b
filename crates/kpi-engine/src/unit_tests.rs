//! Unit tests: the model's template over given rows, its answer beside the expected rows.
//!
//! Every input becomes a common table expression in front of the model's SQL; `ref`, `source` and `this` of the template
//! give its name. The materialization `unit` runs the result, and what differs is told row by row.

mod difference;
mod overrides;

use crate::compile::Compiled;
use crate::ctes;
use crate::engine::Engine;
use crate::node_run::Outcome;
use crate::scope::NodeScope;
use chrono::Utc;
use indexmap::IndexMap;
use indexmap::IndexSet;
use kpi_adapter::{AgateTable, NodeConnection, Relation, ResponseObject, Table};
use kpi_artifacts::NodeStatus;
use kpi_diagnostics::Diagnostic;
use kpi_jinja::{Args, Error, ErrorKind, Result, Template, Value, function};
use kpi_manifest::context::{parse_ref_args, parse_source_args};
use kpi_manifest::{Config, Manifest, Node, NodeId, ResourceType, UnitTestInput, version_text};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// A unit test as a job of a run.
pub(crate) struct UnitTest {
    /// The tested model.
    pub tested: NodeId,
    /// What stands for the test in messages, contexts and files.
    pub node: Arc<Node>,
    given: Vec<Json>,
    overrides: Map<String, Json>,
}

/// An input: the node that stands for it, what it is called in the SQL, and what it replaces.
struct Input {
    node: Arc<Node>,
    cte: String,
    original: Relation,
    deferred: Option<Relation>,
    rows: Json,
}

type Inputs = IndexMap<Arc<str>, Input>;

/// The unique ids of inputs in the order in which the template asked for them.
type Asked = Arc<Mutex<IndexSet<Arc<str>>>>;

/// An error, and the node that it is about.
type Failure = (Arc<Node>, Error);

fn text<'j>(json: &'j Json, key: &str) -> &'j str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

impl UnitTest {
    /// The unit test of an id.
    pub fn of(manifest: &Manifest, id: &str) -> Option<Self> {
        let (unique_id, entry) = manifest.other.get("unit_tests")?.get_key_value(id)?;
        let tested_id: &str = entry.pointer("/depends_on/nodes/0")?.as_str()?;
        let tested = *manifest.node_ids.get(tested_id)?;
        let model = manifest.node_at(tested)?;
        let mut name = text(entry, "name").to_owned();
        if let Some(version) = entry.get("version").filter(|v| !v.is_null()) {
            name = format!("{name}_v{}", version_text(version));
        }
        let file = text(entry, "original_file_path");
        let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let expect = entry.get("expect").cloned().unwrap_or(Json::Null);
        let rows = expect.get("rows").cloned().unwrap_or_else(|| json!([]));
        let (rows, sql) = match text(&expect, "format") {
            "sql" => (json!([]), rows),
            _ => (rows, Json::Null),
        };
        let mut node =
            Node::new(ResourceType::UnitTest, text(entry, "package_name").into(), name.as_str().into());
        node.unique_id = unique_id.clone();
        node.path = format!("{folder}{name}.sql").into();
        node.original_file_path = file.into();
        node.fqn = unique_id.split('.').map(Arc::from).collect();
        node.schema = model.schema.clone();
        node.database = model.database.clone();
        node.quote = model.quote;
        node.raw_code = model.raw_code.clone();
        let config = json!({"materialized": "unit", "expected_rows": rows, "expected_sql": sql});
        // A unit test that runs has the config of any node.
        node.config = Config::with(ResourceType::Analysis, object(config));
        let tags = entry.pointer("/config/tags").and_then(Json::as_array);
        node.tags = tags.into_iter().flatten().filter_map(Json::as_str).map(Arc::from).collect();
        node.meta = entry.pointer("/config/meta").and_then(Json::as_object).cloned().unwrap_or_default();
        let overrides = entry.get("overrides").and_then(Json::as_object).cloned().unwrap_or_default();
        node.extra.insert("model".into(), text(entry, "model").into());
        node.extra.insert("tested_node_unique_id".into(), tested_id.into());
        node.extra.insert("overrides".into(), Json::Object(overrides.clone()));
        let given = entry.get("given").and_then(Json::as_array).cloned().unwrap_or_default();
        Some(Self { tested, node: Arc::new(node), given, overrides })
    }
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

impl Engine {
    /// Runs a unit test. Never fails: an error is an outcome.
    pub(crate) fn run_unit_test(
        self: &Arc<Self>,
        test: &UnitTest,
        connection: &Arc<NodeConnection>,
        on_execute: impl FnOnce(),
    ) -> Outcome {
        match self.query_comment_of(None, Some(&test.node), connection) {
            Ok(comment) => connection.assign(test.node.unique_id.clone(), comment),
            Err(error) => return self.unit_test_error(error, None),
        }
        let started = Utc::now();
        let compile_time = Some((started, Utc::now()));
        on_execute();
        let mut outcome = match self.compile_unit_test(test, connection) {
            Err((node, error)) => self.unit_test_error(self.diagnostic(&node, &error), None),
            Ok(compiled) => match self.judge_unit_test(test, connection, &compiled) {
                Ok(outcome) => outcome,
                Err(error) => {
                    let inner = self.diagnostic(&test.node, &error).render();
                    let message = format!(
                        "An error occurred during execution of unit test '{}'. There may be an error in the unit test \
                         definition: check the data types.\n {}",
                        test.node.name,
                        inner.replace('\n', "\n ")
                    );
                    let error =
                        Diagnostic::error("K0910", "Runtime Error", message).with_node(test.node.heading());
                    self.unit_test_error(error, Some(&compiled))
                }
            },
        };
        outcome.compile_time = compile_time;
        outcome.execute_time = Some((started, Utc::now()));
        if let Err(error) = connection.rollback()
            && outcome.status != NodeStatus::Error
        {
            outcome = Outcome { status: NodeStatus::Error, message: Some(error.message), ..outcome };
        }
        outcome
    }

    fn unit_test_error(&self, error: Diagnostic, compiled: Option<&Compiled>) -> Outcome {
        let mut outcome = Outcome::of(NodeStatus::Error);
        let mut message = error.render();
        if let Some(path) = compiled.and_then(|compiled| compiled.path.as_deref()) {
            message.push_str(&format!("\n  compiled code at {path}"));
        }
        outcome.message = Some(message);
        outcome.error = Some(error);
        outcome
    }

    /// The model's SQL over the given rows; written to `target/compiled`.
    fn compile_unit_test(
        self: &Arc<Self>,
        test: &UnitTest,
        connection: &Arc<NodeConnection>,
    ) -> std::result::Result<Arc<Compiled>, Failure> {
        let of_test = |error: Error| (test.node.clone(), error);
        let Some(model) = self.manifest.node_at(test.tested) else {
            return Err(of_test(Error::compilation("the tested model is not in the project")));
        };
        if model.language != "sql" {
            let message = format!(
                "model '{}' is written in {}, and only SQL can be unit tested",
                model.name, model.language
            );
            return Err(of_test(Error::compilation(message)));
        }
        let inputs = Arc::new(self.inputs(test, model).map_err(of_test)?);
        let asked = Asked::default();
        let own = {
            let scope = Arc::new(self.unit_test_scope(test, model, &inputs, &asked, connection));
            let mut interp = scope.interp();
            match model.template.and_then(|t| self.manifest.templates.get(t as usize)) {
                Some(template) => interp.render(template),
                None => render_text(&mut interp, model, &model.raw_code),
            }
            .map_err(of_test)?
        };
        let mut in_front = Vec::new();
        let asked: Vec<Arc<str>> = asked.lock().iter().cloned().collect();
        for input in asked.iter().filter_map(|id| inputs.get(id)) {
            let sql = self.fixture_sql(input, connection).map_err(|error| (input.node.clone(), error))?;
            in_front.push((input.node.unique_id.clone(), Arc::from(ctes::cte_sql(&input.cte, &sql))));
        }
        let code: Arc<str> = ctes::inject(&own, &in_front).into();
        let path = self.artifact_path("compiled", &test.node);
        self.write_text(&path, &code).map_err(of_test)?;
        Ok(Arc::new(Compiled {
            code,
            own: own.into(),
            ctes: in_front,
            path: Some(path.into()),
            constraints: None,
        }))
    }

    /// What each input stands for, by the unique id of that. Of two for the same, the later counts.
    fn inputs(&self, test: &UnitTest, model: &Node) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        for given in &test.given {
            let expression = text(given, "input");
            let found = self.manifest.unit_test_input(expression, &test.node, model)?;
            let (id, name, package, cte, original, deferred) = match found {
                UnitTestInput::Node(node) => {
                    let relation = Relation::new(
                        node.database.clone(),
                        Some(node.schema.clone()),
                        Some(node.alias.clone()),
                    );
                    let original = relation.with_quote(node.quote);
                    let deferred = node.deferred.as_ref().map(|deferred| deferred.relation());
                    (
                        &node.unique_id,
                        &node.name,
                        &node.package_name,
                        node.alias.to_string(),
                        original,
                        deferred,
                    )
                }
                UnitTestInput::Source(source) => {
                    let relation = Relation::new(
                        source.database.clone(),
                        Some(source.schema.clone()),
                        Some(source.identifier.clone()),
                    );
                    let cte = format!("{}__{}", source.source_name, source.name);
                    (
                        &source.unique_id,
                        &source.name,
                        &source.package_name,
                        cte,
                        relation.with_quote(source.quote),
                        None,
                    )
                }
            };
            let mut node = Node::new(ResourceType::Model, package.clone(), name.clone());
            node.path = format!("{name}.sql").into();
            node.original_file_path = test.node.original_file_path.clone();
            let rows = given.get("rows").cloned().unwrap_or(Json::Null);
            inputs.insert(id.clone(), Input { node: Arc::new(node), cte, original, deferred, rows });
        }
        Ok(inputs)
    }

    /// The model's context, in which inputs take the place of what it refers to.
    fn unit_test_scope(
        self: &Arc<Self>,
        test: &UnitTest,
        model: &Node,
        inputs: &Arc<Inputs>,
        asked: &Asked,
        connection: &Arc<NodeConnection>,
    ) -> NodeScope {
        let mut scope = NodeScope::new(self, None, test.node.package_name.clone(), connection.clone());
        scope.own = Some(test.node.clone());
        let this = match inputs.get(&model.unique_id) {
            Some(input) => {
                asked.lock().insert(model.unique_id.clone());
                Value::from(ctes::cte_name(&input.cte))
            }
            None => Value::None,
        };
        let reference = {
            let (engine, inputs, asked, node) =
                (self.clone(), inputs.clone(), asked.clone(), test.node.clone());
            function("ref", move |_, args| {
                let call = parse_ref_args(args)?;
                let target = engine.manifest.resolve_ref(&call, &node.package_name, Some(&node))?;
                match inputs.get(&target.unique_id) {
                    Some(input) => Ok(stand_in(&target.unique_id, input, &asked)),
                    None => Err(kpi_manifest::not_found(&node, "node", &call).with_hint(format!(
                        "give the test an input for it: `- input: ref('{}')`",
                        call.name
                    ))),
                }
            })
        };
        let source = {
            let (engine, inputs, asked, node) =
                (self.clone(), inputs.clone(), asked.clone(), test.node.clone());
            function("source", move |_, args| {
                let [source, table] = parse_source_args(args)?;
                let target =
                    engine.manifest.resolve_source(&source, &table, &node.package_name, Some(&node))?;
                match inputs.get(&target.unique_id) {
                    Some(input) => Ok(stand_in(&target.unique_id, input, &asked)),
                    None => {
                        let call = kpi_manifest::RefCall {
                            package: None,
                            name: format!("{source}.{table}").into(),
                            version: None,
                        };
                        Err(kpi_manifest::not_found(&node, "source", &call).with_hint(format!(
                            "give the test an input for it: `- input: source('{source}', '{table}')`"
                        )))
                    }
                }
            })
        };
        let builtins = Value::dict([
            ("ref", reference.clone()),
            ("source", source.clone()),
            ("config", scope.config_value()),
        ]);
        scope.extra = vec![
            ("ref".into(), reference),
            ("source".into(), source),
            ("this".into(), this),
            ("builtins".into(), builtins),
        ];
        overrides::apply(&mut scope, &test.overrides);
        scope
    }

    /// The SQL of an input: as given, or its rows written out with the types of what it stands for.
    fn fixture_sql(self: &Arc<Self>, input: &Input, connection: &Arc<NodeConnection>) -> Result<String> {
        let mut scope = NodeScope::new(self, None, input.node.package_name.clone(), connection.clone());
        scope.own = Some(input.node.clone());
        let deferred = input.deferred.clone().map_or(Value::None, Relation::into_value);
        scope.extra =
            vec![("this".into(), input.original.clone().into_value()), ("defer_relation".into(), deferred)];
        let scope = Arc::new(scope);
        let mut interp = scope.interp();
        match &input.rows {
            Json::String(sql) => render_text(&mut interp, &input.node, sql),
            rows => {
                let args = Args::of([Value::from_json(rows), Value::None]);
                Ok(interp.call_named("get_fixture_sql", args)?.to_string())
            }
        }
    }

    /// Runs the compiled test and compares.
    fn judge_unit_test(
        self: &Arc<Self>,
        test: &UnitTest,
        connection: &Arc<NodeConnection>,
        compiled: &Arc<Compiled>,
    ) -> Result<Outcome> {
        let mut scope = NodeScope::new(self, None, test.node.package_name.clone(), connection.clone());
        scope.own = Some(test.node.clone());
        let scope = Arc::new(scope);
        *scope.compiled.lock() = Some(compiled.code.clone());
        self.materialize(&test.node, &scope)?;
        let Some(main) = scope.results.main() else {
            return Err(Error::new(ErrorKind::Runtime, "the unit test did not run a statement 'main'"));
        };
        let table = match AgateTable::from_value(&main.table) {
            Some(table) => table.to_table()?,
            None => Table::default(),
        };
        let mut outcome = Outcome::of(NodeStatus::Pass);
        outcome.failures = Some(0);
        if let Some(difference) = difference::of(&table) {
            outcome.status = NodeStatus::Fail;
            outcome.failures = Some(1);
            let path = compiled.path.as_deref().unwrap_or_default();
            outcome.message =
                Some(format!("\n\nactual differs from expected:\n\n{difference}\n  compiled code at {path}"));
        }
        if let Some(response) = main.response.downcast_ref::<ResponseObject>().map(|r| &r.0) {
            outcome.response = response.to_json();
        }
        outcome.compiled = Some(compiled.clone());
        Ok(outcome)
    }
}

/// The name of an input's expression; notes that it was asked for.
fn stand_in(id: &Arc<str>, input: &Input, asked: &Asked) -> Value {
    asked.lock().insert(id.clone());
    Relation::ephemeral(&input.cte).into_value()
}

fn render_text(interp: &mut kpi_jinja::Interp, node: &Node, text: &str) -> Result<String> {
    let file = kpi_diagnostics::SourceFile::new(node.original_file_path.clone(), text.to_owned());
    interp.render(&Template::parse(&file, text, 1)?)
}
