//! `deploy` and `rollback`: production changes as a whole, or not at all.
//!
//! The project is built in schemas beside those of production ([`Staging`], `staging`) and tested there. Only when
//! everything is good does each relation take the place of the one in production (`publish`); what was there is kept.
//! Tables of kpi's own say what was done and where earlier versions are (`history`), so that what was begun can be
//! ended by the next call, and what was done can be undone (`rollback`).

mod alive;
mod history;
mod items;
mod publish;
mod rollback;
mod staging;

pub use history::{Deployments, Kind, RunRecord, Settings};
pub use publish::Published;
pub use rollback::{Restoration, Restored, Target};
pub use staging::Staging;

use kpi_adapter::{AdapterError, Fetch, NodeConnection, Relation, TableCopy};
use kpi_diagnostics::Diagnostic;
use kpi_manifest::Node;
use std::sync::Arc;

/// What the names of schemas end in where the project is built before it is deployed.
pub const STAGING_SUFFIX: &str = "__kpi_staging";
/// What the names of schemas end in that hold earlier versions.
pub(crate) const KEPT_SUFFIX: &str = "__kpi_kept";
/// What the names of schemas end in that hold the past of a schema for a moment.
pub(crate) const RECALLED_SUFFIX: &str = "__kpi_recalled";

/// An error of these commands.
pub(crate) fn wrong(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, "Runtime Error", message)
}

/// The database's error, with what was being done.
pub(crate) fn failed(doing: &str, error: &AdapterError) -> Diagnostic {
    let mut diagnostic = error.to_diagnostic();
    diagnostic.message = format!("{doing}: {}", diagnostic.message);
    diagnostic
}

/// The relation of the same name in the schema whose name ends in `suffix`.
pub(crate) fn beside(relation: &Relation, suffix: &str) -> Relation {
    let mut other = relation.clone();
    other.schema = other.schema.map(|name| format!("{name}{suffix}").into());
    other
}

/// The schema of [`beside`].
pub(crate) fn schema_beside(relation: &Relation, suffix: &str) -> Relation {
    beside(relation, suffix).without_identifier()
}

/// How the node's table is copied.
pub(crate) fn copy_of(node: &Node) -> TableCopy {
    use kpi_manifest::ResourceType::Snapshot;
    TableCopy {
        // A snapshot is history that nothing can make again.
        transient: node.resource_type != Snapshot && node.config.bool("transient").unwrap_or(true),
        iceberg: node.config.str("table_format").is_some_and(|format| format.eq_ignore_ascii_case("iceberg")),
    }
}

/// `schema.name`, as messages call a relation.
pub(crate) fn shown(relation: &Relation) -> String {
    let parts = [&relation.schema, &relation.identifier];
    parts.iter().filter_map(|part| part.as_deref()).collect::<Vec<_>>().join(".")
}

/// Makes `to` a copy of the table `from`.
///
/// # Errors
/// The database's; no such table.
pub(crate) fn copied(
    connection: &Arc<NodeConnection>,
    from: &Relation,
    to: &Relation,
    copy: TableCopy,
) -> Result<(), AdapterError> {
    let run = |copy| -> Result<(), AdapterError> {
        for statement in connection.copy_table(from, to, copy)? {
            connection.execute(&statement, false, Fetch::No)?;
        }
        Ok(())
    };
    match run(copy) {
        // The model has become one with fail-safe, and this is a table from before that.
        Err(error)
            if !copy.transient
                && error.message.to_lowercase().contains("transient object cannot be cloned") =>
        {
            run(TableCopy { transient: true, ..copy })
        }
        done => done,
    }
}
