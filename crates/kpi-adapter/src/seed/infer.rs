//! What type fits all values of a column: agate's rules with dbt's settings, on bytes.

use crate::{ColumnType, Decimal};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use num_traits::ToPrimitive;

const NUMBER: u8 = 1;
const DATE: u8 = 2;
const DATETIME: u8 = 4;
const ISO_DATETIME: u8 = 8;
const BOOLEAN: u8 = 16;

/// Symbols that may stand round a number.
const CURRENCIES: [&str; 19] =
    ["؋", "$", "ƒ", "៛", "¥", "₡", "₱", "£", "€", "¢", "﷼", "₪", "₩", "₭", "₮", "₦", "฿", "₤", "₫"];

/// What is known of a column.
pub(super) struct Inference {
    /// The types that are still possible; none: text.
    possible: u8,
    /// Values were seen at all.
    seen: bool,
    /// A number has decimal places.
    fraction: bool,
    /// The largest magnitude of whole numbers.
    largest: u128,
    /// For each possible type: a value that the database would read differently or not at all.
    foreign: u8,
}

impl Inference {
    pub(super) fn new() -> Self {
        Self {
            possible: NUMBER | DATE | DATETIME | ISO_DATETIME | BOOLEAN,
            seen: false,
            fraction: false,
            largest: 0,
            foreign: 0,
        }
    }

    /// A column that is text whatever it holds.
    pub(super) fn text() -> Self {
        Self { possible: 0, seen: true, ..Self::new() }
    }

    pub(super) fn see(&mut self, field: &[u8]) {
        self.seen = true;
        if self.possible == 0 || field.is_empty() {
            return;
        }
        if self.possible & NUMBER != 0 && self.see_plain_number(field) {
            // Nothing else is written with digits alone.
            self.possible &= NUMBER;
            return;
        }
        let Ok(text) = std::str::from_utf8(field) else {
            self.possible = 0;
            return;
        };
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if text.eq_ignore_ascii_case("null") {
            self.foreign |= u8::MAX;
            return;
        }
        for (kind, fit) in [
            (NUMBER, self.possible & NUMBER != 0 && self.see_number(text)),
            (DATE, self.possible & DATE != 0 && parse_date(text).is_some()),
            (DATETIME, self.possible & DATETIME != 0 && parse_spaced_datetime(text).is_some()),
            (ISO_DATETIME, self.possible & ISO_DATETIME != 0 && parse_iso_datetime(text).is_some()),
            (BOOLEAN, self.possible & BOOLEAN != 0 && is_boolean(text)),
        ] {
            if !fit {
                self.possible &= !kind;
            }
        }
        if text.contains(',') || self.possible & ISO_DATETIME != 0 && !text.contains('-') {
            self.foreign |= BOOLEAN | ISO_DATETIME;
        }
    }

    /// `-123.45`, the form of nearly all numbers.
    fn see_plain_number(&mut self, field: &[u8]) -> bool {
        let digits = field.strip_prefix(b"-").unwrap_or(field);
        let mut magnitude: u128 = 0;
        let mut point = None;
        for (i, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' if point.is_none() => {
                    magnitude = magnitude.saturating_mul(10).saturating_add(u128::from(byte - b'0'));
                }
                b'0'..=b'9' => self.fraction |= *byte != b'0',
                b'.' if point.is_none() && digits.len() > 1 => point = Some(i),
                _ => return false,
            }
        }
        if digits.is_empty() {
            return false;
        }
        self.largest = self.largest.max(magnitude);
        true
    }

    fn see_number(&mut self, text: &str) -> bool {
        let Some(number) = parse_number(text) else { return false };
        self.fraction |= number.places() > 0;
        let whole = number.to_integer().and_then(|i| i.magnitude().to_u128());
        self.largest = self.largest.max(whole.unwrap_or(0));
        // The database reads digits, a point and an exponent; agate also `$1,000` and `5%`.
        let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'.' | b'e' | b'E'));
        if !plain {
            self.foreign |= NUMBER;
        }
        true
    }

    fn chosen(&self) -> u8 {
        [NUMBER, DATE, DATETIME, ISO_DATETIME, BOOLEAN]
            .into_iter()
            .find(|kind| self.possible & kind != 0)
            .unwrap_or(0)
    }

    pub(super) fn kind(&self) -> ColumnType {
        match self.chosen() {
            NUMBER if !self.seen => ColumnType::Integer,
            NUMBER => ColumnType::Number,
            DATE => ColumnType::Date,
            DATETIME | ISO_DATETIME => ColumnType::DateTime,
            BOOLEAN => ColumnType::Boolean,
            _ => ColumnType::Text,
        }
    }

    pub(super) fn has_fraction(&self) -> bool {
        self.fraction
    }

    pub(super) fn largest(&self) -> u128 {
        self.largest
    }

    /// Whether the database reads all values as agate does.
    pub(super) fn is_plain(&self) -> bool {
        self.foreign & self.chosen() == 0
    }
}

