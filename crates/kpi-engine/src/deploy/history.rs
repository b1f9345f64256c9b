//! The tables of kpi's own: one row for each deployment and rollback, one for each relation that it changed.
//!
//! They are in a schema of the target's database. A row of `deployments` is there before anything is done; what was
//! begun and never ended is known by it. Whoever runs says so in `alive_at`, where the database lets others write
//! meanwhile.

use super::{failed, shown, wrong};
use crate::engine::Engine;
use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use kpi_adapter::{AdapterError, Cell, Fetch, NodeConnection, Policy, Relation};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_quality::dialect::{self, Dialect};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

/// The schema of the tables, unless `--history-schema` names another.
const SCHEMA: &str = "kpi_history";
/// How many rows are inserted at once.
const BATCH: usize = 200;

const DEPLOYMENTS: &[(&str, &str)] = &[
    ("run_id", "varchar"),
    ("kind", "varchar"),
    ("status", "varchar"),
    ("project_name", "varchar"),
    ("target_name", "varchar"),
    ("started_at", "timestamp"),
    ("completed_at", "timestamp"),
    ("alive_at", "timestamp"),
    ("restored", "varchar"),
    ("message", "varchar"),
];

const RELATIONS: &[(&str, &str)] = &[
    ("run_id", "varchar"),
    ("position", "integer"),
    ("unique_id", "varchar"),
    ("database_name", "varchar"),
    ("schema_name", "varchar"),
    ("identifier", "varchar"),
    ("relation_type", "varchar"),
    ("previous_type", "varchar"),
    ("previous_definition", "varchar"),
    ("kept_schema", "varchar"),
    ("kept_identifier", "varchar"),
    ("definition", "varchar"),
    ("fingerprint", "varchar"),
    ("mark", "varchar"),
    ("inputs", "varchar"),
];

/// What a deployment does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It brings what was built and tested into production.
    Deploy,
    /// It brings earlier versions back.
    Rollback,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Production is as it was.
    Before,
    /// Part of production has changed, and the next call has to end it.
    Changing,
    /// Production has changed.
    Done,
}

/// How a deployment is done.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many deployments' earlier versions are kept.
    pub keep: usize,
    /// The schema of the history.
    pub history_schema: Option<String>,
    /// What the names of staging schemas end in.
    pub staging_suffix: String,
    /// Build what has not changed too.
    pub rebuild: bool,
}

/// A row of `deployments`.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The invocation's id.
    pub run_id: String,
    /// `deploy`, `rollback`, or the command that changed production without them.
    pub kind: String,
    /// `running`, `publishing`, `published`, `failed`, `interrupted`, `empty`; `ran` of other commands.
    pub status: String,
    /// Start, in UTC.
    pub started_at: NaiveDateTime,
    /// When production had it.
    pub completed_at: Option<NaiveDateTime>,
    /// What a rollback brought back.
    pub restored: Option<String>,
    /// Relations of production that it changed.
    pub relations: i64,
    /// Of those, the ones whose earlier version is still there.
    pub kept: i64,
}

impl RunRecord {
    /// Whether production was in the state that this run left.
    pub(crate) fn is_known_state(&self) -> bool {
        matches!(self.status.as_str(), "published" | "ran")
    }
}

/// A row of `relations`: what became of one relation of production, and where what it was before is.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub run_id: String,
    pub position: usize,
    pub unique_id: String,
    pub relation: Relation,
    /// What it is now: `table`, or what is made in place.
    pub relation_type: String,
    /// What it was: `table`, `view`...; `None`: it was not there.
    pub previous_type: Option<String>,
    /// The statement that makes the earlier view.
    pub previous_definition: Option<String>,
    /// Where the earlier table is.
    pub kept: Option<Relation>,
    /// The statement that makes the new view.
    pub definition: Option<String>,
    pub fingerprint: Option<String>,
    pub mark: Option<String>,
    pub inputs: Map<String, Json>,
}

