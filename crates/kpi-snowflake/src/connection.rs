//! A session as the engine uses it: statements, transactions, what there is in a schema, seeds.

use crate::adapter::Shared;
use crate::answer::Answer;
use crate::column::RULES;
use crate::error::ServiceError;
use crate::exchange::{Asked, Exchange};
use crate::seed::{Batches, Source};
use crate::session::{Client, runtime};
use crate::stage::Unstaged;
use crate::statement::{behind_comments, first_word, opens_transaction, split, words};
use crate::versions;
use kpi_adapter::{
    AdapterError, AdapterErrorKind, AdapterResponse, Cancel, Cell, Column, Connection, CostDetail, CsvFormat,
    Estimate, Fetch, Policy, QueryComment, QueryResult, Relation, RelationType, RunCost, SeedColumn, Table,
    TableCopy,
};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many rows a `show` brings at once.
const PAGE: usize = 10_000;

pub(crate) struct SnowflakeConnection {
    pub(crate) client: Box<dyn Client>,
    in_transaction: bool,
    /// A statement inside a transaction failed: the session is of use again only after a rollback.
    broken: bool,
    /// What the statements of the running node carry.
    comment: Option<QueryComment>,
    /// For the debug log.
    notes: Vec<String>,
    /// The node that the session works for, or `master`.
    node: Arc<str>,
    /// The warehouse in use when the last statement ended.
    pub(crate) warehouse: Option<String>,
    pub(crate) shared: Arc<Shared>,
}

struct Abort(Arc<Exchange>);

impl Cancel for Abort {
    fn cancel(&self) {
        if let Ok(runtime) = runtime() {
            let exchange = self.0.clone();
            drop(runtime.spawn(async move { exchange.abort().await }));
        }
    }
}

impl SnowflakeConnection {
    pub(crate) fn new(client: Box<dyn Client>, shared: Arc<Shared>) -> Self {
        let node = "master".into();
        Self {
            client,
            in_transaction: false,
            broken: false,
            comment: None,
            node,
            warehouse: None,
            notes: Vec::new(),
            shared,
        }
    }

    pub(crate) fn exchange(&self) -> Arc<Exchange> {
        self.client.exchange()
    }

    /// Runs one statement.
    fn run(&mut self, sql: &str, asked: Asked) -> Result<Answer, AdapterError> {
        if self.broken && first_word(sql) != "rollback" {
            self.rolled_back()?;
        }
        if self.shared.looks_only && !only_looks(sql) {
            return Err(refused(sql));
        }
        let result = self.client.run(sql, Asked { in_transaction: self.in_transaction, ..asked });
        let (query_id, warehouse) = match &result {
            Ok(answer) => (answer.query_id.as_str(), answer.warehouse.as_deref()),
            Err(error) => (error.query_id(), None),
        };
        let session = self.client.exchange().session_id();
        self.shared.ledger.note(query_id, session, &self.node, sql, warehouse);
        if let Some(warehouse) = warehouse.filter(|name| self.warehouse.as_deref() != Some(name)) {
            self.warehouse = Some(warehouse.to_owned());
        }
        match result {
            Ok(answer) => {
                self.note_transaction(sql);
                Ok(answer)
            }
            Err(error) => {
                self.broken = self.in_transaction;
                Err(self.told(error))
            }
        }
    }

    pub(crate) fn commented(&self, sql: String) -> String {
        self.comment.as_ref().map_or(sql.clone(), |comment| comment.apply(&sql))
    }

    fn told(&self, error: ServiceError) -> AdapterError {
        error.into_adapter_error(self.client.exchange().was_cancelled())
    }

