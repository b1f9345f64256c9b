//! What the database has of the project's relations: columns with types and comments, for documentation.

use crate::engine::Engine;
use indexmap::IndexMap;
use kpi_adapter::{AgateTable, Cell, Relation, Table};
use kpi_artifacts::{CatalogTable, ColumnMetadata, StatsItem, TableMetadata};
use kpi_diagnostics::Diagnostic;
use kpi_jinja::{Args, Value};
use kpi_manifest::Manifest;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use std::sync::Arc;

/// Beyond so many relations whole schemas are asked for.
const SINGLE_RELATIONS: usize = 100;

/// Relations of the project as the database has them.
#[derive(Debug, Default)]
pub struct CatalogEntries {
    /// Of nodes, by unique id.
    pub nodes: IndexMap<String, CatalogTable>,
    /// Of sources, by unique id.
    pub sources: IndexMap<String, CatalogTable>,
    /// What could not be asked.
    pub errors: Vec<String>,
}

/// Database, schema and name in lower case.
type Key = (Option<String>, String, String);

fn key(database: Option<&str>, schema: &str, name: &str) -> Key {
    (database.map(str::to_lowercase), schema.to_lowercase(), name.to_lowercase())
}

fn key_of(relation: &Relation) -> Key {
    key(
        relation.database.as_deref(),
        relation.schema.as_deref().unwrap_or_default(),
        relation.identifier.as_deref().unwrap_or_default(),
    )
}

impl Engine {
    /// Asks the database about the relations of `selected` nodes and sources (unique ids); `None`: of all.
    ///
    /// Goes through the macros `get_catalog_relations` and `get_catalog`, which projects may override. A database that
    /// does not answer is an error in the entries: the others are still asked.
    ///
    /// # Errors
    /// A query comment that cannot be made.
    pub fn catalog(self: &Arc<Self>, selected: Option<&[Arc<str>]>) -> Result<CatalogEntries, Diagnostic> {
        let wanted: Option<FxHashSet<&str>> = selected.map(|ids| ids.iter().map(|id| &**id).collect());
        let relations = relations(&self.manifest, wanted.as_ref());
        let mut entries = CatalogEntries::default();
        let mut tables: IndexMap<Key, CatalogTable> = IndexMap::new();
        let singly = wanted.is_some() && relations.len() <= SINGLE_RELATIONS;
        let mut databases: IndexMap<Option<Arc<str>>, Vec<Relation>> = IndexMap::new();
        for relation in relations {
            databases.entry(relation.database.clone()).or_default().push(relation);
        }
        let master = self.connection("generate_catalog");
        for relations in databases.values() {
            let answer = self.catalog_of_database(&master, relations, singly);
            let answer = answer.map_err(|error| error.message).and_then(|table| {
                let known: FxHashSet<Key> = relations.iter().map(key_of).collect();
                add_rows(&table, wanted.is_some().then_some(&known), &mut tables)
            });
            if let Err(error) = answer {
                entries.errors.push(error);
            }
            // A question leaves nothing behind.
            if let Err(error) = master.rollback() {
                entries.errors.push(error.message);
            }
        }
        master.close();
        assign(&self.manifest, wanted.as_ref(), tables, &mut entries);
        Ok(entries)
    }

    fn catalog_of_database(
        self: &Arc<Self>,
        master: &Arc<kpi_adapter::NodeConnection>,
        relations: &[Relation],
        singly: bool,
    ) -> Result<Table, Diagnostic> {
        let Some(first) = relations.first() else { return Ok(Table::default()) };
        master.assign("generate_catalog", self.query_comment(None, master)?);
        let name = if singly { "get_catalog_relations" } else { "get_catalog" };
        let failed = |error: kpi_jinja::Error| self.macro_diagnostic(name, &error);
        let scope = self.bare_scope(master);
        let mut interp = scope.interp();
        let schema = first.information_schema(None).into_value();
        let about = if singly {
            Value::list(relations.iter().map(|relation| relation.clone().into_value()))
        } else {
            let mut seen = FxHashSet::default();
            let schemas = relations.iter().filter_map(|relation| relation.schema.clone());
            let schemas =
                schemas.map(|schema| schema.to_lowercase()).filter(|schema| seen.insert(schema.clone()));
            Value::list(schemas.map(Value::from))
        };
        let answer = interp.call_named(name, Args::of([schema, about])).map_err(failed)?;
        match AgateTable::from_value(&answer) {
            Some(table) => table.to_table().map_err(failed),
            None => Err(failed(kpi_jinja::Error::compilation(format!(
                "{name} must return a table, but returned a {}",
                answer.type_name()
            )))),
        }
    }
}

