//! `datetime.timedelta`

use super::{bound, hashed};
use crate::{Args, BinaryOp, Error, ErrorKind, Interp, Object, Result, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A difference in microseconds.
pub struct Delta(pub i128);

const SECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Python allows 999,999,999 days.
pub(super) const MOST: i128 = 1_000_000_000 * DAY - 1;
pub(super) const LEAST: i128 = -999_999_999 * DAY;

/// `timedelta(days, seconds, microseconds, milliseconds, minutes, hours, weeks)`
pub(super) fn construct(args: Args) -> Result<Value> {
    let parts = args.bind(
        "timedelta",
        ["days?", "seconds?", "microseconds?", "milliseconds?", "minutes?", "hours?", "weeks?"],
    )?;
    let units = [DAY, SECOND, 1, 1000, 60 * SECOND, 3600 * SECOND, 7 * DAY];
    let names = ["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"];
    let mut whole: i128 = 0;
    let mut fraction = 0.0;
    for ((part, unit), name) in parts.iter().zip(units).zip(names) {
        match part {
            None => {}
            Some(Value::Float(f)) => {
                if !f.is_finite() {
                    return Err(Error::value_error("cannot convert float NaN or infinity to integer"));
                }
                let days = f.trunc();
                if days.abs() > 1e20 {
                    return Err(too_large());
                }
                whole = whole.saturating_add((days as i128).saturating_mul(unit));
                fraction += f.fract() * unit as f64;
            }
            Some(value) => match value.as_bigint() {
                Some(big) => {
                    let number = i128::try_from(big).map_err(|_| too_large())?;
                    whole = whole.saturating_add(number.saturating_mul(unit));
                }
                None => {
                    return Err(Error::type_error(format!(
                        "unsupported type for timedelta {name} component: {}",
                        value.type_name()
                    )));
                }
            },
        }
    }
    value(whole.saturating_add(fraction.round_ties_even() as i128))
}

fn too_large() -> Error {
    Error::new(ErrorKind::Overflow, "days out of range; must have magnitude <= 999999999")
}

/// A difference as a value.
pub(super) fn value(micros: i128) -> Result<Value> {
    if (LEAST..=MOST).contains(&micros) { Ok(Value::object(Delta(micros))) } else { Err(too_large()) }
}

impl Delta {
    /// Days (which carry the sign), seconds and microseconds.
    fn parts(&self) -> (i128, i128, i128) {
        let rest = self.0.rem_euclid(DAY);
        (self.0.div_euclid(DAY), rest / SECOND, rest % SECOND)
    }
}

/// `a / b` to the nearest, ties to even.
fn divide_rounded(a: i128, b: i128) -> i128 {
    let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
    let below = a.div_euclid(b);
    let twice = a.rem_euclid(b) * 2;
    match twice.cmp(&b) {
        Ordering::Less => below,
        Ordering::Greater => below + 1,
        Ordering::Equal => below + (below & 1),
    }
}

const METHODS: &[&str] = &["total_seconds"];

impl Object for Delta {
    fn type_name(&self) -> &str {
        "datetime.timedelta"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let (days, seconds, micros) = self.parts();
        let number = |n: i128| i64::try_from(n).map_or(Value::None, Value::Int);
        Ok(match name {
            "days" => Some(number(days)),
            "seconds" => Some(number(seconds)),
            "microseconds" => Some(number(micros)),
            "min" => Some(Value::object(Delta(LEAST))),
            "max" => Some(Value::object(Delta(MOST))),
            "resolution" => Some(Value::object(Delta(1))),
            name if METHODS.contains(&name) => Some(bound(self, name)),
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name != "total_seconds" {
            return Ok(None);
        }
        crate::python::arguments::none("timedelta.total_seconds", args)?;
        Ok(Some(Value::Float(self.0 as f64 / SECOND as f64)))
    }

    fn is_true(&self) -> bool {
        self.0 != 0
    }

    fn str(&self) -> String {
        let (days, seconds, micros) = self.parts();
        let mut out = match days {
            0 => String::new(),
            d => format!("{d} day{}, ", if d.abs() == 1 { "" } else { "s" }),
        };
        out.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        if micros != 0 {
            out.push_str(&format!(".{micros:06}"));
        }
        out
    }

    fn repr(&self) -> String {
        let (days, seconds, micros) = self.parts();
        let parts: Vec<String> = [("days", days), ("seconds", seconds), ("microseconds", micros)]
            .into_iter()
            .filter(|(_, n)| *n != 0)
            .map(|(name, n)| format!("{name}={n}"))
            .collect();
        let body = if parts.is_empty() { "0".to_string() } else { parts.join(", ") };
        format!("datetime.timedelta({body})")
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<Delta>().is_some_and(|o| o.0 == self.0))
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        other.downcast_ref::<Delta>().map(|o| self.0.cmp(&o.0))
    }

    fn hash(&self) -> Option<u64> {
        hashed(self.0)
    }

    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        let zero = || Error::new(ErrorKind::ZeroDivision, "integer division or modulo by zero");
        if let Some(other) = other.downcast_ref::<Delta>() {
            let (a, b) = if reversed { (other.0, self.0) } else { (self.0, other.0) };
            return Ok(Some(match op {
                BinaryOp::Add => value(a + b)?,
                BinaryOp::Sub => value(a - b)?,
                _ if b == 0 && op != BinaryOp::Mul && op != BinaryOp::Pow => return Err(zero()),
                BinaryOp::Div => Value::Float(a as f64 / b as f64),
                BinaryOp::FloorDiv => {
                    Value::integer(num_bigint::BigInt::from(num_integer::Integer::div_floor(&a, &b)))
                }
                BinaryOp::Rem => value(num_integer::Integer::mod_floor(&a, &b))?,
                BinaryOp::Mul | BinaryOp::Pow => return Ok(None),
            }));
        }
        let number = match other {
            Value::Bool(b) => i128::from(*b),
            Value::Int(i) => i128::from(*i),
            Value::Float(f) => {
                let scaled = match op {
                    BinaryOp::Mul => self.0 as f64 * f,
                    BinaryOp::Div if !reversed && *f == 0.0 => {
                        return Err(Error::new(ErrorKind::ZeroDivision, "float division by zero"));
                    }
                    BinaryOp::Div if !reversed => self.0 as f64 / f,
                    _ => return Ok(None),
                };
                if scaled.is_nan() {
                    return Err(Error::value_error("cannot convert float NaN to integer"));
                }
                return value(scaled.round_ties_even() as i128).map(Some);
            }
            _ => return Ok(None),
        };
        match op {
            BinaryOp::Mul => value(self.0.saturating_mul(number)).map(Some),
            BinaryOp::Div | BinaryOp::FloorDiv if reversed => Ok(None),
            BinaryOp::Div | BinaryOp::FloorDiv if number == 0 => Err(zero()),
            BinaryOp::Div => value(divide_rounded(self.0, number)).map(Some),
            BinaryOp::FloorDiv => value(num_integer::Integer::div_floor(&self.0, &number)).map(Some),
            _ => Ok(None),
        }
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        None
    }
}