    fn rolled_back(&mut self) -> Result<(), AdapterError> {
        self.broken = false;
        self.in_transaction = false;
        match self.client.run("rollback", Asked::default()) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.told(error)),
        }
    }

    /// Hooks and macros begin and end transactions themselves.
    fn note_transaction(&mut self, sql: &str) {
        match first_word(sql).as_str() {
            _ if opens_transaction(sql) => self.in_transaction = true,
            "commit" | "rollback" => {
                self.in_transaction = false;
                self.broken = false;
            }
            _ => {}
        }
    }

    pub(crate) fn query(&mut self, sql: &str) -> Result<Answer, AdapterError> {
        self.run(sql, Asked::default())
    }

    /// All rows of a `show`, of which the service brings so many at once. The first of `columns` is the name by which it
    /// orders them.
    fn paged(&mut self, show: &str, columns: &[&str]) -> Result<Vec<Vec<String>>, AdapterError> {
        let mut all: Vec<Vec<String>> = Vec::new();
        let mut from = String::new();
        loop {
            let rows = self.listed(&format!("{show} limit {PAGE}{from}"), columns)?;
            let count = rows.len();
            let before = all.last().and_then(|row| row.first()).cloned();
            all.extend(rows);
            let last = all.last().and_then(|row| row.first()).cloned().unwrap_or_default();
            // A service that does not go on would be asked for ever.
            if count < PAGE || last.is_empty() || before.as_ref() == Some(&last) {
                return Ok(all);
            }
            from = format!(" from {}", text(&last));
        }
    }

    /// Rows as texts, with the columns asked for.
    fn listed(&mut self, sql: &str, columns: &[&str]) -> Result<Vec<Vec<String>>, AdapterError> {
        let answer = self.query(sql)?;
        let positions: Vec<Option<usize>> = columns
            .iter()
            .map(|name| answer.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
            .collect();
        Ok(answer
            .rows
            .iter()
            .map(|row| {
                positions
                    .iter()
                    .map(|at| at.and_then(|at| row.get(at).cloned().flatten()).unwrap_or_default())
                    .collect()
            })
            .collect())
    }
}

/// Whether statements change nothing, as far as their first words tell.
fn only_looks(sql: &str) -> bool {
    const LOOKING: [&str; 9] =
        ["select", "with", "show", "describe", "desc", "explain", "list", "ls", "rollback"];
    split(sql)
        .into_iter()
        .all(|statement| words(statement).next().is_none_or(|word| LOOKING.contains(&word.as_str())))
}

fn refused(sql: &str) -> AdapterError {
    let first = behind_comments(sql).lines().next().unwrap_or_default();
    let shown: String = first.chars().take(60).collect();
    AdapterError::new(AdapterErrorKind::Statement, format!("a dry run does not run this statement: {shown}"))
        .with_hint("a macro sends it while the node is compiled")
}

/// What Snowflake's drivers call the end of a statement: `SUCCESS 3` where rows changed or came.
fn response(answer: &Answer, returned: usize) -> AdapterResponse {
    let mut rows = answer.changed().unwrap_or_else(|| i64::try_from(returned).unwrap_or(i64::MAX));
    let mut extra = Map::new();
    if let Some(stats) = answer.stats.as_ref().and_then(Json::as_object) {
        let names = [
            ("numRowsInserted", "rows_inserted"),
            ("numRowsUpdated", "rows_updated"),
            ("numRowsDeleted", "rows_deleted"),
            ("numDmlDuplicates", "rows_duplicates"),
        ];
        for (theirs, ours) in names {
            if let Some(count) = stats.get(theirs).and_then(Json::as_i64) {
                extra.insert(ours.into(), count.into());
                // A table that is created as a query answers with one row that says so: this is how many it got.
                if ours == "rows_inserted" && count > 0 {
                    rows = count;
                }
            }
        }
    }
    if let Some(warehouse) = &answer.warehouse {
        extra.insert("warehouse".into(), warehouse.clone().into());
    }
    AdapterResponse {
        message: format!("SUCCESS {rows}"),
        code: Some("SUCCESS".to_owned()),
        rows_affected: Some(rows),
        query_id: Some(answer.query_id.clone()).filter(|id| !id.is_empty()),
        extra,
    }
}

