//! What the engine asks of a database, and the values that SQL and templates speak of: relations, columns, tables.
//!
//! [`Adapter`] is one target; a [`Connection`] is one session of it, used by one worker at a time. Relations, columns
//! and result tables are also Jinja objects, with the attributes that dbt's have. [`AdapterObject`] is `adapter` in
//! a template.

mod adapter;
mod arguments;
mod cache;
mod column;
mod column_object;
mod jinja_adapter;
mod relation;
mod relation_object;
mod relation_parts;
mod table;

pub use adapter::{
    Adapter, AdapterError, AdapterErrorKind, AdapterResponse, Cancel, Connection, Fetch, QueryResult,
    SeedColumn,
};
pub use cache::RelationCache;
pub use column::Column;
pub use column_object::ColumnClass;
pub use jinja_adapter::{AdapterObject, SqlLog};
pub use relation::{EventTimeFilter, Policy, Relation, RelationExtra, RelationType};
pub use relation_object::RelationClass;
pub use relation_parts::{PathObject, PolicyObject};
pub use table::{Cell, ColumnType, Table};
