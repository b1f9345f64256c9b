//! Python literals.

use crate::Value;

/// `ast.literal_eval`
pub fn parse(text: &str) -> Option<Value> {
    let _ = text;
    None
}
