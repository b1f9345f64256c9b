//! agate's tables beside one another: groups, joins, pivots, and rows turned into columns and back.

use crate::agate::{AgateTable, Row};
use crate::arguments::Method;
use crate::{ColumnType, Decimal};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Key, Object, Result, Value};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Positions of rows by a key, in the order in which the keys come first.
type Groups = Vec<(Value, Vec<usize>)>;

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

/// The column names that an argument gives: one, or several.
fn names(interp: &mut Interp, argument: &Value) -> Result<Vec<Arc<str>>> {
    match argument {
        Value::None => Ok(Vec::new()),
        Value::Str(name) => Ok(vec![name.clone()]),
        other => Ok(other.to_vec(interp)?.iter().map(Value::to_str).collect()),
    }
}

fn position(table: &AgateTable, name: &str) -> Result<usize> {
    table.position(name).ok_or_else(|| Error::new(ErrorKind::Key, Value::from(name).repr()))
}

fn positions(table: &AgateTable, names: &[Arc<str>]) -> Result<Vec<usize>> {
    names.iter().map(|name| position(table, name)).collect()
}

fn cell(row: &Row, index: usize) -> Value {
    row.get(index).cloned().unwrap_or(Value::None)
}

fn kind(table: &AgateTable, index: usize) -> ColumnType {
    table.kinds.get(index).copied().unwrap_or(ColumnType::Text)
}

/// The key of every row: of columns by name or place, or what a function says of the row.
fn keys(interp: &mut Interp, table: &AgateTable, key: &Value) -> Result<Vec<Value>> {
    let rows = table.rows()?;
    if key.is_callable() {
        let call = |row: &Row| interp.call(key, Args::of([crate::agate_rows::row_value(table, row)]));
        return rows.iter().map(call).collect();
    }
    let at = match key {
        // Without a key rows are told apart by their number.
        Value::None => return Ok((0..rows.len()).map(|i| Value::Int(i as i64)).collect()),
        Value::Int(_) => vec![key.as_usize().unwrap_or(usize::MAX)],
        other => positions(table, &names(interp, other)?)?,
    };
    Ok(match at.as_slice() {
        [one] => rows.iter().map(|row| cell(row, *one)).collect(),
        several => {
            let tuple = |row: &Row| Value::tuple(several.iter().map(|i| cell(row, *i)));
            rows.iter().map(tuple).collect()
        }
    })
}

// A key holds no list: what it is made of cannot change.
#[allow(clippy::mutable_key_type)]
fn grouped(keys: Vec<Value>) -> Result<Groups> {
    let mut places: FxHashMap<Key, usize> = FxHashMap::default();
    let mut groups: Groups = Vec::new();
    for (i, key) in keys.into_iter().enumerate() {
        let place = *places.entry(Key::new(key.clone())?).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, rows)) => rows.push(i),
            None => groups.push((key, vec![i])),
        }
    }
    Ok(groups)
}

/// The methods of a table that this module has.
pub(crate) const METHODS: &[&str] = &["group_by", "join", "pivot", "normalize", "denormalize", "homogenize"];

/// A method of [`METHODS`]; `None`: another one.
pub(crate) fn call(interp: &mut Interp, table: &AgateTable, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "group_by" => {
            let [key, key_name, _key_type] = args.bind(name, ["key", "key_name?", "key_type?"])?;
            let key = key.unwrap_or(Value::None);
            let key_name = match key_name.filter(|n| !n.is_none()) {
                Some(given) => given.to_str(),
                None => key.as_str().map_or_else(|| "group".into(), Arc::from),
            };
            let rows = table.rows()?;
            let groups = grouped(keys(interp, table, &key)?)?;
            let of = |(key, at): (Value, Vec<usize>)| {
                let rows = at.into_iter().filter_map(|i| rows.get(i).cloned()).collect();
                (key, AgateTable::new(table.names.clone(), table.kinds.clone(), rows))
            };
            let groups = groups.into_iter().map(of).collect();
            Value::object(TableSet { key_name, groups })
        }
        "join" => join(interp, table, args)?,
        "pivot" => pivot(interp, table, args)?,
        "normalize" => normalize(interp, table, args)?,
        "denormalize" => denormalize(interp, table, args)?,
        "homogenize" => homogenize(interp, table, args)?,
        _ => return Ok(None),
    }))
}

