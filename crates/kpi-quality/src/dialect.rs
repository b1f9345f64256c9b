//! The seam between databases: the few words of SQL that each has in its own way.

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::Value as Json;

/// How a database writes what standard SQL leaves open. The defaults are the standard's.
pub trait Dialect: Send + Sync {
    /// A name.
    fn name(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// Text.
    fn text(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// A number of the double type, whatever its fraction.
    fn float(&self, value: f64) -> String {
        if value.is_finite() {
            format!("{value:e}")
        } else {
            let word = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            format!("cast('{word}' as double precision)")
        }
    }

    /// A date.
    fn date(&self, value: NaiveDate) -> String {
        format!("date '{}'", value.format("%Y-%m-%d"))
    }

    /// A moment.
    fn moment(&self, value: NaiveDateTime) -> String {
        format!("timestamp '{}'", value.format("%Y-%m-%d %H:%M:%S%.f"))
    }

    /// A value as it is written in a suite. Lists and mappings are text.
    fn value(&self, value: &Json) -> String {
        match value {
            Json::Null => "null".into(),
            Json::Bool(b) => if *b { "true" } else { "false" }.into(),
            Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
                (Some(i), _, _) => i.to_string(),
                (_, Some(u), _) => u.to_string(),
                (_, _, Some(f)) => self.float(f),
                _ => n.to_string(),
            },
            Json::String(s) => self.text(s),
            other => self.text(&other.to_string()),
        }
    }

    /// Whether a pattern occurs anywhere in a text.
    fn matches(&self, column: &str, pattern: &str) -> String;

    /// Whether a text is JSON; never null for a text.
    fn is_json(&self, column: &str) -> String;

    /// Characters of a text.
    fn length(&self, column: &str) -> String {
        format!("length({column})")
    }

    /// A column as a double.
    fn as_float(&self, column: &str) -> String {
        format!("cast({column} as double precision)")
    }

    /// Whether a double is a number, not NaN.
    fn is_number(&self, column: &str) -> String {
        format!("{column} <> {}", self.float(f64::NAN))
    }

    /// Whether a double is neither NaN nor infinite.
    fn is_finite(&self, column: &str) -> String {
        let [nan, most, least] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|f| self.float(f));
        format!("{column} <> {nan} and {column} <> {most} and {column} <> {least}")
    }

    /// Whether counts of distinct values slow down the other aggregates of their query by more than a scan takes.
    fn distinct_apart(&self) -> bool {
        false
    }

    /// Numbers the rows of a query in the order in which they are stored.
    fn row_number(&self) -> &'static str;

    /// Why a pattern cannot be run here, though it may be sound elsewhere.
    fn pattern_problem(&self, pattern: &str) -> Option<String>;
}

/// DuckDB's SQL.
#[derive(Debug, Clone, Copy)]
pub struct DuckDb;

impl Dialect for DuckDb {
    fn matches(&self, column: &str, pattern: &str) -> String {
        format!("regexp_matches({column}, {})", self.text(pattern))
    }

    fn is_json(&self, column: &str) -> String {
        format!("json_valid({column})")
    }

    fn as_float(&self, column: &str) -> String {
        format!("cast({column} as double)")
    }

    fn float(&self, value: f64) -> String {
        if value.is_finite() {
            format!("{value:e}")
        } else {
            let word = if value.is_nan() {
                "NaN"
            } else if value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            format!("cast('{word}' as double)")
        }
    }

    fn is_finite(&self, column: &str) -> String {
        format!("isfinite({column})")
    }

    fn distinct_apart(&self) -> bool {
        true
    }

    fn row_number(&self) -> &'static str {
        "row_number() over ()"
    }

    fn pattern_problem(&self, pattern: &str) -> Option<String> {
        crate::pattern::problem(pattern)
    }
}

/// Snowflake's SQL.
#[derive(Debug, Clone, Copy)]
pub struct Snowflake;

impl Dialect for Snowflake {
    fn text(&self, text: &str) -> String {
        // A backslash escapes what follows it, within quotes too.
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
    }

    fn float(&self, value: f64) -> String {
        if value.is_finite() {
            return format!("{value:e}");
        }
        let word = match (value.is_nan(), value > 0.0) {
            (true, _) => "NaN",
            (false, true) => "inf",
            (false, false) => "-inf",
        };
        format!("cast('{word}' as double)")
    }

    fn matches(&self, column: &str, pattern: &str) -> String {
        format!("regexp_count({column}, {}) > 0", self.text(pattern))
    }

    fn is_json(&self, column: &str) -> String {
        // Of a text without anything in it Snowflake says that nothing is wrong with it.
        format!("(check_json({column}) is null and trim({column}) <> '')")
    }

    fn as_float(&self, column: &str) -> String {
        format!("cast({column} as double)")
    }

    fn row_number(&self) -> &'static str {
        // Rows have no order of their own there.
        "row_number() over (order by null)"
    }

    fn pattern_problem(&self, pattern: &str) -> Option<String> {
        crate::pattern::problem(pattern)
    }
}

/// The SQL of a kind of target.
pub fn of(type_name: &str) -> Option<&'static dyn Dialect> {
    match type_name {
        "duckdb" => Some(&DuckDb),
        "snowflake" => Some(&Snowflake),
        _ => None,
    }
}
