//! The session of one worker: opened when first needed, with the query comment and the SQL log.

use crate::{
    Adapter, AdapterError, AdapterResponse, Cancel, Cell, Column, Connection, CsvFormat, Fetch,
    PythonExchange, QueryResult, Relation, SeedColumn, Table, TableCopy,
};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where executed SQL is reported.
pub trait SqlLog: Send + Sync {
    /// A statement was sent on the session of this name.
    fn sent(&self, connection: &str, sql: &str);
    /// A statement ended after some seconds.
    fn ended(&self, status: &str, seconds: f64);
    /// A session of this name was opened.
    fn opened(&self, connection: &str) {
        let _ = connection;
    }
    /// A target says how it did something.
    fn noted(&self, text: &str) {
        let _ = text;
    }
}

/// The comment that every statement carries, so that the database's log tells which node sent it.
#[derive(Debug, Clone)]
pub struct QueryComment {
    /// The text between `/*` and `*/`.
    pub text: Arc<str>,
    /// After the statement instead of before it.
    pub append: bool,
}

impl QueryComment {
    /// The statement with the comment.
    pub fn apply(&self, sql: &str) -> String {
        let text = self.text.trim();
        if !self.append {
            return format!("/* {text} */\n{sql}");
        }
        let sql = sql.trim_end();
        match sql.strip_suffix(';') {
            Some(bare) => format!("{bare}\n/* {text} */;"),
            None => format!("{sql}\n/* {text} */"),
        }
    }
}

/// A session that is opened when first used. One thread uses it at a time: the engine gives one to each worker and
/// [names](NodeConnection::assign) it after the node that runs.
pub struct NodeConnection {
    adapter: Arc<dyn Adapter>,
    log: Option<Arc<dyn SqlLog>>,
    transactions: bool,
    state: Mutex<State>,
    /// Apart from the state, which is locked while a statement runs.
    cancel: Mutex<Option<Arc<dyn Cancel>>>,
}

struct State {
    name: Arc<str>,
    comment: Option<QueryComment>,
    session: Option<Box<dyn Connection>>,
}

fn ends_transaction(statement: &str) -> bool {
    matches!(statement.trim().to_ascii_lowercase().as_str(), "commit" | "begin" | "end")
}

impl NodeConnection {
    /// A session of `adapter`, not opened yet. `transactions`: whether `auto_begin` begins any.
    pub fn new(
        adapter: Arc<dyn Adapter>,
        name: impl Into<Arc<str>>,
        log: Option<Arc<dyn SqlLog>>,
        transactions: bool,
    ) -> Self {
        Self {
            adapter,
            log,
            transactions,
            state: Mutex::new(State { name: name.into(), comment: None, session: None }),
            cancel: Mutex::new(None),
        }
    }

    /// Names the session after a node and sets the comment of its statements.
    pub fn assign(&self, name: impl Into<Arc<str>>, comment: Option<QueryComment>) {
        let mut state = self.state.lock();
        state.name = name.into();
        let name = state.name.clone();
        if let Some(session) = state.session.as_mut() {
            session.carry(&name, comment.as_ref());
        }
        state.comment = comment;
    }

    /// The node's name, or `master`.
    pub fn name(&self) -> Arc<str> {
        self.state.lock().name.clone()
    }

