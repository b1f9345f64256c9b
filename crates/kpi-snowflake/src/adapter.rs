//! The target: settings, and a session for each worker.

use crate::column::RULES;
use crate::connection::SnowflakeConnection;
use crate::cost::ledger::Ledger;
use crate::exchange::Exchange;
use crate::session::{ApiSession, runtime};
use crate::settings::SnowflakeSettings;
use crate::statement::split;
use crate::{catalogs, grants, python, tables};
use kpi_adapter::{
    Adapter, AdapterError, AdapterFacts, CatalogIntegration, Connection, ConstraintRules, OwnMethod, Policy,
    Relation,
};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// The strategies of `incremental` models.
const STRATEGIES: &[&str] = &["append", "merge", "delete+insert", "insert_overwrite", "microbatch"];

/// Keys are for the planner and for readers; only `not null` is enforced.
const CONSTRAINTS: ConstraintRules = ConstraintRules {
    unsupported: &["check"],
    unenforced: &["unique", "primary_key", "foreign_key"],
    whole_references: true,
};

/// What `adapter` has in templates beside the methods of every target.
const METHODS: &[(&str, OwnMethod)] = &[
    ("build_catalog_relation", catalogs::build_catalog_relation),
    ("get_catalog_integration", catalogs::get_catalog_integration),
    ("from_config", tables::from_config),
    ("describe_dynamic_table", tables::describe_dynamic_table),
    ("describe_interactive_table", tables::describe_interactive_table),
    ("dynamic_table_config_changeset", tables::dynamic_changes),
    ("interactive_table_config_changeset", tables::interactive_changes),
    ("standardize_grants_dict", grants::standardize),
];

/// A Snowflake target. Cheap to make: a session logs in with its first statement.
pub struct SnowflakeAdapter {
    shared: Arc<Shared>,
    running: Mutex<Vec<Weak<Exchange>>>,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub settings: Arc<SnowflakeSettings>,
    pub ledger: Ledger,
    /// Statements that may change anything are refused.
    pub looks_only: bool,
}

impl SnowflakeAdapter {
    /// A target with these settings.
    pub fn new(settings: SnowflakeSettings) -> Self {
        Self::of(Arc::new(settings), false)
    }

    fn of(settings: Arc<SnowflakeSettings>, looks_only: bool) -> Self {
        let shared = Shared { settings, ledger: Ledger::default(), looks_only };
        Self { shared: Arc::new(shared), running: Mutex::default() }
    }

    /// A target from a profile's output or a `[targets.x]` table. Relative paths begin at `base`.
    ///
    /// # Errors
    /// See [`SnowflakeSettings::from_profile`].
    pub fn from_profile(output: &Map<String, Json>, base: impl Into<PathBuf>) -> Result<Self, AdapterError> {
        Ok(Self::new(SnowflakeSettings::from_profile(output, &base.into())?))
    }
}

impl Adapter for SnowflakeAdapter {
    fn type_name(&self) -> &'static str {
        "snowflake"
    }

    fn connect(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        let session =
            ApiSession::new(&self.shared.settings).map_err(|error| error.into_adapter_error(false))?;
        let connection = SnowflakeConnection::new(Box::new(session), self.shared.clone());
        let mut running = self.running.lock();
        running.retain(|exchange| exchange.strong_count() > 0);
        running.push(Arc::downgrade(&connection.exchange()));
        Ok(Box::new(connection))
    }

    fn view_statement(&self, view: &Relation, query: &str, secure: bool) -> String {
        let secure = if secure { "secure " } else { "" };
        format!("create or replace {secure}view {view} copy grants as (\n{query}\n)")
    }

    fn recall_schema(
        &self,
        schema: &Relation,
        to: &Relation,
        at: chrono::DateTime<chrono::Utc>,
    ) -> Option<String> {
        Some(crate::versions::recall_statement(schema, to, at))
    }

    fn target_fields(&self) -> Map<String, Json> {
        self.shared.settings.shown.clone()
    }

    fn default_database(&self) -> Option<Arc<str>> {
        Some(self.shared.settings.database.as_str().into())
    }

    fn default_schema(&self) -> Arc<str> {
        self.shared.settings.schema.as_str().into()
    }

    /// Names are upper-cased by the database unless they are quoted, so dbt-snowflake quotes none.
    fn default_quoting(&self) -> Policy {
        Policy { database: false, schema: false, identifier: false }
    }

    fn debug_fields(&self) -> Vec<(String, String)> {
        let order =
            ["account", "user", "database", "warehouse", "role", "schema", "authenticator", "query_tag"];
        let shown = &self.shared.settings.shown;
        let rest = shown.keys().map(String::as_str).filter(|key| !order.contains(key) && *key != "type");
        order
            .into_iter()
            .chain(rest)
            .map(|key| {
                let value = match shown.get(key) {
                    None | Some(Json::Null) => "None".to_owned(),
                    Some(Json::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                (key.to_owned(), value)
            })
            .collect()
    }

    fn valid_incremental_strategies(&self) -> &'static [&'static str] {
        STRATEGIES
    }

    fn knows_last_modified(&self) -> bool {
        true
    }

    fn split_statements<'s>(&self, sql: &'s str) -> Option<Vec<&'s str>> {
        Some(split(sql))
    }

    fn own_warehouse(&self, config: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        config("snowflake_warehouse")
            .filter(|own| !own.trim().is_empty() && Some(own) != self.shared.settings.warehouse.as_ref())
    }

    fn python_statements(&self, model: &Json, code: &str) -> Option<Result<Vec<String>, AdapterError>> {
        Some(python::statements(model, code))
    }

    fn check_catalogs(&self, declared: &[CatalogIntegration]) -> Result<(), AdapterError> {
        catalogs::check(declared)
    }

    fn watch_costs(&self) {
        self.shared.ledger.open();
    }

    fn knows_costs(&self) -> bool {
        true
    }

    fn looking_only(&self) -> Option<Arc<dyn Adapter>> {
        Some(Arc::new(Self::of(self.shared.settings.clone(), true)))
    }

    fn cancel_all(&self) {
        let Ok(runtime) = runtime() else { return };
        for exchange in self.running.lock().iter().filter_map(Weak::upgrade) {
            drop(runtime.spawn(async move { exchange.abort().await }));
        }
    }

    fn facts(&self) -> AdapterFacts {
        let mut facts = AdapterFacts::common(self);
        facts.disable_transactions = true;
        facts.upper_case_names = true;
        facts.appends_query_comment = true;
        facts.own_methods = METHODS;
        facts.column_rules = &RULES;
        facts.catalogs = catalogs::own();
        facts.constraint_rules = CONSTRAINTS;
        facts.moment_function = Some("to_timestamp_tz");
        facts
    }
}
