//! `%`, `str.format` and the format specification mini-language.

mod brace;
mod float;
mod percent;
mod spec;

pub use brace::{format, format_map};
pub(crate) use percent::whole;
pub use spec::format_value;

use crate::{Interp, Result, Value};

/// `template % values`
///
/// # Errors
/// A TypeError or ValueError as Python raises it.
pub fn percent(interp: &mut Interp, template: &str, values: &Value) -> Result<String> {
    let _ = interp;
    percent::percent(template, values)
}

/// `template % values` where no interpreter is at hand.
///
/// # Errors
/// A TypeError or ValueError as Python raises it.
pub fn percent_of(template: &str, values: &Value) -> Result<String> {
    percent::percent(template, values)
}
