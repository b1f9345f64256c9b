//! Copies of tables with all that belongs to them, and what tells whether rows have changed.
//!
//! DuckDB moves no table from a schema to another: a copy is made from the table's own definition.

use crate::attach::escaped;
use crate::connection::DuckDbConnection;
use kpi_adapter::{AdapterError, AdapterErrorKind, Relation};
use std::sync::Arc;

/// Words of a definition that a copy by query would lose.
const CONSTRAINTS: &[&str] =
    &["PRIMARY KEY", "UNIQUE", "CHECK", "NOT NULL", "DEFAULT", "FOREIGN KEY", "GENERATED"];

impl DuckDbConnection {
    /// `database_name = ... and schema_name = ... and NAME = ...`
    fn named(&self, relation: &Relation, name: &str) -> String {
        let database = relation.database.as_deref().unwrap_or(self.database());
        let parts = [
            ("database_name", database),
            ("schema_name", relation.schema.as_deref().unwrap_or_default()),
            (name, relation.identifier.as_deref().unwrap_or_default()),
        ];
        let conditions =
            parts.map(|(column, value)| format!("lower({column}) = '{}'", escaped(&value.to_lowercase())));
        conditions.join(" and ")
    }

    /// The statements that make `to` from `from`: see [`kpi_adapter::Connection::copy_table`].
    pub(crate) fn copy_statements(
        &mut self,
        from: &Relation,
        to: &Relation,
    ) -> Result<Vec<String>, AdapterError> {
        let condition = self.named(from, "table_name");
        let found =
            self.texts(&format!("select sql, coalesce(comment, '') from duckdb_tables() where {condition}"))?;
        let Some([definition, comment]) = found.first().map(Vec::as_slice) else {
            let message = format!("Table {from} does not exist");
            return Err(AdapterError::new(AdapterErrorKind::Statement, message));
        };
        let mut statements = Vec::new();
        match columns_of(definition).filter(|text| CONSTRAINTS.iter().any(|word| text.contains(word))) {
            Some(columns) => {
                let columns = self.with_keys_of(columns, to)?;
                statements.push(format!("create or replace table {to} {columns}"));
                statements.push(format!("insert into {to} select * from {from}"));
            }
            None => statements.push(format!("create or replace table {to} as select * from {from}")),
        }
        if !comment.is_empty() {
            statements.push(format!("comment on table {to} is '{}'", escaped(comment)));
        }
        let comments = self.texts(&format!(
            "select column_name, comment from duckdb_columns() where {condition} and comment is not null \
             order by column_index"
        ))?;
        for row in &comments {
            if let [column, comment] = row.as_slice() {
                let column = to.quoted(column);
                statements.push(format!("comment on column {to}.{column} is '{}'", escaped(comment)));
            }
        }
        let indexes =
            self.texts(&format!("select sql from duckdb_indexes() where {condition} and sql is not null"))?;
        for index in indexes.iter().flatten() {
            statements.extend(on(index, to));
        }
        Ok(statements)
    }

    /// The columns of a table in another schema: its foreign keys point to the tables of that schema, and those are left
    /// out that would point to none, since DuckDB has no keys from one schema to another.
    fn with_keys_of(&mut self, columns: &str, to: &Relation) -> Result<String, AdapterError> {
        let mut kept = Vec::new();
        for part in parts_of(columns) {
            let Some((head, target)) =
                part.starts_with("FOREIGN KEY").then(|| part.split_once(" REFERENCES ")).flatten()
            else {
                kept.push(part.to_owned());
                continue;
            };
            let end = name_end(target);
            let (name, rest) = target.split_at(end);
            let table = name.rsplit_once('.').map_or(name, |(_, table)| table).trim_matches('"').to_owned();
            let mut referred = to.clone();
            referred.identifier = Some(table.into());
            let condition = self.named(&referred, "table_name");
            if !self.texts(&format!("select table_name from duckdb_tables() where {condition}"))?.is_empty() {
                let mut schema = referred;
                schema.include.database = false;
                kept.push(format!("{head} REFERENCES {schema}{rest}"));
            }
        }
        Ok(format!("({})", kept.join(", ")))
    }

    /// The statement that makes a view: see [`kpi_adapter::Connection::view_definitions`].
    pub(crate) fn definition_of(&mut self, view: &Relation) -> Result<Option<String>, AdapterError> {
        let condition = self.named(view, "view_name");
        let found = self.texts(&format!("select sql from duckdb_views() where {condition}"))?;
        Ok(found.into_iter().flatten().next().map(|sql| {
            let sql = sql.trim_end_matches(';');
            match sql.strip_prefix("CREATE VIEW ") {
                // The name is written without a schema that is the first one.
                Some(rest) => format!("create or replace view {view}{}", &rest[name_end(rest)..]),
                None => sql.to_owned(),
            }
        }))
    }

    /// Counts and sums the hashes of the rows, which is independent of their order.
    pub(crate) fn mark_of(&mut self, relation: &Relation) -> Option<Arc<str>> {
        let sql =
            format!("select count(*) || '-' || coalesce(sum(hash(kpi_row)), 0) from {relation} as kpi_row");
        self.texts(&sql).ok()?.into_iter().flatten().next()
    }
}

/// Where a name with points in it, quoted or not, ends.
fn name_end(text: &str) -> usize {
    let mut quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        !quoted && (c.is_whitespace() || *c == '(')
    });
    end.map_or(text.len(), |(at, _)| at)
}