    /// The target.
    pub fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.adapter
    }

    /// Whether it was opened.
    pub fn is_open(&self) -> bool {
        self.state.lock().session.is_some()
    }

    fn with_session<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        let mut state = self.state.lock();
        if state.session.is_none() {
            let name = state.name.clone();
            let mut session = self.adapter.connect(&name)?;
            session.carry(&name, state.comment.as_ref());
            *self.cancel.lock() = Some(session.cancel_handle());
            state.session = Some(session);
            if let Some(log) = &self.log {
                log.opened(&name);
            }
        }
        match state.session.as_mut() {
            Some(session) => work(session.as_mut()),
            None => {
                Err(AdapterError::new(crate::AdapterErrorKind::Connection, "the session could not be opened"))
            }
        }
    }

    /// Reports `sql`, does the work, reports how it ended; an error ends an open transaction, as dbt does.
    fn logged<T>(
        &self,
        sql: &str,
        status: impl FnOnce(&T) -> String,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        self.reported(sql, status, |session| {
            let result = work(session);
            if result.is_err() && session.in_transaction() {
                // The statement's error is the one to tell; a failed rollback adds nothing.
                let _ = session.rollback();
            }
            result
        })
    }

    /// Reports `sql`, does the work, reports how it ended.
    fn reported<T>(
        &self,
        sql: &str,
        status: impl FnOnce(&T) -> String,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        if let Some(log) = &self.log {
            log.sent(&self.name(), sql);
        }
        let start = Instant::now();
        let result = self.with_session(work);
        if let Some(log) = &self.log {
            match &result {
                Ok(value) => log.ended(&status(value), start.elapsed().as_secs_f64()),
                Err(error) => log.ended(&error.message, start.elapsed().as_secs_f64()),
            }
        }
        result
    }

    fn comment(&self, sql: &str) -> String {
        let comment = self.state.lock().comment.clone();
        comment.map_or_else(|| sql.to_owned(), |c| c.apply(sql))
    }

    /// Runs statements with the query comment. `auto_begin` opens a transaction first if none is open.
    ///
    /// # Errors
    /// The database's. An open transaction is rolled back.
    pub fn execute(&self, sql: &str, auto_begin: bool, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let Some(statements) = self.adapter.split_statements(sql) else {
            return self.execute_plain(&self.comment(sql), auto_begin, fetch);
        };
        // What the caller asked for is what the last statement that does something brings.
        let mut answer = None;
        for statement in &statements {
            let result = self.execute_plain(&self.comment(statement), auto_begin, fetch)?;
            if answer.is_none() || !ends_transaction(statement) {
                answer = Some(result);
            }
        }
        answer.ok_or_else(|| {
            let message = format!("Tried to run an empty query on model '{}'", self.name());
            AdapterError::new(crate::AdapterErrorKind::Statement, message).with_hint(
                "a hook or a macro that has nothing to run must not ask for it: put an `if` around the call",
            )
        })
    }

    /// Lets another warehouse compute, and says which one did before.
    ///
    /// # Errors
    /// The database's: no such warehouse, or no right to use it.
    pub fn use_warehouse(&self, warehouse: &str) -> Result<Option<String>, AdapterError> {
        let current = self.execute("select current_warehouse() as warehouse", false, Fetch::All)?;
        let before =
            current.table.rows.first().and_then(|row| row.first()).filter(|cell| **cell != Cell::Null);
        let before = before.map(Cell::text);
        self.execute(&format!("use warehouse {warehouse}"), false, Fetch::No)?;
        Ok(before)
    }

    /// Runs statements as they are.
    ///
    /// # Errors
    /// The database's. An open transaction is rolled back.
    pub fn execute_plain(
        &self,
        sql: &str,
        auto_begin: bool,
        fetch: Fetch,
    ) -> Result<QueryResult, AdapterError> {
        if auto_begin && self.transactions {
            self.begin()?;
        }
        self.logged(sql, |r: &QueryResult| r.response.message.clone(), |session| session.execute(sql, fetch))
    }

    /// Runs a statement with bound parameters.
    ///
    /// # Errors
    /// The database's. An open transaction is rolled back.
    pub fn execute_with(
        &self,
        sql: &str,
        auto_begin: bool,
        bindings: &[Cell],
    ) -> Result<QueryResult, AdapterError> {
        if auto_begin && self.transactions {
            self.begin()?;
        }
        self.logged(
            sql,
            |r: &QueryResult| r.response.message.clone(),
            |session| session.execute_with(sql, bindings),
        )
    }

    /// Opens a transaction; does nothing inside one.
    ///
    /// # Errors
    /// The database's.
    pub fn begin(&self) -> Result<(), AdapterError> {
        if self.in_transaction() {
            return Ok(());
        }
        self.logged("BEGIN", |()| "OK".to_owned(), |session| session.begin())
    }

    /// Commits the open transaction, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn commit(&self) -> Result<(), AdapterError> {
        if !self.in_transaction() {
            return Ok(());
        }
        self.logged("COMMIT", |()| "OK".to_owned(), |session| session.commit())
    }

    /// Rolls back the open transaction, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn rollback(&self) -> Result<(), AdapterError> {
        if !self.in_transaction() {
            return Ok(());
        }
        self.logged("ROLLBACK", |()| "OK".to_owned(), |session| session.rollback())
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        self.state.lock().session.as_ref().is_some_and(|s| s.in_transaction())
    }

    /// All relations of a schema.
    ///
    /// # Errors
    /// The database's.
    pub fn list_relations(
        &self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<Relation>, AdapterError> {
        self.with_session(|session| session.list_relations(database, schema))
    }

    /// All relations of a schema, after what a killed run left there was cleared away; and what was done about it.
    ///
    /// # Errors
    /// The database's.
    pub fn list_recovered(
        &self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<(Vec<Relation>, Vec<String>), AdapterError> {
        self.with_session(|session| crate::list_recovered(session, database, schema))
    }

    /// The schemas of a database.
    ///
    /// # Errors
    /// The database's.
    pub fn list_schemas(&self, database: Option<&str>) -> Result<Vec<String>, AdapterError> {
        self.with_session(|session| session.list_schemas(database))
    }

    /// The columns of a relation; none if it does not exist.
    ///
    /// # Errors
    /// The database's.
    pub fn columns(&self, relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        self.with_session(|session| session.columns(relation))
    }

    /// The columns of a query, without running it.
    ///
    /// # Errors
    /// The database's.
    pub fn describe(&self, sql: &str) -> Result<Vec<Column>, AdapterError> {
        self.with_session(|session| session.describe(sql))
    }

    /// The statements that make `to` a copy of the table `from`; see [`Connection::copy_table`].
    ///
    /// # Errors
    /// The database's; no such table.
    pub fn copy_table(
        &self,
        from: &Relation,
        to: &Relation,
        copy: TableCopy,
    ) -> Result<Vec<String>, AdapterError> {
        self.with_session(|session| session.copy_table(from, to, copy))
    }

    /// The statements that make views as they are now; see [`Connection::view_definitions`].
    ///
    /// # Errors
    /// The database's.
    pub fn view_definitions(&self, views: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        if views.is_empty() {
            return Ok(Vec::new());
        }
        self.with_session(|session| session.view_definitions(views))
    }

    /// What tells whether rows have changed; see [`Connection::change_marks`].
    ///
    /// # Errors
    /// The database's.
    pub fn change_marks(&self, relations: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        if relations.is_empty() {
            return Ok(Vec::new());
        }
        self.with_session(|session| session.change_marks(relations))
    }

    /// See [`Connection::costs`]. Where no session was opened nothing was sent that could cost anything.
    ///
    /// # Errors
    /// The database's.
    pub fn costs(
        &self,
        detail: crate::CostDetail,
        budget: Duration,
    ) -> Result<Option<crate::RunCost>, AdapterError> {
        self.reported(
            "-- what the statements of the run cost",
            |_| "OK".to_owned(),
            |session| session.costs(detail, budget),
        )
    }

    /// See [`Connection::estimate`].
    ///
    /// # Errors
    /// The database's.
    pub fn estimate(&self, sql: &str) -> Result<crate::Estimate, AdapterError> {
        let sql = self.comment(sql);
        self.logged(&format!("explain {sql}"), |_| "OK".to_owned(), |session| session.estimate(&sql))
    }

    /// Loads a CSV file into an empty table.
    ///
    /// # Errors
    /// A value that does not fit its column, with row and column.
    pub fn load_csv(
        &self,
        relation: &Relation,
        path: &Path,
        format: CsvFormat,
        columns: &[SeedColumn],
    ) -> Result<u64, AdapterError> {
        if self.transactions {
            self.begin()?;
        }
        let sql = format!("-- load {} into {relation}", path.display());
        self.loaded(&sql, |session| session.load_csv(relation, path, format, columns))
    }

    fn loaded(
        &self,
        sql: &str,
        work: impl FnOnce(&mut dyn Connection) -> Result<u64, AdapterError>,
    ) -> Result<u64, AdapterError> {
        let mut notes = Vec::new();
        let result = self.logged(
            sql,
            |n: &u64| format!("INSERT {n}"),
            |session| {
                let result = work(session);
                notes = session.take_notes();
                result
            },
        );
        if let Some(log) = &self.log {
            notes.iter().for_each(|note| log.noted(note));
        }
        result
    }

    /// Loads the rows of a table by position.
    ///
    /// # Errors
    /// The database's.
    pub fn load_table(&self, relation: &Relation, table: &Table) -> Result<u64, AdapterError> {
        if self.transactions {
            self.begin()?;
        }
        let sql = format!("-- load {} rows into {relation}", table.rows.len());
        self.loaded(&sql, |session| session.load_table(relation, table))
    }

    /// Runs a statement of a Python model, in a transaction. Unlike [`NodeConnection::execute`] it leaves the transaction
    /// open if the statement fails: the model may go on.
    ///
    /// # Errors
    /// The database's.
    pub fn execute_for_python(&self, sql: &str) -> Result<QueryResult, AdapterError> {
        if self.transactions {
            self.begin()?;
        }
        let sql = self.comment(sql);
        self.reported(
            &sql,
            |r: &QueryResult| r.response.message.clone(),
            |session| session.execute(&sql, Fetch::All),
        )
    }

    /// A step of the exchange of tables with a Python process. `told` is what the log has of it. An open transaction
    /// stays open if it fails.
    ///
    /// # Errors
    /// The database's; a target that runs no Python models.
    pub fn exchange<T>(
        &self,
        told: &str,
        work: impl FnOnce(&mut dyn PythonExchange) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        self.reported(
            told,
            |_| "OK".to_owned(),
            |session| match session.python() {
                Some(exchange) => work(exchange),
                None => Err(AdapterError::new(
                    crate::AdapterErrorKind::Configuration,
                    "Python models do not run on this target",
                )),
            },
        )
    }

    /// Cancels the statement that another thread runs here; `None` while it was not opened.
    pub fn cancel_handle(&self) -> Option<Arc<dyn Cancel>> {
        self.cancel.lock().clone()
    }

    /// Ends the session: an open transaction is rolled back.
    pub fn close(&self) {
        *self.cancel.lock() = None;
        let session = self.state.lock().session.take();
        if let Some(mut session) = session
            && session.in_transaction()
        {
            let _ = session.rollback();
        }
    }
}

impl AdapterResponse {
    /// The response of a target that says only that it worked.
    pub fn ok() -> Self {
        Self { message: "OK".to_owned(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::QueryComment;

    #[test]
    fn the_comment_goes_before_or_after() {
        let before = QueryComment { text: "{}".into(), append: false };
        assert_eq!(before.apply("select 1"), "/* {} */\nselect 1");
        let after = QueryComment { text: " {} ".into(), append: true };
        assert_eq!(after.apply("select 1;\n"), "select 1\n/* {} */;");
        assert_eq!(after.apply("select 1"), "select 1\n/* {} */");
    }
}
