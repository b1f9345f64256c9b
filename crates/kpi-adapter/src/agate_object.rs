//! agate's table in templates: what `run_query` and `load_result` give.

use crate::agate::{AgateTable, Row};
use crate::agate_rows::{RowsObject, TypeObject, columns_value, compare_nulls_last, row_value, try_sort};
use crate::arguments::{Method, text};
use crate::{ColumnType, agate_relational, table_text};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Key, Object, Result, Set, Slice, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A table.
pub(crate) struct TableObject(pub(crate) AgateTable);

const TABLE_METHODS: &[&str] = &[
    "print_table",
    "print_structure",
    "print_csv",
    "print_json",
    "to_csv",
    "to_json",
    "select",
    "exclude",
    "where",
    "find",
    "limit",
    "order_by",
    "distinct",
    "rename",
    "merge",
];

impl TableObject {
    fn names_of(&self, interp: &mut Interp, key: &Value) -> Result<Vec<usize>> {
        let names = match key {
            Value::Str(_) => vec![key.clone()],
            other => other.to_vec(interp)?,
        };
        names
            .iter()
            .map(|name| {
                self.0
                    .position(&name.to_str())
                    .ok_or_else(|| Error::value_error("tuple.index(x): x not in tuple"))
            })
            .collect()
    }

    fn selected(&self, indexes: &[usize]) -> Result<Value> {
        let names = indexes.iter().filter_map(|i| self.0.names.get(*i).cloned()).collect();
        let kinds = indexes.iter().filter_map(|i| self.0.kinds.get(*i).copied()).collect();
        let pick = |row: &Row| indexes.iter().filter_map(|i| row.get(*i).cloned()).collect();
        let rows = self.0.rows()?.iter().map(pick).collect();
        Ok(AgateTable::new(names, kinds, rows).into_value())
    }

    fn with_rows(&self, rows: Vec<Row>) -> Value {
        AgateTable::new(self.0.names.clone(), self.0.kinds.clone(), rows).into_value()
    }

    /// What a row is sorted or compared by.
    fn key_of(&self, interp: &mut Interp, row: &Row, key: Option<&Value>) -> Result<Vec<Value>> {
        match key {
            None | Some(Value::None) => Ok(row.to_vec()),
            Some(key) if key.is_callable() => {
                Ok(vec![interp.call(key, Args::of([row_value(&self.0, row)]))?])
            }
            Some(key) => {
                let indexes = self.names_of(interp, key)?;
                Ok(indexes.iter().filter_map(|i| row.get(*i).cloned()).collect())
            }
        }
    }

    fn print(&self, interp: &mut Interp, printed: &str) -> Result<Value> {
        // Only the command line prints; templates reach it through the context's `print`.
        if let Some(print) = interp.context.lookup("print") {
            interp.call(&print, Args::of([Value::from(printed.trim_end_matches('\n'))]))?;
        }
        Ok(Value::None)
    }

    fn write(path: &str, content: &str) -> Result<Value> {
        let failed =
            |e: std::io::Error| Error::new(ErrorKind::Runtime, format!("could not write {path}: {e}"));
        if let Some(folder) = std::path::Path::new(path).parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(path, content).map_err(failed)?;
        Ok(Value::None)
    }
}

impl Object for TableObject {
    fn type_name(&self) -> &str {
        "Table"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(Some(match name {
            "columns" => columns_value(&self.0)?,
            "rows" => Value::object(RowsObject(self.0.clone())),
            "column_names" => Value::tuple(self.0.names.iter().map(Value::from)),
            "column_types" => Value::tuple(self.0.kinds.iter().map(|k| Value::object(TypeObject(*k)))),
            "row_names" => Value::None,
            _ => {
                let methods = TABLE_METHODS.iter().chain(agate_relational::METHODS);
                return Ok(methods.into_iter().find(|m| **m == name).map(|m| Method::of(self, m)));
            }
        }))
    }

