//! The values of a template: Python's, with aliasing.
//!
//! Lists, dicts and sets are shared and mutable, as in Python: cloning a [`Value`] clones the reference.
//! No lock is ever held while foreign code (an [`Object`], a macro) runs.

mod access;
mod build;
mod containers;
mod dispose;
mod key;
mod print;

use crate::Object;
use indexmap::{IndexMap, IndexSet};
use num_bigint::BigInt;
use parking_lot::Mutex;
use std::sync::Arc;

pub use access::ValueIter;

/// A value.
#[derive(Clone)]
pub enum Value {
    /// A name, attribute or item that does not exist.
    Undefined(Undefined),
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An integer that fits 64 bits; larger ones are [`Value::BigInt`], never both.
    Int(i64),
    /// An integer beyond 64 bits.
    BigInt(Arc<BigInt>),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(List),
    /// A tuple.
    Tuple(Arc<[Value]>),
    /// A dict, in insertion order.
    Dict(Dict),
    /// A set, in insertion order.
    Set(Set),
    /// Anything else: relations, tables, functions, macros, dates, loops, iterators...
    Object(Arc<dyn Object>),
}

/// What is known about an undefined value.
#[derive(Debug, Clone, Default)]
pub struct Undefined {
    /// The name, attribute or item that was looked up; `None` for an anonymous one.
    pub name: Option<Arc<str>>,
    /// The whole message of the error that reading it through raises, if it differs from
    /// `'name' is undefined`.
    pub hint: Option<Arc<str>>,
    /// Callable and chainable without an error, as dbt's undefined names are while parsing.
    pub lenient: bool,
}

/// A shared, mutable list.
#[derive(Clone, Default)]
pub struct List(pub Arc<Mutex<Vec<Value>>>);

/// A shared, mutable, ordered dict.
#[derive(Clone, Default)]
pub struct Dict(pub Arc<Mutex<IndexMap<Key, Value, rustc_hash::FxBuildHasher>>>);

/// A shared, mutable set, in insertion order.
#[derive(Clone, Default)]
pub struct Set(pub Arc<Mutex<IndexSet<Key, rustc_hash::FxBuildHasher>>>);

/// A hashable value as dict key or set member: `1`, `1.0` and `True` are the same key.
#[derive(Clone)]
pub struct Key(pub(crate) Value);

impl Undefined {
    /// The error of reading through, calling or computing with it.
    pub fn error(&self) -> crate::Error {
        let message = match (&self.hint, &self.name) {
            (Some(hint), _) => hint.to_string(),
            (None, Some(name)) => format!("'{name}' is undefined"),
            (None, None) => "value is undefined".to_string(),
        };
        crate::Error::new(crate::ErrorKind::Undefined, message)
    }
}
