//! `config` in a template at run time: reads the node's effective config; calling it does nothing.

use kpi_jinja::{Args, Error, Interp, Object, Result, Value};
use kpi_manifest::{Manifest, Node, NodeId};
use serde_json::Value as Json;
use std::sync::Arc;

/// `config` of a node; of nothing (an operation): every lookup gives the default.
pub(crate) struct ConfigObject {
    pub manifest: Arc<Manifest>,
    pub node: Option<NodeId>,
    /// Instead of `node`.
    pub own: Option<Arc<Node>>,
}

enum Source {
    Config,
    Meta,
}

impl ConfigObject {
    fn node(&self) -> Option<&Node> {
        match &self.own {
            Some(node) => Some(node),
            None => self.manifest.node_at(self.node?),
        }
    }

    fn lookup(&self, source: &Source, name: &str) -> Option<Value> {
        let node = self.node()?;
        match source {
            Source::Config if name == "snapshot_table_column_names" => Some(snapshot_columns(node)),
            Source::Config => node.config.get(name).map(|v| Value::from_json(&v)),
            Source::Meta => node.meta.get(name).map(Value::from_json),
        }
    }

    fn unique_id(&self) -> String {
        self.node().map_or_else(|| "operation".to_owned(), |n| n.unique_id.to_string())
    }

    fn get(&self, interp: &mut Interp, source: &Source, args: Args) -> Result<Value> {
        let [name, default, validator] = args.bind("get", ["name", "default?", "validator?"])?;
        let name = name.unwrap_or(Value::None);
        let default = default.unwrap_or(Value::None);
        let value = name.as_str().and_then(|n| self.lookup(source, n)).unwrap_or_else(|| default.clone());
        if let Some(validator) = validator.filter(|v| !v.is_none())
            && !default.is_none()
        {
            interp.call(&validator, Args::of([value.clone()]))?;
        }
        Ok(value)
    }

    fn require(&self, interp: &mut Interp, source: &Source, args: Args) -> Result<Value> {
        let [name, validator] = args.bind("require", ["name", "validator?"])?;
        let name = name.unwrap_or(Value::None);
        let value = name.as_str().and_then(|n| self.lookup(source, n)).ok_or_else(|| {
            Error::compilation(format!(
                "Model '{}' does not define a required config parameter '{}'.",
                self.unique_id(),
                name.as_str().unwrap_or_default()
            ))
        })?;
        if let Some(validator) = validator.filter(|v| !v.is_none()) {
            interp.call(&validator, Args::of([value.clone()]))?;
        }
        Ok(value)
    }

    fn persist(&self, interp: &mut Interp, part: &str) -> Result<Value> {
        let Some(docs) = self.lookup(&Source::Config, "persist_docs").filter(|v| !v.is_none()) else {
            return Ok(Value::Bool(false));
        };
        if docs.as_dict().is_none() {
            return Err(Error::compilation(format!(
                "Invalid value provided for 'persist_docs'. Expected dict but received {}",
                docs.type_name()
            )));
        }
        let value = docs.get_item(interp, &Value::from(part))?;
        Ok(if value.is_undefined() { Value::Bool(false) } else { value })
    }
}

/// The names of a snapshot's own columns: those that the config renames, the others as they are.
fn snapshot_columns(node: &Node) -> Value {
    let renamed = node.config.get("snapshot_meta_column_names").unwrap_or_default();
    Value::dict(
        ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"]
            .map(|name| (name, Value::from(renamed.get(name).and_then(|n| n.as_str()).unwrap_or(name)))),
    )
}

impl Object for ConfigObject {
    fn type_name(&self) -> &str {
        "RuntimeConfigObject"
    }

    fn call(self: Arc<Self>, _: &mut Interp, _: Args) -> Result<Option<Value>> {
        Ok(Some(Value::empty()))
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "get" => self.get(interp, &Source::Config, args)?,
            "require" => self.require(interp, &Source::Config, args)?,
            "meta_get" => self.get(interp, &Source::Meta, args)?,
            "meta_require" => self.require(interp, &Source::Meta, args)?,
            "persist_relation_docs" => self.persist(interp, "relation")?,
            "persist_column_docs" => self.persist(interp, "columns")?,
            "set" => Value::empty(),
            _ => return Ok(None),
        }))
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name == "model" {
            return Ok(self
                .node()
                .map(|node| Value::from_json(&Json::Object(kpi_manifest::node_json::node_json(node)))));
        }
        let method: &'static str = match name {
            "get" => "get",
            "require" => "require",
            "meta_get" => "meta_get",
            "meta_require" => "meta_require",
            "persist_relation_docs" => "persist_relation_docs",
            "persist_column_docs" => "persist_column_docs",
            "set" => "set",
            _ => return Ok(None),
        };
        Ok(Some(kpi_jinja::function(method, move |interp, args| {
            Ok(self.clone().call_method(interp, method, args)?.unwrap_or(Value::None))
        })))
    }

    fn is_true(&self) -> bool {
        true
    }
}
