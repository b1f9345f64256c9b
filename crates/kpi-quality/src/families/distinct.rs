//! The set of values that a column has, and the most common of them.

use crate::catalog::Kind;
use crate::context::Context;
use crate::kwargs::parse_date;
use crate::map::count;
use crate::outcome::{Failure, Outcome};
use crate::python;
use crate::scan::Step;
use crate::text::{cell_json, shown_cell};
use kpi_adapter::{Cell, Table};
use serde_json::Value as Json;

/// As many values are listed.
const LISTED: usize = 20;

/// A value of the set: text that is a date counts as a date.
#[derive(Clone)]
struct Member {
    cell: Cell,
    sql: String,
}

fn members(context: &Context) -> Result<Vec<Member>, Failure> {
    let Some(set) = context.kwargs().list("value_set") else {
        return Err(Failure::new("'value_set' must be a list"));
    };
    let member = |value: &Json| match value.as_str().filter(|s| s.len() == 10).and_then(parse_date) {
        Some(day) => Member { cell: Cell::Date(day), sql: context.dialect.date(day) },
        None => Member { cell: python::cell(value), sql: context.dialect.value(value) },
    };
    Ok(set.iter().map(member).collect())
}

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let kind = context.expectation.spec.kind;
    let members = members(&context)?;
    let list = members.iter().map(|m| m.sql.as_str()).collect::<Vec<_>>().join(", ");
    let inside = if list.is_empty() { "1 = 0".to_owned() } else { format!("{column} in ({list})") };
    let outside = if list.is_empty() { "1 = 1".to_owned() } else { format!("{column} not in ({list})") };
    let distinct = |test: &str| format!("count(distinct case when {test} then {column} end)");
    let mut aggregates = Vec::new();
    if kind != Kind::DistinctContainSet {
        aggregates.push(distinct(&outside));
    }
    if kind != Kind::DistinctInSet {
        aggregates.push(distinct(&inside));
    }
    if context.only_unfiltered() {
        return Err(super::aggregate::unsupported("set of distinct values"));
    }
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let mut cells = cells.iter();
        let mut next = || count(cells.next()).unwrap_or(0);
        let unexpected = (kind != Kind::DistinctContainSet).then(&mut next);
        let found = (kind != Kind::DistinctInSet).then(&mut next);
        let wanted = i64::try_from(members.len()).unwrap_or(i64::MAX);
        let missing = found.map(|found| wanted - found);
        let listed = context.format.partial > 0;
        let values = |test: &str| {
            format!(
                "select distinct {column} as value from {}",
                context.source_where(Some(&format!("{column} is not null and {test}")))
            )
        };
        let verdict = Verdict { unexpected, missing, listed };
        let inside = values(&inside);
        let outside = format!("{} limit {LISTED}", values(&outside));
        let ask_missing = listed && !members.is_empty() && missing.is_some();
        let rest = move |verdict: Verdict, unexpected: Vec<Json>| {
            if !ask_missing {
                return Ok(Step::Done(verdict.outcome(&context, unexpected, Vec::new())));
            }
            Ok(Step::query(inside, move |table| {
                let absent = absent(&members, &table);
                Ok(Step::Done(verdict.outcome(&context, unexpected, absent)))
            }))
        };
        if listed && unexpected.is_some_and(|n| n > 0) {
            return Ok(Step::query(outside, move |table| {
                let shown = table.rows.iter().filter_map(|row| row.first()).map(cell_json).collect();
                rest(verdict, shown)
            }));
        }
        rest(verdict, Vec::new())
    }))
}

/// Members of the set that the column does not have, compared as Python compares.
fn absent(members: &[Member], table: &Table) -> Vec<Json> {
    let found: rustc_hash::FxHashSet<String> =
        table.rows.iter().filter_map(|row| row.first()).filter_map(python::key).collect();
    let absent = members.iter().filter(|m| python::key(&m.cell).is_none_or(|key| !found.contains(&key)));
    absent.take(LISTED).map(|m| cell_json(&m.cell)).collect()
}

#[derive(Clone, Copy)]
struct Verdict {
    unexpected: Option<i64>,
    missing: Option<i64>,
    listed: bool,
}

impl Verdict {
    fn outcome(self, context: &Context, unexpected: Vec<Json>, absent: Vec<Json>) -> Outcome {
        let success = self.unexpected.unwrap_or(0) == 0 && self.missing.unwrap_or(0) == 0;
        let mut out = Outcome::of(success).with("observed_value", Json::Null);
        let shown =
            |values: &[Json]| values.iter().take(5).map(crate::text::shown).collect::<Vec<_>>().join(", ");
        out = out.because(|| {
            let column = context.kwargs().text("column").unwrap_or_default();
            let mut parts = Vec::new();
            if let Some(n) = self.unexpected.filter(|n| *n > 0) {
                parts.push(format!("{n} values of {column} are not in the set: {}", shown(&unexpected)));
            }
            if let Some(n) = self.missing.filter(|n| *n > 0) {
                parts.push(format!("{n} values of the set are not in {column}: {}", shown(&absent)));
            }
            parts.join("; ")
        });
        if let Some(n) = self.unexpected {
            out = out.with("unexpected_count", n);
        }
        if let Some(n) = self.missing {
            out = out.with("missing_count", n);
        }
        if self.listed {
            if self.unexpected.is_some() {
                out = out.with("partial_unexpected_list", unexpected);
            }
            if self.missing.is_some() {
                out = out.with("partial_missing_list", absent);
            }
        }
        out
    }
}

pub(super) fn most_common(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    if context.only_unfiltered() {
        return Err(super::aggregate::unsupported("most common value"));
    }
    let set: Vec<Cell> =
        context.kwargs().list("value_set").unwrap_or_default().iter().map(python::cell).collect();
    let source = context.source_where(Some(&format!("{column} is not null")));
    let sql = format!(
        "with counts as (select {column} as value, count(*) as n from {source} group by {column}) \
         select value from counts where n = (select max(n) from counts)"
    );
    Ok(Step::query(sql, move |table| {
        let modes: Vec<&Cell> = table.rows.iter().filter_map(|row| row.first()).collect();
        let keys: rustc_hash::FxHashSet<String> = set.iter().filter_map(python::key).collect();
        let hits: rustc_hash::FxHashSet<String> =
            modes.iter().filter_map(|m| python::key(m)).filter(|k| keys.contains(k)).collect();
        let success = if context.kwargs().flag("ties_okay") {
            !hits.is_empty()
        } else {
            modes.len() == 1 && hits.len() == 1
        };
        let observed: Vec<Json> = modes.iter().map(|m| cell_json(m)).collect();
        let outcome = Outcome::of(success).with("observed_value", observed).because(|| {
            let shown: Vec<String> = modes.iter().take(5).map(|m| shown_cell(m)).collect();
            match modes.len() {
                0 => "there are no values".to_owned(),
                1 => format!("the most common value is {}", shown.join("")),
                n => format!("{n} values are equally common: {}", shown.join(", ")),
            }
        });
        Ok(Step::Done(outcome))
    }))
}
