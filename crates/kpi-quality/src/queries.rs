//! What judging asks of a database: rows of queries, and columns.

use kpi_adapter::{AdapterError, Column, Connection, Fetch, NodeConnection, Table};

/// Answers queries.
pub trait Queries {
    /// All rows of a query.
    ///
    /// # Errors
    /// The database's.
    fn rows(&mut self, sql: &str) -> Result<Table, AdapterError>;

    /// Names and types of a query's columns.
    ///
    /// # Errors
    /// The database's.
    fn columns(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError>;
}

impl Queries for Box<dyn Connection> {
    fn rows(&mut self, sql: &str) -> Result<Table, AdapterError> {
        self.execute(sql, Fetch::All).map(|result| result.table)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError> {
        self.describe(sql)
    }
}

/// With the query comment and the SQL log of a node.
impl Queries for &NodeConnection {
    fn rows(&mut self, sql: &str) -> Result<Table, AdapterError> {
        self.execute(sql, false, Fetch::All).map(|result| result.table)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<Column>, AdapterError> {
        self.describe(sql)
    }
}
