//! The trait that a target implements.

use crate::{CatalogIntegration, Column, Policy, Relation, Table};
use kpi_diagnostics::Diagnostic;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// One target: opens connections and knows the dialect's facts. Shared by all workers.
pub trait Adapter: Send + Sync {
    /// `duckdb`, `snowflake`.
    fn type_name(&self) -> &'static str;

    /// Prefixes for `adapter.dispatch`, own first: `["duckdb"]`.
    fn dispatch_prefixes(&self) -> Vec<&'static str> {
        vec![self.type_name()]
    }

    /// Opens (or clones) a session. `name` is shown in logs: the node's unique id or `master`.
    ///
    /// # Errors
    /// Wrong path, lock, credentials: the message says what to do.
    fn connect(&self, name: &str) -> Result<Box<dyn Connection>, AdapterError>;

    /// What `target` holds in templates, without secrets (`name`, `type`, `schema`, `database`, `threads`, ...).
    fn target_fields(&self) -> Map<String, Json>;

    /// The database that models without `database` go to.
    fn default_database(&self) -> Option<Arc<str>>;

    /// The schema of the target.
    fn default_schema(&self) -> Arc<str>;

    /// `"`
    fn quote_char(&self) -> char {
        '"'
    }

    /// Which parts of a relation are quoted when printed, unless the project says otherwise.
    fn default_quoting(&self) -> Policy {
        Policy { database: true, schema: true, identifier: true }
    }

    /// Fields and their values for `kpi debug`, without secrets.
    fn debug_fields(&self) -> Vec<(String, String)>;

    /// Materialized incremental strategies that the target knows.
    fn valid_incremental_strategies(&self) -> &'static [&'static str];

    /// A handle that cancels every running statement of this target (Ctrl-C, `--fail-fast`).
    fn cancel_all(&self);

    /// Whether the database knows when a relation last changed, which tells a source's freshness without a column for it.
    fn knows_last_modified(&self) -> bool {
        false
    }

    /// The statements of a text where the database takes one at a time: each is sent, logged and commented by itself.
    /// `None`: it takes a text as it is.
    fn split_statements<'s>(&self, _sql: &'s str) -> Option<Vec<&'s str>> {
        None
    }

    /// The warehouse that a node asks for by its config, where it is another than the target's.
    fn own_warehouse(&self, _config: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        None
    }

    /// From now on the target remembers which node sent which statement, so that [`Connection::costs`] can tell what each
    /// cost. Does nothing where statements have no cost of their own.
    fn watch_costs(&self) {}

    /// Whether [`Connection::costs`] can tell anything: statements of this target are paid for one by one.
    fn knows_costs(&self) -> bool {
        false
    }

    /// This target for calls that only look: where the database can, it refuses to write. `None`: it cannot.
    fn looking_only(&self) -> Option<Arc<dyn Adapter>> {
        None
    }

    /// How Python models run beside this target; `None`: not at all.
    fn python(&self) -> Option<crate::PythonTarget> {
        None
    }

    /// Whether statements that make, drop and rename relations are part of a transaction.
    fn has_transactional_ddl(&self) -> bool {
        false
    }

    /// Whether no other process can write to the database while this one has it open.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// The statement that makes or replaces a view without more than its query; who had rights on the one that is
    /// replaced keeps them, where the database would take them.
    fn view_statement(&self, view: &Relation, query: &str, _secure: bool) -> String {
        format!("create or replace view {view} as (\n{query}\n)")
    }

    /// The statement that makes the schema `to` what `schema` was at a moment (tables that were replaced or dropped
    /// since included), where the database keeps its past by itself.
    fn recall_schema(
        &self,
        _schema: &Relation,
        _to: &Relation,
        _at: chrono::DateTime<chrono::Utc>,
    ) -> Option<String> {
        None
    }

    /// The statements that run a Python model inside the database: `model` is the node as templates have it, `code` the
    /// whole script. `None`: the target has no such thing.
    ///
    /// # Errors
    /// A config that the target does not understand.
    fn python_statements(&self, _model: &Json, _code: &str) -> Option<Result<Vec<String>, AdapterError>> {
        None
    }

    /// Checks the catalogs that the project declares.
    ///
    /// # Errors
    /// A kind that the target does not know, or settings that do not fit it.
    fn check_catalogs(&self, _catalogs: &[CatalogIntegration]) -> Result<(), AdapterError> {
        Ok(())
    }

    /// Runs the clean-up that a killed earlier run may owe, once before the first node. May do nothing.
    ///
    /// # Errors
    /// The database's.
    fn recover(&self) -> Result<(), AdapterError> {
        Ok(())
    }

    /// What templates may know of the target without asking the database.
    fn facts(&self) -> crate::AdapterFacts {
        crate::AdapterFacts::common(self)
    }

    /// Clears away what a killed run left in the schemas that the project builds, given as `(database, schema)`.
    /// Returns a line for each thing that was done.
    ///
    /// # Errors
    /// The database's.
    fn recover_schemas(&self, schemas: &[(Option<String>, String)]) -> Result<Vec<String>, AdapterError> {
        let _ = schemas;
        Ok(Vec::new())
    }
}

