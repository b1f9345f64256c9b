//! Which relations exist, so that a node costs no catalog query.

use crate::Relation;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::sync::Arc;

type SchemaKey = (Option<Arc<str>>, Arc<str>);

/// Relations by database, schema and name, filled per schema at the start of a run and kept true by the adapter's
/// methods (create, drop, rename). Lookups are hashed, never scans. Shared by all workers.
///
/// Only a schema that was [listed](RelationCache::set_schema) is known: for others the answer is "ask the database".
#[derive(Debug, Default)]
pub struct RelationCache {
    schemas: RwLock<FxHashMap<SchemaKey, Schema>>,
}

/// The relations of a schema.
#[derive(Debug, Default)]
struct Schema {
    /// Whether these are all that there are; otherwise they are those that this run made.
    listed: bool,
    relations: FxHashMap<Arc<str>, Relation>,
}

fn lower(text: &str) -> Arc<str> {
    if text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        text.to_lowercase().into()
    } else {
        text.into()
    }
}

fn key(database: Option<&str>, schema: Option<&str>) -> SchemaKey {
    (database.map(lower), lower(schema.unwrap_or_default()))
}

fn key_of(relation: &Relation) -> SchemaKey {
    key(relation.database.as_deref(), relation.schema.as_deref())
}

fn name_of(relation: &Relation) -> Arc<str> {
    lower(relation.identifier.as_deref().unwrap_or_default())
}

impl RelationCache {
    /// An empty cache: no schema is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a schema was listed.
    pub fn knows_schema(&self, database: Option<&str>, schema: &str) -> bool {
        self.schemas.read().get(&key(database, Some(schema))).is_some_and(|schema| schema.listed)
    }

    /// Takes the listing of a schema. Relations that were added while it was fetched stay.
    pub fn set_schema(
        &self,
        database: Option<&str>,
        schema: &str,
        relations: impl IntoIterator<Item = Relation>,
    ) {
        let mut schemas = self.schemas.write();
        let entries = schemas.entry(key(database, Some(schema))).or_default();
        entries.listed = true;
        for relation in relations {
            entries.relations.entry(name_of(&relation)).or_insert(relation);
        }
    }

    /// The relation of a name in whatever case, if its schema is known: the outer `None` says that it is not.
    pub fn lookup(&self, database: Option<&str>, schema: &str, identifier: &str) -> Option<Option<Relation>> {
        let schemas = self.schemas.read();
        let entries = schemas.get(&key(database, Some(schema)))?;
        let found = entries.relations.get(&lower(identifier)).cloned();
        (found.is_some() || entries.listed).then_some(found)
    }

    /// The relation of a name, or `None` if it does not exist or its schema is not known.
    pub fn get_relation(&self, database: Option<&str>, schema: &str, identifier: &str) -> Option<Relation> {
        self.lookup(database, schema, identifier).flatten()
    }

    /// All relations of a schema; `None` if it is not known.
    pub fn relations(&self, database: Option<&str>, schema: &str) -> Option<Vec<Relation>> {
        let schemas = self.schemas.read();
        let entries = schemas.get(&key(database, Some(schema))).filter(|entries| entries.listed)?;
        let mut relations: Vec<Relation> = entries.relations.values().cloned().collect();
        relations.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        Some(relations)
    }

    /// A relation was created. An earlier one of that name is replaced.
    pub fn add(&self, relation: Relation) {
        let mut schemas = self.schemas.write();
        schemas.entry(key_of(&relation)).or_default().relations.insert(name_of(&relation), relation);
    }

    /// A relation was dropped; whether it was known.
    pub fn drop_relation(&self, relation: &Relation) -> bool {
        let mut schemas = self.schemas.write();
        let entries = schemas.get_mut(&key_of(relation));
        entries.is_some_and(|entries| entries.relations.remove(&name_of(relation)).is_some())
    }

    /// A relation was renamed. What is not known (a temporary table) is added under its new name.
    pub fn rename(&self, from: &Relation, to: &Relation) {
        let mut schemas = self.schemas.write();
        let old = schemas.get_mut(&key_of(from)).and_then(|entries| entries.relations.remove(&name_of(from)));
        let renamed = match old {
            Some(mut relation) => {
                relation.database.clone_from(&to.database);
                relation.schema.clone_from(&to.schema);
                relation.identifier.clone_from(&to.identifier);
                relation.kind = relation.kind.or(to.kind);
                relation
            }
            None => to.clone(),
        };
        schemas.entry(key_of(to)).or_default().relations.insert(name_of(to), renamed);
    }

    /// A schema was dropped with all that was in it.
    pub fn drop_schema(&self, database: Option<&str>, schema: &str) {
        self.schemas.write().remove(&key(database, Some(schema)));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.schemas.write().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RelationType;

    #[test]
    fn finds_relations_of_known_schemas_in_any_case() {
        let cache = RelationCache::new();
        assert_eq!(cache.lookup(Some("d"), "s", "t"), None);
        cache.set_schema(Some("d"), "s", [Relation::of("d", "s", "T").with_kind(RelationType::View)]);
        assert_eq!(cache.lookup(Some("D"), "S", "x"), Some(None));
        let found = cache.get_relation(Some("D"), "S", "t").expect("known");
        assert_eq!(found.kind, Some(RelationType::View));
        assert!(cache.drop_relation(&Relation::of("d", "S", "t")));
        assert_eq!(cache.get_relation(Some("d"), "s", "t"), None);
    }

    #[test]
    fn a_relation_made_in_a_schema_that_was_not_listed_says_nothing_of_others() {
        let cache = RelationCache::new();
        cache.add(Relation::of("d", "s", "a"));
        assert!(cache.get_relation(Some("d"), "s", "a").is_some());
        assert_eq!(cache.lookup(Some("d"), "s", "b"), None, "ask the database");
        assert_eq!(cache.relations(Some("d"), "s"), None);
        cache.set_schema(Some("d"), "s", [Relation::of("d", "s", "b")]);
        assert_eq!(cache.relations(Some("d"), "s").map(|all| all.len()), Some(2));
    }

    #[test]
    fn renaming_keeps_the_kind_and_frees_the_old_name() {
        let cache = RelationCache::new();
        cache.add(Relation::of("d", "s", "a__dbt_tmp").with_kind(RelationType::Table));
        cache.rename(&Relation::of("d", "s", "a__dbt_tmp"), &Relation::of("d", "s", "a"));
        assert_eq!(cache.get_relation(Some("d"), "s", "a__dbt_tmp"), None);
        assert_eq!(cache.get_relation(Some("d"), "s", "a").and_then(|r| r.kind), Some(RelationType::Table));
        cache.drop_schema(Some("d"), "S");
        assert!(!cache.knows_schema(Some("d"), "s"));
    }
}
