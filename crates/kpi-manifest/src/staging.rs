//! A project as it is built before it is deployed: every relation in a schema beside its own.

use crate::state::Deferred;
use crate::{Config, Manifest, Node, ResourceType};
use serde_json::Value as Json;
use std::sync::Arc;

impl Manifest {
    /// Moves what the nodes build (their failing rows too) into the schemas whose names end in `suffix`. Each model, seed
    /// and snapshot keeps its relation of production as [`Node::deferred`].
    ///
    /// A model that writes a file of its own is a table here, since its file is production's.
    pub fn stage(&mut self, suffix: &str) {
        for node in &mut self.nodes {
            if !(node.is_refable()
                || matches!(node.resource_type, ResourceType::Test | ResourceType::Function))
                || node.is_ephemeral()
            {
                continue;
            }
            if node.resource_type != ResourceType::Test {
                node.deferred = Some(Box::new(Deferred::of(node)));
            }
            node.schema = format!("{}{suffix}", node.schema).into();
            if node.relation_name.is_some() {
                node.relation_name = Some(node.relation().render().into());
            }
            if node.config.materialized() == "external" {
                let mut set = (*node.config.set).clone();
                set.insert("materialized".to_owned(), Json::from("table"));
                node.config = Config::with(node.resource_type, set);
            }
        }
    }
}

impl Deferred {
    /// The node's own relation.
    fn of(node: &Node) -> Self {
        Self::at(node.database.clone(), node.schema.clone(), node.alias.clone(), node.quote)
            .named(node.relation_name.clone().unwrap_or_else(|| Arc::from(node.relation().render())))
    }
}
