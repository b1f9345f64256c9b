//! What a plain YAML 1.1 scalar means, with the rules of PyYAML's `safe_load`.

use chrono::{NaiveDate, NaiveDateTime};
use num_bigint::BigInt;
use num_traits::{Num, ToPrimitive};

/// The meaning of a plain scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `yes`, `no`, `true`, `false`, `on`, `off`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer.
    BigInt(BigInt),
    /// A float.
    Float(f64),
    /// `2024-01-31`.
    Date(NaiveDate),
    /// A date with a time; the offset in minutes east of UTC, if one was written.
    DateTime(NaiveDateTime, Option<i32>),
    /// `<<`, which merges mappings when it is a key.
    Merge,
    /// Looks like a number or a timestamp but is none (`2024-13-01`): loading it is an error with this text.
    Invalid(&'static str),
    /// Text.
    Str,
}

/// Resolves an unquoted, untagged scalar.
pub fn resolve_plain_scalar(text: &str) -> Scalar {
    let Some(&first) = text.as_bytes().first() else { return Scalar::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => numeric(text),
        b'~' if text == "~" => Scalar::Null,
        b'<' if text == "<<" => Scalar::Merge,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        _ => Scalar::Str,
    }
}

fn word(text: &str) -> Scalar {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Str,
    }
}

fn numeric(text: &str) -> Scalar {
    if !text.is_ascii() {
        return Scalar::Str;
    }
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    };
    let signed = body.len() != text.len();
    if let Some(float) = float(body, negative, signed) {
        return float;
    }
    if let Some(int) = int(body, negative) {
        return int;
    }
    if !signed && let Some(stamp) = timestamp(text) {
        return stamp;
    }
    Scalar::Str
}

fn float(body: &str, negative: bool, signed: bool) -> Option<Scalar> {
    let sign = |f: f64| Some(Scalar::Float(if negative { -f } else { f }));
    match body {
        ".inf" | ".Inf" | ".INF" => return sign(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if !signed => return Some(Scalar::Float(f64::NAN)),
        _ => {}
    }
    let digits_or_underscores = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let (whole, rest) = body.split_once('.')?;
    if whole.contains(':') {
        if !sexagesimal(whole, false) || !digits_or_underscores(rest) {
            return None;
        }
        let text: String = body.chars().filter(|c| *c != '_').collect();
        let mut value = 0.0;
        let mut base = 1.0;
        for part in text.rsplit(':') {
            value += part.parse::<f64>().ok()? * base;
            base *= 60.0;
        }
        return sign(value);
    }
    let starts_with_digit = |s: &str| s.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let head_ok = if whole.is_empty() {
        !signed && starts_with_digit(fraction)
    } else {
        starts_with_digit(whole) && digits_or_underscores(whole)
    };
    if !head_ok || !digits_or_underscores(fraction) {
        return None;
    }
    if let Some(e) = exponent {
        let digits = e.strip_prefix(['+', '-'])?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    let text: String = body.chars().filter(|c| *c != '_').collect();
    sign(text.parse().ok()?)
}

/// `190:20:30`; `leading_zero`: whether the first digit must not be 0.
fn sexagesimal(text: &str, no_leading_zero: bool) -> bool {
    let mut parts = text.split(':');
    let Some(head) = parts.next() else { return false };
    let head_ok = match head.as_bytes().first() {
        Some(b'0') => !no_leading_zero,
        Some(b) => b.is_ascii_digit(),
        None => false,
    };
    if !head_ok || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let mut count = 0;
    for part in parts {
        count += 1;
        let ok = match part.as_bytes() {
            [d] => d.is_ascii_digit(),
            [t, d] => (b'0'..=b'5').contains(t) && d.is_ascii_digit(),
            _ => false,
        };
        if !ok {
            return false;
        }
    }
    count > 0
}

fn int(body: &str, negative: bool) -> Option<Scalar> {
    if body.contains(':') {
        if !sexagesimal(body, true) {
            return None;
        }
        let mut value = BigInt::default();
        for part in body.split(':') {
            let part: String = part.chars().filter(|c| *c != '_').collect();
            value = value * 60 + part.parse::<BigInt>().ok()?;
        }
        return Some(sized(value, negative));
    }
    let of_radix = |digits: &str, radix: u32| -> Option<Scalar> {
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix) || c == '_') {
            return None;
        }
        let text: String = digits.chars().filter(|c| *c != '_').collect();
        match BigInt::from_str_radix(&text, radix) {
            Ok(n) => Some(sized(n, negative)),
            Err(_) => Some(Scalar::Invalid("invalid literal for int()")),
        }
    };
    if body == "0" {
        return Some(Scalar::Int(0));
    }
    if let Some(digits) = body.strip_prefix("0b") {
        return of_radix(digits, 2);
    }
    if let Some(digits) = body.strip_prefix("0x") {
        return of_radix(digits, 16);
    }
    if body.starts_with('0') {
        of_radix(body.get(1..)?, 8)?;
        return of_radix(body, 8);
    }
    if !body.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    if body.len() < 19 && body.bytes().all(|b| b.is_ascii_digit()) {
        let n: i64 = body.parse().ok()?;
        return Some(Scalar::Int(if negative { -n } else { n }));
    }
    of_radix(body, 10)
}

