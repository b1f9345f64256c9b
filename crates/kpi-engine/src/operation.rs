//! `run-operation`, and the single nodes of `show` and `compile`.

use crate::engine::{Engine, Task};
use crate::node_run::Outcome;
use crate::scope::NodeScope;
use chrono::Utc;
use kpi_adapter::NodeConnection;
use kpi_artifacts::{NodeResult, NodeStatus, Timing};
use kpi_diagnostics::{Diagnostic, nearest};
use kpi_jinja::{Args, Value};
use kpi_manifest::NodeId;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::time::Instant;

impl Engine {
    /// Calls a macro (`name` or `package.name`).
    ///
    /// # Errors
    /// There is no such macro.
    pub fn run_operation(
        self: &Arc<Self>,
        name: &str,
        arguments: &Map<String, Json>,
    ) -> Result<NodeResult, Diagnostic> {
        let macros = &self.environment.macros;
        let found = match name.split_once('.') {
            Some((package, name)) => macros.get(package, name),
            None => macros.resolve(&macros.root_package, name).or_else(|| {
                let mut all: Vec<_> = macros.iter().filter(|m| *m.name == *name).collect();
                all.sort_by(|a, b| a.package.cmp(&b.package));
                all.into_iter().next()
            }),
        };
        let Some(definition) = found.cloned() else {
            let error = Diagnostic::error(
                "K0901",
                "Runtime Error",
                format!("dbt could not find a macro with the name '{name}' in any package"),
            );
            return Err(match nearest(name, macros.iter().map(|m| &*m.name)) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error,
            });
        };
        let connection = self.connection("macro");
        connection.assign(format!("macro_{name}"), self.query_comment(None, &connection)?);
        // A macro that is named with its package sees the names of that package.
        let package = match name.split_once('.') {
            Some((package, _)) => package.into(),
            None => self.manifest.root_package.clone(),
        };
        let scope = Arc::new(NodeScope::new(self, None, package, connection.clone()));
        let keyword = arguments.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from_json(v))).collect();
        let clock = Instant::now();
        let started = Utc::now();
        let called = scope.interp().call_macro(&definition, Args { positional: Vec::new(), keyword });
        let outcome = match called {
            Ok(_) => connection.commit().map_err(|e| e.to_diagnostic()),
            Err(error) => Err(self.macro_diagnostic(&definition.name, &error)),
        };
        connection.close();
        let (status, message) = match outcome {
            Ok(()) => (NodeStatus::Success, None),
            Err(error) => (NodeStatus::Error, Some(error.render())),
        };
        let mut result = NodeResult::new(&*definition.unique_id, status);
        // The manifest is compiled by then: that part takes no time here.
        let timing = |name: &str, from, to| Timing {
            name: name.to_owned(),
            started_at: Some(from),
            completed_at: Some(to),
        };
        result.timing = vec![timing("compile", started, started), timing("execute", started, Utc::now())];
        result.execution_time = clock.elapsed().as_secs_f64();
        result.message = message;
        result.failures = Some(i64::from(status == NodeStatus::Error));
        Ok(result)
    }

    /// One node of `show` or `compile`, whose failure is the command's.
    pub(crate) fn run_previewed(
        self: &Arc<Self>,
        task: Task,
        id: NodeId,
        connection: &Arc<NodeConnection>,
    ) -> Result<Outcome, Diagnostic> {
        let outcome = self.run_node(task, id, connection, || ());
        if outcome.status == NodeStatus::Error {
            return Err(outcome.error.unwrap_or_else(|| {
                Diagnostic::error("K0900", "Runtime Error", outcome.message.unwrap_or_default())
            }));
        }
        Ok(outcome)
    }
}