/// A name as a project writes it: quoted only where it must be, since quotes keep the database from upper-casing it.
pub(crate) fn identifier(name: &str) -> String {
    let mut characters = name.chars();
    let plain = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// A bound value with its wire type.
fn binding(cell: &Cell) -> Json {
    let (kind, value) = match cell {
        Cell::Null => return json!({"type": "TEXT", "value": null}),
        Cell::Bool(b) => ("BOOLEAN", b.to_string()),
        Cell::Int(i) => ("FIXED", i.to_string()),
        Cell::Float(f) => ("REAL", f.to_string()),
        Cell::Decimal(d) => ("TEXT", d.to_string()),
        other => ("TEXT", other.text()),
    };
    json!({"type": kind, "value": value})
}

impl Connection for SnowflakeConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let mut last = Answer::default();
        for statement in split(sql) {
            let answer = self.query(statement)?;
            // `commit` says nothing of what was committed.
            if first_word(statement) != "commit" || last.query_id.is_empty() {
                last = answer;
            }
        }
        let limit = match fetch {
            Fetch::No => 0,
            Fetch::All => usize::MAX,
            Fetch::Limit(limit) => limit,
        };
        let response = response(&last, last.rows.len());
        let table = match fetch {
            Fetch::No => Table::default(),
            _ => last.into_table(limit).map_err(|error| self.told(error))?,
        };
        Ok(QueryResult { response, table })
    }

    fn execute_with(&mut self, sql: &str, bindings: &[Cell]) -> Result<QueryResult, AdapterError> {
        let bound: Map<String, Json> =
            bindings.iter().enumerate().map(|(i, cell)| ((i + 1).to_string(), binding(cell))).collect();
        let bindings = (!bound.is_empty()).then_some(Json::Object(bound));
        let answer = self.run(sql, Asked { bindings, ..Asked::default() })?;
        let response = response(&answer, answer.rows.len());
        let table = answer.into_table(usize::MAX).map_err(|error| self.told(error))?;
        Ok(QueryResult { response, table })
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Ok(());
        }
        self.query("begin").map(drop)
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        if self.broken {
            return self.rolled_back();
        }
        self.query("commit").map(drop)
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        if !self.in_transaction && !self.broken {
            return Ok(());
        }
        self.rolled_back()
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn list_relations(
        &mut self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<Relation>, AdapterError> {
        let place = match database {
            Some(database) => format!("{}.{}", identifier(database), identifier(schema)),
            None => identifier(schema),
        };
        let columns =
            ["name", "database_name", "schema_name", "kind", "is_dynamic", "is_iceberg", "is_interactive"];
        let rows = of_what_is_there(self.paged(&format!("show objects in schema {place}"), &columns))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let [name, database, schema, kind, dynamic, iceberg, interactive] =
                    row.try_into().unwrap_or_default();
                let yes = |flag: &str| ["y", "yes"].iter().any(|word| flag.eq_ignore_ascii_case(word));
                let kind = match kind.to_ascii_uppercase().as_str() {
                    "VIEW" => RelationType::View,
                    "MATERIALIZED_VIEW" | "MATERIALIZED VIEW" => RelationType::MaterializedView,
                    // An interactive table that refreshes itself is listed as both.
                    _ if yes(&interactive) => RelationType::InteractiveTable,
                    _ if yes(&dynamic) => RelationType::DynamicTable,
                    "DYNAMIC_TABLE" | "DYNAMIC TABLE" => RelationType::DynamicTable,
                    "EXTERNAL_TABLE" | "EXTERNAL TABLE" => RelationType::External,
                    _ => RelationType::Table,
                };
                let mut relation =
                    Relation::new(Some(database.into()), Some(schema.into()), Some(name.into()))
                        .with_kind(kind);
                relation.quote = Policy::ALL;
                if yes(&iceberg) {
                    relation.extra_mut().iceberg = true;
                }
                relation
            })
            .collect())
    }

    fn list_schemas(&mut self, database: Option<&str>) -> Result<Vec<String>, AdapterError> {
        let place =
            database.map(|database| format!(" in database {}", identifier(database))).unwrap_or_default();
        let rows = self.paged(&format!("show terse schemas{place}"), &["name"])?;
        Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        let described = self.listed(&format!("describe table {}", relation.render()), &["name", "type"]);
        let rows = of_what_is_there(described)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let [name, kind]: [String; 2] = row.try_into().ok()?;
                Some(
                    Column::described(&RULES, &name, &kind)
                        .unwrap_or_else(|_| Column::new(name.as_str(), kind.as_str()).with_rules(&RULES)),
                )
            })
            .collect())
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError> {
        // A model's header stands in front: it runs, since the query may read what it sets.
        let statements = split(sql);
        let Some((query, header)) = statements.split_last() else { return Ok(Vec::new()) };
        for statement in header {
            self.query(statement)?;
        }
        let answer = self.run(query, Asked { describe_only: true, ..Asked::default() })?;
        Ok(answer.described())
    }

    fn load_csv(
        &mut self,
        relation: &Relation,
        path: &Path,
        format: CsvFormat,
        columns: &[SeedColumn],
    ) -> Result<u64, AdapterError> {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        self.load(relation, &names, &Source::Csv { path, format, columns })
    }

    fn load_table(&mut self, relation: &Relation, table: &Table) -> Result<u64, AdapterError> {
        let names: Vec<&str> = table.columns.iter().map(|name| &**name).collect();
        self.load(relation, &names, &Source::Table(table))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn copy_table(
        &mut self,
        from: &Relation,
        to: &Relation,
        copy: TableCopy,
    ) -> Result<Vec<String>, AdapterError> {
        Ok(vec![versions::clone_statement(from, to, copy)])
    }

    fn view_definitions(&mut self, views: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        let found = self.told_of(views, versions::definitions_query)?;
        let definition = |(view, told): (&Relation, Option<Vec<String>>)| match told.as_deref() {
            Some([text, secure, ..]) if !text.is_empty() => {
                Some(versions::definition(view, text, secure.eq_ignore_ascii_case("yes")))
            }
            _ => None,
        };
        Ok(views.iter().zip(found).map(definition).collect())
    }

    fn change_marks(&mut self, relations: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        let found = self.told_of(relations, versions::marks_query)?;
        Ok(found
            .into_iter()
            .map(|told| told?.into_iter().next().filter(|mark| versions::is_moment(mark)))
            .collect())
    }

    fn carry(&mut self, node: &Arc<str>, comment: Option<&QueryComment>) {
        self.node = node.clone();
        self.comment = comment.cloned();
    }

    fn costs(&mut self, detail: CostDetail, budget: Duration) -> Result<Option<RunCost>, AdapterError> {
        self.ask_costs(detail, budget)
    }

    fn estimate(&mut self, sql: &str) -> Result<Estimate, AdapterError> {
        let sql = sql.trim().trim_end_matches(';');
        let answer = self.query(&format!("explain using json {sql}"))?;
        let plan = answer.rows.first().and_then(|row| row.first()).and_then(|cell| cell.as_deref());
        Ok(plan.and_then(crate::cost::explain::estimate).unwrap_or_default())
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(Abort(self.exchange()))
    }
}

