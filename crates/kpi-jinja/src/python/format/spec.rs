//! The format specification mini-language: `{:>10,.2f}`.

use super::float;
use crate::python::arguments::size;
use crate::python::{markup, modules, text};
use crate::{Error, ErrorKind, Result, Value};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

/// A parsed specification.
#[derive(Debug, Clone, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    no_negative_zero: bool,
    alternate: bool,
    zero: bool,
    width: Option<usize>,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn parse(spec: &str) -> Result<Self> {
        let invalid = || Error::value_error("Invalid format specifier");
        let chars: Vec<char> = spec.chars().collect();
        let at = |i: usize| chars.get(i).copied();
        let is_align = |c: Option<char>| c.is_some_and(|c| matches!(c, '<' | '>' | '=' | '^'));
        let mut out = Self::default();
        let mut i = 0;
        if is_align(at(1)) {
            out.fill = at(0);
            out.align = at(1);
            i = 2;
        } else if is_align(at(0)) {
            out.align = at(0);
            i = 1;
        }
        if let Some(sign) = at(i).filter(|c| matches!(c, '+' | '-' | ' ')) {
            out.sign = Some(sign);
            i += 1;
        }
        if at(i) == Some('z') {
            out.no_negative_zero = true;
            i += 1;
        }
        if at(i) == Some('#') {
            out.alternate = true;
            i += 1;
        }
        if at(i) == Some('0') && out.fill.is_none() {
            out.zero = true;
            i += 1;
        }
        let number = |i: &mut usize| -> Result<Option<usize>> {
            let mut value: Option<i64> = None;
            while let Some(digit) = at(*i).and_then(|c| c.to_digit(10)) {
                value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(i64::from(digit)));
                *i += 1;
            }
            match value {
                Some(n) if n > i64::from(i32::MAX) => {
                    Err(Error::value_error("Too many decimal digits in format string"))
                }
                Some(n) => size(n).map(Some),
                None => Ok(None),
            }
        };
        out.width = number(&mut i)?;
        if let Some(grouping) = at(i).filter(|c| matches!(c, ',' | '_')) {
            out.grouping = Some(grouping);
            i += 1;
            if let Some(second) = at(i).filter(|c| matches!(c, ',' | '_')) {
                return Err(Error::value_error(if second == grouping {
                    format!("Cannot specify '{grouping}' with '{second}'.")
                } else {
                    "Cannot specify both ',' and '_'.".to_string()
                }));
            }
        }
        if at(i) == Some('.') {
            i += 1;
            out.precision = number(&mut i)?;
            if out.precision.is_none() {
                return Err(Error::value_error("Format specifier missing precision"));
            }
        }
        if let Some(kind) = at(i) {
            out.kind = Some(kind);
            i += 1;
        }
        if i < chars.len() {
            return Err(invalid());
        }
        Ok(out)
    }

    /// Pads a text that is no number.
    fn pad(&self, body: &str, default_align: char) -> String {
        self.pad_signed("", body, default_align)
    }

    /// Pads a number; for `=` the filling goes between sign and digits.
    fn pad_signed(&self, sign: &str, body: &str, default_align: char) -> String {
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        let missing = self.width.unwrap_or(0).saturating_sub(text::char_len(sign) + text::char_len(body));
        let filling = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
        match self.align.unwrap_or(default_align) {
            '<' => format!("{sign}{body}{}", filling(missing)),
            '^' => format!("{}{sign}{body}{}", filling(missing / 2), filling(missing - missing / 2)),
            '=' => format!("{sign}{}{body}", filling(missing)),
            _ => format!("{}{sign}{body}", filling(missing)),
        }
    }
}

