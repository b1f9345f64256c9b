//! Values far from the others: the shared scan measures the column, a second one counts what lies outside.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map;
use crate::outcome::Failure;
use crate::python::number;
use crate::scan::Step;
use kpi_adapter::Cell;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    if context.expectation.spec.kind == Kind::ZScore {
        let mut aggregates = vec![format!("avg(1e0 * {column})")];
        aggregates.extend(context.deviation()?);
        return Ok(Step::measure(context.source(), aggregates, move |cells| {
            let unexpected = z_score(&context, &column, &cells);
            map::column_map(context, &unexpected)
        }));
    }
    let value = context.dialect.as_float(&column);
    let quartiles = context.kwargs().text("method") != Some("std");
    let aggregates = if quartiles {
        [0.25, 0.75].map(|q| format!("percentile_cont({q}) within group (order by {column})")).to_vec()
    } else {
        let mut aggregates = vec![format!("avg({value})")];
        aggregates.extend(context.deviation()?);
        aggregates
    };
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let unexpected = outside(&context, &column, quartiles, &cells)?;
        map::column_map(context, &unexpected)
    }))
}

fn z_score(context: &Context, column: &str, cells: &[Cell]) -> String {
    let deviation = number(&crate::context::deviation(cells.get(1..).unwrap_or_default()));
    // A column that is constant, or not finite, has no scores.
    let (Some(mean), Some(deviation)) =
        (cells.first().and_then(number), deviation.filter(|d| *d != 0.0 && d.is_finite()))
    else {
        return "1 = 0".to_owned();
    };
    let kwargs = context.kwargs();
    let threshold = kwargs.number("threshold").unwrap_or_default();
    let score =
        format!("({column} - {}) / {}", context.dialect.float(mean), context.dialect.float(deviation));
    if kwargs.flag("double_sided") {
        format!("not (abs({score}) < {})", context.dialect.float(threshold.abs()))
    } else {
        format!("not ({score} < {})", context.dialect.float(threshold))
    }
}

fn outside(context: &Context, column: &str, quartiles: bool, cells: &[Cell]) -> Result<String, Failure> {
    let second = match quartiles {
        true => cells.get(1).cloned().unwrap_or(Cell::Null),
        false => crate::context::deviation(cells.get(1..).unwrap_or_default()),
    };
    let figure = |cell: Option<&Cell>| match cell {
        None | Some(Cell::Null) => Ok(None),
        Some(cell) => match number(cell) {
            Some(value) => Ok(Some(value).filter(|v| v.is_finite())),
            None => Err(Failure::new("outliers are sought among numbers only")),
        },
    };
    let (Some(first), Some(second)) = (figure(cells.first())?, figure(Some(&second))?) else {
        return Ok("1 = 0".to_owned());
    };
    let multiplier = context.kwargs().number("multiplier").unwrap_or(1.5);
    let float = |value: f64| context.dialect.float(value);
    if quartiles {
        let reach = multiplier * (second - first);
        let (least, most) = (float(first - reach), float(second + reach));
        return Ok(format!("not ({column} >= {least} and {column} <= {most})"));
    }
    let reach = multiplier * second;
    if reach <= 0.0 {
        return Ok(format!("{column} <> {}", float(first)));
    }
    Ok(format!("abs({column} - {}) >= {}", float(first), float(reach)))
}
