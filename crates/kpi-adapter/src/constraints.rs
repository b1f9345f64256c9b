//! Contract constraints as DDL text.

use crate::AdapterObject;
use crate::jinja_adapter::quote;
use kpi_jinja::{Args, Dict, Error, ErrorKind, Result, Value};

const KINDS: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

/// What a target makes of constraints.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConstraintRules {
    /// Kinds that it refuses: they are left out, with a warning.
    pub unsupported: &'static [&'static str],
    /// Kinds that it takes and does not enforce: a warning says so.
    pub unenforced: &'static [&'static str],
    /// Foreign keys may point into another database.
    pub whole_references: bool,
}

struct Constraint {
    kind: String,
    name: Option<String>,
    expression: Option<String>,
    columns: Vec<String>,
    to: Option<String>,
    to_columns: Vec<String>,
    warn_unsupported: bool,
    warn_unenforced: bool,
}

fn parse(raw: &Value) -> Result<Constraint> {
    let invalid = || {
        Error::new(ErrorKind::Runtime, format!("Could not parse constraint: {}", raw.repr()))
            .with_hint(format!("a constraint has a 'type', one of {}", KINDS.join(", ")))
    };
    let dict = raw.as_dict().ok_or_else(invalid)?;
    let text = |key: &str| match dict.get(key) {
        None | Some(Value::None) => Ok(None),
        Some(Value::Str(s)) => Ok(Some(s.to_string())),
        Some(_) => Err(invalid()),
    };
    let list = |key: &str| -> Result<Vec<String>> {
        match dict.get(key) {
            None | Some(Value::None) => Ok(Vec::new()),
            Some(other) => {
                let items = other.as_sequence().ok_or_else(invalid)?;
                Ok(items.iter().map(|v| v.to_str().to_string()).collect())
            }
        }
    };
    let warns = |key: &str| !matches!(dict.get(key), Some(Value::Bool(false)));
    let kind = text("type")?.filter(|k| KINDS.contains(&k.as_str())).ok_or_else(invalid)?;
    Ok(Constraint {
        kind,
        name: text("name")?,
        expression: text("expression")?.filter(|e| !e.is_empty()),
        columns: list("columns")?,
        to: text("to")?.filter(|t| !t.is_empty()),
        to_columns: list("to_columns")?,
        warn_unsupported: warns("warn_unsupported"),
        warn_unenforced: warns("warn_unenforced"),
    })
}

impl Constraint {
    /// Whether the target takes it; what it does not take or not enforce is warned of.
    fn is_taken(&self, adapter: &AdapterObject) -> bool {
        let (rules, target) = (adapter.facts().constraint_rules, &adapter.facts().adapter_type);
        let kind = self.kind.as_str();
        if rules.unsupported.contains(&kind) {
            if self.warn_unsupported {
                adapter.warn_as(
                    "ConstraintNotSupported",
                    &format!(
                        "The constraint type {kind} is not supported by {target}, and will be ignored. Set \
                         'warn_unsupported: false' on this constraint to ignore this warning."
                    ),
                );
            }
            return false;
        }
        if rules.unenforced.contains(&kind) && self.warn_unenforced {
            adapter.warn_as(
                "ConstraintNotEnforced",
                &format!(
                    "The constraint type {kind} is not enforced by {target}. The constraint will be included in this model's \
                     DDL statement, but it will not guarantee anything about the underlying data. Set 'warn_unenforced: \
                     false' on this constraint to ignore this warning."
                ),
            );
        }
        true
    }

    /// `references` and what follows. DuckDB takes no database in it.
    fn reference(&self, whole: bool) -> Option<String> {
        match (&self.to, self.to_columns.as_slice()) {
            (Some(to), [_, ..]) => {
                let pieces: Vec<&str> = to.split('.').collect();
                let target = if pieces.len() > 2 && !whole { pieces.get(1..)?.join(".") } else { to.clone() };
                Some(format!("references {target} ({})", self.to_columns.join(", ")))
            }
            _ => self.expression.as_ref().map(|e| format!("references {e}")),
        }
    }

