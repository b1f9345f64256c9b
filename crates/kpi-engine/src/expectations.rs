//! Tests that are expectations: judged by their family's rules, all that are about one relation with one scan.

use crate::compile::Compiled;
use crate::engine::Engine;
use crate::node_run::Outcome;
use crate::scope::NodeScope;
use kpi_artifacts::NodeStatus;
use kpi_jinja::{Error, ErrorKind, Result};
use kpi_manifest::{Node, NodeId};
use kpi_quality::{About, Expectation, Failure, Judge, Judged, ResultFormat, Severity, Spent, dialect};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use std::sync::{Arc, OnceLock};

type Verdict = std::result::Result<kpi_quality::Outcome, Failure>;

/// What is judged together: the relation and the `where` around it.
type Key = (String, String);

/// The expectations of a run, and what came of them.
#[derive(Default)]
pub(crate) struct Expectations {
    groups: Mutex<FxHashMap<Key, Arc<OnceLock<FxHashMap<NodeId, Verdict>>>>>,
    /// By suite, in the order in which they were judged.
    judged: Mutex<Vec<(NodeId, Verdict)>>,
}

impl Engine {
    /// The rows that an expectation is about: its compiled SQL.
    pub(crate) fn expectation_batch(&self, node: &Node, interp: &mut kpi_jinja::Interp) -> Result<String> {
        let model = node.test_metadata.as_ref().and_then(|m| m.kwargs.get("model")).and_then(Json::as_str);
        let model = kpi_jinja::Template::parse_str("model", model.unwrap_or_default())?;
        Ok(format!("select * from {}", interp.render(&model)?))
    }

    fn group_of(node: &Node) -> Option<Key> {
        let model = node.test_metadata.as_ref()?.kwargs.get("model")?.as_str()?;
        // What needs a further relation cannot be judged before that is there.
        let alone = node.refs.len() + node.sources.len() == 1;
        alone.then(|| (model.to_owned(), node.config.str("where").unwrap_or_default().to_owned()))
    }

    /// Judges a test that is an expectation, together with those of the run that are about the same rows.
    pub(crate) fn execute_expectation(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
        expectation: &Arc<Expectation>,
    ) -> Result<Outcome> {
        let batch = scope.compiled.lock().as_deref().unwrap_or_default().to_owned();
        let id = self.manifest.node_ids.get(&node.unique_id).copied();
        let verdict = match (Self::group_of(node), id) {
            (Some(key), Some(id)) => {
                let cell = self.expectations.groups.lock().entry(key.clone()).or_default().clone();
                let verdicts = cell.get_or_init(|| self.judge_group(&key, &batch, scope));
                match verdicts.get(&id) {
                    Some(verdict) => verdict.clone(),
                    None => self
                        .judge(&batch, scope, &[(node, expectation.clone())])
                        .into_iter()
                        .next()
                        .unwrap_or_else(nothing),
                }
            }
            _ => {
                let own = self.with_relations(node, expectation, scope)?;
                self.judge(&batch, scope, &[(node, own)]).into_iter().next().unwrap_or_else(nothing)
            }
        };
        if let Some(id) = id {
            self.expectations.judged.lock().push((id, verdict.clone()));
        }
        self.expectation_outcome(node, scope, expectation, verdict)
    }

    /// Everything selected that is about the same rows.
    fn judge_group(
        self: &Arc<Self>,
        key: &Key,
        batch: &str,
        scope: &Arc<NodeScope>,
    ) -> FxHashMap<NodeId, Verdict> {
        let selected = self.selected.lock().clone();
        let mut ids = Vec::new();
        let mut members = Vec::new();
        for id in selected.iter().filter_map(|id| self.manifest.node_ids.get(id)) {
            let node = &self.manifest.nodes[id.0 as usize];
            if let Some(expectation) = &node.expectation
                && Self::group_of(node).as_ref() == Some(key)
            {
                ids.push(*id);
                members.push((node, expectation.clone()));
            }
        }
        ids.into_iter().zip(self.judge(batch, scope, &members)).collect()
    }

    fn judge(
        &self,
        batch: &str,
        scope: &Arc<NodeScope>,
        members: &[(&Node, Arc<Expectation>)],
    ) -> Vec<Verdict> {
        let Some(dialect) = dialect::of(self.adapter.type_name()) else {
            let failure = Failure::new(format!("expectations do not run on {}", self.adapter.type_name()));
            return members.iter().map(|_| Err(failure.clone())).collect();
        };
        let judge = Judge::new(dialect);
        let relation = match batch.strip_prefix("select * from ") {
            // A relation or a query in brackets with a name.
            Some(rest) => rest.trim().to_owned(),
            None => format!("({batch}\n) as batch"),
        };
        let mut queries = &*scope.connection;
        let subject = match judge.subject(&mut queries, &relation) {
            Ok(subject) => subject,
            Err(failure) => return members.iter().map(|_| Err(failure.clone())).collect(),
        };
        let asked: Vec<_> = members
            .iter()
            .map(|(_, expectation)| {
                let format = expectation.result_format.clone().unwrap_or_else(ResultFormat::default);
                (expectation.clone(), format)
            })
            .collect();
        judge.judge(&mut queries, &subject, &asked, &mut Spent::default())
    }

