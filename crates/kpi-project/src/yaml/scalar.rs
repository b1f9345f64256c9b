//! What an unquoted scalar means in YAML 1.1: the resolver of templates' `fromyaml`, with dates in Python's ISO form.

use super::Value;
use chrono::{FixedOffset, NaiveDateTime, TimeZone};
use kpi_jinja::python::yaml::{Scalar, resolve_plain_scalar};
use std::sync::Arc;

/// The value of a plain scalar; `None` when it is a string.
///
/// # Errors
/// It looks like a number or a date, but there is no such one: a sentence that says so.
///
/// # Examples
///
/// ```
/// use kpi_project::yaml::{Value, resolve_plain};
/// assert_eq!(resolve_plain("yes"), Ok(Some(Value::Bool(true))));
/// assert_eq!(resolve_plain("017"), Ok(Some(Value::Int(15))));
/// assert_eq!(resolve_plain("1e5"), Ok(None));
/// ```
pub fn resolve_plain(text: &str) -> Result<Option<Value>, String> {
    Ok(Some(match resolve_plain_scalar(text) {
        Scalar::Null => Value::Null,
        Scalar::Bool(b) => Value::Bool(b),
        Scalar::Int(i) => Value::Int(i),
        Scalar::BigInt(i) => Value::BigInt(Arc::new(i)),
        Scalar::Float(f) => Value::Float(f),
        Scalar::Date(date) => Value::Date(date.format("%Y-%m-%d").to_string().into()),
        Scalar::DateTime(time, offset) => Value::DateTime(iso(time, offset).into()),
        Scalar::Invalid(reason) => return Err(format!("'{text}' cannot be read: {reason}")),
        Scalar::Merge | Scalar::Str => return Ok(None),
    }))
}

/// As Python's `isoformat` writes it: fractions of a second only where there are any.
fn iso(time: NaiveDateTime, offset: Option<i32>) -> String {
    let fraction = if time.and_utc().timestamp_subsec_micros() == 0 { "" } else { "%.6f" };
    let naive = time.format(&format!("%Y-%m-%dT%H:%M:%S{fraction}")).to_string();
    let zone = offset.and_then(|minutes| FixedOffset::east_opt(minutes.checked_mul(60)?));
    match zone.and_then(|zone| zone.from_local_datetime(&time).single()) {
        Some(zoned) => format!("{naive}{}", zoned.format("%:z")),
        None => naive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_python_writes_them() {
        for (text, expected) in [
            ("2024-01-31", "Date(\"2024-01-31\")"),
            ("2024-1-3 4:05:06", "DateTime(\"2024-01-03T04:05:06\")"),
            ("2024-01-31T10:00:00.25Z", "DateTime(\"2024-01-31T10:00:00.250000+00:00\")"),
            ("2024-01-31 10:00:00 -3", "DateTime(\"2024-01-31T10:00:00-03:00\")"),
            ("1:30", "Int(90)"),
            ("-.5", "None"),
        ] {
            let shown =
                resolve_plain(text).map_or_else(|e| e, |v| v.map_or("None".into(), |v| format!("{v:?}")));
            assert_eq!(shown, expected, "{text:?}");
        }
        assert!(resolve_plain("2024-02-30").is_err());
    }
}