/// The parts between the commas of `(a INTEGER, b DECIMAL(9, 2), PRIMARY KEY(a))`.
fn parts_of(columns: &str) -> Vec<&str> {
    let inside = columns.trim().strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(columns);
    let (mut depth, mut quote, mut start) = (0_i32, None, 0);
    let mut parts = Vec::new();
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inside[start..].trim());
    parts
}

/// From the bracket behind the name to the end: `(id INTEGER PRIMARY KEY, ...)`.
fn columns_of(definition: &str) -> Option<&str> {
    let mut quoted = false;
    let start = definition.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '(' && !quoted).then_some(at)
    })?;
    Some(definition[start..].trim_end_matches(';'))
}

/// The definition of an index, on another table: `CREATE INDEX name ON table(...)`.
fn on(definition: &str, table: &Relation) -> Option<String> {
    let (create, rest) = definition.split_once(" ON ")?;
    Some(format!("{create} ON {table} {}", columns_of(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DuckDbAdapter;
    use kpi_adapter::{Adapter, Connection, Fetch, TableCopy};

    fn copied(setup: &str) -> (Box<dyn Connection>, Vec<String>) {
        let mut connection = DuckDbAdapter::in_memory().connect("test").expect("a session");
        connection.execute(setup, Fetch::No).expect("the tables");
        let copy = TableCopy { transient: true, iceberg: false };
        let [from, to] = ["a", "b"].map(|schema| Relation::of("memory", schema, "odd (name)"));
        let statements = connection.copy_table(&from, &to, copy).expect("a copy");
        for statement in &statements {
            connection.execute(statement, Fetch::No).unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        (connection, statements)
    }

    #[test]
    fn a_copy_has_constraints_indexes_and_comments() {
        let (mut connection, statements) = copied(
            "create schema a; create schema b; create table a.\"odd (name)\" (id integer primary key, n varchar \
             not null default 'x', check (id > 0)); insert into a.\"odd (name)\" values (1, 'q''s'); \
             create index \"by n\" on a.\"odd (name)\" (n); comment on table a.\"odd (name)\" is 'it''s'; \
             comment on column a.\"odd (name)\".n is 'a name'",
        );
        assert_eq!(
            statements,
            [
                "create or replace table \"memory\".\"b\".\"odd (name)\" (id INTEGER PRIMARY KEY, n VARCHAR DEFAULT('x') NOT NULL, CHECK((id > 0)))",
                "insert into \"memory\".\"b\".\"odd (name)\" select * from \"memory\".\"a\".\"odd (name)\"",
                "comment on table \"memory\".\"b\".\"odd (name)\" is 'it''s'",
                "comment on column \"memory\".\"b\".\"odd (name)\".\"n\" is 'a name'",
                "CREATE INDEX \"by n\" ON \"memory\".\"b\".\"odd (name)\" (n)",
            ]
        );
        let refused = connection.execute("insert into b.\"odd (name)\" values (1, 'twice')", Fetch::No);
        assert!(refused.is_err(), "the key holds");
    }

    #[test]
    fn foreign_keys_point_into_the_schema_of_the_copy_or_are_left_out() {
        let mut connection = DuckDbAdapter::in_memory().connect("test").expect("a session");
        let setup = "create schema a; create schema b; create schema c; create table a.p(id int primary key, \
                     d decimal(9, 2)); create table a.c(id int, \"a, b\" int references a.p(id), check (id > 0)); \
                     create table b.p(id int primary key)";
        connection.execute(setup, Fetch::No).expect("the tables");
        let copy = TableCopy { transient: true, iceberg: false };
        let mut made = |schema: &str| {
            let [from, to] = ["a", schema].map(|schema| Relation::of("memory", schema, "c"));
            let statements = connection.copy_table(&from, &to, copy).expect("a copy");
            for statement in &statements {
                connection.execute(statement, Fetch::No).unwrap_or_else(|e| panic!("{statement}: {e}"));
            }
            statements[0].clone()
        };
        let columns = "(id INTEGER, \"a, b\" INTEGER";
        assert_eq!(
            made("b"),
            format!(
                "create or replace table \"memory\".\"b\".\"c\" {columns}, FOREIGN KEY (\"a, b\") REFERENCES \"b\".\"p\"(id), CHECK((id > 0)))"
            )
        );
        assert_eq!(
            made("c"),
            format!("create or replace table \"memory\".\"c\".\"c\" {columns}, CHECK((id > 0)))")
        );
    }

    #[test]
    fn marks_do_not_hang_on_the_order_of_rows() {
        let (mut connection, statements) = copied(
            "create schema a; create schema b; \
             create table a.\"odd (name)\" as from (values (1, 'x'), (2, null), (2, null)) as t(i, s)",
        );
        assert_eq!(statements.len(), 1, "{statements:?}");
        let all = [Relation::of("memory", "a", "odd (name)"), Relation::of("memory", "b", "odd (name)")];
        connection
            .execute(
                "create or replace table b.\"odd (name)\" as from a.\"odd (name)\" order by i desc",
                Fetch::No,
            )
            .expect("another order");
        let marks = connection.change_marks(&all).expect("marks");
        assert!(marks[0].is_some() && marks[0] == marks[1], "{marks:?}");
        connection.execute("delete from b.\"odd (name)\" where i = 1", Fetch::No).expect("a change");
        let after = connection.change_marks(&all).expect("marks");
        assert_eq!(after[0], marks[0]);
        assert_ne!(after[1], marks[1]);
    }
}
