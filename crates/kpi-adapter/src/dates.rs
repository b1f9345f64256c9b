//! Dates and times as Python's `datetime` values.

use chrono::{NaiveDate, NaiveDateTime};
use kpi_jinja::Value;

/// A `datetime.date`.
pub(crate) fn date(date: NaiveDate) -> Value {
    Value::from(date.format("%Y-%m-%d").to_string())
}

/// A `datetime.datetime`; `utc`: with the time zone UTC.
pub(crate) fn datetime(at: NaiveDateTime, utc: bool) -> Value {
    let text = at.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let text = text.strip_suffix(".000000").unwrap_or(&text);
    Value::from(format!("{text}{}", if utc { "+00:00" } else { "" }))
}
