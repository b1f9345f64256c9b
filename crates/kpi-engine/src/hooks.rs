//! `on-run-start` and `on-run-end`.

use crate::engine::Engine;
use crate::node_info::{Life, node_info};
use crate::result_value::result_record;
use crate::scope::NodeScope;
use crate::unit_tests::UnitTest;
use chrono::Utc;
use kpi_adapter::NodeConnection;
use kpi_artifacts::{NodeResult, NodeStatus, Timing};
use kpi_diagnostics::{Diagnostic, Running};
use kpi_jinja::Value;
use kpi_manifest::{Node, NodeId, ResourceType};
use std::sync::Arc;
use std::time::Instant;

impl Engine {
    /// The hooks of a kind: the project's own first, then those of its packages by name, each in the order of the file.
    /// It is dbt's order at the start of a run as at its end.
    fn hooks_of(&self, kind: &str) -> Vec<NodeId> {
        let mut found: Vec<(bool, Arc<str>, usize, NodeId)> = self
            .manifest
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, n)| {
                n.resource_type == ResourceType::Operation && n.tags.iter().any(|t| **t == *kind)
            })
            .map(|(i, n)| {
                let of_package = n.package_name != self.manifest.root_package;
                (of_package, n.package_name.clone(), n.hook_index.unwrap_or(0), NodeId(i as u32))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, _, _, id)| id).collect()
    }

    /// How many hooks of a kind there are.
    pub(crate) fn hook_count(&self, kind: &str) -> usize {
        self.hooks_of(kind).len()
    }

    /// Runs the hooks of a kind one after the other; after the first that fails the others are skipped.
    /// Returns whether all passed.
    ///
    /// # Errors
    /// A hook that does not compile: the run does not start, as with dbt.
    pub(crate) fn run_hooks(
        self: &Arc<Self>,
        kind: &'static str,
        master: &Arc<NodeConnection>,
        results: &mut Vec<NodeResult>,
        names: impl FnOnce(&[NodeResult]) -> Vec<(Arc<str>, Value)>,
    ) -> Result<bool, Diagnostic> {
        let hooks = self.hooks_of(kind);
        if hooks.is_empty() {
            return Ok(true);
        }
        let extra = names(results);
        let reporter = self.reporter();
        if kind == "on-run-end" {
            reporter.blank();
        }
        let mut passed = true;
        for (i, id) in hooks.iter().enumerate() {
            let node = &self.manifest.nodes[id.0 as usize];
            let name = format!("{}.{kind}.{i}", node.package_name);
            let place = (i + 1, hooks.len());
            if !passed {
                let life = Life { status: "skipped", ..Life::default() };
                reporter.hook_ended(node, &name, place, &life, 0.0);
                results.push(result(
                    node,
                    NodeStatus::Skipped,
                    format!("{name} skipped"),
                    0.0,
                    Vec::new(),
                    1,
                ));
                continue;
            }
            master.assign(node.unique_id.clone(), self.query_comment(Some(*id), master)?);
            let mut scope = NodeScope::new(self, Some(*id), node.package_name.clone(), master.clone());
            scope.extra = extra.clone();
            // A hook that runs knows its place among those that do, from one on.
            scope.own = Some(Arc::new(Node { hook_index: Some(i + 1), ..node.clone() }));
            self.hook_places.lock().insert(*id, i + 1);
            let scope = Arc::new(scope);
            let clock = Instant::now();
            let started = Utc::now();
            let mut life = Life { status: "started", started: Some(started), finished: None };
            let _running = Running::node(node_info(node, &life));
            let compiled = self.compile(&scope, 0).map_err(|e| self.diagnostic(node, &e))?;
            let between = Utc::now();
            reporter.hook_started(node, &name, place, &life);
            let sql = compiled.code.trim();
            let outcome = if sql.is_empty() {
                Ok(())
            } else {
                master.execute(sql, false, kpi_adapter::Fetch::No).and_then(|_| master.commit())
            };
            let seconds = clock.elapsed().as_secs_f64();
            let (status, message) = match outcome {
                Ok(()) => (NodeStatus::Success, format!("{name} passed")),
                Err(error) => {
                    passed = false;
                    (NodeStatus::Error, format!("{name} failed, error:\n {error}"))
                }
            };
            let timing = [("compile", started, between), ("execute", between, Utc::now())]
                .map(|(name, a, b)| Timing {
                    name: name.to_owned(),
                    started_at: Some(a),
                    completed_at: Some(b),
                })
                .to_vec();
            life.status = status.as_str();
            life.finished = Some(Utc::now());
            reporter.hook_ended(node, &name, place, &life, seconds);
            results.push(result(
                node,
                status,
                message,
                seconds,
                timing,
                i64::from(status != NodeStatus::Success),
            ));
        }
        if kind == "on-run-start" {
            reporter.blank();
        }
        Ok(passed)
    }

    /// What `on-run-end` hooks see of the run: `results`, `schemas`, `database_schemas`.
    pub(crate) fn end_hook_names(&self, results: &[NodeResult]) -> Vec<(Arc<str>, Value)> {
        let mut schemas: Vec<Value> = Vec::new();
        let mut pairs: Vec<Value> = Vec::new();
        let mut seen = rustc_hash::FxHashSet::default();
        let mut seen_schema = rustc_hash::FxHashSet::default();
        let mut values = Vec::with_capacity(results.len());
        for result in results {
            let unit_test = UnitTest::of(&self.manifest, &result.unique_id).map(|test| test.node);
            let Some(node) = self.manifest.node(&result.unique_id).or(unit_test.as_deref()) else { continue };
            if result.thread_id == "main" && result.status != NodeStatus::Error {
                continue;
            }
            if node.is_relational()
                && !matches!(result.status, NodeStatus::Error | NodeStatus::Fail | NodeStatus::Skipped)
            {
                if seen.insert((node.database.clone(), node.schema.clone())) {
                    let database = node.database.clone().map_or(Value::None, Value::from);
                    pairs.push(Value::tuple([database, Value::from(node.schema.clone())]));
                }
                if seen_schema.insert(node.schema.clone()) {
                    schemas.push(Value::from(node.schema.clone()));
                }
            }
            let id = self.manifest.node_ids.get(&*result.unique_id).copied();
            let node = match unit_test {
                Some(_) => self.unit_test_value(&result.unique_id),
                None => self.node_value(node, id),
            };
            values.push(result_record(node, result).into_value());
        }
        vec![
            ("results".into(), Value::list(values)),
            ("schemas".into(), Value::list(schemas)),
            ("database_schemas".into(), Value::list(pairs)),
        ]
    }
}

fn result(
    node: &Node,
    status: NodeStatus,
    message: String,
    seconds: f64,
    timing: Vec<Timing>,
    failures: i64,
) -> NodeResult {
    let mut result = NodeResult::new(&*node.unique_id, status);
    result.timing = timing;
    result.thread_id = "main".to_owned();
    result.execution_time = seconds;
    result.message = Some(message);
    result.failures = Some(failures);
    result.compiled = Some(true);
    result
}
