//! Rows, columns and their sequences in templates: agate's `MappedSequence`.

use crate::ColumnType;
use crate::agate::{AgateTable, Row};
use crate::agate_object::TableObject;
use crate::arguments::Method;
use kpi_jinja::{Args, Error, ErrorKind, Interp, Object, Result, Set, Slice, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// A sequence that is also addressed by name: a row, or the values of a column.
struct Sequence {
    class: &'static str,
    values: Arc<[Value]>,
    keys: Option<Arc<[Arc<str>]>>,
    /// For a column.
    column: Option<(usize, Arc<str>, ColumnType)>,
}

/// `table.rows`: its rows become values one at a time.
pub(crate) struct RowsObject(pub(crate) AgateTable);

/// An `OrderedDict`, which prints as one.
struct OrderedDict(Vec<(Arc<str>, Value)>);

pub(crate) fn row_value(table: &AgateTable, row: &Row) -> Value {
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

pub(crate) fn columns_value(table: &AgateTable) -> Result<Value> {
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
pub(crate) fn compare_nulls_last(a: &Value, b: &Value) -> Result<Ordering> {
    match (a.is_none(), b.is_none()) {
        (true, true) => Ok(Ordering::Equal),
        (true, false) => Ok(Ordering::Greater),
        (false, true) => Ok(Ordering::Less),
        (false, false) => a.sort_order(b),
    }
}

/// A stable sort whose comparison may fail.
pub(crate) fn try_sort<T>(
    items: &mut [T],
    mut compare: impl FnMut(&T, &T) -> Result<Ordering>,
) -> Result<()> {
    let mut failure = None;
    items.sort_by(|a, b| {
        compare(a, b).unwrap_or_else(|e| {
            failure.get_or_insert(e);
            Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
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
pub(crate) struct TypeObject(pub(crate) ColumnType);

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
