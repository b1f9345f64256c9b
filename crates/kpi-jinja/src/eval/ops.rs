//! Python's operators on values.

use crate::object::BinaryOp;
use crate::{Error, ErrorKind, Interp, Key, List, Result, Set, Value, python};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

/// No template needs a value beyond this many bytes or items; Python would run out of memory.
const MAX_SIZE: usize = 1 << 28;

impl BinaryOp {
    /// How messages show it.
    fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "** or pow()",
        }
    }
}

/// Fails for text that would fill the memory.
pub(crate) fn check_size(length: usize) -> Result<()> {
    if length > 4 * MAX_SIZE {
        return Err(Error::new(ErrorKind::Overflow, "the text would be too large"));
    }
    Ok(())
}

/// `a op b`
pub(crate) fn binary(interp: &mut Interp, op: BinaryOp, a: &Value, b: &Value) -> Result<Value> {
    match (op, a, b) {
        (BinaryOp::Add, Value::Int(x), Value::Int(y)) => {
            return Ok(match x.checked_add(*y) {
                Some(sum) => Value::Int(sum),
                None => Value::integer(BigInt::from(*x) + BigInt::from(*y)),
            });
        }
        (BinaryOp::Sub, Value::Int(x), Value::Int(y)) => {
            return Ok(match x.checked_sub(*y) {
                Some(difference) => Value::Int(difference),
                None => Value::integer(BigInt::from(*x) - BigInt::from(*y)),
            });
        }
        (BinaryOp::Add, Value::Str(x), Value::Str(y)) => {
            check_size(x.len() + y.len())?;
            let mut text = String::with_capacity(x.len() + y.len());
            text.push_str(x);
            text.push_str(y);
            return Ok(Value::from(text));
        }
        (BinaryOp::Rem, Value::Str(template), _) => {
            if let Value::Object(object) = b
                && object.type_name() == "Markup"
                && let Some(answer) = object.binary(op, a, true)?
            {
                return Ok(answer);
            }
            return python::format::percent(interp, template, b).map(Value::from);
        }
        _ => {}
    }
    if let Some(answer) = numbers(op, a, b)? {
        return Ok(answer);
    }
    if let Some(answer) = sequences(op, a, b)? {
        return Ok(answer);
    }
    if let Value::Object(object) = a
        && let Some(answer) = object.binary(op, b, false)?
    {
        return Ok(answer);
    }
    if let Value::Object(object) = b
        && let Some(answer) = object.binary(op, a, true)?
    {
        return Ok(answer);
    }
    a.require_defined()?;
    b.require_defined()?;
    Err(Error::type_error(match (op, a, b) {
        (BinaryOp::Add, Value::Str(_) | Value::List(_) | Value::Tuple(_), _) => {
            format!("can only concatenate {0} (not \"{1}\") to {0}", a.type_name(), b.type_name())
        }
        (BinaryOp::Mul, Value::Str(_) | Value::List(_) | Value::Tuple(_), other)
        | (BinaryOp::Mul, other, Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            format!("can't multiply sequence by non-int of type '{}'", other.type_name())
        }
        _ => format!(
            "unsupported operand type(s) for {}: '{}' and '{}'",
            op.text(),
            a.type_name(),
            b.type_name()
        ),
    }))
}

fn sequences(op: BinaryOp, a: &Value, b: &Value) -> Result<Option<Value>> {
    Ok(Some(match (op, a, b) {
        (BinaryOp::Add, Value::List(x), Value::List(y)) => {
            let mut items = x.snapshot();
            items.extend(y.snapshot());
            Value::List(List::new(items))
        }
        (BinaryOp::Add, Value::Tuple(x), Value::Tuple(y)) => Value::tuple(x.iter().chain(y.iter()).cloned()),
        (BinaryOp::Add, Value::Bytes(x), Value::Bytes(y)) => {
            Value::Bytes(x.iter().chain(y.iter()).copied().collect())
        }
        (BinaryOp::Sub, Value::Set(x), Value::Set(y)) => {
            let taken = y.0.lock().clone();
            let left: Vec<Key> = x.0.lock().iter().filter(|k| !taken.contains(*k)).cloned().collect();
            Value::Set(left.into_iter().collect::<Set>())
        }
        (
            BinaryOp::Mul,
            sequence @ (Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)),
            count @ (Value::Int(_) | Value::Bool(_) | Value::BigInt(_)),
        )
        | (
            BinaryOp::Mul,
            count @ (Value::Int(_) | Value::Bool(_) | Value::BigInt(_)),
            sequence @ (Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)),
        ) => repeat(sequence, count)?,
        _ => return Ok(None),
    }))
}

