//! `adapter` in a template.

use crate::adapter_methods::Running;
use crate::arguments::{no_attribute, text};
use crate::{
    AdapterFacts, ColumnRules, NodeConnection, Policy, Relation, RelationCache, RelationClass, Table,
};
use kpi_diagnostics::{EventSink, NullSink};
use kpi_jinja::{Args, Error, Interp, MacroRef, Object, Result, Value};
use std::sync::Arc;

/// `adapter` in a template: dbt's adapter methods over a connection and the relation cache.
///
/// While a project is parsed there is no connection, and the methods that would ask the database give what dbt gives
/// then: nothing, or an empty list.
pub struct AdapterObject {
    pub(crate) facts: Arc<AdapterFacts>,
    pub(crate) events: Arc<dyn EventSink>,
    run: Option<Run>,
}

#[derive(Clone)]
struct Run {
    connection: Arc<NodeConnection>,
    cache: Arc<RelationCache>,
}

/// Everything that templates may call. dbt's `@available` methods and kpi's own `load_seed_rows`.
const METHODS: &[&str] = &[
    "add_query",
    "already_exists",
    "assert_valid_snapshot_target_given_strategy",
    "batch_id_for_model",
    "begin",
    "build_catalog_relation",
    "cache_added",
    "cache_dropped",
    "cache_renamed",
    "catalog_supports_foreign_keys",
    "check_schema_exists",
    "commit",
    "convert_datetimes_to_strs",
    "convert_type",
    "create_schema",
    "disable_transactions",
    "dispatch",
    "drop_relation",
    "drop_schema",
    "ensure_transaction",
    "escape_sql_string",
    "execute",
    "existing_key_constraint_types",
    "expand_target_column_types",
    "external_read_location",
    "external_root",
    "external_write_options",
    "get_binding_char",
    "get_catalog_integration",
    "get_column_schema_from_query",
    "get_columns_in_relation",
    "get_columns_in_table",
    "get_hard_deletes_behavior",
    "get_incremental_strategy_macro",
    "get_missing_columns",
    "get_partitions_metadata",
    "get_relation",
    "get_rows_different_sql",
    "get_seed_file_path",
    "get_temp_relation_path",
    "is_ducklake",
    "is_motherduck",
    "list_relations",
    "list_relations_without_caching",
    "list_schemas",
    "load_seed_rows",
    "location_exists",
    "parse_index",
    "quote",
    "quote_as_configured",
    "quote_seed_column",
    "rename_relation",
    "render_raw_columns_constraints",
    "render_raw_model_constraints",
    "rollback",
    "standardize_grants_dict",
    "store_relation",
    "truncate_relation",
    "type",
    "use_ducklake_table_workarounds",
    "valid_incremental_strategies",
    "valid_snapshot_target",
    "validate_sql",
    "warn_once",
];

impl AdapterObject {
    /// While a project is parsed: no database is touched.
    pub fn parsing(facts: Arc<AdapterFacts>) -> Self {
        Self { facts, events: Arc::new(NullSink), run: None }
    }

    /// While nodes run.
    pub fn running(
        facts: Arc<AdapterFacts>,
        connection: Arc<NodeConnection>,
        cache: Arc<RelationCache>,
    ) -> Self {
        Self { facts, events: Arc::new(NullSink), run: Some(Run { connection, cache }) }
    }

    /// Sends warnings to `events`.
    pub fn with_events(mut self, events: Arc<dyn EventSink>) -> Self {
        self.events = events;
        self
    }

    /// As a value of templates.
    pub fn into_value(self) -> Value {
        Value::object(self)
    }

    /// What the target tells without being asked.
    pub fn facts(&self) -> &AdapterFacts {
        &self.facts
    }

    /// The node's session, while nodes run.
    pub fn connection(&self) -> Option<&Arc<NodeConnection>> {
        self.run.as_ref().map(|r| &r.connection)
    }

    /// The relation cache, while nodes run.
    pub fn cache(&self) -> Option<&Arc<RelationCache>> {
        self.run.as_ref().map(|r| &r.cache)
    }

