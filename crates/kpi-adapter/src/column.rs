//! A column of a relation.

use std::sync::Arc;

/// A column with its database type. As a Jinja object it has dbt's attributes and methods (`name`, `quoted`, `dtype`,
/// `data_type`, `is_string()`, `can_expand_to()`...).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name as the database spells it.
    pub name: Arc<str>,
    /// Base type: `VARCHAR`, `DECIMAL`...
    pub dtype: Arc<str>,
    /// Length of a string type.
    pub char_size: Option<u64>,
    /// Precision of a numeric type.
    pub numeric_precision: Option<u64>,
    /// Scale of a numeric type.
    pub numeric_scale: Option<u64>,
    /// Comment, if known.
    pub comment: Option<Arc<str>>,
}
