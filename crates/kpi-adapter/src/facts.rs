//! What templates may know of a target without asking it.

use crate::{Adapter, AdapterObject, CatalogIntegration, ColumnRules, ConstraintRules, Policy};
use indexmap::IndexMap;
use kpi_jinja::{Args, Interp, Result, Value};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A method of `adapter` in templates that one target has.
pub type OwnMethod = fn(&AdapterObject, &mut Interp, Args) -> Result<Value>;

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
    /// Methods of `adapter` in templates that this target adds, or answers in its own way.
    pub own_methods: &'static [(&'static str, OwnMethod)],
    /// What the types of columns mean.
    pub column_rules: &'static ColumnRules,
    /// What becomes of the constraints of contracts.
    pub constraint_rules: ConstraintRules,
    /// The catalogs that models may name.
    pub catalogs: Vec<CatalogIntegration>,
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

    /// With the catalogs that the project declares.
    pub fn with_catalogs(mut self, catalogs: Vec<CatalogIntegration>) -> Self {
        self.catalogs.extend(catalogs);
        self
    }

    /// With the flags that a project sets: those of them that are on switch behaviour.
    pub fn with_behavior(mut self, flags: Option<&Map<String, Json>>) -> Self {
        let flags = flags.into_iter().flatten();
        self.behavior
            .extend(flags.filter_map(|(name, value)| Some((name.as_str().into(), value.as_bool()?))));
        self
    }

    /// The declared catalog of a name, in any case.
    pub fn catalog(&self, name: &str) -> Option<&CatalogIntegration> {
        self.catalogs.iter().find(|catalog| catalog.name.eq_ignore_ascii_case(name))
    }

    /// The method of `adapter` that the target adds or answers in its own way.
    pub(crate) fn own_method(&self, name: &str) -> Option<(&'static str, OwnMethod)> {
        self.own_methods.iter().copied().find(|(own, _)| *own == name)
    }

    /// With the root project's name.
    pub fn with_project(mut self, name: impl Into<Arc<str>>) -> Self {
        self.project_name = name.into();
        self
    }
}
