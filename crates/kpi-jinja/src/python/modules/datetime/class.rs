//! The classes of the module, with their constructors and class methods.

use super::arguments::zone;
use super::date::{from_iso_calendar, from_ordinal, from_timestamp};
use super::moment::local_zone;
use super::{Date, DateTime, Delta, Time, bound, clock, date, date_value, delta, iso, moment, strptime};
use crate::python::arguments::{none, one, string};
use crate::{Args, Error, Interp, Object, Result, Value};
use chrono::{Local, NaiveDate, NaiveTime, TimeZone, Utc};
use std::sync::Arc;

/// A class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Date,
    DateTime,
    Time,
    Delta,
    TzInfo,
}

const DATE_METHODS: &[&str] = &["fromisocalendar", "fromisoformat", "fromordinal", "fromtimestamp", "today"];
const DATETIME_METHODS: &[&str] = &[
    "combine",
    "fromisocalendar",
    "fromisoformat",
    "fromordinal",
    "fromtimestamp",
    "now",
    "strptime",
    "today",
    "utcfromtimestamp",
    "utcnow",
];
const TIME_METHODS: &[&str] = &["fromisoformat"];

impl Class {
    /// The class as a value.
    pub(super) fn value(self) -> Value {
        Value::object(self)
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Date => DATE_METHODS,
            Self::DateTime => DATETIME_METHODS,
            Self::Time => TIME_METHODS,
            Self::Delta | Self::TzInfo => &[],
        }
    }

    /// Attributes that the class has, and so its instances.
    pub(super) fn attribute(self, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if self.methods().contains(&name) {
            return Ok(Some(bound(Arc::new(self), name)));
        }
        let last = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default();
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default();
        let late = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or_default();
        let moment = |naive| Value::object(DateTime { naive, zone: None, fold: false });
        let clock = |time| Value::object(Time { time, zone: None, fold: false });
        Ok(Some(match (self, name) {
            (Self::Date, "min") => date_value(first),
            (Self::Date, "max") => date_value(last),
            (Self::Date, "resolution") => Value::object(Delta(86_400_000_000)),
            (Self::DateTime, "min") => moment(first.and_time(NaiveTime::MIN)),
            (Self::DateTime, "max") => moment(last.and_time(late)),
            (Self::Time, "min") => clock(NaiveTime::MIN),
            (Self::Time, "max") => clock(late),
            (Self::DateTime | Self::Time | Self::Delta, "resolution") => Value::object(Delta(1)),
            (Self::Delta, "min") => Value::object(Delta(delta::LEAST)),
            (Self::Delta, "max") => Value::object(Delta(delta::MOST)),
            _ => return Ok(None),
        }))
    }

    /// Calls a class method.
    pub(super) fn class_method(self, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if !self.methods().contains(&name) {
            return Ok(None);
        }
        let made = |naive, zone| Value::object(DateTime { naive, zone, fold: false });
        let iso_text = |args| -> Result<Arc<str>> {
            let value = one(name, args)?;
            string(name, 1, &value).map_err(|_| Error::type_error("fromisoformat: argument must be str"))
        };
        Ok(Some(match (self, name) {
            (Self::Date, "today") => {
                none(name, args)?;
                date_value(Local::now().date_naive())
            }
            (Self::Date, "fromisoformat") => date_value(iso::parse_date(&iso_text(args)?)?),
            (Self::Date, "fromordinal") => date_value(from_ordinal(&one(name, args)?)?),
            (Self::Date, "fromtimestamp") => {
                let utc = from_timestamp(&one(name, args)?)?;
                date_value(Local.from_utc_datetime(&utc).date_naive())
            }
            (Self::Date, "fromisocalendar") => date_value(from_iso_calendar(args)?),
            (Self::DateTime, "today") => {
                none(name, args)?;
                made(Local::now().naive_local(), None)
            }
            (Self::DateTime, "utcnow") => {
                none(name, args)?;
                made(Utc::now().naive_utc(), None)
            }
            (Self::DateTime, "now") => {
                let [tz] = args.bind("now", ["tz?"])?;
                match zone(tz.as_ref())? {
                    None => made(Local::now().naive_local(), None),
                    Some(zone) => {
                        let (naive, zone) = zone.local_of_utc(Utc::now().naive_utc())?;
                        made(naive, Some(zone))
                    }
                }
            }
            (Self::DateTime, "fromtimestamp") => {
                let [stamp, tz] = args.bind("fromtimestamp", ["timestamp", "tz?"])?;
                let utc = from_timestamp(&stamp.unwrap_or(Value::None))?;
                match zone(tz.as_ref())? {
                    None => {
                        let (naive, _) = local_zone(&utc).local_of_utc(utc)?;
                        made(naive, None)
                    }
                    Some(zone) => {
                        let (naive, zone) = zone.local_of_utc(utc)?;
                        made(naive, Some(zone))
                    }
                }
            }
            (Self::DateTime, "utcfromtimestamp") => made(from_timestamp(&one(name, args)?)?, None),
            (Self::DateTime, "fromisoformat") => {
                let (naive, zone) = iso::parse_datetime(&iso_text(args)?)?;
                made(naive, zone)
            }
            (Self::DateTime, "fromordinal") => {
                made(from_ordinal(&one(name, args)?)?.and_time(NaiveTime::MIN), None)
            }
            (Self::DateTime, "fromisocalendar") => {
                made(from_iso_calendar(args)?.and_time(NaiveTime::MIN), None)
            }
            (Self::DateTime, "strptime") => {
                let [text, format] = crate::python::arguments::positional::<2>(name, args, 2)?;
                let text = string(name, 1, &text.unwrap_or(Value::None))?;
                let format = string(name, 2, &format.unwrap_or(Value::None))?;
                strptime::strptime(&text, &format)?
            }
            (Self::DateTime, "combine") => combine(args)?,
            (Self::Time, "fromisoformat") => {
                let (time, zone) = iso::parse_time(&iso_text(args)?)?;
                Value::object(Time { time, zone, fold: false })
            }
            _ => return Ok(None),
        }))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Delta => "timedelta",
            Self::TzInfo => "tzinfo",
        }
    }
}

