//! Nodes: models, seeds, snapshots, tests, analyses, operations; and sources, exposures, docs, groups.

use crate::Config;
use indexmap::IndexMap;
use kpi_adapter::{Policy, Relation, RelationType};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Position of a node in [`crate::Manifest::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    /// `model`
    Model,
    /// `seed`
    Seed,
    /// `snapshot`
    Snapshot,
    /// `test`: generic or singular data test
    Test,
    /// `analysis`
    Analysis,
    /// `operation`: a hook of the project
    Operation,
    /// `sql_operation`: `--inline`
    SqlOperation,
    /// `unit_test`
    UnitTest,
    /// `function`
    Function,
    /// `source`
    Source,
    /// `exposure`
    Exposure,
    /// `metric`
    Metric,
    /// `semantic_model`
    SemanticModel,
    /// `saved_query`
    SavedQuery,
    /// `group`
    Group,
    /// `macro`
    Macro,
    /// `doc`
    Doc,
}

impl ResourceType {
    /// dbt's name, as in unique ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Test => "test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::SqlOperation => "sql_operation",
            Self::UnitTest => "unit_test",
            Self::Function => "function",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
            Self::Group => "group",
            Self::Macro => "macro",
            Self::Doc => "doc",
        }
    }
}

/// `{"name": "sha256", "checksum": ...}`
#[derive(Debug, Clone)]
pub struct Checksum {
    /// `sha256`, `path` or `none`
    pub name: &'static str,
    /// Hex digest
    pub checksum: Arc<str>,
}

/// A `ref()` as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RefCall {
    /// First of two arguments.
    pub package: Option<Arc<str>>,
    /// Name.
    pub name: Arc<str>,
    /// `v=` or `version=`; number or string, printed
    pub version: Option<Arc<str>>,
}

/// `test_metadata` of a generic test.
#[derive(Debug, Clone)]
pub struct TestMetadata {
    /// `unique`
    pub name: Arc<str>,
    /// `dbt_utils` in `dbt_utils.equal_rowcount`
    pub namespace: Option<Arc<str>>,
    /// Arguments, `model` and `column_name` included.
    pub kwargs: Map<String, Json>,
}

/// A documented column.
#[derive(Debug, Clone, Default)]
pub struct ColumnInfo {
    /// `name`
    pub name: Arc<str>,
    /// Rendered.
    pub description: String,
    /// Unique ids of the docs blocks of the description.
    pub doc_blocks: Vec<Arc<str>>,
    /// `meta`
    pub meta: Map<String, Json>,
    /// `data_type`
    pub data_type: Option<String>,
    /// `constraints`
    pub constraints: Vec<Json>,
    /// `quote`
    pub quote: Option<bool>,
    /// `config`
    pub config: Map<String, Json>,
    /// `tags`
    pub tags: Vec<Arc<str>>,
    /// `granularity`, `dimension`, unknown extras...
    pub extra: Map<String, Json>,
}

/// What the table is called, behind the name of a model, that holds the rows that the model's expectations keep out.
pub const QUARANTINE_SUFFIX: &str = "__quarantine";

/// A node that can be compiled or run. Serializes to dbt's manifest v12 entry (see `kpi-artifacts`).
#[derive(Debug, Clone)]
pub struct Node {
    /// `model.package.name`
    pub unique_id: Arc<str>,
    /// What it is.
    pub resource_type: ResourceType,
    /// Name.
    pub name: Arc<str>,
    /// Package.
    pub package_name: Arc<str>,
    /// Relative to the resource folder: `staging/stg_orders.sql`.
    pub path: Arc<str>,
    /// Relative to the package root: `models/staging/stg_orders.sql`.
    pub original_file_path: Arc<str>,
    /// `[package, folders..., name]`
    pub fqn: Vec<Arc<str>>,
    /// Name in the database.
    pub alias: Arc<str>,
    /// Schema, by `generate_schema_name`.
    pub schema: Arc<str>,
    /// Database, by `generate_database_name`.
    pub database: Option<Arc<str>>,
    /// Rendered name; `None` for ephemeral models and tests that store nothing.
    pub relation_name: Option<Arc<str>>,
    /// The text as written.
    pub raw_code: Arc<str>,
    /// `sql` or `python`
    pub language: &'static str,
    /// Of the text.
    pub checksum: Checksum,
    /// Effective config.
    pub config: Config,
    /// Config as written, before rendering.
    pub unrendered_config: Arc<Map<String, Json>>,
    /// What `config()` in the file set, for state comparison.
    pub config_call_dict: Arc<Map<String, Json>>,
    /// Which parts of the relation are quoted: project and node config over the target's defaults.
    pub quote: Policy,
    /// Tags, merged.
    pub tags: Vec<Arc<str>>,
    /// Rendered description.
    pub description: String,
    /// Unique ids of the docs blocks of the description.
    pub doc_blocks: Vec<Arc<str>>,
    /// Documented columns.
    pub columns: IndexMap<Arc<str>, ColumnInfo>,
    /// `meta`, merged.
    pub meta: Map<String, Json>,
    /// `{"show": true, "node_color": null}`
    pub docs: Map<String, Json>,
    /// `package://models/schema.yml`
    pub patch_path: Option<Arc<str>>,
    /// `ref()`s as written.
    pub refs: Vec<RefCall>,
    /// `source()`s as written.
    pub sources: Vec<[Arc<str>; 2]>,
    /// `metric()`s as written.
    pub metrics: Vec<Vec<Arc<str>>>,
    /// `function()`s as written.
    pub functions: Vec<Vec<Arc<str>>>,
    /// Unique ids of the nodes that it needs, in order of first use.
    pub depends_on_nodes: Vec<Arc<str>>,
    /// Unique ids of the macros that it calls.
    pub depends_on_macros: Vec<Arc<str>>,
    /// `group`
    pub group: Option<Arc<str>>,
    /// `private`, `protected`, `public` (models)
    pub access: Option<Arc<str>>,
    /// `constraints` of the model
    pub constraints: Vec<Json>,
    /// Of columns and constraints, where a contract is enforced.
    pub contract_checksum: Option<String>,
    /// `version`: number or string
    pub version: Option<Json>,
    /// `latest_version`
    pub latest_version: Option<Json>,
    /// `deprecation_date`
    pub deprecation_date: Option<String>,
    /// `primary_key` guessed from tests
    pub primary_key: Vec<Arc<str>>,
    /// `time_spine`
    pub time_spine: Option<Json>,
    /// Absolute root of the package (seeds).
    pub root_path: Option<Arc<str>>,
    /// Of a generic test.
    pub test_metadata: Option<TestMetadata>,
    /// The expectation that a test is, where it is one.
    pub expectation: Option<Arc<kpi_quality::Expectation>>,
    /// The suite that an expectation comes from.
    pub suite: Option<Arc<str>>,
    /// Column of a generic test.
    pub column_name: Option<Arc<str>>,
    /// `models.customers` of a generic test
    pub file_key_name: Option<Arc<str>>,
    /// The node that a generic test is attached to.
    pub attached_node: Option<Arc<str>>,
    /// Index of a hook of the project.
    pub hook_index: Option<usize>,
    /// Seconds since the epoch at parse.
    pub created_at: f64,
    /// Compiled SQL of the last compile of this invocation.
    pub compiled_code: Option<Arc<str>>,
    /// `target/compiled/...`
    pub compiled_path: Option<Arc<str>>,
    /// `target/run/...`
    pub build_path: Option<Arc<str>>,
    /// CTEs of ephemeral parents: id and SQL
    pub extra_ctes: Vec<(Arc<str>, Arc<str>)>,
    /// The relation that an earlier run made of it: see [`crate::state`].
    pub deferred: Option<Box<crate::state::Deferred>>,
    /// What a later room keeps with the node (unit tests, functions), in manifest form.
    pub extra: Map<String, Json>,
    /// Index into [`crate::Manifest::templates`]: the parsed text.
    pub template: Option<u32>,
    /// Line of the file at which `raw_code` begins.
    pub first_line: u32,
}

