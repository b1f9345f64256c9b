//! The rows of a seed as the text of `insert ... values`, in batches that one statement can hold.

use kpi_adapter::{AdapterError, AdapterErrorKind, Cell, CsvFormat, SeedColumn, Table};
use std::path::Path;

/// As many rows as dbt sends at once.
const ROWS: usize = 10_000;

/// A statement may have a mebibyte; the rest is left to its head and the query comment.
const BYTES: usize = 900 * 1024;

type Row = Vec<Option<String>>;

/// Batches: number of rows, and their text.
pub(crate) struct Batches<'a> {
    rows: Box<dyn Iterator<Item = Result<Row, AdapterError>> + 'a>,
    /// A row that did not fit any more.
    left: Option<String>,
}

impl<'a> Batches<'a> {
    /// The rows of a file behind its header. An empty field is NULL.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of_csv(path: &Path, format: CsvFormat, columns: &[SeedColumn]) -> Result<Self, AdapterError> {
        let wrong = |message: String| AdapterError::new(AdapterErrorKind::Statement, message);
        let shown = path.display().to_string();
        let reader = csv::ReaderBuilder::new()
            .delimiter(format.delimiter)
            .flexible(true)
            .from_path(path)
            .map_err(|error| wrong(format!("the seed {shown} cannot be read: {error}")))?;
        let width = columns.len();
        let rows = reader.into_records().map(move |record| {
            let record =
                record.map_err(|error| wrong(format!("the seed {shown} cannot be read: {error}")))?;
            Ok((0..width)
                .map(|i| record.get(i).filter(|field| !field.is_empty()).map(str::to_owned))
                .collect())
        });
        Ok(Self { rows: Box::new(rows), left: None })
    }

    /// The rows of a table.
    pub fn of_table(table: &'a Table) -> Self {
        let rows = table.rows.iter().map(|row| {
            Ok(row
                .iter()
                .map(|cell| match cell {
                    Cell::Null => None,
                    Cell::Bool(b) => Some(b.to_string()),
                    other => Some(other.text()),
                })
                .collect())
        });
        Self { rows: Box::new(rows), left: None }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<(u64, String), AdapterError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut text = self.left.take().unwrap_or_default();
        let mut count = u64::from(!text.is_empty());
        while count < ROWS as u64 {
            let row = match self.rows.next() {
                Some(Ok(row)) => literal(&row),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            };
            if count > 0 && text.len() + row.len() + 2 > BYTES {
                self.left = Some(row);
                break;
            }
            if count > 0 {
                text.push_str(",\n");
            }
            text.push_str(&row);
            count += 1;
        }
        (count > 0).then_some(Ok((count, text)))
    }
}

/// `('Ana', null)`: texts, which the service casts to the column's type.
fn literal(row: &Row) -> String {
    let values: Vec<String> = row
        .iter()
        .map(|value| match value {
            None => "null".to_owned(),
            Some(value) => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''")),
        })
        .collect();
    format!("({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, text: &str) -> Table {
        let cells = vec![Cell::Int(1), Cell::Str(text.into()), Cell::Null];
        Table {
            columns: vec!["a".into(), "b".into(), "c".into()],
            rows: vec![cells; rows],
            ..Table::default()
        }
    }

    #[test]
    fn values_are_data_whatever_they_hold() {
        let table = table(1, "it's; drop table x --\\");
        let batches: Vec<_> = Batches::of_table(&table).map(Result::unwrap).collect();
        assert_eq!(batches, [(1, r"('1', 'it''s; drop table x --\\', null)".to_owned())]);
    }

    #[test]
    fn batches_hold_what_a_statement_may() {
        let many = table(25_000, "x");
        let counts: Vec<u64> = Batches::of_table(&many).map(|batch| batch.unwrap().0).collect();
        assert_eq!(counts, [10_000, 10_000, 5_000]);
        let wide = table(3, &"y".repeat(500 * 1024));
        let counts: Vec<u64> = Batches::of_table(&wide).map(|batch| batch.unwrap().0).collect();
        assert_eq!(counts, [1, 1, 1]);
        assert_eq!(Batches::of_table(&table(0, "")).count(), 0);
    }
}
