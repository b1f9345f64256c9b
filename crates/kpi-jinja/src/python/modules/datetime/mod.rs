//! The `datetime` module: dates, times, differences, time zones.

mod arguments;
mod class;
mod clock;
mod date;
mod delta;
mod iso;
mod moment;
mod strftime;
mod strptime;
mod zone;

pub use clock::Time;
pub use date::Date;
pub use delta::Delta;
pub use moment::DateTime;
pub use zone::Zone;
pub(crate) use zone::{by_name, fixed};

use crate::{Dict, Interp, Object, Result, Value, function};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use std::sync::Arc;

/// A `datetime.date`.
pub fn date_value(date: NaiveDate) -> Value {
    Value::object(Date(date))
}

/// A `datetime.datetime`.
pub fn datetime_value(naive: NaiveDateTime, zone: Option<Zone>) -> Value {
    Value::object(DateTime { naive, zone, fold: false })
}

/// What `datetime.fromisoformat` reads: what the clock shows, and the zone if the text names one.
pub fn from_isoformat(text: &str) -> Option<(NaiveDateTime, Option<Zone>)> {
    iso::parse_datetime(text).ok()
}

/// A `datetime.time`.
pub fn time_value(time: NaiveTime) -> Value {
    Value::object(Time { time, zone: None, fold: false })
}

/// A `datetime.timedelta` of so many microseconds.
pub fn timedelta_value(micros: i64) -> Value {
    Value::object(Delta(i128::from(micros)))
}

/// The names of the module that templates see.
pub(crate) fn module() -> Value {
    Value::Dict(Dict::of([
        ("date", class::Class::Date.value()),
        ("datetime", class::Class::DateTime.value()),
        ("time", class::Class::Time.value()),
        ("timedelta", class::Class::Delta.value()),
        ("tzinfo", class::Class::TzInfo.value()),
    ]))
}

/// `format(value, spec)` of dates and times; `None` for other values.
pub(crate) fn format_with(value: &Value, spec: &str) -> Option<Result<String>> {
    let object = value.as_object()?;
    if !object.type_name().starts_with("datetime.") || value.downcast_ref::<Delta>().is_some() {
        return None;
    }
    if spec.is_empty() {
        return Some(Ok(object.str()));
    }
    strftime::of_value(value, spec).map(Ok)
}

/// `abs(timedelta)`; `None` for other values.
pub(crate) fn absolute(value: &Value) -> Option<Value> {
    value.downcast_ref::<Delta>().map(|d| Value::object(Delta(d.0.abs())))
}

/// How YAML writes a date or time.
pub(crate) fn yaml_text(value: &Value) -> Option<String> {
    match value.downcast_ref::<Date>() {
        Some(date) => Some(date.iso()),
        None => value.downcast_ref::<DateTime>().map(|d| d.iso(" ")),
    }
}

/// A method of an object as a value.
fn bound<T: Object>(object: Arc<T>, name: &str) -> Value {
    let name: Arc<str> = name.into();
    function("method", move |interp: &mut Interp, args| {
        Ok(object.clone().call_method(interp, &name, args)?.unwrap_or(Value::None))
    })
}

/// A hash of what makes a value equal.
fn hashed(data: impl std::hash::Hash) -> Option<u64> {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    data.hash(&mut hasher);
    Some(hasher.finish())
}

/// `+01:00`, with seconds where there are some.
fn offset_text(seconds: i32, separator: &str) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let tail = if s == 0 { String::new() } else { format!("{separator}{s:02}") };
    format!("{sign}{h:02}{separator}{m:02}{tail}")
}
