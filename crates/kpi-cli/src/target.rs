//! Which target a project runs on.

use kpi_adapter::{Adapter, AdapterError};
use kpi_diagnostics::Diagnostic;
use kpi_duckdb::DuckDbAdapter;
use kpi_project::TargetSettings;
use kpi_snowflake::SnowflakeAdapter;
use std::path::PathBuf;
use std::sync::Arc;

/// The version of the DuckDB library that kpi is linked to.
pub const DUCKDB_VERSION: &str = "1.5.5";

/// The target of these settings. Nothing connects yet.
///
/// # Errors
/// A kind of target that this build does not have, or settings that it does not understand.
pub fn open(target: &TargetSettings) -> Result<Arc<dyn Adapter>, Diagnostic> {
    // Relative paths are meant from the working folder: that of the call in a dbt project, as with dbt; the project's
    // own in a native one.
    let base = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    match target.kind.as_str() {
        "duckdb" => {
            let adapter =
                DuckDbAdapter::from_profile(&target.settings, base).map_err(|e| placed(&e, target))?;
            Ok(Arc::new(adapter))
        }
        "snowflake" => {
            let adapter = SnowflakeAdapter::from_profile(&target.settings, base);
            Ok(Arc::new(adapter.map_err(|e| placed(&e, target))?))
        }
        other => {
            Err(Diagnostic::error("K0204", "Runtime Error", format!("Could not find adapter type {other}!"))
                .with_hint("this version of kpi runs on targets of type duckdb and snowflake"))
        }
    }
}

/// An error of the target's settings, with the file that they are in.
fn placed(error: &AdapterError, target: &TargetSettings) -> Diagnostic {
    let diagnostic = error.to_diagnostic();
    match &target.file {
        Some(file) => diagnostic.with_span(kpi_diagnostics::Span::whole(file.clone())),
        None => diagnostic,
    }
}

/// The version of the target's database.
pub fn version(adapter: &dyn Adapter) -> &'static str {
    match adapter.type_name() {
        "duckdb" => DUCKDB_VERSION,
        _ => crate::session::VERSION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kpi_adapter::{Cell, Fetch};

    #[test]
    fn the_version_is_the_librarys() {
        let mut connection = DuckDbAdapter::in_memory().connect("test").unwrap();
        let result = connection.execute("select version()", Fetch::All).unwrap();
        assert_eq!(result.table.rows[0][0], Cell::Str(format!("v{DUCKDB_VERSION}").into()));
    }
}
