//! Time zones: those of pytz, and `datetime.timezone`.

use super::arguments::{self, from_micros, micros};
use super::delta::{self, Delta};
use super::{DateTime, bound, hashed, offset_text};
use crate::{Args, Error, Interp, Object, Result, Value};
use chrono::{MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, Tz};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zone {
    /// `pytz.utc`
    Utc,
    /// `datetime.timezone`
    Timezone {
        /// East of UTC.
        seconds: i32,
        /// The name, if one was given.
        name: Option<Arc<str>>,
    },
    /// `pytz.FixedOffset(minutes)`
    Fixed(i32),
    /// A region of pytz with the offset that a date got.
    Region {
        /// The region.
        region: Tz,
        /// The offset.
        state: State,
    },
}

/// One offset of a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    seconds: i32,
    dst: i32,
    name: Arc<str>,
}

static BY_LOWER_NAME: LazyLock<FxHashMap<String, Tz>> =
    LazyLock::new(|| chrono_tz::TZ_VARIANTS.iter().map(|tz| (tz.name().to_lowercase(), *tz)).collect());

/// `pytz.timezone(name)`: as a bare region, with the offset of its first, local mean time.
pub(crate) fn by_name(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("utc") {
        return Some(Zone::Utc);
    }
    let region = *BY_LOWER_NAME.get(&name.to_lowercase())?;
    let first = NaiveDate::from_ymd_opt(1, 1, 1)?.and_hms_opt(0, 0, 0)?;
    Some(Zone::Region { region, state: State::of(&region.offset_from_utc_datetime(&first)) })
}

/// pytz holds no transitions after 2037: the last of them stays in force.
fn within_tables(utc: NaiveDateTime) -> NaiveDateTime {
    match NaiveDate::from_ymd_opt(2037, 12, 31).and_then(|d| d.and_hms_opt(0, 0, 0)) {
        Some(last) => utc.min(last),
        None => utc,
    }
}

impl State {
    fn of(offset: &<Tz as TimeZone>::Offset) -> Self {
        let exact = offset.fix().local_minus_utc();
        // pytz rounds offsets to minutes.
        let seconds = (exact + 30).div_euclid(60) * 60;
        let dst = i32::try_from(offset.dst_offset().num_seconds()).unwrap_or(0);
        let name = match offset.abbreviation() {
            Some(name) => name.to_string(),
            None => {
                let text = offset_text(seconds, "");
                text.strip_suffix("00").filter(|t| t.len() == 3).unwrap_or(&text).to_string()
            }
        };
        Self { seconds, dst, name: name.into() }
    }
}

impl Zone {
    /// `datetime.timezone` of an offset in minutes.
    pub fn of_minutes(minutes: i32) -> Self {
        Self::Timezone { seconds: minutes.saturating_mul(60), name: None }
    }

    /// Seconds east of UTC.
    pub fn seconds(&self) -> i32 {
        match self {
            Self::Utc => 0,
            Self::Timezone { seconds, .. } => *seconds,
            Self::Fixed(minutes) => minutes.saturating_mul(60),
            Self::Region { state, .. } => state.seconds,
        }
    }

    /// `tzname`
    pub(super) fn tzname(&self) -> Option<String> {
        match self {
            Self::Utc => Some("UTC".to_string()),
            Self::Timezone { name: Some(name), .. } => Some(name.to_string()),
            Self::Timezone { seconds: 0, .. } => Some("UTC".to_string()),
            Self::Timezone { seconds, .. } => Some(format!("UTC{}", offset_text(*seconds, ":"))),
            Self::Fixed(_) => None,
            Self::Region { state, .. } => Some(state.name.to_string()),
        }
    }

    /// `dst`
    pub(super) fn dst(&self) -> Value {
        match self {
            Self::Utc | Self::Fixed(_) => Value::object(Delta(0)),
            Self::Timezone { .. } => Value::None,
            Self::Region { state, .. } => Value::object(Delta(i128::from(state.dst) * 1_000_000)),
        }
    }

