//! The words of SQL that only profiles need, where databases differ in them.

use crate::dialect::{self, Dialect};

/// How a database writes what a profile asks.
pub(super) trait Words: Send + Sync {
    /// Names, texts and numbers.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Seconds since 1970 of a date or moment.
    fn seconds(&self, column: &str) -> String;

    /// Quantiles of doubles: one aggregate that gives a list, or one for each.
    fn quantiles(&self, number: &str, at: &[f64]) -> Vec<String>;

    /// The same, as an estimate that needs little memory.
    fn estimated_quantiles(&self, number: &str, at: &[f64]) -> Vec<String>;

    /// An estimate of the number of different values.
    fn estimated_distinct(&self, column: &str) -> String {
        format!("approx_count_distinct({column})")
    }

    /// Skewness.
    fn skewness(&self, number: &str) -> String;

    /// Whether a value is among one in `n` of them, by its hash.
    fn one_in(&self, column: &str, n: u64) -> String;

    /// What stands behind the name of a common table expression that is read twice.
    fn kept(&self) -> &'static str {
        "as"
    }

    /// Rows drawn from a relation, to stand behind `from`.
    fn sample(&self, relation: &str, rows: u64) -> String;
}

/// The words of a kind of target.
pub(super) fn of(type_name: &str) -> Option<&'static dyn Words> {
    match type_name {
        "duckdb" => Some(&DuckDb),
        "snowflake" => Some(&Snowflake),
        _ => None,
    }
}

struct DuckDb;

fn list(at: &[f64]) -> String {
    at.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

impl Words for DuckDb {
    fn dialect(&self) -> &'static dyn Dialect {
        &dialect::DuckDb
    }

    fn seconds(&self, column: &str) -> String {
        format!("epoch({column})")
    }

    fn quantiles(&self, number: &str, at: &[f64]) -> Vec<String> {
        vec![format!("quantile_cont({number}, [{}])", list(at))]
    }

    fn estimated_quantiles(&self, number: &str, at: &[f64]) -> Vec<String> {
        vec![format!("approx_quantile({number}, [{}])", list(at))]
    }

    fn skewness(&self, number: &str) -> String {
        format!("skewness({number})")
    }

    fn one_in(&self, column: &str, n: u64) -> String {
        format!("hash({column}) % {n} = 0")
    }

    fn kept(&self) -> &'static str {
        "as materialized"
    }

    fn sample(&self, relation: &str, rows: u64) -> String {
        // The same rows for each statement of a profile.
        format!("(select * from {relation} using sample reservoir({rows} rows) repeatable (1)) as sampled")
    }
}

struct Snowflake;

impl Words for Snowflake {
    fn dialect(&self) -> &'static dyn Dialect {
        &dialect::Snowflake
    }

    fn seconds(&self, column: &str) -> String {
        format!("date_part(epoch_second, {column})")
    }

    fn quantiles(&self, number: &str, at: &[f64]) -> Vec<String> {
        at.iter().map(|q| format!("percentile_cont({q}) within group (order by {number})")).collect()
    }

    fn estimated_quantiles(&self, number: &str, at: &[f64]) -> Vec<String> {
        at.iter().map(|q| format!("approx_percentile({number}, {q})")).collect()
    }

    fn skewness(&self, number: &str) -> String {
        format!("skew({number})")
    }

    fn one_in(&self, column: &str, n: u64) -> String {
        format!("mod(abs(hash({column})), {n}) = 0")
    }

    fn sample(&self, relation: &str, rows: u64) -> String {
        format!("(select * from {relation} sample ({rows} rows)) as sampled")
    }
}
