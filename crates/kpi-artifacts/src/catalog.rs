//! `catalog.json` (v1): what the database has.

use crate::Metadata;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Who made it and when.
    pub metadata: Metadata,
    /// Relations of nodes by unique id.
    pub nodes: IndexMap<String, CatalogTable>,
    /// Relations of sources by unique id.
    pub sources: IndexMap<String, CatalogTable>,
    /// What went wrong on the way.
    pub errors: Option<Vec<String>>,
}

impl Catalog {
    /// `https://schemas.getdbt.com/dbt/catalog/v1.json`
    pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/catalog/v1.json";
}

/// A relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogTable {
    /// Name and kind.
    pub metadata: TableMetadata,
    /// Columns by name.
    pub columns: IndexMap<String, ColumnMetadata>,
    /// Figures by name; dbt has at least `has_stats`.
    pub stats: IndexMap<String, StatsItem>,
    /// The node or source.
    pub unique_id: Option<String>,
}

/// Name and kind of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableMetadata {
    /// `BASE TABLE`, `VIEW`
    #[serde(rename = "type")]
    pub kind: String,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Database.
    pub database: Option<String>,
    /// Comment.
    pub comment: Option<String>,
    /// Owner.
    pub owner: Option<String>,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMetadata {
    /// Type in the database's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Position.
    pub index: i64,
    /// Name.
    pub name: String,
    /// Comment.
    pub comment: Option<String>,
}

/// A figure about a relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsItem {
    /// Its name.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Boolean, text or number.
    pub value: Json,
    /// Whether it is shown.
    pub include: bool,
    /// What it says.
    pub description: Option<String>,
}

impl StatsItem {
    /// The figure that says that there are no others.
    pub fn none() -> Self {
        Self {
            id: "has_stats".to_owned(),
            label: "Has Stats?".to_owned(),
            value: Json::Bool(false),
            include: false,
            description: Some("Indicates whether there are statistics for this table".to_owned()),
        }
    }
}
