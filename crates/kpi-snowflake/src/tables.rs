//! Dynamic and interactive tables: what the project wants of one, what the database has, and what has to change.

use crate::model::{Fields, Model};
use crate::normal;
use kpi_adapter::{AdapterObject, Cell, Fetch, Relation, Table};
use kpi_jinja::{Args, Error, Interp, Result, Value};

/// What a statement that makes or compares a table needs to know.
#[derive(Default)]
struct Settings {
    target_lag: Option<String>,
    /// Executes the statements, and refreshes the table unless there is another for that.
    snowflake_warehouse: Option<String>,
    refresh_warehouse: Option<String>,
    initialization_warehouse: Option<String>,
    refresh_mode: Option<String>,
    initialize: Option<String>,
    scheduler: Option<String>,
    row_access_policy: Option<String>,
    table_tag: Option<String>,
    cluster_by: Option<String>,
    copy_grants: bool,
    immutable_where: Option<String>,
    transient: Option<bool>,
}

impl Settings {
    /// The warehouse that refreshes the table. Blank names count as none.
    fn warehouse(&self) -> Option<String> {
        let filled = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
        filled(&self.refresh_warehouse).or_else(|| filled(&self.snowflake_warehouse))
    }

    fn value(&self) -> Value {
        let text = |value: &Option<String>| Value::from(value.clone());
        Fields::value(
            "TableConfig",
            vec![
                ("target_lag", text(&self.target_lag)),
                ("snowflake_warehouse", text(&self.snowflake_warehouse)),
                ("refresh_warehouse", text(&self.refresh_warehouse)),
                ("warehouse_parameter", text(&self.warehouse())),
                ("snowflake_initialization_warehouse", text(&self.initialization_warehouse)),
                ("refresh_mode", text(&self.refresh_mode)),
                ("initialize", text(&self.initialize)),
                ("scheduler", text(&self.scheduler)),
                ("row_access_policy", text(&self.row_access_policy)),
                ("table_tag", text(&self.table_tag)),
                ("cluster_by", text(&self.cluster_by)),
                ("copy_grants", Value::Bool(self.copy_grants)),
                ("immutable_where", text(&self.immutable_where)),
                ("transient", self.transient.map_or(Value::None, Value::Bool)),
                ("is_dynamic", Value::Bool(normal::lag(self.target_lag.clone()).is_some())),
            ],
        )
    }
}

fn one_of(model: &Model, key: &str, known: &[&str], default: &str) -> Result<Option<String>> {
    let Some(text) = model.filled(key) else { return Ok(Some(default.to_owned())) };
    let upper = text.to_uppercase();
    if known.contains(&upper.as_str()) {
        return Ok(Some(upper));
    }
    Err(Error::compilation(format!(
        "Invalid value for `{key}`: '{text}'. Expected one of: {}.",
        known.join(", ")
    )))
}

/// What a dynamic table is to be.
fn dynamic(model: &Model) -> Result<Settings> {
    let target_lag = model.text("target_lag");
    let scheduler = match model.filled("scheduler") {
        Some(_) => one_of(model, "scheduler", &["ENABLE", "DISABLE"], "")?,
        None if target_lag.as_ref().is_some_and(|lag| !lag.is_empty()) => Some("ENABLE".to_owned()),
        None => Some("DISABLE".to_owned()),
    };
    if model.filled("scheduler").is_some() {
        match (scheduler.as_deref(), &target_lag) {
            (Some("ENABLE"), None) => {
                return Err(Error::compilation(
                    "Invalid dynamic table config: `scheduler='ENABLE'` requires `target_lag`.",
                )
                .with_hint("for instance target_lag='1 hour', or 'downstream'"));
            }
            (Some("DISABLE"), Some(_)) => {
                return Err(Error::compilation(
                    "Invalid dynamic table config: `scheduler='DISABLE'` requires `target_lag` to be omitted.",
                ));
            }
            _ => {}
        }
    }
    let settings = Settings {
        target_lag,
        snowflake_warehouse: model.text("snowflake_warehouse"),
        refresh_warehouse: model.text("refresh_warehouse"),
        initialization_warehouse: normal::unset(model.text("snowflake_initialization_warehouse")),
        refresh_mode: one_of(model, "refresh_mode", &["AUTO", "FULL", "INCREMENTAL"], "AUTO")?,
        initialize: one_of(model, "initialize", &["ON_CREATE", "ON_SCHEDULE"], "ON_CREATE")?,
        scheduler,
        row_access_policy: model.filled("row_access_policy"),
        table_tag: model.filled("table_tag"),
        cluster_by: model.cluster_by()?,
        copy_grants: model.flag("copy_grants").unwrap_or(false),
        immutable_where: model.filled("immutable_where"),
        transient: model.flag("transient"),
    };
    if settings.warehouse().is_none() {
        return Err(Error::compilation(
            "A dynamic table needs a warehouse that refreshes it: `snowflake_warehouse` is not set.",
        )
        .with_hint("set snowflake_warehouse, for instance in the project file for all models"));
    }
    Ok(settings)
}