    /// Methods that need no database.
    fn offline(&self, interp: &mut Interp, name: &str, args: &Args) -> Option<Result<Value>> {
        let args = args.clone();
        Some(match name {
            "type" => Ok(Value::from(&self.facts.adapter_type)),
            "dispatch" => dispatch(interp, args),
            "quote" => args.bind(name, ["identifier"]).map(|[id]| Value::from(quote(&text(id.as_ref())))),
            "quote_as_configured" => args.bind(name, ["identifier", "quote_key"]).map(|[id, key]| {
                let id = text(id.as_ref());
                let quoted = key.as_ref().and_then(Value::as_str).and_then(|k| self.facts.quoting.get(k));
                Value::from(if quoted == Some(true) { quote(&id) } else { id.to_string() })
            }),
            "quote_seed_column" => quote_seed_column(args),
            "convert_type" => crate::agate::convert_type(args),
            "convert_datetimes_to_strs" => {
                args.bind(name, ["table"]).map(|[table]| table.unwrap_or(Value::None))
            }
            "standardize_grants_dict" => crate::grants::standardize(interp, args),
            "valid_incremental_strategies" => {
                Ok(Value::list(self.facts.incremental_strategies.iter().map(Value::from)))
            }
            "render_raw_columns_constraints" => crate::constraints::columns(self, args),
            "render_raw_model_constraints" => crate::constraints::model(self, args),
            "is_motherduck" => Ok(Value::Bool(self.facts.is_motherduck)),
            "disable_transactions" => Ok(Value::Bool(self.facts.disable_transactions)),
            "is_ducklake" => args.bind(name, ["relation"]).map(|[relation]| {
                let relation = relation.as_ref().and_then(Value::downcast_ref::<Relation>);
                let database = relation.and_then(|r| r.database.as_ref());
                Value::Bool(database.is_some_and(|d| self.facts.ducklake_databases.contains(d)))
            }),
            // The work-arounds are for DuckDB before 1.5.3.
            "use_ducklake_table_workarounds" => Ok(Value::Bool(false)),
            "build_catalog_relation" => Ok(Value::None),
            "get_catalog_integration" => args.bind(name, ["name"]).and_then(|[integration]| {
                Err(Error::compilation(format!(
                    "no catalog named '{}' is configured",
                    text(integration.as_ref())
                )))
            }),
            "warn_once" => args.bind(name, ["msg"]).map(|[message]| {
                self.warn_once(&text(message.as_ref()));
                Value::None
            }),
            "get_rows_different_sql" if self.run.is_none() => Ok(Value::empty()),
            "external_root"
            | "external_write_options"
            | "external_read_location"
            | "get_binding_char"
            | "get_seed_file_path"
            | "escape_sql_string"
            | "parse_index"
            | "batch_id_for_model"
            | "get_temp_relation_path" => crate::external::call(&self.facts, interp, name, args),
            _ => return None,
        })
    }

    /// What dbt answers while it parses, instead of asking the database.
    fn parse_answer(name: &str) -> Value {
        match name {
            "execute" | "get_partitions_metadata" => {
                Value::tuple([Value::empty(), Table::default().into_value()])
            }
            "add_query" => Value::tuple([Value::None, Value::None]),
            "get_columns_in_relation"
            | "get_columns_in_table"
            | "get_missing_columns"
            | "get_column_schema_from_query"
            | "list_relations"
            | "list_relations_without_caching"
            | "list_schemas"
            | "existing_key_constraint_types" => Value::list([]),
            "check_schema_exists"
            | "already_exists"
            | "location_exists"
            | "catalog_supports_foreign_keys" => Value::Bool(false),
            "cache_added" | "cache_dropped" | "cache_renamed" => Value::empty(),
            _ => Value::None,
        }
    }

    /// Warns.
    pub fn warn(&self, message: &str) {
        self.warn_as("AdapterEventWarning", message);
    }

    /// Warns by an event of dbt's.
    pub(crate) fn warn_as(&self, event: &'static str, message: &str) {
        self.events.emit(kpi_diagnostics::Event::new(event, kpi_diagnostics::Level::Warn, message));
    }

    /// Warns, but not twice with the same words in one run.
    pub(crate) fn warn_once(&self, message: &str) {
        let new = self.facts.learned.lock().warned.insert(message.into());
        if new {
            self.warn(message);
        }
    }
}

/// A name in double quotes.
pub(crate) fn quote(identifier: &str) -> String {
    format!("\"{identifier}\"")
}

fn quote_seed_column(args: Args) -> Result<Value> {
    let [column, config] = args.bind("quote_seed_column", ["column", "quote_config?"])?;
    let column = text(column.as_ref());
    let quoted = match config {
        None | Some(Value::None | Value::Undefined(_)) => true,
        Some(Value::Bool(quoted)) => quoted,
        Some(other) => {
            return Err(Error::compilation(format!(
                "The seed configuration value of \"quote_columns\" has an invalid type <class '{}'>",
                other.type_name()
            )));
        }
    };
    Ok(Value::from(if quoted { quote(&column) } else { column.to_string() }))
}

