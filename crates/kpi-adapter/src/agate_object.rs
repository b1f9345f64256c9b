//! agate's table, columns and rows in templates: what `run_query` and `load_result` give.

use crate::agate::{AgateTable, Row};
use crate::arguments::{Method, text};
use crate::{ColumnType, table_text};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Key, Object, Result, Set, Slice, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A table.
pub(crate) struct TableObject(pub(crate) AgateTable);

/// A sequence that is also addressed by name: a row, or the values of a column.
struct Sequence {
    class: &'static str,
    values: Arc<[Value]>,
    keys: Option<Arc<[Arc<str>]>>,
    /// For a column.
    column: Option<(usize, Arc<str>, ColumnType)>,
}

/// `table.rows`: its rows become values one at a time.
struct RowsObject(AgateTable);

/// An `OrderedDict`, which prints as one.
struct OrderedDict(Vec<(Arc<str>, Value)>);

fn row_value(table: &AgateTable, row: &Row) -> Value {
    Value::object(Sequence {
        class: "Row",
        values: row.clone(),
        keys: Some(table.names.clone()),
        column: None,
    })
}

fn column_value(table: &AgateTable, index: usize) -> Result<Value> {
    let rows = table.rows()?;
    let values = rows.iter().map(|r| r.get(index).cloned().unwrap_or(Value::None)).collect();
    let name = table.names.get(index).cloned().unwrap_or_else(|| "".into());
    let kind = table.kinds.get(index).copied().unwrap_or(ColumnType::Text);
    Ok(Value::object(Sequence { class: "Column", values, keys: None, column: Some((index, name, kind)) }))
}

fn columns_value(table: &AgateTable) -> Result<Value> {
    let values = (0..table.names.len()).map(|i| column_value(table, i)).collect::<Result<_>>()?;
    Ok(Value::object(Sequence {
        class: "MappedSequence",
        values,
        keys: Some(table.names.clone()),
        column: None,
    }))
}

fn position(key: &Value, length: usize) -> Option<usize> {
    // `True` is no index for agate.
    let Value::Int(index) = key else { return None };
    let index = if *index < 0 { index.checked_add(i64::try_from(length).ok()?)? } else { *index };
    usize::try_from(index).ok().filter(|i| *i < length)
}

fn sample(class: &str, values: &[Value]) -> String {
    let shown: Vec<String> = values.iter().take(5).map(Value::repr).collect();
    let more = if values.len() > 5 { ", ..." } else { "" };
    format!("<agate.{class}: ({}{more})>", shown.join(", "))
}

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

const SEQUENCE_METHODS: &[&str] = &[
    "values",
    "keys",
    "items",
    "get",
    "dict",
    "index",
    "count",
    "values_distinct",
    "values_without_nulls",
    "values_sorted",
    "values_without_nulls_sorted",
];

/// Sorts as agate does: `None` is greater than everything.
fn compare_nulls_last(a: &Value, b: &Value) -> Result<Ordering> {
    match (a.is_none(), b.is_none()) {
        (true, true) => Ok(Ordering::Equal),
        (true, false) => Ok(Ordering::Greater),
        (false, true) => Ok(Ordering::Less),
        (false, false) => a.sort_order(b),
    }
}

