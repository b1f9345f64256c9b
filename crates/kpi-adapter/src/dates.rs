//! Dates and times as Python's `datetime` values.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use kpi_jinja::Value;
use kpi_jinja::python::modules::datetime::{Zone, date_value, datetime_value, time_value};

/// A `datetime.date`.
pub(crate) fn date(date: NaiveDate) -> Value {
    date_value(date)
}

/// A `datetime.datetime`; `utc`: with the time zone UTC.
pub(crate) fn datetime(at: NaiveDateTime, utc: bool) -> Value {
    datetime_value(at, utc.then_some(Zone::Utc))
}

/// A `datetime.time`.
pub(crate) fn time(at: NaiveTime) -> Value {
    time_value(at)
}