    /// The local time of a moment, and the zone with the offset in force then.
    pub(super) fn local_of_utc(&self, utc: NaiveDateTime) -> Result<(NaiveDateTime, Zone)> {
        let zone = match self {
            Self::Region { region, .. } => {
                let offset = region.offset_from_utc_datetime(&within_tables(utc));
                Self::Region { region: *region, state: State::of(&offset) }
            }
            other => other.clone(),
        };
        Ok((from_micros(micros(&utc) + i128::from(zone.seconds()) * 1_000_000)?, zone))
    }

    /// `localize(naive, is_dst)`: `None` refuses times that occur twice or never.
    fn localize(&self, naive: NaiveDateTime, is_dst: Option<bool>, depth: usize) -> Result<Zone> {
        let Self::Region { region, .. } = self else { return Ok(self.clone()) };
        let lookup = within_tables(naive);
        let state = match region.offset_from_local_datetime(&lookup) {
            MappedLocalTime::Single(offset) => State::of(&offset),
            MappedLocalTime::Ambiguous(first, second) => {
                let Some(is_dst) = is_dst else {
                    return Err(Error::value_error(format!("AmbiguousTimeError: {naive}")));
                };
                let (first, second) = (State::of(&first), State::of(&second));
                match ((first.dst != 0) == is_dst, (second.dst != 0) == is_dst) {
                    (true, false) => first,
                    (false, true) => second,
                    // Not about daylight saving: the earlier moment is the one with the larger offset.
                    _ if is_dst => first,
                    _ => second,
                }
            }
            MappedLocalTime::None => {
                let Some(is_dst) = is_dst else {
                    return Err(Error::value_error(format!("NonExistentTimeError: {naive}")));
                };
                let shift = if is_dst { 6 } else { -6 };
                if depth > 2 {
                    return Ok(self.clone());
                }
                let near = from_micros(micros(&naive) + shift * 3_600_000_000)?;
                return self.localize(near, Some(is_dst), depth + 1);
            }
        };
        Ok(Self::Region { region: *region, state })
    }

    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Utc => Some("UTC"),
            Self::Region { region, .. } => Some(region.name()),
            _ => None,
        }
    }
}

/// Zones without any change of offset print as static.
fn is_static(name: &str) -> bool {
    name.starts_with("Etc/")
        || matches!(name, "GMT" | "GMT+0" | "GMT-0" | "GMT0" | "Greenwich" | "UCT" | "Universal" | "Zulu")
}

const METHODS: &[&str] = &["dst", "fromutc", "localize", "normalize", "tzname", "utcoffset"];

fn moment(name: &str, value: Option<&Value>) -> Result<(NaiveDateTime, Option<Zone>)> {
    match value.and_then(|v| v.downcast_ref::<DateTime>()) {
        Some(moment) => Ok((moment.naive, moment.zone.clone())),
        None => Err(Error::type_error(format!("{name}() argument must be a datetime instance"))),
    }
}

