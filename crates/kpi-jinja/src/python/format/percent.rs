//! The `%` operator of strings.

use super::float;
use crate::python::arguments::size;
use crate::python::{markup, text};
use crate::{Error, ErrorKind, Result, Value};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed, ToPrimitive};

/// Where the operands come from.
struct Operands<'a> {
    values: &'a [Value],
    single: Option<&'a Value>,
    next: usize,
    mapping: Option<&'a Value>,
}

impl Operands<'_> {
    fn next(&mut self) -> Result<Value> {
        let value = match self.single {
            Some(value) if self.next == 0 => Some(value.clone()),
            Some(_) => None,
            None => self.values.get(self.next).cloned(),
        };
        self.next += 1;
        value.ok_or_else(|| Error::type_error("not enough arguments for format string"))
    }

    fn by_key(&self, key: &str) -> Result<Value> {
        let Some(mapping) = self.mapping else { return Err(Error::type_error("format requires a mapping")) };
        match mapping {
            Value::Dict(dict) => dict.get(key).ok_or_else(|| Error::new(ErrorKind::Key, text::repr_str(key))),
            _ => Err(Error::type_error("format requires a mapping")),
        }
    }

    /// Fails if operands are left over.
    fn finish(&self) -> Result<()> {
        let left = match self.single {
            // Whatever can be indexed may be a mapping that no conversion asked.
            Some(value) => self.next == 0 && !can_be_indexed(value),
            None => self.next < self.values.len(),
        };
        if left && self.mapping.is_none() {
            return Err(Error::type_error("not all arguments converted during string formatting"));
        }
        Ok(())
    }
}

fn can_be_indexed(value: &Value) -> bool {
    match value {
        Value::Dict(_) | Value::List(_) | Value::Bytes(_) => true,
        Value::Object(object) => object.is_mapping() || object.type_name() == "range",
        _ => false,
    }
}

/// One conversion, from the `%` on.
#[derive(Default)]
struct Conversion {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// `template % values`
pub(super) fn percent(template: &str, values: &Value) -> Result<String> {
    let mut operands = match values {
        Value::Tuple(items) => Operands { values: items, single: None, next: 0, mapping: None },
        single => Operands {
            values: &[],
            single: Some(single),
            next: 0,
            mapping: matches!(single, Value::Dict(_)).then_some(single),
        },
    };
    let mut out = String::with_capacity(template.len() + 16);
    let chars: Vec<char> = template.chars().collect();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        i += 1;
        if c != '%' {
            out.push(c);
            continue;
        }
        i = conversion(&chars, i, &mut operands, &mut out)?;
    }
    operands.finish()?;
    Ok(out)
}

/// Handles what follows a `%`; returns the index behind it.
fn conversion(chars: &[char], mut i: usize, operands: &mut Operands, out: &mut String) -> Result<usize> {
    let at = |i: usize| chars.get(i).copied();
    let incomplete = || Error::value_error("incomplete format");
    let mut keyed = None;
    if at(i) == Some('(') {
        let start = i + 1;
        let mut depth = 1;
        i = start;
        while depth > 0 {
            match at(i) {
                Some('(') => depth += 1,
                Some(')') => depth -= 1,
                Some(_) => {}
                None => return Err(Error::value_error("incomplete format key")),
            }
            i += 1;
        }
        let key: String = chars.get(start..i - 1).unwrap_or_default().iter().collect();
        keyed = Some(operands.by_key(&key)?);
    }
    let mut c = Conversion::default();
    loop {
        match at(i) {
            Some('-') => c.left = true,
            Some('+') => c.plus = true,
            Some(' ') => c.blank = true,
            Some('#') => c.alternate = true,
            Some('0') => c.zero = true,
            _ => break,
        }
        i += 1;
    }
    if at(i) == Some('*') {
        i += 1;
        let width = star(operands)?;
        c.left |= width < 0;
        c.width = size(width.saturating_abs())?;
    } else {
        c.width = size(digits(chars, &mut i, "width too big")?.unwrap_or(0))?;
    }
    if at(i) == Some('.') {
        i += 1;
        if at(i) == Some('*') {
            i += 1;
            c.precision = Some(size(star(operands)?.max(0))?);
        } else {
            c.precision = Some(size(digits(chars, &mut i, "precision too big")?.unwrap_or(0))?);
        }
    }
    if matches!(at(i), Some('h' | 'l' | 'L')) {
        i += 1;
    }
    let kind = at(i).ok_or_else(incomplete)?;
    i += 1;
    if kind == '%' && chars.get(i.wrapping_sub(2)) == Some(&'%') {
        out.push('%');
        return Ok(i);
    }
    if !"diouxXeEfFgGcrsa".contains(kind) {
        if keyed.is_none() {
            operands.next()?;
        }
        return Err(Error::value_error(format!(
            "unsupported format character '{kind}' (0x{:x}) at index {}",
            u32::from(kind),
            i - 1
        )));
    }
    let value = match keyed {
        Some(value) => {
            operands.next = operands.next.max(1);
            value
        }
        None => operands.next()?,
    };
    convert(&value, kind, &c, out)?;
    Ok(i)
}

