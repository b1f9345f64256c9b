//! Tables as agate makes them of a result: typed columns, unique names. The data behind the table of templates.

use crate::cell::{column_type, unique_names};
use crate::{Cell, ColumnType, Decimal, SeedTable, Table};
use kpi_jinja::{Args, Error, Result, Value};
use num_traits::ToPrimitive;
use std::sync::{Arc, OnceLock};

/// The values of a row.
pub(crate) type Row = Arc<[Value]>;

/// A table of values with unique column names and a type per column. Never changes.
#[derive(Clone)]
pub struct AgateTable {
    pub(crate) names: Arc<[Arc<str>]>,
    pub(crate) kinds: Arc<[ColumnType]>,
    rows: Rows,
}

#[derive(Clone)]
enum Rows {
    Loaded(Arc<[Row]>),
    /// Read when a template first asks for values: a seed is loaded without that.
    Seed(Arc<SeedTable>, Arc<OnceLock<Arc<[Row]>>>),
}

impl AgateTable {
    /// A table of typed values.
    pub(crate) fn new(names: Arc<[Arc<str>]>, kinds: Arc<[ColumnType]>, rows: Vec<Row>) -> Self {
        Self { names, kinds, rows: Rows::Loaded(rows.into()) }
    }

    /// What a query brought.
    pub fn of_table(table: &Table) -> Self {
        let width = table.columns.len();
        let kinds: Arc<[ColumnType]> =
            (0..width).map(|i| column_type(table.rows.iter().filter_map(|r| r.get(i)))).collect();
        let rows = table
            .rows
            .iter()
            .map(|row| row.iter().zip(kinds.iter()).map(|(cell, kind)| cell.to_typed(*kind)).collect())
            .collect();
        Self::new(unique_names(&table.columns), kinds, rows)
    }

    /// A seed's file.
    pub fn of_seed(seed: Arc<SeedTable>) -> Self {
        Self {
            names: seed.names.clone(),
            kinds: seed.columns.iter().map(|c| c.kind).collect(),
            rows: Rows::Seed(seed, Arc::default()),
        }
    }

    /// The seed behind it, if its rows are still those of the file.
    pub fn seed(&self) -> Option<&Arc<SeedTable>> {
        match &self.rows {
            Rows::Seed(seed, _) => Some(seed),
            Rows::Loaded(_) => None,
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Loaded(rows) => rows.len(),
            Rows::Seed(seed, _) => usize::try_from(seed.rows).unwrap_or(usize::MAX),
        }
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows; those of a seed are read now.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub(crate) fn rows(&self) -> Result<Arc<[Row]>> {
        match &self.rows {
            Rows::Loaded(rows) => Ok(rows.clone()),
            Rows::Seed(seed, loaded) => {
                if let Some(rows) = loaded.get() {
                    return Ok(rows.clone());
                }
                let rows: Arc<[Row]> = seed.read_rows()?.into();
                Ok(loaded.get_or_init(|| rows).clone())
            }
        }
    }

    /// The values of the row at an index.
    ///
    /// # Errors
    /// The file of a seed cannot be read any more.
    pub fn row(&self, index: usize) -> Result<Option<Arc<[Value]>>> {
        Ok(self.rows()?.get(index).cloned())
    }

    /// The position of a column.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| &**n == name)
    }

    /// As a value of templates.
    pub fn into_value(self) -> Value {
        Value::object(crate::agate_object::TableObject(self))
    }

    /// The table behind a value of templates.
    pub fn from_value(value: &Value) -> Option<&Self> {
        value.downcast_ref::<crate::agate_object::TableObject>().map(|t| &t.0)
    }

    /// As plain cells, to be loaded into the database.
    ///
    /// # Errors
    /// The file of a seed cannot be read any more.
    pub fn to_table(&self) -> Result<Table> {
        let rows = self.rows()?;
        let cells = rows.iter().map(|row| row.iter().map(Cell::from_value).collect::<Result<Vec<_>>>());
        Ok(Table {
            columns: self.names.to_vec(),
            types: self.kinds.iter().map(|k| k.agate_name().into()).collect(),
            rows: cells.collect::<Result<_>>()?,
        })
    }

    /// The database type that the column at an index is created with.
    pub(crate) fn database_type(&self, index: usize) -> Option<Arc<str>> {
        if let Some(seed) = self.seed() {
            return seed.columns.get(index).map(|c| c.data_type.clone());
        }
        let kind = *self.kinds.get(index)?;
        let largest = || {
            let rows = self.rows().ok()?;
            rows.iter()
                .filter_map(|r| r.get(index))
                .filter_map(Decimal::from_value)
                .filter_map(|d| d.to_integer())
                .map(|i| i.magnitude().to_u128().unwrap_or(u128::MAX))
                .max()
        };
        let places = || {
            let rows = self.rows().ok()?;
            let decimals =
                rows.iter().filter_map(|r| r.get(index)).filter_map(|v| v.downcast_ref::<Decimal>());
            decimals.map(Decimal::places).max()
        };
        Some(match kind {
            ColumnType::Number if places().unwrap_or(0) > 0 => "float8".into(),
            ColumnType::Number | ColumnType::Integer => integer_type(largest().unwrap_or(0)).into(),
            other => other.database_type().into(),
        })
    }
}

/// The integer type that holds a magnitude. dbt always takes `integer`, and then fails where the values do not fit.
pub(crate) fn integer_type(largest: u128) -> &'static str {
    if largest <= i32::MAX.unsigned_abs().into() {
        "integer"
    } else if largest <= i64::MAX.unsigned_abs().into() {
        "bigint"
    } else {
        "hugeint"
    }
}

impl ColumnType {
    /// agate's name of the type.
    pub fn agate_name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::TimeDelta => "TimeDelta",
        }
    }

    /// The database type that dbt creates such a column with; numbers with a fraction are `float8`.
    pub fn database_type(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number | Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "timestamp without time zone",
            Self::TimeDelta => "time",
        }
    }
}

impl Table {
    /// As agate's table in templates.
    pub fn into_value(self) -> Value {
        AgateTable::of_table(&self).into_value()
    }
}

/// `adapter.convert_type(agate_table, col_idx)`
pub(crate) fn convert_type(args: Args) -> Result<Value> {
    let [table, index] = args.bind("convert_type", ["agate_table", "col_idx"])?;
    let table = table.as_ref().and_then(AgateTable::from_value);
    let Some(table) = table else {
        return Err(Error::type_error("convert_type() expects a table and the index of a column"));
    };
    let index = index.as_ref().and_then(Value::as_usize);
    index
        .and_then(|i| table.database_type(i))
        .map(Value::from)
        .ok_or_else(|| Error::new(kpi_jinja::ErrorKind::Index, "tuple index out of range"))
}