/// The relations to ask about, each once.
fn relations(manifest: &Manifest, wanted: Option<&FxHashSet<&str>>) -> Vec<Relation> {
    let is_wanted = |id: &str| wanted.is_none_or(|wanted| wanted.contains(id));
    let nodes = manifest.nodes.iter().filter(|node| node.is_relational() && !node.is_ephemeral());
    let nodes = nodes.filter(|node| is_wanted(&node.unique_id)).map(kpi_manifest::Node::relation);
    let sources = manifest.sources.values().filter(|source| is_wanted(&source.unique_id)).map(|source| {
        Relation::new(source.database.clone(), Some(source.schema.clone()), Some(source.identifier.clone()))
            .with_quote(source.quote)
    });
    let mut seen = FxHashSet::default();
    nodes.chain(sources).filter(|relation| seen.insert(key_of(relation))).collect()
}

/// The cells of a row by the name of the column, in lower case.
type Fields<'t> = FxHashMap<&'t str, &'t Cell>;

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).filter(|cell| !matches!(cell, Cell::Null)).map(|cell| cell.text())
}

/// Puts the rows of an answer, one a column, together to tables. Only of `known` relations, where that is given.
fn add_rows(
    table: &Table,
    known: Option<&FxHashSet<Key>>,
    tables: &mut IndexMap<Key, CatalogTable>,
) -> Result<(), String> {
    let names: Vec<String> = table.columns.iter().map(|name| name.to_lowercase()).collect();
    for row in &table.rows {
        let fields: Fields<'_> = names.iter().map(String::as_str).zip(row).collect();
        let required = |name: &str| {
            text(&fields, name).ok_or_else(|| format!("Catalog information missing required key '{name}'"))
        };
        let (schema, name) = (required("table_schema")?, required("table_name")?);
        let database = text(&fields, "table_database");
        let key = key(database.as_deref(), &schema, &name);
        if known.is_some_and(|known| !known.contains(&key)) {
            continue;
        }
        let entry = tables.entry(key).or_insert_with(|| CatalogTable {
            metadata: TableMetadata {
                kind: text(&fields, "table_type").unwrap_or_default(),
                schema,
                name,
                database,
                comment: text(&fields, "table_comment"),
                owner: text(&fields, "table_owner"),
            },
            columns: IndexMap::new(),
            stats: stats(&fields, &names),
            unique_id: None,
        });
        let column = ColumnMetadata {
            kind: text(&fields, "column_type").unwrap_or_default(),
            index: text(&fields, "column_index").and_then(|index| index.trim().parse().ok()).unwrap_or(0),
            name: required("column_name")?,
            comment: text(&fields, "column_comment"),
        };
        entry.columns.insert(column.name.clone(), column);
    }
    Ok(())
}

