//! `clone`: a node's relation as another environment has it, by the materialization `clone`.
//!
//! Where the database can copy a table without copying its rows it becomes such a copy; elsewhere a view.

use crate::engine::Engine;
use crate::node_run::{Outcome, relations_of};
use crate::scope::NodeScope;
use kpi_adapter::ResponseObject;
use kpi_artifacts::NodeStatus;
use kpi_jinja::Result;
use kpi_manifest::Node;
use std::sync::Arc;

impl Engine {
    /// Points the node's relation at that of the earlier run.
    pub(crate) fn execute_clone(self: &Arc<Self>, node: &Node, scope: &Arc<NodeScope>) -> Result<Outcome> {
        if let Some(deferred) = &node.deferred {
            let other = match &deferred.relation_name {
                Some(name) => name.to_string(),
                None => deferred.relation().render(),
            };
            *scope.compiled.lock() = Some(format!("select * from {other}").into());
        }
        let value = self.materialize_as(node, scope, "clone")?;
        for relation in relations_of(&value, node.config.materialized())? {
            self.cache.add(relation);
        }
        let mut outcome = Outcome::of(NodeStatus::Success);
        match scope.results.main() {
            Some(main) => {
                outcome.message = Some(main.response.to_string());
                if let Some(response) = main.response.downcast_ref::<ResponseObject>().map(|r| &r.0) {
                    outcome.response = response.to_json();
                }
            }
            None => outcome.message = Some("No-op".to_owned()),
        }
        Ok(outcome)
    }
}