/// A table of a source.
#[derive(Debug, Clone)]
pub struct SourceTable {
    /// `source.package.source.table`
    pub unique_id: Arc<str>,
    /// Package.
    pub package_name: Arc<str>,
    /// Source.
    pub source_name: Arc<str>,
    /// Table.
    pub name: Arc<str>,
    /// Property file.
    pub path: Arc<str>,
    /// Property file relative to the package root.
    pub original_file_path: Arc<str>,
    /// `[package, folders..., source, table]`
    pub fqn: Vec<Arc<str>>,
    /// Database.
    pub database: Option<Arc<str>>,
    /// Schema.
    pub schema: Arc<str>,
    /// Identifier.
    pub identifier: Arc<str>,
    /// Rendered name, or an external location.
    pub relation_name: Arc<str>,
    /// Effective config.
    pub config: Config,
    /// Config as written.
    pub unrendered_config: Map<String, Json>,
    /// `database` before rendering.
    pub unrendered_database: Option<String>,
    /// `schema` before rendering.
    pub unrendered_schema: Option<String>,
    /// Which parts of the relation are quoted.
    pub quote: Policy,
    /// What stands for the relation in SQL: a file, a function call.
    pub external_location: Option<Arc<str>>,
    /// Documented columns.
    pub columns: IndexMap<Arc<str>, ColumnInfo>,
    /// Tags.
    pub tags: Vec<Arc<str>>,
    /// Description, rendered.
    pub description: String,
    /// Unique ids of the docs blocks of the description.
    pub doc_blocks: Vec<Arc<str>>,
    /// Description of the source, rendered.
    pub source_description: String,
    /// `meta`, merged
    pub meta: Map<String, Json>,
    /// `meta` of the source
    pub source_meta: Map<String, Json>,
    /// `loader`
    pub loader: String,
    /// `quoting`
    pub quoting: Map<String, Json>,
    /// `freshness`, merged; null: none
    pub freshness: Json,
    /// `loaded_at_field`
    pub loaded_at_field: Option<String>,
    /// `loaded_at_query`
    pub loaded_at_query: Option<String>,
    /// `external`
    pub external: Json,
    /// `package://...`
    pub patch_path: Option<Arc<str>>,
    /// Seconds since the epoch.
    pub created_at: f64,
}