/// A number as agate reads it: with currency symbols, thousands separators and per cent signs.
pub(super) fn parse_number(text: &str) -> Option<Decimal> {
    let text = text.trim().trim_matches('%');
    let (negative, mut body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    for symbol in CURRENCIES {
        while let Some(rest) = body.strip_prefix(symbol) {
            body = rest;
        }
        while let Some(rest) = body.strip_suffix(symbol) {
            body = rest;
        }
    }
    let number = Decimal::parse(&without_commas(body))?;
    Some(if negative { number.negated() } else { number })
}

pub(super) fn without_commas(text: &str) -> String {
    text.chars().filter(|c| *c != ',').collect::<String>().trim().to_owned()
}

fn is_boolean(text: &str) -> bool {
    let text = without_commas(text);
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    (digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `%Y-%m-%d`
pub(super) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.splitn(3, '-');
    let year = number(parts.next()?, 4..=4)?;
    let month = number(parts.next()?, 1..=2)?;
    let day = number(parts.next()?, 1..=2)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|_| year > 0)
}

/// `%Y-%m-%d %H:%M:%S`
fn parse_spaced_datetime(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once(char::is_whitespace)?;
    let mut parts = time.trim_start().splitn(3, ':');
    let hour = number(parts.next()?, 1..=2)?;
    let minute = number(parts.next()?, 1..=2)?;
    let second = number(parts.next()?, 1..=2)?;
    Some(parse_date(date)?.and_time(NaiveTime::from_hms_opt(hour, minute, second)?))
}

/// ISO 8601 with a `T`; the second part says whether it has a zone, in which case the time is UTC.
fn parse_iso_datetime(text: &str) -> Option<(NaiveDateTime, bool)> {
    let (date, time) = text.split_once('T')?;
    let date = if date.contains('-') {
        parse_date(date).filter(|_| date.len() == 10)?
    } else {
        number(date, 8..=8)?;
        NaiveDate::parse_from_str(date, "%Y%m%d").ok()?
    };
    let (time, offset) = match time.find(['Z', '+', '-']) {
        None => (time, None),
        Some(i) => (time.get(..i)?, Some(parse_offset(time.get(i..)?)?)),
    };
    let (clock, fraction) = match time.find(['.', ',']) {
        Some(i) => (time.get(..i)?, time.get(i + 1..)?),
        None => (time, ""),
    };
    let clock: Vec<&str> = if clock.contains(':') {
        clock.split(':').collect()
    } else {
        (0..clock.len()).step_by(2).filter_map(|i| clock.get(i..i + 2)).collect()
    };
    let mut fields = clock.iter().map(|p| number(p, 2..=2));
    let hour = fields.next()??;
    let minute = fields.next().unwrap_or(Some(0))?;
    let second = fields.next().unwrap_or(Some(0))?;
    if fields.next().is_some() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let at = date.and_time(NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?);
    match offset {
        None => Some((at, false)),
        Some(minutes) => Some((at.checked_sub_signed(chrono::TimeDelta::minutes(minutes))?, true)),
    }
}

/// Minutes east of UTC.
fn parse_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let hours = i64::from(number(digits.get(..2)?, 2..=2)?);
    let minutes = match digits.get(2..)? {
        "" => 0,
        minutes => i64::from(number(minutes, 2..=2)?),
    };
    Some(sign * (hours * 60 + minutes))
}

/// Either form.
pub(super) fn parse_datetime(text: &str) -> Option<(NaiveDateTime, bool)> {
    parse_spaced_datetime(text).map(|at| (at, false)).or_else(|| parse_iso_datetime(text))
}