fn star(operands: &mut Operands) -> Result<i64> {
    operands.next()?.as_i64().ok_or_else(|| Error::type_error("* wants int"))
}

fn digits(chars: &[char], i: &mut usize, message: &str) -> Result<Option<i64>> {
    let mut value: Option<i64> = None;
    while let Some(digit) = chars.get(*i).and_then(|c| c.to_digit(10)) {
        let next = value.unwrap_or(0).saturating_mul(10).saturating_add(i64::from(digit));
        if next > i64::from(i32::MAX) {
            return Err(Error::value_error(message));
        }
        value = Some(next);
        *i += 1;
    }
    Ok(value)
}

fn convert(value: &Value, kind: char, c: &Conversion, out: &mut String) -> Result<()> {
    let (sign, body, numeric) = match kind {
        's' | 'r' | 'a' => {
            let whole = match kind {
                's' => value.to_str().to_string(),
                'r' => value.repr(),
                _ => text::ascii(&value.repr()),
            };
            let body = match c.precision {
                Some(p) => text::char_slice(&whole, 0, p).to_string(),
                None => whole,
            };
            (String::new(), body, false)
        }
        'c' => (String::new(), character(value)?.to_string(), false),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            let (sign, body) = integer(value, kind, c)?;
            (sign, body, true)
        }
        _ => {
            let number = real(value)?;
            let mut body = float::unsigned(number, kind.to_ascii_lowercase(), c.precision, c.alternate)?;
            if kind.is_ascii_uppercase() {
                body = body.to_uppercase();
            }
            (plus(number.is_sign_negative() && !number.is_nan(), c), body, true)
        }
    };
    let missing = c.width.saturating_sub(text::char_len(&sign) + text::char_len(&body));
    let filling = |f: char| std::iter::repeat_n(f, missing);
    if c.left {
        out.push_str(&sign);
        out.push_str(&body);
        out.extend(filling(' '));
    } else if c.zero && numeric {
        out.push_str(&sign);
        out.extend(filling('0'));
        out.push_str(&body);
    } else {
        out.extend(filling(' '));
        out.push_str(&sign);
        out.push_str(&body);
    }
    Ok(())
}

fn plus(negative: bool, c: &Conversion) -> String {
    match (negative, c.plus, c.blank) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
    .to_string()
}

fn character(value: &Value) -> Result<char> {
    let refuse = || Error::type_error("%c requires int or char");
    if let Some(text) = markup::text(value) {
        let mut chars = text.chars();
        return match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(refuse()),
        };
    }
    let code = value.as_i64().ok_or_else(refuse)?;
    u32::try_from(code)
        .ok()
        .and_then(char::from_u32)
        .ok_or_else(|| Error::new(ErrorKind::Overflow, "%c arg not in range(0x110000)"))
}

