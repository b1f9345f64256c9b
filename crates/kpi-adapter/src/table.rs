//! The rows of a query, with the table API that packages use (agate's).

use std::sync::Arc;

/// One value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// SQL NULL
    Null,
    /// BOOLEAN
    Bool(bool),
    /// Integers up to 128 bits
    Int(i128),
    /// DECIMAL as text with its scale: `12.50`
    Decimal(Arc<str>),
    /// FLOAT, DOUBLE
    Float(f64),
    /// Text
    Str(Arc<str>),
    /// BLOB
    Bytes(Arc<[u8]>),
    /// DATE
    Date(chrono::NaiveDate),
    /// TIME
    Time(chrono::NaiveTime),
    /// TIMESTAMP without zone
    Timestamp(chrono::NaiveDateTime),
    /// TIMESTAMP WITH TIME ZONE: UTC instant
    TimestampTz(chrono::DateTime<chrono::Utc>),
    /// INTERVAL as months, days, microseconds
    Interval(i32, i32, i64),
    /// LIST, ARRAY
    List(Vec<Cell>),
    /// STRUCT, MAP
    Struct(Vec<(Arc<str>, Cell)>),
}

/// agate's column types, which decide how a table prints and what `convert_type` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text
    Text,
    /// Number (agate prints decimals)
    Number,
    /// dbt's Integer
    Integer,
    /// Boolean
    Boolean,
    /// Date
    Date,
    /// DateTime
    DateTime,
    /// TimeDelta
    TimeDelta,
}

/// A table of rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Column names.
    pub columns: Vec<Arc<str>>,
    /// Database type names of the columns, as the database prints them.
    pub types: Vec<Arc<str>>,
    /// Rows.
    pub rows: Vec<Vec<Cell>>,
}
