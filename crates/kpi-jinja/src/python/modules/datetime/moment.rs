//! `datetime.datetime`

use super::arguments::{date, from_micros, int, micros, time, zone};
use super::class::Class;
use super::date::{SHARED, shared_method};
use super::{Delta, Time, Zone, bound, delta, hashed, iso, offset_text};
use crate::python::arguments::{none, string};
use crate::{Args, BinaryOp, Error, ErrorKind, Interp, Object, Result, Value};
use chrono::{Datelike, Local, NaiveDateTime, Offset, TimeZone, Timelike};
use std::cmp::Ordering;
use std::sync::Arc;

/// A date and a time, with or without a zone.
#[derive(Clone)]
pub struct DateTime {
    /// What the clock shows.
    pub naive: NaiveDateTime,
    /// The zone.
    pub zone: Option<Zone>,
    /// The second of two equal local times.
    pub fold: bool,
}

const NAMES: [&str; 9] =
    ["year?", "month?", "day?", "hour?", "minute?", "second?", "microsecond?", "tzinfo?", "fold?"];

/// `datetime(year, month, day, hour, minute, second, microsecond, tzinfo, fold)`
pub(super) fn construct(args: Args) -> Result<Value> {
    let mut names = NAMES;
    (names[0], names[1], names[2]) = ("year", "month", "day");
    build(args.bind("datetime", names)?, None)
}

/// A moment of its parts; those of `base` where they are missing.
fn build(parts: [Option<Value>; 9], base: Option<&DateTime>) -> Result<Value> {
    let [year, month, day, hour, minute, second, micro, tz, fold] = parts;
    let default = |f: fn(&NaiveDateTime) -> i64| base.map_or(0, |b| f(&b.naive));
    let part = |v: &Option<Value>, f: fn(&NaiveDateTime) -> i64| int(v.as_ref(), default(f));
    let date = date(
        part(&year, |n| n.year().into())?,
        part(&month, |n| n.month().into())?,
        part(&day, |n| n.day().into())?,
    )?;
    let time = time(
        part(&hour, |n| n.hour().into())?,
        part(&minute, |n| n.minute().into())?,
        part(&second, |n| n.second().into())?,
        part(&micro, |n| i64::from(n.nanosecond() / 1000))?,
    )?;
    let zone = match &tz {
        None => base.and_then(|b| b.zone.clone()),
        Some(value) => zone(Some(value))?,
    };
    let fold = match fold {
        None => base.is_some_and(|b| b.fold),
        Some(value) => match crate::python::arguments::index(&value)? {
            0 => false,
            1 => true,
            _ => return Err(Error::value_error("fold must be either 0 or 1")),
        },
    };
    Ok(Value::object(DateTime { naive: date.and_time(time), zone, fold }))
}

/// The offset of this machine's zone at a local time.
fn local_seconds(naive: &NaiveDateTime) -> i32 {
    Local.offset_from_local_datetime(naive).earliest().map_or(0, |o| o.fix().local_minus_utc())
}

/// The zone of this machine at a moment.
pub(super) fn local_zone(utc: &NaiveDateTime) -> Zone {
    let seconds = Local.offset_from_utc_datetime(utc).fix().local_minus_utc();
    let name = if seconds == 0 { "UTC".to_string() } else { offset_text(seconds, "") };
    Zone::Timezone { seconds, name: Some(name.into()) }
}

impl DateTime {
    /// Microseconds since 1970 in UTC, or of the clock if there is no zone.
    fn instant(&self) -> i128 {
        micros(&self.naive) - i128::from(self.zone.as_ref().map_or(0, Zone::seconds)) * 1_000_000
    }

    /// The moment in UTC; without a zone the clock is taken to show UTC.
    pub fn utc(&self) -> NaiveDateTime {
        from_micros(self.instant()).unwrap_or(self.naive)
    }

    /// `2024-01-31 01:02:03.000004+00:00`
    pub(super) fn iso(&self, separator: &str) -> String {
        self.iso_with(separator, "auto").unwrap_or_default()
    }

    fn iso_with(&self, separator: &str, precision: &str) -> Result<String> {
        let n = &self.naive;
        let clock = iso::clock(&n.time(), precision)?;
        let offset = self.zone.as_ref().map(|z| offset_text(z.seconds(), ":")).unwrap_or_default();
        Ok(format!("{:04}-{:02}-{:02}{separator}{clock}{offset}", n.year(), n.month(), n.day()))
    }

    fn with(&self, micros: i128) -> Result<Value> {
        Ok(Value::object(DateTime { naive: from_micros(micros)?, zone: self.zone.clone(), fold: false }))
    }

    /// Comparable if both have a zone or none has.
    fn order(&self, other: &DateTime) -> Option<Ordering> {
        (self.zone.is_some() == other.zone.is_some()).then(|| self.instant().cmp(&other.instant()))
    }
}

const METHODS: &[&str] =
    &["astimezone", "date", "dst", "time", "timestamp", "timetz", "tzname", "utcoffset", "utctimetuple"];

