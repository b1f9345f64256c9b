//! Equality, order and hashing, as Python has them across types.

use super::print::MAX_DEPTH;
use super::{Key, Value};
use crate::{Error, Result};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

impl Key {
    /// A hashable value as a key.
    ///
    /// # Errors
    /// A TypeError for lists, dicts and sets, also inside tuples.
    pub fn new(value: Value) -> Result<Self> {
        check_hashable(&value, 0)?;
        Ok(Self(value))
    }

    /// A string key.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Self(Value::Str(text.into()))
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The text of a string key.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }
}

fn check_hashable(value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) => {
            Err(Error::type_error(format!("unhashable type: '{}'", value.type_name())))
        }
        Value::Tuple(items) if depth < MAX_DEPTH => {
            items.iter().try_for_each(|v| check_hashable(v, depth + 1))
        }
        _ => Ok(()),
    }
}

/// A string to look a key up without making one.
pub(super) struct StrKey<'a>(pub &'a str);

impl Hash for StrKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl indexmap::Equivalent<Key> for StrKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        matches!(&key.0, Value::Str(s) if **s == *self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // A NaN is found again by identity in Python; as a key it is equal to itself here.
        match (&self.0, &other.0) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Float(a), Value::Float(b)) if a.is_nan() && b.is_nan() => true,
            (a, b) => a == b,
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_value(&self.0, state, 0);
    }
}

fn hash_value<H: Hasher>(value: &Value, state: &mut H, depth: usize) {
    match value {
        Value::Str(s) => s.hash(state),
        Value::None => 1u8.hash(state),
        Value::Undefined(_) => 2u8.hash(state),
        Value::Bool(b) => i64::from(*b).hash(state),
        Value::Int(i) => i.hash(state),
        Value::BigInt(i) => i.hash(state),
        Value::Float(f) => match integral(*f) {
            Some(Value::Int(i)) => i.hash(state),
            Some(Value::BigInt(i)) => i.hash(state),
            _ => f.to_bits().hash(state),
        },
        Value::Bytes(b) => b.hash(state),
        Value::Tuple(items) => {
            items.len().hash(state);
            if depth < MAX_DEPTH {
                for item in items.iter() {
                    hash_value(item, state, depth + 1);
                }
            }
        }
        // Not hashable in Python; a key is never made of them.
        Value::List(_) | Value::Dict(_) | Value::Set(_) => 3u8.hash(state),
        Value::Object(object) => match object.hash() {
            Some(hash) => hash.hash(state),
            None => Arc::as_ptr(object).cast::<()>().hash(state),
        },
    }
}

/// A float without a fraction as the integer that it equals.
fn integral(float: f64) -> Option<Value> {
    if float.is_finite() && float.fract() == 0.0 { BigInt::from_f64(float).map(Value::integer) } else { None }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        equal(self, other, 0)
    }
}

fn equal(a: &Value, b: &Value, depth: usize) -> bool {
    // Two different self-containing lists would recurse for ever; Python raises, here they differ.
    if depth > MAX_DEPTH {
        return false;
    }
    let all = |xs: &[Value], ys: &[Value]| {
        xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| x.is_same(y) || equal(x, y, depth + 1))
    };
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::None, Value::None) => true,
        (Value::Undefined(a), Value::Undefined(b)) => a.lenient == b.lenient,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => a.is_same(b) || all(&a.snapshot(), &b.snapshot()),
        (Value::Tuple(a), Value::Tuple(b)) => Arc::ptr_eq(a, b) || all(a, b),
        (Value::Dict(a), Value::Dict(b)) => {
            if a.is_same(b) {
                return true;
            }
            let (xs, ys) = (a.snapshot(), b.0.lock().clone());
            xs.len() == ys.len()
                && xs.iter().all(|(k, x)| ys.get(k).is_some_and(|y| x.is_same(y) || equal(x, y, depth + 1)))
        }
        (Value::Set(a), Value::Set(b)) => {
            if a.is_same(b) {
                return true;
            }
            let xs = a.0.lock().clone();
            let ys = b.0.lock().clone();
            xs.len() == ys.len() && xs.iter().all(|k| ys.contains(k))
        }
        (Value::Object(x), Value::Object(y)) => {
            Arc::ptr_eq(x, y) || x.eq(b).or_else(|| y.eq(a)).unwrap_or(false)
        }
        (Value::Object(x), _) => x.eq(b).unwrap_or(false),
        (_, Value::Object(y)) => y.eq(a).unwrap_or(false),
        _ => compare_numbers(a, b) == Some(Some(Ordering::Equal)),
    }
}