/// An exposure.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// `exposure.package.name`
    pub unique_id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Package.
    pub package_name: Arc<str>,
    /// Property file.
    pub path: Arc<str>,
    /// Property file relative to the package root.
    pub original_file_path: Arc<str>,
    /// fqn
    pub fqn: Vec<Arc<str>>,
    /// Effective config.
    pub config: Config,
    /// As written.
    pub unrendered_config: Map<String, Json>,
    /// Tags.
    pub tags: Vec<Arc<str>>,
    /// `meta`
    pub meta: Map<String, Json>,
    /// `type`, `owner`, `maturity`, `url`, `label`, `description`.
    pub fields: Map<String, Json>,
    /// `ref()`s
    pub refs: Vec<RefCall>,
    /// `source()`s
    pub sources: Vec<[Arc<str>; 2]>,
    /// `metric()`s
    pub metrics: Vec<Vec<Arc<str>>>,
    /// Resolved.
    pub depends_on_nodes: Vec<Arc<str>>,
    /// Seconds since the epoch.
    pub created_at: f64,
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// `group.package.name`
    pub unique_id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Package.
    pub package_name: Arc<str>,
    /// Property file.
    pub path: Arc<str>,
    /// Property file relative to the package root.
    pub original_file_path: Arc<str>,
    /// `owner`
    pub owner: Map<String, Json>,
    /// `description`
    pub description: Option<String>,
    /// `config`
    pub config: Map<String, Json>,
}

/// A docs block.
#[derive(Debug, Clone)]
pub struct Doc {
    /// `doc.package.name`
    pub unique_id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Package.
    pub package_name: Arc<str>,
    /// File.
    pub path: Arc<str>,
    /// File relative to the package root.
    pub original_file_path: Arc<str>,
    /// Text.
    pub block_contents: Arc<str>,
}

