//! `strftime` in the C locale, with the extensions of glibc.

use super::{Date, DateTime, Time, Zone, offset_text};
use crate::Value;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use std::fmt::Write;

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The name of a day, counted from Monday.
pub(super) fn day_name(index: u32) -> &'static str {
    DAYS.get(index as usize).copied().unwrap_or("")
}

/// The name of a month, counted from 0.
pub(super) fn month_name(index: u32) -> &'static str {
    MONTHS.get(index as usize).copied().unwrap_or("")
}

/// The first three letters.
pub(super) fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// Formats a date, time or moment; `None` for other values.
pub(super) fn of_value(value: &Value, format: &str) -> Option<String> {
    if let Some(date) = value.downcast_ref::<Date>() {
        return Some(strftime(&date.0.and_time(NaiveTime::MIN), None, format));
    }
    if let Some(moment) = value.downcast_ref::<DateTime>() {
        return Some(strftime(&moment.naive, moment.zone.as_ref(), format));
    }
    let time = value.downcast_ref::<Time>()?;
    let day = NaiveDate::from_ymd_opt(1900, 1, 1)?;
    Some(strftime(&day.and_time(time.time), time.zone.as_ref(), format))
}

/// How a number is padded.
struct Number {
    value: i64,
    width: usize,
    fill: char,
}

fn zeros(value: impl Into<i64>, width: usize) -> Number {
    Number { value: value.into(), width, fill: '0' }
}

fn blanks(value: impl Into<i64>, width: usize) -> Number {
    Number { value: value.into(), width, fill: ' ' }
}

/// `strftime(format)`
pub(super) fn strftime(at: &NaiveDateTime, zone: Option<&Zone>, format: &str) -> String {
    let mut out = String::with_capacity(format.len() + 16);
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = Flags::default();
        let mut seen = String::from("%");
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '_' | '0' | '^' | '#')) {
            seen.push(flag);
            match flag {
                '^' => flags.upper = true,
                '#' => flags.swap = true,
                other => flags.padding = Some(other),
            }
        }
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            seen.push(digit);
            let digit = digit.to_digit(10).unwrap_or(0) as usize;
            flags.width = Some(flags.width.unwrap_or(0).saturating_mul(10).saturating_add(digit).min(1000));
        }
        if let Some(modifier) = chars.next_if(|c| matches!(c, 'E' | 'O')) {
            seen.push(modifier);
        }
        match chars.next() {
            None => out.push_str(&seen),
            Some(directive) => {
                if !write(&mut out, at, zone, directive, &flags) {
                    out.push_str(&seen);
                    out.push(directive);
                }
            }
        }
    }
    out
}

#[derive(Default)]
struct Flags {
    padding: Option<char>,
    width: Option<usize>,
    upper: bool,
    swap: bool,
}

/// Writes what a directive stands for; `false`: there is no such directive.
fn write(out: &mut String, at: &NaiveDateTime, zone: Option<&Zone>, directive: char, flags: &Flags) -> bool {
    let hour12 = at.hour12().1;
    let weekday = at.weekday();
    let monday_week = (at.ordinal0() + 7 - weekday.num_days_from_monday()) / 7;
    let sunday_week = (at.ordinal0() + 7 - weekday.num_days_from_sunday()) / 7;
    let iso = at.iso_week();
    let number = match directive {
        'd' => zeros(at.day(), 2),
        'e' => blanks(at.day(), 2),
        'm' => zeros(at.month(), 2),
        'y' => zeros(at.year().rem_euclid(100), 2),
        'Y' => zeros(at.year(), 1),
        'C' => zeros(at.year().div_euclid(100), 2),
        'H' => zeros(at.hour(), 2),
        'k' => blanks(at.hour(), 2),
        'I' => zeros(hour12, 2),
        'l' => blanks(hour12, 2),
        'M' => zeros(at.minute(), 2),
        'S' => zeros(at.second(), 2),
        'f' => zeros(at.nanosecond() / 1000 % 1_000_000, 6),
        'j' => zeros(at.ordinal(), 3),
        'U' => zeros(sunday_week, 2),
        'W' => zeros(monday_week, 2),
        'V' => zeros(iso.week(), 2),
        'G' => zeros(iso.year(), 1),
        'g' => zeros(iso.year().rem_euclid(100), 2),
        'u' => zeros(weekday.number_from_monday(), 1),
        'w' => zeros(weekday.num_days_from_sunday(), 1),
        's' => zeros(at.and_utc().timestamp() - i64::from(zone.map_or(0, Zone::seconds)), 1),
        _ => return text(out, at, zone, directive, flags),
    };
    let width = flags.width.unwrap_or(number.width);
    let _ = match (flags.padding, number.fill) {
        (Some('-'), _) => write!(out, "{}", number.value),
        (Some('_'), _) | (None, ' ') => write!(out, "{:>width$}", number.value),
        _ => write!(out, "{:0>width$}", number.value),
    };
    true
}

fn text(out: &mut String, at: &NaiveDateTime, zone: Option<&Zone>, directive: char, flags: &Flags) -> bool {
    let day = day_name(at.weekday().num_days_from_monday());
    let month = month_name(at.month0());
    let again = |format: &str| strftime(at, zone, format);
    let mut text = match directive {
        'a' => short(day).to_string(),
        'A' => day.to_string(),
        'b' | 'h' => short(month).to_string(),
        'B' => month.to_string(),
        'p' => if at.hour() < 12 { "AM" } else { "PM" }.to_string(),
        'P' => if at.hour() < 12 { "am" } else { "pm" }.to_string(),
        'z' => zone.map(|z| offset_text(z.seconds(), "")).unwrap_or_default(),
        'Z' => zone.and_then(Zone::tzname).unwrap_or_default(),
        'c' => again("%a %b %e %H:%M:%S %Y"),
        'x' | 'D' => again("%m/%d/%y"),
        'X' | 'T' => again("%H:%M:%S"),
        'r' => again("%I:%M:%S %p"),
        'R' => again("%H:%M"),
        'F' => again("%Y-%m-%d"),
        'n' => "\n".to_string(),
        't' => "\t".to_string(),
        '%' => "%".to_string(),
        _ => return false,
    };
    if flags.upper || (flags.swap && !matches!(directive, 'p' | 'Z')) {
        text = text.to_uppercase();
    } else if flags.swap {
        text = text.to_lowercase();
    }
    let width = flags.width.unwrap_or(0);
    let _ = match flags.padding {
        Some('0') => write!(out, "{text:0>width$}"),
        _ => write!(out, "{text:>width$}"),
    };
    true
}
