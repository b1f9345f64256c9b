//! `datetime.date`

use super::arguments::{self, date, from_micros, in_range, int, micros, out_of_range};
use super::class::Class;
use super::strftime::{day_name, month_name, short, strftime};
use super::{Delta, bound, delta, hashed};
use crate::python::arguments::{none, one};
use crate::python::named_tuple::NamedTuple;
use crate::{Args, BinaryOp, Interp, Object, Result, Value};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use std::cmp::Ordering;
use std::sync::Arc;

/// A date.
pub struct Date(pub NaiveDate);

/// `date(year, month, day)`
pub(super) fn construct(args: Args) -> Result<Value> {
    let [year, month, day] = args.bind("date", ["year", "month", "day"])?;
    let part = |v: &Option<Value>| int(v.as_ref(), 0);
    date(part(&year)?, part(&month)?, part(&day)?).map(super::date_value)
}

/// Methods that dates and moments share.
pub(super) const SHARED: &[&str] = &[
    "ctime",
    "isocalendar",
    "isoformat",
    "isoweekday",
    "replace",
    "strftime",
    "timetuple",
    "toordinal",
    "weekday",
];

/// Calls a method that dates and moments share.
pub(super) fn shared_method(
    at: &NaiveDateTime,
    zone: Option<&super::Zone>,
    dst: i64,
    name: &str,
    args: Args,
) -> Result<Option<Value>> {
    Ok(Some(match name {
        "weekday" => {
            none(name, args)?;
            at.weekday().num_days_from_monday().into()
        }
        "isoweekday" => {
            none(name, args)?;
            at.weekday().number_from_monday().into()
        }
        "isocalendar" => {
            none(name, args)?;
            let week = at.iso_week();
            NamedTuple::named(
                "datetime.IsoCalendarDate",
                &["year", "week", "weekday"],
                vec![week.year().into(), week.week().into(), at.weekday().number_from_monday().into()],
            )
        }
        "toordinal" => {
            none(name, args)?;
            at.date().num_days_from_ce().into()
        }
        "ctime" => {
            none(name, args)?;
            let (day, month) = (day_name(at.weekday().num_days_from_monday()), month_name(at.month0()));
            format!(
                "{} {} {:2} {} {:04}",
                short(day),
                short(month),
                at.day(),
                at.format("%H:%M:%S"),
                at.year()
            )
            .into()
        }
        "strftime" => {
            let [format] = args.bind("strftime", ["format"])?;
            let format = crate::python::arguments::string("strftime", 1, &format.unwrap_or(Value::None))?;
            strftime(at, zone, &format).into()
        }
        "timetuple" => {
            none(name, args)?;
            NamedTuple::named(
                "time.struct_time",
                &[
                    "tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday",
                    "tm_isdst",
                ],
                vec![
                    at.year().into(),
                    at.month().into(),
                    at.day().into(),
                    at.hour().into(),
                    at.minute().into(),
                    at.second().into(),
                    at.weekday().num_days_from_monday().into(),
                    at.ordinal().into(),
                    Value::Int(dst),
                ],
            )
        }
        _ => return Ok(None),
    }))
}

impl Date {
    /// `2024-01-31`
    pub(super) fn iso(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }

    fn at_midnight(&self) -> NaiveDateTime {
        self.0.and_time(NaiveTime::MIN)
    }

    /// The date so many whole days later.
    fn plus(&self, micros: i128) -> Result<Value> {
        let days = i64::try_from(micros.div_euclid(86_400_000_000)).map_err(|_| out_of_range())?;
        let days = chrono::TimeDelta::try_days(days).ok_or_else(out_of_range)?;
        let moved = self.0.checked_add_signed(days).ok_or_else(out_of_range)?;
        in_range(moved).map(super::date_value)
    }
}

