//! Values implemented in Rust: relations, tables, functions, dates...

use crate::{Args, Interp, Result, Value};
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

/// A binary operator that an object may take part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Rem,
    /// `**`
    Pow,
}

/// A value implemented in Rust. The defaults are those of a plain Python object.
///
/// Methods get the interpreter, so that native code can call macros in the same node's context
/// ([`Interp::call_macro`]). An implementation must not hold a lock of its own while it calls out.
pub trait Object: Any + Send + Sync {
    /// Python's type name, for messages (`'Relation' object has no attribute ...`).
    fn type_name(&self) -> &str;

    /// `value.name` (and, for objects that are mappings, see [`Object::item`]). `None`: no such attribute.
    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        let _ = (interp, name);
        Ok(None)
    }

    /// `value[key]`. `None`: no such item.
    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        let _ = (interp, key);
        Ok(None)
    }

    /// `value.name = x` by `{% set ns.name = x %}`; `false`: not possible.
    fn set_attr(self: Arc<Self>, name: &str, value: Value) -> Result<bool> {
        let _ = (name, value);
        Ok(false)
    }

    /// `value.name(args)`. `None`: no such method; then [`Object::attr`] is asked and its answer called.
    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        let _ = (interp, name, args);
        Ok(None)
    }

    /// `value(args)`. `None`: not callable.
    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        let _ = (interp, args);
        Ok(None)
    }

    /// Whether `value is callable`.
    fn is_callable(&self) -> bool {
        false
    }

    /// Whether `value is mapping`.
    fn is_mapping(&self) -> bool {
        false
    }

    /// `for x in value`. `None`: not iterable.
    fn iterate(
        self: Arc<Self>,
        interp: &mut Interp,
    ) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let _ = interp;
        Ok(None)
    }

    /// `value|length`. `None`: has no length.
    fn length(&self) -> Option<usize> {
        None
    }

    /// Truth. Not derived from the length: a relation is true.
    fn is_true(&self) -> bool {
        self.length().is_none_or(|n| n > 0)
    }

    /// `x in value`. `None`: iterate and compare.
    fn contains(&self, needle: &Value) -> Option<bool> {
        let _ = needle;
        None
    }

    /// `{{ value }}`
    fn str(&self) -> String {
        self.repr()
    }

    /// Printed inside a container.
    fn repr(&self) -> String {
        format!("<{} object>", self.type_name())
    }

    /// `==`. `None`: identity decides.
    fn eq(&self, other: &Value) -> Option<bool> {
        let _ = other;
        None
    }

    /// `<`. `None`: TypeError.
    fn compare(&self, other: &Value) -> Option<Ordering> {
        let _ = other;
        None
    }

    /// A hash consistent with [`Object::eq`], if it may be a dict key; `None`: by identity.
    fn hash(&self) -> Option<u64> {
        None
    }

    /// A binary operator; `reversed` means that this object is the right operand. `None`: TypeError.
    fn binary(&self, op: BinaryOp, other: &Value, reversed: bool) -> Result<Option<Value>> {
        let _ = (op, other, reversed);
        Ok(None)
    }

    /// As JSON for `tojson` and artifacts. `None`: not serializable.
    fn to_json(&self) -> Option<serde_json::Value> {
        None
    }
}

/// A callable made of a closure.
struct Function<F> {
    name: &'static str,
    f: F,
}

impl<F> Object for Function<F>
where
    F: Fn(&mut Interp, Args) -> Result<Value> + Send + Sync + 'static,
{
    fn type_name(&self) -> &str {
        "function"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        (self.f)(interp, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<function {}>", self.name)
    }
}

/// A callable value made of a closure; `name` is for messages.
pub fn function<F>(name: &'static str, f: F) -> Value
where
    F: Fn(&mut Interp, Args) -> Result<Value> + Send + Sync + 'static,
{
    Value::Object(Arc::new(Function { name, f }))
}

/// A method of a built-in type as a value: `{% set f = 'abc'.upper %}`.
pub(crate) struct BoundMethod {
    pub(crate) receiver: Value,
    pub(crate) name: Arc<str>,
}

impl Object for BoundMethod {
    fn type_name(&self) -> &str {
        "builtin_function_or_method"
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        crate::python::methods::call(interp, &self.receiver, &self.name, args)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        let other = other.downcast_ref::<Self>()?;
        Some(self.name == other.name && self.receiver.is_same(&other.receiver))
    }

    fn repr(&self) -> String {
        format!("<built-in method {} of {} object>", self.name, self.receiver.type_name())
    }
}

/// `start:stop:step` inside brackets, as [`Object::item`] gets it.
pub struct Slice {
    /// `None` if left out.
    pub start: Value,
    /// `None` if left out.
    pub stop: Value,
    /// `None` if left out.
    pub step: Value,
}

impl Object for Slice {
    fn type_name(&self) -> &str {
        "slice"
    }

    fn repr(&self) -> String {
        format!("slice({}, {}, {})", self.start.repr(), self.stop.repr(), self.step.repr())
    }
}

impl Slice {
    /// `(start, stop, step)` clipped to a sequence of that length; `None` if a bound is no integer.
    ///
    /// # Errors
    /// A ValueError for a step of zero.
    pub fn bounds(&self, length: usize) -> Result<Option<(i64, i64, i64)>> {
        // A bound beyond 64 bits is beyond every sequence, so it is clipped like any other.
        let number = |value: &Value| match value {
            Value::BigInt(big) => {
                Some(Some(if **big < num_bigint::BigInt::from(0) { i64::MIN } else { i64::MAX }))
            }
            Value::None => Some(None),
            other => other.as_i64().map(Some),
        };
        let (Some(start), Some(stop), Some(step)) =
            (number(&self.start), number(&self.stop), number(&self.step))
        else {
            return Ok(None);
        };
        let step = step.unwrap_or(1).max(-i64::MAX);
        if step == 0 {
            return Err(crate::Error::value_error("slice step cannot be zero"));
        }
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let clip = |bound: Option<i64>, missing: i64| match bound {
            None => missing,
            Some(i) if i < 0 => i.saturating_add(length).max(low),
            Some(i) => i.min(high),
        };
        let (first, last) = if step > 0 { (low, high) } else { (high, low) };
        Ok(Some((clip(start, first), clip(stop, last), step)))
    }

    /// The indices that it takes of a sequence of that length; `None` if a bound is no integer.
    ///
    /// # Errors
    /// A ValueError for a step of zero.
    pub fn indices(&self, length: usize) -> Result<Option<impl Iterator<Item = usize> + use<>>> {
        Ok(self.bounds(length)?.map(|(start, stop, step)| {
            let mut next = Some(start);
            std::iter::from_fn(move || {
                let index = next.filter(|i| if step > 0 { *i < stop } else { *i > stop })?;
                next = index.checked_add(step);
                usize::try_from(index).ok()
            })
        }))
    }
}

impl std::fmt::Debug for dyn Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.repr())
    }
}
