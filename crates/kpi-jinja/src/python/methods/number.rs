//! Methods of `int` and `float`.

use crate::python::arguments::none;
use crate::{Args, Error, ErrorKind, Result, Value};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{FromPrimitive, Signed};

/// Names of `int`.
pub(super) const INT_NAMES: &[&str] =
    &["as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes", "to_bytes"];

/// Names of `float`.
pub(super) const FLOAT_NAMES: &[&str] = &["as_integer_ratio", "conjugate", "hex", "is_integer"];

/// Calls a method of an integer.
pub(super) fn call_int(number: &Value, name: &str, args: Args) -> Result<Option<Value>> {
    let big = number.as_bigint().unwrap_or_default();
    Ok(Some(match name {
        "bit_length" => {
            none("int.bit_length", args)?;
            big.bits().into()
        }
        "bit_count" => {
            none("int.bit_count", args)?;
            big.magnitude().count_ones().into()
        }
        "conjugate" => {
            none("int.conjugate", args)?;
            Value::integer(big)
        }
        "as_integer_ratio" => {
            none("int.as_integer_ratio", args)?;
            Value::tuple([Value::integer(big), Value::Int(1)])
        }
        "to_bytes" => to_bytes(&big, args)?,
        _ => return Ok(None),
    }))
}

fn to_bytes(number: &BigInt, args: Args) -> Result<Value> {
    let [length, order, signed] = args.bind("to_bytes", ["length?", "byteorder?", "signed?"])?;
    let length = length.map_or(Ok(1), |v| crate::python::arguments::index(&v))?;
    let length = crate::python::arguments::size(length)?;
    let order = order.map_or_else(|| "big".into(), |v| v.to_str());
    let too_big = || Error::new(ErrorKind::Overflow, "int too big to convert");
    let mut bytes = if signed.is_some_and(|v| v.is_true()) {
        number.to_signed_bytes_le()
    } else if number.is_negative() {
        return Err(Error::new(ErrorKind::Overflow, "can't convert negative int to unsigned"));
    } else {
        let (_, bytes) = number.to_bytes_le();
        if bytes == [0] { Vec::new() } else { bytes }
    };
    if bytes.len() > length {
        return Err(too_big());
    }
    bytes.resize(length, if number.is_negative() { 0xff } else { 0 });
    if &*order == "big" {
        bytes.reverse();
    }
    Ok(Value::Bytes(bytes.into()))
}

/// Calls a method of a float.
pub(super) fn call_float(number: f64, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "is_integer" => {
            none("float.is_integer", args)?;
            Value::Bool(number.is_finite() && number.fract() == 0.0)
        }
        "conjugate" => {
            none("float.conjugate", args)?;
            Value::Float(number)
        }
        "as_integer_ratio" => {
            none("float.as_integer_ratio", args)?;
            let (over, under) = ratio(number)?;
            Value::tuple([Value::integer(over), Value::integer(under)])
        }
        "hex" => {
            none("float.hex", args)?;
            hex(number).into()
        }
        _ => return Ok(None),
    }))
}

fn ratio(number: f64) -> Result<(BigInt, BigInt)> {
    if number.is_nan() {
        return Err(Error::value_error("cannot convert NaN to integer ratio"));
    }
    if number.is_infinite() {
        return Err(Error::new(ErrorKind::Overflow, "cannot convert Infinity to integer ratio"));
    }
    let mut over = number;
    let mut shift = 0u32;
    while over.fract() != 0.0 {
        over *= 2.0;
        shift += 1;
    }
    let over = BigInt::from_f64(over).unwrap_or_default();
    let under = BigInt::from(1) << shift;
    let common = over.gcd(&under);
    if common == BigInt::from(0) { Ok((over, under)) } else { Ok((over / &common, under / &common)) }
}

fn hex(number: f64) -> String {
    if !number.is_finite() {
        return crate::python::text::repr_float(number);
    }
    let bits = number.to_bits();
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let exponent = (bits >> 52) & 0x7ff;
    let fraction = bits & ((1 << 52) - 1);
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0x0.0p+0"),
        (0, _) => format!("{sign}0x0.{fraction:013x}p-1022"),
        _ => format!("{sign}0x1.{fraction:013x}p{:+}", exponent as i64 - 1023),
    }
}
