//! The typed contents of property files (`schema.yml`, `schema.toml`).
//!
//! Values that dbt renders with Jinja while it parses are rendered; test arguments, hooks and descriptions are not (they
//! are rendered later, with more context).

mod entries;
mod read;
mod shapes;

use kpi_diagnostics::{SourceFile, Span};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

pub(crate) use read::read;

/// One property file.
#[derive(Debug, Clone)]
pub struct PropertyFile {
    /// Name and text.
    pub file: Arc<SourceFile>,
    /// Relative to the package root.
    pub path: Arc<str>,
    /// `models:`
    pub models: Vec<NodeProperties>,
    /// `seeds:`
    pub seeds: Vec<NodeProperties>,
    /// `snapshots:` (a native snapshot when `relation` is given)
    pub snapshots: Vec<NodeProperties>,
    /// `analyses:`
    pub analyses: Vec<NodeProperties>,
    /// `data_tests:`/`tests:` at the top level: patches of singular tests
    pub data_tests: Vec<NodeProperties>,
    /// `functions:`
    pub functions: Vec<NodeProperties>,
    /// `sources:`
    pub sources: Vec<SourceProperties>,
    /// `macros:`
    pub macros: Vec<MacroProperties>,
    /// `exposures:`
    pub exposures: Vec<ExposureProperties>,
    /// `groups:`
    pub groups: Vec<GroupProperties>,
    /// Sections that later rooms read, as written: `unit_tests`, `metrics`, `semantic_models`, `saved_queries`.
    pub other: Map<String, Json>,
}

impl PropertyFile {
    /// A file without entries.
    pub fn new(file: Arc<SourceFile>, path: Arc<str>) -> Self {
        Self {
            file,
            path,
            models: Vec::new(),
            seeds: Vec::new(),
            snapshots: Vec::new(),
            analyses: Vec::new(),
            data_tests: Vec::new(),
            functions: Vec::new(),
            sources: Vec::new(),
            macros: Vec::new(),
            exposures: Vec::new(),
            groups: Vec::new(),
            other: Map::new(),
        }
    }
}

/// The place of a value inside an entry, for a message: `path` leads from the entry to it, such as
/// `["columns", "0", "data_tests"]`. The file is parsed again, so that nothing need be kept for the rare error.
/// Where the path leads nowhere, the entry's own place is the answer.
pub fn locate(entry: &Span, path: &[&str]) -> Span {
    let Some(position) = entry.position else { return entry.clone() };
    let root = if entry.file.name.ends_with(".toml") {
        crate::yaml::parse_toml(&entry.file).ok()
    } else {
        crate::yaml::parse_document(&entry.file).ok().and_then(|document| document.root)
    };
    let mut open: Vec<&crate::yaml::Node> = root.iter().collect();
    while let Some(node) = open.pop() {
        if (node.line, node.column) == (position.line, position.column)
            && let Some(found) = node.find(path.iter().copied())
        {
            return found.span(&entry.file);
        }
        match &node.value {
            crate::yaml::Value::List(items) => open.extend(items),
            crate::yaml::Value::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    entry.clone()
}

/// Properties of a model, seed, snapshot, analysis or singular test.
#[derive(Debug, Clone)]
pub struct NodeProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where the entry begins.
    pub span: Span,
    /// `description`, with `{{ doc() }}` not yet rendered
    pub description: String,
    /// `columns`
    pub columns: Vec<ColumnProperties>,
    /// `config`, rendered (hooks are not)
    pub config: Map<String, Json>,
    /// `config` before rendering
    pub unrendered_config: Map<String, Json>,
    /// `data_tests` or `tests`
    pub data_tests: Vec<TestEntry>,
    /// `versions`
    pub versions: Vec<VersionProperties>,
    /// `latest_version`: a number or string
    pub latest_version: Option<Json>,
    /// Everything else at the top level of the entry: `meta`, `docs`, `access`, `group`, `constraints`,
    /// `deprecation_date`, `time_spine`, `relation` (snapshots), `quote_columns`, ...
    pub other: Map<String, Json>,
}

/// A column of an entry.
#[derive(Debug, Clone)]
pub struct ColumnProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// `description`, not rendered
    pub description: String,
    /// `data_type`
    pub data_type: Option<String>,
    /// `quote`
    pub quote: Option<bool>,
    /// `meta` (also of `config.meta`)
    pub meta: Map<String, Json>,
    /// `tags` (also of `config.tags`)
    pub tags: Vec<Arc<str>>,
    /// `config` as written
    pub config: Map<String, Json>,
    /// `constraints`
    pub constraints: Vec<Json>,
    /// `data_tests` or `tests`
    pub data_tests: Vec<TestEntry>,
    /// Everything else: `policy_tags`, `granularity`, `dimension`, ...
    pub other: Map<String, Json>,
}

