//! `kpi --version`.

use crate::session::VERSION;
use kpi_artifacts::DBT_VERSION;

/// Name and version in the first line; below, the version of dbt that projects and tools may take it for, in the form
/// that tools read from `dbt --version`.
pub fn text() -> String {
    let duckdb = crate::target::DUCKDB_VERSION;
    format!(
        "kpi {VERSION} (DuckDB {duckdb})\n\nCore:\n  - installed: {DBT_VERSION}\n  - latest:    {DBT_VERSION} - Up to date!\n\n\
         Plugins:\n  - duckdb: {duckdb} - Up to date!\n"
    )
}
