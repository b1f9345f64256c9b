//! One node: compile, then build it by its materialization or judge its test.

use crate::compile::Compiled;
use crate::engine::{Engine, Task};
use crate::materialization;
use crate::results_store::Stored;
use crate::scope::NodeScope;
use chrono::{DateTime, Utc};
use kpi_adapter::{AgateTable, NodeConnection, Relation, ResponseObject, Table};
use kpi_artifacts::{BatchResults, NodeStatus};
use kpi_diagnostics::{Event, Level};
use kpi_jinja::{Args, Error, Result, Value};
use kpi_manifest::{Node, NodeId, ResourceType};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What came of a node, before it becomes a line and a result.
pub(crate) struct Outcome {
    pub status: NodeStatus,
    pub message: Option<String>,
    pub failures: Option<i64>,
    pub response: Map<String, Json>,
    pub rows: Option<i64>,
    pub compiled: Option<Arc<Compiled>>,
    pub compile_time: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub execute_time: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub table: Option<Table>,
    /// Of a model that is built in batches.
    pub batches: Option<BatchResults>,
    /// The error as a diagnostic, where the node is the whole command.
    pub error: Option<kpi_diagnostics::Diagnostic>,
}

impl Outcome {
    pub(crate) fn of(status: NodeStatus) -> Self {
        Self {
            status,
            message: None,
            failures: None,
            response: Map::new(),
            rows: None,
            compiled: None,
            compile_time: None,
            execute_time: None,
            table: None,
            batches: None,
            error: None,
        }
    }

    /// Whether the database was told to stop in the middle of it.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.code == "K0803")
    }
}

impl Engine {
    /// Compiles and, as the task says, runs the node. Never fails: an error is an outcome.
    pub(crate) fn run_node(
        self: &Arc<Self>,
        task: Task,
        id: NodeId,
        connection: &Arc<NodeConnection>,
        on_execute: impl FnOnce(),
    ) -> Outcome {
        let node = &self.manifest.nodes[id.0 as usize];
        match self.query_comment(Some(id), connection) {
            Ok(comment) => connection.assign(node.unique_id.clone(), comment),
            Err(error) => {
                let mut outcome = Outcome::of(NodeStatus::Error);
                outcome.message = Some(error.render());
                outcome.error = Some(error);
                return outcome;
            }
        }
        let scope = self.scope_for(id, connection.clone());
        let started = Utc::now();
        let compiled = match node.resource_type {
            // A seed has no SQL; its "compile" is the reading of the file, which the materialization does.
            ResourceType::Seed => Ok(None),
            // The query is one of the other environment's relation.
            _ if task == Task::Clone => Ok(None),
            _ => self.compile(&scope, 0).map(Some),
        };
        let compile_time = Some((started, Utc::now()));
        let mut outcome = match compiled {
            Err(error) => self.failed(node, &error),
            Ok(compiled) => {
                let shown = matches!(task, Task::Show { .. });
                let mut outcome = if task == Task::Compile || (node.is_ephemeral() && !shown) {
                    Outcome::of(NodeStatus::Success)
                } else {
                    on_execute();
                    let started = Utc::now();
                    let done = match self.reuse(node, compiled.as_ref(), &scope) {
                        Ok(Some(outcome)) => Ok(outcome),
                        Ok(None) => self.execute_in_warehouse(task, node, &scope),
                        Err(error) => Err(error),
                    };
                    let mut outcome = done.unwrap_or_else(|error| self.failed(node, &error));
                    outcome.execute_time = Some((started, Utc::now()));
                    outcome
                };
                outcome.compiled = outcome.compiled.or(compiled);
                outcome
            }
        };
        outcome.compile_time = compile_time;
        if let Err(error) = connection.rollback()
            && outcome.status != NodeStatus::Error
        {
            outcome = Outcome { status: NodeStatus::Error, message: Some(error.message), ..outcome };
        }
        outcome
    }

    pub(crate) fn failed(&self, node: &Node, error: &Error) -> Outcome {
        let mut outcome = Outcome::of(NodeStatus::Error);
        let text = self.error_text(node, error);
        self.sink.emit(
            Event::new("CatchableExceptionOnRun", Level::Debug, text.as_str()).with("exc", text.as_str()),
        );
        outcome.message = Some(text);
        outcome.error = Some(self.diagnostic(node, error));
        outcome
    }

    /// Executes the node in the warehouse that its config names, and goes back to the session's own.
    fn execute_in_warehouse(
        self: &Arc<Self>,
        task: Task,
        node: &Node,
        scope: &Arc<NodeScope>,
    ) -> Result<Outcome> {
        let own = self.adapter.own_warehouse(&|key| node.config.str(key).map(str::to_owned));
        let Some(own) = own else { return self.execute(task, node, scope) };
        let before = scope.connection.use_warehouse(&own)?;
        let outcome = self.execute(task, node, scope);
        if let Some(before) = before {
            let back =
                scope.connection.execute(&format!("use warehouse {before}"), false, kpi_adapter::Fetch::No);
            // The node's own error is the one to tell.
            if outcome.is_ok() {
                back?;
            }
        }
        outcome
    }

