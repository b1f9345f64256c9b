//! Which relation a reference means: the node's own, or the one of the environment that is deferred to.

use crate::engine::Engine;
use crate::scope::NodeScope;
use kpi_adapter::{NodeConnection, Relation};
use kpi_jinja::Result;
use kpi_manifest::Node;
use std::sync::Arc;

impl NodeScope {
    /// The relation that `ref()` gives for a node. With `--defer` it is that of the earlier run if this environment has
    /// none, with `--favor-state` also if the node is not selected.
    pub(crate) fn referred(&self, node: &Node) -> Result<Relation> {
        let engine = &self.engine;
        if let (Some(staging), Some(deferred)) = (&engine.options.staging, node.deferred.as_ref()) {
            return Ok(if staging.holds(&node.unique_id) { node.relation() } else { deferred.relation() });
        }
        let Some(deferred) = node.deferred.as_ref().filter(|_| engine.options.defer) else {
            return Ok(node.relation());
        };
        let favoured = engine.options.favor_state && !engine.is_selected(&node.unique_id);
        if favoured || !engine.exists(&self.connection, node)? {
            return Ok(deferred.relation());
        }
        Ok(node.relation())
    }
}

impl Engine {
    /// Whether the node's relation exists in this environment.
    pub(crate) fn exists(&self, connection: &Arc<NodeConnection>, node: &Node) -> Result<bool> {
        let (database, schema) = (node.database.as_deref(), &*node.schema);
        if let Some(known) = self.cache.lookup(database, schema, &node.alias) {
            return Ok(known.is_some());
        }
        let relations = connection.list_relations(database, schema)?;
        self.cache.set_schema(database, schema, relations);
        Ok(self.cache.get_relation(database, schema, &node.alias).is_some())
    }
}
