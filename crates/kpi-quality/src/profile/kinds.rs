//! What can be asked of the values of a column, by the type that the database declares.

use serde::{Deserialize, Serialize};

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Numbers with a fixed number of decimals.
    Decimal,
    /// Floating point numbers.
    Float,
    /// True and false.
    Boolean,
    /// Text, and what is shown as such: enumerations, UUIDs, JSON.
    Text,
    /// Days.
    Date,
    /// Moments.
    Moment,
    /// Times of day.
    Clock,
    /// Lists, structs, blobs and all else that has no order: only nulls are counted.
    Opaque,
}

const INTEGERS: &[&str] = &[
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "BIGNUM",
    "INT",
    "INT1",
    "INT2",
    "INT4",
    "INT8",
    "BYTEINT",
    "LONG",
    "SHORT",
];
const DECIMALS: &[&str] = &["DECIMAL", "NUMERIC", "NUMBER", "DEC", "FIXED"];
const FLOATS: &[&str] = &["FLOAT", "DOUBLE", "REAL", "FLOAT4", "FLOAT8", "DOUBLE PRECISION"];
const TEXTS: &[&str] = &[
    "VARCHAR",
    "TEXT",
    "STRING",
    "CHAR",
    "BPCHAR",
    "CHARACTER",
    "CHARACTER VARYING",
    "NVARCHAR",
    "UUID",
    "ENUM",
    "JSON",
];

impl Kind {
    /// By a declared type: `DECIMAL(12,2)`, `NUMBER(38,0)`, `VARCHAR(20)`, `INTEGER[]`.
    pub fn of(declared: &str) -> Self {
        let upper = declared.trim().to_uppercase();
        if upper.ends_with(']') {
            return Kind::Opaque;
        }
        let (name, parameters) = match upper.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
            None => (upper.as_str(), ""),
        };
        let is = |names: &[&str]| names.contains(&name);
        if is(INTEGERS) {
            Kind::Integer
        } else if is(DECIMALS) {
            let scale = parameters.split(',').nth(1).map(str::trim);
            // A number without parameters is a whole one in Snowflake, and has three decimals in DuckDB.
            match scale {
                Some("0") => Kind::Integer,
                None if !parameters.is_empty() => Kind::Integer,
                _ => Kind::Decimal,
            }
        } else if is(FLOATS) {
            Kind::Float
        } else if matches!(name, "BOOLEAN" | "BOOL") {
            Kind::Boolean
        } else if is(TEXTS) {
            Kind::Text
        } else if name == "DATE" {
            Kind::Date
        } else if name.starts_with("TIMESTAMP") || name == "DATETIME" {
            Kind::Moment
        } else if name == "TIME" {
            Kind::Clock
        } else {
            Kind::Opaque
        }
    }

    /// Whether it holds numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Decimal | Kind::Float)
    }

    /// Whether it holds days or moments.
    pub fn is_time(self) -> bool {
        matches!(self, Kind::Date | Kind::Moment)
    }

    /// Whether its values can be told apart and ordered.
    pub fn is_compared(self) -> bool {
        self != Kind::Opaque
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn types_of_both_databases_have_a_kind() {
        for (declared, kind) in [
            ("INTEGER", Kind::Integer),
            ("NUMBER(38,0)", Kind::Integer),
            ("DECIMAL(12,2)", Kind::Decimal),
            ("double", Kind::Float),
            ("VARCHAR(20)", Kind::Text),
            ("ENUM('a', 'b')", Kind::Text),
            ("TIMESTAMP WITH TIME ZONE", Kind::Moment),
            ("TIMESTAMP_NTZ(9)", Kind::Moment),
            ("TIME", Kind::Clock),
            ("INTEGER[]", Kind::Opaque),
            ("STRUCT(a INTEGER)", Kind::Opaque),
            ("DECIMAL(3,1)[2]", Kind::Opaque),
            ("BLOB", Kind::Opaque),
            ("VARIANT", Kind::Opaque),
            ("INTERVAL", Kind::Opaque),
        ] {
            assert_eq!(Kind::of(declared), kind, "{declared}");
        }
    }
}
