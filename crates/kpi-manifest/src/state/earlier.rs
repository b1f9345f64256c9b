//! An earlier manifest, as far as comparisons and deferral look at it.
//!
//! Whatever else is in the file is skipped while it is read: the manifest of 10,000 models costs a pass over its text.
//! Every field may be missing, as manifests since version 4 are read.

use crate::version_text;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Entries of a section by unique id.
pub(crate) type Section<T> = IndexMap<Arc<str>, T, FxBuildHasher>;

/// The manifest of an earlier run.
#[derive(Debug, Default, Deserialize)]
pub struct EarlierManifest {
    /// Models, seeds, snapshots, tests, analyses, operations.
    #[serde(default)]
    pub nodes: Section<EarlierNode>,
    /// User-defined functions.
    #[serde(default)]
    pub functions: Section<EarlierNode>,
    /// Text of macros.
    #[serde(default)]
    pub(crate) macros: Section<EarlierMacro>,
    #[serde(default)]
    pub(crate) sources: Section<Json>,
    #[serde(default)]
    pub(crate) exposures: Section<Json>,
    #[serde(default)]
    pub(crate) metrics: Section<Json>,
    #[serde(default)]
    pub(crate) semantic_models: Section<Json>,
    #[serde(default)]
    pub(crate) saved_queries: Section<Json>,
    #[serde(default)]
    pub(crate) unit_tests: Section<Json>,
}

/// A node of an earlier manifest.
#[derive(Debug, Default, Deserialize)]
pub struct EarlierNode {
    /// `model`, `seed`...
    #[serde(default, deserialize_with = "nullable")]
    pub resource_type: String,
    /// Name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: Arc<str>,
    /// Unique id.
    #[serde(default, deserialize_with = "nullable")]
    pub unique_id: Arc<str>,
    /// File, relative to its package.
    #[serde(default, deserialize_with = "nullable")]
    pub original_file_path: Arc<str>,
    /// Where its relation is.
    #[serde(default)]
    pub database: Option<Arc<str>>,
    /// The same.
    #[serde(default, deserialize_with = "nullable")]
    pub schema: Arc<str>,
    /// The same.
    #[serde(default, deserialize_with = "nullable")]
    pub alias: Arc<str>,
    /// The relation's rendered name.
    #[serde(default)]
    pub relation_name: Option<Arc<str>>,
    /// Qualified name.
    #[serde(default, deserialize_with = "nullable")]
    pub fqn: Vec<Arc<str>>,
    /// The text as written; `raw_sql` in manifests before version 7.
    #[serde(default, alias = "raw_sql", deserialize_with = "nullable")]
    pub raw_code: Arc<str>,
    /// SQL of the last compile.
    #[serde(default, alias = "compiled_sql")]
    pub compiled_code: Option<Arc<str>>,
    /// Of the file.
    #[serde(default, deserialize_with = "nullable")]
    pub checksum: EarlierChecksum,
    /// Effective config.
    #[serde(default, deserialize_with = "nullable")]
    pub config: Map<String, Json>,
    /// Config as written.
    #[serde(default, deserialize_with = "nullable")]
    pub unrendered_config: Map<String, Json>,
    /// Description.
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    /// Documented columns.
    #[serde(default, deserialize_with = "nullable")]
    pub columns: IndexMap<Arc<str>, EarlierColumn>,
    /// Tags.
    #[serde(default)]
    pub tags: Json,
    /// `meta`
    #[serde(default, deserialize_with = "nullable")]
    pub meta: Map<String, Json>,
    /// Contract.
    #[serde(default, deserialize_with = "nullable")]
    pub contract: EarlierContract,
    /// Constraints of the model.
    #[serde(default, deserialize_with = "nullable")]
    pub constraints: Vec<Json>,
    /// Access of a model.
    #[serde(default)]
    pub access: Option<String>,
    /// Version of a model.
    #[serde(default)]
    pub version: Json,
    /// The version that an unpinned `ref()` means.
    #[serde(default)]
    pub latest_version: Json,
    /// When the model is to go.
    #[serde(default)]
    pub deprecation_date: Option<String>,
    /// Of a function.
    #[serde(default)]
    pub arguments: Json,
    /// Of a function.
    #[serde(default)]
    pub returns: Json,
}

/// `{"name": "sha256", "checksum": ...}`
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub struct EarlierChecksum {
    /// `sha256`, `path` or `none`
    #[serde(default)]
    pub name: String,
    /// Hex digest, or a path.
    #[serde(default)]
    pub checksum: String,
}

/// A documented column of an earlier node.
#[derive(Debug, Default, Deserialize)]
pub struct EarlierColumn {
    /// Name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Description.
    #[serde(default, deserialize_with = "nullable")]
    pub description: String,
    /// Type.
    #[serde(default)]
    pub data_type: Option<String>,
    /// Constraints.
    #[serde(default, deserialize_with = "nullable")]
    pub constraints: Vec<Json>,
}

/// The contract of an earlier model.
#[derive(Debug, Default, Deserialize)]
pub struct EarlierContract {
    /// Whether it holds.
    #[serde(default, deserialize_with = "nullable")]
    pub enforced: bool,
    /// Of columns, types and constraints.
    #[serde(default)]
    pub checksum: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct EarlierMacro {
    #[serde(default, deserialize_with = "nullable")]
    pub macro_sql: Arc<str>,
}

/// `null` as what a missing field is.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl EarlierManifest {
    /// Forgets metrics, as dbt does with those of manifests before version 10: they had another shape.
    #[must_use]
    pub fn without_metrics(mut self) -> Self {
        self.metrics.clear();
        self
    }

    /// A node or a function.
    pub(crate) fn node(&self, id: &str) -> Option<&EarlierNode> {
        self.nodes.get(id).or_else(|| self.functions.get(id))
    }
}

impl EarlierNode {
    /// How it is built.
    pub fn materialized(&self) -> &str {
        self.config.get("materialized").and_then(Json::as_str).unwrap_or("view")
    }

    /// Whether it is a model that lives only inside the SQL of its children.
    pub fn is_ephemeral(&self) -> bool {
        self.materialized() == "ephemeral"
    }

    /// Whether others may `ref()` it.
    pub fn is_refable(&self) -> bool {
        matches!(self.resource_type.as_str(), "model" | "seed" | "snapshot")
    }

    /// `model orders (models/orders.sql)`: how messages call it.
    pub fn heading(&self) -> String {
        let version = match &self.version {
            Json::Null => String::new(),
            version => format!(".v{}", version_text(version)),
        };
        format!("{} {}{version} ({})", self.resource_type, self.name, self.original_file_path)
    }
}
