//! What the engine asks of a database, and the values that SQL and templates speak of: relations, columns, tables.
//!
//! [`Adapter`] is one target; a [`Connection`] is one session of it, used by one worker at a time. Relations, columns
//! and result tables are also Jinja objects, with the attributes that dbt's have. [`AdapterObject`] is `adapter` in
//! a template.

mod adapter;
mod adapter_methods;
mod agate;
mod agate_object;
mod agate_relational;
mod agate_rows;
mod arguments;
mod cache;
mod catalogs;
mod cell;
mod column;
mod column_object;
mod constraints;
mod cost;
mod dates;
mod decimal;
mod decimal_object;
mod external;
mod facts;
mod grants;
mod jinja_adapter;
mod key_constraints;
mod node_connection;
mod python;
mod recovery;
mod relation;
mod relation_object;
mod relation_parts;
mod seed;
mod table;
mod table_text;

pub use adapter::{
    Adapter, AdapterError, AdapterErrorKind, AdapterResponse, Cancel, Connection, CsvFormat, Fetch,
    QueryResult, SeedColumn, TableCopy,
};
pub use adapter_methods::ResponseObject;
pub use agate::AgateTable;
pub use cache::RelationCache;
pub use catalogs::CatalogIntegration;
pub use column::{Column, ColumnRules};
pub use column_object::ColumnClass;
pub use constraints::ConstraintRules;
pub use cost::{
    CostDetail, CostFigures, CreditPrice, Estimate, NodeCost, Partitions, RunCost, WarehouseCost,
};
pub use decimal::Decimal;
pub use facts::{AdapterFacts, OwnMethod};
pub use jinja_adapter::{AdapterObject, ApiObject};
pub use node_connection::{NodeConnection, QueryComment, SqlLog};
pub use python::{FoundRelation, PythonExchange, PythonTarget};
pub use recovery::{RecoveryStep, list_recovered, recovery_steps};
pub use relation::{EventTimeFilter, Policy, Relation, RelationExtra, RelationType};
pub use relation_object::RelationClass;
pub use relation_parts::{PathObject, PolicyObject};
pub use seed::{SeedField, SeedTable};
pub use table::{Cell, ColumnType, Table};
