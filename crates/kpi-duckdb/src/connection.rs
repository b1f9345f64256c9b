//! One session.

use crate::adapter::Shared;
use crate::attach::escaped;
use crate::decode::append_rows;
use crate::errors;
use crate::explain;
use crate::types::TypeNode;
use duckdb::types::Value as DuckValue;
use kpi_adapter::{
    AdapterError, AdapterErrorKind, AdapterResponse, Cancel, Cell, Column, Connection, CsvFormat, Estimate,
    Fetch, QueryResult, Relation, RelationType, SeedColumn, Table, TableCopy,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often a statement that lost a race for a catalog entry is tried again.
const CATALOG_ATTEMPTS: u32 = 6;

pub(crate) struct DuckDbConnection {
    session: duckdb::Connection,
    shared: Arc<Shared>,
    in_transaction: bool,
}

struct Interrupt(Arc<duckdb::InterruptHandle>);

impl Cancel for Interrupt {
    fn cancel(&self) {
        self.0.interrupt();
    }
}

impl DuckDbConnection {
    pub(crate) fn new(session: duckdb::Connection, shared: Arc<Shared>) -> Self {
        Self { session, shared, in_transaction: false }
    }

    fn run(&mut self, sql: &str, fetch: Fetch, bindings: &[Cell]) -> Result<Table, AdapterError> {
        let mut attempt = 1;
        loop {
            let result = self.run_once(sql, fetch, bindings);
            let Err(error) = &result else {
                self.note_transaction(sql);
                return result;
            };
            let pause = self.pause_before_retry(sql, &error.message, attempt);
            let Some(pause) = pause else { return result };
            std::thread::sleep(pause);
            attempt += 1;
        }
    }

    /// How long to wait before `sql` is tried again; `None`: the error stands.
    fn pause_before_retry(&self, sql: &str, message: &str, attempt: u32) -> Option<Duration> {
        let settings = &self.shared.settings;
        // What already ran of several statements must not run twice, nor part of a transaction.
        let single = !sql.trim_end().trim_end_matches(';').contains(';');
        if self.in_transaction || !single {
            return None;
        }
        if message.contains("write-write conflict") && attempt < CATALOG_ATTEMPTS {
            return Some(Duration::from_millis(5 << attempt));
        }
        let exception = format!("{}Exception", message.split(" Error:").next().unwrap_or_default());
        let retryable = settings.retryable.contains(&exception) && attempt < settings.query_attempts;
        retryable.then(|| Duration::from_secs(1 << (attempt - 1).min(6)))
    }

    fn run_once(&self, sql: &str, fetch: Fetch, bindings: &[Cell]) -> Result<Table, AdapterError> {
        if bindings.is_empty() && (fetch == Fetch::No || is_blank(sql)) {
            self.session.execute_batch(sql).map_err(|e| errors::statement(&e))?;
            return Ok(Table::default());
        }
        let mut statement = self.session.prepare(sql).map_err(|e| errors::statement(&e))?;
        let values = bindings.iter().map(bound);
        let values: Vec<DuckValue> = values.collect();
        statement.execute(duckdb::params_from_iter(values)).map_err(|e| errors::statement(&e))?;
        let limit = match fetch {
            Fetch::No => return Ok(Table::default()),
            Fetch::All => usize::MAX,
            Fetch::Limit(limit) => limit,
        };
        let types: Vec<TypeNode> =
            (0..statement.column_count()).map(|i| TypeNode::of(&statement.column_logical_type(i))).collect();
        let mut rows = Vec::new();
        while rows.len() < limit {
            match statement.step().map_err(|e| errors::statement(&e))? {
                Some(chunk) => append_rows(&chunk, &types, limit - rows.len(), &mut rows),
                None => break,
            }
        }
        Ok(Table {
            columns: statement.column_names().into_iter().map(Into::into).collect(),
            types: types.into_iter().map(|t| t.name.into()).collect(),
            rows,
        })
    }

    /// Hooks may begin and end transactions themselves.
    fn note_transaction(&mut self, sql: &str) {
        let statements = sql.trim().trim_end_matches(';');
        if statements.len() > 40 || statements.contains(';') {
            return;
        }
        let first = statements.split_whitespace().next().unwrap_or_default().to_lowercase();
        match first.as_str() {
            "begin" | "start" => self.in_transaction = true,
            "commit" | "rollback" | "abort" | "end" => self.in_transaction = false,
            _ => {}
        }
    }

    fn end(&mut self, sql: &str) -> Result<(), AdapterError> {
        if !self.in_transaction {
            return Ok(());
        }
        self.in_transaction = false;
        match self.session.execute_batch(sql) {
            Ok(()) => Ok(()),
            // A hook or an error ended it before.
            Err(e) if errors::message(&e).contains("no transaction is active") => Ok(()),
            Err(e) => Err(errors::statement(&e)),
        }
    }

    /// The target's own database.
    pub(crate) fn database(&self) -> &str {
        &self.shared.settings.database
    }

    /// Rows of text columns.
    pub(crate) fn texts(&mut self, sql: &str) -> Result<Vec<Vec<Arc<str>>>, AdapterError> {
        let table = self.run(sql, Fetch::All, &[])?;
        let text = |cell: &Cell| match cell {
            Cell::Str(s) => s.clone(),
            Cell::Null => "".into(),
            other => other.text().into(),
        };
        Ok(table.rows.iter().map(|row| row.iter().map(text).collect()).collect())
    }

    fn described(&mut self, target: &str) -> Result<Vec<Column>, AdapterError> {
        let rows = self.texts(&format!("select column_name, column_type from (describe {target})"))?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row.as_slice() {
                [name, kind] => Some(Column::new(name.clone(), kind.clone())),
                _ => None,
            })
            .collect())
    }
}