/// What to bring back of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// Only the response.
    No,
    /// All rows.
    All,
    /// The first rows.
    Limit(usize),
}

/// One session with the database.
pub trait Connection: Send {
    /// Runs one or more statements separated by `;`, returning the last one's result.
    ///
    /// # Errors
    /// The database's message, with the SQL's position where it gives one.
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError>;

    /// Runs a statement with bound parameters (seeds and package code use it).
    ///
    /// # Errors
    /// As [`Connection::execute`].
    fn execute_with(&mut self, sql: &str, bindings: &[crate::Cell]) -> Result<QueryResult, AdapterError>;

    /// Starts a transaction; does nothing inside one.
    ///
    /// # Errors
    /// The database's.
    fn begin(&mut self) -> Result<(), AdapterError>;

    /// Commits the open transaction, if any.
    ///
    /// # Errors
    /// The database's.
    fn commit(&mut self) -> Result<(), AdapterError>;

    /// Rolls back the open transaction, if any. After an error the session is usable again.
    ///
    /// # Errors
    /// The database's.
    fn rollback(&mut self) -> Result<(), AdapterError>;

    /// Whether a transaction is open.
    fn in_transaction(&self) -> bool;

    /// All relations of a schema, in one query: for the relation cache.
    ///
    /// # Errors
    /// The database's.
    fn list_relations(&mut self, database: Option<&str>, schema: &str)
    -> Result<Vec<Relation>, AdapterError>;

    /// The names of the schemas of a database.
    ///
    /// # Errors
    /// The database's.
    fn list_schemas(&mut self, database: Option<&str>) -> Result<Vec<String>, AdapterError>;

    /// The columns of a relation with the database's types, in order; empty if there is none such.
    ///
    /// # Errors
    /// The database's.
    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, AdapterError>;

    /// Column names and types of a query, without running it.
    ///
    /// # Errors
    /// The database's.
    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError>;

    /// Loads a CSV file into an existing empty table whose columns have these types. Fast for millions of rows.
    ///
    /// # Errors
    /// A value that does not fit its column, with row and column.
    fn load_csv(
        &mut self,
        relation: &Relation,
        path: &std::path::Path,
        format: CsvFormat,
        columns: &[SeedColumn],
    ) -> Result<u64, AdapterError>;

    /// Loads the rows of a table into an existing table by position.
    ///
    /// # Errors
    /// The database's.
    fn load_table(&mut self, relation: &Relation, table: &Table) -> Result<u64, AdapterError>;

    /// The exchange of tables with a Python process; `None`: the target runs no Python models.
    fn python(&mut self) -> Option<&mut dyn crate::PythonExchange> {
        None
    }

    /// The statements that make `to` a copy of the table `from`, with its constraints, indexes and comments; a table
    /// that is there already under that name is replaced. Nothing runs yet.
    ///
    /// # Errors
    /// The database's; no such table.
    fn copy_table(
        &mut self,
        from: &Relation,
        to: &Relation,
        copy: TableCopy,
    ) -> Result<Vec<String>, AdapterError>;

    /// The statements that make views as they are now; `None` for those of which the database does not tell.
    ///
    /// # Errors
    /// The database's.
    fn view_definitions(&mut self, views: &[Relation]) -> Result<Vec<Option<String>>, AdapterError>;

    /// For each relation a text that is another one once its rows have changed; `None` where that cannot be told.
    ///
    /// # Errors
    /// The database's.
    fn change_marks(&mut self, relations: &[Relation]) -> Result<Vec<Option<String>>, AdapterError>;

    /// A handle with which another thread cancels this session's running statement.
    fn cancel_handle(&self) -> Arc<dyn Cancel>;

    /// What the last call wants told in the debug log.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The node (or `master`) that the session works for from now on, and the comment of statements that the session makes
    /// by itself. Those of others have it already.
    fn carry(&mut self, _node: &Arc<str>, _comment: Option<&crate::QueryComment>) {}

    /// What all sessions' statements cost since they are [watched](Adapter::watch_costs); `None`: the target has no such
    /// figures. Asking for more than the history ends after `budget` where `detail` leaves that open.
    ///
    /// # Errors
    /// The database's: no right to see it, no warehouse to ask with.
    fn costs(
        &mut self,
        _detail: crate::CostDetail,
        _budget: std::time::Duration,
    ) -> Result<Option<crate::RunCost>, AdapterError> {
        Ok(None)
    }