impl Object for Date {
    fn type_name(&self) -> &str {
        "datetime.date"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "year" => Some(self.0.year().into()),
            "month" => Some(self.0.month().into()),
            "day" => Some(self.0.day().into()),
            name if SHARED.contains(&name) => Some(bound(self, name)),
            name => return Class::Date.attribute(interp, name),
        })
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "isoformat" => {
                none(name, args)?;
                Ok(Some(self.iso().into()))
            }
            "replace" => {
                let [year, month, day] = args.bind("replace", ["year?", "month?", "day?"])?;
                let part = |v: &Option<Value>, d: i64| int(v.as_ref(), d);
                let made = date(
                    part(&year, self.0.year().into())?,
                    part(&month, self.0.month().into())?,
                    part(&day, self.0.day().into())?,
                )?;
                Ok(Some(super::date_value(made)))
            }
            "__format__" => {
                let spec = one(name, args)?.to_str();
                Ok(Some(strftime(&self.at_midnight(), None, &spec).into()))
            }
            name if SHARED.contains(&name) => shared_method(&self.at_midnight(), None, -1, name, args),
            name => Class::Date.class_method(interp, name, args),
        }
    }

    fn str(&self) -> String {
        self.iso()
    }

    fn repr(&self) -> String {
        format!("datetime.date({}, {}, {})", self.0.year(), self.0.month(), self.0.day())
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<Date>().is_some_and(|o| o.0 == self.0))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast_ref::<Date>().map(|o| self.0.cmp(&o.0))
    }

    fn hash(&self) -> Option<u64> {
        hashed(self.0)
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        if let Some(delta) = other.downcast_ref::<Delta>() {
            return match op {
                BinaryOp::Add => self.plus(delta.0).map(Some),
                BinaryOp::Sub if !reversed => {
                    // Only whole days count, and they are taken before the sign is turned.
                    self.plus(-(delta.0.div_euclid(86_400_000_000) * 86_400_000_000)).map(Some)
                }
                _ => Ok(None),
            };
        }
        match other.downcast_ref::<Date>() {
            Some(other) if op == BinaryOp::Sub => {
                let (a, b) = if reversed { (other, self) } else { (self, other) };
                delta::value(micros(&a.at_midnight()) - micros(&b.at_midnight())).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.iso()))
    }
}

/// The date of a proleptic day number.
pub(super) fn from_ordinal(value: &Value) -> Result<NaiveDate> {
    let ordinal = crate::python::arguments::index(value)?;
    let days = i32::try_from(ordinal).ok().filter(|n| *n >= 1);
    days.and_then(NaiveDate::from_num_days_from_ce_opt)
        .and_then(|d| in_range(d).ok())
        .ok_or_else(|| crate::Error::value_error("ordinal must be >= 1"))
}

/// The local date or moment of a POSIX time stamp.
pub(super) fn from_timestamp(value: &Value) -> Result<NaiveDateTime> {
    let micros = match value {
        Value::Float(f) if f.is_finite() && f.abs() < 1e15 => (f * 1e6).round_ties_even() as i128,
        Value::Float(_) => {
            return Err(crate::Error::value_error("cannot convert float NaN or infinity to integer"));
        }
        other => i128::from(crate::python::arguments::index(other)?) * 1_000_000,
    };
    from_micros(micros).map_err(|_| crate::Error::value_error("year is out of range"))
}

/// `date` of an ISO year, week and day.
pub(super) fn from_iso_calendar(args: Args) -> Result<NaiveDate> {
    let [year, week, day] = args.bind("fromisocalendar", ["year", "week", "day"])?;
    let year = int(year.as_ref(), 0)?;
    let week = int(week.as_ref(), 0)?;
    let day = int(day.as_ref(), 0)?;
    if !(1..=7).contains(&day) {
        return Err(crate::Error::value_error(format!("Invalid day: {day} (range is [1, 7])")));
    }
    let weekday =
        chrono::Weekday::try_from(u8::try_from(day - 1).unwrap_or(0)).unwrap_or(chrono::Weekday::Mon);
    let year = i32::try_from(year).ok().filter(|y| (1..=9999).contains(y));
    let made = year.and_then(|y| NaiveDate::from_isoywd_opt(y, u32::try_from(week).unwrap_or(0), weekday));
    match made {
        Some(date) => arguments::in_range(date),
        None => Err(crate::Error::value_error(format!("Invalid week: {week}"))),
    }
}
