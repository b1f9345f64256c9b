//! Tests that are expectations: judged by their family's rules, all that are about one relation with one scan.

use crate::compile::Compiled;
use crate::engine::Engine;
use crate::node_run::Outcome;
use crate::quarantine::SetAside;
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
    /// By model: which expectations put rows of it into quarantine.
    pub quarantining: OnceLock<FxHashMap<Arc<str>, Vec<NodeId>>>,
    /// What became of those whose model was built in this run.
    pub set_aside: Mutex<FxHashMap<NodeId, SetAside>>,
}

/// Keywords that may name further relations.
const NAMING_RELATIONS: [&str; 4] =
    ["other_table_name", "comparison_query", "base_query", "unexpected_rows_query"];

impl Engine {
    /// The rows that an expectation is about: its compiled SQL.
    pub(crate) fn expectation_batch(&self, node: &Node, interp: &mut kpi_jinja::Interp) -> Result<String> {
        let model = node.test_metadata.as_ref().and_then(|m| m.kwargs.get("model")).and_then(Json::as_str);
        let model = kpi_jinja::Template::parse_str("model", model.unwrap_or_default())?;
        Ok(format!("select * from {}", interp.render(&model)?))
    }

    fn group_of(node: &Node) -> Option<Key> {
        let model = node.test_metadata.as_ref()?.kwargs.get("model")?.as_str()?;
        // What needs a further relation cannot be judged before that is there; a query needs all of its own.
        let names_further = || {
            let metadata = node.test_metadata.as_ref();
            NAMING_RELATIONS.iter().any(|name| metadata.is_some_and(|m| m.kwargs.contains_key(*name)))
        };
        let of_query = model.starts_with('(');
        let alone = if of_query { !names_further() } else { node.refs.len() + node.sources.len() == 1 };
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
        let aside = id.and_then(|id| self.expectations.set_aside.lock().get(&id).cloned());
        if let (Some(aside), Some(id)) = (aside, id) {
            self.expectations.judged.lock().push((id, aside.verdict.clone()));
            return self.set_aside_outcome(node, expectation, &aside);
        }
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
                let own = self.with_relations(&node.name, expectation, scope)?;
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
                && !self.expectations.set_aside.lock().contains_key(id)
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
        let relation = match batch.strip_prefix("select * from ") {
            // A relation or a query in brackets with a name.
            Some(rest) => rest.trim().to_owned(),
            None => format!("({batch}\n) as batch"),
        };
        let asked: Vec<_> = members
            .iter()
            .map(|(_, expectation)| {
                let format =
                    expectation.result_format.clone().unwrap_or_else(|| self.options.result_format.clone());
                (expectation.clone(), format)
            })
            .collect();
        self.judge_relation(&relation, scope, &asked)
    }

    /// Judges what may stand behind `from`.
    pub(crate) fn judge_relation(
        &self,
        relation: &str,
        scope: &Arc<NodeScope>,
        members: &[(Arc<Expectation>, ResultFormat)],
    ) -> Vec<Verdict> {
        let Some(dialect) = dialect::of(self.adapter.type_name()) else {
            let failure = Failure::new(format!("expectations do not run on {}", self.adapter.type_name()));
            return members.iter().map(|_| Err(failure.clone())).collect();
        };
        let judge = Judge::new(dialect);
        let mut queries = &*scope.connection;
        match judge.subject(&mut queries, relation) {
            Ok(subject) => judge.judge(&mut queries, &subject, members, &mut Spent::default()),
            Err(failure) => members.iter().map(|_| Err(failure.clone())).collect(),
        }
    }

