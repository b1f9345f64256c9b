//! Where tables are kept: the catalogs that a project declares, for targets that write into several.

use serde_json::{Map, Value as Json};

/// A catalog that models name by their config `catalog_name`. Comes from `catalogs.yml`, or belongs to the target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatalogIntegration {
    /// The name that models use.
    pub name: String,
    /// Which form of `catalogs.yml` declares it: 1 lists write integrations, 2 has a block of settings per platform.
    pub form: u8,
    /// What it is, as declared: `built_in`, `iceberg_rest`, `horizon`...
    pub catalog_type: String,
    /// The name that the database has for it.
    pub catalog_name: Option<String>,
    /// `iceberg`, for instance.
    pub table_format: Option<String>,
    /// Where its files lie.
    pub external_volume: Option<String>,
    /// The format of its files.
    pub file_format: Option<String>,
    /// Models in it go to this database, whatever they say themselves.
    pub catalog_database: Option<String>,
    /// Settings that only the target understands.
    pub properties: Map<String, Json>,
}

impl CatalogIntegration {
    /// A setting of the target's.
    pub fn property(&self, name: &str) -> Option<&Json> {
        self.properties.get(name).filter(|value| !value.is_null())
    }

    /// A setting of the target's that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.property(name).and_then(Json::as_str)
    }

    /// The database of a model in this catalog, given the one that the model names.
    pub fn database_of<'a>(&'a self, custom: Option<&'a str>) -> Option<&'a str> {
        self.catalog_database.as_deref().or(custom).or_else(|| self.text("catalog_linked_database"))
    }

    /// Whether the database is linked to a catalog outside: it has no transactions and no temporary tables.
    pub fn is_linked(&self) -> bool {
        self.text("catalog_linked_database").is_some_and(|database| !database.is_empty())
    }

    /// Whether it is linked to AWS Glue, whose names are lower case.
    pub fn is_glue(&self) -> bool {
        self.text("catalog_linked_database_type") == Some("glue")
    }
}
