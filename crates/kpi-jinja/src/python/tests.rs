//! Tests.

use crate::{Args, Interp, Result, Value};

/// A test: the value, the arguments.
pub type TestFn = fn(&mut Interp, &Value, Args) -> Result<bool>;

/// The test of that name.
pub fn get(name: &str) -> Option<TestFn> {
    let _ = name;
    None
}