/// A stable sort whose comparison may fail.
fn try_sort<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Result<Ordering>) -> Result<()> {
    let mut failure = None;
    items.sort_by(|a, b| {
        compare(a, b).unwrap_or_else(|e| {
            failure.get_or_insert(e);
            Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
}

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
            _ => return Ok(TABLE_METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m))),
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
            _ => return Ok(None),
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

impl Object for RowsObject {
    fn type_name(&self) -> &str {
        "MappedSequence"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(["values", "keys", "get"].into_iter().find(|m| *m == name).map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        let rows = self.0.rows()?;
        if let Some(slice) = key.downcast_ref::<Slice>() {
            let Some(indices) = slice.indices(rows.len())? else { return Ok(None) };
            let rows = indices.filter_map(|i| rows.get(i)).map(|r| row_value(&self.0, r));
            return Ok(Some(Value::tuple(rows)));
        }
        Ok(position(key, rows.len()).and_then(|i| rows.get(i)).map(|r| row_value(&self.0, r)))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(match name {
            "values" => {
                let rows = self.0.rows()?;
                Some(Value::tuple(rows.iter().map(|r| row_value(&self.0, r))))
            }
            "keys" => Some(Value::None),
            "get" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                let found = self.item(interp, &key.unwrap_or(Value::None))?;
                found.or(default).or(Some(Value::None))
            }
            _ => None,
        })
    }

    fn iterate(
        self: Arc<Self>,
        interp: &mut Interp,
    ) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Arc::new(TableObject(self.0.clone())).iterate(interp)
    }

    fn length(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn repr(&self) -> String {
        let rows = self.0.rows().unwrap_or_else(|_| Arc::from([]));
        let rows: Vec<Value> = rows.iter().take(6).map(|r| row_value(&self.0, r)).collect();
        sample("MappedSequence", &rows)
    }
}

impl Sequence {
    fn named(&self, key: &str) -> Option<&Value> {
        let index = self.keys.as_ref()?.iter().position(|k| &**k == key)?;
        self.values.get(index)
    }

    fn sorted(&self, nulls: bool) -> Result<Value> {
        let mut values: Vec<Value> = self.values.iter().filter(|v| nulls || !v.is_none()).cloned().collect();
        try_sort(&mut values, compare_nulls_last)?;
        Ok(Value::list(values))
    }

    fn pairs(&self) -> Result<Vec<(Arc<str>, Value)>> {
        let Some(keys) = &self.keys else { return Err(Error::new(ErrorKind::Key, "the rows have no names")) };
        Ok(keys.iter().cloned().zip(self.values.iter().cloned()).collect())
    }
}

impl Object for Sequence {
    fn type_name(&self) -> &str {
        self.class
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some((index, column, kind)) = &self.column {
            match name {
                "name" => return Ok(Some(Value::from(column))),
                "index" => return Ok(Some(Value::from(*index))),
                "data_type" => return Ok(Some(Value::object(TypeObject(*kind)))),
                _ => {}
            }
        }
        Ok(SEQUENCE_METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        if let Some(slice) = key.downcast_ref::<Slice>() {
            let Some(indices) = slice.indices(self.values.len())? else { return Ok(None) };
            return Ok(Some(Value::tuple(indices.filter_map(|i| self.values.get(i).cloned()))));
        }
        Ok(match key {
            Value::Str(name) => self.named(name).cloned(),
            key => position(key, self.values.len()).and_then(|i| self.values.get(i)).cloned(),
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "values" => Value::Tuple(self.values.clone()),
            "keys" => self.keys.as_ref().map_or(Value::None, |k| Value::tuple(k.iter().map(Value::from))),
            "items" => {
                let pairs = self.pairs()?;
                Value::tuple(pairs.into_iter().map(|(k, v)| Value::tuple([Value::from(k), v])))
            }
            "dict" => Value::object(OrderedDict(self.pairs()?)),
            "get" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                let found = key.as_ref().and_then(Value::as_str).and_then(|k| self.named(k)).cloned();
                found.or(default.filter(Value::is_true)).unwrap_or(Value::None)
            }
            "index" => {
                let [needle] = args.bind(name, ["value"])?;
                let needle = needle.unwrap_or(Value::None);
                let found = self.values.iter().position(|v| *v == needle);
                found.map(Value::from).ok_or_else(|| Error::value_error(""))?
            }
            "count" => {
                let [needle] = args.bind(name, ["value"])?;
                let needle = needle.unwrap_or(Value::None);
                Value::from(self.values.iter().filter(|v| **v == needle).count())
            }
            "values_distinct" => Value::tuple(Set::of(self.values.iter().cloned())?.snapshot()),
            "values_without_nulls" => Value::tuple(self.values.iter().filter(|v| !v.is_none()).cloned()),
            "values_sorted" => self.sorted(true)?,
            "values_without_nulls_sorted" => self.sorted(false)?,
            _ => return Ok(None),
        }))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new((0..self.values.len()).filter_map(move |i| self.values.get(i).cloned()))))
    }

    fn length(&self) -> Option<usize> {
        Some(self.values.len())
    }

    fn contains(&self, needle: &Value) -> Option<bool> {
        Some(self.values.iter().any(|v| v == needle))
    }

    fn repr(&self) -> String {
        sample(self.class, &self.values)
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        if let Some(other) = other.downcast_ref::<Sequence>() {
            return Some(self.values == other.values);
        }
        Some(other.as_sequence().is_some_and(|other| *self.values == *other))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        self.values.iter().map(|v| v.to_json().ok()).collect::<Option<Vec<_>>>().map(serde_json::Value::Array)
    }
}

impl Object for OrderedDict {
    fn type_name(&self) -> &str {
        "OrderedDict"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(["items", "keys", "values", "get"].into_iter().find(|m| *m == name).map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(self.0.iter().find(|(k, _)| key.as_str() == Some(k)).map(|(_, v)| v.clone()))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "items" => Value::list(self.0.iter().map(|(k, v)| Value::tuple([Value::from(k), v.clone()]))),
            "keys" => Value::list(self.0.iter().map(|(k, _)| Value::from(k))),
            "values" => Value::list(self.0.iter().map(|(_, v)| v.clone())),
            "get" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                self.item(interp, &key.unwrap_or(Value::None))?.or(default).unwrap_or(Value::None)
            }
            _ => return Ok(None),
        }))
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let keys: Vec<Value> = self.0.iter().map(|(k, _)| Value::from(k)).collect();
        Ok(Some(Box::new(keys.into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn repr(&self) -> String {
        let pairs: Vec<String> =
            self.0.iter().map(|(k, v)| format!("({}, {})", Value::from(k).repr(), v.repr())).collect();
        if pairs.is_empty() {
            "OrderedDict()".to_owned()
        } else {
            format!("OrderedDict([{}])", pairs.join(", "))
        }
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        self.0.iter().map(|(k, v)| Some((k.to_string(), v.to_json().ok()?))).collect()
    }
}

/// An agate column type, for `column.data_type`.
struct TypeObject(ColumnType);

impl Object for TypeObject {
    fn type_name(&self) -> &str {
        self.0.agate_name()
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok((name == "__class__").then(|| Value::from(self.0.agate_name())))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<TypeObject>().is_some_and(|o| o.0 == self.0))
    }

    fn repr(&self) -> String {
        let module = match self.0 {
            ColumnType::Integer | ColumnType::Number => "dbt_common.clients.agate_helper",
            ColumnType::Text => "agate.data_types.text",
            ColumnType::Boolean => "agate.data_types.boolean",
            ColumnType::Date => "agate.data_types.date",
            ColumnType::DateTime => "agate.data_types.date_time",
            ColumnType::TimeDelta => "agate.data_types.time_delta",
        };
        format!("<{module}.{} object>", self.0.agate_name())
    }
}
