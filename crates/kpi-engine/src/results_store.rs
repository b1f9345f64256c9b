//! The results of a node's statements: `store_result`, `store_raw_result`, `load_result`.

use kpi_adapter::{AdapterResponse, AgateTable, ResponseObject, Table};
use kpi_jinja::{Args, Error, Interp, Object, Result, Value};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A statement's result as templates see it: `response`, `data`, `table`.
#[derive(Clone)]
pub(crate) struct Stored {
    pub response: Value,
    pub table: Value,
}

/// Results by the name of their statement. All but `main` can be loaded once.
#[derive(Default)]
pub(crate) struct ResultStore(Mutex<FxHashMap<String, Option<Stored>>>);

impl ResultStore {
    /// `store_result(name, response, agate_table=None)`
    pub fn store(&self, args: Args) -> Result<Value> {
        let [name, response, table] = args.bind("store_result", ["name", "response", "agate_table?"])?;
        let table = table.filter(|t| !t.is_none()).unwrap_or_else(|| Table::default().into_value());
        self.put(name, response.unwrap_or(Value::None), table)
    }

    /// `store_raw_result(name, message, code, rows_affected, agate_table=None)`
    pub fn store_raw(&self, args: Args) -> Result<Value> {
        let [name, message, code, rows, table] =
            args.bind("store_raw_result", ["name", "message?", "code?", "rows_affected?", "agate_table?"])?;
        let response = AdapterResponse {
            message: message.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
            code: code.as_ref().and_then(Value::as_str).map(str::to_owned),
            rows_affected: rows
                .as_ref()
                .and_then(|r| r.as_i64().or_else(|| r.as_str().and_then(|s| s.trim().parse().ok()))),
            ..AdapterResponse::default()
        };
        let table = table.filter(|t| !t.is_none()).unwrap_or_else(|| Table::default().into_value());
        self.put(name, Value::object(ResponseObject(response)), table)
    }

    fn put(&self, name: Option<Value>, response: Value, table: Value) -> Result<Value> {
        let name = name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        self.0.lock().insert(name, Some(Stored { response, table }));
        Ok(Value::empty())
    }

    /// `load_result(name)`
    pub fn load(&self, args: Args) -> Result<Value> {
        let [name] = args.bind("load_result", ["name"])?;
        let name = name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut results = self.0.lock();
        let Some(entry) = results.get_mut(&name) else { return Ok(Value::None) };
        let stored = if name == "main" { entry.clone() } else { entry.take() };
        let Some(stored) = stored else {
            return Err(Error::compilation(format!(
                "The 'statement' result named '{name}' has already been loaded into a variable"
            )));
        };
        drop(results);
        Ok(Value::object(StoredObject(stored)))
    }

    /// The result of the statement that makes or tests the relation.
    pub fn main(&self) -> Option<Stored> {
        self.0.lock().get("main").cloned().flatten()
    }
}

/// `load_result(name)`: `response`, `table`, and `data`, which is made of the table only when asked for (the table of a
/// seed may have millions of rows that nobody reads).
struct StoredObject(Stored);

impl StoredObject {
    fn field(&self, name: &str) -> Result<Option<Value>> {
        Ok(Some(match name {
            "response" => self.0.response.clone(),
            "table" => self.0.table.clone(),
            "data" => match AgateTable::from_value(&self.0.table) {
                Some(table) => {
                    let rows = table.to_table()?.rows;
                    Value::list(
                        rows.iter().map(|row| Value::tuple(row.iter().map(kpi_adapter::Cell::to_value))),
                    )
                }
                None => Value::list([]),
            },
            _ => return Ok(None),
        }))
    }
}

impl Object for StoredObject {
    fn type_name(&self) -> &str {
        "AttrDict"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        self.field(name)
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        key.as_str().map_or(Ok(None), |name| self.field(name))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "get" => {
                let [key, default] = args.bind("get", ["key", "default?"])?;
                let found = key.as_ref().and_then(Value::as_str).map_or(Ok(None), |k| self.field(k))?;
                Ok(Some(found.or(default).unwrap_or(Value::None)))
            }
            "keys" => Ok(Some(Value::list(["response", "data", "table"].map(Value::from)))),
            _ => Ok(None),
        }
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }
}
