//! Foreign keys of contracts: `to: ref('customers')` becomes the relation that the key points to when a model is
//! compiled, in its DDL as in the manifest.

use crate::engine::Engine;
use kpi_adapter::Relation;
use kpi_jinja::{Error, Result};
use kpi_manifest::Node;
use kpi_manifest::static_refs::{self, Reference};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A model's constraints, those of the model and those of its columns, with relations in place of `ref()`s.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedConstraints {
    of_model: Vec<Json>,
    /// Only columns that have some.
    of_columns: Vec<(Arc<str>, Vec<Json>)>,
}

impl ResolvedConstraints {
    /// Puts them into a node in manifest form.
    pub(crate) fn write_into(&self, node: &mut Map<String, Json>) {
        node.insert("constraints".into(), Json::Array(self.of_model.clone()));
        let Some(Json::Object(columns)) = node.get_mut("columns") else { return };
        for (name, constraints) in &self.of_columns {
            if let Some(Json::Object(column)) = columns.get_mut(&**name) {
                column.insert("constraints".into(), Json::Array(constraints.clone()));
            }
        }
    }

    /// Puts them into a node of the manifest.
    pub(crate) fn write_to(&self, node: &mut Node) {
        node.constraints.clone_from(&self.of_model);
        for (name, constraints) in &self.of_columns {
            if let Some(column) = node.columns.get_mut(name) {
                column.constraints.clone_from(constraints);
            }
        }
    }
}

impl Engine {
    /// The constraints of a node whose foreign keys name a model or a source; `None` where no key does.
    ///
    /// # Errors
    /// A key that points to what is not there.
    pub(crate) fn resolved_constraints(&self, node: &Node) -> Result<Option<ResolvedConstraints>> {
        let points = |constraint: &Json| target_of(constraint).is_some();
        let on_columns = node.columns.values().flat_map(|column| &column.constraints);
        if !node.constraints.iter().chain(on_columns).any(points) {
            return Ok(None);
        }
        let resolve = |constraints: &[Json]| -> Result<Vec<Json>> {
            constraints.iter().map(|constraint| self.resolved_constraint(node, constraint)).collect()
        };
        let of_columns = node.columns.iter().filter(|(_, column)| !column.constraints.is_empty());
        Ok(Some(ResolvedConstraints {
            of_model: resolve(&node.constraints)?,
            of_columns: of_columns
                .map(|(name, column)| Ok((name.clone(), resolve(&column.constraints)?)))
                .collect::<Result<_>>()?,
        }))
    }

    fn resolved_constraint(&self, node: &Node, constraint: &Json) -> Result<Json> {
        let Some(to) = target_of(constraint) else { return Ok(constraint.clone()) };
        let relation = self.key_target(node, to)?;
        let mut resolved = constraint.clone();
        if let Some(map) = resolved.as_object_mut() {
            map.insert("to".into(), relation.render().into());
        }
        Ok(resolved)
    }

    /// With `--defer`, a key points to the earlier environment wherever that has the model: dbt does not look whether
    /// this one has it too.
    fn key_target(&self, node: &Node, to: &str) -> Result<Relation> {
        let (manifest, package) = (&self.manifest, &node.package_name);
        match static_refs::parse(to) {
            Some(Reference::Ref(call)) => {
                let target = manifest.resolve_ref(&call, package, Some(node))?;
                let deferred = target.deferred.as_ref().filter(|_| self.options.defer);
                Ok(deferred.map_or_else(|| target.relation(), |deferred| deferred.relation()))
            }
            Some(Reference::Source([source, table])) => {
                Ok(manifest.resolve_source(&source, &table, package, Some(node))?.relation())
            }
            _ => Err(Error::compilation(format!(
                "'{to}' in a foreign key constraint of {} is neither ref() nor source()",
                node.name
            ))),
        }
    }
}

/// What a foreign key points to, as written.
fn target_of(constraint: &Json) -> Option<&str> {
    let is_key = constraint.get("type").and_then(Json::as_str) == Some("foreign_key");
    constraint.get("to").and_then(Json::as_str).filter(|to| is_key && !to.is_empty())
}
