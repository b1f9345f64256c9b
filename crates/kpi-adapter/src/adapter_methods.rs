//! The adapter methods that ask or change the database.
//!
//! Steps that dbt lets projects override (listing, dropping, renaming, describing) go through their macros. Where the
//! built-in macro is not overridden and the step only reads, the connection answers natively: the same answer without
//! evaluating a template.

use crate::arguments::{optional_text, relation as relation_argument, text};
use crate::jinja_adapter::{AdapterObject, macro_value, quote};
use crate::relation_object::matches;
use crate::{
    AdapterErrorKind, Cell, Column, Fetch, NodeConnection, Relation, RelationCache, RelationType, Table,
};
use kpi_jinja::{Args, Dict, Error, ErrorKind, Interp, Object, Result, Value};
use std::sync::Arc;

/// The adapter of a node that runs.
pub(crate) struct Running<'a> {
    pub adapter: &'a AdapterObject,
    pub connection: &'a Arc<NodeConnection>,
    pub cache: &'a Arc<RelationCache>,
}

impl Running<'_> {
    pub(crate) fn call(&self, interp: &mut Interp, name: &str, args: Args) -> Result<Value> {
        match name {
            "execute" => self.execute(args),
            "add_query" => self.add_query(args),
            "begin" => self.connection.begin().map(|()| Value::None).map_err(Error::from),
            "commit" => self.connection.commit().map(|()| Value::empty()).map_err(Error::from),
            "rollback" => self.connection.rollback().map(|()| Value::None).map_err(Error::from),
            "ensure_transaction" => self.ensure_transaction(),
            "get_relation" => {
                let [database, schema, identifier] = args.bind(name, ["database", "schema", "identifier"])?;
                let found = self.get_relation(
                    interp,
                    optional_text(database.as_ref()).as_deref(),
                    &text(schema.as_ref()),
                    &text(identifier.as_ref()),
                )?;
                Ok(found.map_or(Value::None, Relation::into_value))
            }
            "already_exists" => {
                let [schema, table] = args.bind(name, ["schema", "name"])?;
                let database = self.adapter.facts.database.clone();
                let found = self.get_relation(
                    interp,
                    database.as_deref(),
                    &text(schema.as_ref()),
                    &text(table.as_ref()),
                )?;
                Ok(Value::Bool(found.is_some()))
            }
            "list_relations" => {
                let [database, schema] = args.bind(name, ["database", "schema"])?;
                let database = optional_text(database.as_ref());
                let relations = self.list_relations(interp, database.as_deref(), &text(schema.as_ref()))?;
                Ok(Value::list(relations.into_iter().map(Relation::into_value)))
            }
            "list_relations_without_caching" => {
                let [schema] = args.bind(name, ["schema_relation"])?;
                let schema = relation_argument(schema.as_ref(), name, "schema_relation")?;
                let relations = self.list_without_cache(interp, &schema)?;
                Ok(Value::list(relations.into_iter().map(Relation::into_value)))
            }
            "list_schemas" => {
                let [database] = args.bind(name, ["database?"])?;
                let schemas = self.list_schemas(interp, optional_text(database.as_ref()).as_deref())?;
                Ok(Value::list(schemas.into_iter().map(Value::from)))
            }
            "check_schema_exists" => {
                let [database, schema] = args.bind(name, ["database", "schema"])?;
                self.check_schema_exists(interp, database, &text(schema.as_ref()))
            }
            "create_schema" => {
                let [relation] = args.bind(name, ["relation"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                self.schema_macro(interp, name, &relation)
            }
            "drop_schema" => {
                let [relation] = args.bind(name, ["relation"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                self.schema_macro(interp, name, &relation)?;
                self.cache.drop_schema(
                    relation.database.as_deref(),
                    relation.schema.as_deref().unwrap_or_default(),
                );
                Ok(Value::None)
            }
            "drop_relation" => self.drop_relation(interp, args),
            "truncate_relation" => {
                let [relation] = args.bind(name, ["relation"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                call_macro(interp, name, [("relation", Value::Object(relation))])
            }
            "rename_relation" => {
                let [from, to] = args.bind(name, ["from_relation", "to_relation"])?;
                let from = relation_argument(from.as_ref(), name, "from_relation")?;
                let to = relation_argument(to.as_ref(), name, "to_relation")?;
                self.cache.rename(&from, &to);
                let arguments = [("from_relation", Value::Object(from)), ("to_relation", Value::Object(to))];
                call_macro(interp, name, arguments)?;
                Ok(Value::None)
            }
            "cache_added" | "cache_dropped" => {
                let [relation] = args.bind(name, ["relation"])?;
                let verb = if name == "cache_added" { "cache" } else { "drop" };
                let relation = relation.as_ref().and_then(Value::downcast::<Relation>).ok_or_else(|| {
                    Error::compilation(format!(
                        "Attempted to {verb} a null relation for {}",
                        self.connection.name()
                    ))
                })?;
                if name == "cache_added" {
                    self.cache.add((*relation).clone());
                } else {
                    self.cache.drop_relation(&relation);
                }
                Ok(Value::empty())
            }
            "cache_renamed" => {
                let [from, to] = args.bind(name, ["from_relation", "to_relation"])?;
                let relation = |v: &Option<Value>| v.as_ref().and_then(Value::downcast::<Relation>);
                let (Some(old), Some(new)) = (relation(&from), relation(&to)) else {
                    return Err(Error::compilation(format!(
                        "Attempted to rename {} to {} for {}",
                        text(from.as_ref()),
                        text(to.as_ref()),
                        self.connection.name()
                    )));
                };
                self.cache.rename(&old, &new);
                Ok(Value::empty())
            }
            "get_columns_in_relation" => {
                let [relation] = args.bind(name, ["relation"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                self.columns(interp, &relation)
            }
            "get_columns_in_table" => {
                let [schema, identifier] = args.bind(name, ["schema", "identifier"])?;
                let mut relation = Relation::new(
                    self.adapter.facts.database.clone(),
                    optional_text(schema.as_ref()),
                    optional_text(identifier.as_ref()),
                );
                relation.quote = self.adapter.facts.quoting;
                self.columns(interp, &Arc::new(relation))
            }
            "get_missing_columns" => self.missing_columns(interp, args),
            "get_column_schema_from_query" => {
                let [sql] = args.bind(name, ["sql"])?;
                let columns = self.connection.describe(&text(sql.as_ref()))?;
                Ok(Value::list(columns.iter().flat_map(Column::flatten).map(Column::into_value)))
            }
            "expand_target_column_types" => {
                let [from, to] = args.bind(name, ["from_relation", "to_relation"])?;
                let from = relation_argument(from.as_ref(), name, "from_relation")?;
                let to = relation_argument(to.as_ref(), name, "to_relation")?;
                self.widen_strings(interp, &from, &to)
            }
            "valid_snapshot_target" => {
                let [relation, names] = args.bind(name, ["relation", "column_names?"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                self.check_snapshot_target(interp, &relation, names.as_ref(), None)
            }
            "assert_valid_snapshot_target_given_strategy" => {
                let [relation, names, strategy] =
                    args.bind(name, ["relation", "column_names", "strategy"])?;
                let relation = relation_argument(relation.as_ref(), name, "relation")?;
                self.check_snapshot_target(interp, &relation, names.as_ref(), strategy.as_ref())
            }
            "get_hard_deletes_behavior" => hard_deletes(interp, args),
            "get_incremental_strategy_macro" => self.incremental_strategy(interp, args),
            "validate_sql" => {
                let [sql] = args.bind(name, ["sql"])?;
                call_macro(interp, name, [("sql", sql.unwrap_or(Value::None))])
            }
            "get_rows_different_sql" => self.rows_different(interp, args),
            "location_exists" => {
                let [location] = args.bind(name, ["location"])?;
                let location = text(location.as_ref()).replace('\'', "''");
                let sql = format!("select 1 from '{location}' where 1=0");
                match self.connection.execute(&sql, false, Fetch::No) {
                    Ok(_) => Ok(Value::Bool(true)),
                    Err(e) if e.kind == AdapterErrorKind::Statement => Ok(Value::Bool(false)),
                    Err(e) => Err(e.into()),
                }
            }
            "catalog_supports_foreign_keys" | "existing_key_constraint_types" => {
                crate::key_constraints::call(self, name, args)
            }
            "load_seed_rows" => crate::seed::load(self, args),
            "store_relation" => Err(Error::compilation(
                "adapter.store_relation needs a dbt-duckdb plugin, which is Python code",
            )
            .with_hint("write the relation with the 'external' materialization and a location instead")),
            "get_partitions_metadata" => Err(Error::compilation(format!(
                "`get_partitions_metadata` is not implemented for {}",
                self.adapter.facts.adapter_type
            ))),
            _ => Err(Error::compilation(format!(
                "adapter.{name} is not available for {}",
                self.adapter.facts.adapter_type
            ))),
        }
    }

    fn execute(&self, args: Args) -> Result<Value> {
        let [sql, auto_begin, fetch, limit] =
            args.bind("execute", ["sql", "auto_begin?", "fetch?", "limit?"])?;
        let fetch = match (fetch.is_some_and(|f| f.is_true()), limit.and_then(|l| l.as_usize())) {
            (false, _) => Fetch::No,
            (true, None | Some(0)) => Fetch::All,
            (true, Some(limit)) => Fetch::Limit(limit),
        };
        let auto_begin = auto_begin.is_some_and(|b| b.is_true());
        let result = self.connection.execute(&text(sql.as_ref()), auto_begin, fetch)?;
        Ok(Value::tuple([Value::object(ResponseObject(result.response)), result.table.into_value()]))
    }

    fn add_query(&self, args: Args) -> Result<Value> {
        let [sql, auto_begin, bindings, _abridge] =
            args.bind("add_query", ["sql", "auto_begin?", "bindings?", "abridge_sql_log?"])?;
        let auto_begin = auto_begin.is_none_or(|b| b.is_true());
        let sql = text(sql.as_ref());
        let result = match bindings.filter(|b| !b.is_none() && !b.is_undefined()) {
            None => self.connection.execute_plain(&sql, auto_begin, Fetch::All)?,
            Some(bindings) => {
                let bindings = bindings
                    .as_sequence()
                    .ok_or_else(|| Error::type_error("the bindings of add_query must be a list"))?;
                let cells = bindings.iter().map(Cell::from_value).collect::<Result<Vec<_>>>()?;
                self.connection.execute_with(&sql, auto_begin, &cells)?
            }
        };
        Ok(Value::tuple([Value::None, Value::object(CursorObject(result.table))]))
    }

    fn ensure_transaction(&self) -> Result<Value> {
        if !self.connection.in_transaction() && self.adapter.facts.disable_transactions {
            self.adapter.warn_once(
                "disable_transactions is set, but tables with foreign keys are rebuilt in place inside a transaction, \
                 so that a failed build does not lose the data of the existing table.",
            );
        }
        self.connection.begin()?;
        Ok(Value::None)
    }

    fn get_relation(
        &self,
        interp: &mut Interp,
        database: Option<&str>,
        schema: &str,
        identifier: &str,
    ) -> Result<Option<Relation>> {
        let found = match self.cache.lookup(database, schema, identifier) {
            Some(found) => found,
            None => {
                self.list_relations(interp, database, schema)?;
                self.cache.lookup(database, schema, identifier).flatten()
            }
        };
        let Some(found) = found else { return Ok(None) };
        // Names that are not quoted are searched in the case that the database gives them.
        let quoting = self.adapter.facts.quoting;
        let upper = self.adapter.facts.upper_case_names;
        let folded = |name: &str, quoted: bool| match (quoted, upper) {
            (true, _) => name.to_owned(),
            (false, true) => name.to_uppercase(),
            (false, false) => name.to_lowercase(),
        };
        let database = database.map(|d| folded(d, quoting.database));
        let schema = folded(schema, quoting.schema);
        let identifier = folded(identifier, quoting.identifier);
        if upper {
            // What this run made has the names as they are written; where they are not quoted the database has others.
            let mut stored = found.clone();
            stored.database = found.database.as_deref().map(|d| folded(d, found.quote.database).into());
            stored.schema = found.schema.as_deref().map(|s| folded(s, found.quote.schema).into());
            stored.identifier = found.identifier.as_deref().map(|i| folded(i, found.quote.identifier).into());
            let same = matches(&stored, database.as_deref(), Some(&schema), Some(&identifier))?;
            return Ok(same.then_some(found));
        }
        Ok(matches(&found, database.as_deref(), Some(&schema), Some(&identifier))?.then_some(found))
    }

    fn list_relations(
        &self,
        interp: &mut Interp,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<Relation>> {
        if let Some(known) = self.cache.relations(database, schema) {
            return Ok(known);
        }
        let mut relation = Relation::new(database.map(Into::into), Some(schema.into()), None);
        relation.quote = self.adapter.facts.quoting;
        let relations = self.list_without_cache(interp, &relation.without_identifier())?;
        self.cache.set_schema(database, schema, relations.clone());
        Ok(relations)
    }

    fn list_without_cache(&self, interp: &mut Interp, schema: &Relation) -> Result<Vec<Relation>> {
        const MACRO: &str = "list_relations_without_caching";
        if is_built_in(interp, MACRO) {
            let name = schema.schema.as_deref().unwrap_or_default();
            return Ok(self.connection.list_relations(schema.database.as_deref(), name)?);
        }
        let rows = call_macro(interp, MACRO, [("schema_relation", schema.clone().into_value())])?;
        let mut relations = Vec::new();
        for row in rows.to_vec(interp)? {
            let fields = row.to_vec(interp)?;
            let [database, name, schema, kind] = fields.as_slice() else {
                return Err(Error::compilation(format!(
                    "the macro '{MACRO}' must return rows of (database, name, schema, type), got a row of {} values",
                    fields.len()
                )));
            };
            let mut relation = Relation::new(
                optional_text(Some(database)),
                optional_text(Some(schema)),
                optional_text(Some(name)),
            );
            relation.kind = Some(RelationType::parse(&kind.to_str()).unwrap_or(RelationType::External));
            relations.push(relation);
        }
        Ok(relations)
    }

    fn list_schemas(&self, interp: &mut Interp, database: Option<&str>) -> Result<Vec<String>> {
        if is_built_in(interp, "list_schemas") {
            return Ok(self.connection.list_schemas(database)?);
        }
        let database = database.map_or(Value::None, Value::from);
        let rows = call_macro(interp, "list_schemas", [("database", database)])?.to_vec(interp)?;
        rows.iter().map(|row| Ok(row.get_item(interp, &Value::Int(0))?.to_str().to_string())).collect()
    }

    fn check_schema_exists(
        &self,
        interp: &mut Interp,
        database: Option<Value>,
        schema: &str,
    ) -> Result<Value> {
        const MACRO: &str = "check_schema_exists";
        let database = optional_text(database.as_ref());
        if is_built_in(interp, MACRO) {
            let schemas = self.connection.list_schemas(database.as_deref())?;
            return Ok(Value::Bool(schemas.iter().any(|s| s.eq_ignore_ascii_case(schema))));
        }
        let mut relation = Relation::new(database, Some(schema.into()), None);
        relation.quote = self.adapter.facts.quoting;
        let information_schema = relation.information_schema(None).into_value();
        let rows = call_macro(
            interp,
            MACRO,
            [("information_schema", information_schema), ("schema", Value::from(schema))],
        )?;
        let first = rows.get_item(interp, &Value::Int(0))?.get_item(interp, &Value::Int(0))?;
        Ok(Value::Bool(first.is_true()))
    }

    fn schema_macro(&self, interp: &mut Interp, name: &str, relation: &Relation) -> Result<Value> {
        call_macro(interp, name, [("relation", relation.without_identifier().into_value())])?;
        self.connection.commit()?;
        Ok(Value::None)
    }

    fn drop_relation(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        let [relation] = args.bind("drop_relation", ["relation"])?;
        let relation = relation_argument(relation.as_ref(), "drop_relation", "relation")?;
        if relation.kind.is_none() {
            return Err(Error::compilation(format!(
                "Tried to drop relation {relation}, but its type is null."
            )));
        }
        self.cache.drop_relation(&relation);
        call_macro(interp, "drop_relation", [("relation", Value::Object(relation))])?;
        Ok(Value::None)
    }

    fn columns(&self, interp: &mut Interp, relation: &Arc<Relation>) -> Result<Value> {
        const MACRO: &str = "get_columns_in_relation";
        if is_built_in(interp, MACRO) {
            let columns = self.connection.columns(relation)?;
            return Ok(Value::list(columns.into_iter().map(Column::into_value)));
        }
        match call_macro(interp, MACRO, [("relation", Value::Object(relation.clone()))]) {
            // A relation that does not exist has no columns.
            Err(e) if e.message().to_lowercase().contains("does not exist") => Ok(Value::list([])),
            result => result,
        }
    }

    fn column_list(&self, interp: &mut Interp, relation: &Arc<Relation>) -> Result<Vec<Arc<Column>>> {
        let columns = self.columns(interp, relation)?.to_vec(interp)?;
        Ok(columns.iter().filter_map(Value::downcast::<Column>).collect())
    }

    /// Makes string columns of `to` as long as those of `from`. DuckDB's strings have no length.
    fn widen_strings(&self, interp: &mut Interp, from: &Arc<Relation>, to: &Arc<Relation>) -> Result<Value> {
        if !self.adapter.facts.column_rules.widens {
            return Ok(Value::None);
        }
        let wanted = self.column_list(interp, from)?;
        for column in self.column_list(interp, to)? {
            let Some(wider) = wanted.iter().find(|c| c.name == column.name && column.can_expand_to(c)) else {
                continue;
            };
            let mut kind = Column::string_type(wider.string_size().unwrap_or_default());
            if let Some(collation) = &column.collation {
                kind.push_str(&format!(" collate '{collation}'"));
            }
            let arguments = [
                ("relation", Value::Object(to.clone())),
                ("column_name", Value::from(&column.name)),
                ("new_column_type", Value::from(kind)),
            ];
            call_macro(interp, "alter_column_type", arguments)?;
        }
        Ok(Value::None)
    }

    fn missing_columns(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        const METHOD: &str = "get_missing_columns";
        let [from, to] = args.bind(METHOD, ["from_relation", "to_relation"])?;
        let from = relation_argument(from.as_ref(), METHOD, "from_relation")?;
        let to = relation_argument(to.as_ref(), METHOD, "to_relation")?;
        let columns = self.column_list(interp, &from)?;
        let present: rustc_hash::FxHashSet<Arc<str>> =
            self.column_list(interp, &to)?.iter().map(|c| c.name.clone()).collect();
        Ok(Value::list(columns.into_iter().filter(|c| !present.contains(&c.name)).map(Value::from)))
    }

    fn check_snapshot_target(
        &self,
        interp: &mut Interp,
        relation: &Arc<Relation>,
        names: Option<&Value>,
        strategy: Option<&Value>,
    ) -> Result<Value> {
        let present: Vec<String> =
            self.column_list(interp, relation)?.iter().map(|c| c.name.to_lowercase()).collect();
        let mut wanted = vec!["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
        if let Some(strategy) = strategy {
            let deletes = strategy.get_item(interp, &Value::from("hard_deletes"))?;
            if deletes.as_str() == Some("new_record") {
                wanted.push("dbt_is_deleted");
            }
        }
        let mut missing = Vec::new();
        for column in wanted {
            let name = match names {
                Some(names) if names.is_true() => {
                    names.get_item(interp, &Value::from(column))?.to_str().to_string()
                }
                _ => column.to_owned(),
            };
            if !name.is_empty() && name != "None" && !present.contains(&name.to_lowercase()) {
                missing.push(format!("\"{name}\""));
            }
        }
        if missing.is_empty() {
            return Ok(Value::None);
        }
        Err(Error::compilation(format!(
            "Snapshot target is missing configured columns (missing {}). See \
             https://docs.getdbt.com/docs/build/snapshots#snapshot-meta-fields for more information.",
            missing.join(", ")
        )))
    }

    fn incremental_strategy(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        let [_context, strategy] =
            args.bind("get_incremental_strategy_macro", ["model_context", "strategy"])?;
        let strategy = optional_text(strategy.as_ref()).unwrap_or_else(|| "default".into());
        let built_in = ["append", "delete+insert", "merge", "insert_overwrite", "microbatch"];
        let valid = &self.adapter.facts.incremental_strategies;
        let known = || valid.iter().map(|s| format!("'{s}'")).collect::<Vec<_>>().join(", ");
        if built_in.contains(&&*strategy) && !valid.contains(&strategy) {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("The incremental strategy '{strategy}' is not valid for this adapter"),
            )
            .with_hint(format!("strategies of {}: {}", self.adapter.facts.adapter_type, known())));
        }
        let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
        let package = interp.context.package().to_owned();
        let Some(found) = interp.env.macros.resolve(&package, &name) else {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!(
                    "dbt could not find an incremental strategy macro with the name \"{name}\" in {}",
                    self.adapter.facts.project_name
                ),
            )
            .with_hint(format!("strategies of {}: {}", self.adapter.facts.adapter_type, known())));
        };
        Ok(macro_value(found.clone()))
    }

    fn rows_different(&self, interp: &mut Interp, args: Args) -> Result<Value> {
        const METHOD: &str = "get_rows_different_sql";
        let [a, b, names, operator] =
            args.bind(METHOD, ["relation_a", "relation_b", "column_names?", "except_operator?"])?;
        let a = relation_argument(a.as_ref(), METHOD, "relation_a")?;
        let b = relation_argument(b.as_ref(), METHOD, "relation_b")?;
        let mut columns: Vec<String> = match names.filter(|n| !n.is_none()) {
            Some(names) => names.to_vec(interp)?.iter().map(|n| quote(&n.to_str())).collect(),
            None => self.column_list(interp, &a)?.iter().map(|c| quote(&c.name)).collect(),
        };
        columns.sort();
        let columns = columns.join(", ");
        let except = operator.map_or_else(|| "EXCEPT".into(), |o| o.to_str());
        Ok(Value::from(format!(
            "select (select count(*) from {a}) - (select count(*) from {b}) as row_count_difference, \
             (select count(*) from ((select {columns} from {a} {except} select {columns} from {b}) union all \
             (select {columns} from {b} {except} select {columns} from {a})) as mismatched) as num_mismatched"
        )))
    }
}

/// Calls a macro that projects may override.
pub(crate) fn call_macro<const N: usize>(
    interp: &mut Interp,
    name: &str,
    arguments: [(&str, Value); N],
) -> Result<Value> {
    let args = arguments.into_iter().fold(Args::default(), |args, (name, value)| args.with(name, value));
    interp.call_named(name, args)
}

/// Whether neither the macro nor what it dispatches to is overridden by a project or package.
fn is_built_in(interp: &Interp, name: &str) -> bool {
    let macros = &interp.env.macros;
    let internal = |package: &Arc<str>| macros.internal_packages.contains(package);
    let outer = macros.resolve(interp.context.package(), name);
    outer.is_none_or(|m| internal(&m.package))
        && interp.dispatch(name, Some("dbt")).map_or(true, |m| internal(&m.package))
}

fn hard_deletes(interp: &mut Interp, args: Args) -> Result<Value> {
    let [config] = args.bind("get_hard_deletes_behavior", ["config"])?;
    let config = config.unwrap_or(Value::None);
    let mut get = |key: &str| match &config {
        Value::Dict(dict) => Ok(Dict::get(dict, key).unwrap_or(Value::None)),
        Value::Object(object) => {
            let args = Args::of([Value::from(key), Value::None]);
            Ok(object.clone().call_method(interp, "get", args)?.unwrap_or(Value::None))
        }
        _ => Ok::<_, Error>(Value::None),
    };
    let (legacy, hard_deletes) = (get("invalidate_hard_deletes")?, get("hard_deletes")?);
    let unset = |v: &Value| v.is_none() || v.is_undefined();
    if !unset(&legacy) && !unset(&hard_deletes) {
        return Err(Error::compilation(
            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
        ));
    }
    match hard_deletes.as_str() {
        Some("invalidate") => Ok(Value::from("invalidate")),
        Some("new_record") => Ok(Value::from("new_record")),
        _ if legacy.is_true() => Ok(Value::from("invalidate")),
        Some("ignore") => Ok(Value::from("ignore")),
        None if unset(&hard_deletes) => Ok(Value::from("ignore")),
        _ => Err(Error::compilation(format!(
            "Invalid setting for property hard_deletes: {}",
            hard_deletes.repr()
        ))
        .with_hint("one of ignore, invalidate, new_record")),
    }
}

/// The database's response as a value of templates.
pub struct ResponseObject(pub crate::AdapterResponse);

impl Object for ResponseObject {
    fn type_name(&self) -> &str {
        "AdapterResponse"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "_message" | "message" => Some(Value::from(self.0.message.as_str())),
            "code" => Some(Value::from(self.0.code.clone())),
            "rows_affected" => Some(Value::from(self.0.rows_affected)),
            "query_id" => Some(Value::from(self.0.query_id.clone())),
            other => self.0.extra.get(other).map(Value::from_json),
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, _: Args) -> Result<Option<Value>> {
        Ok((name == "to_dict").then(|| Value::from_json(&serde_json::Value::Object(self.0.to_json()))))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn str(&self) -> String {
        self.0.message.clone()
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::Object(self.0.to_json()))
    }
}

/// What `adapter.add_query` gives as its cursor: the rows, already fetched.
struct CursorObject(Table);

impl Object for CursorObject {
    fn type_name(&self) -> &str {
        "cursor"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name == "description" {
            let columns = self.0.columns.iter().zip(&self.0.types);
            return Ok(Some(Value::list(
                columns.map(|(name, kind)| Value::tuple([Value::from(name), Value::from(kind)])),
            )));
        }
        let method = ["fetchall", "fetchone"].into_iter().find(|m| *m == name);
        Ok(method.map(|m| crate::arguments::Method::of(self, m)))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, _: Args) -> Result<Option<Value>> {
        let row = |row: &Vec<Cell>| Value::tuple(row.iter().map(Cell::to_value));
        Ok(match name {
            "fetchall" => Some(Value::list(self.0.rows.iter().map(row))),
            "fetchone" => Some(self.0.rows.first().map_or(Value::None, row)),
            _ => None,
        })
    }

    fn is_true(&self) -> bool {
        true
    }
}