    fn execute(self: &Arc<Self>, task: Task, node: &Node, scope: &Arc<NodeScope>) -> Result<Outcome> {
        if let Task::Show { limit } = task {
            return match &node.expectation {
                Some(expectation) => self.show_expectation(node, scope, expectation, limit),
                None => self.show(node, scope, limit),
            };
        }
        if task == Task::Clone {
            return self.execute_clone(node, scope);
        }
        match node.resource_type {
            ResourceType::Test => match &node.expectation {
                Some(expectation) => self.execute_expectation(node, scope, expectation),
                None => self.execute_test(node, scope),
            },
            ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Function => {
                self.execute_relation(node, scope)
            }
            _ => Ok(Outcome::of(NodeStatus::Success)),
        }
    }

    pub(crate) fn materialize(self: &Arc<Self>, node: &Node, scope: &Arc<NodeScope>) -> Result<Value> {
        self.materialize_as(node, scope, node.config.materialized())
    }

    /// Builds the node by a materialization that need not be its own.
    pub(crate) fn materialize_as(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
        materialized: &str,
    ) -> Result<Value> {
        let Some(definition) = materialization::find(
            &self.environment.macros,
            materialized,
            self.behaviour("require_explicit_package_overrides_for_builtin_materializations", true),
        ) else {
            return Err(Error::compilation(format!(
                "No materialization '{materialized}' was found for adapter {}! (searched types 'default' and '{}')",
                self.adapter.type_name(),
                self.adapter.type_name()
            )));
        };
        if let Some(languages) = &definition.supported_languages
            && !languages.iter().any(|l| **l == *node.language)
        {
            let list: Vec<String> = languages.iter().map(|l| format!("'{l}'")).collect();
            return Err(Error::compilation(format!(
                "Materialization \"{}\" only supports languages [{}]; got \"{}\"",
                definition.name,
                list.join(", "),
                node.language
            )));
        }
        let definition = definition.clone();
        let mut interp = scope.interp();
        interp.call_macro(&definition, Args::default())
    }

    /// Builds the node's relation, and gives what its main statement said.
    pub(crate) fn materialize_relation(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
    ) -> Result<Stored> {
        let value = self.materialize(node, scope)?;
        for relation in relations_of(&value, node.config.materialized())? {
            self.cache.add(relation);
        }
        scope.results.main().ok_or_else(|| {
            Error::new(kpi_jinja::ErrorKind::Runtime, "main is not being called during running model")
        })
    }

    /// A model, seed or snapshot: its materialization builds the relation and says which relations there are now.
    fn execute_relation(self: &Arc<Self>, node: &Node, scope: &Arc<NodeScope>) -> Result<Outcome> {
        let main = self.materialize_relation(node, scope)?;
        let mut outcome = Outcome::of(NodeStatus::Success);
        outcome.message = Some(main.response.to_string());
        if let Some(response) = main.response.downcast_ref::<ResponseObject>().map(|r| &r.0) {
            outcome.rows = response.rows_affected;
            outcome.response = response.to_json();
        }
        self.after_quarantine(node, scope, &mut outcome)?;
        Ok(outcome)
    }

