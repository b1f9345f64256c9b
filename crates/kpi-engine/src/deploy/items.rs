//! What there is to publish: the relations that were built beside production, each with what it is in production now, and
//! what tells later whether it has changed.

use super::history::{Change, Deployments};
use super::staging::{Staging, inputs_of};
use super::{KEPT_SUFFIX, beside, failed, schema_beside, wrong};
use crate::engine::Engine;
use kpi_adapter::{Relation, RelationType};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_manifest::{NodeId, ResourceType};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

use super::publish::Published;

/// One relation of production, and what takes its place.
pub(crate) struct Item {
    pub(super) node: NodeId,
    pub(super) production: Relation,
    /// A table to be copied; `None`: it is made in place.
    pub(super) staged: Option<Relation>,
    pub(super) change: Change,
}

impl Item {
    /// It is a view that this statement makes.
    pub(crate) fn define(&mut self, statement: String) {
        self.change.definition = Some(statement);
    }

    pub(super) fn previous(&self) -> Option<RelationType> {
        self.change.previous_type.as_deref().and_then(RelationType::parse)
    }
}

impl Deployments {
    /// Clears away what an earlier run left in the staging schemas of the nodes (unique ids), which must be kpi's own.
    ///
    /// # Errors
    /// A schema that nobody knows of; the database's.
    pub fn clear_staging(&self, nodes: &[Arc<str>]) -> Result<(), Diagnostic> {
        self.drop_staging(nodes, self.knows_any()?)
    }

    /// Drops the staging schemas of the nodes, if they are `ours`.
    pub(crate) fn drop_staging(&self, nodes: &[Arc<str>], ours: bool) -> Result<(), Diagnostic> {
        for schema in self.schemas_beside(nodes, &self.settings.staging_suffix) {
            let names = self.connection.list_schemas(schema.database.as_deref());
            let names = names.map_err(|error| failed("the schemas cannot be listed", &error))?;
            let name = schema.schema.as_deref().unwrap_or_default();
            if !names.iter().any(|there| there.eq_ignore_ascii_case(name)) {
                continue;
            }
            if !ours {
                let message = format!("the schema {name} is there already, and no deployment has made it");
                return Err(wrong("K0942", message)
                    .with_hint("drop it if it is of no use, or name another: --staging-suffix __SUFFIX"));
            }
            self.run(&format!("drop schema if exists {schema} cascade"))
                .map_err(|error| failed(&format!("the schema {name} cannot be dropped"), &error))?;
        }
        Ok(())
    }

    /// The schemas beside those of nodes in production, each once.
    fn schemas_beside(&self, nodes: &[Arc<str>], suffix: &str) -> Vec<Relation> {
        let mut seen = FxHashSet::default();
        let nodes = nodes.iter().filter_map(|id| self.engine.manifest.node(id));
        nodes
            .filter(|node| node.is_relational() || node.resource_type == ResourceType::Function)
            .map(|node| schema_beside(&node.relation(), suffix))
            .filter(|schema| seen.insert(schema.render().to_lowercase()))
            .collect()
    }

    /// What is to be built beside production, with what is known of production.
    ///
    /// # Errors
    /// The database's.
    pub fn staging(&self, selected: &[Arc<str>]) -> Result<Staging, Diagnostic> {
        let manifest = &self.engine.manifest;
        let staging = Staging::new(&self.settings.staging_suffix, selected.iter().cloned());
        let earlier = if self.settings.rebuild { Default::default() } else { self.earlier_builds()? };
        let mut relations: Vec<(Arc<str>, Relation)> = Vec::new();
        let mut seen = FxHashSet::default();
        for node in selected.iter().filter_map(|id| manifest.node(id)).filter(|node| node.is_refable()) {
            for input in inputs_of(manifest, node) {
                if staging.holds(&input) || !seen.insert(input.clone()) {
                    continue;
                }
                let relation = match (manifest.sources.get(&input), manifest.node(&input)) {
                    (Some(source), _) => source.relation(),
                    (None, Some(node)) => node.relation(),
                    (None, None) => continue,
                };
                relations.push((input, relation));
            }
        }
        if !self.engine.adapter.is_exclusive() {
            let known = selected.iter().filter(|id| earlier.contains_key(*id));
            relations.extend(known.filter_map(|id| Some((id.clone(), manifest.node(id)?.relation()))));
        }
        let asked: Vec<Relation> = relations.iter().map(|(_, relation)| relation.clone()).collect();
        let marks = self.marks(&asked);
        let marks =
            relations.into_iter().zip(marks).filter_map(|((id, _), mark)| Some((id, mark?))).collect();
        Ok(staging.knowing(earlier, marks))
    }

