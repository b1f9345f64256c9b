//! What templates may know of a target without asking it.

use crate::{Adapter, Policy};
use indexmap::IndexMap;
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What `adapter` answers without a connection, the same for all nodes of a run.
#[derive(Debug, Default)]
pub struct AdapterFacts {
    /// `duckdb`, `snowflake`.
    pub adapter_type: Arc<str>,
    /// The target's database.
    pub database: Option<Arc<str>>,
    /// The target's schema.
    pub schema: Arc<str>,
    /// What the project's `quoting:` says, over the target's defaults.
    pub quoting: Policy,
    /// The incremental strategies that the target knows.
    pub incremental_strategies: Vec<Arc<str>>,
    /// Where `external` models are written that give no location.
    pub external_root: Arc<str>,
    /// Statements commit by themselves unless a macro says otherwise: `disable_transactions: true` in the profile, and
    /// what Snowflake's macros expect.
    pub disable_transactions: bool,
    /// Names that are not quoted are upper-cased by the database, not lower-cased.
    pub upper_case_names: bool,
    /// The query comment goes behind the statement unless the project says otherwise: Snowflake cuts off what is in front.
    pub appends_query_comment: bool,
    /// The function that makes a moment of a text, where a comparison with a text would be one of texts.
    pub moment_function: Option<&'static str>,
    /// The target is MotherDuck.
    pub is_motherduck: bool,
    /// Databases that are DuckLakes.
    pub ducklake_databases: FxHashSet<Arc<str>>,
    /// The root project's name, for messages.
    pub project_name: Arc<str>,
    /// Behaviour flags (`flags:` in the project file) that are on.
    pub behavior: IndexMap<Arc<str>, bool>,
    /// What was found out about the database and holds for the whole run.
    pub(crate) learned: Mutex<Learned>,
}

#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// Warnings that were shown.
    pub warned: FxHashSet<Arc<str>>,
    /// Lowercase database -> its catalog type (`duckdb`, `sqlite`, `postgres`...).
    pub catalog_types: Option<FxHashMap<String, String>>,
    /// Lowercase (database, schema) -> lowercase table -> kinds of key constraints at the start of the run.
    pub key_constraints: FxHashMap<(String, String), FxHashMap<String, Vec<&'static str>>>,
    /// Suffixes of temporary tables, by model.
    pub temporary: FxHashMap<Arc<str>, String>,
}

impl AdapterFacts {
    /// A DuckDB target named like dbt's defaults.
    pub fn duckdb() -> Self {
        Self {
            adapter_type: "duckdb".into(),
            database: Some("memory".into()),
            schema: "main".into(),
            incremental_strategies: ["append", "delete+insert", "merge", "microbatch"]
                .map(Into::into)
                .to_vec(),
            external_root: ".".into(),
            ..Self::default()
        }
    }

    /// The facts of a target: [`Adapter::facts`].
    pub fn of<A: Adapter + ?Sized>(adapter: &A) -> Self {
        adapter.facts()
    }

    /// The facts that every target tells by the other methods of [`Adapter`].
    pub fn common<A: Adapter + ?Sized>(adapter: &A) -> Self {
        Self {
            adapter_type: adapter.type_name().into(),
            database: adapter.default_database(),
            schema: adapter.default_schema(),
            quoting: adapter.default_quoting(),
            incremental_strategies: adapter
                .valid_incremental_strategies()
                .iter()
                .map(|s| Arc::from(*s))
                .collect(),
            external_root: ".".into(),
            ..Self::default()
        }
    }

    /// With the project's quoting.
    pub fn with_quoting(mut self, quoting: Policy) -> Self {
        self.quoting = quoting;
        self
    }

    /// With the root project's name.
    pub fn with_project(mut self, name: impl Into<Arc<str>>) -> Self {
        self.project_name = name.into();
        self
    }
}
