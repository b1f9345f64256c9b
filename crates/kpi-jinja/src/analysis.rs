//! What a template does, found without rendering it.

use crate::syntax::ast::Function;
use crate::Args;
use std::sync::Arc;

/// See [`crate::Template::static_calls`].
pub(crate) fn static_calls(root: &Function, names: &[&str]) -> Option<Vec<(Arc<str>, Args)>> {
    let _ = (root, names);
    None
}
