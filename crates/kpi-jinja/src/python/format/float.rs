//! Floats in the notations `e`, `f` and `g`.

use crate::python::text::{fixed_point, repr_float, scientific, split_exponent};
use crate::{Error, Result};

/// More digits than any template means; beyond this the formatting machinery gives up.
const MOST_DIGITS: usize = 30_000;

/// The notation of a float without its sign. `kind` is one of `e`, `f`, `g`, `%` or ` ` (none given); `alternate`
/// keeps the point and trailing zeros.
///
/// # Errors
/// A precision that is too large.
pub(super) fn unsigned(number: f64, kind: char, precision: Option<usize>, alternate: bool) -> Result<String> {
    let number = number.abs();
    if precision.is_some_and(|p| p > MOST_DIGITS) {
        return Err(Error::value_error("precision too big"));
    }
    if number.is_nan() {
        return Ok(if kind == '%' { "nan%" } else { "nan" }.to_string());
    }
    if number.is_infinite() {
        return Ok(if kind == '%' { "inf%" } else { "inf" }.to_string());
    }
    let text = match (kind, precision) {
        (' ', None) => repr_float(number),
        ('f', p) => {
            let p = p.unwrap_or(6);
            with_point(format!("{number:.p$}"), alternate)
        }
        ('%', p) => {
            let p = p.unwrap_or(6);
            format!("{}%", with_point(format!("{:.p$}", number * 100.0), alternate))
        }
        ('e', p) => {
            let p = p.unwrap_or(6);
            let (digits, exponent) = split_exponent(&format!("{number:.p$e}"));
            let text = scientific(&digits, exponent);
            if alternate && p == 0 { text.replace('e', ".e") } else { text }
        }
        (_, p) => general(number, p.unwrap_or(6), alternate, kind == ' '),
    };
    Ok(text)
}

fn with_point(text: String, alternate: bool) -> String {
    if alternate && !text.contains('.') { format!("{text}.") } else { text }
}

/// `g`; with `float_like` the result has a fraction, as when no type is given.
fn general(number: f64, precision: usize, alternate: bool, float_like: bool) -> String {
    let precision = precision.max(1);
    let (mut digits, exponent) = split_exponent(&format!("{number:.*e}", precision - 1));
    if !alternate {
        let kept = digits.trim_end_matches('0').len().max(1);
        digits.truncate(kept);
    }
    let limit = i32::try_from(precision).unwrap_or(i32::MAX) - i32::from(float_like);
    if exponent < -4 || exponent >= limit {
        let text = scientific(&digits, exponent);
        return if alternate && !text.contains('.') { text.replace('e', ".e") } else { text };
    }
    let text = fixed_point(&digits, exponent);
    match text.contains('.') {
        true => text,
        false if float_like => format!("{text}.0"),
        false => with_point(text, alternate),
    }
}