fn sized(value: BigInt, negative: bool) -> Scalar {
    let value = if negative { -value } else { value };
    match value.to_i64() {
        Some(n) => Scalar::Int(n),
        None => Scalar::BigInt(value),
    }
}

/// A cursor over ASCII text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let n = self.rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if n < least {
            return None;
        }
        let mut value = 0u32;
        for b in self.rest.iter().take(n) {
            value = value * 10 + u32::from(b - b'0');
        }
        self.rest = self.rest.get(n..)?;
        Some(value)
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        if self.rest.first() != Some(&byte) {
            return None;
        }
        self.rest = self.rest.get(1..)?;
        Some(())
    }

    fn blanks(&mut self) -> usize {
        let n = self.rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.rest = self.rest.get(n..).unwrap_or_default();
        n
    }
}

const BAD_DATE: &str = "day is out of range for month";

fn timestamp(text: &str) -> Option<Scalar> {
    let mut c = Cursor { rest: text.as_bytes() };
    let year = c.digits(4, 4)?;
    c.eat(b'-')?;
    let month_start = c.rest.len();
    let month = c.digits(1, 2)?;
    let month_digits = month_start - c.rest.len();
    c.eat(b'-')?;
    let day_start = c.rest.len();
    let day = c.digits(1, 2)?;
    let day_digits = day_start - c.rest.len();
    let date = if year == 0 { None } else { NaiveDate::from_ymd_opt(year as i32, month, day) };
    if c.rest.is_empty() {
        if month_digits != 2 || day_digits != 2 {
            return None;
        }
        return Some(date.map_or(Scalar::Invalid(BAD_DATE), Scalar::Date));
    }
    if c.eat(b'T').is_none() && c.eat(b't').is_none() && c.blanks() == 0 {
        return None;
    }
    let hour = c.digits(1, 2)?;
    c.eat(b':')?;
    let minute = c.digits(2, 2)?;
    c.eat(b':')?;
    let second = c.digits(2, 2)?;
    let mut micro = 0u32;
    if c.eat(b'.').is_some() {
        let n = c.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        for i in 0..6 {
            let digit = c.rest.get(i).filter(|_| i < n).map_or(0, |b| u32::from(b - b'0'));
            micro = micro * 10 + digit;
        }
        c.rest = c.rest.get(n..)?;
    }
    c.blanks();
    let mut offset = None;
    if c.eat(b'Z').is_some() {
        offset = Some(0);
    } else if let Some(sign) = c.rest.first().copied().filter(|b| matches!(b, b'+' | b'-')) {
        c.eat(sign)?;
        let hours = c.digits(1, 2)? as i32;
        let minutes = if c.eat(b':').is_some() { c.digits(2, 2)? as i32 } else { 0 };
        let total = hours * 60 + minutes;
        offset = Some(if sign == b'-' { -total } else { total });
    } else if text.ends_with([' ', '\t']) {
        return None;
    }
    if !c.rest.is_empty() {
        return None;
    }
    let Some(date) = date else { return Some(Scalar::Invalid(BAD_DATE)) };
    if offset.is_some_and(|o| o.abs() >= 24 * 60) {
        return Some(Scalar::Invalid("offset must be a timedelta strictly between -24 and 24 hours"));
    }
    match date.and_hms_micro_opt(hour, minute, second, micro) {
        Some(stamp) => Some(Scalar::DateTime(stamp, offset)),
        None => Some(Scalar::Invalid("hour, minute or second out of range")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(n: i64) -> Scalar {
        Scalar::Int(n)
    }

    #[test]
    fn words_and_nulls() {
        for t in ["yes", "Yes", "YES", "true", "on", "On"] {
            assert_eq!(resolve_plain_scalar(t), Scalar::Bool(true), "{t}");
        }
        for t in ["no", "off", "False"] {
            assert_eq!(resolve_plain_scalar(t), Scalar::Bool(false), "{t}");
        }
        for t in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve_plain_scalar(t), Scalar::Null, "{t}");
        }
        for t in
            ["y", "n", "tRUE", "nULL", "yes ", "1e5", "1.5e5", "-", "+", ".", "08", "1:99", "0o17", "1.2.3"]
        {
            assert_eq!(resolve_plain_scalar(t), Scalar::Str, "{t}");
        }
        assert_eq!(resolve_plain_scalar("<<"), Scalar::Merge);
    }

    #[test]
    fn integers() {
        for (t, n) in [
            ("0", 0),
            ("-1", -1),
            ("+12", 12),
            ("1_000", 1000),
            ("017", 15),
            ("0x_1F", 31),
            ("0b101", 5),
            ("1:30", 90),
            ("190:20:30", 685230),
            ("-0x10", -16),
        ] {
            assert_eq!(resolve_plain_scalar(t), int(n), "{t}");
        }
        assert!(matches!(resolve_plain_scalar("123456789012345678901234567890"), Scalar::BigInt(_)));
    }

    #[test]
    fn floats() {
        for (t, f) in [
            ("1.5", 1.5),
            ("-.5", f64::NAN),
            ("1.", 1.0),
            (".5", 0.5),
            ("1.0e+3", 1000.0),
            ("685_230.15", 685230.15),
            ("1:30.5", 90.5),
            ("-1.5", -1.5),
            ("-.inf", f64::NEG_INFINITY),
        ] {
            match resolve_plain_scalar(t) {
                Scalar::Float(x) => assert_eq!(x, f, "{t}"),
                other => assert!(f.is_nan() && other == Scalar::Str, "{t}: {other:?}"),
            }
        }
        assert!(matches!(resolve_plain_scalar(".nan"), Scalar::Float(f) if f.is_nan()));
    }

    #[test]
    fn timestamps() {
        let day = NaiveDate::from_ymd_opt(2024, 1, 31).unwrap();
        assert_eq!(resolve_plain_scalar("2024-01-31"), Scalar::Date(day));
        assert_eq!(resolve_plain_scalar("2024-1-31"), Scalar::Str);
        let at = day.and_hms_micro_opt(1, 2, 3, 500_000).unwrap();
        assert_eq!(resolve_plain_scalar("2024-01-31T01:02:03.5"), Scalar::DateTime(at, None));
        assert_eq!(resolve_plain_scalar("2024-1-31 1:02:03.5 Z"), Scalar::DateTime(at, Some(0)));
        assert_eq!(resolve_plain_scalar("2024-01-31 1:02:03.5 -5:30"), Scalar::DateTime(at, Some(-330)));
        assert!(matches!(resolve_plain_scalar("2024-13-31"), Scalar::Invalid(_)));
    }
}