/// `format(value, spec)`
///
/// # Errors
/// A ValueError for a specification that the type does not take, a TypeError for a type that takes none.
pub fn format_value(value: &Value, spec: &str) -> Result<String> {
    if let Some(outcome) = modules::datetime::format_with(value, spec) {
        return outcome;
    }
    if spec.is_empty() {
        return Ok(value.to_str().to_string());
    }
    match value {
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) => {
            format_int(&value.as_bigint().unwrap_or_default(), &Spec::parse(spec)?)
        }
        Value::Float(number) => format_float(*number, &Spec::parse(spec)?, "float"),
        Value::Object(object) if object.type_name() == "Decimal" => match object.str().parse::<f64>() {
            Ok(number) => {
                let mut parsed = Spec::parse(spec)?;
                parsed.kind = parsed.kind.or(parsed.precision.map(|_| 'g'));
                format_float(number, &parsed, "decimal.Decimal")
            }
            Err(_) => Ok(object.str()),
        },
        other => match markup::text(other) {
            Some(text) => format_str(&text, &Spec::parse(spec)?),
            None => Err(Error::type_error(format!(
                "unsupported format string passed to {}.__format__",
                other.type_name()
            ))),
        },
    }
}

fn unknown(kind: char, type_name: &str) -> Error {
    Error::value_error(format!("Unknown format code '{kind}' for object of type '{type_name}'"))
}

fn format_str(s: &str, spec: &Spec) -> Result<String> {
    if let Some(kind) = spec.kind.filter(|k| *k != 's') {
        return Err(unknown(kind, "str"));
    }
    let refuse =
        |what: &str| Err(Error::value_error(format!("{what} not allowed in string format specifier")));
    if let Some(sign) = spec.sign {
        return refuse(if sign == ' ' { "Space" } else { "Sign" });
    }
    if spec.alternate {
        return refuse("Alternate form (#)");
    }
    if spec.align == Some('=') {
        return refuse("'=' alignment");
    }
    if let Some(grouping) = spec.grouping {
        return Err(Error::value_error(format!("Cannot specify '{grouping}' with 's'.")));
    }
    let kept = spec.precision.map_or(s, |p| text::char_slice(s, 0, p));
    Ok(spec.pad(kept, '<'))
}