/// What production's relation of a node was built from.
#[derive(Debug, Clone)]
pub(crate) struct EarlierBuild {
    pub fingerprint: String,
    /// What told of its rows when it had come into production.
    pub mark: Option<String>,
    /// What told of the rows of its inputs, by unique id.
    pub inputs: Map<String, Json>,
}

/// The history, and the run that is writing in it.
pub struct Deployments {
    pub(crate) engine: Arc<Engine>,
    pub(crate) connection: Arc<NodeConnection>,
    pub(crate) settings: Settings,
    pub(crate) run_id: String,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    deployments: Relation,
    relations: Relation,
    pub(super) words: &'static dyn Dialect,
    beat: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Deployments {
    /// The history of the target that `engine` has. Nothing is asked of the database yet.
    ///
    /// # Errors
    /// A target on which nothing is deployed; a query comment that makes no sense.
    pub fn open(engine: &Arc<Engine>, run_id: &str, settings: Settings) -> Result<Self, Diagnostic> {
        let connection = engine.connection("deploy");
        connection.assign("deploy", engine.query_comment(None, &connection)?);
        let database = engine.adapter.default_database();
        let schema = settings.history_schema.clone().unwrap_or_else(|| SCHEMA.to_owned());
        let quote = engine.adapter.default_quoting();
        let table = |name: &str| {
            Relation::new(database.clone(), Some(schema.as_str().into()), Some(name.into())).with_quote(quote)
        };
        let words = dialect::of(engine.adapter.type_name()).ok_or_else(|| {
            wrong("K0940", format!("nothing is deployed on {}", engine.adapter.type_name()))
        })?;
        Ok(Self {
            engine: engine.clone(),
            connection,
            settings,
            run_id: run_id.to_owned(),
            kind: Kind::Deploy,
            phase: Phase::Before,
            deployments: table("deployments"),
            relations: table("relations"),
            words,
            beat: None,
        })
    }

    /// Whether the schema of the history is there.
    fn is_there(&self) -> Result<bool, AdapterError> {
        let there = self.connection.list_schemas(self.deployments.database.as_deref())?;
        let own = self.deployments.schema.as_deref().unwrap_or_default();
        Ok(there.iter().any(|name| name.eq_ignore_ascii_case(own)))
    }

    fn make(&self) -> Result<(), Diagnostic> {
        let made = (|| {
            if !self.is_there()? {
                let place = self.deployments.without_identifier();
                self.run(&format!("create schema if not exists {place}"))?;
            }
            for (table, columns) in [(&self.deployments, DEPLOYMENTS), (&self.relations, RELATIONS)] {
                let columns: Vec<String> =
                    columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
                self.run(&format!("create table if not exists {table} ({})", columns.join(", ")))?;
            }
            Ok(())
        })();
        made.map_err(|error| {
            let failed = failed("the history of deployments cannot be kept", &error);
            match failed.hint {
                Some(_) => failed,
                None => failed
                    .with_hint("name a schema that the target's role may write to: --history-schema NAME"),
            }
        })
    }

    pub(crate) fn run(&self, sql: &str) -> Result<(), AdapterError> {
        self.connection.execute(sql, false, Fetch::No).map(drop)
    }

    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<Vec<Cell>>, AdapterError> {
        self.connection.execute(sql, false, Fetch::All).map(|result| result.table.rows)
    }

    pub(crate) fn say(&self, name: &'static str, level: Level, text: impl Into<String>) {
        self.engine.reporter().note(name, level, text);
    }

    fn text(&self, value: &str) -> String {
        self.words.text(value)
    }

    /// A text in SQL.
    pub(crate) fn quoted(&self, value: &str) -> String {
        self.text(value)
    }

    /// A moment in SQL.
    pub(crate) fn literal(&self, at: NaiveDateTime) -> String {
        self.words.moment(at)
    }

    /// The table of the runs.
    pub(crate) fn table(&self) -> &Relation {
        &self.deployments
    }

    fn optional(&self, value: Option<&str>) -> String {
        value.map_or_else(|| "null".to_owned(), |value| self.text(value))
    }

    fn moment(&self, at: DateTime<Utc>) -> String {
        self.words.moment(at.naive_utc().trunc_subsecs(6))
    }

    /// The condition of the rows of this project on this target.
    pub(super) fn own(&self, alias: &str) -> String {
        let project = self.text(&self.engine.manifest.root_package);
        let target = self.text(&self.engine.options.target_name);
        format!("{alias}project_name = {project} and {alias}target_name = {target}")
    }

    /// Says that this run begins; makes the history when first needed. A run that was broken off is marked so and given
    /// back; one that is at work refuses this one.
    ///
    /// # Errors
    /// Another deployment is at work; the database's.
    pub fn begin(&mut self, kind: Kind) -> Result<Vec<RunRecord>, Diagnostic> {
        self.kind = kind;
        self.make()?;
        let broken = self.broken_off()?;
        let now = self.moment(Utc::now());
        let row = [
            self.text(&self.run_id),
            self.text(kind.as_str()),
            self.text("running"),
            self.text(&self.engine.manifest.root_package),
            self.text(&self.engine.options.target_name),
            now.clone(),
            "null".to_owned(),
            now,
            "null".to_owned(),
            "null".to_owned(),
        ];
        self.insert(&self.deployments, DEPLOYMENTS, &[row.join(", ")])
            .map_err(|error| failed("the history of deployments cannot be written", &error))?;
        if !self.engine.adapter.is_exclusive() {
            self.beat = Some(self.start_beat());
        }
        Ok(broken)
    }

    /// Writes down that a run of `command` changed production itself, where there is a history: so a rollback can go back to
    /// it. Says whether it was written. The run must have made its schemas, which tells what schemas there are.
    ///
    /// # Errors
    /// The database's.
    pub fn note_run(&self, command: &str, started: DateTime<Utc>) -> Result<bool, Diagnostic> {
        let own = self.deployments.schema.as_deref().unwrap_or_default().to_lowercase();
        if !self.engine.schemas_seen.lock().contains(&own) {
            return Ok(false);
        }
        let (started, now) = (self.moment(started), self.moment(Utc::now()));
        let row = [
            self.text(&self.run_id),
            self.text(command),
            self.text("ran"),
            self.text(&self.engine.manifest.root_package),
            self.text(&self.engine.options.target_name),
            started,
            now.clone(),
            now,
            "null".to_owned(),
            "null".to_owned(),
        ];
        self.insert(&self.deployments, DEPLOYMENTS, &[row.join(", ")])
            .map_err(|error| failed("the history of deployments cannot be written", &error))?;
        Ok(true)
    }

    pub(crate) fn status_statement(&self, run_id: &str, status: &str, message: Option<&str>) -> String {
        let completed = match status {
            "running" | "publishing" => String::new(),
            _ => format!(", completed_at = {}", self.moment(Utc::now())),
        };
        format!(
            "update {} set status = {}, message = {}{completed} where run_id = {}",
            self.deployments,
            self.text(status),
            self.optional(message),
            self.text(run_id)
        )
    }

    pub(crate) fn set_status(
        &self,
        run_id: &str,
        status: &str,
        message: Option<&str>,
    ) -> Result<(), Diagnostic> {
        self.run(&self.status_statement(run_id, status, message))
            .map_err(|error| failed("the history of deployments cannot be written", &error))
    }

    /// Says that this run has changed nothing in production, and why. Where it has, it says nothing.
    ///
    /// # Errors
    /// The database's.
    pub fn give_up(&mut self, status: &'static str, message: &str) -> Result<(), Diagnostic> {
        match self.phase {
            Phase::Before => self.set_status(&self.run_id, status, Some(message)),
            Phase::Changing | Phase::Done => Ok(()),
        }
    }

    pub(crate) fn say_restored(&self, what: &str) -> Result<(), Diagnostic> {
        let (what, id) = (self.text(what), self.text(&self.run_id));
        self.run(&format!("update {} set restored = {what} where run_id = {id}", self.deployments))
            .map_err(|error| failed("the history of deployments cannot be written", &error))
    }

    fn insert(
        &self,
        table: &Relation,
        columns: &[(&str, &str)],
        rows: &[String],
    ) -> Result<(), AdapterError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        for batch in rows.chunks(BATCH) {
            let values = batch.iter().map(|row| format!("({row})")).collect::<Vec<_>>().join(",\n");
            self.run(&format!("insert into {table} ({}) values\n{values}", names.join(", ")))?;
        }
        Ok(())
    }