fn repeat(sequence: &Value, count: &Value) -> Result<Value> {
    let count = match count {
        Value::BigInt(big) if big.is_negative() => 0,
        other => other.as_i64().map_or(usize::MAX, |i| usize::try_from(i).unwrap_or(0)),
    };
    let length = match sequence {
        Value::Str(s) => s.len(),
        other => other.length().unwrap_or(0),
    };
    // Nothing stays nothing, however often it is taken.
    let count = if length == 0 { 0 } else { count };
    if length.checked_mul(count).is_none_or(|size| size > MAX_SIZE) {
        return Err(Error::new(ErrorKind::Overflow, "the repeated sequence would be too large"));
    }
    let many = |items: &[Value]| -> Vec<Value> {
        let mut out = Vec::with_capacity(items.len() * count);
        (0..count).for_each(|_| out.extend_from_slice(items));
        out
    };
    Ok(match sequence {
        Value::Str(s) => Value::from(s.repeat(count)),
        Value::Bytes(b) => Value::Bytes(b.repeat(count).into()),
        Value::List(list) => Value::List(List::new(many(&list.snapshot()))),
        Value::Tuple(items) => Value::Tuple(many(items).into()),
        other => other.clone(),
    })
}

fn numbers(op: BinaryOp, a: &Value, b: &Value) -> Result<Option<Value>> {
    if let (Some(x), Some(y)) = (a.as_i64(), b.as_i64())
        && let Some(answer) = small(op, x, y)?
    {
        return Ok(Some(answer));
    }
    if let (Some(x), Some(y)) = (a.as_bigint(), b.as_bigint()) {
        return big(op, &x, &y).map(Some);
    }
    let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) else { return Ok(None) };
    let too_large = |v: &Value, f: f64| matches!(v, Value::BigInt(_)) && f.is_infinite();
    if too_large(a, x) || too_large(b, y) {
        return Err(Error::new(ErrorKind::Overflow, "int too large to convert to float"));
    }
    float(op, x, y).map(|f| Some(Value::Float(f)))
}

fn zero_division(message: &str) -> Error {
    Error::new(ErrorKind::ZeroDivision, message)
}

/// `None`: does not fit 64 bits.
fn small(op: BinaryOp, x: i64, y: i64) -> Result<Option<Value>> {
    Ok(match op {
        BinaryOp::Add => x.checked_add(y).map(Value::Int),
        BinaryOp::Sub => x.checked_sub(y).map(Value::Int),
        BinaryOp::Mul => x.checked_mul(y).map(Value::Int),
        BinaryOp::Div => {
            if y == 0 {
                return Err(zero_division("division by zero"));
            }
            let exact = 1 << 53;
            (x.unsigned_abs() <= exact && y.unsigned_abs() <= exact)
                .then(|| Value::Float(x as f64 / y as f64))
        }
        BinaryOp::FloorDiv => {
            if y == 0 {
                return Err(zero_division("integer division or modulo by zero"));
            }
            if x == i64::MIN && y == -1 { None } else { Some(Value::Int(Integer::div_floor(&x, &y))) }
        }
        BinaryOp::Rem => {
            if y == 0 {
                return Err(zero_division("integer modulo by zero"));
            }
            if y == -1 { Some(Value::Int(0)) } else { Some(Value::Int(Integer::mod_floor(&x, &y))) }
        }
        BinaryOp::Pow => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)).map(Value::Int),
    })
}

fn big(op: BinaryOp, x: &BigInt, y: &BigInt) -> Result<Value> {
    Ok(match op {
        BinaryOp::Add => Value::integer(x + y),
        BinaryOp::Sub => Value::integer(x - y),
        BinaryOp::Mul => {
            if x.bits().saturating_add(y.bits()) > MAX_SIZE as u64 {
                return Err(Error::new(ErrorKind::Overflow, "the number would be too large"));
            }
            Value::integer(x * y)
        }
        BinaryOp::Div => {
            if y.is_zero() {
                return Err(zero_division("division by zero"));
            }
            Value::Float(divide(x, y)?)
        }
        BinaryOp::FloorDiv if y.is_zero() => return Err(zero_division("integer division or modulo by zero")),
        BinaryOp::FloorDiv => Value::integer(x.div_floor(y)),
        BinaryOp::Rem if y.is_zero() => return Err(zero_division("integer modulo by zero")),
        BinaryOp::Rem => Value::integer(x.mod_floor(y)),
        BinaryOp::Pow if y.is_negative() => {
            let (x, y) = (x.to_f64().unwrap_or(f64::NAN), y.to_f64().unwrap_or(f64::NAN));
            Value::Float(float(BinaryOp::Pow, x, y)?)
        }
        BinaryOp::Pow => {
            let exponent =
                y.to_u32().filter(|y| x.bits().saturating_mul(u64::from(*y)) <= (MAX_SIZE as u64) / 8);
            match exponent {
                Some(exponent) => Value::integer(x.pow(exponent)),
                // 0, 1 and -1 have a power of any size.
                None if x.bits() <= 1 => {
                    Value::integer(if x.is_negative() && y.is_even() { -x } else { x.clone() })
                }
                None => return Err(Error::new(ErrorKind::Overflow, "the number would be too large")),
            }
        }
    })
}

