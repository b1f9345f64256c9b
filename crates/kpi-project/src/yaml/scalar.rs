//! What an unquoted scalar means in YAML 1.1, as PyYAML's resolver and constructors decide it.

use super::Value;
use num_bigint::BigInt;
use std::sync::Arc;

/// The value of a plain scalar; `None` when it is a string.
///
/// # Errors
/// A date or time that does not exist, such as `2024-02-30`: a sentence that says so.
///
/// # Examples
///
/// ```
/// use kpi_project::yaml::{Value, resolve_plain};
/// assert_eq!(resolve_plain("yes"), Ok(Some(Value::Bool(true))));
/// assert_eq!(resolve_plain("017"), Ok(Some(Value::Int(15))));
/// assert_eq!(resolve_plain("1e5"), Ok(None));
/// ```
pub fn resolve_plain(text: &str) -> Result<Option<Value>, String> {
    let Some(first) = text.bytes().next() else { return Ok(Some(Value::Null)) };
    Ok(match first {
        b'~' if text == "~" => Some(Value::Null),
        b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' => word(text),
        b'0'..=b'9' => match integer(text).or_else(|| float(text)) {
            Some(value) => Some(value),
            None => timestamp(text)?,
        },
        b'-' | b'+' | b'.' => integer(text).or_else(|| float(text)),
        _ => None,
    })
}

