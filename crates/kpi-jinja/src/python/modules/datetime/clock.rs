//! `datetime.time`

use super::arguments::{int, time, zone};
use super::class::Class;
use super::{Zone, bound, delta, hashed, iso, offset_text};
use crate::python::arguments::none;
use crate::{Args, Interp, Object, Result, Value};
use chrono::{NaiveDate, NaiveTime, Timelike};
use std::cmp::Ordering;
use std::sync::Arc;

/// A time of day.
pub struct Time {
    /// What the clock shows.
    pub time: NaiveTime,
    /// The zone.
    pub zone: Option<Zone>,
    /// The second of two equal local times.
    pub fold: bool,
}

const NAMES: [&str; 6] = ["hour?", "minute?", "second?", "microsecond?", "tzinfo?", "fold?"];

/// `time(hour, minute, second, microsecond, tzinfo, fold)`
pub(super) fn construct(args: Args) -> Result<Value> {
    build(args.bind("time", NAMES)?, None)
}

fn build(parts: [Option<Value>; 6], base: Option<&Time>) -> Result<Value> {
    let [hour, minute, second, micro, tz, fold] = parts;
    let part = |v: &Option<Value>, f: fn(&NaiveTime) -> u32| {
        int(v.as_ref(), base.map_or(0, |b| i64::from(f(&b.time))))
    };
    let time = time(
        part(&hour, NaiveTime::hour)?,
        part(&minute, NaiveTime::minute)?,
        part(&second, NaiveTime::second)?,
        part(&micro, |t| t.nanosecond() / 1000)?,
    )?;
    let zone = match &tz {
        None => base.and_then(|b| b.zone.clone()),
        Some(value) => zone(Some(value))?,
    };
    let fold = fold.map_or_else(|| base.is_some_and(|b| b.fold), |v| v.is_true());
    Ok(Value::object(Time { time, zone, fold }))
}

impl Time {
    fn iso(&self, precision: &str) -> Result<String> {
        let offset = self.zone.as_ref().map(|z| offset_text(z.seconds(), ":")).unwrap_or_default();
        Ok(format!("{}{offset}", iso::clock(&self.time, precision)?))
    }

    fn order(&self, other: &Time) -> Option<Ordering> {
        let of = |t: &Time| {
            i64::from(t.time.num_seconds_from_midnight())
                - i64::from(t.zone.as_ref().map_or(0, Zone::seconds))
        };
        (self.zone.is_some() == other.zone.is_some())
            .then(|| of(self).cmp(&of(other)).then(self.time.nanosecond().cmp(&other.time.nanosecond())))
    }
}

const METHODS: &[&str] = &["dst", "isoformat", "replace", "strftime", "tzname", "utcoffset"];

impl Object for Time {
    fn type_name(&self) -> &str {
        "datetime.time"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "hour" => Some(self.time.hour().into()),
            "minute" => Some(self.time.minute().into()),
            "second" => Some(self.time.second().into()),
            "microsecond" => Some((self.time.nanosecond() / 1000).into()),
            "tzinfo" => Some(self.zone.clone().map_or(Value::None, Value::object)),
            "fold" => Some(Value::Int(i64::from(self.fold))),
            name if METHODS.contains(&name) => Some(bound(self, name)),
            name => return Class::Time.attribute(interp, name),
        })
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "isoformat" => {
                let [precision] = args.bind("isoformat", ["timespec?"])?;
                self.iso(&precision.map_or_else(|| "auto".into(), |p| p.to_str()))?.into()
            }
            "replace" => build(args.bind("replace", NAMES)?, Some(&self))?,
            "strftime" => {
                let [format] = args.bind("strftime", ["format"])?;
                let format = crate::python::arguments::string(name, 1, &format.unwrap_or(Value::None))?;
                let day = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
                super::strftime::strftime(&day.and_time(self.time), self.zone.as_ref(), &format).into()
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
            name => return Class::Time.class_method(interp, name, args),
        }))
    }

    fn str(&self) -> String {
        self.iso("auto").unwrap_or_default()
    }

    fn repr(&self) -> String {
        let (t, micro) = (&self.time, self.time.nanosecond() / 1000);
        let mut out = format!("datetime.time({}, {}", t.hour(), t.minute());
        if t.second() != 0 || micro != 0 {
            out.push_str(&format!(", {}", t.second()));
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
        Some(other.downcast_ref::<Time>().is_some_and(|o| self.order(o) == Some(Ordering::Equal)))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast_ref::<Time>().and_then(|o| self.order(o))
    }

    fn hash(&self) -> Option<u64> {
        hashed((self.time, self.zone.as_ref().map(Zone::seconds)))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.str()))
    }
}