    /// The expectation with the relations that it names rendered: `other_table_name: ref('orders')`.
    pub(crate) fn with_relations(
        &self,
        test: &str,
        expectation: &Arc<Expectation>,
        scope: &Arc<NodeScope>,
    ) -> Result<Arc<Expectation>> {
        let mut kwargs = expectation.kwargs_json();
        let mut changed = false;
        for name in NAMING_RELATIONS {
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
            Error::new(ErrorKind::Runtime, format!("{test}: {message}"))
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
        let failures = self.count_failures(node, scope, &judged)?;
        let verdict = self.threshold(node, scope, failures)?;
        let mut outcome = Outcome::of(NodeStatus::Pass);
        outcome.failures = Some(failures);
        if !judged.success {
            outcome.message = judged.reason.clone();
            outcome.compiled = self.compiled_with(node, judged.rows.as_deref())?;
        }
        if let Some((status, condition)) = verdict {
            outcome.status = if expectation.severity == Severity::Info { NodeStatus::Pass } else { status };
            if let Some(condition) = condition {
                let reason = outcome.message.take().map(|reason| format!("{reason}; ")).unwrap_or_default();
                outcome.message = Some(format!("{reason}{condition}"));
            }
        } else {
            outcome.failures = Some(0);
        }
        if self.stores_failures(node)
            && let Some(sql) = &judged.rows
        {
            // The materialization of tests stores what its SQL finds.
            *scope.compiled.lock() = Some(sql.as_str().into());
            self.materialize(node, scope)?;
        }
        Ok(outcome)
    }

    /// The rows that break an expectation; of one about the data as a whole its figures.
    pub(crate) fn show_expectation(
        self: &Arc<Self>,
        node: &Node,
        scope: &Arc<NodeScope>,
        expectation: &Arc<Expectation>,
        limit: Option<u64>,
    ) -> Result<Outcome> {
        let batch = scope.compiled.lock().as_deref().unwrap_or_default().to_owned();
        let own = self.with_relations(&node.name, expectation, scope)?;
        let verdict = self.judge(&batch, scope, &[(node, own)]).into_iter().next().unwrap_or_else(nothing);
        let judged = verdict.map_err(|failure| Error::new(ErrorKind::Database, failure.message))?;
        if let Some(rows) = &judged.rows {
            *scope.compiled.lock() = Some(rows.as_str().into());
            return self.show(node, scope, limit);
        }
        let text = |value: &Json| match value {
            Json::String(text) => kpi_adapter::Cell::Str(text.as_str().into()),
            Json::Null => kpi_adapter::Cell::Null,
            other => kpi_adapter::Cell::Str(other.to_string().into()),
        };
        let mut names = vec!["success".to_owned()];
        let mut row = vec![kpi_adapter::Cell::Bool(judged.success)];
        for (name, value) in judged.result.iter().filter(|(_, value)| !value.is_object()) {
            names.push(name.clone());
            row.push(text(value));
        }
        names.push("reason".to_owned());
        row.push(judged.reason.as_deref().map_or(kpi_adapter::Cell::Null, |r| text(&r.into())));
        let columns = names.iter().map(|name| name.as_str().into()).collect();
        let mut outcome = Outcome::of(NodeStatus::Success);
        let types = names.iter().map(|_| "VARCHAR".into()).collect();
        outcome.table = Some(kpi_adapter::Table { columns, types, rows: vec![row] });
        Ok(outcome)
    }

    /// How many failures an expectation has that is not met: rows, or one; as `fail_calc` and `limit` have it.
    fn count_failures(
        &self,
        node: &Node,
        scope: &Arc<NodeScope>,
        judged: &kpi_quality::Outcome,
    ) -> Result<i64> {
        if judged.success {
            return Ok(0);
        }
        let limit = node.config.get("limit").and_then(|limit| limit.as_i64());
        let own = node.config.str("fail_calc").filter(|calc| *calc != "count(*)");
        if let (Some(calc), Some(rows)) = (own, &judged.rows) {
            let limit = limit.map(|n| format!(" limit {n}")).unwrap_or_default();
            let sql = format!("select {calc} from (select * from ({rows}) as failing{limit}) as failing");
            let table = scope.connection.execute(&sql, false, kpi_adapter::Fetch::All)?.table;
            let cell =
                table.rows.first().and_then(|row| row.first()).cloned().unwrap_or(kpi_adapter::Cell::Null);
            return crate::node_run::number(&cell).ok_or_else(|| {
                let message =
                    format!("fail_calc must give a whole number, and '{calc}' gives {}", cell.text());
                Error::new(ErrorKind::Runtime, message)
                    .with_hint("wrap it in coalesce(..., 0), or cast it to an integer")
            });
        }
        let counted = judged.failures().and_then(|n| i64::try_from(n).ok()).unwrap_or(1).max(1);
        Ok(limit.map_or(counted, |limit| counted.min(limit)))
    }

    /// The status of a test with so many failures; `None`: it passes. With the condition in words, where it has one of
    /// its own.
    fn threshold(
        &self,
        node: &Node,
        scope: &Arc<NodeScope>,
        failures: i64,
    ) -> Result<Option<(NodeStatus, Option<String>)>> {
        let condition = |key: &str| node.config.str(key).unwrap_or("!= 0").to_owned();
        let (warn_if, error_if) = (condition("warn_if"), condition("error_if"));
        let own = warn_if != "!= 0" || error_if != "!= 0";
        let (warns, errs) = match own {
            false => (failures != 0, failures != 0),
            true => {
                let sql = format!("select {failures} {warn_if}, {failures} {error_if}");
                let table = scope.connection.execute(&sql, false, kpi_adapter::Fetch::All)?.table;
                let row = table.rows.into_iter().next().unwrap_or_default();
                let holds = |at: usize| row.get(at).is_some_and(|cell| cell.to_value().is_true());
                (holds(0), holds(1))
            }
        };
        let said = |verb: &str, condition: &str| own.then(|| format!("configured to {verb} if {condition}"));
        if errs && node.config.severity() == "error" {
            return Ok(Some((NodeStatus::Fail, said("fail", &error_if))));
        }
        if !warns {
            return Ok(None);
        }
        if (self.options.warning_is_error)("LogTestResult") {
            return Ok(Some((NodeStatus::Fail, said("fail", &warn_if))));
        }
        Ok(Some((NodeStatus::Warn, said("warn", &warn_if))))
    }

    /// What became of a test whose failing rows were put into quarantine while its model was built: a warning, or what
    /// its severity says where more rows break it than `mostly` allows.
    fn set_aside_outcome(&self, node: &Node, expectation: &Expectation, aside: &SetAside) -> Result<Outcome> {
        let judged = match &aside.verdict {
            Ok(judged) => judged,
            Err(failure) => return Err(Error::new(ErrorKind::Database, failure.message.clone())),
        };
        let mut outcome = Outcome::of(NodeStatus::Pass);
        let count = judged.unexpected.unwrap_or(0);
        outcome.failures = Some(count);
        if count == 0 {
            return Ok(outcome);
        }
        let limited = expectation.kwargs.get("mostly").is_some() && !judged.success;
        outcome.status = if expectation.severity == Severity::Info {
            NodeStatus::Pass
        } else if (limited && node.config.severity() == "error")
            || (self.options.warning_is_error)("LogTestResult")
        {
            NodeStatus::Fail
        } else {
            NodeStatus::Warn
        };
        let rows = crate::report::pluralize(usize::try_from(count).unwrap_or(0), "row");
        let reason = judged.reason.clone().unwrap_or_else(|| expectation.row_reason());
        outcome.message = Some(format!("{reason}; {rows} put into {}", aside.relation));
        outcome.compiled = self.compiled_with(node, Some(&aside.rows))?;
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
            constraints: None,
        })))
    }

    /// Writes the validation results of the run: one file for each suite, and one for the tests of each model.
    pub(crate) fn write_validations(&self) -> Result<()> {
        let judged = std::mem::take(&mut *self.expectations.judged.lock());
        if self.options.flags.get("write_json").and_then(Json::as_bool) == Some(false) {
            return Ok(());
        }
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
                ..About::default()
            };
            let judged: Vec<Judged<'_>> = members
                .iter()
                .filter_map(|(node, outcome)| {
                    node.expectation.as_deref().map(|expectation| Judged { expectation, outcome })
                })
                .collect();
            let result = kpi_quality::validation_result(&about, &judged);
            let file = kpi_quality::file_stem(&suite);
            let text = serde_json::to_string_pretty(&result).unwrap_or_default();
            self.write_text(&format!("{}/expectations/{file}.json", target.display()), &text)?;
        }
        Ok(())
    }
}

fn nothing() -> Verdict {
    Err(Failure::new("the expectation was not judged"))
}
