//! The `itertools` module, as far as templates see it.

use crate::{Dict, Value};

/// The names of the module that templates see.
pub(super) fn module() -> Value {
    Value::Dict(Dict::new())
}
