//! Quarantine: rows of a model that break an expectation with `on_failure: quarantine` leave its table for one beside
//! it, with the reasons.
//!
//! The materialization hands over its SQL when the hooks in front have run ([`NodeScope::set_aside`]). Its rows are
//! kept in a temporary table and numbered, the expectations are judged over them, and what the materialization gets back
//! is a query of the rows that break none. Before its main statement it runs what fills the quarantine
//! ([`NodeScope::quarantine_statements`]): in the same transaction, where the database has them around tables, and else
//! first, so that a run that is killed loses no row.

use crate::engine::Engine;
use crate::node_run::Outcome;
use crate::scope::NodeScope;
use kpi_adapter::{Fetch, Relation, RelationType};
use kpi_diagnostics::Level;
use kpi_jinja::{Error, ErrorKind, Result, Value};
use kpi_manifest::{Node, NodeId, QUARANTINE_SUFFIX};
use kpi_quality::{Failure, Judge, Outcome as Judgement, Spent, Subject, dialect};
use serde_json::Value as Json;
use std::sync::Arc;

/// Numbers the rows while they are judged.
const ROW: &str = "kpi_row_id";
/// Columns that the quarantine has behind those of the model.
const REASONS: &str = "quarantine_reasons";
const AT: &str = "quarantined_at";

/// What became of an expectation when its model was built.
#[derive(Clone)]
pub(crate) struct SetAside {
    /// The verdict over all rows, those included that went into quarantine.
    pub verdict: std::result::Result<Judgement, Failure>,
    /// The quarantine, as people know it.
    pub relation: String,
    /// A query of the rows that this expectation put there in this run.
    pub rows: String,
}

/// The rows of a model that is being built.
pub(crate) struct Separated {
    relation: Relation,
    /// All rows, numbered.
    rows: String,
    /// Numbers of the rows that break an expectation, with the reasons; `None`: there are none.
    broken: Option<String>,
    /// Names and types, in order.
    columns: Vec<(String, String)>,
    /// Rows in quarantine.
    count: i64,
}

impl Engine {
    /// The expectations that put rows of a model into quarantine, whether the command is about them or not: what is in
    /// a table does not hang on the tests that are selected.
    pub(crate) fn quarantining(&self, model: &Node) -> Vec<NodeId> {
        let all = self.expectations.quarantining.get_or_init(|| {
            let mut by_model: rustc_hash::FxHashMap<Arc<str>, Vec<NodeId>> = rustc_hash::FxHashMap::default();
            for (at, node) in self.manifest.nodes.iter().enumerate() {
                if node.expectation.as_ref().is_some_and(|e| e.quarantine)
                    && let Some(model) = &node.attached_node
                    && let Ok(at) = u32::try_from(at)
                {
                    by_model.entry(model.clone()).or_default().push(NodeId(at));
                }
            }
            by_model
        });
        all.get(&model.unique_id).cloned().unwrap_or_default()
    }

    /// Where rows of a model go that are kept out of it.
    pub(crate) fn quarantine_of(&self, model: &Node) -> Relation {
        let mut relation = model.relation().with_kind(RelationType::Table);
        relation.identifier = Some(format!("{}{QUARANTINE_SUFFIX}", model.alias).into());
        relation
    }

    /// After a model was built: tells what went into quarantine.
    pub(crate) fn after_quarantine(
        &self,
        node: &Node,
        scope: &NodeScope,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let Some(separated) = scope.separated.lock().take() else {
            if self.quarantining(node).is_empty() {
                return Ok(());
            }
            return Err(Error::new(
                ErrorKind::Runtime,
                format!(
                    "the materialization '{}' of this project puts no rows into quarantine",
                    node.config.materialized()
                ),
            )
            .with_hint(
                "it has to build its table from kpi_separate(compiled_code), after kpi_fill_quarantine(...)",
            ));
        };
        for table in [Some(&separated.rows), separated.broken.as_ref()].into_iter().flatten() {
            scope.connection.execute(&format!("drop table if exists {table}"), false, Fetch::No)?;
        }
        outcome.response.insert("rows_quarantined".into(), separated.count.into());
        if separated.count > 0 {
            let rows = crate::report::pluralize(usize::try_from(separated.count).unwrap_or(0), "row");
            let text = format!("{}: {rows} put into {}", node.name, shown(&separated.relation));
            self.reporter().note("Note", Level::Info, text);
        }
        self.cache.add(separated.relation);
        Ok(())
    }
}

/// `schema.name`
fn shown(relation: &Relation) -> String {
    let parts = [&relation.schema, &relation.identifier];
    parts.iter().filter_map(|part| part.as_deref()).collect::<Vec<_>>().join(".")
}

