//! Checks of arguments with the texts of Python's built-in functions.

use super::markup;
use crate::{Args, Error, Result, Value};
use std::sync::Arc;

/// Positional arguments of a built-in that takes no keywords: at least `least`, at most `N`.
pub(crate) fn positional<const N: usize>(name: &str, args: Args, least: usize) -> Result<[Option<Value>; N]> {
    if !args.keyword.is_empty() {
        return Err(Error::type_error(format!("{name}() takes no keyword arguments")));
    }
    let given = args.positional.len();
    if given < least || given > N {
        let short = name.rsplit('.').next().unwrap_or(name);
        return Err(Error::type_error(match (least, N) {
            (0, 0) => format!("{name}() takes no arguments ({given} given)"),
            (1, 1) => format!("{name}() takes exactly one argument ({given} given)"),
            _ if least == N => format!("{short} expected {N} arguments, got {given}"),
            _ if given < least => format!(
                "{short} expected at least {least} argument{}, got {given}",
                if least == 1 { "" } else { "s" }
            ),
            _ => {
                format!("{short} expected at most {N} argument{}, got {given}", if N == 1 { "" } else { "s" })
            }
        }));
    }
    let mut values = args.positional.into_iter();
    Ok(std::array::from_fn(|_| values.next()))
}

/// No arguments at all.
pub(crate) fn none(name: &str, args: Args) -> Result<()> {
    positional::<0>(name, args, 0).map(|_| ())
}

/// Exactly one.
pub(crate) fn one(name: &str, args: Args) -> Result<Value> {
    let [value] = positional::<1>(name, args, 1)?;
    Ok(value.unwrap_or(Value::None))
}

/// An integer that may be too large; then it is clipped.
pub(crate) fn index(value: &Value) -> Result<i64> {
    match value {
        Value::BigInt(big) => Ok(if big.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX }),
        other => other.as_i64().ok_or_else(|| match other.as_undefined() {
            Some(undefined) => undefined.error(),
            None => Error::type_error(format!(
                "'{}' object cannot be interpreted as an integer",
                other.type_name()
            )),
        }),
    }
}

/// An integer argument with a default; `None` counts as missing.
pub(crate) fn index_or(value: Option<&Value>, default: i64) -> Result<i64> {
    match value {
        None | Some(Value::None) => Ok(default),
        Some(value) => index(value),
    }
}

/// A length or count that is going to be allocated: refused beyond a size that no template means.
pub(crate) fn size(value: i64) -> Result<usize> {
    const MOST: i64 = 1 << 28;
    if value > MOST {
        return Err(Error::new(crate::ErrorKind::Overflow, format!("size {value} is too large")));
    }
    Ok(usize::try_from(value).unwrap_or(0))
}

/// A string argument.
pub(crate) fn string(name: &str, position: usize, value: &Value) -> Result<Arc<str>> {
    match markup::text(value) {
        Some(text) => Ok(text),
        None => Err(Error::type_error(format!(
            "{name}() argument {position} must be str, not {}",
            value.type_name()
        ))),
    }
}

/// `start` and `end` of a search in a sequence of that length.
pub(crate) fn clipped(start: Option<&Value>, end: Option<&Value>, length: usize) -> Result<(usize, usize)> {
    let length_i = i64::try_from(length).unwrap_or(i64::MAX);
    let clip = |i: i64| {
        let i = if i < 0 { i.saturating_add(length_i).max(0) } else { i };
        usize::try_from(i).unwrap_or(usize::MAX)
    };
    Ok((clip(index_or(start, 0)?), clip(index_or(end, length_i)?).min(length)))
}