    /// Writes what this run changes; what was written of it before is replaced.
    pub(crate) fn write(&self, changes: &[Change]) -> Result<(), AdapterError> {
        let rows: Vec<String> = changes.iter().map(|change| self.row(change)).collect();
        let own = self.connection.in_transaction();
        self.connection.begin()?;
        self.run(&format!("delete from {} where run_id = {}", self.relations, self.text(&self.run_id)))?;
        self.insert(&self.relations, RELATIONS, &rows)?;
        if own { Ok(()) } else { self.connection.commit() }
    }

    fn row(&self, change: &Change) -> String {
        let part = |part: &Option<Arc<str>>| self.optional(part.as_deref());
        let kept = change.kept.as_ref();
        [
            self.text(&change.run_id),
            change.position.to_string(),
            self.text(&change.unique_id),
            part(&change.relation.database),
            part(&change.relation.schema),
            part(&change.relation.identifier),
            self.text(&change.relation_type),
            self.optional(change.previous_type.as_deref()),
            self.optional(change.previous_definition.as_deref()),
            kept.map_or_else(|| "null".to_owned(), |kept| part(&kept.schema)),
            kept.map_or_else(|| "null".to_owned(), |kept| part(&kept.identifier)),
            self.optional(change.definition.as_deref()),
            self.optional(change.fingerprint.as_deref()),
            self.optional(change.mark.as_deref()),
            self.text(&Json::Object(change.inputs.clone()).to_string()),
        ]
        .join(", ")
    }