/// What an interactive table is to be.
fn interactive(adapter: &AdapterObject, model: &Model) -> Result<Settings> {
    let keys = model.texts("cluster_by")?.unwrap_or_default();
    if keys.is_empty() || keys.iter().any(|key| key.trim().is_empty()) {
        return Err(Error::compilation(format!(
            "interactive_table models require every `cluster_by` entry to be non-blank; `CREATE INTERACTIVE TABLE` without \
             `CLUSTER BY` is rejected by Snowflake (010405): {}",
            model.identifier
        )));
    }
    if model.is_iceberg() {
        return Err(Error::compilation(format!(
            "Interactive tables do not support `table_format: iceberg`: {}",
            model.identifier
        )));
    }
    if model.flag("transient") == Some(true) {
        return Err(Error::compilation(format!(
            "transient=true is not supported for interactive_table models: {}",
            model.identifier
        ))
        .with_hint("set `transient: false` on this model to override an inherited value"));
    }
    let settings = Settings {
        target_lag: model.filled("target_lag"),
        snowflake_warehouse: model.text("snowflake_warehouse"),
        refresh_warehouse: model.text("refresh_warehouse"),
        initialization_warehouse: normal::unset(model.text("snowflake_initialization_warehouse")),
        cluster_by: Some(keys.join(", ")),
        ..Settings::default()
    };
    let refreshes = normal::lag(settings.target_lag.clone()).is_some();
    if refreshes && settings.warehouse().is_none() {
        return Err(Error::compilation(format!(
            "target_lag requires refresh_warehouse or snowflake_warehouse to be set for interactive_table models (010412): {}",
            model.identifier
        )));
    }
    if !refreshes && settings.initialization_warehouse.is_some() {
        adapter.warn(
            "snowflake_initialization_warehouse is ignored on an interactive table without target_lag: it only applies when \
             the table refreshes itself.",
        );
    }
    Ok(settings)
}

/// `relation.from_config(config.model)`
pub(crate) fn from_config(adapter: &AdapterObject, interp: &mut Interp, args: Args) -> Result<Value> {
    let [node] = args.bind("from_config", ["config"])?;
    let model = Model::read(interp, &node.unwrap_or(Value::None))?;
    let kind = model.text("materialized").unwrap_or_default();
    match kind.as_str() {
        "dynamic_table" => Ok(dynamic(&model)?.value()),
        "interactive_table" => Ok(interactive(adapter, &model)?.value()),
        _ => Err(Error::compilation(format!(
            "from_config() is not supported for the provided relation type: {kind}"
        ))),
    }
}

/// The first row of what the database tells of a table, by column.
struct Told(Vec<(String, Option<String>)>);

impl Told {
    fn read(interp: &mut Interp, results: &Value, key: &str) -> Result<Self> {
        let table = results.get_item(interp, &Value::from(key))?;
        let names = table.get_attr(interp, "column_names")?.to_vec(interp)?;
        let rows = table.get_attr(interp, "rows")?.to_vec(interp)?;
        let cells = match rows.first() {
            Some(row) => row.to_vec(interp)?,
            None => Vec::new(),
        };
        let text =
            |value: &Value| (!value.is_none() && !value.is_undefined()).then(|| value.to_str().to_string());
        Ok(Self(
            names.iter().zip(&cells).map(|(name, cell)| (name.to_str().to_lowercase(), text(cell))).collect(),
        ))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(column, _)| column == name)?.1.clone()
    }
}

/// Changes as a macro reads them: each with the new value, and whether a new table is needed for all.
struct Changes {
    fields: Vec<(&'static str, Value)>,
    rebuild: bool,
}

impl Changes {
    fn new() -> Self {
        Self { fields: Vec::new(), rebuild: false }
    }