    fn on_column(&self, rules: ConstraintRules) -> Option<String> {
        let expression = self.expression.as_deref();
        let rendered = match self.kind.as_str() {
            "check" => format!("check ({})", expression?),
            "not_null" => format!("not null {}", expression.unwrap_or_default()),
            "unique" => format!("unique {}", expression.unwrap_or_default()),
            "primary_key" => format!("primary key {}", expression.unwrap_or_default()),
            "foreign_key" => self.reference(rules.whole_references)?,
            _ => expression?.to_owned(),
        };
        Some(rendered.trim().to_owned())
    }

    fn on_model(&self, rules: ConstraintRules) -> Option<String> {
        let prefix = self.name.as_ref().map(|n| format!("constraint {n} ")).unwrap_or_default();
        let columns = self.columns.join(", ");
        let after = self.expression.as_ref().map(|e| format!(" {e}")).unwrap_or_default();
        Some(match self.kind.as_str() {
            "check" => format!("{prefix}check ({})", self.expression.as_deref()?),
            "unique" => format!("{prefix}unique{after} ({columns})"),
            "primary_key" => format!("{prefix}primary key{after} ({columns})"),
            "foreign_key" => {
                format!("{prefix}foreign key ({columns}) {}", self.reference(rules.whole_references)?)
            }
            "custom" => format!("{prefix}{}", self.expression.as_deref()?),
            _ => return None,
        })
    }
}

/// `adapter.render_raw_columns_constraints(model.columns)`: one line per column.
pub(crate) fn columns(adapter: &AdapterObject, args: Args) -> Result<Value> {
    let [raw] = args.bind("render_raw_columns_constraints", ["raw_columns"])?;
    let raw = raw.as_ref().and_then(Value::as_dict).map(Dict::values).unwrap_or_default();
    let mut lines = Vec::new();
    for column in raw {
        let field = |name: &str| column.as_dict().and_then(|d| d.get(name)).unwrap_or(Value::None);
        let name = field("name").to_str();
        let name = if field("quote").is_true() { quote(&name) } else { name.to_string() };
        let mut parts = vec![format!("{name} {}", field("data_type").to_str())];
        for raw in field("constraints").as_sequence().unwrap_or_default() {
            let constraint = parse(&raw)?;
            if constraint.is_taken(adapter) {
                parts.extend(constraint.on_column(adapter.facts().constraint_rules));
            }
        }
        lines.push(Value::from(parts.join(" ")));
    }
    Ok(Value::list(lines))
}

/// `adapter.render_raw_model_constraints(model.constraints)`.
pub(crate) fn model(adapter: &AdapterObject, args: Args) -> Result<Value> {
    let [raw] = args.bind("render_raw_model_constraints", ["raw_constraints"])?;
    let raw = raw.and_then(|r| r.as_sequence()).unwrap_or_default();
    let mut rendered = Vec::new();
    for raw in raw {
        let constraint = parse(&raw)?;
        if constraint.is_taken(adapter) {
            rendered.extend(constraint.on_model(adapter.facts().constraint_rules));
        }
    }
    Ok(Value::list(rendered.into_iter().map(Value::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_print_as_ddl() {
        let column = Value::dict([
            ("name", Value::from("id")),
            ("data_type", Value::from("integer")),
            (
                "constraints",
                Value::list([
                    Value::dict([("type", Value::from("not_null"))]),
                    Value::dict([
                        ("type", Value::from("foreign_key")),
                        ("to", Value::from("\"db\".\"s\".\"t\"")),
                        ("to_columns", Value::list([Value::from("id")])),
                    ]),
                ]),
            ),
        ]);
        let adapter = AdapterObject::parsing(std::sync::Arc::new(crate::AdapterFacts::duckdb()));
        let rendered = columns(&adapter, Args::of([Value::dict([("id", column)])])).expect("valid");
        assert_eq!(rendered.repr(), r#"['id integer not null references "s"."t" (id)']"#);
        let key = Value::dict([
            ("type", Value::from("primary_key")),
            ("name", Value::from("pk")),
            ("columns", Value::list([Value::from("a"), Value::from("b")])),
        ]);
        let rendered = model(&adapter, Args::of([Value::list([key])])).expect("valid");
        assert_eq!(rendered.repr(), "['constraint pk primary key (a, b)']");
        assert!(
            model(&adapter, Args::of([Value::list([Value::dict([("type", Value::from("nope"))])])])).is_err()
        );
    }
}
