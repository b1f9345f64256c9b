//! Values of a result and what they are in Python: what dbt's driver hands to templates.

use crate::{Cell, ColumnType, Decimal};
use kpi_jinja::{Error, Result, Value};
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::fmt::Write;
use std::sync::Arc;

impl Cell {
    /// The value that the driver gives.
    pub fn to_value(&self) -> Value {
        match self {
            Cell::Null => Value::None,
            Cell::Bool(b) => Value::Bool(*b),
            Cell::Int(i) => match i64::try_from(*i) {
                Ok(small) => Value::Int(small),
                Err(_) => Value::integer(BigInt::from(*i)),
            },
            Cell::Decimal(text) => {
                Decimal::parse(text).map_or_else(|| Value::from(text), Decimal::into_value)
            }
            Cell::Float(f) => Value::Float(*f),
            Cell::Str(s) => Value::from(s),
            Cell::Bytes(b) => Value::Bytes(b.clone()),
            Cell::Date(date) => crate::dates::date(*date),
            Cell::Time(at) => crate::dates::time(*at),
            Cell::Interval(..) => Value::from(self.text()),
            Cell::Timestamp(at) => crate::dates::datetime(*at, false),
            Cell::TimestampTz(at) => crate::dates::datetime(at.naive_utc(), true),
            Cell::List(items) => Value::list(items.iter().map(Cell::to_value)),
            Cell::Struct(fields) => {
                Value::dict(fields.iter().map(|(name, cell)| (name.clone(), cell.to_value())))
            }
        }
    }

    /// The value as an item of a column of a type.
    pub(crate) fn to_typed(&self, kind: ColumnType) -> Value {
        match (kind, self) {
            (_, Cell::Null) => Value::None,
            (ColumnType::Number, Cell::Int(i)) => Decimal::from_integer(&BigInt::from(*i)).into_value(),
            (ColumnType::Number, Cell::Float(f)) => Decimal::from_float(*f).into_value(),
            (ColumnType::DateTime, Cell::Date(d)) => {
                crate::dates::datetime(d.and_time(chrono::NaiveTime::MIN), false)
            }
            (ColumnType::Text, Cell::List(_) | Cell::Struct(_)) => {
                let mut out = String::new();
                write_json(self, &mut out);
                Value::from(out)
            }
            (ColumnType::Text, Cell::Str(s)) => Value::from(s),
            (ColumnType::Text, other) => Value::from(other.text()),
            (_, other) => other.to_value(),
        }
    }

    /// What Python's `str()` gives for the driver's value.
    pub fn text(&self) -> String {
        match self {
            Cell::Date(d) => d.format("%Y-%m-%d").to_string(),
            Cell::Time(t) => time_text(*t),
            Cell::Timestamp(at) => timestamp_text(*at, ' '),
            Cell::TimestampTz(at) => format!("{}+00:00", timestamp_text(at.naive_utc(), ' ')),
            Cell::Interval(months, days, micros) => interval_text(*months, *days, *micros),
            Cell::Int(i) => i.to_string(),
            Cell::Str(s) => s.to_string(),
            Cell::Decimal(d) => d.to_string(),
            other => other.to_value().to_str().to_string(),
        }
    }

    /// As JSON, for `show --output json` and artifacts: dates are text, decimals numbers.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Cell::Null => Json::Null,
            Cell::Bool(b) => Json::Bool(*b),
            Cell::Int(i) => i64::try_from(*i).map_or_else(
                |_| {
                    i.to_f64()
                        .and_then(serde_json::Number::from_f64)
                        .map_or_else(|| Json::from(i.to_string()), Json::Number)
                },
                Json::from,
            ),
            Cell::Decimal(text) => Decimal::parse(text)
                .and_then(|d| serde_json::Number::from_f64(d.to_float()))
                .map_or_else(|| Json::from(&**text), Json::Number),
            Cell::Float(f) => serde_json::Number::from_f64(*f).map_or(Json::Null, Json::Number),
            Cell::Timestamp(at) => Json::from(timestamp_text(*at, 'T')),
            Cell::TimestampTz(at) => Json::from(format!("{}+00:00", timestamp_text(at.naive_utc(), 'T'))),
            Cell::List(items) => Json::Array(items.iter().map(Cell::to_json).collect()),
            Cell::Struct(fields) => {
                Json::Object(fields.iter().map(|(name, cell)| (name.to_string(), cell.to_json())).collect())
            }
            other => Json::from(other.text()),
        }
    }

    /// A template's value as a parameter of a statement.
    ///
    /// # Errors
    /// A value that no column holds: a macro, a relation...
    pub fn from_value(value: &Value) -> Result<Self> {
        Ok(match value {
            Value::None | Value::Undefined(_) => Cell::Null,
            Value::Bool(b) => Cell::Bool(*b),
            Value::Int(i) => Cell::Int(i128::from(*i)),
            Value::BigInt(i) => i.to_i128().map_or_else(|| Cell::Decimal(i.to_string().into()), Cell::Int),
            Value::Float(f) => Cell::Float(*f),
            Value::Str(s) => Cell::Str(s.clone()),
            Value::Bytes(b) => Cell::Bytes(b.clone()),
            Value::Object(object) => match value.downcast_ref::<Decimal>() {
                Some(decimal) => Cell::Decimal(decimal.to_string().into()),
                // Dates and times bind as their text, which the database casts.
                None => Cell::Str(object.str().into()),
            },
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Set(_) => {
                return Err(Error::type_error(format!(
                    "a {} cannot be bound to a statement's parameter",
                    value.type_name()
                )));
            }
        })
    }
}

