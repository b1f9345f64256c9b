//! Arguments of dates and times, with Python's checks.

use super::zone::Zone;
use crate::python::arguments::index;
use crate::{Error, ErrorKind, Result, Value};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};

/// An integer argument with a default.
pub(super) fn int(value: Option<&Value>, default: i64) -> Result<i64> {
    value.map_or(Ok(default), index)
}

/// A date of checked parts.
pub(super) fn date(year: i64, month: i64, day: i64) -> Result<NaiveDate> {
    if !(1..=9999).contains(&year) {
        return Err(Error::value_error(format!("year {year} is out of range")));
    }
    if !(1..=12).contains(&month) {
        return Err(Error::value_error("month must be in 1..12"));
    }
    let part = |n: i64| u32::try_from(n).unwrap_or(0);
    NaiveDate::from_ymd_opt(i32::try_from(year).unwrap_or(0), part(month), part(day))
        .ok_or_else(|| Error::value_error("day is out of range for month"))
}

/// A time of checked parts.
pub(super) fn time(hour: i64, minute: i64, second: i64, micro: i64) -> Result<NaiveTime> {
    for (name, value, most) in
        [("hour", hour, 23), ("minute", minute, 59), ("second", second, 59), ("microsecond", micro, 999_999)]
    {
        if !(0..=most).contains(&value) {
            return Err(Error::value_error(format!("{name} must be in 0..{most}")));
        }
    }
    let part = |n: i64| u32::try_from(n).unwrap_or(0);
    NaiveTime::from_hms_micro_opt(part(hour), part(minute), part(second), part(micro))
        .ok_or_else(|| Error::value_error("time out of range"))
}

/// A time zone argument.
pub(super) fn zone(value: Option<&Value>) -> Result<Option<Zone>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => match value.downcast_ref::<Zone>() {
            Some(zone) => Ok(Some(zone.clone())),
            None => Err(Error::type_error(format!(
                "tzinfo argument must be None or of a tzinfo subclass, not type '{}'",
                value.type_name()
            ))),
        },
    }
}

/// The error of leaving the years 1 to 9999.
pub(super) fn out_of_range() -> Error {
    Error::new(ErrorKind::Overflow, "date value out of range")
}

/// A date that Python can hold.
pub(super) fn in_range(date: NaiveDate) -> Result<NaiveDate> {
    if (1..=9999).contains(&date.year()) { Ok(date) } else { Err(out_of_range()) }
}

/// Microseconds since 1970, without regard to zones.
pub(super) fn micros(naive: &NaiveDateTime) -> i128 {
    i128::from(naive.and_utc().timestamp_micros())
}

/// The moment so many microseconds after 1970.
pub(super) fn from_micros(micros: i128) -> Result<NaiveDateTime> {
    let micros = i64::try_from(micros).map_err(|_| out_of_range())?;
    let naive = chrono::DateTime::from_timestamp_micros(micros).ok_or_else(out_of_range)?.naive_utc();
    in_range(naive.date())?;
    Ok(naive)
}