impl NodeScope {
    /// `kpi_set_aside(code)`: the query of the rows that break no expectation of the quarantine; the code itself where
    /// the model has none.
    pub(crate) fn set_aside(&self, code: &str) -> Result<Value> {
        let engine = &self.engine;
        let Some(node) = self.node() else { return Ok(Value::from(code)) };
        let members = engine.quarantining(node);
        if members.is_empty() {
            return Ok(Value::from(code));
        }
        let Some(dialect) = dialect::of(engine.adapter.type_name()) else {
            let message = format!("expectations do not run on {}", engine.adapter.type_name());
            return Err(Error::new(ErrorKind::Runtime, message));
        };
        let header = node.config.str("sql_header").map(|h| format!("{h}\n")).unwrap_or_default();
        let [rows, broken] = ["rows", "broken"].map(|what| self.temporary(node, what));
        let row = dialect.name(ROW);
        let code = code.trim().trim_end_matches(';');
        let sql = format!(
            "{header}create or replace temporary table {rows} as select *, {} as {row} from (\n{code}\n) as kpi_rows",
            dialect.row_number()
        );
        self.connection.execute(&sql, false, Fetch::No)?;
        let columns = self.columns_of(&rows, &[ROW])?;
        if let Some((name, _)) =
            columns.iter().find(|(name, _)| [REASONS, AT].contains(&&*name.to_lowercase()))
        {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("the quarantine has a column '{name}' of its own: rename that of the model"),
            ));
        }
        let relation = engine.quarantine_of(node);
        let found = self.judge_members(dialect, &rows, &columns, &members, &relation);
        let mut separated = Separated { relation, rows, broken: None, columns, count: 0 };
        if !found.is_empty() {
            let joined = match engine.adapter.type_name() {
                "snowflake" => "listagg(reason, '; ') within group (order by place)",
                _ => "string_agg(reason, '; ' order by place)",
            };
            let sql = format!(
                "create or replace temporary table {broken} as select {row}, {joined} as reasons from (\n{}\n) as found \
                 group by {row}",
                found.join("\nunion all ")
            );
            self.connection.execute(&sql, false, Fetch::No)?;
            let counted =
                self.connection.execute(&format!("select count(*) from {broken}"), false, Fetch::All)?.table;
            separated.count = match counted.rows.first().and_then(|row| row.first()) {
                Some(kpi_adapter::Cell::Int(n)) => i64::try_from(*n).unwrap_or(i64::MAX),
                _ => 0,
            };
            separated.broken = Some(broken);
        }
        let list: Vec<String> = separated.columns.iter().map(|(name, _)| dialect.name(name)).collect();
        let mut clean = format!("select {} from {} as kpi_rows", list.join(", "), separated.rows);
        if let Some(broken) = &separated.broken {
            clean.push_str(&format!(
                " where not exists (select 1 from {broken} as kpi_broken where kpi_broken.{row} = kpi_rows.{row})"
            ));
        }
        *self.separated.lock() = Some(separated);
        Ok(Value::from(clean))
    }

    /// Judges the numbered rows; gives a query for each expectation that some break: number, place, reason.
    fn judge_members(
        &self,
        dialect: &'static dyn dialect::Dialect,
        rows: &str,
        columns: &[(String, String)],
        members: &[NodeId],
        relation: &Relation,
    ) -> Vec<String> {
        let engine = &self.engine;
        // All with the same `where` are judged together.
        let mut groups: indexmap::IndexMap<String, Vec<NodeId>> = indexmap::IndexMap::new();
        for id in members {
            let condition = engine.manifest.nodes[id.0 as usize].config.str("where").unwrap_or_default();
            groups.entry(condition.to_owned()).or_default().push(*id);
        }
        let at = engine.shared.started_at.format("%Y-%m-%d %H:%M:%S%.6f");
        let mut found = Vec::new();
        for (condition, ids) in groups {
            let subject = Subject {
                relation: match condition.as_str() {
                    "" => rows.to_owned(),
                    condition => format!("(select * from {rows} where {condition}) as kpi_chosen"),
                },
                columns: columns.to_vec(),
            };
            let expectations: Vec<_> = ids
                .iter()
                .filter_map(|id| engine.manifest.nodes[id.0 as usize].expectation.clone())
                .map(|expectation| {
                    let format = expectation
                        .result_format
                        .clone()
                        .unwrap_or_else(|| engine.options.result_format.clone());
                    (expectation, format)
                })
                .collect();
            let mut queries = &*self.connection;
            let verdicts =
                Judge::new(dialect).judge(&mut queries, &subject, &expectations, &mut Spent::default());
            for ((id, (expectation, _)), verdict) in ids.iter().zip(&expectations).zip(verdicts) {
                let reason = dialect.text(&expectation.row_reason());
                if let Ok(judged) = &verdict
                    && judged.unexpected.unwrap_or(0) > 0
                    && let Some(sql) = &judged.rows
                {
                    found.push(format!(
                        "select {}, {} as place, {reason} as reason from ({sql}) as kpi_found",
                        dialect.name(ROW),
                        found.len()
                    ));
                }
                let rows = format!(
                    "select * from {} where {AT} = cast('{at}' as timestamp) and position({reason} in {REASONS}) > 0",
                    relation.render()
                );
                let aside = SetAside { verdict, relation: shown(relation), rows };
                engine.expectations.set_aside.lock().insert(*id, aside);
            }
        }
        found
    }

    /// `kpi_quarantine_statements(adds)`: what fills the quarantine, one statement each. `adds`: the model's rows are
    /// added to those that it has.
    pub(crate) fn quarantine_statements(&self, adds: bool) -> Result<Value> {
        let guard = self.separated.lock();
        let (Some(separated), Some(node)) = (guard.as_ref(), self.node()) else { return Ok(Value::list([])) };
        let engine = &self.engine;
        let Some(dialect) = dialect::of(engine.adapter.type_name()) else { return Ok(Value::list([])) };
        let (rows, quarantine) = (&separated.rows, separated.relation.render());
        let row = dialect.name(ROW);
        let names: Vec<String> = separated.columns.iter().map(|(name, _)| dialect.name(name)).collect();
        let prefixed: Vec<String> = names.iter().map(|name| format!("kpi_rows.{name}")).collect();
        let at = engine.shared.started_at.format("%Y-%m-%d %H:%M:%S%.6f");
        let at = format!("cast('{at}' as timestamp) as {AT}");
        let broken = match &separated.broken {
            Some(broken) => format!(
                "select {}, kpi_broken.reasons as {REASONS}, {at} from {rows} as kpi_rows inner join {broken} as \
                 kpi_broken on kpi_broken.{row} = kpi_rows.{row}",
                prefixed.join(", ")
            ),
            None => format!(
                "select {}, cast(null as varchar) as {REASONS}, {at} from {rows} as kpi_rows where 1 = 0",
                prefixed.join(", ")
            ),
        };
        let relation = &separated.relation;
        let there = engine.cache.get_relation(
            relation.database.as_deref(),
            relation.schema.as_deref().unwrap_or_default(),
            relation.identifier.as_deref().unwrap_or_default(),
        );
        let mut statements = Vec::new();
        if !adds || there.is_none() {
            statements.push(format!("create or replace table {quarantine} as {broken}"));
        } else {
            let known = self.columns_of(&quarantine, &[])?;
            for (name, kind) in &separated.columns {
                if !known.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                    statements
                        .push(format!("alter table {quarantine} add column {} {kind}", dialect.name(name)));
                }
            }
            // A row that comes again takes the place of what is kept of it.
            let keys = match node.config.get("unique_key") {
                Some(Json::String(key)) => vec![key],
                Some(Json::Array(keys)) => {
                    keys.iter().filter_map(|k| k.as_str().map(str::to_owned)).collect()
                }
                _ => Vec::new(),
            };
            if !keys.is_empty() {
                let keys = keys.join(", ");
                statements
                    .push(format!("delete from {quarantine} where ({keys}) in (select {keys} from {rows})"));
            }
            if separated.broken.is_some() {
                let list = names.join(", ");
                statements.push(format!("insert into {quarantine} ({list}, {REASONS}, {AT}) {broken}"));
            }
        }
        Ok(Value::list(statements.into_iter().map(Value::from)))
    }

    /// Names and types of a relation's columns, without some.
    fn columns_of(&self, relation: &str, without: &[&str]) -> Result<Vec<(String, String)>> {
        let columns = self.connection.describe(&format!("select * from {relation}"))?;
        let columns = columns.into_iter().filter(|c| !without.iter().any(|w| c.name.eq_ignore_ascii_case(w)));
        Ok(columns.map(|c| (c.name.to_string(), c.data_type().to_string())).collect())
    }

    /// The name of a temporary table of the session.
    fn temporary(&self, node: &Node, what: &str) -> String {
        let mut relation = node.relation();
        relation.identifier = Some(format!("kpi_{what}__{}", node.alias).into());
        if self.engine.adapter.type_name() == "duckdb" {
            // DuckDB keeps temporary tables in a database of their own.
            relation.include.set("database", false);
            relation.include.set("schema", false);
        }
        relation.render()
    }
}
