//! Two columns of the same row.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map::{Counts, Rows, Shape, count, counted, finish};
use crate::outcome::Failure;
use crate::result_format::Level;
use crate::scan::Step;
use serde_json::Value as Json;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    let name = |key: &str| kwargs.text(key).unwrap_or_default().to_owned();
    let names = vec![name("column_A"), name("column_B")];
    let (a, b) = (context.column(&name("column_A"))?, context.column(&name("column_B"))?);
    let ignore = kwargs.text("ignore_row_if").unwrap_or("both_values_are_missing");
    let in_set_only = context.expectation.spec.kind == Kind::PairInSet && context.only_unfiltered();
    if ignore == "neither" && context.only_unfiltered() && !in_set_only {
        return Err(super::aggregate::unsupported("comparison of all pairs"));
    }
    let kept = match ignore {
        "both_values_are_missing" => Some(format!("not ({a} is null and {b} is null)")),
        "either_value_is_missing" => Some(format!("not ({a} is null or {b} is null)")),
        _ => None,
    };
    let unexpected = match context.expectation.spec.kind {
        Kind::PairEqual => format!("not ({a} = {b} and not ({a} is null or {b} is null))"),
        Kind::PairGreater if kwargs.flag("or_equal") => {
            format!("not ({a} >= {b} or ({a} is null and {b} is null))")
        }
        Kind::PairGreater => format!("{a} <= {b}"),
        _ => in_set(&context, &a, &b)?,
    };
    if in_set_only {
        return beyond_the_condition(context, names, kept, &unexpected);
    }
    judged(context, names, Shape::Pair, kept, &unexpected)
}

fn in_set(context: &Context, a: &str, b: &str) -> Result<String, Failure> {
    let Some(pairs) = context.kwargs().list("value_pairs_set") else {
        return Err(Failure::new("'value_pairs_set' must be a list of pairs"));
    };
    if pairs.is_empty() {
        return Err(Failure::new("'value_pairs_set' is empty: no pair could be as expected"));
    }
    let equals = |column: &str, value: &Json| match value {
        Json::Null => format!("{column} is null"),
        other => format!("{column} = {}", context.dialect.value(other)),
    };
    let pair = |pair: &Json| {
        let part = |i: usize| pair.get(i).cloned().unwrap_or(Json::Null);
        format!("({} and {})", equals(a, &part(0)), equals(b, &part(1)))
    };
    Ok(format!("not ({})", pairs.iter().map(pair).collect::<Vec<_>>().join(" or ")))
}

/// Pairs in a set under a row condition, as the reference has it: it counts the rows that there are under the
/// condition, and judges all. Figures that cannot be are an error there.
fn beyond_the_condition(
    context: Context,
    names: Vec<String>,
    kept: Option<String>,
    unexpected: &str,
) -> Result<Step, Failure> {
    let source = context.source();
    let whole = Context { filter: None, ..context };
    let condition = match &kept {
        Some(kept) => format!("{kept} and {unexpected}"),
        None => unexpected.to_owned(),
    };
    let all = "count(*)".to_owned();
    let aggregates = vec![kept.as_deref().map_or(all.clone(), counted), counted(&condition)];
    let rows = Rows::of(&whole, names, Shape::Pair, condition);
    Ok(Step::measure(source, vec![all], move |cells| {
        let element = count(cells.first()).unwrap_or(0);
        Ok(Step::measure(whole.source(), aggregates, move |cells| {
            let (kept, unexpected) = (count(cells.first()), count(cells.get(1)));
            let missing = element - kept.unwrap_or(0);
            let judged = kept.unwrap_or(0);
            // Where figures are asked for, they are looked at.
            let figures = whole.format.level > Level::BooleanOnly;
            if figures && (missing < 0 || unexpected.is_some_and(|n| n > judged)) {
                return Err(Failure::new(
                    "the reference counts more rows than there are under the row condition",
                ));
            }
            finish(whole, rows, Counts { element, kept, unexpected })
        }))
    }))
}

/// Counts the rows that are kept, and of those the unexpected ones.
pub(super) fn judged(
    context: Context,
    names: Vec<String>,
    shape: Shape,
    kept: Option<String>,
    unexpected: &str,
) -> Result<Step, Failure> {
    let condition = match &kept {
        Some(kept) => format!("{kept} and {unexpected}"),
        None => unexpected.to_owned(),
    };
    let all = "count(*)".to_owned();
    let aggregates = vec![all.clone(), kept.as_deref().map_or(all, counted), counted(&condition)];
    let rows = Rows::of(&context, names, shape, condition);
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let element = count(cells.first()).unwrap_or(0);
        finish(context, rows, Counts { element, kept: count(cells.get(1)), unexpected: count(cells.get(2)) })
    }))
}
