//! Several columns of the same row.

use super::pair::judged;
use crate::catalog::Kind;
use crate::context::Context;
use crate::map::{Counts, Rows, Shape, count, counted, finish};
use crate::outcome::Failure;
use crate::scan::Step;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    let names = kwargs.texts("column_list").unwrap_or_default();
    let columns: Vec<String> = names.iter().map(|name| context.column(name)).collect::<Result<_, _>>()?;
    let nulls = |word: &str| columns.iter().map(|c| format!("{c} is null")).collect::<Vec<_>>().join(word);
    let kept = match kwargs.text("ignore_row_if").unwrap_or("all_values_are_missing") {
        "all_values_are_missing" => Some(format!("not ({})", nulls(" and "))),
        "any_value_is_missing" => Some(format!("not ({})", nulls(" or "))),
        "never" => None,
        other => {
            return Err(Failure::new(format!(
                "'ignore_row_if' must be all_values_are_missing, any_value_is_missing or never, not '{other}'"
            )));
        }
    };
    let kind = context.expectation.spec.kind;
    let unexpected = match kind {
        Kind::MultiSum => {
            let total = kwargs.number("sum_total").unwrap_or_default();
            format!("0 + {} <> {}", columns.join(" + "), context.dialect.float(total))
        }
        Kind::MultiEqual => {
            let Some((first, rest)) = columns.split_first() else { return Err(Failure::new("no columns")) };
            let same = |c: &String| {
                format!(
                    "(({first} is null and {c} is null) or \
                     ({first} is not null and {c} is not null and {first} = {c}))"
                )
            };
            format!("not ({})", rest.iter().map(same).collect::<Vec<_>>().join(" and "))
        }
        Kind::UniqueWithinRecord => {
            let mut same = Vec::new();
            for (i, a) in columns.iter().enumerate() {
                for b in columns.iter().skip(i + 1) {
                    same.push(format!("{a} = {b} or ({a} is null and {b} is null)"));
                }
            }
            format!("({})", same.join(" or "))
        }
        _ => {
            if kept.is_none() && context.only_unfiltered() {
                return Err(super::aggregate::unsupported("comparison of all rows"));
            }
            return compound(context, names, &columns, kept);
        }
    };
    judged(context, names, Shape::Record, kept, &unexpected)
}

/// Combinations that occur more than once. One that holds a null is never a double.
fn compound(
    context: Context,
    names: Vec<String>,
    columns: &[String],
    kept: Option<String>,
) -> Result<Step, Failure> {
    let list = columns.join(", ");
    let complete = columns.iter().map(|c| format!("{c} is not null")).collect::<Vec<_>>().join(" and ");
    let groups =
        format!("from {} group by {list} having count(*) > 1", context.source_where(Some(&complete)));
    let condition = format!("({list}) in (select {list} {groups})");
    let rows = Rows::of(&context, names, Shape::Record, condition);
    let all = "count(*)".to_owned();
    let aggregates = vec![all.clone(), kept.as_deref().map_or(all, counted)];
    let sql = format!("select sum(n) as n from (select count(*) as n {groups}) as doubled");
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let (element, kept) = (count(cells.first()).unwrap_or(0), count(cells.get(1)));
        Ok(Step::query(sql, move |table| {
            let unexpected = Some(count(table.rows.first().and_then(|row| row.first())).unwrap_or(0));
            finish(context, rows, Counts { element, kept, unexpected })
        }))
    }))
}
