//! Filters of numbers, and what Python's `int()`, `float()` and `round()` accept.

use super::attribute::Path;
use super::{argument_error, given, no_arguments, truth};
use crate::python::arguments::index_or;
use crate::python::format::whole;
use crate::python::iteration::collect;
use crate::python::{markup, modules};
use crate::{Args, BinaryOp, Error, ErrorKind, Interp, Result, Value};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Num, Signed, ToPrimitive};

pub(super) fn abs(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("abs", args)?;
    if let Some(delta) = modules::datetime::absolute(&value) {
        return Ok(delta);
    }
    match &value {
        Value::Float(f) => Ok(Value::Float(f.abs())),
        other => match other.as_bigint() {
            Some(big) => Ok(Value::integer(big.abs())),
            None => match decimal(other) {
                Some(f) => Ok(Value::Float(f.abs())),
                None => {
                    Err(Error::type_error(format!("bad operand type for abs(): '{}'", other.type_name())))
                }
            },
        },
    }
}

/// The number behind a decimal object.
fn decimal(value: &Value) -> Option<f64> {
    let object = value.as_object().filter(|o| o.type_name() == "Decimal")?;
    object.str().parse().ok()
}

/// `int(text, base)`; `None` where Python raises a ValueError.
pub(crate) fn parse_int(text: &str, base: u32) -> Option<BigInt> {
    let text = text.trim_matches(crate::python::text::is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = crate::python::text::ascii_digits(digits).to_lowercase();
    let prefixed = |prefix: &str| lower.strip_prefix(prefix).map(|d| d.strip_prefix('_').unwrap_or(d));
    let (radix, digits) = match base {
        0 => match (prefixed("0x"), prefixed("0o"), prefixed("0b")) {
            (Some(d), _, _) => (16, d),
            (_, Some(d), _) => (8, d),
            (_, _, Some(d)) => (2, d),
            _ if lower.len() > 1
                && lower.starts_with('0')
                && lower.bytes().any(|b| b != b'0' && b != b'_') =>
            {
                return None;
            }
            _ => (10, lower.as_str()),
        },
        16 => (16, prefixed("0x").unwrap_or(&lower)),
        8 => (8, prefixed("0o").unwrap_or(&lower)),
        2 => (2, prefixed("0b").unwrap_or(&lower)),
        3..=36 => (base, lower.as_str()),
        _ => return None,
    };
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    // Python refuses to convert longer texts as well; here it also bounds the work.
    if plain.len() > 4300 {
        return None;
    }
    let number = BigInt::from_str_radix(&plain, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// `float(text)`; `None` where Python raises a ValueError.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let text = crate::python::text::ascii_digits(text.trim_matches(crate::python::text::is_space));
    let digit_at = |i: Option<usize>| i.and_then(|i| text.as_bytes().get(i)).is_some_and(u8::is_ascii_digit);
    let mut plain = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        match c {
            '_' if digit_at(i.checked_sub(1)) && digit_at(Some(i + 1)) => {}
            '0'..='9' | '.' | '+' | '-' | 'e' | 'E' => plain.push(c),
            c if c.is_ascii_alphabetic() => plain.push(c.to_ascii_lowercase()),
            _ => return None,
        }
    }
    let body = plain.trim_start_matches(['+', '-']);
    if body.chars().any(|c| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'))
        && !matches!(body, "inf" | "infinity" | "nan")
    {
        return None;
    }
    plain.parse().ok()
}

/// `float(value)`; `None` where Python raises a TypeError or ValueError.
fn to_float(value: &Value) -> Result<Option<f64>> {
    match value {
        Value::Float(f) => Ok(Some(*f)),
        Value::Undefined(undefined) => Err(undefined.error()),
        Value::BigInt(big) => match big.to_f64().filter(|f| f.is_finite()) {
            Some(f) => Ok(Some(f)),
            None => Err(Error::new(ErrorKind::Overflow, "int too large to convert to float")),
        },
        other => Ok(match markup::text(other) {
            Some(text) => parse_float(&text),
            None => other.as_f64().or_else(|| decimal(other)),
        }),
    }
}

/// `int(default, base)`
pub(super) fn int(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [default, base] = args.bind("int", ["default?", "base?"])?;
    let direct = match (&value, markup::text(&value)) {
        (_, Some(text)) => {
            let base = base.as_ref().map_or(Some(10), |b| b.as_i64());
            base.and_then(|b| u32::try_from(b).ok()).and_then(|b| parse_int(&text, b))
        }
        // An infinity is an OverflowError, which the filter does not catch.
        (Value::Float(f), _) if f.is_infinite() => Some(whole(*f)?),
        (Value::Float(f), _) => whole(*f).ok(),
        (other, _) => other.as_bigint(),
    };
    let number = match direct {
        Some(number) => Some(number),
        None => to_float(&value)?.and_then(|f| whole(f).ok()),
    };
    Ok(number.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::integer))
}

/// `float(default)`
pub(super) fn float(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [default] = args.bind("float", ["default?"])?;
    Ok(match to_float(&value)? {
        Some(f) => Value::Float(f),
        None => default.unwrap_or(Value::Float(0.0)),
    })
}

/// `round(precision, method)`
pub(super) fn round(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [precision, method] = args.bind("round", ["precision?", "method?"])?;
    let method = method.map_or_else(|| "common".into(), |m| m.to_str());
    if !matches!(&*method, "common" | "ceil" | "floor") {
        return Err(argument_error("method must be common, ceil or floor"));
    }
    let precision = index_or(precision.as_ref(), 0)?.clamp(-400, 400) as i32;
    if &*method == "common" {
        if let Value::Float(f) = value {
            return round_float(f, precision).map(Value::Float);
        }
        if let Some(big) = value.as_bigint() {
            return Ok(Value::integer(round_int(&big, precision)));
        }
        if let Some(f) = decimal(&value) {
            return round_float(f, precision).map(Value::Float);
        }
        return Err(Error::type_error(format!("type {} doesn't define __round__ method", value.type_name())));
    }
    let Some(number) = value.as_f64().or_else(|| decimal(&value)) else {
        return Err(Error::type_error(format!("must be real number, not {}", value.type_name())));
    };
    let scale = 10f64.powi(precision);
    let scaled = number * scale;
    if !scaled.is_finite() {
        whole(scaled)?;
    }
    let cut = if &*method == "ceil" { scaled.ceil() } else { scaled.floor() };
    Ok(Value::Float(cut / scale))
}

/// `round(float, digits)`: to the nearest, ties to even, of the exact binary value.
fn round_float(number: f64, digits: i32) -> Result<f64> {
    if !number.is_finite() {
        return Ok(number);
    }
    if let Ok(digits) = usize::try_from(digits) {
        return Ok(format!("{number:.digits$}").parse().unwrap_or(number));
    }
    // Left of the point the number of significant digits is what is known to formatting.
    let (_, exponent) = crate::python::text::split_exponent(&format!("{number:e}"));
    let zero = if number.is_sign_negative() { -0.0 } else { 0.0 };
    let text = match exponent + digits {
        kept if kept >= 0 => format!("{number:.*e}", usize::try_from(kept).unwrap_or(0)),
        -1 if number.abs() > format!("5e{exponent}").parse().unwrap_or(f64::MAX) => {
            format!("{}1e{}", if number < 0.0 { "-" } else { "" }, exponent + 1)
        }
        _ => return Ok(zero),
    };
    match text.parse::<f64>() {
        Ok(rounded) if rounded.is_finite() => Ok(rounded),
        _ => Err(Error::new(ErrorKind::Overflow, "rounded value too large to represent")),
    }
}

fn round_int(number: &BigInt, digits: i32) -> BigInt {
    if digits >= 0 {
        return number.clone();
    }
    let scale = BigInt::from(10).pow(digits.unsigned_abs());
    let (below, rest) = number.div_mod_floor(&scale);
    let twice = &rest * 2;
    let up = twice > scale || (twice == scale && below.is_odd());
    (below + i32::from(up)) * scale
}

/// `sum(attribute, start)`
pub(super) fn sum(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [attribute, start] = args.bind("sum", ["attribute?", "start?"])?;
    let path = given(attribute).map(|a| Path::new(Some(&a)));
    let mut total = start.unwrap_or(Value::Int(0));
    if markup::text(&total).is_some() {
        return Err(Error::type_error("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in collect(interp, &value)? {
        let item = match &path {
            Some(path) => path.get(interp, &item)?,
            None => item,
        };
        total = add(&total, &item)?;
    }
    Ok(total)
}

/// `a + b`
pub(crate) fn add(a: &Value, b: &Value) -> Result<Value> {
    a.require_defined()?;
    b.require_defined()?;
    let refuse = || {
        Error::type_error(format!(
            "unsupported operand type(s) for +: '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))
    };
    if let (Some(x), Some(y)) = (a.as_i64(), b.as_i64())
        && let Some(sum) = x.checked_add(y)
    {
        return Ok(Value::Int(sum));
    }
    match (a, b) {
        (Value::List(x), Value::List(y)) => {
            let mut items = x.snapshot();
            items.extend(y.snapshot());
            Ok(Value::list(items))
        }
        (Value::Tuple(x), Value::Tuple(y)) => Ok(Value::tuple(x.iter().chain(y.iter()).cloned())),
        (Value::Str(x), Value::Str(y)) => Ok(format!("{x}{y}").into()),
        (Value::Object(x), _) => match x.binary(BinaryOp::Add, b, false)? {
            Some(sum) => Ok(sum),
            None => match b {
                Value::Object(y) => y.binary(BinaryOp::Add, a, true)?.ok_or_else(refuse),
                _ => Err(refuse()),
            },
        },
        (_, Value::Object(y)) => y.binary(BinaryOp::Add, a, true)?.ok_or_else(refuse),
        _ => match (a.as_bigint(), b.as_bigint()) {
            (Some(x), Some(y)) => Ok(Value::integer(x + y)),
            _ => match (a.as_f64(), b.as_f64()) {
                (Some(x), Some(y)) => Ok(Value::Float(x + y)),
                _ => Err(refuse()),
            },
        },
    }
}

/// `filesizeformat(binary)`
pub(super) fn filesizeformat(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [binary] = args.bind("filesizeformat", ["binary?"])?;
    let binary = truth(binary.as_ref());
    let Some(bytes) = to_float(&value)? else {
        return Err(Error::value_error(format!("could not convert string to float: {}", value.repr())));
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok("1 Byte".into());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", whole(bytes)?).into());
    }
    let mut unit = base;
    let mut text = String::new();
    for prefix in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
        let prefix = if binary { format!("{}iB", prefix.to_uppercase()) } else { format!("{prefix}B") };
        unit *= base;
        text = format!("{:.1} {prefix}", base * bytes / unit);
        if bytes < unit {
            break;
        }
    }
    Ok(text.into())
}
