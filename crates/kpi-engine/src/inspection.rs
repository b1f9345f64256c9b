//! Sessions for commands that look at what is built, without building anything.

use crate::engine::Engine;
use kpi_adapter::{NodeConnection, Policy, Relation};
use kpi_diagnostics::Diagnostic;
use std::sync::Arc;

/// What can be looked at: where it lies, and a session whose statements are logged and commented as those of the node.
pub struct Inspection {
    /// Name: of a source `source.table`.
    pub name: String,
    /// Where it lies.
    pub relation: Relation,
    /// As it stands behind `from`.
    pub rendered: Arc<str>,
    /// The session.
    pub connection: Arc<NodeConnection>,
}

impl Engine {
    /// A node or source with a relation of its own; `None`: it has none (ephemeral models, tests).
    ///
    /// # Errors
    /// The project's query comment does not render.
    pub fn inspect(self: &Arc<Self>, unique_id: &Arc<str>) -> Result<Option<Inspection>, Diagnostic> {
        let connection = self.connection(unique_id);
        let place = |database: &Option<Arc<str>>, schema: &Arc<str>, identifier: &Arc<str>, quote: Policy| {
            Relation::new(database.clone(), Some(schema.clone()), Some(identifier.clone())).with_quote(quote)
        };
        let (name, relation, rendered) = if let Some(source) = self.manifest.sources.get(unique_id) {
            let relation = place(&source.database, &source.schema, &source.identifier, source.quote);
            (format!("{}.{}", source.source_name, source.name), relation, source.relation_name.clone())
        } else {
            let Some(node) = self.manifest.node(unique_id) else { return Ok(None) };
            let Some(rendered) = node.relation_name.clone() else { return Ok(None) };
            let relation = place(&node.database, &node.schema, &node.alias, node.quote);
            let id = self.manifest.node_ids.get(unique_id).copied();
            let comment = self.query_comment_of(id, None, &connection)?;
            connection.assign(unique_id.clone(), comment);
            (node.name.to_string(), relation, rendered)
        };
        Ok(Some(Inspection { name, relation, rendered, connection }))
    }
}
