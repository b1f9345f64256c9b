//! What `modules.` offers: datetime, pytz, re and itertools.

pub mod datetime;
mod itertools;
mod pytz;
mod re;

use crate::{Dict, Value};

/// The `modules` mapping.
pub(crate) fn all() -> Value {
    Value::Dict(Dict::of([
        ("pytz", pytz::module()),
        ("datetime", datetime::module()),
        ("re", re::module()),
        ("itertools", itertools::module()),
    ]))
}
