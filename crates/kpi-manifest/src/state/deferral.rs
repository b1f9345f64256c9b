//! Deferral: the relations of an earlier run, for references to what this environment has not built.

use super::EarlierManifest;
use crate::{Manifest, Node};
use kpi_adapter::{Policy, Relation};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// The relation that an earlier run made of a node.
#[derive(Debug, Clone)]
pub struct Deferred {
    /// Database.
    pub database: Option<Arc<str>>,
    /// Schema.
    pub schema: Arc<str>,
    /// Name in the schema.
    pub alias: Arc<str>,
    /// Rendered, as the earlier run had it.
    pub relation_name: Option<Arc<str>>,
    /// Which parts are quoted: as with the node itself.
    quote: Policy,
    /// What else templates may ask for: `resource_type`, `name`, `description`, `compiled_code`, `meta`, `tags`, `config`.
    details: Map<String, Json>,
}

impl Deferred {
    /// A relation of which no more is known than where it is.
    pub(crate) fn at(database: Option<Arc<str>>, schema: Arc<str>, alias: Arc<str>, quote: Policy) -> Self {
        Self { database, schema, alias, relation_name: None, quote, details: Map::new() }
    }

    /// With its rendered name.
    pub(crate) fn named(mut self, name: Arc<str>) -> Self {
        self.relation_name = Some(name);
        self
    }

    /// The relation.
    pub fn relation(&self) -> Relation {
        Relation::new(self.database.clone(), Some(self.schema.clone()), Some(self.alias.clone()))
            .with_quote(self.quote)
    }

    /// As `model.defer_relation` of templates.
    pub fn entry(&self) -> Json {
        let mut map = Map::new();
        map.insert("database".into(), json!(self.database.as_deref()));
        map.insert("schema".into(), json!(&*self.schema));
        map.insert("alias".into(), json!(&*self.alias));
        map.insert("relation_name".into(), json!(self.relation_name.as_deref()));
        map.extend(self.details.clone());
        Json::Object(map)
    }
}

impl Manifest {
    /// Gives every model, seed and snapshot that an earlier run built too its relation of that time.
    pub fn defer_to(&mut self, earlier: &EarlierManifest) {
        for node in self.nodes.iter_mut() {
            node.deferred = deferred(node, earlier);
        }
    }
}

fn deferred(node: &Node, earlier: &EarlierManifest) -> Option<Box<Deferred>> {
    let old = earlier.node(&node.unique_id)?;
    if !(old.is_refable() && !old.is_ephemeral() || old.resource_type == "function") {
        return None;
    }
    let mut details = Map::new();
    details.insert("resource_type".into(), json!(old.resource_type));
    details.insert("name".into(), json!(&*old.name));
    details.insert("description".into(), json!(old.description));
    details.insert("compiled_code".into(), json!(old.compiled_code.as_deref()));
    details.insert("meta".into(), Json::Object(old.meta.clone()));
    details.insert("tags".into(), old.tags.clone());
    details.insert("config".into(), Json::Object(old.config.clone()));
    Some(Box::new(Deferred {
        database: old.database.clone(),
        schema: old.schema.clone(),
        alias: old.alias.clone(),
        relation_name: old.relation_name.clone(),
        quote: node.quote,
        details,
    }))
}
