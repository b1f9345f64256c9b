//! Columns in templates: what `adapter.get_columns_in_relation()` gives, and `api.Column`.

use crate::arguments::{Method, text};
use crate::{Column, ColumnRules};
use kpi_jinja::{Args, Error, ErrorKind, Interp, Object, Result, Value};
use std::sync::Arc;

const METHODS: &[&str] = &[
    "is_string",
    "is_number",
    "is_float",
    "is_integer",
    "is_numeric",
    "is_struct",
    "string_size",
    "can_expand_to",
    "literal",
    "flatten",
    "string_type",
    "numeric_type",
    "translate_type",
    "create",
    "from_description",
];

impl Column {
    /// As a value of templates.
    pub fn into_value(self) -> Value {
        Value::object(self)
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let size = |n: Option<u64>| n.map_or(Value::None, Value::from);
        Some(match name {
            "name" | "column" => Value::from(&self.name),
            "dtype" => Value::from(&self.dtype),
            "data_type" => Value::from(self.data_type()),
            "expanded_data_type" => Value::from(self.expanded_data_type()),
            "collation" if self.rules.describe.is_some() => Value::from(self.collation.clone()),
            "quoted" => Value::from(self.quoted()),
            "char_size" => size(self.char_size),
            "numeric_precision" => size(self.numeric_precision),
            "numeric_scale" => size(self.numeric_scale),
            "comment" => Value::from(self.comment.clone()),
            "fields" => Value::list(self.fields().into_iter().map(Column::into_value)),
            "TYPE_LABELS" => Value::dict([("STRING", Value::from("TEXT"))]),
            _ => return None,
        })
    }
}

impl From<Column> for Value {
    fn from(column: Column) -> Self {
        column.into_value()
    }
}

fn class_method(rules: &'static ColumnRules, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "create" => {
            let [name, dtype] = args.bind(name, ["name", "label_or_dtype"])?;
            Column::create(text(name.as_ref()), &text(dtype.as_ref())).with_rules(rules).into_value()
        }
        "translate_type" => {
            let [dtype] = args.bind(name, ["dtype"])?;
            Value::from(Column::translate_type(&text(dtype.as_ref())))
        }
        "string_type" => {
            let [size] = args.bind(name, ["size"])?;
            Value::from(format!("character varying({})", text(size.as_ref())))
        }
        "numeric_type" => {
            let [dtype, precision, scale] = args.bind(name, ["dtype", "precision", "scale"])?;
            let (precision, scale) = (precision.unwrap_or(Value::None), scale.unwrap_or(Value::None));
            if precision.is_none() || scale.is_none() {
                dtype.unwrap_or(Value::None)
            } else {
                Value::from(format!("{}({precision},{scale})", text(dtype.as_ref())))
            }
        }
        "from_description" => {
            let [name, raw] = args.bind(name, ["name", "raw_data_type"])?;
            Column::described(rules, &text(name.as_ref()), &text(raw.as_ref()))
                .map_err(|m| Error::new(ErrorKind::Runtime, m))?
                .into_value()
        }
        _ => return Ok(None),
    }))
}

/// `Column(column, dtype, char_size, numeric_precision, numeric_scale)`
fn construct(rules: &'static ColumnRules, args: Args) -> Result<Value> {
    let [column, dtype, char_size, precision, scale] =
        args.bind("Column", ["column", "dtype", "char_size?", "numeric_precision?", "numeric_scale?"])?;
    let size = |v: Option<Value>| v.and_then(|v| v.as_usize()).map(|n| n as u64);
    let mut made = Column::new(text(column.as_ref()), text(dtype.as_ref())).with_rules(rules);
    made.char_size = size(char_size);
    made.numeric_precision = size(precision);
    made.numeric_scale = size(scale);
    Ok(made.into_value())
}

impl Object for Column {
    fn type_name(&self) -> &str {
        self.rules.class
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some(value) = self.attribute(name) {
            return Ok(Some(value));
        }
        Ok(METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m)))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "is_string" => Value::Bool(self.is_string()),
            "is_number" => Value::Bool(self.is_number()),
            "is_float" => Value::Bool(self.is_float()),
            "is_integer" => Value::Bool(self.is_integer()),
            "is_numeric" => Value::Bool(self.is_numeric()),
            "is_struct" => Value::Bool(self.is_struct()),
            "string_size" => match self.string_size() {
                Some(size) => Value::from(size),
                None => {
                    return Err(Error::new(
                        ErrorKind::Runtime,
                        format!(
                            "Called string_size() on non-string field! ({} is {})",
                            self.name, self.dtype
                        ),
                    ));
                }
            },
            "can_expand_to" => {
                let [other] = args.bind(name, ["other_column"])?;
                let other = other.as_ref().and_then(Value::downcast_ref::<Column>);
                let Some(other) = other else {
                    return Err(Error::type_error("can_expand_to() expects a Column"));
                };
                Value::Bool(self.can_expand_to(other))
            }
            "literal" => {
                let [value] = args.bind(name, ["value"])?;
                Value::from(format!("{}::{}", text(value.as_ref()), self.data_type()))
            }
            "flatten" => Value::list(self.flatten().into_iter().map(Column::into_value)),
            _ => return class_method(self.rules, name, args),
        }))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let size = |n: Option<u64>| n.map_or_else(|| "None".to_owned(), |n| n.to_string());
        format!(
            "{}(column={}, dtype={}, char_size={}, numeric_precision={}, numeric_scale={}, fields={})",
            self.rules.class,
            Value::from(&self.name).repr(),
            Value::from(&self.dtype).repr(),
            size(self.char_size),
            size(self.numeric_precision),
            size(self.numeric_scale),
            Value::list(self.fields().into_iter().map(Column::into_value)).repr(),
        )
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        // A comment is no part of dbt's column.
        Some(other.downcast_ref::<Column>().is_some_and(|o| {
            (&o.name, &o.dtype, o.char_size, o.numeric_precision, o.numeric_scale)
                == (&self.name, &self.dtype, self.char_size, self.numeric_precision, self.numeric_scale)
        }))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(serde_json::json!({
            "column": self.name, "dtype": self.dtype, "char_size": self.char_size,
            "numeric_precision": self.numeric_precision, "numeric_scale": self.numeric_scale,
        }))
    }
}

/// `api.Column`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColumnClass(pub &'static ColumnRules);

impl Object for ColumnClass {
    fn type_name(&self) -> &str {
        "type"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name == "TYPE_LABELS" {
            return Ok(Some(Value::dict([("STRING", Value::from("TEXT"))])));
        }
        let known = ["create", "translate_type", "string_type", "numeric_type", "from_description"];
        Ok(known.into_iter().find(|m| *m == name).map(|m| Method::of(self, m)))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        class_method(self.0, name, args)
    }

    fn call(self: Arc<Self>, _: &mut Interp, args: Args) -> Result<Option<Value>> {
        construct(self.0, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let adapter = self.0.class.trim_end_matches("Column").to_lowercase();
        format!("<class 'dbt.adapters.{adapter}.column.{}'>", self.0.class)
    }
}
