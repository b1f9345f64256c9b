//! ISO 8601: writing clocks, reading dates and times.

use super::Zone;
use super::arguments::{date, time};
use crate::python::text::repr_str;
use crate::{Error, Result};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

/// `01:02:03.000004`, as precise as `timespec` asks.
pub(super) fn clock(at: &NaiveTime, precision: &str) -> Result<String> {
    let (h, m, s) = (at.hour(), at.minute(), at.second());
    let micro = at.nanosecond() / 1000 % 1_000_000;
    Ok(match precision {
        "auto" if micro == 0 => format!("{h:02}:{m:02}:{s:02}"),
        "auto" | "microseconds" => format!("{h:02}:{m:02}:{s:02}.{micro:06}"),
        "hours" => format!("{h:02}"),
        "minutes" => format!("{h:02}:{m:02}"),
        "seconds" => format!("{h:02}:{m:02}:{s:02}"),
        "milliseconds" => format!("{h:02}:{m:02}:{s:02}.{:03}", micro / 1000),
        _ => return Err(Error::value_error("Unknown timespec value")),
    })
}

fn invalid(text: &str) -> Error {
    Error::value_error(format!("Invalid isoformat string: {}", repr_str(text)))
}

/// `date.fromisoformat`
pub(super) fn parse_date(text: &str) -> Result<NaiveDate> {
    date_part(text).unwrap_or_else(|| Err(invalid(text)))
}

/// `datetime.fromisoformat`
pub(super) fn parse_datetime(text: &str) -> Result<(NaiveDateTime, Option<Zone>)> {
    if text.len() < 7 {
        return Err(invalid(text));
    }
    let end = date_end(text.as_bytes());
    let Some((day, rest)) = text.split_at_checked(end) else { return Err(invalid(text)) };
    let day = date_part(day).unwrap_or_else(|| Err(invalid(text)))?;
    let mut chars = rest.chars();
    if chars.next().is_none() {
        return Ok((day.and_time(NaiveTime::MIN), None));
    }
    let (clock, zone) = time_part(chars.as_str()).unwrap_or_else(|| Err(invalid(text)))?;
    Ok((day.and_time(clock), zone))
}

/// `time.fromisoformat`
pub(super) fn parse_time(text: &str) -> Result<(NaiveTime, Option<Zone>)> {
    let body = text.strip_prefix('T').unwrap_or(text);
    time_part(body).unwrap_or_else(|| Err(invalid(text)))
}

/// Where the date of a date and time ends.
fn date_end(bytes: &[u8]) -> usize {
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    match (bytes.get(4), bytes.get(5)) {
        (Some(b'-'), Some(b'W')) if bytes.get(8) == Some(&b'-') && digit(9) && !digit(10) => 10,
        (Some(b'-'), Some(b'W')) => 8,
        (Some(b'-'), _) => 10,
        (Some(b'W'), _) => {
            let digits = (7..bytes.len()).take_while(|i| digit(*i)).count();
            if digits < 2 { 7 + digits } else { 7 + digits % 2 }
        }
        _ => 8,
    }
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `None`: not of the form; an error: parts out of range.
fn date_part(text: &str) -> Option<Result<NaiveDate>> {
    let year = number(text.get(..4)?)?;
    let rest = text.get(4..)?;
    let (dashed, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if let Some(week) = rest.strip_prefix('W') {
        let number_of = number(week.get(..2)?)?;
        let day = match (week.get(2..)?, dashed) {
            ("", _) => 1,
            (day, true) => number(day.strip_prefix('-').filter(|d| d.len() == 1)?)?,
            (day, false) => number(Some(day).filter(|d| d.len() == 1)?)?,
        };
        let weekday = Weekday::try_from(u8::try_from(day - 1).ok()?).ok()?;
        return NaiveDate::from_isoywd_opt(
            i32::try_from(year).ok()?,
            u32::try_from(number_of).ok()?,
            weekday,
        )
        .map(Ok);
    }
    let (month, day) = match dashed {
        true if rest.len() == 5 => (rest.get(..2)?, rest.get(2..)?.strip_prefix('-')?),
        false if rest.len() == 4 => rest.split_at(2),
        _ => return None,
    };
    Some(date(year, number(month)?, number(day)?))
}

/// A time and its zone.
fn time_part(text: &str) -> Option<Result<(NaiveTime, Option<Zone>)>> {
    let (clock, zone) = match text.find(['+', '-', 'Z', 'z']) {
        Some(at) => (text.get(..at)?, text.get(at..)?),
        None => (text, ""),
    };
    let (hour, minute, second, micro) = clock_parts(clock)?;
    let zone = match zone {
        "" => None,
        "Z" | "z" => Some(Zone::Timezone { seconds: 0, name: None }),
        offset => {
            let (h, m, s, _) = clock_parts(offset.get(1..)?)?;
            let seconds = i32::try_from(h * 3600 + m * 60 + s).ok()?;
            if seconds >= 86_400 {
                return None;
            }
            Some(Zone::Timezone {
                seconds: if offset.starts_with('-') { -seconds } else { seconds },
                name: None,
            })
        }
    };
    Some(time(hour, minute, second, micro).map(|time| (time, zone)))
}

/// `HH[:MM[:SS[.f]]]`, with or without colons.
fn clock_parts(text: &str) -> Option<(i64, i64, i64, i64)> {
    let (whole, fraction) = match text.find(['.', ',']) {
        Some(at) => (text.get(..at)?, Some(text.get(at + 1..)?)),
        None => (text, None),
    };
    let parts: Vec<&str> = if whole.contains(':') {
        whole.split(':').collect()
    } else {
        (0..whole.len()).step_by(2).map(|i| whole.get(i..i + 2)).collect::<Option<_>>()?
    };
    if parts.is_empty() || parts.len() > 3 || parts.iter().any(|p| p.len() != 2) {
        return None;
    }
    let part = |i: usize| parts.get(i).map_or(Some(0), |p| number(p));
    let micro = match fraction {
        None => 0,
        Some(_) if parts.len() != 3 => return None,
        Some(digits) => {
            number(digits)?;
            let kept: String = digits.chars().chain(std::iter::repeat('0')).take(6).collect();
            number(&kept)?
        }
    };
    Some((part(0)?, part(1)?, part(2)?, micro))
}
