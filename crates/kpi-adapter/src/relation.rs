//! A table, view or CTE by name.

use std::sync::Arc;

/// Which parts of a name something holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The database part.
    pub database: bool,
    /// The schema part.
    pub schema: bool,
    /// The identifier part.
    pub identifier: bool,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationType {
    /// `table`
    Table,
    /// `view`
    View,
    /// `cte`: an ephemeral model
    Cte,
    /// `materialized_view`
    MaterializedView,
    /// `external`
    External,
    /// `function`
    Function,
    /// `dynamic_table` (Snowflake)
    DynamicTable,
}

/// A relation: a value, cheap to clone. As a Jinja object it has dbt's attributes and methods (`include`, `quote`,
/// `incorporate`, `is_table`, `render`, ...) and prints as its rendered name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Database (catalog), if any.
    pub database: Option<Arc<str>>,
    /// Schema, if any.
    pub schema: Option<Arc<str>>,
    /// Table or view name, if any.
    pub identifier: Option<Arc<str>>,
    /// What it is, if known.
    pub kind: Option<RelationType>,
    /// Which parts are quoted.
    pub quote: Policy,
    /// Which parts are printed.
    pub include: Policy,
    /// The quote character.
    pub quote_char: char,
    /// Printed instead of the name: an `external_location`, or a filtered subquery (`--empty`, event time).
    pub render_as: Option<Arc<str>>,
}