    /// The changes of published runs (of `run_id` whatever its status), oldest first.
    pub(crate) fn changes(&self, condition: &str) -> Result<Vec<Change>, Diagnostic> {
        let names: Vec<String> = RELATIONS.iter().map(|(name, _)| format!("r.{name}")).collect();
        let sql = format!(
            "select {} from {} as r join {} as d on d.run_id = r.run_id where {} and {condition} \
             order by d.started_at, r.position",
            names.join(", "),
            self.relations,
            self.deployments,
            self.own("d.")
        );
        let rows =
            self.rows(&sql).map_err(|error| failed("the history of deployments cannot be read", &error))?;
        Ok(rows.iter().map(|row| self.change(row)).collect())
    }

    fn change(&self, row: &[Cell]) -> Change {
        let text = |at: usize| row.get(at).filter(|cell| **cell != Cell::Null).map(Cell::text);
        let unique_id = text(2).unwrap_or_default();
        let quote = self.quoting_of(&unique_id);
        let named = |schema: Option<String>, name: Option<String>| {
            Relation::new(text(3).map(Into::into), schema.map(Into::into), name.map(Into::into))
                .with_quote(quote)
        };
        Change {
            run_id: text(0).unwrap_or_default(),
            position: text(1).and_then(|text| text.parse().ok()).unwrap_or_default(),
            relation: named(text(4), text(5)),
            relation_type: text(6).unwrap_or_default(),
            previous_type: text(7),
            previous_definition: text(8),
            kept: text(10).map(|name| named(text(9), Some(name))),
            definition: text(11),
            fingerprint: text(12),
            mark: text(13),
            inputs: text(14).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            unique_id,
        }
    }

    /// How the names of a node's relations are quoted.
    fn quoting_of(&self, unique_id: &str) -> Policy {
        let node = self.engine.manifest.node(unique_id);
        node.map_or_else(|| self.engine.adapter.default_quoting(), |node| node.quote)
    }

    /// What production was last built from, by node.
    pub(crate) fn earlier_builds(&self) -> Result<FxHashMap<Arc<str>, EarlierBuild>, Diagnostic> {
        let last = "d.status = 'published' qualify row_number() over (partition by r.unique_id, r.identifier order by \
                    d.completed_at desc) = 1";
        let mut found = FxHashMap::default();
        for change in self.changes(last)? {
            if let Some(fingerprint) = change.fingerprint {
                let build = EarlierBuild { fingerprint, mark: change.mark, inputs: change.inputs };
                found.insert(Arc::from(change.unique_id), build);
            }
        }
        Ok(found)
    }

