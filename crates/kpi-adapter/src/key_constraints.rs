//! Which keys DuckDB's tables have: they decide whether a table can be replaced by a rename.

use crate::adapter_methods::Running;
use crate::arguments::{relation as relation_argument, text};
use crate::{Cell, Fetch};
use kpi_jinja::{Args, Result, Value};

/// `catalog_supports_foreign_keys(database)` and `existing_key_constraint_types(relation)`. Both are asked once per
/// run and schema: constraints that are added later are in the configs of their models.
pub(crate) fn call(running: &Running<'_>, name: &str, args: Args) -> Result<Value> {
    if name == "catalog_supports_foreign_keys" {
        let [database] = args.bind(name, ["database"])?;
        return supports(running, &text(database.as_ref())).map(Value::Bool);
    }
    let [relation] = args.bind(name, ["relation"])?;
    let relation = relation_argument(relation.as_ref(), name, "relation")?;
    let (Some(database), Some(schema), Some(table)) =
        (&relation.database, &relation.schema, &relation.identifier)
    else {
        return Ok(Value::list([]));
    };
    if !supports(running, database)? {
        return Ok(Value::list([]));
    }
    let key = (database.to_lowercase(), schema.to_lowercase());
    let table = table.to_lowercase();
    let known = |running: &Running<'_>| {
        let learned = running.adapter.facts.learned.lock();
        learned.key_constraints.get(&key).map(|tables| tables.get(&table).cloned().unwrap_or_default())
    };
    let types = match known(running) {
        Some(types) => types,
        None => {
            list(running, &key)?;
            known(running).unwrap_or_default()
        }
    };
    Ok(Value::list(types.into_iter().map(Value::from)))
}

fn escaped(text: &str) -> String {
    text.replace('\'', "''")
}

fn supports(running: &Running<'_>, database: &str) -> Result<bool> {
    let native = |kind: &String| kind == "duckdb" || kind == "motherduck";
    let name = database.to_lowercase();
    if let Some(types) = &running.adapter.facts.learned.lock().catalog_types {
        return Ok(types.get(&name).is_some_and(native));
    }
    let result = running.connection.execute(
        "select database_name, type from duckdb_databases()",
        false,
        Fetch::All,
    )?;
    let types = result.table.rows.iter().filter_map(|row| match row.as_slice() {
        [Cell::Str(name), Cell::Str(kind)] => Some((name.to_lowercase(), kind.to_lowercase())),
        _ => None,
    });
    let mut learned = running.adapter.facts.learned.lock();
    let types = learned.catalog_types.insert(types.collect());
    Ok(types.get(&name).is_some_and(native))
}

fn list(running: &Running<'_>, key: &(String, String)) -> Result<()> {
    let sql = format!(
        "select table_name, constraint_type from duckdb_constraints() where lower(database_name) = '{}' and \
         lower(schema_name) = '{}' and constraint_type in ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')",
        escaped(&key.0),
        escaped(&key.1)
    );
    let result = running.connection.execute(&sql, false, Fetch::All)?;
    let mut learned = running.adapter.facts.learned.lock();
    let tables = learned.key_constraints.entry(key.clone()).or_default();
    for row in &result.table.rows {
        let [Cell::Str(table), Cell::Str(kind)] = row.as_slice() else { continue };
        let kind = match &**kind {
            "PRIMARY KEY" => "primary_key",
            "UNIQUE" => "unique",
            _ => "foreign_key",
        };
        let kinds = tables.entry(table.to_lowercase()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
            kinds.sort_unstable();
        }
    }
    Ok(())
}
