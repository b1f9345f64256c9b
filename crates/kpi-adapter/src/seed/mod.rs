//! Seeds: a CSV file's columns and their types, found in one pass without holding the rows.
//!
//! The types are those that dbt infers (agate's type tester with dbt's settings): Number, Date, DateTime, Boolean,
//! Text, the first that every value fits; a column with a type in `column_types` is text here and has that type in the
//! database. The rows go from the file into the database without passing through templates.

// A diagnostic is large and rare; a box would only stand in the way of those who show it.
#![allow(clippy::result_large_err)]

mod infer;
mod scan;

use crate::adapter_methods::Running;
use crate::agate::{AgateTable, Row, integer_type};
use crate::arguments::relation as relation_argument;
use crate::{ColumnType, CsvFormat, Decimal, SeedColumn};
use infer::Inference;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::{Args, Error, ErrorKind, Result, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A seed's file: its columns, their types and the number of rows.
#[derive(Debug, Clone)]
pub struct SeedTable {
    /// The file.
    pub path: PathBuf,
    /// Between fields.
    pub delimiter: u8,
    /// Unique column names.
    pub names: Arc<[Arc<str>]>,
    /// The columns, in order.
    pub columns: Vec<SeedField>,
    /// How many rows follow the header.
    pub rows: u64,
    /// The database reads every value as agate does. Else (`$1,000`, `null` in a column of numbers) the rows must be
    /// loaded as values.
    pub plain: bool,
    /// The first quote comes so late that the database might not expect any.
    pub late_quotes: bool,
}

/// A column of a seed.
#[derive(Debug, Clone)]
pub struct SeedField {
    /// agate's type.
    pub kind: ColumnType,
    /// The database type it is created with.
    pub data_type: Arc<str>,
}

impl SeedTable {
    /// Reads the file once. `shown` is its name in messages; `overrides` are the names in `column_types`.
    ///
    /// # Errors
    /// A file that cannot be read, is empty, is not UTF-8, or has rows of different length: with `file:line`.
    pub fn read(
        path: &Path,
        shown: &str,
        delimiter: u8,
        overrides: &dyn Fn(&str) -> Option<Arc<str>>,
    ) -> std::result::Result<Self, Diagnostic> {
        let problem = |p: scan::Problem| p.into_diagnostic(path, shown);
        let mut scan = scan::Scan::open(path, delimiter).map_err(problem)?;
        let names = scan.header().map_err(problem)?;
        let forced: Vec<Option<Arc<str>>> = names.iter().map(|n| overrides(n)).collect();
        let mut columns: Vec<Inference> =
            forced.iter().map(|f| if f.is_some() { Inference::text() } else { Inference::new() }).collect();
        let rows = scan
            .for_each(|record| {
                for (column, field) in columns.iter_mut().zip(record.iter()) {
                    column.see(field);
                }
                Ok(())
            })
            .map_err(problem)?;
        let plain = columns.iter().all(Inference::is_plain);
        let fields = columns.iter().zip(&forced).map(|(column, forced)| {
            let kind = column.kind();
            let inferred = match kind {
                ColumnType::Number if column.has_fraction() => "float8",
                ColumnType::Number | ColumnType::Integer => integer_type(column.largest()),
                other => other.database_type(),
            };
            SeedField { kind, data_type: forced.clone().unwrap_or_else(|| inferred.into()) }
        });
        Ok(Self {
            path: path.to_owned(),
            delimiter,
            columns: fields.collect(),
            names,
            rows,
            plain,
            late_quotes: scan.late_quotes(),
        })
    }

    /// As agate's table in templates.
    pub fn into_value(self) -> Value {
        AgateTable::of_seed(Arc::new(self)).into_value()
    }

    /// How the file is written.
    pub fn format(&self) -> CsvFormat {
        CsvFormat { delimiter: self.delimiter, late_quotes: self.late_quotes }
    }

    /// The columns as the database creates them.
    pub fn seed_columns(&self) -> Vec<SeedColumn> {
        let columns = self.names.iter().zip(&self.columns);
        columns
            .map(|(name, field)| SeedColumn {
                name: name.to_string(),
                data_type: field.data_type.to_string(),
            })
            .collect()
    }

    /// The rows as typed values.
    pub(crate) fn read_rows(&self) -> Result<Vec<Row>> {
        let shown = self.path.display().to_string();
        let failed = |p: scan::Problem| {
            let diagnostic = p.into_diagnostic(&self.path, &shown);
            let mut error = Error::new(ErrorKind::Runtime, diagnostic.message.clone());
            error.0.diagnostic = Some(diagnostic);
            error
        };
        let mut scan = scan::Scan::open(&self.path, self.delimiter).map_err(failed)?;
        scan.header().map_err(failed)?;
        let mut rows = Vec::new();
        scan.for_each(|record| {
            let values = record.iter().zip(&self.columns);
            rows.push(values.map(|(field, column)| typed(field, column.kind)).collect());
            Ok(())
        })
        .map_err(failed)?;
        Ok(rows)
    }
}

/// A field as a value of its column.
fn typed(field: &[u8], kind: ColumnType) -> Value {
    let text = String::from_utf8_lossy(field);
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.eq_ignore_ascii_case("null") {
        return Value::None;
    }
    match kind {
        ColumnType::Number | ColumnType::Integer => {
            infer::parse_number(trimmed).map_or(Value::None, Decimal::into_value)
        }
        ColumnType::Boolean => Value::Bool(infer::without_commas(trimmed).eq_ignore_ascii_case("true")),
        ColumnType::Date => infer::parse_date(trimmed).map_or(Value::None, crate::dates::date),
        ColumnType::DateTime => infer::parse_datetime(trimmed)
            .map_or(Value::None, |(at, zoned)| crate::dates::datetime(at, zoned)),
        ColumnType::Text | ColumnType::TimeDelta => Value::from(text.as_ref()),
    }
}

/// `adapter.load_seed_rows(relation, agate_table, config)`: loads the rows and returns the SQL that shows it.
pub(crate) fn load(running: &Running<'_>, args: Args) -> Result<Value> {
    const METHOD: &str = "load_seed_rows";
    let [relation, table, config] = args.bind(METHOD, ["relation", "agate_table", "config?"])?;
    let relation = relation_argument(relation.as_ref(), METHOD, "relation")?;
    let table = table
        .as_ref()
        .and_then(AgateTable::from_value)
        .ok_or_else(|| Error::type_error("load_seed_rows() expects the table of a seed"))?;
    let config = config.as_ref().and_then(Value::as_dict);
    let fast = config.and_then(|c| c.get("fast")).is_none_or(|f| f.is_true());
    // The names as the table was created with.
    let quoted = !running.adapter.facts.upper_case_names
        || config.and_then(|c| c.get("quote_columns")).is_some_and(|q| q.is_true());
    let named = |name: &str| if quoted { crate::jinja_adapter::quote(name) } else { name.to_owned() };
    match table.seed().filter(|seed| seed.plain && fast) {
        Some(seed) => {
            let mut columns = seed.seed_columns();
            if running.adapter.facts.upper_case_names {
                columns.iter_mut().for_each(|column| column.name = named(&column.name));
            }
            running.connection.load_csv(&relation, &seed.path, seed.format(), &columns)?;
            let path = seed.path.to_string_lossy().replace('\'', "''");
            let delimiter = char::from(seed.delimiter).to_string().replace('\'', "''");
            Ok(Value::from(format!(
                "copy {relation} from '{path}' (format csv, header true, delimiter '{delimiter}')"
            )))
        }
        None => {
            let mut rows = table.to_table()?;
            let names: Vec<String> = table.names.iter().map(|name| named(name)).collect();
            if running.adapter.facts.upper_case_names {
                rows.columns = names.iter().map(|name| name.as_str().into()).collect();
            }
            running.connection.load_table(&relation, &rows)?;
            let marks = vec!["?"; names.len()].join(", ");
            Ok(Value::from(format!("insert into {relation} ({}) values ({marks})", names.join(", "))))
        }
    }
}

/// The place of a problem in the file.
fn place(path: &Path, shown: &str, line: Option<u64>) -> Span {
    // The whole file is read only to show one line of it, when there is an error to show.
    let text =
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let file = SourceFile::new(shown, text);
    match line.and_then(|l| u32::try_from(l).ok()) {
        Some(line) => Span::at(file, line, 0),
        None => Span::whole(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], overrides: &[(&str, &str)]) -> std::result::Result<SeedTable, Diagnostic> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("writes");
        let overrides: Vec<(String, Arc<str>)> =
            overrides.iter().map(|(k, v)| ((*k).to_owned(), Arc::from(*v))).collect();
        SeedTable::read(file.path(), "seeds/s.csv", b',', &|name| {
            overrides.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone())
        })
    }

    fn types(text: &str) -> Vec<String> {
        let seed = read(text.as_bytes(), &[]).expect("valid");
        seed.columns.iter().map(|c| c.data_type.to_string()).collect()
    }

    // Each expectation is what dbt creates for the same file.
    #[test]
    fn types_are_those_of_dbt() {
        assert_eq!(types("a,b,c\n1,1.50,x\n-2,,y\n"), ["integer", "float8", "text"]);
        assert_eq!(types("a\n1.0\n2.00\n"), ["integer"]);
        assert_eq!(types("a,b\n2024-01-01,2024-1-5\n,null\n"), ["date", "date"]);
        assert_eq!(types("a\n2024-01-01\n2024-13-01\n"), ["text"]);
        assert_eq!(types("a\n2024-01-01 10:00:00\n"), ["timestamp without time zone"]);
        assert_eq!(
            types("a\n2024-01-01T10:00:00Z\n2024-01-01T10:00:00.5+02:00\n"),
            ["timestamp without time zone"]
        );
        assert_eq!(types("a\n2024-01-01\n2024-01-01 10:00:00\n"), ["text"]);
        assert_eq!(types("a,b\ntrue,yes\nFALSE,no\n"), ["boolean", "text"]);
        assert_eq!(types("a\n0\n1\n"), ["integer"]);
        assert_eq!(types("a,b\n,\n,\n"), ["integer", "integer"]);
        assert_eq!(types("a,b\n"), ["integer", "integer"]);
        assert_eq!(types("a\n007\n1e3\n"), ["integer"]);
        assert_eq!(types("a\n\"1,000\"\n$5\n10%\n"), ["integer"]);
        assert_eq!(types("a\n3000000000\n"), ["bigint"]);
    }

    #[test]
    fn overridden_columns_are_text_until_the_database_casts_them() {
        let seed = read(b"id,zip\n1,01234\n", &[("zip", "varchar(5)")]).expect("valid");
        assert_eq!(&*seed.columns[1].data_type, "varchar(5)");
        assert_eq!(seed.columns[1].kind, ColumnType::Text);
        assert!(seed.plain);
        assert_eq!(seed.rows, 1);
    }

    #[test]
    fn values_that_only_agate_reads_are_loaded_as_values() {
        assert!(!read(b"a\n$5\n", &[]).expect("valid").plain);
        assert!(!read(b"a\n5\nnull\n", &[]).expect("valid").plain);
        assert!(read(b"a\nx\nnull\n", &[]).expect("valid").plain);
        let seed = read(b"a,b\n$5,x\nnull,null\n", &[]).expect("valid");
        let rows = std::fs::write(&seed.path, b"a,b\n$5,x\nnull,null\n").map(|()| seed.read_rows());
        let rows = rows.expect("written").expect("read");
        let shown: Vec<String> = rows.iter().map(|r| Value::Tuple(r.clone()).repr()).collect();
        assert_eq!(shown, ["(Decimal('5'), 'x')", "(None, None)"]);
    }

    #[test]
    fn blank_lines_are_rows_without_values() {
        let count = |text: &[u8]| read(text, &[]).expect("valid").rows;
        assert_eq!(count(b"a\nY\nN\n\nN/A"), 4);
        assert_eq!(count(b"a\ncat\n\ndog\n\n\nbear\n"), 6);
        assert_eq!(count(b"a\n1\n\n"), 2);
        assert_eq!(count(b"a,b\n1,\"x\n\ny\"\n2,z\n"), 2);
        assert_eq!(count(b"a\r\n1\r\n\r\n2\r\n"), 3);
    }

    #[test]
    fn quotes_that_come_late_are_noticed() {
        let rows = "1,x\n".repeat(40_000);
        let late = |text: String| read(text.as_bytes(), &[]).expect("valid").late_quotes;
        assert!(late(format!("a,b\n{rows}2,\"y,z\"\n")));
        assert!(!late(format!("a,b\n2,\"y,z\"\n{rows}")));
        assert!(!late(format!("a,b\n{rows}")));
    }

    #[test]
    fn bad_files_are_told_with_their_line() {
        let message = |text: &[u8]| read(text, &[]).expect_err("invalid").render();
        assert!(message(b"").contains("is empty"));
        let ragged = message(b"a,b\n1,2\n1,2,3\n");
        assert!(
            ragged.contains("a row of 3 values in a seed of 2 columns") && ragged.contains("seeds/s.csv:3"),
            "{ragged}"
        );
        assert!(message(b"a,b\n1\n").contains("a row of 1 values"));
        let encoding = message(b"a\nok\n\xff\xfe\n");
        assert!(encoding.contains("is not UTF-8") && encoding.contains("seeds/s.csv:3"), "{encoding}");
        assert!(message(b"id,ID\n1,2\n").contains("two columns named 'ID'"));
        let names = read(b"\xef\xbb\xbfa,a,\n1,2,3\n", &[]).expect("valid").names;
        assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "a_2", "c"]);
    }
}
