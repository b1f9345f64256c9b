//! Generators: values that can be iterated once.

use crate::{Error, ErrorKind, Interp, Object, Result, Value};
use parking_lot::Mutex;
use std::sync::Arc;

type Items = Box<dyn Iterator<Item = Value> + Send>;

/// An iterator as a value. What one consumer takes, no other sees.
pub struct Generator {
    type_name: &'static str,
    repr: String,
    items: Mutex<Option<Items>>,
}

impl Generator {
    /// The next item. The iterator is taken out while it runs, so that no lock is held.
    pub fn next(&self) -> Option<Value> {
        let mut items = self.items.lock().take()?;
        let next = items.next();
        if next.is_some() {
            *self.items.lock() = Some(items);
        }
        next
    }
}

impl Object for Generator {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new(std::iter::from_fn(move || self.next()))))
    }

    fn repr(&self) -> String {
        self.repr.clone()
    }
}

/// A generator of the function `name`, as jinja2's lazy filters return.
pub(crate) fn generator(name: &str, items: Vec<Value>) -> Value {
    Value::object(Generator {
        type_name: "generator",
        repr: format!("<generator object {name}>"),
        items: Mutex::new(Some(Box::new(items.into_iter()))),
    })
}

/// An iterator of a built-in type such as `zip` or `itertools.chain`.
pub(crate) fn iterator(
    type_name: &'static str,
    items: impl Iterator<Item = Value> + Send + 'static,
) -> Value {
    Value::object(Generator {
        type_name,
        repr: format!("<{type_name} object>"),
        items: Mutex::new(Some(Box::new(items))),
    })
}

/// All items of an iterable, up to a bound that only an endless iterator reaches.
pub(crate) fn collect(interp: &mut Interp, value: &Value) -> Result<Vec<Value>> {
    const MOST: usize = 10_000_000;
    let mut out = match value {
        Value::List(list) => return Ok(list.snapshot()),
        Value::Tuple(items) => return Ok(items.to_vec()),
        other => Vec::with_capacity(other.length().unwrap_or(0).min(4096)),
    };
    for item in value.iterate(interp)? {
        if out.len() >= MOST {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("iterating '{}' gave more than {MOST} items", value.type_name()),
            ));
        }
        out.push(item);
    }
    Ok(out)
}
