//! From the flags to the nodes of a command.

use crate::session::{Failure, Loaded, Session};
use kpi_engine::Task;
use kpi_manifest::{Manifest, ResourceType};
use std::sync::Arc;

/// The node that `--inline` made.
pub fn inline(manifest: &Manifest) -> Vec<Arc<str>> {
    manifest
        .nodes
        .iter()
        .filter(|n| n.resource_type == ResourceType::SqlOperation)
        .map(|n| n.unique_id.clone())
        .collect()
}

/// The selected nodes of a command that runs them.
pub fn nodes(session: &Session, loaded: &Loaded, task: Task) -> Result<Vec<Arc<str>>, Failure> {
    let _ = (session, task);
    Ok(loaded.manifest.nodes.iter().map(|n| n.unique_id.clone()).collect())
}

/// Everything that `ls` lists.
pub fn listed(session: &Session, loaded: &Loaded) -> Result<Vec<Arc<str>>, Failure> {
    nodes(session, loaded, Task::Build)
}
