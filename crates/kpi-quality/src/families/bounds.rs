//! Values between two bounds.

use crate::context::Context;
use crate::dialect::Dialect;
use crate::kwargs::Arg;
use crate::map;
use crate::outcome::Failure;
use crate::scan::Step;
use std::cmp::Ordering;

/// Types whose values have no place between numbers or dates.
const NO_BOUNDS: &[&str] =
    &["VARCHAR", "CHAR", "NVARCHAR", "NCHAR", "TEXT", "STRING", "BOOLEAN", "BOOL", "BIT"];

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    let name = kwargs.text("column").unwrap_or_default();
    let column = context.own_column()?;
    let (least, most) = (kwargs.get("min_value"), kwargs.get("max_value"));
    if let (Some(least), Some(most)) = (least, most) {
        match order(least, most) {
            None => return Err(Failure::new("'min_value' and 'max_value' are of different kinds")),
            Some(Ordering::Greater) => return Err(Failure::new("'min_value' must not be above 'max_value'")),
            _ => {}
        }
    }
    let kind = context.type_of(name)?.to_uppercase();
    if NO_BOUNDS.iter().any(|t| kind.starts_with(t)) {
        return Err(Failure::new(format!("'{name}' is of type {kind}, and its values have no bounds")));
    }
    let mut conditions = Vec::new();
    if let Some(least) = least {
        let word = if kwargs.flag("strict_min") { ">" } else { ">=" };
        conditions.push(format!("{column} {word} {}", literal(context.dialect, least)?));
    }
    if let Some(most) = most {
        let word = if kwargs.flag("strict_max") { "<" } else { "<=" };
        conditions.push(format!("{column} {word} {}", literal(context.dialect, most)?));
    }
    let unexpected = format!("not ({})", conditions.join(" and "));
    map::column_map(context, &unexpected)
}

/// A bound as SQL.
pub(super) fn literal(dialect: &dyn Dialect, bound: &Arg) -> Result<String, Failure> {
    Ok(match bound {
        Arg::Float(f) => dialect.float(*f),
        Arg::Int(i) => i.to_string(),
        Arg::Date(d) => dialect.date(*d),
        Arg::Moment(m) => dialect.moment(*m),
        other => return Err(Failure::new(format!("{} is no bound", other.to_json()))),
    })
}

fn order(a: &Arg, b: &Arg) -> Option<Ordering> {
    match (a, b) {
        (Arg::Float(a), Arg::Float(b)) => Some(a.partial_cmp(b).unwrap_or(Ordering::Equal)),
        (Arg::Date(a), Arg::Date(b)) => Some(a.cmp(b)),
        (Arg::Moment(a), Arg::Moment(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