fn time_text(time: chrono::NaiveTime) -> String {
    use chrono::Timelike;
    if time.nanosecond() == 0 {
        time.format("%H:%M:%S").to_string()
    } else {
        time.format("%H:%M:%S%.6f").to_string()
    }
}

fn timestamp_text(at: chrono::NaiveDateTime, separator: char) -> String {
    format!("{}{separator}{}", at.date().format("%Y-%m-%d"), time_text(at.time()))
}

/// As a `timedelta`, whose months have 30 days.
fn interval_text(months: i32, days: i32, micros: i64) -> String {
    const DAY: i128 = 86_400_000_000;
    let total = (i128::from(months) * 30 + i128::from(days)) * DAY + i128::from(micros);
    let (days, rest) = (total.div_euclid(DAY), total.rem_euclid(DAY));
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut out = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    let _ = write!(out, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if micros != 0 {
        let _ = write!(out, ".{micros:06}");
    }
    out
}

/// As `json.dumps` prints: ASCII only, a space after comma and colon.
fn write_json(cell: &Cell, out: &mut String) {
    match cell {
        Cell::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Cell::Struct(fields) => {
            out.push('{');
            for (i, (name, item)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_json_text(name, out);
                out.push_str(": ");
                write_json(item, out);
            }
            out.push('}');
        }
        Cell::Null => out.push_str("null"),
        Cell::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Cell::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Cell::Float(f) => out.push_str(&Value::Float(*f).repr()),
        Cell::Decimal(d) => {
            let float = Decimal::parse(d).map_or(f64::NAN, |d| d.to_float());
            out.push_str(&Value::Float(float).repr());
        }
        Cell::Timestamp(at) => write_json_text(&timestamp_text(*at, 'T'), out),
        Cell::TimestampTz(at) => {
            write_json_text(&format!("{}+00:00", timestamp_text(at.naive_utc(), 'T')), out);
        }
        other => write_json_text(&other.text(), out),
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// The type of a column by its values, as agate's type tester finds it among what the driver gives.
pub(crate) fn column_type<'a>(cells: impl Iterator<Item = &'a Cell>) -> ColumnType {
    let mut found: Option<ColumnType> = None;
    for cell in cells {
        let kind = match cell {
            Cell::Null => continue,
            Cell::Bool(_) => ColumnType::Boolean,
            Cell::Int(_) => ColumnType::Integer,
            Cell::Decimal(_) | Cell::Float(_) => ColumnType::Number,
            Cell::Date(_) => ColumnType::Date,
            Cell::Timestamp(_) | Cell::TimestampTz(_) => ColumnType::DateTime,
            _ => return ColumnType::Text,
        };
        found = Some(match (found, kind) {
            (None, kind) => kind,
            (Some(a), b) if a == b => a,
            (Some(ColumnType::Integer | ColumnType::Number), ColumnType::Integer | ColumnType::Number) => {
                ColumnType::Number
            }
            (Some(ColumnType::Date | ColumnType::DateTime), ColumnType::Date | ColumnType::DateTime) => {
                ColumnType::DateTime
            }
            _ => return ColumnType::Text,
        });
    }
    found.unwrap_or(ColumnType::Integer)
}

/// Makes names unique, as the driver's rows become dicts: `a`, `a_2`, `a_3`. A column without a name gets a letter.
pub(crate) fn unique_names(names: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut out: Vec<Arc<str>> = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let name: Arc<str> = if name.is_empty() { letter_name(i).into() } else { name.clone() };
        let mut unique = name.clone();
        let mut count = 1;
        while !seen.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}_{count}").into();
        }
        out.push(unique);
    }
    out.into()
}

fn letter_name(index: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
    std::iter::repeat_n(letter, index / 26 + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_names_are_numbered() {
        let names: Vec<Arc<str>> = ["a", "a", "a_2", "a", ""].map(Into::into).to_vec();
        let unique = unique_names(&names);
        assert_eq!(unique.iter().map(|n| &**n).collect::<Vec<_>>(), ["a", "a_2", "a_2_2", "a_3", "e"]);
    }

    #[test]
    fn values_print_as_python_prints_them() {
        assert_eq!(Cell::Interval(1, 2, 3_000_000).text(), "32 days, 0:00:03");
        assert_eq!(Cell::Interval(0, 0, -1_000_000).text(), "-1 day, 23:59:59");
        let nested =
            Cell::Struct(vec![("a".into(), Cell::List(vec![Cell::Int(1), Cell::Str("é\"".into())]))]);
        assert_eq!(nested.to_typed(ColumnType::Text).to_str().as_ref(), r#"{"a": [1, "\u00e9\""]}"#);
    }
}
