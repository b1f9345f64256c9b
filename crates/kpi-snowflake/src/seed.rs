//! The rows of a seed as the text of `insert ... values`, in batches that one statement can hold.

use kpi_adapter::{AdapterError, AdapterErrorKind, Cell, CsvFormat, SeedColumn, Table};
use std::path::Path;

/// As many rows as dbt sends at once.
const ROWS: usize = 10_000;

/// A statement may have a mebibyte; the rest is left to its head and the query comment.
const BYTES: usize = 900 * 1024;

/// A row's values as texts; NULL is none.
pub(crate) type Row = Vec<Option<String>>;

pub(crate) type Rows<'a> = Box<dyn Iterator<Item = Result<Row, AdapterError>> + 'a>;

/// Where rows come from. They can be read more than once.
pub(crate) enum Source<'a> {
    /// The rows of a file behind its header. An empty field is NULL.
    Csv { path: &'a Path, format: CsvFormat, columns: &'a [SeedColumn] },
    /// The rows of a table.
    Table(&'a Table),
}

impl<'a> Source<'a> {
    /// All rows.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn rows(&self) -> Result<Rows<'a>, AdapterError> {
        match *self {
            Self::Csv { path, format, columns } => {
                let wrong = |message: String| AdapterError::new(AdapterErrorKind::Statement, message);
                let shown = path.display().to_string();
                let reader = csv::ReaderBuilder::new()
                    .delimiter(format.delimiter)
                    .flexible(true)
                    .from_path(path)
                    .map_err(|error| wrong(format!("the seed {shown} cannot be read: {error}")))?;
                let width = columns.len();
                Ok(Box::new(reader.into_records().map(move |record| {
                    let record =
                        record.map_err(|error| wrong(format!("the seed {shown} cannot be read: {error}")))?;
                    Ok((0..width)
                        .map(|i| record.get(i).filter(|field| !field.is_empty()).map(str::to_owned))
                        .collect())
                })))
            }
            Self::Table(table) => Ok(Box::new(table.rows.iter().map(|row| {
                Ok(row
                    .iter()
                    .map(|cell| match cell {
                        Cell::Null => None,
                        Cell::Bool(b) => Some(b.to_string()),
                        other => Some(other.text()),
                    })
                    .collect())
            }))),
        }
    }

    /// The rows in batches.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn batches(&self) -> Result<Batches<'a>, AdapterError> {
        Ok(Batches { rows: self.rows()?, left: None })
    }

    /// Whether there are more rows than one batch holds.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_large(&self) -> Result<bool, AdapterError> {
        let mut batches = self.batches()?;
        Ok(batches.next().transpose()?.is_some() && batches.next().transpose()?.is_some())
    }
}

/// Batches: number of rows, and their text.
pub(crate) struct Batches<'a> {
    rows: Rows<'a>,
    /// A row that did not fit any more.
    left: Option<String>,
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
        let batches: Vec<_> = Source::Table(&table).batches().unwrap().map(Result::unwrap).collect();
        assert_eq!(batches, [(1, r"('1', 'it''s; drop table x --\\', null)".to_owned())]);
    }

    #[test]
    fn batches_hold_what_a_statement_may() {
        let many = table(25_000, "x");
        let counts: Vec<u64> =
            Source::Table(&many).batches().unwrap().map(|batch| batch.unwrap().0).collect();
        assert_eq!(counts, [10_000, 10_000, 5_000]);
        let wide = table(3, &"y".repeat(500 * 1024));
        let counts: Vec<u64> =
            Source::Table(&wide).batches().unwrap().map(|batch| batch.unwrap().0).collect();
        assert_eq!(counts, [1, 1, 1]);
        let none = table(0, "");
        assert_eq!(Source::Table(&none).batches().unwrap().count(), 0);
        // What one statement holds goes no other way.
        assert!(Source::Table(&many).is_large().unwrap() && Source::Table(&wide).is_large().unwrap());
        assert!(
            !Source::Table(&table(10_000, "x")).is_large().unwrap()
                && !Source::Table(&none).is_large().unwrap()
        );
    }
}