impl SnowflakeConnection {
    /// What the information schema tells of relations, by one query for each database. The rows of the query have
    /// schema and name in front.
    fn told_of(
        &mut self,
        relations: &[Relation],
        query: fn(Option<&str>, &[&str]) -> String,
    ) -> Result<Vec<Option<Vec<String>>>, AdapterError> {
        let mut by_database: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
        for relation in relations {
            if let Some(schema) = relation.schema.as_deref() {
                by_database.entry(relation.database.as_deref()).or_default().insert(schema);
            }
        }
        let upper = |parts: [Option<&str>; 3]| parts.map(|part| part.unwrap_or_default().to_uppercase());
        let mut found: HashMap<[String; 3], Vec<String>> = HashMap::new();
        for (database, schemas) in by_database {
            let schemas: Vec<&str> = schemas.into_iter().collect();
            for row in self.query(&self.commented(query(database, &schemas)))?.rows {
                let mut row = row.into_iter().map(Option::unwrap_or_default);
                if let (Some(schema), Some(name)) = (row.next(), row.next()) {
                    found.insert(upper([database, Some(&schema), Some(&name)]), row.collect());
                }
            }
        }
        let key = |r: &Relation| upper([r.database.as_deref(), r.schema.as_deref(), r.identifier.as_deref()]);
        Ok(relations.iter().map(|relation| found.get(&key(relation)).cloned()).collect())
    }

