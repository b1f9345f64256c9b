//! `range`

use crate::object::Slice;
use crate::python::arguments;
use crate::{Args, Error, ErrorKind, Interp, Object, Result, Value};
use std::sync::Arc;

/// jinja2's sandbox allows no longer ranges.
const LONGEST: usize = 100_000;

/// A range of integers.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    start: i64,
    stop: i64,
    step: i64,
}

/// `range(stop)`, `range(start, stop, step)`
pub(super) fn range(_: &mut Interp, args: Args) -> Result<Value> {
    let [first, second, third] = arguments::positional::<3>("range", args, 1)?;
    let first = arguments::index(&first.unwrap_or(Value::None))?;
    let (start, stop) = match second {
        None => (0, first),
        Some(stop) => (first, arguments::index(&stop)?),
    };
    let step = third.as_ref().map_or(Ok(1), arguments::index)?;
    if step == 0 {
        return Err(Error::value_error("range() arg 3 must not be zero"));
    }
    let range = Range { start, stop, step };
    if range.len() > LONGEST {
        return Err(Error::new(
            ErrorKind::Overflow,
            format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({LONGEST})."),
        ));
    }
    Ok(Value::object(range))
}

impl Range {
    /// How many numbers.
    fn len(&self) -> usize {
        let (start, stop, step) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let span = if step > 0 { stop - start } else { start - stop };
        if span <= 0 { 0 } else { usize::try_from((span - 1) / step.abs() + 1).unwrap_or(usize::MAX) }
    }

    /// The number at an index that may lie one step outside.
    fn at(&self, index: i64) -> i64 {
        self.start.saturating_add(index.saturating_mul(self.step))
    }

    fn position(&self, value: &Value) -> Option<usize> {
        let number = match value {
            Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e15 => *f as i64,
            other => other.as_i64()?,
        };
        let distance = i128::from(number) - i128::from(self.start);
        let step = i128::from(self.step);
        let index = usize::try_from(distance / step).ok()?;
        (distance % step == 0 && index < self.len()).then_some(index)
    }
}

impl Object for Range {
    fn type_name(&self) -> &str {
        "range"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "start" => Some(Value::Int(self.start)),
            "stop" => Some(Value::Int(self.stop)),
            "step" => Some(Value::Int(self.step)),
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "count" => {
                let value = arguments::one("range.count", args)?;
                Ok(Some(Value::Int(i64::from(self.position(&value).is_some()))))
            }
            "index" => {
                let value = arguments::one("range.index", args)?;
                match self.position(&value) {
                    Some(index) => Ok(Some(index.into())),
                    None => Err(Error::value_error(format!("{} is not in range", value.repr()))),
                }
            }
            _ => Ok(None),
        }
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        let length = self.len();
        if let Some(slice) = key.downcast_ref::<Slice>() {
            return Ok(slice.bounds(length)?.map(|(start, stop, step)| {
                Value::object(Range {
                    start: self.at(start),
                    stop: self.at(stop),
                    step: self.step.saturating_mul(step),
                })
            }));
        }
        let Some(index) = key.as_i64() else { return Ok(None) };
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let index = if index < 0 { index.saturating_add(length) } else { index };
        Ok((0..length).contains(&index).then(|| Value::Int(self.at(index))))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let length = i64::try_from(self.len()).unwrap_or(i64::MAX);
        Ok(Some(Box::new((0..length).map(move |i| Value::Int(self.at(i))))))
    }

    fn length(&self) -> Option<usize> {
        Some(self.len())
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        Some(self.position(needle).is_some())
    }

    fn repr(&self) -> String {
        if self.step == 1 {
            format!("range({}, {})", self.start, self.stop)
        } else {
            format!("range({}, {}, {})", self.start, self.stop, self.step)
        }
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        let other = other.downcast_ref::<Range>()?;
        Some(match (self.len(), other.len()) {
            (0, 0) => true,
            (1, 1) => self.start == other.start,
            (a, b) => a == b && self.start == other.start && self.step == other.step,
        })
    }

    fn hash(&self) -> Option<u64> {
        Some(self.len() as u64 ^ (self.start as u64).rotate_left(17))
    }
}