/// Figures about a table: columns `stats:size:value`, `stats:size:label`...
fn stats(fields: &Fields<'_>, names: &[String]) -> IndexMap<String, StatsItem> {
    let mut found: IndexMap<String, StatsItem> = IndexMap::new();
    for id in names.iter().filter_map(|name| name.strip_prefix("stats:")?.split(':').next()) {
        let field = |part: &str| fields.get(format!("stats:{id}:{part}").as_str()).copied();
        let value = field("value").map_or(Json::Null, Cell::to_json);
        let include = field("include").map(Cell::to_json).is_some_and(|include| include == Json::Bool(true));
        if found.contains_key(id) || !include || value.is_null() {
            continue;
        }
        let item = StatsItem {
            id: id.to_owned(),
            label: field("label").map(Cell::text).unwrap_or_default(),
            value,
            include,
            description: field("description").filter(|cell| !matches!(cell, Cell::Null)).map(Cell::text),
        };
        found.insert(id.to_owned(), item);
    }
    let mut has = StatsItem::none();
    has.value = Json::Bool(!found.is_empty());
    found.insert(has.id.clone(), has);
    found
}

/// Gives every table to the node and the sources that stand for it.
fn assign(
    manifest: &Manifest,
    wanted: Option<&FxHashSet<&str>>,
    tables: IndexMap<Key, CatalogTable>,
    entries: &mut CatalogEntries,
) {
    let is_wanted = |id: &str| wanted.is_none_or(|wanted| wanted.contains(id));
    let mut of_nodes: FxHashMap<Key, &str> = FxHashMap::default();
    for node in manifest.nodes.iter().filter(|node| node.is_relational() && !node.is_ephemeral()) {
        of_nodes.insert(key(node.database.as_deref(), &node.schema, &node.alias), &node.unique_id);
    }
    let mut of_sources: FxHashMap<Key, Vec<&str>> = FxHashMap::default();
    for source in manifest.sources.values() {
        let key = key(source.database.as_deref(), &source.schema, &source.identifier);
        of_sources.entry(key).or_default().push(&source.unique_id);
    }
    let named =
        |table: &CatalogTable, id: &str| CatalogTable { unique_id: Some(id.to_owned()), ..table.clone() };
    for (key, table) in tables {
        for id in of_sources.get(&key).into_iter().flatten().filter(|id| is_wanted(id)) {
            entries.sources.insert((*id).to_owned(), named(&table, id));
        }
        if let Some(id) = of_nodes.get(&key).filter(|id| is_wanted(id)) {
            entries.nodes.insert((*id).to_owned(), named(&table, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn str(text: &str) -> Cell {
        Cell::Str(text.into())
    }

    #[test]
    fn rows_become_tables_with_columns_and_figures() {
        let columns = [
            "TABLE_DATABASE",
            "table_schema",
            "table_name",
            "table_type",
            "column_name",
            "column_index",
            "column_type",
            "stats:size:label",
            "stats:size:value",
            "stats:size:include",
            "stats:size:description",
        ];
        let row = |table: &str, column: &str, index| {
            vec![
                str("Db"),
                str("Main"),
                str(table),
                str("VIEW"),
                str(column),
                Cell::Int(index),
                str("INTEGER"),
                str("Size"),
                Cell::Int(3),
                Cell::Bool(true),
                Cell::Null,
            ]
        };
        let table = Table {
            columns: columns.map(Into::into).to_vec(),
            types: Vec::new(),
            rows: vec![row("A", "Id", 1), row("A", "b", 2), row("other", "x", 1)],
        };
        let known = FxHashSet::from_iter([key(Some("db"), "main", "a")]);
        let mut tables = IndexMap::new();
        add_rows(&table, Some(&known), &mut tables).unwrap();
        assert_eq!(tables.len(), 1);
        let found = &tables[0];
        assert_eq!((found.metadata.name.as_str(), found.metadata.kind.as_str()), ("A", "VIEW"));
        assert_eq!(found.columns.keys().collect::<Vec<_>>(), ["Id", "b"]);
        assert_eq!(found.columns["b"].index, 2);
        assert_eq!(found.stats["size"].value, Json::from(3));
        assert_eq!(found.stats["has_stats"].value, Json::Bool(true));
        let broken =
            Table { columns: vec!["table_name".into()], types: Vec::new(), rows: vec![vec![str("a")]] };
        assert_eq!(
            add_rows(&broken, None, &mut tables).unwrap_err(),
            "Catalog information missing required key 'table_schema'"
        );
    }
}
