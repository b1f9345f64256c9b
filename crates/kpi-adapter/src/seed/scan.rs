//! One pass over a CSV file.

use super::place;
use csv::ByteRecord;
use kpi_diagnostics::Diagnostic;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// What is wrong with a file, before it is put into words.
#[derive(Debug)]
pub(super) enum Problem {
    /// It cannot be opened or read.
    Unreadable(std::io::Error),
    /// It has no header.
    Empty,
    /// Two columns have one name but for its case.
    Doubled(Arc<str>),
    /// A row has another number of fields than the header.
    Ragged { line: u64, fields: usize, columns: usize },
    /// A row is not UTF-8.
    Encoding { line: u64 },
}

impl Problem {
    pub(super) fn into_diagnostic(self, path: &Path, shown: &str) -> Diagnostic {
        let error = |code, message: String| Diagnostic::error(code, "Runtime Error", message);
        match self {
            Self::Unreadable(e) => error("K0140", format!("the seed {shown} cannot be read: {e}")),
            Self::Empty => error("K0141", format!("the seed {shown} is empty"))
                .with_span(place(path, shown, None))
                .with_hint("the first line names the columns"),
            Self::Doubled(name) => error("K0142", format!("the seed {shown} has two columns named '{name}'"))
                .with_span(place(path, shown, Some(1)))
                .with_hint("names that differ only in case are the same to the database"),
            Self::Ragged { line, fields, columns } => {
                let message = format!("a row of {fields} values in a seed of {columns} columns");
                error("K0143", message)
                    .with_span(place(path, shown, Some(line)))
                    .with_hint("check the delimiter, or put quotes round a value that contains it")
            }
            Self::Encoding { line } => error("K0144", format!("the seed {shown} is not UTF-8"))
                .with_span(place(path, shown, Some(line)))
                .with_hint("save the file as UTF-8"),
        }
    }
}

/// Databases look at some 20,000 rows to find out how a file is written; quotes among the first rows are found surely.
const EARLY_ROWS: u64 = 10_000;

/// A file that is being read.
pub(super) struct Scan {
    reader: csv::Reader<Source>,
    columns: usize,
    /// Where the early rows end, if there are more.
    early_end: Option<u64>,
}

/// The file without its byte order mark; notes where the first quote is.
struct Source {
    inner: BufReader<File>,
    started: bool,
    position: u64,
    first_quote: Option<u64>,
    delimiter: u8,
    lines: Lines,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if !self.started {
            self.started = true;
            use std::io::BufRead;
            if self.inner.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
                self.inner.consume(3);
            }
        }
        let count = self.inner.read(buffer)?;
        if self.first_quote.is_none() {
            let quote = buffer.iter().take(count).position(|b| *b == b'"');
            self.first_quote = quote.map(|i| self.position + i as u64);
        }
        self.position += count as u64;
        self.lines.see(buffer.get(..count).unwrap_or_default(), self.delimiter);
        Ok(count)
    }
}

impl Scan {
    pub(super) fn open(path: &Path, delimiter: u8) -> Result<Self, Problem> {
        let file = File::open(path).map_err(Problem::Unreadable)?;
        let inner = BufReader::with_capacity(1 << 16, file);
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(1 << 18)
            .from_reader(Source {
                inner,
                started: false,
                position: 0,
                first_quote: None,
                delimiter,
                lines: Lines::default(),
            });
        Ok(Self { reader, columns: 0, early_end: None })
    }

    /// Whether the first quote comes after the rows by which databases judge a file. Known when all rows were shown.
    pub(super) fn late_quotes(&self) -> bool {
        let quote = self.reader.get_ref().first_quote;
        quote.zip(self.early_end).is_some_and(|(quote, end)| quote > end)
    }

    /// The names in the first row, made unique.
    pub(super) fn header(&mut self) -> Result<Arc<[Arc<str>]>, Problem> {
        let mut record = ByteRecord::new();
        if !self.reader.read_byte_record(&mut record).map_err(unreadable)? {
            return Err(Problem::Empty);
        }
        let mut names: Vec<Arc<str>> = Vec::with_capacity(record.len());
        for field in &record {
            let name = std::str::from_utf8(field).map_err(|_| Problem::Encoding { line: 1 })?;
            names.push(name.into());
        }
        self.columns = names.len();
        let names = crate::cell::unique_names(&names);
        let mut seen = rustc_hash::FxHashSet::default();
        match names.iter().find(|n| !seen.insert(n.to_lowercase())) {
            Some(doubled) => Err(Problem::Doubled(doubled.clone())),
            None => Ok(names),
        }
    }

    /// Shows every row; the number of rows. A blank line, which the reader passes over, is a row without values, as it
    /// is for agate.
    pub(super) fn for_each(
        &mut self,
        mut see: impl FnMut(&ByteRecord) -> Result<(), Problem>,
    ) -> Result<u64, Problem> {
        let mut record = ByteRecord::new();
        let mut rows = 0;
        while self.reader.read_byte_record(&mut record).map_err(unreadable)? {
            let line = || record.position().map_or(0, csv::Position::line);
            if record.len() != self.columns {
                return Err(Problem::Ragged { line: line(), fields: record.len(), columns: self.columns });
            }
            if std::str::from_utf8(record.as_slice()).is_err() {
                return Err(Problem::Encoding { line: line() });
            }
            see(&record)?;
            rows += 1;
            if rows == EARLY_ROWS {
                self.early_end = record.position().map(csv::Position::byte);
            }
        }
        let blank = ByteRecord::from(vec![""; self.columns]);
        for _ in 0..self.reader.get_ref().lines.blank {
            see(&blank)?;
            rows += 1;
        }
        Ok(rows)
    }
}

/// Counts the blank lines that are not inside a value.
#[derive(Default)]
struct Lines {
    blank: u64,
    /// Something is on the current line.
    filled: bool,
    quoted: bool,
    before: u8,
}

impl Lines {
    fn see(&mut self, bytes: &[u8], delimiter: u8) {
        for byte in bytes {
            match byte {
                b'"' if self.quoted => self.quoted = false,
                // A quote right after one that closed is a quote inside the value.
                b'"' if !self.filled || self.before == delimiter || self.before == b'"' => self.quoted = true,
                _ => {}
            }
            match byte {
                b'\n' if self.before == b'\r' && !self.quoted => {}
                b'\n' | b'\r' if !self.quoted => {
                    self.blank += u64::from(!self.filled);
                    self.filled = false;
                }
                _ => self.filled = true,
            }
            self.before = *byte;
        }
    }
}

fn unreadable(error: csv::Error) -> Problem {
    Problem::Unreadable(match error.into_kind() {
        csv::ErrorKind::Io(e) => e,
        other => std::io::Error::other(format!("{other:?}")),
    })
}