/// Whether nothing would run: DuckDB prepares no empty statement.
fn is_blank(sql: &str) -> bool {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            match comment.split_once("*/") {
                Some((_, after)) => rest = after,
                None => return false,
            }
        } else {
            return rest.is_empty();
        }
    }
}

fn bound(cell: &Cell) -> DuckValue {
    match cell {
        Cell::Null => DuckValue::Null,
        Cell::Bool(b) => DuckValue::Boolean(*b),
        Cell::Int(i) => i64::try_from(*i).map_or(DuckValue::HugeInt(*i), DuckValue::BigInt),
        Cell::Float(f) => DuckValue::Double(*f),
        Cell::Bytes(b) => DuckValue::Blob(b.to_vec()),
        Cell::Str(s) => DuckValue::Text(s.to_string()),
        // The database casts the text to the column's type.
        other => DuckValue::Text(other.text()),
    }
}

impl Connection for DuckDbConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let table = self.run(sql, fetch, &[])?;
        Ok(QueryResult { response: AdapterResponse::ok(), table })
    }

    fn execute_with(&mut self, sql: &str, bindings: &[Cell]) -> Result<QueryResult, AdapterError> {
        let table = self.run(sql, Fetch::All, bindings)?;
        Ok(QueryResult { response: AdapterResponse::ok(), table })
    }

    fn estimate(&mut self, sql: &str) -> Result<Estimate, AdapterError> {
        let rows = self.texts(&explain::statement(sql))?;
        Ok(rows.first().and_then(|row| row.get(1)).map(|plan| explain::estimate(plan)).unwrap_or_default())
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Ok(());
        }
        match self.session.execute_batch("BEGIN TRANSACTION") {
            Ok(()) => {}
            Err(e) if errors::message(&e).contains("within a transaction") => {}
            Err(e) => return Err(errors::statement(&e)),
        }
        self.in_transaction = true;
        Ok(())
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        self.end("COMMIT")
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        self.end("ROLLBACK")
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn list_relations(
        &mut self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<Relation>, AdapterError> {
        let database = database.unwrap_or(&self.shared.settings.database).to_owned();
        let rows = self.texts(&format!(
            "select table_name, table_schema, table_type from system.information_schema.tables \
             where lower(table_schema) = '{}' and lower(table_catalog) = '{}'",
            escaped(&schema.to_lowercase()),
            escaped(&database.to_lowercase())
        ))?;
        let database: Arc<str> = database.into();
        let relation = |row: Vec<Arc<str>>| match row.as_slice() {
            [name, schema, kind] => {
                let kind = if &**kind == "VIEW" { RelationType::View } else { RelationType::Table };
                Some(Relation::of(database.clone(), schema.clone(), name.clone()).with_kind(kind))
            }
            _ => None,
        };
        Ok(rows.into_iter().filter_map(relation).collect())
    }

    fn list_schemas(&mut self, database: Option<&str>) -> Result<Vec<String>, AdapterError> {
        let condition = database
            .map(|d| format!(" where lower(catalog_name) = '{}'", escaped(&d.to_lowercase())))
            .unwrap_or_default();
        let sql = format!("select schema_name from system.information_schema.schemata{condition}");
        Ok(self.texts(&sql)?.into_iter().flatten().map(|s| s.to_string()).collect())
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<Column>, AdapterError> {
        match self.described(&relation.render()) {
            Err(e) if e.message.to_lowercase().contains("does not exist") => Ok(Vec::new()),
            result => result,
        }
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError> {
        // The line break ends a comment on the query's last line.
        self.described(&format!("({}\n)", sql.trim().trim_end_matches(';')))
    }

    fn load_csv(
        &mut self,
        relation: &Relation,
        path: &Path,
        format: CsvFormat,
        _columns: &[SeedColumn],
    ) -> Result<u64, AdapterError> {
        // DuckDB finds the quoting out from the first rows, and then fails at a later row that is quoted.
        let quotes = if format.late_quotes { ", QUOTE '\"', ESCAPE '\"'" } else { "" };
        let sql = format!(
            "COPY {} FROM '{}' (FORMAT CSV, HEADER TRUE, DELIMITER '{}'{quotes})",
            relation.render(),
            escaped(&path.to_string_lossy()),
            escaped(&char::from(format.delimiter).to_string())
        );
        let rows = self.session.execute(&sql, []).map_err(|e| csv_error(&errors::message(&e), path))?;
        Ok(rows as u64)
    }

    fn load_table(&mut self, relation: &Relation, table: &Table) -> Result<u64, AdapterError> {
        let part = |part: &Option<Arc<str>>| part.as_deref().unwrap_or_default().to_owned();
        let (name, schema) = (part(&relation.identifier), part(&relation.schema));
        let appender = match &relation.database {
            Some(database) => self.session.appender_to_catalog_and_db(&name, database, &schema),
            None if schema.is_empty() => self.session.appender(&name),
            None => self.session.appender_to_db(&name, &schema),
        };
        let mut appender = appender.map_err(|e| errors::statement(&e))?;
        for (number, row) in table.rows.iter().enumerate() {
            let values: Vec<DuckValue> = row.iter().map(bound).collect();
            appender.append_row(duckdb::appender_params_from_iter(values)).map_err(|e| {
                let mut error = errors::statement(&e);
                error.message =
                    format!("row {} of {relation} cannot be loaded: {}", number + 1, error.message);
                error
            })?;
        }
        appender.flush().map_err(|e| errors::statement(&e))?;
        Ok(table.rows.len() as u64)
    }

    fn python(&mut self) -> Option<&mut dyn kpi_adapter::PythonExchange> {
        Some(self)
    }

    fn copy_table(
        &mut self,
        from: &Relation,
        to: &Relation,
        _copy: TableCopy,
    ) -> Result<Vec<String>, AdapterError> {
        self.copy_statements(from, to)
    }

    fn view_definitions(&mut self, views: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        views.iter().map(|view| self.definition_of(view)).collect()
    }

    fn change_marks(&mut self, relations: &[Relation]) -> Result<Vec<Option<String>>, AdapterError> {
        Ok(relations.iter().map(|relation| self.mark_of(relation).map(|mark| mark.to_string())).collect())
    }

    fn cancel_handle(&self) -> Arc<dyn Cancel> {
        Arc::new(Interrupt(self.session.interrupt_handle()))
    }
}

/// The error of a CSV file: DuckDB's first lines with the place in the file, without its long list of options.
fn csv_error(message: &str, path: &Path) -> AdapterError {
    let line = message
        .split("CSV Error on Line: ")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    let Some(line) = line.filter(|l| !l.is_empty()) else { return errors::of_message(message.to_owned()) };
    let wanted = |text: &&str| {
        !text.trim().is_empty()
            && !text.contains("CSV Error on Line")
            && !text.starts_with("Original Line")
            && !text.starts_with("Possible")
            && !text.trim_start().starts_with('*')
            && !text.trim_start().starts_with("file = ")
            && !text.contains(" = ")
    };
    let why = message.lines().skip_while(|l| !l.contains("CSV Error on Line")).filter(wanted).take(2);
    let why: Vec<&str> = why.map(str::trim).collect();
    let original = message.lines().find_map(|l| l.strip_prefix("Original Line: ")).unwrap_or_default();
    let mut error = AdapterError::new(
        AdapterErrorKind::Statement,
        format!("{}:{line}: {}\n  {original}", path.display(), why.join(" ")),
    );
    error.code = Some("Conversion".into());
    error.with_hint(
        "give the column another type with 'column_types' in the seed's config, or correct the value",
    )
}

#[cfg(test)]
mod tests {
    use super::is_blank;

    #[test]
    fn comments_alone_run_nothing() {
        assert!(is_blank(" -- nothing\n /* at all */ ; ;"));
        assert!(is_blank(""));
        assert!(!is_blank("-- first\nselect 1"));
    }
}