// A key holds no list: what it is made of cannot change.
#[allow(clippy::mutable_key_type)]
fn join(interp: &mut Interp, left: &AgateTable, args: Args) -> Result<Value> {
    let [right, left_key, right_key, inner, full_outer, require_match, columns] = args.bind(
        "join",
        ["right_table", "left_key?", "right_key?", "inner?", "full_outer?", "require_match?", "columns?"],
    )?;
    let right = right.as_ref().and_then(AgateTable::from_value);
    let Some(right) = right else { return Err(Error::type_error("join() expects a table")) };
    let (inner, full_outer) = (is_true(inner.as_ref()), is_true(full_outer.as_ref()));
    if inner && full_outer {
        return Err(Error::value_error("A join can not be both \"inner\" and \"full_outer\"."));
    }
    let left_key = left_key.unwrap_or(Value::None);
    let right_key = right_key.filter(|key| !key.is_none()).unwrap_or_else(|| left_key.clone());
    let left_keys = keys(interp, left, &left_key)?;
    let right_groups = grouped(keys(interp, right, &right_key)?)?;
    let mut by_key: FxHashMap<Key, &[usize]> = FxHashMap::default();
    for (key, rows) in &right_groups {
        by_key.insert(Key::new(key.clone())?, rows);
    }
    // The key is there already, but where rows of the right may stand alone it is kept.
    let of_key =
        if right_key.is_callable() { Vec::new() } else { names(interp, &right_key).unwrap_or_default() };
    let wanted = match columns.filter(|c| !c.is_none()) {
        Some(columns) => names(interp, &columns)?,
        None => right.names.iter().filter(|n| full_outer || !of_key.contains(n)).cloned().collect(),
    };
    let taken = positions(right, &wanted)?;
    let mut all: Vec<Arc<str>> = left.names.to_vec();
    for name in &wanted {
        all.push(if left.names.contains(name) { format!("{name}2").into() } else { name.clone() });
    }
    let kinds = left.kinds.iter().copied().chain(taken.iter().map(|i| kind(right, *i)));
    let kinds: Vec<ColumnType> = kinds.collect();
    let (left_rows, right_rows) = (left.rows()?, right.rows()?);
    let mut matched = vec![false; right_rows.len()];
    let mut rows: Vec<Row> = Vec::new();
    for (row, key) in left_rows.iter().zip(left_keys) {
        let found = by_key.get(&Key::new(key.clone())?).copied().unwrap_or_default();
        if found.is_empty() && is_true(require_match.as_ref()) {
            return Err(Error::value_error(format!(
                "Left key (\"{key}\") does not have a matching right key."
            )));
        }
        for other in found.iter().filter_map(|i| right_rows.get(*i)) {
            rows.push(row.iter().cloned().chain(taken.iter().map(|i| cell(other, *i))).collect());
        }
        if found.is_empty() && !inner {
            let nothing = std::iter::repeat_n(Value::None, taken.len());
            rows.push(row.iter().cloned().chain(nothing).collect());
        }
        for place in found {
            if let Some(seen) = matched.get_mut(*place) {
                *seen = true;
            }
        }
    }
    if full_outer {
        let alone = right_rows.iter().zip(&matched).filter(|(_, matched)| !**matched);
        for (row, _) in alone {
            let nothing = std::iter::repeat_n(Value::None, left.names.len());
            rows.push(nothing.chain(taken.iter().map(|i| cell(row, *i))).collect());
        }
    }
    Ok(AgateTable::new(crate::cell::unique_names(&all), kinds.into(), rows).into_value())
}

/// Counts rows by key, and with `pivot` by the values of a column, which become columns.
fn pivot(interp: &mut Interp, table: &AgateTable, args: Args) -> Result<Value> {
    let [key, pivot, aggregation, ..] = args
        .bind("pivot", ["key?", "pivot?", "aggregation?", "computation?", "default_value?", "key_name?"])?;
    if aggregation.is_some_and(|a| !a.is_none()) {
        return Err(Error::type_error("pivot() counts rows; other aggregations cannot be made in templates"));
    }
    let key = key.unwrap_or(Value::None);
    let key_names = if key.is_callable() { vec!["group".into()] } else { names(interp, &key)? };
    let row_keys = match (&key, table.len()) {
        (Value::None, rows) => vec![Value::tuple([]); rows],
        _ => keys(interp, table, &key)?,
    };
    let groups = grouped(row_keys)?;
    let columns = match pivot.filter(|p| !p.is_none()) {
        None => None,
        Some(pivot) => Some(grouped(keys(interp, table, &pivot)?)?),
    };
    let mut all = key_names.clone();
    let mut kinds: Vec<ColumnType> = match key.is_callable() {
        true => vec![ColumnType::Text],
        false => positions(table, &key_names)?.into_iter().map(|i| kind(table, i)).collect(),
    };
    match &columns {
        None => all.push("Count".into()),
        Some(columns) => all.extend(columns.iter().map(|(value, _)| value.to_str())),
    }
    kinds.resize(all.len(), ColumnType::Number);
    let count = |n: usize| Decimal::from_integer(&(n as u64).into()).into_value();
    let rows = groups.into_iter().map(|(key, rows)| {
        let head: Vec<Value> = match (&key, key_names.len()) {
            (_, 0) => Vec::new(),
            (key, 1) => vec![key.clone()],
            (Value::Tuple(parts), _) => parts.to_vec(),
            (other, _) => vec![other.clone()],
        };
        let counts: Vec<Value> = match &columns {
            None => vec![count(rows.len())],
            Some(columns) => {
                let both = |with: &[usize]| rows.iter().filter(|i| with.binary_search(i).is_ok()).count();
                columns.iter().map(|(_, with)| count(both(with))).collect()
            }
        };
        head.into_iter().chain(counts).collect()
    });
    let rows: Vec<Row> = rows.collect();
    Ok(AgateTable::new(crate::cell::unique_names(&all), kinds.into(), rows).into_value())
}