    /// The relations that were built, parents first.
    pub(super) fn items(
        &self,
        staged: &Arc<Engine>,
        staging: &Staging,
        selected: &[Arc<str>],
        published: &mut Published,
    ) -> Result<Vec<Item>, Diagnostic> {
        let manifest = &self.engine.manifest;
        let wanted: FxHashSet<&Arc<str>> = selected.iter().collect();
        let mut items = Vec::new();
        self.refresh_cache(selected)?;
        for vertex in manifest.graph.topological_order() {
            let id = manifest.graph.id(vertex);
            let Some(position) = manifest.node_ids.get(id).copied().filter(|_| wanted.contains(id)) else {
                continue;
            };
            let node = &manifest.nodes[position.0 as usize];
            let is_function = node.resource_type == ResourceType::Function;
            if !is_function && (!node.is_refable() || node.is_ephemeral()) {
                continue;
            }
            let Some(own) = staged.manifest.node(id) else { continue };
            let built = staging.built(id).unwrap_or_default();
            let found = staged.cache.get_relation(own.database.as_deref(), &own.schema, &own.alias);
            let kind = found.as_ref().and_then(|relation| relation.kind);
            let in_place = is_function || node.config.materialized() == "external";
            let table = kind == Some(RelationType::Table) && !in_place;
            if built.unchanged && node.config.materialized() != "view" {
                published.unchanged += 1;
                continue;
            }
            let staged_table = table.then(|| own.relation().with_kind(RelationType::Table));
            let inputs = inputs_of(manifest, node);
            let marks =
                inputs.iter().filter_map(|id| Some((id.to_string(), Json::from(staging.mark(id)?.as_str()))));
            let mut item = self.item(position, node.relation(), staged_table, items.len());
            item.change.fingerprint = built.fingerprint.filter(|_| !in_place);
            item.change.inputs = Map::from_iter(marks);
            if kind == Some(RelationType::View) {
                let secure = node.config.bool("secure").unwrap_or(false);
                let definition =
                    |code: &String| self.engine.adapter.view_statement(&node.relation(), code, secure);
                item.change.definition = built.code.as_ref().map(definition);
            }
            items.push(item);
            // What a model's expectations keep out of it belongs to it.
            let quarantine = staged.quarantine_of(own);
            let name = quarantine.identifier.clone().unwrap_or_default();
            if staged.cache.get_relation(own.database.as_deref(), &own.schema, &name).is_some() {
                items.push(self.item(
                    position,
                    self.engine.quarantine_of(node),
                    Some(quarantine),
                    items.len(),
                ));
            }
        }
        Ok(items)
    }

    /// One relation of production with what it is now.
    pub(crate) fn item(
        &self,
        node: NodeId,
        production: Relation,
        staged: Option<Relation>,
        position: usize,
    ) -> Item {
        let part = |part: &Option<Arc<str>>| part.clone().unwrap_or_default();
        let found = self.engine.cache.get_relation(
            production.database.as_deref(),
            &part(&production.schema),
            &part(&production.identifier),
        );
        let previous = found.map(|relation| relation.kind.unwrap_or(RelationType::Table));
        let kept = (previous == Some(RelationType::Table)).then(|| self.kept_name(&production));
        Item {
            node,
            change: Change {
                run_id: self.run_id.clone(),
                position,
                unique_id: self.engine.manifest.nodes[node.0 as usize].unique_id.to_string(),
                relation: production.clone(),
                relation_type: if staged.is_some() { "table" } else { "in place" }.to_owned(),
                previous_type: previous.map(|kind| kind.as_str().to_owned()),
                previous_definition: None,
                kept,
                definition: None,
                fingerprint: None,
                mark: None,
                inputs: Map::new(),
            },
            production,
            staged,
        }
    }

    /// `orders__20251127_081500_3f2a1c`
    fn kept_name(&self, production: &Relation) -> Relation {
        let id: String = self.run_id.chars().filter(char::is_ascii_alphanumeric).take(6).collect();
        let at = chrono::Utc::now().format("%Y%m%d_%H%M%S");
        let name = production.identifier.as_deref().unwrap_or_default();
        let mut kept = beside(production, KEPT_SUFFIX);
        kept.identifier = Some(format!("{name}__{at}_{id}").into());
        kept.kind = Some(RelationType::Table);
        kept
    }

    /// Learns what production is now.
    pub(crate) fn refresh_cache(&self, nodes: &[Arc<str>]) -> Result<(), Diagnostic> {
        let schemas = self.schemas_beside(nodes, "");
        self.engine.create_schemas(&self.connection, &schemas)?;
        let schemas: Vec<_> =
            schemas.into_iter().map(|r| (r.database, r.schema.unwrap_or_default())).collect();
        self.engine.cache.clear();
        self.engine.fill_cache(&self.connection, &schemas)
    }

    /// What tells whether rows have changed; nothing where the database does not tell.
    fn marks(&self, relations: &[Relation]) -> Vec<Option<String>> {
        self.connection.change_marks(relations).unwrap_or_else(|error| {
            let text = format!("what has not changed cannot be told: {}", error.message);
            self.say("DeploymentMarks", Level::Debug, text);
            vec![None; relations.len()]
        })
    }

    /// What tells whether the rows change from here on, of the tables and of what they were built from.
    pub(super) fn note_marks(&self, items: &mut [Item], staging: &Staging) {
        let tables: Vec<Relation> = items.iter().map(|item| item.production.clone()).collect();
        let marks = self.marks(&tables);
        for (item, mark) in items.iter_mut().zip(marks) {
            if item.staged.is_some() {
                item.change.mark = mark;
            }
        }
        // A later run may not build the parents: then what they are now is what this was built from.
        let parents: Vec<(Arc<str>, Relation)> = items
            .iter()
            .flat_map(|item| {
                inputs_of(&self.engine.manifest, &self.engine.manifest.nodes[item.node.0 as usize])
            })
            .filter(|id| staging.holds(id))
            .filter_map(|id| Some((id.clone(), self.engine.manifest.node(&id)?.relation())))
            .collect::<rustc_hash::FxHashMap<_, _>>()
            .into_iter()
            .collect();
        let relations: Vec<Relation> = parents.iter().map(|(_, relation)| relation.clone()).collect();
        let marks = self.marks(&relations);
        let marks: Map<String, Json> = parents
            .iter()
            .zip(marks)
            .filter_map(|((id, _), mark)| Some((id.to_string(), Json::from(mark?))))
            .collect();
        for item in items.iter_mut() {
            let node = &self.engine.manifest.nodes[item.node.0 as usize];
            for input in inputs_of(&self.engine.manifest, node) {
                if let Some(mark) = marks.get(&*input) {
                    item.change.inputs.insert(input.to_string(), mark.clone());
                }
            }
        }
    }
}