fn word(text: &str) -> Option<Value> {
    match text {
        "null" | "Null" | "NULL" => Some(Value::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Value::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Cuts off the sign.
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    }
}

fn integer(text: &str) -> Option<Value> {
    let (negative, body) = signed(text);
    if body == "0" {
        return Some(Value::Int(0));
    }
    let all = |s: &str, allowed: fn(u8) -> bool| !s.is_empty() && s.bytes().all(|b| allowed(b) || b == b'_');
    if let Some(bits) = body.strip_prefix("0b") {
        return all(bits, |b| matches!(b, b'0' | b'1')).then(|| radix(bits, 2, negative))?;
    }
    if let Some(hex) = body.strip_prefix("0x") {
        return all(hex, |b| b.is_ascii_hexdigit()).then(|| radix(hex, 16, negative))?;
    }
    if let Some(octal) = body.strip_prefix('0') {
        return all(octal, |b| matches!(b, b'0'..=b'7')).then(|| radix(body, 8, negative))?;
    }
    if !body.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if body.contains(':') {
        return sexagesimal(body, negative);
    }
    all(body, |b| b.is_ascii_digit()).then(|| radix(body, 10, negative))?
}

/// `1:30:00`: digits to the base of 60.
fn sexagesimal(body: &str, negative: bool) -> Option<Value> {
    let mut parts = body.split(':');
    let head = parts.next()?;
    if !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    let mut total: BigInt = head.replace('_', "").parse().ok()?;
    for part in parts {
        if !is_base_60(part) {
            return None;
        }
        total = total * 60 + part.parse::<u32>().ok()?;
    }
    Some(big(if negative { -total } else { total }))
}

fn is_base_60(part: &str) -> bool {
    matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

fn radix(digits: &str, base: u32, negative: bool) -> Option<Value> {
    let clean: String = digits.chars().filter(|c| *c != '_').collect();
    if clean.is_empty() {
        return None;
    }
    if let Ok(i) = i64::from_str_radix(&clean, base) {
        return Some(Value::Int(if negative { -i } else { i }));
    }
    let number = BigInt::parse_bytes(clean.as_bytes(), base)?;
    Some(big(if negative { -number } else { number }))
}

fn big(number: BigInt) -> Value {
    match i64::try_from(&number) {
        Ok(i) => Value::Int(i),
        Err(_) => Value::BigInt(Arc::new(number)),
    }
}

fn float(text: &str) -> Option<Value> {
    let (negative, body) = signed(text);
    let had_sign = body.len() != text.len();
    match body {
        ".inf" | ".Inf" | ".INF" => {
            return Some(Value::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        ".nan" | ".NaN" | ".NAN" if !had_sign => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    // An exponent needs its sign in YAML 1.1: `1e5` and `1.0e5` are strings.
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => {
            let exponent = body.get(at + 1..)?;
            let digits = exponent.strip_prefix(['-', '+'])?;
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (body.get(..at)?, Some(exponent))
        }
        None => (body, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits_only = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !digits_only(fraction) {
        return None;
    }
    if whole.is_empty() {
        // `-.5` is a string: the pattern without whole digits knows no sign.
        if had_sign || !fraction.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
    } else if !whole.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    } else if whole.contains(':') {
        return if exponent.is_none() { sexagesimal_float(whole, fraction, negative) } else { None };
    } else if !digits_only(whole) {
        return None;
    }
    let clean: String = body.chars().filter(|c| *c != '_').collect();
    let number: f64 = clean.parse().ok()?;
    Some(Value::Float(if negative { -number } else { number }))
}

fn sexagesimal_float(whole: &str, fraction: &str, negative: bool) -> Option<Value> {
    let mut parts = whole.split(':');
    let head = parts.next()?.replace('_', "");
    let mut total: f64 = head.parse().ok()?;
    for part in parts {
        if !is_base_60(part) {
            return None;
        }
        total = total * 60.0 + part.parse::<f64>().ok()?;
    }
    let fraction = fraction.replace('_', "");
    total += format!("0.{fraction}0").parse::<f64>().ok()?;
    Some(Value::Float(if negative { -total } else { total }))
}

/// Takes between `min` and `max` digits off the front.
fn digits<'a>(text: &mut &'a str, min: usize, max: usize) -> Option<&'a str> {
    let count = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    if count < min {
        return None;
    }
    let (head, tail) = text.split_at_checked(count)?;
    *text = tail;
    Some(head)
}

fn literal(text: &mut &str, prefix: char) -> Option<()> {
    *text = text.strip_prefix(prefix)?;
    Some(())
}

struct Stamp<'a> {
    date: [u32; 3],
    time: Option<Time<'a>>,
}

struct Time<'a> {
    clock: [u32; 3],
    fraction: &'a str,
    zone: Zone,
}

enum Zone {
    None,
    Utc,
    Offset { negative: bool, hours: u32, minutes: u32 },
}

fn scan_stamp(mut rest: &str) -> Option<Stamp<'_>> {
    let text = &mut rest;
    let number = |s: &str| s.parse::<u32>().ok();
    let year = number(digits(text, 4, 4)?)?;
    literal(text, '-')?;
    let month_text = digits(text, 1, 2)?;
    literal(text, '-')?;
    let day_text = digits(text, 1, 2)?;
    let date = [year, number(month_text)?, number(day_text)?];
    if text.is_empty() {
        // A bare date needs two digits each.
        return (month_text.len() == 2 && day_text.len() == 2).then_some(Stamp { date, time: None });
    }
    let before = text.len();
    match text.strip_prefix(['T', 't']) {
        Some(tail) => *text = tail,
        None => *text = text.trim_start_matches([' ', '\t']),
    }
    if text.len() == before {
        return None;
    }
    let hour = number(digits(text, 1, 2)?)?;
    literal(text, ':')?;
    let minute = number(digits(text, 2, 2)?)?;
    literal(text, ':')?;
    let second = number(digits(text, 2, 2)?)?;
    let fraction = match literal(text, '.') {
        Some(()) => digits(text, 0, usize::MAX)?,
        None => "",
    };
    let zone_text = &mut text.trim_start_matches([' ', '\t']);
    let zone = if zone_text.is_empty() {
        if !text.is_empty() {
            return None;
        }
        Zone::None
    } else if *zone_text == "Z" {
        Zone::Utc
    } else {
        let negative = zone_text.starts_with('-');
        *zone_text = zone_text.strip_prefix(['-', '+'])?;
        let hours = number(digits(zone_text, 1, 2)?)?;
        let minutes = match literal(zone_text, ':') {
            Some(()) => number(digits(zone_text, 2, 2)?)?,
            None => 0,
        };
        if !zone_text.is_empty() {
            return None;
        }
        Zone::Offset { negative, hours, minutes }
    };
    Some(Stamp { date, time: Some(Time { clock: [hour, minute, second], fraction, zone }) })
}