    /// Replaces the rows of a table: many by way of a stage, where that is open, and else in batches.
    fn load(
        &mut self,
        relation: &Relation,
        names: &[&str],
        source: &Source<'_>,
    ) -> Result<u64, AdapterError> {
        // A line of one NULL would be an empty line, which is no row of a file.
        let files = names.len() > 1 && source.is_large()?;
        let names = names.join(", ");
        if files {
            let exchange = self.exchange();
            let staged = match exchange.settings.no_stage.get() {
                Some(why) => Err(Unstaged::Closed(why.clone())),
                None => self.load_staged(relation, &names, source),
            };
            match staged {
                Ok(rows) => {
                    self.notes.push(format!("{relation}: {rows} rows came by way of a stage"));
                    return Ok(rows);
                }
                Err(Unstaged::Failed(error)) => return Err(error),
                Err(Unstaged::Closed(why)) => {
                    self.notes
                        .push(format!("{relation}: its rows are inserted; no stage can be used: {why}"));
                    // What is closed for one session is closed for the others, and finding out takes its time.
                    drop(exchange.settings.no_stage.set(why));
                }
            }
        }
        self.insert(relation, &names, source.batches()?)
    }

    /// Inserts rows in batches, all in one transaction: a seed is there whole or not at all.
    fn insert(
        &mut self,
        relation: &Relation,
        names: &str,
        batches: Batches<'_>,
    ) -> Result<u64, AdapterError> {
        let own = !self.in_transaction;
        if own {
            self.begin()?;
        }
        let mut inserted = 0;
        let mut into = "insert overwrite into";
        let result = (|| {
            for batch in batches {
                let (rows, values) = batch?;
                let sql = format!("{into} {} ({names}) values\n{values}", relation.render());
                self.query(&self.commented(sql))?;
                into = "insert into";
                inserted += rows;
            }
            Ok(inserted)
        })();
        match (result, own) {
            (Ok(rows), true) => self.commit().map(|()| rows),
            (Ok(rows), false) => Ok(rows),
            (Err(error), _) => {
                // The first error is the one that counts.
                drop(self.rollback());
                Err(error)
            }
        }
    }
}

/// What is told of an object; nothing of one that is not there.
fn of_what_is_there<T>(told: Result<Vec<T>, AdapterError>) -> Result<Vec<T>, AdapterError> {
    match told {
        Err(error) if error.kind == AdapterErrorKind::Statement && is_missing(&error) => Ok(Vec::new()),
        told => told,
    }
}

/// Whether an object that a statement names is not there (or not for this role).
fn is_missing(error: &AdapterError) -> bool {
    error.message.contains("002003")
        || error.message.contains("002043")
        || error.message.contains("does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_may_run_in_a_dry_run() {
        for sql in [
            "select 1",
            "-- note\n(select 1)",
            "show tables; describe table t",
            "with a as (select 1) select 1",
            "",
        ] {
            assert!(only_looks(sql), "{sql}");
        }
        for sql in [
            "create table t (n int)",
            "select 1; drop table t",
            "/* select */ insert into t values (1)",
            "call p()",
        ] {
            assert!(!only_looks(sql), "{sql}");
        }
        assert_eq!(
            refused("/* {} */ create table t as\nselect 1").message,
            "a dry run does not run this statement: create table t as"
        );
    }
}