    fn item(self: Arc<Self>, interp: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Arc::new(RowsObject(self.0.clone())).item(interp, key)
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "print_table" => {
                let options = table_text::Options::bind(args)?;
                let printed = table_text::markdown(&self.0, &options)?;
                self.print(interp, &printed)?
            }
            "print_structure" => {
                let printed = table_text::structure(&self.0);
                self.print(interp, &printed)?
            }
            "print_csv" => {
                let printed = table_text::csv(&self.0)?;
                self.print(interp, &printed)?
            }
            "print_json" => {
                let printed = table_text::json(&self.0, false)?;
                self.print(interp, &printed)?
            }
            "to_csv" => {
                let [path] = args.bind(name, ["path"])?;
                Self::write(&text(path.as_ref()), &table_text::csv(&self.0)?)?
            }
            "to_json" => {
                let [path, _key, newline, _indent] =
                    args.bind(name, ["path", "key?", "newline?", "indent?"])?;
                let newline = newline.is_some_and(|n| n.is_true());
                Self::write(&text(path.as_ref()), &table_text::json(&self.0, newline)?)?
            }
            "select" => {
                let [key] = args.bind(name, ["key"])?;
                let indexes = self.names_of(interp, &key.unwrap_or(Value::None))?;
                self.selected(&indexes)?
            }
            "exclude" => {
                let [key] = args.bind(name, ["key"])?;
                let out: Vec<Value> = match key.unwrap_or(Value::None) {
                    name @ Value::Str(_) => vec![name],
                    other => other.to_vec(interp)?,
                };
                let kept = |i: &usize| {
                    self.0.names.get(*i).is_some_and(|n| !out.iter().any(|o| o.as_str() == Some(n)))
                };
                let indexes: Vec<usize> = (0..self.0.names.len()).filter(kept).collect();
                self.selected(&indexes)?
            }
            "where" | "find" => {
                let [test] = args.bind(name, ["test"])?;
                let test = test.unwrap_or(Value::None);
                let mut rows = Vec::new();
                for row in self.0.rows()?.iter() {
                    let value = row_value(&self.0, row);
                    if interp.call(&test, Args::of([value.clone()]))?.is_true() {
                        if name == "find" {
                            return Ok(Some(value));
                        }
                        rows.push(row.clone());
                    }
                }
                if name == "find" { Value::None } else { self.with_rows(rows) }
            }
            "limit" => {
                let [start, stop, step] = args.bind(name, ["start_or_stop?", "stop?", "step?"])?;
                let (start, stop, step) =
                    (start.unwrap_or(Value::None), stop.unwrap_or(Value::None), step.unwrap_or(Value::None));
                let slice = if stop.is_true() || step.is_true() {
                    Slice { start, stop, step }
                } else {
                    Slice { start: Value::None, stop: start, step: Value::None }
                };
                let rows = self.0.rows()?;
                let indices = slice.indices(rows.len())?.ok_or_else(|| {
                    Error::type_error("slice indices must be integers or None or have an __index__ method")
                })?;
                self.with_rows(indices.filter_map(|i| rows.get(i).cloned()).collect())
            }
            "order_by" => {
                let [key, reverse] = args.bind(name, ["key", "reverse?"])?;
                let mut keyed = Vec::new();
                for row in self.0.rows()?.iter() {
                    keyed.push((self.key_of(interp, row, key.as_ref())?, row.clone()));
                }
                let reverse = reverse.is_some_and(|r| r.is_true());
                try_sort(&mut keyed, |a, b| {
                    for (x, y) in a.0.iter().zip(&b.0) {
                        let order = compare_nulls_last(x, y)?;
                        if order.is_ne() {
                            return Ok(if reverse { order.reverse() } else { order });
                        }
                    }
                    Ok(Ordering::Equal)
                })?;
                self.with_rows(keyed.into_iter().map(|(_, row)| row).collect())
            }
            "distinct" => {
                let [key] = args.bind(name, ["key?"])?;
                let seen = Set::new();
                let mut rows = Vec::new();
                for row in self.0.rows()?.iter() {
                    let key = Key::new(Value::tuple(self.key_of(interp, row, key.as_ref())?))?;
                    if seen.0.lock().insert(key) {
                        rows.push(row.clone());
                    }
                }
                self.with_rows(rows)
            }
            "rename" => {
                let column_names = args
                    .keyword
                    .iter()
                    .find(|(k, _)| &**k == "column_names")
                    .map(|(_, v)| v)
                    .or_else(|| args.positional.first());
                let names: Vec<Arc<str>> = match column_names {
                    None | Some(Value::None) => self.0.names.to_vec(),
                    Some(Value::Dict(renamed)) => self
                        .0
                        .names
                        .iter()
                        .map(|n| renamed.get(n).map_or_else(|| n.clone(), |v| v.to_str()))
                        .collect(),
                    Some(other) => other.to_vec(interp)?.iter().map(Value::to_str).collect(),
                };
                let slugs = args.keyword.iter().any(|(k, v)| &**k == "slug_columns" && v.is_true());
                let names = if slugs { names.iter().map(|name| slug(name)).collect() } else { names };
                if names.len() != self.0.names.len() {
                    return Err(Error::value_error("column_names and column_types must be the same length."));
                }
                let names = crate::cell::unique_names(&names);
                AgateTable::new(names, self.0.kinds.clone(), self.0.rows()?.to_vec()).into_value()
            }
            "merge" => {
                let [tables] = args.bind(name, ["tables"])?;
                merge(&tables.unwrap_or(Value::None).to_vec(interp)?)?
            }
            _ => return agate_relational::call(interp, &self.0, name, args),
        }))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let rows = self.0.rows()?;
        Ok(Some(Box::new((0..rows.len()).filter_map(move |i| rows.get(i).map(|r| row_value(&self.0, r))))))
    }

    fn length(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn str(&self) -> String {
        table_text::structure(&self.0)
    }

    fn repr(&self) -> String {
        "<agate.table.Table object>".to_owned()
    }
}

/// A name in lower case with underscores in the place of all but letters and digits.
fn slug(name: &str) -> Arc<str> {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("_").into()
}

/// One table of the rows of several, by column name.
fn merge(tables: &[Value]) -> Result<Value> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut kinds: Vec<ColumnType> = Vec::new();
    let tables = tables
        .iter()
        .map(|t| {
            AgateTable::from_value(t).ok_or_else(|| Error::type_error("merge() expects a list of tables"))
        })
        .collect::<Result<Vec<_>>>()?;
    for table in &tables {
        for (name, kind) in table.names.iter().zip(table.kinds.iter()) {
            match names.iter().position(|n| n == name).and_then(|i| kinds.get(i)) {
                None => {
                    names.push(name.clone());
                    kinds.push(*kind);
                }
                Some(known) if known == kind => {}
                Some(_) => {
                    return Err(Error::new(
                        ErrorKind::Type,
                        "Tables contain columns with the same names, but different types.",
                    ));
                }
            }
        }
    }
    let mut rows = Vec::new();
    for table in &tables {
        let indexes: Vec<Option<usize>> = names.iter().map(|n| table.position(n)).collect();
        for row in table.rows()?.iter() {
            let value = |i: &Option<usize>| i.and_then(|i| row.get(i)).cloned().unwrap_or(Value::None);
            rows.push(indexes.iter().map(value).collect());
        }
    }
    Ok(AgateTable::new(names.into(), kinds.into(), rows).into_value())
}
