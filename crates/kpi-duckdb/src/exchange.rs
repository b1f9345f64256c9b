//! Tables as Parquet files: how they get to a Python model and back.
//!
//! Parquet does not keep every type of DuckDB. Those that lose values are written as text; with what they were each
//! column is cast when it is read.

use crate::attach::escaped;
use crate::connection::DuckDbConnection;
use kpi_adapter::{
    AdapterError, AdapterResponse, Cell, Column, Connection, Fetch, FoundRelation, PythonExchange,
};
use std::path::Path;

/// Types whose values Parquet would round or wrap: HUGEINT becomes DOUBLE, INTERVAL loses microseconds, TIME WITH TIME
/// ZONE its zone.
const LOSSY: [&str; 4] = ["HUGEINT", "UHUGEINT", "INTERVAL", "TIME WITH TIME ZONE"];

/// Types that come back as they were.
const KEPT: [&str; 19] = [
    "BIGINT",
    "BLOB",
    "BOOLEAN",
    "DATE",
    "DOUBLE",
    "FLOAT",
    "INTEGER",
    "SMALLINT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP_NS",
    "TINYINT",
    "UBIGINT",
    "UINTEGER",
    "USMALLINT",
    "UTINYINT",
    "UUID",
    "VARCHAR",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A type with text in the place of what Parquet loses. In a type's text, types are in capitals, and names of fields
/// that could be taken for them are quoted.
fn stored(kind: &str) -> String {
    let mut out = String::with_capacity(kind.len());
    let mut rest = kind;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        if c == '"' || c == '\'' {
            // A doubled quote closes and opens again.
            taken = rest[1..].find(c).map_or(rest.len(), |end| end + 2);
            out.push_str(&rest[..taken]);
        } else if c.is_alphabetic() || c == '_' {
            let lossy = LOSSY.iter().filter(|word| {
                rest.strip_prefix(**word)
                    .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            match lossy.max_by_key(|word| word.len()) {
                Some(word) => {
                    taken = word.len();
                    out.push_str("VARCHAR");
                }
                None => {
                    taken = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                    out.push_str(&rest[..taken]);
                }
            }
        } else {
            out.push(c);
        }
        rest = &rest[taken..];
    }
    out
}

fn written(column: &Column) -> String {
    let name = quoted(&column.name);
    let safe = stored(&column.dtype);
    if safe == *column.dtype { name } else { format!("cast({name} as {safe}) as {name}") }
}

fn read(column: &Column) -> String {
    let name = quoted(&column.name);
    let kind = &*column.dtype;
    if KEPT.contains(&kind) || kind.starts_with("DECIMAL(") && kind.ends_with(')') {
        return name;
    }
    format!("cast({name} as {kind}) as {name}")
}

fn list(columns: &[Column], one: impl Fn(&Column) -> String) -> String {
    columns.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl DuckDbConnection {
    fn do_quietly(&mut self, sql: &str) -> Result<AdapterResponse, AdapterError> {
        self.execute(sql, Fetch::No).map(|result| result.response)
    }
}

impl PythonExchange for DuckDbConnection {
    fn export(&mut self, query: &str, file: &Path) -> Result<Vec<Column>, AdapterError> {
        let query = query.trim().trim_end_matches(';');
        // Binding alone never breaks a transaction, and tells the types.
        let columns = self.describe(query)?;
        let selected = list(&columns, written);
        // The line break ends a comment on the query's last line.
        self.do_quietly(&format!(
            "COPY (SELECT {selected} FROM ({query}\n)) TO '{}' (FORMAT parquet)",
            escaped(&file.to_string_lossy())
        ))?;
        Ok(columns)
    }

    fn stage(&mut self, name: &str, file: &Path, columns: &[Column]) -> Result<(), AdapterError> {
        let selected = list(columns, read);
        let file = escaped(&file.to_string_lossy());
        self.stage_query(name, &format!("SELECT {selected} FROM read_parquet('{file}')"))
    }

    fn stage_query(&mut self, name: &str, query: &str) -> Result<(), AdapterError> {
        self.do_quietly(&format!("CREATE OR REPLACE TEMP VIEW {} AS {query}", quoted(name)))?;
        Ok(())
    }

    fn unstage(&mut self, name: &str) -> Result<(), AdapterError> {
        self.do_quietly(&format!("DROP VIEW IF EXISTS temp.main.{}", quoted(name)))?;
        Ok(())
    }

    fn find(&mut self, names: &[Vec<String>]) -> Result<Vec<FoundRelation>, AdapterError> {
        let last: Vec<String> =
            names.iter().filter_map(|name| Some(format!("'{}'", escaped(name.last()?)))).collect();
        if last.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.execute(
            &format!(
                "select table_catalog, table_schema, table_name, lower(table_catalog), lower(table_schema), \
                 lower(table_name), lower(current_database()), lower(current_schema()) \
                 from system.information_schema.tables where lower(table_name) in ({})",
                last.join(", ")
            ),
            Fetch::All,
        )?;
        let text = |cell: &Cell| cell.text();
        let rows: Vec<Vec<String>> =
            known.table.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let found = names.iter().filter_map(|name| {
            let matches = |row: &&Vec<String>| {
                let [_, _, _, database, schema, table, here, default] = row.as_slice() else { return false };
                match name.as_slice() {
                    [n] => table == n && (database == "temp" || (database == here && schema == default)),
                    // `a.b` is a schema and a table, or a database and a table in its schema `main`.
                    [a, n] => {
                        table == n
                            && ((database == here && schema == a) || (database == a && schema == "main"))
                    }
                    [d, s, n] => table == n && schema == s && database == d,
                    _ => false,
                }
            };
            let row = rows.iter().filter(matches).min_by_key(|row| row[3] != "temp")?;
            Some([row[0].clone(), row[1].clone(), row[2].clone()])
        });
        Ok(found.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DuckDbAdapter;
    use kpi_adapter::Adapter;

    #[test]
    fn types_that_parquet_loses_are_written_as_text() {
        for (kind, safe) in [
            ("HUGEINT", "VARCHAR"),
            ("HUGEINT[]", "VARCHAR[]"),
            ("STRUCT(a TIME WITH TIME ZONE, \"HUGEINT\" UHUGEINT)", "STRUCT(a VARCHAR, \"HUGEINT\" VARCHAR)"),
            ("ENUM('HUGEINT', 'it''s INTERVAL')", "ENUM('HUGEINT', 'it''s INTERVAL')"),
            ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
            (
                "STRUCT(my_INTERVAL INTEGER, INTERVAL_X BIGINT)",
                "STRUCT(my_INTERVAL INTEGER, INTERVAL_X BIGINT)",
            ),
        ] {
            assert_eq!(stored(kind), safe, "{kind}");
        }
    }

    #[test]
    fn every_type_comes_back_as_it_was() {
        let values = [
            "170141183460469231731687303715884105727::HUGEINT",
            "340282366920938463463374607431768211455::UHUGEINT",
            "18446744073709551615::UBIGINT",
            "1.5::DECIMAL(38,10)",
            "'10101'::BIT",
            "'12:34:56.123456+05:30'::TIMETZ",
            "'2020-01-01 01:01:01'::TIMESTAMP_S",
            "'2020-01-01 01:01:01.123'::TIMESTAMP_MS",
            "'2020-01-01 01:01:01.123456789'::TIMESTAMP_NS",
            "'2020-01-01 01:01:01+05'::TIMESTAMPTZ",
            "'infinity'::TIMESTAMP",
            "INTERVAL '1 month 2 days 3.123456 seconds'",
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
            "'b c'::ENUM('a', 'b c')",
            "[1, 2, 3]::INTEGER[3]",
            "{'a': 1::HUGEINT, 'B c': INTERVAL 3 seconds}",
            "MAP {'a': [1, NULL]}",
            "union_value(s := 'x')::UNION(n INTEGER, s VARCHAR)",
            "'{\"a\": 1}'::JSON",
            "'\\x00\\xFF'::BLOB",
            "NULL::BOOLEAN",
        ];
        let columns: Vec<String> =
            values.iter().enumerate().map(|(i, v)| format!("{v} AS \"c {i}\"")).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("it's.parquet");
        let adapter = DuckDbAdapter::in_memory();
        let mut session = adapter.connect("test").expect("a session");
        let mut run = |sql: &str| session.execute(sql, Fetch::All).expect("runs").table;
        run(&format!("CREATE TABLE t AS SELECT {}", columns.join(", ")));
        let exchange = session.python().expect("DuckDB exchanges tables");
        let exported = exchange.export("select * from t -- all of it\n;", &file).expect("exports");
        exchange.stage("back", &file, &exported).expect("stages");
        let mut run = |sql: &str| session.execute(sql, Fetch::All).expect("runs").table.rows;
        assert_eq!(
            run("select column_type from (describe back)"),
            run("select column_type from (describe t)")
        );
        assert_eq!(run("select columns(*)::varchar from back"), run("select columns(*)::varchar from t"));
        session.python().expect("an exchange").unstage("back").expect("drops");
        assert!(session.execute("from back", Fetch::All).is_err());
    }

    #[test]
    fn names_are_found_as_duckdb_finds_them() {
        let adapter = DuckDbAdapter::in_memory();
        let mut session = adapter.connect("test").expect("a session");
        session
            .execute(
                "create schema s; create table s.x as select 1 as i; create view \"Odd Name\" as select 1 as i; create \
                 temp table scratch as select 1 as i; create table twice as select 1 as i; create temp table twice as \
                 select 2 as i",
                Fetch::No,
            )
            .expect("runs");
        let names =
            ["x", "s.x", "memory.s.x", "odd name", "memory.odd name", "scratch", "twice", "s.y", "a.b.c.d"];
        let names: Vec<Vec<String>> =
            names.iter().map(|n| n.split('.').map(str::to_owned).collect()).collect();
        let found = session.python().expect("an exchange").find(&names).expect("finds");
        let found: Vec<String> = found.iter().map(|parts| parts.join(".")).collect();
        assert_eq!(
            found,
            [
                "memory.s.x",
                "memory.s.x",
                "memory.main.Odd Name",
                "memory.main.Odd Name",
                "temp.main.scratch",
                "temp.main.twice"
            ]
        );
    }
}
