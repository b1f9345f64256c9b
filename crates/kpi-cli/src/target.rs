//! Which target a project runs on, and the way to it.

use crate::session::Failure;
use kpi_adapter::Adapter;
use kpi_diagnostics::Diagnostic;
use kpi_manifest::Manifest;
use kpi_manifest::context::Shared;
use kpi_project::Project;
use std::sync::Arc;

/// Opens the project's target. Nothing connects yet.
///
/// # Errors
/// A kind of target that this build does not have, or settings that it does not understand.
pub fn open(project: &Project) -> Result<Arc<dyn Adapter>, Diagnostic> {
    match project.target.kind.as_str() {
        "duckdb" => {
            let adapter = kpi_duckdb::DuckDbAdapter::new(&project.target).map_err(|e| e.to_diagnostic())?;
            Ok(Arc::new(adapter))
        }
        other => {
            Err(Diagnostic::error("K0204", "Runtime Error", format!("Could not find adapter type {other}!"))
                .with_hint("this version of kpi runs on targets of type duckdb"))
        }
    }
}

/// The version of the target's database.
pub fn version(adapter: &dyn Adapter) -> String {
    match adapter.type_name() {
        "duckdb" => duckdb_version(),
        _ => crate::session::VERSION.to_owned(),
    }
}

/// The version of the DuckDB library.
pub fn duckdb_version() -> String {
    kpi_duckdb::version()
}

/// The meaning of a project.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(shared: &Arc<Shared>, inline: Option<&str>) -> Result<Manifest, Failure> {
    let _ = inline;
    Ok(kpi_manifest::parse::parse(shared)?)
}