    /// The expectation with the relations that it names rendered: `other_table_name: ref('orders')`.
    fn with_relations(
        &self,
        node: &Node,
        expectation: &Arc<Expectation>,
        scope: &Arc<NodeScope>,
    ) -> Result<Arc<Expectation>> {
        let mut kwargs = expectation.kwargs_json();
        let mut changed = false;
        for name in ["other_table_name", "comparison_query", "base_query", "unexpected_rows_query"] {
            let Some(text) = kwargs.get(name).and_then(Json::as_str) else { continue };
            let text = if text.starts_with("ref(") || text.starts_with("source(") {
                format!("{{{{ {text} }}}}")
            } else if text.contains("{{") && name != "unexpected_rows_query" {
                text.to_owned()
            } else {
                continue;
            };
            let rendered = scope.interp().render(&kpi_jinja::Template::parse_str(name, &text)?)?;
            kwargs.insert(name.to_owned(), rendered.into());
            changed = true;
        }
        if !changed {
            return Ok(expectation.clone());
        }
        let beside = serde_json::Map::new();
        Expectation::read(expectation.spec.name, &kwargs, &beside).map(Arc::new).map_err(|errors| {
            let message = errors.first().map(|e| e.message.clone()).unwrap_or_default();
            Error::new(ErrorKind::Runtime, format!("{}: {message}", node.name))
        })
    }

    fn expectation_outcome(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
        expectation: &Expectation,
        verdict: Verdict,
    ) -> Result<Outcome> {
        let judged = match verdict {
            Ok(judged) => judged,
            Err(failure) => return Err(Error::new(ErrorKind::Database, failure.message)),
        };
        let mut outcome = Outcome::of(NodeStatus::Pass);
        outcome.failures = Some(0);
        let reason = judged.reason.clone().unwrap_or_default();
        let severity = node.config.severity();
        if !judged.success {
            outcome.failures = Some(judged.failures().and_then(|n| i64::try_from(n).ok()).unwrap_or(1));
            outcome.message = Some(reason);
            outcome.compiled = self.compiled_with(node, judged.rows.as_deref())?;
            outcome.status = if expectation.severity == Severity::Info {
                NodeStatus::Pass
            } else if severity == "error" || (self.options.warning_is_error)("LogTestResult") {
                NodeStatus::Fail
            } else {
                NodeStatus::Warn
            };
        }
        let stores = node.config.get("store_failures").is_some_and(|v| v == Json::Bool(true));
        if stores && let Some(sql) = &judged.rows {
            // The materialization of tests stores what its SQL finds.
            *scope.compiled.lock() = Some(sql.as_str().into());
            self.materialize(node, scope)?;
        }
        Ok(outcome)
    }

    /// The compiled code with the query that finds the failing rows: what a person wants to run.
    fn compiled_with(&self, node: &Node, rows: Option<&str>) -> Result<Option<Arc<Compiled>>> {
        let compiled =
            self.manifest.node_ids.get(&node.unique_id).and_then(|id| self.compiled.lock().get(id).cloned());
        let (Some(compiled), Some(rows)) = (compiled, rows) else { return Ok(None) };
        if let Some(path) = &compiled.path {
            self.write_text(path, rows)?;
        }
        let code: Arc<str> = rows.into();
        Ok(Some(Arc::new(Compiled {
            code: code.clone(),
            own: code,
            ctes: compiled.ctes.clone(),
            path: compiled.path.clone(),
        })))
    }

    /// Writes the validation results of the run: one file for each suite, and one for the tests of each model.
    pub(crate) fn write_validations(&self) -> Result<()> {
        let judged = std::mem::take(&mut *self.expectations.judged.lock());
        let mut suites: indexmap::IndexMap<String, Vec<(&Node, Verdict)>> = indexmap::IndexMap::new();
        let mut seen = FxHashSet::default();
        for (id, verdict) in judged.into_iter().filter(|(id, _)| seen.insert(*id)) {
            let node = &self.manifest.nodes[id.0 as usize];
            let subject = || {
                let attached = node.attached_node.as_deref().or(node.depends_on_nodes.first().map(|n| &**n));
                attached.and_then(|n| n.rsplit('.').next()).unwrap_or("tests").to_owned()
            };
            let suite = node.suite.as_ref().map_or_else(subject, |s| s.to_string());
            suites.entry(suite).or_default().push((node, verdict));
        }
        let target =
            self.options.target_path.strip_prefix(&self.project.root).unwrap_or(&self.options.target_path);
        for (suite, mut members) in suites {
            members.sort_by_key(|(node, _)| self.manifest.node_ids.get(&node.unique_id).map(|id| id.0));
            let subject = members
                .first()
                .and_then(|(node, _)| node.depends_on_nodes.first().and_then(|n| n.rsplit('.').next()))
                .unwrap_or_default()
                .to_owned();
            let about = About {
                suite: suite.clone(),
                subject,
                run_id: self.shared.invocation_id.to_string(),
                run_time: self.shared.started_at.to_rfc3339(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let judged: Vec<Judged<'_>> = members
                .iter()
                .filter_map(|(node, outcome)| {
                    node.expectation.as_deref().map(|expectation| Judged { expectation, outcome })
                })
                .collect();
            let result = kpi_quality::validation_result(&about, &judged, &ResultFormat::default());
            let file: String = suite
                .chars()
                .map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '_' })
                .collect();
            let text = serde_json::to_string_pretty(&result).unwrap_or_default();
            self.write_text(&format!("{}/expectations/{file}.json", target.display()), &text)?;
        }
        Ok(())
    }
}

fn nothing() -> Verdict {
    Err(Failure::new("the expectation was not judged"))
}