fn dispatch(interp: &mut Interp, args: Args) -> Result<Value> {
    let [name, namespace, packages] =
        args.bind("dispatch", ["macro_name", "macro_namespace?", "packages?"])?;
    let name = text(name.as_ref());
    if let Some((package, rest)) = name.split_once('.') {
        return Err(Error::compilation(format!(
            "In adapter.dispatch, got a macro name of \"{name}\", but \".\" is not a valid macro name component. Did \
             you mean `adapter.dispatch(\"{rest}\", macro_namespace=\"{package}\")`?"
        )));
    }
    if packages.is_some_and(|p| !p.is_none()) {
        return Err(Error::compilation(format!(
            "The \"packages\" argument of adapter.dispatch() has been deprecated.\nUse the \"macro_namespace\" \
             argument instead.\n\nRaised during dispatch for: {name}\n"
        )));
    }
    let found = match &namespace {
        None | Some(Value::None | Value::Undefined(_)) => interp.dispatch(&name, None)?,
        Some(Value::Str(namespace)) => interp.dispatch(&name, Some(namespace))?,
        Some(other) => {
            return Err(Error::compilation(format!(
                "In adapter.dispatch, got a {} macro_namespace argument (\"{other}\"), but macro_namespace should be \
                 None or a string.",
                other.type_name()
            )));
        }
    };
    Ok(macro_value(found))
}

/// A macro as a value that can be called.
pub(crate) fn macro_value(definition: MacroRef) -> Value {
    Value::Object(definition)
}

impl Object for AdapterObject {
    fn type_name(&self) -> &str {
        if self.run.is_some() { "RuntimeDatabaseWrapper" } else { "ParseDatabaseWrapper" }
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        match name {
            "Relation" => return Ok(Some(Value::object(RelationClass { quote: self.facts.quoting }))),
            "Column" => return Ok(Some(Value::object(crate::ColumnClass(self.facts.column_rules)))),
            "behavior" => return Ok(Some(Value::object(Behavior(self.facts.clone())))),
            _ => {}
        }
        let own = self.facts.own_method(name).map(|(own, _)| own);
        match own.or_else(|| METHODS.iter().copied().find(|m| *m == name)) {
            Some(method) => Ok(Some(crate::arguments::Method::of(self, method))),
            // While parsing what is not there is undefined: only running the node tells whether it is needed.
            None if name.starts_with("__") || self.run.is_none() => Ok(None),
            None => Err(no_attribute(self.type_name(), name, METHODS)),
        }
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if let Some((_, method)) = self.facts.own_method(name) {
            return method(&self, interp, args).map(Some);
        }
        if let Some(answer) = self.offline(interp, name, &args) {
            return answer.map(Some);
        }
        if !METHODS.contains(&name) {
            // `adapter.Relation(...)` and the like: the attribute is asked next.
            return match name {
                "Relation" | "Column" | "behavior" => Ok(None),
                _ if self.run.is_none() => Ok(None),
                _ => Err(no_attribute(self.type_name(), name, METHODS)),
            };
        }
        let Some(run) = &self.run else { return Ok(Some(Self::parse_answer(name))) };
        let running = Running { adapter: &self, connection: &run.connection, cache: &run.cache };
        running.call(interp, name, args).map(Some)
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// `adapter.behavior`: every flag that the project does not set is off.
struct Behavior(Arc<AdapterFacts>);

impl Object for Behavior {
    fn type_name(&self) -> &str {
        "Behavior"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let on = self.0.behavior.get(name).copied().unwrap_or(false);
        Ok(Some(Value::object(BehaviorFlag(on))))
    }

    fn is_true(&self) -> bool {
        true
    }
}

struct BehaviorFlag(bool);

impl Object for BehaviorFlag {
    fn type_name(&self) -> &str {
        "BehaviorFlagRendered"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(matches!(name, "setting" | "no_warn").then_some(Value::Bool(self.0)))
    }

    fn is_true(&self) -> bool {
        self.0
    }

    fn str(&self) -> String {
        Value::Bool(self.0).to_string()
    }
}

/// `api` in templates: `api.Relation` and `api.Column`.
pub struct ApiObject {
    /// What `api.Relation.create` quotes unless told otherwise.
    pub quote: Policy,
    /// What `api.Column` makes of types.
    pub column_rules: &'static ColumnRules,
}

impl Object for ApiObject {
    fn type_name(&self) -> &str {
        "DatabaseApi"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "Relation" => Some(Value::object(RelationClass { quote: self.quote })),
            "Column" => Some(Value::object(crate::ColumnClass(self.column_rules))),
            _ => None,
        })
    }

    fn is_true(&self) -> bool {
        true
    }
}