    /// What a query would read, without running it.
    ///
    /// # Errors
    /// The database's: the query is wrong, or what it reads is not there.
    fn estimate(&mut self, sql: &str) -> Result<crate::Estimate, AdapterError>;
}

/// How a table is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCopy {
    /// The copy has no fail-safe of its own, where the database has such tables.
    pub transient: bool,
    /// Its format is Iceberg.
    pub iceberg: bool,
}

/// Cancels the running statement of a session.
pub trait Cancel: Send + Sync {
    /// Cancels; does nothing where nothing runs.
    fn cancel(&self);
}

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvFormat {
    /// Between fields.
    pub delimiter: u8,
    /// Quotes appear so late in the file that a database which looks only at its beginning would miss them.
    pub late_quotes: bool,
}

/// A column of a seed: name and the database type that it is created with.
#[derive(Debug, Clone)]
pub struct SeedColumn {
    /// As in the header.
    pub name: String,
    /// Database type.
    pub data_type: String,
}

/// What a statement brought.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The database's word on it.
    pub response: AdapterResponse,
    /// The rows, if asked for (else an empty table).
    pub table: Table,
}

/// The database's word on a statement; becomes `adapter_response` in run results.
#[derive(Debug, Clone, Default)]
pub struct AdapterResponse {
    /// Printed after `OK created ...`: `SELECT 3`, `OK`, `SUCCESS 1`.
    pub message: String,
    /// Statement kind, if known.
    pub code: Option<String>,
    /// Rows changed, if known.
    pub rows_affected: Option<i64>,
    /// Id of the query in the warehouse.
    pub query_id: Option<String>,
    /// Further fields (bytes scanned, warehouse...).
    pub extra: Map<String, Json>,
}

impl AdapterResponse {
    /// As in `run_results.json`: `{"_message": ..., "rows_affected": ...}`.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut map = Map::new();
        map.insert("_message".into(), Json::from(self.message.clone()));
        if let Some(code) = &self.code {
            map.insert("code".into(), Json::from(code.clone()));
        }
        if let Some(rows) = self.rows_affected {
            map.insert("rows_affected".into(), Json::from(rows));
        }
        if let Some(id) = &self.query_id {
            map.insert("query_id".into(), Json::from(id.clone()));
        }
        for (k, v) in &self.extra {
            map.insert(k.clone(), v.clone());
        }
        map
    }
}

/// What kind of database error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterErrorKind {
    /// The statement is wrong or its data are: dbt's "Database Error" / "Runtime Error".
    Statement,
    /// No connection: file locked, wrong version, network, credentials.
    Connection,
    /// Cancelled by the user or by `--fail-fast`.
    Cancelled,
    /// The target's settings are wrong.
    Configuration,
}

/// The database's error.
#[derive(Debug, Clone)]
pub struct AdapterError {
    /// What kind.
    pub kind: AdapterErrorKind,
    /// The database's message, without secrets.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
    /// 1-based line and column in the SQL, if the database told.
    pub position: Option<(u32, u32)>,
    /// The database's code (SQLSTATE or error type).
    pub code: Option<String>,
    /// A service refused a statement: dbt's adapters of services call it "Database Error".
    pub of_service: bool,
}

impl AdapterError {
    /// An error of a kind.
    pub fn new(kind: AdapterErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, position: None, code: None, of_service: false }
    }

    /// Adds what to try.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// As a diagnostic without a place.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let (code, kind) = match self.kind {
            AdapterErrorKind::Configuration => ("K0205", "Runtime Error"),
            AdapterErrorKind::Connection => ("K0801", "Runtime Error"),
            AdapterErrorKind::Cancelled => ("K0803", "Runtime Error"),
            AdapterErrorKind::Statement if self.of_service => ("K0802", "Database Error"),
            AdapterErrorKind::Statement => ("K0802", "Runtime Error"),
        };
        let d = Diagnostic::error(code, kind, self.message.clone());
        match &self.hint {
            Some(hint) => d.with_hint(hint.clone()),
            None => d,
        }
    }
}

impl std::fmt::Display for AdapterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AdapterError {}

impl From<AdapterError> for kpi_jinja::Error {
    fn from(e: AdapterError) -> Self {
        let cancelled = (e.kind == AdapterErrorKind::Cancelled).then(|| e.to_diagnostic());
        let kind = match e.of_service {
            true => kpi_jinja::ErrorKind::DatabaseService,
            false => kpi_jinja::ErrorKind::Database,
        };
        let mut error = kpi_jinja::Error::new(kind, e.message);
        error.0.diagnostic = cancelled;
        if let Some(hint) = e.hint {
            error = error.with_hint(hint);
        }
        error
    }
}