/// The quotient as a float, correctly rounded.
fn divide(x: &BigInt, y: &BigInt) -> Result<f64> {
    if x.is_zero() {
        return Ok(0.0);
    }
    // A quotient of at least 66 bits with a sticky bit below rounds as the exact one would.
    let shift = 66 + y.bits() as i64 - x.bits() as i64;
    let (n, d) = if shift >= 0 { (x.abs() << shift, y.abs()) } else { (x.abs(), y.abs() << -shift) };
    let (quotient, rest) = n.div_rem(&d);
    let sticky: BigInt = (quotient << 1u32) + i32::from(!rest.is_zero());
    let magnitude = sticky.to_f64().unwrap_or(f64::INFINITY);
    let mut exponent = -(shift + 1);
    let mut result = magnitude;
    // In steps: the power alone may be beyond what a float holds.
    while exponent != 0 {
        let step = exponent.clamp(-1000, 1000);
        result *= 2f64.powi(step as i32);
        exponent -= step;
    }
    if result.is_infinite() {
        return Err(Error::new(ErrorKind::Overflow, "integer division result too large for a float"));
    }
    Ok(if x.is_negative() == y.is_negative() { result } else { -result })
}

fn float(op: BinaryOp, x: f64, y: f64) -> Result<f64> {
    Ok(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div if y == 0.0 => return Err(zero_division("float division by zero")),
        BinaryOp::Div => x / y,
        BinaryOp::FloorDiv if y == 0.0 => return Err(zero_division("float floor division by zero")),
        BinaryOp::FloorDiv => divmod(x, y).0,
        BinaryOp::Rem if y == 0.0 => return Err(zero_division("float modulo")),
        BinaryOp::Rem => divmod(x, y).1,
        BinaryOp::Pow => {
            if x == 0.0 && y < 0.0 {
                return Err(zero_division("0.0 cannot be raised to a negative power"));
            }
            let power = x.powf(y);
            if power.is_nan() && !x.is_nan() && !y.is_nan() {
                return Err(Error::value_error("a negative number cannot be raised to a fractional power"));
            }
            if power.is_infinite() && x.is_finite() && y.is_finite() {
                return Err(Error::new(ErrorKind::Overflow, "(34, 'Numerical result out of range')"));
            }
            power
        }
    })
}

/// Python's floor division and modulo of floats: the modulo has the sign of the divisor.
fn divmod(x: f64, y: f64) -> (f64, f64) {
    let mut modulo = x % y;
    let mut quotient = (x - modulo) / y;
    if modulo != 0.0 {
        if (y < 0.0) != (modulo < 0.0) {
            modulo += y;
            quotient -= 1.0;
        }
    } else {
        modulo = 0f64.copysign(y);
    }
    let floor = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0f64.copysign(x / y)
    };
    (floor, modulo)
}

/// `-a`
pub(crate) fn negate(a: &Value) -> Result<Value> {
    match a {
        Value::Float(f) => Ok(Value::Float(-f)),
        Value::Undefined(u) => Err(u.error()),
        other => match (other.as_bigint(), other) {
            (Some(i), _) => Ok(Value::integer(-i)),
            // A date's or a timedelta's minus is not asked for often enough to be a method of its own.
            (None, Value::Object(object)) => match object.binary(BinaryOp::Mul, &Value::Int(-1), false)? {
                Some(answer) => Ok(answer),
                None => Err(bad_unary("-", a)),
            },
            _ => Err(bad_unary("-", a)),
        },
    }
}

/// `+a`
pub(crate) fn plus(a: &Value) -> Result<Value> {
    match a {
        Value::Float(_) => Ok(a.clone()),
        Value::Undefined(u) => Err(u.error()),
        other => other.as_bigint().map(Value::integer).ok_or_else(|| bad_unary("+", a)),
    }
}

fn bad_unary(op: &str, a: &Value) -> Error {
    Error::type_error(format!("bad operand type for unary {op}: '{}'", a.type_name()))
}
