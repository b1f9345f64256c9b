//! The seam between databases: the few words of SQL that each has in its own way.

use chrono::{NaiveDate, NaiveDateTime};
use serde_json::Value as Json;

/// How a database writes what standard SQL leaves open. The defaults are the standard's.
pub trait Dialect: Send + Sync {
    /// A name.
    fn name(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// A name of the catalog as people write it.
    fn shown_name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// A relation that a suite names, with points between the parts of its name.
    fn relation(&self, name: &str) -> String {
        name.split('.').map(|part| self.name(part)).collect::<Vec<_>>().join(".")
    }

    /// Text.
    fn text(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    /// The name of the double type.
    fn double(&self) -> &'static str {
        "double precision"
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
            format!("cast('{word}' as {})", self.double())
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
        format!("cast({column} as {})", self.double())
    }

    /// The sample deviation of a column, as a double.
    fn deviation(&self, column: &str) -> String {
        format!("stddev_samp({column})")
    }

    /// Whether a type without a name in common with another is the same here. Both are names in upper case with their
    /// parameters, `("NUMBER", "38,0")`.
    fn same_type(&self, _declared: (&str, &str), _wanted: (&str, &str)) -> bool {
        false
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

    fn double(&self) -> &'static str {
        "double"
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
    fn shown_name(&self, name: &str) -> String {
        // What was written without quotes is in upper case in the catalog, whatever its letters were.
        if is_plain(name) && !name.contains(|c: char| c.is_ascii_lowercase()) {
            name.to_lowercase()
        } else {
            name.to_owned()
        }
    }

    fn relation(&self, name: &str) -> String {
        let part = |part: &str| if is_plain(part) { part.to_owned() } else { self.name(part) };
        name.split('.').map(part).collect::<Vec<_>>().join(".")
    }

    fn deviation(&self, column: &str) -> String {
        // That of a fixed-point column would be one, cut to its decimals.
        format!("stddev_samp(1e0 * ({column}))")
    }

    fn same_type(&self, declared: (&str, &str), wanted: (&str, &str)) -> bool {
        const WHOLE: &[&str] = &["INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"];
        const REAL: &[&str] = &["FLOAT", "DOUBLE"];
        let whole = |(name, parameters): (&str, &str)| {
            name == "DECIMAL" && (parameters.is_empty() || parameters.ends_with(",0"))
        };
        (WHOLE.contains(&wanted.0) && wanted.1.is_empty() && whole(declared))
            || (REAL.contains(&wanted.0) && REAL.contains(&declared.0))
    }

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
        let Ok(posix) = crate::pattern::posix(pattern) else {
            // Never sent: `pattern_problem` says why.
            return "1 = 0".to_owned();
        };
        let flags = if posix.flags.is_empty() { "c" } else { posix.flags.as_str() };
        if posix.empty {
            // Matches without a character are no occurrences: the whole text has to match, with anything around.
            let whole = self.text(&format!("(.|\\n)*({})(.|\\n)*", posix.pattern));
            return format!("regexp_like({column}, {whole}, '{flags}')");
        }
        format!("regexp_count({column}, {}, 1, '{flags}') > 0", self.text(&posix.pattern))
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
        crate::pattern::problem(pattern).or_else(|| crate::pattern::posix(pattern).err())
    }
}

/// Whether a name needs no quotes in Snowflake for its letters; a word of its own may still.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
}

/// The SQL of a kind of target.
pub fn of(type_name: &str) -> Option<&'static dyn Dialect> {
    match type_name {
        "duckdb" => Some(&DuckDb),
        "snowflake" => Some(&Snowflake),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflake_shows_names_as_they_were_written() {
        let shown: Vec<String> =
            ["AMOUNT", "Amount", "AMOUNT 2", "amount"].iter().map(|n| Snowflake.shown_name(n)).collect();
        assert_eq!(shown, ["amount", "Amount", "AMOUNT 2", "amount"]);
        assert_eq!(Snowflake.relation("shop.raw.Big Orders"), "shop.raw.\"Big Orders\"");
    }

    #[test]
    fn patterns_are_put_in_words_of_snowflake() {
        let sql = |pattern: &str| Snowflake.matches("\"a\"", pattern);
        insta::assert_snapshot!([sql(r"^\d+$"), sql("(?is)^(?:a|b).+?c"), sql("x*"), sql("it's")].join("\n"), @r#"
        regexp_count("a", '^\\d+$', 1, 'c') > 0
        regexp_count("a", '^(a|b).+c', 1, 'is') > 0
        regexp_like("a", '(.|\\n)*(x*)(.|\\n)*', 'c')
        regexp_count("a", 'it''s', 1, 'c') > 0
        "#);
        let problem = |pattern: &str| Snowflake.pattern_problem(pattern).unwrap_or_default();
        insta::assert_snapshot!([problem("(?i:a)b"), problem(r"\p{L}"), problem("(?x)a b")].join("\n"), @r"
        has flags for a group, which Snowflake has not: put them in front
        has \p, which Snowflake has not: write the characters
        has the flag 'x', which Snowflake has not: i, m and s are known
        ");
    }

    #[test]
    fn types_of_snowflake_have_synonyms() {
        let same = |a, b| Snowflake.same_type(a, b);
        assert!(same(("DECIMAL", "38,0"), ("BIGINT", "")) && same(("FLOAT", ""), ("DOUBLE", "")));
        assert!(!same(("DECIMAL", "12,2"), ("INTEGER", "")) && !same(("FLOAT", ""), ("INTEGER", "")));
    }
}