/// The sign with prefix, and the digits.
fn integer(value: &Value, kind: char, c: &Conversion) -> Result<(String, String)> {
    let number = match value {
        Value::Float(f) if matches!(kind, 'd' | 'i' | 'u') => whole(*f)?,
        Value::Object(object) if object.type_name() == "Decimal" && matches!(kind, 'd' | 'i' | 'u') => {
            whole(object.str().parse().unwrap_or(f64::NAN))?
        }
        other => other.as_bigint().ok_or_else(|| {
            let wanted = if matches!(kind, 'd' | 'i' | 'u') { "a real number" } else { "an integer" };
            Error::type_error(format!("%{kind} format: {wanted} is required, not {}", other.type_name()))
        })?,
    };
    let magnitude = number.abs();
    let (mut body, prefix) = match kind {
        'o' => (magnitude.to_str_radix(8), "0o"),
        'x' => (magnitude.to_str_radix(16), "0x"),
        'X' => (magnitude.to_str_radix(16).to_uppercase(), "0X"),
        _ => (magnitude.to_string(), ""),
    };
    if let Some(least) = c.precision {
        body.insert_str(0, &"0".repeat(least.saturating_sub(body.len())));
    }
    let prefix = if c.alternate { prefix } else { "" };
    Ok((format!("{}{prefix}", plus(number.is_negative(), c)), body))
}

/// `int(float)`
pub(crate) fn whole(number: f64) -> Result<BigInt> {
    if number.is_nan() {
        return Err(Error::value_error("cannot convert float NaN to integer"));
    }
    BigInt::from_f64(number.trunc())
        .ok_or_else(|| Error::new(ErrorKind::Overflow, "cannot convert float infinity to integer"))
}

fn real(value: &Value) -> Result<f64> {
    match value {
        Value::Float(f) => Ok(*f),
        Value::Object(object) if object.type_name() == "Decimal" => {
            object.str().parse().map_err(|_| Error::type_error("must be real number"))
        }
        other => match other.as_bigint() {
            Some(big) => big
                .to_f64()
                .filter(|f| f.is_finite())
                .ok_or_else(|| Error::new(ErrorKind::Overflow, "int too large to convert to float")),
            None => Err(Error::type_error(format!("must be real number, not {}", other.type_name()))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        let t = |items: Vec<Value>| Value::tuple(items);
        let s = |v: &str| Value::from(v);
        for (template, values, expected) in [
            ("%s-%s", t(vec![s("a"), Value::Int(2)]), "a-2"),
            ("%d", Value::Float(3.9), "3"),
            ("%s", Value::list([Value::Int(1)]), "[1]"),
            ("%.2f", Value::Float(2.71459), "2.71"),
            ("%05.1f", Value::Float(2.25), "002.2"),
            ("%e", Value::Float(12345.678), "1.234568e+04"),
            ("%g", Value::Float(0.00001), "1e-05"),
            ("%g", Value::Float(100000000.0), "1e+08"),
            ("%10s|", s("ab"), "        ab|"),
            ("%-10s|", s("ab"), "ab        |"),
            ("%.1s", s("ab"), "a"),
            ("%c", Value::Int(65), "A"),
            ("%%", t(vec![]), "%"),
            ("%#x", Value::Int(-255), "-0xff"),
            ("%+.3d", Value::Int(5), "+005"),
            ("%*d", t(vec![Value::Int(5), Value::Int(1)]), "    1"),
            ("%(a)s", Value::dict([("a", Value::Int(1))]), "1"),
            ("x", Value::dict([("a", Value::Int(1))]), "x"),
            ("x", Value::Int(1), "not all arguments converted during string formatting"),
            ("%s %s", s("x"), "not enough arguments for format string"),
            ("%d", s("x"), "%d format: a real number is required, not str"),
            ("%y", s("x"), "unsupported format character 'y' (0x79) at index 1"),
            ("%(b)s", Value::dict([("a", Value::Int(1))]), "'b'"),
            ("%", Value::Int(1), "incomplete format"),
        ] {
            let got = percent(template, &values).unwrap_or_else(|e| e.to_string());
            assert_eq!(got, expected, "{template}");
        }
    }
}