/// The order of two numbers: `None` if one is no number, `Some(None)` for a NaN.
fn compare_numbers(a: &Value, b: &Value) -> Option<Option<Ordering>> {
    let small = |v: &Value| match v {
        Value::Bool(b) => Some(i64::from(*b)),
        Value::Int(i) => Some(*i),
        _ => None,
    };
    if let (Some(x), Some(y)) = (small(a), small(b)) {
        return Some(Some(x.cmp(&y)));
    }
    let big = |v: &Value| match v {
        Value::BigInt(i) => Some((**i).clone()),
        other => small(other).map(BigInt::from),
    };
    if let (Value::Float(x), Value::Float(y)) = (a, b) {
        return Some(x.partial_cmp(y));
    }
    if let (Some(x), Some(y)) = (big(a), big(b)) {
        return Some(Some(x.cmp(&y)));
    }
    // An integer and a float are compared exactly, as Python does.
    let with_float = |int: BigInt, float: f64| {
        if float.is_nan() {
            None
        } else if float.is_infinite() {
            Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater })
        } else {
            let floor = BigInt::from_f64(float.floor())?;
            Some(int.cmp(&floor).then(if float.fract() == 0.0 { Ordering::Equal } else { Ordering::Less }))
        }
    };
    match (a, b) {
        (Value::Float(f), other) => big(other).map(|i| with_float(i, *f).map(Ordering::reverse)),
        (other, Value::Float(f)) => big(other).map(|i| with_float(i, *f)),
        _ => None,
    }
}

impl Value {
    /// The order of two values; `None` if they are unordered (a NaN, two different sets). `operator` is the one that
    /// the message of a TypeError names.
    ///
    /// # Errors
    /// A TypeError if the types have no order.
    pub fn compare(&self, other: &Value, operator: &str) -> Result<Option<Ordering>> {
        compare(self, other, operator, 0)
    }

    /// The order for sorting by `<`.
    ///
    /// # Errors
    /// A TypeError if the types have no order.
    pub fn sort_order(&self, other: &Value) -> Result<Ordering> {
        Ok(compare(self, other, "<", 0)?.unwrap_or(Ordering::Equal))
    }
}

fn compare(a: &Value, b: &Value, operator: &str, depth: usize) -> Result<Option<Ordering>> {
    if depth > MAX_DEPTH {
        return Err(Error::new(
            crate::ErrorKind::Recursion,
            "maximum recursion depth exceeded in comparison",
        ));
    }
    if let Some(order) = compare_numbers(a, b) {
        return Ok(order);
    }
    let refuse = || {
        Error::type_error(format!(
            "'{operator}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))
    };
    let sequence = |xs: &[Value], ys: &[Value]| {
        for (x, y) in xs.iter().zip(ys) {
            if !(x.is_same(y) || x == y) {
                return compare(x, y, operator, depth + 1);
            }
        }
        Ok(Some(xs.len().cmp(&ys.len())))
    };
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Ok(Some(a.cmp(b))),
        (Value::Bytes(a), Value::Bytes(b)) => Ok(Some(a.cmp(b))),
        (Value::List(a), Value::List(b)) => sequence(&a.snapshot(), &b.snapshot()),
        (Value::Tuple(a), Value::Tuple(b)) => sequence(a, b),
        (Value::Set(a), Value::Set(b)) => {
            // One lock at a time: both may be the same set.
            let xs = a.0.lock().clone();
            let ys = b.0.lock().clone();
            let sub = xs.iter().all(|k| ys.contains(k));
            let sup = ys.iter().all(|k| xs.contains(k));
            Ok(match (sub, sup) {
                (true, true) => Some(Ordering::Equal),
                (true, false) => Some(Ordering::Less),
                (false, true) => Some(Ordering::Greater),
                (false, false) => None,
            })
        }
        (Value::Undefined(u), _) | (_, Value::Undefined(u)) => Err(u.error()),
        (Value::Object(x), _) => match x.compare(b) {
            Some(order) => Ok(Some(order)),
            None => match b {
                Value::Object(y) => y.compare(a).map(|o| Some(o.reverse())).ok_or_else(refuse),
                _ => Err(refuse()),
            },
        },
        (_, Value::Object(y)) => y.compare(a).map(|o| Some(o.reverse())).ok_or_else(refuse),
        _ => Err(refuse()),
    }
}

impl Value {
    /// The number as a float, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            Self::Int(i) => Some(*i as f64),
            Self::BigInt(i) => i.to_f64(),
            Self::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The integer of any size, if it is one (booleans are).
    pub fn as_bigint(&self) -> Option<BigInt> {
        match self {
            Self::Bool(b) => Some(BigInt::from(u8::from(*b))),
            Self::Int(i) => Some(BigInt::from(*i)),
            Self::BigInt(i) => Some((**i).clone()),
            _ => None,
        }
    }
}