fn sign_of(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

fn format_int(number: &BigInt, spec: &Spec) -> Result<String> {
    let kind = spec.kind.unwrap_or('d');
    if matches!(kind, 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') {
        let float = number.to_f64().filter(|f| f.is_finite());
        let float =
            float.ok_or_else(|| Error::new(ErrorKind::Overflow, "int too large to convert to float"))?;
        return format_float(float, spec, "int");
    }
    if spec.precision.is_some() {
        return Err(Error::value_error("Precision not allowed in integer format specifier"));
    }
    if kind == 'c' {
        if spec.sign.is_some() {
            return Err(Error::value_error("Sign not allowed with integer format specifier 'c'"));
        }
        let c = number.to_u32().and_then(char::from_u32);
        let c = c.ok_or_else(|| Error::new(ErrorKind::Overflow, "%c arg not in range(0x110000)"))?;
        return Ok(spec.pad(&c.to_string(), '<'));
    }
    let magnitude = number.abs();
    let (digits, prefix, group) = match kind {
        'd' | 'n' => (magnitude.to_string(), "", 3),
        'b' => (magnitude.to_str_radix(2), "0b", 4),
        'o' => (magnitude.to_str_radix(8), "0o", 4),
        'x' => (magnitude.to_str_radix(16), "0x", 4),
        'X' => (magnitude.to_str_radix(16).to_uppercase(), "0X", 4),
        other => return Err(unknown(other, "int")),
    };
    if spec.grouping == Some(',') && group == 4 {
        return Err(Error::value_error(format!("Cannot specify ',' with '{kind}'.")));
    }
    let sign = format!("{}{}", sign_of(number.is_negative(), spec), if spec.alternate { prefix } else { "" });
    Ok(pad_number(&sign, &digits, "", group, spec))
}

fn format_float(number: f64, spec: &Spec, type_name: &str) -> Result<String> {
    let kind = spec.kind.unwrap_or(' ');
    let lower = if kind == 'n' { 'g' } else { kind.to_ascii_lowercase() };
    if !matches!(kind, ' ' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%') {
        return Err(unknown(kind, type_name));
    }
    let mut body = float::unsigned(number, lower, spec.precision, spec.alternate)?;
    if kind.is_ascii_uppercase() {
        body = body.to_uppercase();
    }
    let mut negative = number.is_sign_negative() && !number.is_nan();
    if spec.no_negative_zero && body.chars().all(|c| matches!(c, '0' | '.' | '%')) {
        negative = false;
    }
    let whole = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let (digits, rest) = body.split_at(whole);
    Ok(pad_number(sign_of(negative, spec), digits, rest, 3, spec))
}

/// Groups the digits and pads the number. Zeros of a zero-padded number are grouped as well.
fn pad_number(sign: &str, digits: &str, rest: &str, group: usize, spec: &Spec) -> String {
    let zero_padded = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' }) == '0'
        && spec.align.unwrap_or(if spec.zero { '=' } else { '>' }) == '=';
    let default_align = if spec.zero { '=' } else { '>' };
    let Some(separator) = spec.grouping else {
        return spec.pad_signed(sign, &format!("{digits}{rest}"), default_align);
    };
    let mut digits = digits.to_string();
    if zero_padded {
        let room = spec.width.unwrap_or(0).saturating_sub(sign.len() + rest.len());
        // A number never begins with a separator, so it may come out one wider than asked.
        let mut count = digits.len();
        while count + count.saturating_sub(1) / group < room {
            count += 1;
        }
        digits.insert_str(0, &"0".repeat(count - digits.len()));
    }
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(group) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    spec.pad_signed(sign, &format!("{grouped}{rest}"), default_align)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications() {
        let f = |v: Value, s: &str| format_value(&v, s).unwrap_or_else(|e| format!("{e}"));
        for (value, spec, expected) in [
            (Value::Int(42), "5d", "   42"),
            (Value::Int(42), "<5", "42   "),
            (Value::Int(42), "^7", "  42   "),
            (Value::Int(-42), "05d", "-0042"),
            (Value::Int(3), "+", "+3"),
            (Value::Int(1234567), ",", "1,234,567"),
            (Value::Int(1234), "010,", "00,001,234"),
            (Value::Int(1234), "08,", "0,001,234"),
            (Value::Int(255), "#x", "0xff"),
            (Value::Int(255), "#010b", "0b11111111"),
            (Value::Int(65535), "_x", "ffff"),
            (Value::Int(1), "%", "100.000000%"),
            (Value::Int(65), "c", "A"),
            (Value::Bool(true), "5", "    1"),
            (Value::Float(2.675), ".2f", "2.67"),
            (Value::Float(12345.6789), ".3e", "1.235e+04"),
            (Value::Float(1e10), "g", "1e+10"),
            (Value::Float(0.256), ".1%", "25.6%"),
            (Value::Float(9876543.215), ",.2f", "9,876,543.21"),
            (Value::Float(3.0), ".3", "3.0"),
            (Value::Float(123.0), ".3", "1.23e+02"),
            (Value::Float(1234.5), "012,.1f", "00,001,234.5"),
            (Value::Float(-0.0), "z.1f", "0.0"),
            (Value::Float(f64::NAN), "f", "nan"),
            (Value::Float(1.5), "+.0f", "+2"),
            (Value::Float(1e22), "", "1e+22"),
            (Value::Float(100000.0), "#g", "100000."),
            (Value::from("abc"), "*^7.2", "**ab***"),
            (Value::from("a"), "05", "a0000"),
            (Value::from("a"), "d", "Unknown format code 'd' for object of type 'str'"),
            (Value::Int(1), ".2", "Precision not allowed in integer format specifier"),
            (Value::None, "5", "unsupported format string passed to NoneType.__format__"),
        ] {
            assert_eq!(f(value.clone(), spec), expected, "{value:?} {spec}");
        }
    }
}