/// A row for each property of a row: key, name of the property, value.
fn normalize(interp: &mut Interp, table: &AgateTable, args: Args) -> Result<Value> {
    let [key, properties, property_column, value_column, _types] =
        args.bind("normalize", ["key", "properties", "property_column?", "value_column?", "column_types?"])?;
    let key_names = names(interp, &key.unwrap_or(Value::None))?;
    let properties = names(interp, &properties.unwrap_or(Value::None))?;
    let (keys_at, values_at) = (positions(table, &key_names)?, positions(table, &properties)?);
    let mut all = key_names;
    all.push(property_column.map_or_else(|| "property".into(), |n| n.to_str()));
    all.push(value_column.map_or_else(|| "value".into(), |n| n.to_str()));
    let mut value_kinds = values_at.iter().map(|i| kind(table, *i));
    let first = value_kinds.next().unwrap_or(ColumnType::Text);
    let common = if value_kinds.all(|kind| kind == first) { first } else { ColumnType::Text };
    let mut kinds: Vec<ColumnType> = keys_at.iter().map(|i| kind(table, *i)).collect();
    kinds.extend([ColumnType::Text, common]);
    let mut rows: Vec<Row> = Vec::new();
    for row in table.rows()?.iter() {
        for (property, at) in properties.iter().zip(&values_at) {
            let value = match cell(row, *at) {
                Value::None => Value::None,
                value if common == ColumnType::Text => Value::Str(value.to_str()),
                value => value,
            };
            let head = keys_at.iter().map(|i| cell(row, *i));
            rows.push(head.chain([Value::Str(property.clone()), value]).collect());
        }
    }
    Ok(AgateTable::new(crate::cell::unique_names(&all), kinds.into(), rows).into_value())
}

/// A column for each property: the way back from [`normalize`].
fn denormalize(interp: &mut Interp, table: &AgateTable, args: Args) -> Result<Value> {
    let [key, property_column, value_column, default, _types] = args.bind(
        "denormalize",
        ["key?", "property_column?", "value_column?", "default_value?", "column_types?"],
    )?;
    let key = key.unwrap_or(Value::None);
    let key_names = names(interp, &key)?;
    let column = |given: Option<Value>, default: &str| given.map_or_else(|| default.into(), |n| n.to_str());
    let property_at = position(table, &column(property_column, "property"))?;
    let value_at = position(table, &column(value_column, "value"))?;
    let value_kind = kind(table, value_at);
    let default = default.unwrap_or_else(|| match value_kind {
        ColumnType::Number | ColumnType::Integer => Decimal::from_integer(&0.into()).into_value(),
        _ => Value::None,
    });
    let keys_at = positions(table, &key_names)?;
    let groups = grouped(match key_names.is_empty() {
        true => vec![Value::tuple([]); table.len()],
        false => keys(interp, table, &key)?,
    })?;
    let rows = table.rows()?;
    let properties = grouped(rows.iter().map(|row| Value::Str(cell(row, property_at).to_str())).collect())?;
    let mut all = key_names;
    all.extend(properties.iter().map(|(name, _)| name.to_str()));
    let mut kinds: Vec<ColumnType> = keys_at.iter().map(|i| kind(table, *i)).collect();
    kinds.resize(all.len(), value_kind);
    let turned = groups.iter().map(|(_, at)| {
        let first = at.first().and_then(|i| rows.get(*i));
        let head = keys_at.iter().map(|i| first.map_or(Value::None, |row| cell(row, *i)));
        let value = |with: &Vec<usize>| {
            let last = at.iter().rev().find(|i| with.binary_search(i).is_ok());
            last.and_then(|i| rows.get(*i)).map_or_else(|| default.clone(), |row| cell(row, value_at))
        };
        head.chain(properties.iter().map(|(_, with)| value(with))).collect()
    });
    let turned: Vec<Row> = turned.collect();
    Ok(AgateTable::new(crate::cell::unique_names(&all), kinds.into(), turned).into_value())
}

