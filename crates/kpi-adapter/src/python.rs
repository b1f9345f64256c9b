//! What a target does for a Python model, which runs in a process of its own and reaches the database only through its
//! node's session.

use crate::{AdapterError, Column};
use std::path::Path;

/// What a Python process must know to stand in for a session of the target. It has no `Debug`: its statements may hold
/// secrets.
#[derive(Clone, Default)]
pub struct PythonTarget {
    /// The interpreter that the target names.
    pub interpreter: Option<String>,
    /// The database that unqualified names are looked for in.
    pub database: String,
    /// The version of the database's library.
    pub version: String,
    /// Statements that every session begins with: settings, extensions, secrets.
    pub statements: Vec<String>,
    /// Folders to import from.
    pub module_paths: Vec<String>,
}

/// A relation that the database has: database, schema, name.
pub type FoundRelation = [String; 3];

/// The session's part in the exchange of tables with a Python process.
pub trait PythonExchange {
    /// Writes what a query gives into a Parquet file. Returns its columns with the types that they had, since Parquet
    /// does not keep all of them.
    ///
    /// # Errors
    /// The database's. A query that does not bind leaves an open transaction as it was.
    fn export(&mut self, query: &str, file: &Path) -> Result<Vec<Column>, AdapterError>;

    /// Makes a Parquet file readable under an unqualified name, with these types, until it is taken away.
    ///
    /// # Errors
    /// The database's.
    fn stage(&mut self, name: &str, file: &Path, columns: &[Column]) -> Result<(), AdapterError>;

    /// Makes a query readable under an unqualified name until it is taken away.
    ///
    /// # Errors
    /// The database's.
    fn stage_query(&mut self, name: &str, query: &str) -> Result<(), AdapterError>;

    /// Takes away what was staged.
    ///
    /// # Errors
    /// The database's.
    fn unstage(&mut self, name: &str) -> Result<(), AdapterError>;

    /// Which of these names (of one to three parts, in lower case) are relations, in the order of the names.
    ///
    /// # Errors
    /// The database's.
    fn find(&mut self, names: &[Vec<String>]) -> Result<Vec<FoundRelation>, AdapterError>;
}
