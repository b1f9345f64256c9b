//! Quantiles within ranges.

use super::aggregate::unsupported;
use crate::context::Context;
use crate::kwargs::float;
use crate::outcome::{Failure, Outcome};
use crate::python::number;
use crate::scan::Step;
use crate::text::cell_json;
use kpi_adapter::Cell;
use serde_json::Value as Json;

type Range = (Option<f64>, Option<f64>);

fn wrong(what: &str) -> Failure {
    Failure::new(format!("'quantile_ranges' {what}"))
}

/// The quantiles and their ranges as they are written.
fn ranges(written: &Json) -> Result<(Vec<f64>, Vec<Range>), Failure> {
    let list = |name: &str| {
        let list = written.get(name).and_then(Json::as_array);
        list.ok_or_else(|| wrong(&format!("needs a list '{name}'")))
    };
    let quantiles = list("quantiles")?.iter().map(|q| float(q).filter(|q| (0.0..=1.0).contains(q)));
    let quantiles: Option<Vec<f64>> = quantiles.collect();
    let bound = |value: &Json| match value {
        Json::Null => Ok(None),
        other => float(other).map(Some).ok_or_else(|| wrong("holds a bound that is no number")),
    };
    let mut out = Vec::new();
    for range in list("value_ranges")? {
        let Some([least, most]) = range.as_array().map(Vec::as_slice) else {
            return Err(wrong("needs two values for each range"));
        };
        out.push((bound(least)?, bound(most)?));
    }
    Ok((quantiles.ok_or_else(|| wrong("needs quantiles between 0 and 1"))?, out))
}

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let written = context.kwargs().json("quantile_ranges").cloned().unwrap_or(Json::Null);
    let (quantiles, ranges) = ranges(&written)?;
    if ranges.len() > quantiles.len() {
        return Err(wrong("has more ranges than quantiles"));
    }
    if context.only_unfiltered() {
        return Err(unsupported("quantiles"));
    }
    let one = |q: &f64| format!("percentile_disc({q}) within group (order by {column})");
    let aggregates = quantiles.iter().map(one).collect();
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let checks: Result<Vec<bool>, Failure> =
            ranges.iter().zip(&cells).map(|(range, cell)| within(cell, *range)).collect();
        let checks = checks?;
        let success = checks.iter().all(|ok| *ok);
        let values: Vec<Json> = cells.iter().map(cell_json).collect();
        let observed = serde_json::json!({"quantiles": written.get("quantiles"), "values": values});
        let outcome = Outcome::of(success)
            .with("observed_value", observed)
            .with("details", serde_json::json!({"success_details": checks}));
        Ok(Step::Done(outcome.because(|| {
            let bad = checks.iter().zip(quantiles.iter().zip(&cells)).filter(|(ok, _)| !**ok);
            let bad =
                bad.map(|(_, (q, cell))| format!("the quantile {q} is {}", crate::text::shown_cell(cell)));
            format!("{}, outside its range", bad.collect::<Vec<_>>().join(", "))
        })))
    }))
}

/// Within the range, or as near to one of its ends as makes no difference.
fn within(cell: &Cell, (least, most): Range) -> Result<bool, Failure> {
    if *cell == Cell::Null {
        return Ok(false);
    }
    let value = number(cell).ok_or_else(|| Failure::new("quantiles are compared as numbers only"))?;
    let (least, most) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
    let near = |bound: f64| {
        if bound.is_finite() && value.is_finite() {
            (value - bound).abs() <= 1e-8 + 1e-4 * bound.abs()
        } else {
            value == bound
        }
    };
    Ok(near(least) || near(most) || (least <= value && value <= most))
}