/// The table with a row for every key of `compare_values` that it lacks.
fn homogenize(interp: &mut Interp, table: &AgateTable, args: Args) -> Result<Value> {
    let [key, compare, default] = args.bind("homogenize", ["key", "compare_values", "default_row?"])?;
    let key_names = names(interp, &key.unwrap_or(Value::None))?;
    let keys_at = positions(table, &key_names)?;
    let default = match default.filter(|d| !d.is_none()) {
        Some(row) if !row.is_callable() => Some(row.to_vec(interp)?),
        _ => None,
    };
    let mut rows = table.rows()?.to_vec();
    for wanted in compare.unwrap_or(Value::None).to_vec(interp)? {
        let wanted = match &wanted {
            Value::List(_) | Value::Tuple(_) => wanted.to_vec(interp)?,
            other => vec![other.clone()],
        };
        let same = |row: &Row| keys_at.iter().zip(&wanted).all(|(i, value)| cell(row, *i) == *value);
        if rows.iter().any(same) {
            continue;
        }
        let mut others = default.clone().unwrap_or_default().into_iter();
        let row = (0..table.names.len()).map(|i| match keys_at.iter().position(|at| *at == i) {
            Some(place) => wanted.get(place).cloned().unwrap_or(Value::None),
            None => others.next().unwrap_or(Value::None),
        });
        rows.push(row.collect());
    }
    Ok(AgateTable::new(table.names.clone(), table.kinds.clone(), rows).into_value())
}

/// What `group_by` gives: tables by the value that their rows share.
struct TableSet {
    key_name: Arc<str>,
    groups: Vec<(Value, AgateTable)>,
}

const SET_METHODS: &[&str] = &["keys", "values", "items", "get", "merge"];

impl TableSet {
    fn find(&self, key: &Value) -> Option<Value> {
        let found = self.groups.iter().find(|(known, _)| known == key);
        found.map(|(_, table)| table.clone().into_value())
    }

    /// One table again, with the keys in a first column.
    fn merge(&self) -> Result<Value> {
        let Some((first, table)) = self.groups.first() else {
            return Ok(crate::Table::default().into_value());
        };
        let mut all = vec![self.key_name.clone()];
        all.extend(table.names.iter().cloned());
        let key_kind = table
            .position(&self.key_name)
            .map_or(if first.as_bigint().is_some() { ColumnType::Number } else { ColumnType::Text }, |i| {
                kind(table, i)
            });
        let mut kinds = vec![key_kind];
        kinds.extend(table.kinds.iter());
        let mut rows: Vec<Row> = Vec::new();
        for (key, table) in &self.groups {
            for row in table.rows()?.iter() {
                rows.push(std::iter::once(key.clone()).chain(row.iter().cloned()).collect());
            }
        }
        Ok(AgateTable::new(crate::cell::unique_names(&all), kinds.into(), rows).into_value())
    }
}

impl Object for TableSet {
    fn type_name(&self) -> &str {
        "TableSet"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "key_name" => Some(Value::Str(self.key_name.clone())),
            "column_names" => self.groups.first().map(|(_, t)| Value::tuple(t.names.iter().map(Value::from))),
            _ => SET_METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m)),
        })
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        let by_place = key.as_usize().and_then(|i| self.groups.get(i));
        Ok(self.find(key).or_else(|| by_place.map(|(_, table)| table.clone().into_value())))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        let table = |(_, table): &(Value, AgateTable)| table.clone().into_value();
        Ok(Some(match name {
            "keys" => Value::tuple(self.groups.iter().map(|(key, _)| key.clone())),
            "values" => Value::tuple(self.groups.iter().map(table)),
            "items" => {
                Value::list(self.groups.iter().map(|group| Value::tuple([group.0.clone(), table(group)])))
            }
            "get" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                let found = key.as_ref().and_then(|key| self.find(key));
                found.or(default).unwrap_or(Value::None)
            }
            "merge" => self.merge()?,
            // What a table can do, a set does with each of its tables.
            _ => {
                let mut groups = Vec::with_capacity(self.groups.len());
                for (key, table) in &self.groups {
                    let args = Args { positional: args.positional.clone(), keyword: args.keyword.clone() };
                    let object = Arc::new(crate::agate_object::TableObject(table.clone()));
                    let Some(answer) = object.call_method(interp, name, args)? else { return Ok(None) };
                    match AgateTable::from_value(&answer) {
                        Some(table) => groups.push((key.clone(), table.clone())),
                        None => return Ok(None),
                    }
                }
                Value::object(Self { key_name: self.key_name.clone(), groups })
            }
        }))
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        let tables: Vec<Value> = self.groups.iter().map(|(_, table)| table.clone().into_value()).collect();
        Ok(Some(Box::new(tables.into_iter())))
    }

    fn length(&self) -> Option<usize> {
        Some(self.groups.len())
    }

    fn repr(&self) -> String {
        "<agate.tableset.TableSet object>".to_owned()
    }
}