/// A date, or a date with time; `None` when the text does not look like one.
///
/// # Errors
/// It looks like one, but there is no such day or time.
pub fn timestamp(text: &str) -> Result<Option<Value>, String> {
    let Some(Stamp { date: [year, month, day], time }) = scan_stamp(text) else { return Ok(None) };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(format!("there is no date {text}: month must be in 1..12")),
    };
    if year == 0 || day == 0 || day > length {
        return Err(format!("there is no date {text}: day is out of range for month"));
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some(Time { clock: [hour, minute, second], fraction, zone }) = time else {
        return Ok(Some(Value::Date(date.into())));
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(format!("there is no time {text}: the clock ends at 23:59:59"));
    }
    let mut iso = format!("{date}T{hour:02}:{minute:02}:{second:02}");
    let micros = fraction.get(..6).unwrap_or(fraction);
    if micros.bytes().any(|b| b != b'0') {
        iso.push_str(&format!(".{micros:0<6}"));
    }
    match zone {
        Zone::None => {}
        Zone::Utc => iso.push_str("+00:00"),
        Zone::Offset { negative, hours, minutes } => {
            if hours > 23 || minutes > 59 {
                return Err(format!("there is no time {text}: the offset must be less than 24 hours"));
            }
            let sign = if negative && (hours, minutes) != (0, 0) { '-' } else { '+' };
            iso.push_str(&format!("{sign}{hours:02}:{minutes:02}"));
        }
    }
    Ok(Some(Value::DateTime(iso.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match resolve_plain(text) {
            Ok(None) => "str".to_owned(),
            Ok(Some(value)) => format!("{value:?}"),
            Err(message) => message,
        }
    }

    #[test]
    fn plain_scalars_are_those_of_yaml_1_1() {
        // Each right side is what PyYAML 6 answers.
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("NULL", "Null"),
            ("nULL", "str"),
            ("y", "str"),
            ("Yes", "Bool(true)"),
            ("off", "Bool(false)"),
            ("0", "Int(0)"),
            ("-0", "Int(0)"),
            ("017", "Int(15)"),
            ("0o17", "str"),
            ("08", "str"),
            ("0x1F", "Int(31)"),
            ("-0b11", "Int(-3)"),
            ("1_000", "Int(1000)"),
            ("1:30", "Int(90)"),
            ("1:60", "str"),
            ("-1:30:00", "Int(-5400)"),
            ("12e3", "str"),
            ("1.5e3", "str"),
            ("1.5e+3", "Float(1500.0)"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("-.5", "str"),
            ("+1.5", "Float(1.5)"),
            ("1:30.5", "Float(90.5)"),
            (".inf", "Float(inf)"),
            ("-.INF", "Float(-inf)"),
            (".nan", "Float(NaN)"),
            ("1.2.3", "str"),
            ("2024-01-31", "Date(\"2024-01-31\")"),
            ("2024-1-31", "str"),
            ("2024-1-3 4:05:06", "DateTime(\"2024-01-03T04:05:06\")"),
            ("2024-01-31T10:00:00.25Z", "DateTime(\"2024-01-31T10:00:00.250000+00:00\")"),
            ("2024-01-31 10:00:00 -3", "DateTime(\"2024-01-31T10:00:00-03:00\")"),
            ("2024-02-30", "there is no date 2024-02-30: day is out of range for month"),
            ("-", "str"),
            ("+", "str"),
            (".", "str"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn integers_beyond_64_bits_are_kept() {
        assert_eq!(
            resolve_plain("123456789012345678901234567890"),
            Ok(Some(Value::BigInt(Arc::new("123456789012345678901234567890".parse().unwrap()))))
        );
    }
}