/// A generic test as written: `unique`, or `{accepted_values: {arguments: {values: [...]}, config: {...}}}`.
#[derive(Debug, Clone)]
pub struct TestEntry {
    /// As written, not rendered.
    pub definition: Json,
    /// Where.
    pub span: Span,
}

/// One of a model's `versions`.
#[derive(Debug, Clone)]
pub struct VersionProperties {
    /// `v`: a number or string
    pub v: Json,
    /// Where.
    pub span: Span,
    /// `defined_in`
    pub defined_in: Option<String>,
    /// `columns` with `include`/`exclude` entries kept: as written
    pub columns: Option<Vec<Json>>,
    /// Typed columns that the version adds or overrides.
    pub column_properties: Vec<ColumnProperties>,
    /// `data_tests`/`tests`; `None`: the model's
    pub data_tests: Option<Vec<TestEntry>>,
    /// `description`
    pub description: Option<String>,
    /// `config`
    pub config: Map<String, Json>,
    /// `config` before rendering
    pub unrendered_config: Map<String, Json>,
    /// Everything else.
    pub other: Map<String, Json>,
}

/// A source with its tables.
#[derive(Debug, Clone)]
pub struct SourceProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// `description`, not rendered
    pub description: String,
    /// `database` (or `catalog`)
    pub database: Option<String>,
    /// `schema`; default: the name
    pub schema: Option<String>,
    /// `database` before rendering
    pub unrendered_database: Option<String>,
    /// `schema` before rendering
    pub unrendered_schema: Option<String>,
    /// `loader`
    pub loader: String,
    /// `config`, rendered
    pub config: Map<String, Json>,
    /// `config` before rendering
    pub unrendered_config: Map<String, Json>,
    /// `tables`
    pub tables: Vec<SourceTableProperties>,
    /// Everything else: `meta`, `tags`, `freshness`, `loaded_at_field`, `loaded_at_query`, `quoting`, `overrides`, ...
    pub other: Map<String, Json>,
}

/// A table of a source.
#[derive(Debug, Clone)]
pub struct SourceTableProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// `description`, not rendered
    pub description: String,
    /// `identifier`; default: the name
    pub identifier: Option<String>,
    /// `columns`
    pub columns: Vec<ColumnProperties>,
    /// `config`, rendered
    pub config: Map<String, Json>,
    /// `data_tests` or `tests`
    pub data_tests: Vec<TestEntry>,
    /// Everything else: `meta`, `tags`, `freshness`, `loaded_at_field`, `quoting`, `external`, ...
    pub other: Map<String, Json>,
}

/// Documentation of a macro.
#[derive(Debug, Clone)]
pub struct MacroProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// `description`, not rendered
    pub description: String,
    /// `arguments` as written
    pub arguments: Vec<Json>,
    /// `config`
    pub config: Map<String, Json>,
    /// `meta`, `docs`, ...
    pub other: Map<String, Json>,
}

/// An exposure, as written.
#[derive(Debug, Clone)]
pub struct ExposureProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// `depends_on`: `ref('x')`, `source('a', 'b')` expressions
    pub depends_on: Vec<String>,
    /// All fields, rendered where dbt renders.
    pub fields: Map<String, Json>,
}

/// A group.
#[derive(Debug, Clone)]
pub struct GroupProperties {
    /// `name`
    pub name: Arc<str>,
    /// Where.
    pub span: Span,
    /// All fields.
    pub fields: Map<String, Json>,
}
