//! The `re` module.

use crate::{Dict, Value};

/// The names of the module that templates see.
pub(super) fn module() -> Value {
    Value::Dict(Dict::new())
}