    /// Whether anything was ever deployed here.
    pub(crate) fn knows_any(&self) -> Result<bool, Diagnostic> {
        let sql = format!(
            "select count(*) from {} where {} and run_id <> {}",
            self.deployments,
            self.own(""),
            self.text(&self.run_id)
        );
        let rows =
            self.rows(&sql).map_err(|error| failed("the history of deployments cannot be read", &error))?;
        Ok(rows.first().and_then(|row| row.first()).is_some_and(|count| count.text() != "0"))
    }

    /// All runs, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn records(&self) -> Result<Vec<RunRecord>, Diagnostic> {
        if !self.is_there().map_err(|error| failed("the schemas cannot be listed", &error))? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "select d.run_id, d.kind, d.status, d.started_at, d.completed_at, d.restored, count(r.run_id), \
             count(case when r.kept_identifier is not null or r.previous_definition is not null then 1 end) \
             from {} as d left join {} as r on r.run_id = d.run_id where {} and d.run_id <> {} \
             group by 1, 2, 3, 4, 5, 6 order by d.started_at desc",
            self.deployments,
            self.relations,
            self.own("d."),
            self.text(&self.run_id)
        );
        let rows =
            self.rows(&sql).map_err(|error| failed("the history of deployments cannot be read", &error))?;
        let count = |cell: &Cell| cell.text().parse().unwrap_or_default();
        Ok(rows
            .iter()
            .map(|row| RunRecord {
                run_id: row[0].text(),
                kind: row[1].text(),
                status: row[2].text(),
                started_at: moment_of(&row[3]).unwrap_or_default(),
                completed_at: moment_of(&row[4]),
                restored: Some(row[5].text()).filter(|_| row[5] != Cell::Null),
                relations: count(&row[6]),
                kept: count(&row[7]),
            })
            .collect())
    }

    /// Drops earlier versions beyond those that are to be kept, and those of runs that came to nothing.
    pub(crate) fn prune(&self) -> Result<(), Diagnostic> {
        let published = self.records_with_own()?;
        let old: Vec<String> = published
            .iter()
            .filter(|(_, status)| status == "published")
            .skip(self.settings.keep)
            .chain(published.iter().filter(|(_, status)| status == "failed" || status == "interrupted"))
            .map(|(id, _)| self.text(id))
            .collect();
        if old.is_empty() {
            return Ok(());
        }
        let condition = format!("r.kept_identifier is not null and r.run_id in ({})", old.join(", "));
        for change in self.changes(&condition)? {
            if let Some(kept) = &change.kept {
                self.run(&format!("drop table if exists {kept}"))
                    .map_err(|error| failed(&format!("{} cannot be dropped", shown(kept)), &error))?;
            }
        }
        self.run(&format!(
            "update {} set kept_schema = null, kept_identifier = null where kept_identifier is not null and run_id in ({})",
            self.relations,
            old.join(", ")
        ))
        .map_err(|error| failed("the history of deployments cannot be written", &error))
    }

    /// Ids and statuses, this run's included, newest first.
    fn records_with_own(&self) -> Result<Vec<(String, String)>, Diagnostic> {
        let sql = format!(
            "select run_id, status from {} where {} order by started_at desc",
            self.deployments,
            self.own("")
        );
        let rows =
            self.rows(&sql).map_err(|error| failed("the history of deployments cannot be read", &error))?;
        Ok(rows.iter().map(|row| (row[0].text(), row[1].text())).collect())
    }
}

impl Drop for Deployments {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.beat.take() {
            drop(end);
            let _ = thread.join();
        }
        self.connection.close();
    }
}

pub(super) fn moment_of(cell: &Cell) -> Option<NaiveDateTime> {
    match cell {
        Cell::Timestamp(at) => Some(*at),
        Cell::TimestampTz(at) => Some(at.naive_utc()),
        _ => None,
    }
}