impl Object for Zone {
    fn type_name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Timezone { .. } => "datetime.timezone",
            Self::Fixed(_) => "_FixedOffset",
            Self::Region { region, .. } => region.name().rsplit('/').next().unwrap_or("DstTzInfo"),
        }
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "zone" => match &*self {
                Self::Timezone { .. } => None,
                zone => Some(zone.name().map_or(Value::None, Value::from)),
            },
            name if METHODS.contains(&name) => Some(bound(self, name)),
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        let made = |naive, zone| Value::object(DateTime { naive, zone: Some(zone), fold: false });
        Ok(Some(match name {
            "localize" if !matches!(*self, Self::Timezone { .. }) => {
                let [value, is_dst] = args.bind("localize", ["dt", "is_dst?"])?;
                let (naive, zone) = moment(name, value.as_ref())?;
                if zone.is_some() {
                    return Err(Error::value_error("Not naive datetime (tzinfo is already set)"));
                }
                let is_dst = match is_dst {
                    None => Some(false),
                    Some(Value::None) => None,
                    Some(value) => Some(value.is_true()),
                };
                made(naive, self.localize(naive, is_dst, 0)?)
            }
            "normalize" if !matches!(*self, Self::Timezone { .. }) => {
                let [value, _] = args.bind("normalize", ["dt", "is_dst?"])?;
                let (naive, zone) = moment(name, value.as_ref())?;
                let Some(zone) = zone else {
                    return Err(Error::value_error("Naive time - no tzinfo set"));
                };
                let utc = from_micros(micros(&naive) - i128::from(zone.seconds()) * 1_000_000)?;
                let (naive, zone) = self.local_of_utc(utc)?;
                made(naive, zone)
            }
            "fromutc" => {
                let (naive, _) = moment(name, Some(&crate::python::arguments::one(name, args)?))?;
                let (naive, zone) = self.local_of_utc(naive)?;
                made(naive, zone)
            }
            "utcoffset" | "tzname" | "dst" => {
                let [value, _] = args.bind(name, ["dt?", "is_dst?"])?;
                let zone = match (value.as_ref().and_then(|v| v.downcast_ref::<DateTime>()), &*self) {
                    (Some(moment), Self::Region { .. }) if moment.zone.as_ref() != Some(&*self) => {
                        self.localize(moment.naive, Some(false), 0)?
                    }
                    (None, Self::Region { .. }) => return Ok(Some(Value::None)),
                    _ => (*self).clone(),
                };
                match name {
                    "utcoffset" => delta::value(i128::from(zone.seconds()) * 1_000_000)?,
                    "dst" => zone.dst(),
                    _ => zone.tzname().map_or(Value::None, Value::from),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn str(&self) -> String {
        match self {
            Self::Region { region, .. } => region.name().to_string(),
            Self::Utc => "UTC".to_string(),
            Self::Timezone { .. } => self.tzname().unwrap_or_default(),
            Self::Fixed(_) => self.repr(),
        }
    }

    fn repr(&self) -> String {
        match self {
            Self::Utc => "<UTC>".to_string(),
            Self::Timezone { seconds: 0, name: None } => "datetime.timezone.utc".to_string(),
            Self::Timezone { seconds, name } => {
                let offset = Delta(i128::from(*seconds) * 1_000_000).repr();
                match name {
                    Some(name) => {
                        format!("datetime.timezone({offset}, {})", crate::python::text::repr_str(name))
                    }
                    None => format!("datetime.timezone({offset})"),
                }
            }
            Self::Fixed(minutes) => format!("pytz.FixedOffset({minutes})"),
            Self::Region { region, .. } if is_static(region.name()) => {
                format!("<StaticTzInfo '{}'>", region.name())
            }
            Self::Region { region, state } => {
                let offset = Delta(i128::from(state.seconds) * 1_000_000).str();
                let sign = if state.seconds >= 0 { "+" } else { "" };
                let kind = if state.dst == 0 { "STD" } else { "DST" };
                format!("<DstTzInfo '{}' {}{sign}{offset} {kind}>", region.name(), state.name)
            }
        }
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        other.downcast_ref::<Zone>().map(|o| o == self)
    }

    fn hash(&self) -> Option<u64> {
        hashed((self.name(), self.seconds()))
    }
}

/// `pytz.FixedOffset(minutes)`
pub(crate) fn fixed(args: Args) -> Result<Value> {
    let [minutes] = args.bind("FixedOffset", ["offset"])?;
    let minutes = arguments::int(minutes.as_ref(), 0)?;
    if !(-1439..=1439).contains(&minutes) {
        return Err(Error::value_error(format!("('absolute offset is too large', {minutes})")));
    }
    Ok(Value::object(match i32::try_from(minutes).unwrap_or(0) {
        0 => Zone::Utc,
        minutes => Zone::Fixed(minutes),
    }))
}
