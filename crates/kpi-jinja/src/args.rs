//! The arguments of a call.

use crate::{Error, Result, Value};
use std::sync::Arc;

/// Positional and keyword arguments.
#[derive(Clone, Default)]
pub struct Args {
    /// Positional.
    pub positional: Vec<Value>,
    /// Keyword, in the order of the call.
    pub keyword: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// Positional arguments only.
    pub fn of(values: impl IntoIterator<Item = Value>) -> Self {
        Self { positional: values.into_iter().collect(), keyword: Vec::new() }
    }

    /// Adds a keyword argument.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.keyword.push((name.into(), value));
        self
    }

    /// Binds to the parameter names of the function `name` as Python does: one slot per parameter, `None` where the
    /// call gives nothing. A parameter that is spelled with a trailing `?` is optional.
    ///
    /// # Errors
    /// Too many, unknown, doubled or missing arguments: Python's TypeError text.
    pub fn bind<const N: usize>(self, name: &str, parameters: [&str; N]) -> Result<[Option<Value>; N]> {
        let mut slots: [Option<Value>; N] = std::array::from_fn(|_| None);
        let given = self.positional.len();
        if given > N {
            return Err(Error::type_error(format!(
                "{name}() takes {N} positional argument{} but {given} were given",
                if N == 1 { "" } else { "s" }
            )));
        }
        for (slot, value) in slots.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (key, value) in self.keyword {
            let Some(i) = parameters.iter().position(|p| p.trim_end_matches('?') == &*key) else {
                return Err(Error::type_error(format!(
                    "{name}() got an unexpected keyword argument '{key}'"
                )));
            };
            if slots[i].is_some() {
                return Err(Error::type_error(format!("{name}() got multiple values for argument '{key}'")));
            }
            slots[i] = Some(value);
        }
        let missing: Vec<String> = parameters
            .iter()
            .zip(&slots)
            .filter(|(p, s)| s.is_none() && !p.ends_with('?'))
            .map(|(p, _)| format!("'{p}'"))
            .collect();
        if !missing.is_empty() {
            return Err(Error::type_error(format!(
                "{name}() missing {} required positional argument{}: {}",
                missing.len(),
                if missing.len() == 1 { "" } else { "s" },
                missing.join(" and ")
            )));
        }
        Ok(slots)
    }
}