impl Object for DateTime {
    fn type_name(&self) -> &str {
        "datetime.datetime"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        let n = &self.naive;
        Ok(match name {
            "year" => Some(n.year().into()),
            "month" => Some(n.month().into()),
            "day" => Some(n.day().into()),
            "hour" => Some(n.hour().into()),
            "minute" => Some(n.minute().into()),
            "second" => Some(n.second().into()),
            "microsecond" => Some((n.nanosecond() / 1000).into()),
            "tzinfo" => Some(self.zone.clone().map_or(Value::None, Value::object)),
            "fold" => Some(Value::Int(i64::from(self.fold))),
            name if METHODS.contains(&name) || SHARED.contains(&name) => Some(bound(self, name)),
            name => return Class::DateTime.attribute(interp, name),
        })
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "date" => {
                none(name, args)?;
                super::date_value(self.naive.date())
            }
            "time" | "timetz" => {
                none(name, args)?;
                let zone = if name == "timetz" { self.zone.clone() } else { None };
                Value::object(Time { time: self.naive.time(), zone, fold: self.fold })
            }
            "replace" => build(args.bind("replace", NAMES)?, Some(&self))?,
            "isoformat" => {
                let [separator, precision] = args.bind("isoformat", ["sep?", "timespec?"])?;
                let separator = separator.map_or_else(|| "T".into(), |s| s.to_str());
                let precision = precision.map_or_else(|| "auto".into(), |p| p.to_str());
                self.iso_with(&separator, &precision)?.into()
            }
            "timestamp" => {
                none(name, args)?;
                let micros = match self.zone {
                    Some(_) => self.instant(),
                    None => micros(&self.naive) - i128::from(local_seconds(&self.naive)) * 1_000_000,
                };
                Value::Float(micros as f64 / 1e6)
            }
            "astimezone" => {
                let [tz] = args.bind("astimezone", ["tz?"])?;
                let offset = self.zone.as_ref().map_or_else(|| local_seconds(&self.naive), Zone::seconds);
                let utc = from_micros(micros(&self.naive) - i128::from(offset) * 1_000_000)?;
                let target = zone(tz.as_ref())?.unwrap_or_else(|| local_zone(&utc));
                let (naive, zone) = target.local_of_utc(utc)?;
                Value::object(DateTime { naive, zone: Some(zone), fold: false })
            }
            "utcoffset" => {
                none(name, args)?;
                match &self.zone {
                    Some(zone) => delta::value(i128::from(zone.seconds()) * 1_000_000)?,
                    None => Value::None,
                }
            }
            "dst" => {
                none(name, args)?;
                self.zone.as_ref().map_or(Value::None, Zone::dst)
            }
            "tzname" => {
                none(name, args)?;
                self.zone.as_ref().and_then(Zone::tzname).map_or(Value::None, Value::from)
            }
            "utctimetuple" => {
                let utc = from_micros(self.instant())?;
                return shared_method(&utc, None, 0, "timetuple", args);
            }
            "__format__" => {
                let spec = string(name, 1, &crate::python::arguments::one(name, args)?)?;
                super::strftime::strftime(&self.naive, self.zone.as_ref(), &spec).into()
            }
            name if SHARED.contains(&name) => {
                let dst = match self.zone.as_ref().map(Zone::dst) {
                    Some(value) if value.is_true() => 1,
                    Some(value) if !value.is_none() => 0,
                    _ => -1,
                };
                return shared_method(&self.naive, self.zone.as_ref(), dst, name, args);
            }
            name => return Class::DateTime.class_method(interp, name, args),
        }))
    }

    fn str(&self) -> String {
        self.iso(" ")
    }

    fn repr(&self) -> String {
        let n = &self.naive;
        let micro = n.nanosecond() / 1000;
        let mut out = format!(
            "datetime.datetime({}, {}, {}, {}, {}",
            n.year(),
            n.month(),
            n.day(),
            n.hour(),
            n.minute()
        );
        if n.second() != 0 || micro != 0 {
            out.push_str(&format!(", {}", n.second()));
        }
        if micro != 0 {
            out.push_str(&format!(", {micro}"));
        }
        if self.fold {
            out.push_str(", fold=1");
        }
        if let Some(zone) = &self.zone {
            out.push_str(&format!(", tzinfo={}", zone.repr()));
        }
        out.push(')');
        out
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<DateTime>().is_some_and(|o| self.order(o) == Some(Ordering::Equal)))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast_ref::<DateTime>().and_then(|o| self.order(o))
    }

    fn hash(&self) -> Option<u64> {
        hashed(self.instant())
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        if let Some(delta) = other.downcast_ref::<Delta>() {
            return match op {
                BinaryOp::Add => self.with(micros(&self.naive) + delta.0).map(Some),
                BinaryOp::Sub if !reversed => self.with(micros(&self.naive) - delta.0).map(Some),
                _ => Ok(None),
            };
        }
        match other.downcast_ref::<DateTime>() {
            Some(other) if op == BinaryOp::Sub => {
                if self.zone.is_some() != other.zone.is_some() {
                    return Err(Error::new(
                        ErrorKind::Type,
                        "can't subtract offset-naive and offset-aware datetimes",
                    ));
                }
                let (a, b) = if reversed { (other, self) } else { (self, other) };
                delta::value(a.instant() - b.instant()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.iso("T")))
    }
}
