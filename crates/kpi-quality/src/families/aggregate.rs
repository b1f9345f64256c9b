//! One figure of a column within bounds.

use crate::catalog::Aggregate;
use crate::context::Context;
use crate::kwargs::Arg;
use crate::outcome::{Failure, Outcome};
use crate::python::number;
use crate::scan::Step;
use crate::text::{cell_json, float_json, shown_cell};
use crate::words;
use kpi_adapter::Cell;
use std::cmp::Ordering;

pub(super) fn start(context: Context, which: Aggregate) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let middle = |order: &str| format!("percentile_disc(0.5) within group (order by {column}{order})");
    let aggregates = match which {
        Aggregate::Max => vec![format!("max({column})")],
        Aggregate::Min => vec![format!("min({column})")],
        Aggregate::Mean => vec![format!("avg(1e0 * {column})")],
        // Of an even number of values these are the two in the middle, of an odd number the same twice.
        Aggregate::Median => vec![middle(""), middle(" desc"), format!("count({column})")],
        Aggregate::Sum => vec![format!("sum({column})")],
        Aggregate::Stdev => context.deviation()?,
        Aggregate::UniqueCount => vec![format!("count(distinct {column})")],
        Aggregate::UniqueProportion => {
            vec![format!("count(distinct {column})"), format!("count({column})")]
        }
        Aggregate::NonNullProportion => vec![format!("count({column})"), "count(*)".to_owned()],
    };
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let value = observed(which, &cells)?;
        if which == Aggregate::Median && value != Cell::Null && context.only_unfiltered() {
            return Err(unsupported("median"));
        }
        judge(&context, which, value).map(Step::Done)
    }))
}

/// What the reference cannot do with a row condition.
pub(super) fn unsupported(what: &str) -> Failure {
    Failure::new(format!("the reference computes no {what} under a row condition on SQL"))
}

fn observed(which: Aggregate, cells: &[Cell]) -> Result<Cell, Failure> {
    let cell = |i: usize| cells.get(i).cloned().unwrap_or(Cell::Null);
    Ok(match which {
        Aggregate::Median => {
            let even = crate::map::count(cells.get(2)).unwrap_or(0) % 2 == 0;
            match (cell(0), cell(1)) {
                (Cell::Null, _) => Cell::Null,
                (a, b) if even => match (number(&a), number(&b)) {
                    (Some(a), Some(b)) => Cell::Float((a + b) / 2.0),
                    _ => return Err(Failure::new("the mean of the two values in the middle is no number")),
                },
                (a, _) => a,
            }
        }
        Aggregate::Stdev => crate::context::deviation(cells),
        Aggregate::UniqueProportion | Aggregate::NonNullProportion => {
            match (number(&cell(0)), number(&cell(1)).filter(|n| *n > 0.0)) {
                (Some(part), Some(whole)) => Cell::Float(part / whole),
                _ => Cell::Int(0),
            }
        }
        _ => cell(0),
    })
}

/// Compares a figure with the bounds.
pub(super) fn judge(context: &Context, which: Aggregate, value: Cell) -> Result<Outcome, Failure> {
    let missing = matches!(&value, Cell::Null) || matches!(&value, Cell::Float(f) if f.is_nan());
    if missing {
        let outcome = Outcome::of(false).with("observed_value", serde_json::Value::Null);
        return Ok(
            outcome.because(|| format!("{} is not known: there are no values", words::aggregate(which)))
        );
    }
    let kwargs = context.kwargs();
    let bound = |name: &str| kwargs.get(name);
    let (value, ordered) = aligned(value, bound("min_value"), bound("max_value"))?;
    let fits = |bound: Option<&Arg>, strict: bool, wanted: Ordering| -> Result<bool, Failure> {
        let Some(bound) = bound else { return Ok(true) };
        let order = ordered(&value, bound)?;
        Ok(order == Some(wanted) || (!strict && order == Some(Ordering::Equal)))
    };
    // Both are compared, whatever the first says: one that cannot be is an error.
    let above = fits(bound("min_value"), kwargs.flag("strict_min"), Ordering::Greater)?;
    let below = fits(bound("max_value"), kwargs.flag("strict_max"), Ordering::Less)?;
    let success = above && below;
    let shown = match &value {
        Cell::Float(f) => float_json(*f),
        other => cell_json(other),
    };
    Ok(Outcome::of(success).with("observed_value", shown).because(|| {
        let column = kwargs.text("column").unwrap_or_default();
        format!(
            "{} of {column} is {}, outside {}",
            words::aggregate(which),
            shown_cell(&value),
            words::interval(kwargs)
        )
    }))
}

type Compare = fn(&Cell, &Arg) -> Result<Option<Ordering>, Failure>;

/// The figure in the form in which the bounds are: with dates as bounds a moment is cut to its day, with moments a day
/// begins at midnight.
fn aligned(value: Cell, least: Option<&Arg>, most: Option<&Arg>) -> Result<(Cell, Compare), Failure> {
    let any = |test: fn(&Arg) -> bool| least.is_some_and(test) || most.is_some_and(test);
    let moments = any(|b| matches!(b, Arg::Moment(_)));
    let dates = any(|b| matches!(b, Arg::Date(_)));
    let value = match value {
        Cell::Date(day) if moments => Cell::Timestamp(day.and_time(chrono::NaiveTime::MIN)),
        Cell::Timestamp(at) if dates && !moments => Cell::Date(at.date()),
        Cell::TimestampTz(at) if dates && !moments => Cell::Date(at.naive_utc().date()),
        Cell::TimestampTz(at) => Cell::Timestamp(at.naive_utc()),
        other => other,
    };
    Ok((value, compare))
}

fn compare(value: &Cell, bound: &Arg) -> Result<Option<Ordering>, Failure> {
    #[allow(clippy::cast_precision_loss)]
    match (value, bound) {
        (Cell::Date(a), Arg::Date(b)) => Ok(Some(a.cmp(b))),
        (Cell::Timestamp(a), Arg::Moment(b)) => Ok(Some(a.cmp(b))),
        (value, Arg::Float(b)) if number(value).is_some() => {
            Ok(number(value).unwrap_or(f64::NAN).partial_cmp(b))
        }
        (value, Arg::Int(b)) if number(value).is_some() => {
            Ok(number(value).unwrap_or(f64::NAN).partial_cmp(&(*b as f64)))
        }
        (value, bound) => {
            Err(Failure::new(format!("{} cannot be compared with {}", shown_cell(value), bound.to_json())))
        }
    }
}