    /// A data test: its materialization counts the failing rows and says whether to warn or to fail.
    fn execute_test(self: &Arc<Self>, node: &Node, scope: &Arc<NodeScope>) -> Result<Outcome> {
        self.materialize(node, scope)?;
        let Some(main) = scope.results.main() else {
            return Err(Error::new(kpi_jinja::ErrorKind::Runtime, "the test did not run a statement 'main'"));
        };
        let table = match AgateTable::from_value(&main.table) {
            Some(table) => table.to_table()?,
            None => Table::default(),
        };
        let wrong_size = match (table.rows.len(), table.columns.len()) {
            (1, 3) => None,
            (1, columns) => Some(format!("{columns} columns, but expected 3 columns")),
            (rows, _) => Some(format!("{rows} rows, but expected 1 row")),
        };
        if let Some(found) = wrong_size {
            return Err(Error::new(
                kpi_jinja::ErrorKind::Runtime,
                format!("dbt internally failed to execute {}: Returned {found}", node.unique_id),
            )
            .with_hint(
                "the macro get_test_sql must give one row of failures, should_warn and should_error",
            ));
        }
        let cell = |name: &str| {
            let at = table.columns.iter().position(|c| c.eq_ignore_ascii_case(name))?;
            table.rows.first()?.get(at).cloned()
        };
        let verdict = |name: &str| cell(name).map_or(Ok(false), |cell| truth(&cell));
        let (should_warn, should_error) = (verdict("should_warn")?, verdict("should_error")?);
        let counted = cell("failures").unwrap_or(kpi_adapter::Cell::Null);
        let failures = number(&counted).ok_or_else(|| {
            let given = counted.to_value();
            Error::new(
                kpi_jinja::ErrorKind::Runtime,
                format!("{given} is not of type 'integer': the fail_calc of a test must give a whole number"),
            )
            .with_hint("wrap fail_calc in coalesce(..., 0), or cast it to an integer")
        })?;
        let severity =
            node.config.get("severity").and_then(|v| v.as_str().map(str::to_uppercase)).unwrap_or_default();
        let condition = |key: &str| {
            node.config
                .get(key)
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_else(|| "!= 0".to_owned())
        };
        let results = crate::report::pluralize(failures.unsigned_abs() as usize, "result");
        let mut outcome = Outcome::of(NodeStatus::Pass);
        outcome.failures = Some(0);
        if severity == "ERROR" && should_error {
            outcome.status = NodeStatus::Fail;
            outcome.message = Some(format!("Got {results}, configured to fail if {}", condition("error_if")));
            outcome.failures = Some(failures);
        } else if should_warn {
            outcome.failures = Some(failures);
            if (self.options.warning_is_error)("LogTestResult") {
                outcome.status = NodeStatus::Fail;
                outcome.message =
                    Some(format!("Got {results}, configured to fail if {}", condition("warn_if")));
            } else {
                outcome.status = NodeStatus::Warn;
                outcome.message =
                    Some(format!("Got {results}, configured to warn if {}", condition("warn_if")));
            }
        }
        if let Some(response) = main.response.downcast_ref::<ResponseObject>().map(|r| &r.0) {
            outcome.response = response.to_json();
        }
        Ok(outcome)
    }

    /// The first rows of a node.
    pub(crate) fn show(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
        limit: Option<u64>,
    ) -> Result<Outcome> {
        let mut interp = scope.interp();
        let sql = if node.resource_type == ResourceType::Seed {
            format!("select * from {}", node.relation())
        } else {
            scope.compiled.lock().as_deref().unwrap_or_default().to_owned()
        };
        let header = node.config.get("sql_header").map(|h| Value::from_json(&h)).unwrap_or(Value::None);
        let limit = limit.map_or(Value::None, Value::from);
        let sql = interp.call_named("get_show_sql", Args::of([Value::from(sql), header, limit]))?.to_string();
        let result = scope.connection.execute(&sql, false, kpi_adapter::Fetch::All)?;
        let mut outcome = Outcome::of(NodeStatus::Success);
        outcome.response = result.response.to_json();
        outcome.message = Some(result.response.message);
        outcome.table = Some(result.table);
        Ok(outcome)
    }
}

pub(crate) fn number(cell: &kpi_adapter::Cell) -> Option<i64> {
    use kpi_adapter::Cell;
    match cell {
        Cell::Int(n) => i64::try_from(*n).ok(),
        Cell::Float(f) if f.fract() == 0.0 && f.abs() < 9e15 => Some(*f as i64),
        Cell::Decimal(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            if fraction.bytes().all(|b| b == b'0') { whole.parse().ok() } else { None }
        }
        _ => None,
    }
}

/// A verdict of a test: Python's truth, but for texts, of which only some words are one.
fn truth(cell: &kpi_adapter::Cell) -> Result<bool> {
    let kpi_adapter::Cell::Str(text) = cell else { return Ok(cell.to_value().is_true()) };
    match text.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(Error::compilation(format!(
            "Macro 'get_test_sql' returns '{text}'.  It is not type 'bool' and cannot not be converted reliably to a bool."
        ))),
    }
}

/// What a materialization returned: `{'relations': [...]}`.
pub(crate) fn relations_of(value: &Value, materialized: &str) -> Result<Vec<Relation>> {
    let Some(dict) = value.as_dict() else {
        if value.as_str().is_some() {
            return Err(Error::compilation(format!(
                "The materialization (\"{materialized}\") did not explicitly return a list of relations to add to the cache."
            )));
        }
        return Err(Error::compilation(format!(
            "Invalid return value from materialization, expected a dict with key \"relations\", got: {value}"
        )));
    };
    let Some(relations) = dict.get("relations") else {
        return Err(Error::compilation(format!(
            "Invalid return value from materialization, \"relations\" not found, got keys: {}",
            Value::list(dict.keys())
        )));
    };
    let Some(list) = relations.as_list() else {
        return Err(Error::compilation(format!(
            "Invalid return value from materialization, \"relations\" not a list, got: {relations}"
        )));
    };
    list.snapshot()
        .into_iter()
        .map(|item| {
            Relation::from_value(&item).map(|r| (*r).clone()).ok_or_else(|| {
                Error::compilation(format!(
                    "Invalid return value from materialization, \"relations\" contains non-Relation: {item}"
                ))
            })
        })
        .collect()
}