    fn add(&mut self, name: &'static str, wanted: Option<String>, rebuild: bool) {
        let action = if rebuild { "create" } else { "alter" };
        let change = Value::dict([
            ("action", Value::from(action)),
            ("context", Value::from(wanted)),
            ("requires_full_refresh", Value::Bool(rebuild)),
        ]);
        self.fields.push((name, change));
        self.rebuild |= rebuild;
    }

    /// With all names that a macro may ask for; none where nothing changes.
    fn value(mut self, names: &[&'static str]) -> Value {
        if self.fields.is_empty() {
            return Value::None;
        }
        for name in names {
            if !self.fields.iter().any(|(known, _)| known == name) {
                self.fields.push((name, Value::None));
            }
        }
        self.fields.push(("requires_full_refresh", Value::Bool(self.rebuild)));
        self.fields.push(("has_changes", Value::Bool(true)));
        Fields::value("TableChanges", self.fields)
    }
}

/// `relation.dynamic_table_config_changeset(results, config.model)`
pub(crate) fn dynamic_changes(_: &AdapterObject, interp: &mut Interp, args: Args) -> Result<Value> {
    let [results, node] =
        args.bind("dynamic_table_config_changeset", ["relation_results", "relation_config"])?;
    let new = dynamic(&Model::read(interp, &node.unwrap_or(Value::None))?)?;
    let old = Told::read(interp, &results.unwrap_or(Value::None), "dynamic_table")?;
    let mut changes = Changes::new();
    if old.is_empty() {
        // It is listed as a dynamic table, and the database tells nothing of it: only a new one will do.
        changes.add("refresh_mode", new.refresh_mode.clone(), true);
    } else {
        compare_dynamic(&new, &old, &mut changes);
    }
    Ok(changes.value(&[
        "target_lag",
        "snowflake_warehouse",
        "snowflake_initialization_warehouse",
        "refresh_mode",
        "scheduler",
        "immutable_where",
        "cluster_by",
        "transient",
    ]))
}

fn compare_dynamic(new: &Settings, old: &Told, changes: &mut Changes) {
    if new.target_lag.is_some() && normal::lag(new.target_lag.clone()) != normal::lag(old.get("target_lag")) {
        changes.add("target_lag", new.target_lag.clone(), false);
    }
    if normal::warehouse(new.warehouse()) != normal::warehouse(old.get("warehouse")) {
        changes.add("snowflake_warehouse", new.warehouse(), false);
    }
    let initial = new.initialization_warehouse.clone();
    if normal::warehouse(initial.clone()) != normal::warehouse(old.get("initialization_warehouse")) {
        changes.add("snowflake_initialization_warehouse", initial, false);
    }
    let mode = new.refresh_mode.as_deref().unwrap_or("AUTO");
    if mode != "AUTO" && old.get("refresh_mode").as_deref() != Some(mode) {
        changes.add("refresh_mode", new.refresh_mode.clone(), true);
    }
    let scheduled = old.get("scheduler").filter(|s| !s.is_empty()).unwrap_or_else(|| {
        let refreshes = old.get("target_lag").is_some_and(|lag| !lag.is_empty());
        if refreshes { "ENABLE" } else { "DISABLE" }.to_owned()
    });
    if new.scheduler.as_deref() != Some(scheduled.as_str()) {
        changes.add("scheduler", new.scheduler.clone(), false);
    }
    if new.immutable_where != normal::immutable_where(old.get("immutable_where")) {
        changes.add("immutable_where", new.immutable_where.clone(), false);
    }
    if normal::cluster_by(new.cluster_by.clone()) != normal::cluster_by(old.get("cluster_by")) {
        changes.add("cluster_by", new.cluster_by.clone(), false);
    }
    if let (Some(wanted), Some(is)) = (new.transient, old.get("transient"))
        && wanted != is.eq_ignore_ascii_case("true")
    {
        changes.add("transient", Some(wanted.to_string()), true);
    }
}

/// `relation.interactive_table_config_changeset(results, config.model)`
pub(crate) fn interactive_changes(adapter: &AdapterObject, interp: &mut Interp, args: Args) -> Result<Value> {
    let [results, node] =
        args.bind("interactive_table_config_changeset", ["relation_results", "relation_config"])?;
    let new = interactive(adapter, &Model::read(interp, &node.unwrap_or(Value::None))?)?;
    let old = Told::read(interp, &results.unwrap_or(Value::None), "interactive_table")?;
    let mut changes = Changes::new();
    let (lag, lag_now) = (normal::lag(new.target_lag.clone()), normal::lag(old.get("target_lag")));
    if lag != lag_now {
        // A table that refreshes itself and one that does not cannot become each other.
        changes.add("target_lag", new.target_lag.clone(), lag.is_none() || lag_now.is_none());
    }
    if normal::cluster_by(new.cluster_by.clone()) != normal::cluster_by(old.get("cluster_by")) {
        changes.add("cluster_by", new.cluster_by.clone(), true);
    }
    // A table that does not refresh itself has no warehouses.
    let refreshes = lag.is_some();
    let warehouse = new.warehouse().filter(|_| refreshes);
    if normal::warehouse(warehouse.clone()) != normal::warehouse(old.get("refresh_warehouse")) {
        changes.add("refresh_warehouse", warehouse, false);
    }
    let initial = new.initialization_warehouse.clone().filter(|_| refreshes);
    if normal::warehouse(initial.clone()) != normal::warehouse(old.get("initialization_warehouse")) {
        changes.add("snowflake_initialization_warehouse", initial, false);
    }
    Ok(changes.value(&[
        "target_lag",
        "cluster_by",
        "refresh_warehouse",
        "snowflake_initialization_warehouse",
    ]))
}

/// `show <kind> like 'name' in schema ...`: exactly the relation, since the pattern matches others too.
fn shown(adapter: &AdapterObject, relation: &Relation, kind: &str) -> Result<Table> {
    let part = |name: &Option<std::sync::Arc<str>>, quoted: bool| {
        let name = name.as_deref().unwrap_or_default();
        if quoted { format!("\"{name}\"") } else { name.to_owned() }
    };
    let identifier = relation.identifier.as_deref().unwrap_or_default();
    let sql = format!(
        "show {kind} like '{}' in schema {}.{}",
        identifier.replace('\\', "\\\\").replace('\'', "''"),
        part(&relation.database, relation.quote.database),
        part(&relation.schema, relation.quote.schema),
    );
    let Some(connection) = adapter.connection() else { return Ok(Table::default()) };
    let mut table = connection.execute(&sql, false, Fetch::All)?.table;
    for name in &mut table.columns {
        *name = name.to_lowercase().into();
    }
    if let Some(at) = table.columns.iter().position(|name| &**name == "name") {
        let exactly = |cell: &Cell| {
            let name = cell.text();
            if relation.quote.identifier { name == identifier } else { name.eq_ignore_ascii_case(identifier) }
        };
        table.rows.retain(|row| row.get(at).is_some_and(&exactly));
    }
    Ok(table)
}

fn relation_of(args: Args, method: &str) -> Result<(std::sync::Arc<Relation>, bool)> {
    let [relation, transient] = args.bind(method, ["relation", "include_transient?"])?;
    let relation = relation
        .as_ref()
        .and_then(Relation::from_value)
        .ok_or_else(|| Error::type_error(format!("adapter.{method} expects a relation")))?;
    Ok((relation, transient.is_some_and(|t| t.is_true())))
}

/// `adapter.describe_dynamic_table(relation, include_transient)`
pub(crate) fn describe_dynamic_table(adapter: &AdapterObject, _: &mut Interp, args: Args) -> Result<Value> {
    let (relation, with_transient) = relation_of(args, "describe_dynamic_table")?;
    let mut table = shown(adapter, &relation, "dynamic tables")?;
    if with_transient {
        // `show dynamic tables` does not tell.
        let tables = shown(adapter, &relation, "tables")?;
        let at = tables.columns.iter().position(|name| &**name == "kind");
        let kind = tables.rows.first().and_then(|row| row.get(at?)).map(Cell::text);
        let transient = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("transient"));
        table.columns.push("transient".into());
        table.types.push("BOOLEAN".into());
        for row in &mut table.rows {
            row.push(Cell::Bool(transient));
        }
    }
    Ok(Value::dict([("dynamic_table", table.into_value())]))
}

/// `adapter.describe_interactive_table(relation)`
pub(crate) fn describe_interactive_table(
    adapter: &AdapterObject,
    _: &mut Interp,
    args: Args,
) -> Result<Value> {
    let (relation, _) = relation_of(args, "describe_interactive_table")?;
    let table = shown(adapter, &relation, "interactive tables")?;
    if table.rows.is_empty() && adapter.connection().is_some() {
        return Err(Error::new(
            kpi_jinja::ErrorKind::Runtime,
            format!("Could not find interactive table: {relation}"),
        ));
    }
    Ok(Value::dict([("interactive_table", table.into_value())]))
}
