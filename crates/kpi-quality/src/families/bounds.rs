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
        conditions.push(format!("{column} {word} {}", bound(&context, &kind, least)?));
    }
    if let Some(most) = most {
        let word = if kwargs.flag("strict_max") { "<" } else { "<=" };
        conditions.push(format!("{column} {word} {}", bound(&context, &kind, most)?));
    }
    let unexpected = format!("not ({})", conditions.join(" and "));
    map::column_map(context, &unexpected)
}

/// A bound as SQL for a column of a type. Whole numbers are compared with decimals as such: with doubles every value
/// would have to be made one.
fn bound(context: &Context, kind: &str, bound: &Arg) -> Result<String, Failure> {
    /// Of such a size that no decimal type is too narrow for it beside this scale.
    const LARGEST: f64 = 1e9;
    const MOST_DECIMALS: u32 = 18;
    let scale =
        kind.split_once(',').and_then(|(_, rest)| rest.trim_end_matches(')').trim().parse::<u32>().ok());
    match (bound, scale) {
        (Arg::Float(f), Some(scale))
            if (kind.starts_with("DECIMAL(") || kind.starts_with("NUMBER("))
                && scale <= MOST_DECIMALS
                && f.fract() == 0.0
                && f.abs() < LARGEST =>
        {
            Ok(format!("{f:.0}"))
        }
        _ => literal(context.dialect, bound),
    }
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