fn combine(args: Args) -> Result<Value> {
    let [day, at, tz] = args.bind("combine", ["date", "time", "tzinfo?"])?;
    let day = day.unwrap_or(Value::None);
    let date = match (day.downcast_ref::<Date>(), day.downcast_ref::<DateTime>()) {
        (Some(date), _) => date.0,
        (_, Some(moment)) => moment.naive.date(),
        _ => {
            return Err(Error::type_error(format!(
                "combine() argument 1 must be datetime.date, not {}",
                day.type_name()
            )));
        }
    };
    let at = at.unwrap_or(Value::None);
    let Some(time) = at.downcast_ref::<Time>() else {
        return Err(Error::type_error(format!(
            "combine() argument 2 must be datetime.time, not {}",
            at.type_name()
        )));
    };
    let zone = match &tz {
        None => time.zone.clone(),
        Some(value) => zone(Some(value))?,
    };
    Ok(Value::object(DateTime { naive: date.and_time(time.time), zone, fold: time.fold }))
}

impl Object for Class {
    fn type_name(&self) -> &str {
        "type"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(self: Arc<Self>, _: &mut Interp, args: Args) -> Result<Option<Value>> {
        Ok(Some(match *self {
            Self::Date => date::construct(args)?,
            Self::DateTime => moment::construct(args)?,
            Self::Time => clock::construct(args)?,
            Self::Delta => delta::construct(args)?,
            Self::TzInfo => Value::object(super::Zone::Timezone { seconds: 0, name: None }),
        }))
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        self.attribute(interp, name)
    }

    /// A class method, or a method of an instance that is the first argument.
    fn call_method(
        self: Arc<Self>,
        interp: &mut Interp,
        name: &str,
        mut args: Args,
    ) -> Result<Option<Value>> {
        if self.methods().contains(&name) {
            return self.class_method(interp, name, args);
        }
        if let Some(Value::Object(instance)) = args.positional.first().cloned()
            && instance.type_name().strip_prefix("datetime.").is_some_and(|t| t == self.name())
        {
            args.positional.remove(0);
            return instance.call_method(interp, name, args);
        }
        Ok(None)
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<Class>() == Some(self))
    }

    fn hash(&self) -> Option<u64> {
        super::hashed(self.name())
    }

    fn repr(&self) -> String {
        format!("<class 'datetime.{}'>", self.name())
    }
}