impl Node {
    /// A node without contents.
    pub fn new(resource_type: ResourceType, package: Arc<str>, name: Arc<str>) -> Self {
        thread_local! { static EMPTY: Arc<str> = Arc::from(""); }
        let empty = EMPTY.with(Arc::clone);
        Self {
            unique_id: format!("{}.{package}.{name}", resource_type.as_str()).into(),
            resource_type,
            alias: name.clone(),
            name,
            package_name: package,
            path: empty.clone(),
            original_file_path: empty.clone(),
            fqn: Vec::new(),
            schema: empty.clone(),
            database: None,
            relation_name: None,
            raw_code: empty.clone(),
            language: "sql",
            checksum: Checksum { name: "none", checksum: empty },
            config: Config::new(resource_type),
            unrendered_config: Config::new(resource_type).set,
            config_call_dict: Config::new(resource_type).set,
            quote: Policy::ALL,
            tags: Vec::new(),
            description: String::new(),
            doc_blocks: Vec::new(),
            columns: IndexMap::new(),
            meta: Map::new(),
            docs: Map::new(),
            patch_path: None,
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            functions: Vec::new(),
            depends_on_nodes: Vec::new(),
            depends_on_macros: Vec::new(),
            group: None,
            access: None,
            constraints: Vec::new(),
            contract_checksum: None,
            version: None,
            latest_version: None,
            deprecation_date: None,
            primary_key: Vec::new(),
            time_spine: None,
            root_path: None,
            test_metadata: None,
            expectation: None,
            suite: None,
            column_name: None,
            file_key_name: None,
            attached_node: None,
            hook_index: None,
            created_at: 0.0,
            compiled_code: None,
            compiled_path: None,
            build_path: None,
            extra_ctes: Vec::new(),
            deferred: None,
            extra: Map::new(),
            template: None,
            first_line: 1,
        }
    }

    /// Whether others may `ref()` it.
    pub fn is_refable(&self) -> bool {
        matches!(self.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    }

    /// Whether it is a model that lives only inside the SQL of its children.
    pub fn is_ephemeral(&self) -> bool {
        self.is_refable() && self.config.materialized() == "ephemeral"
    }

    /// Whether it makes a relation in the database.
    pub fn is_relational(&self) -> bool {
        match self.resource_type {
            ResourceType::Test => self.config.store_failures(),
            _ => self.is_refable() && !self.is_ephemeral(),
        }
    }

    /// The relation that it makes.
    pub fn relation(&self) -> Relation {
        let relation =
            Relation::new(self.database.clone(), Some(self.schema.clone()), Some(self.alias.clone()))
                .with_quote(self.quote);
        match self.is_ephemeral() {
            true => relation.with_kind(RelationType::Cte),
            false => relation,
        }
    }

    /// `name`, or `name.v2` of a versioned model: what `ref()` and messages call it.
    pub fn search_name(&self) -> Arc<str> {
        match &self.version {
            Some(version) => format!("{}.v{}", self.name, version_text(version)).into(),
            None => self.name.clone(),
        }
    }

    /// `model orders (models/orders.sql)`: how messages call it.
    pub fn heading(&self) -> String {
        format!("{} {} ({})", self.resource_type.as_str(), self.name, self.original_file_path)
    }
}

impl SourceTable {
    /// The relation that it stands for.
    pub fn relation(&self) -> Relation {
        let relation =
            Relation::new(self.database.clone(), Some(self.schema.clone()), Some(self.identifier.clone()))
                .with_quote(self.quote);
        match &self.external_location {
            Some(location) => relation.with_external_location(location),
            None => relation,
        }
    }

    /// Whether there is a threshold that the age of its data is judged by.
    pub fn has_freshness(&self) -> bool {
        let given = |time: &Json, part: &str| time.get(part).is_some_and(|value| !value.is_null());
        ["warn_after", "error_after"]
            .into_iter()
            .filter_map(|key| self.freshness.get(key))
            .any(|time| given(time, "count") && given(time, "period"))
    }

    /// `source.table`
    pub fn search_name(&self) -> String {
        format!("{}.{}", self.source_name, self.name)
    }
}

/// A version as dbt prints it: `1`, `1.5`, `beta`.
pub fn version_text(version: &Json) -> String {
    match version {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
