//! Queries of the author's own: one that should find nothing, two that should find the same.

use crate::context::Context;
use crate::map::count;
use crate::outcome::{Failure, Outcome};
use crate::python;
use crate::result_format::Level;
use crate::scan::Step;
use crate::template;
use crate::text::cell_json;
use indexmap::IndexMap;
use kpi_adapter::{Cell, Table};
use serde_json::{Map, Value as Json, json};

/// As many rows are listed at most.
const MOST_LISTED: usize = 200;

fn trimmed(sql: &str) -> &str {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace())
}

pub(super) fn unexpected(context: Context) -> Result<Step, Failure> {
    let written = context.kwargs().text("unexpected_rows_query").unwrap_or_default();
    let query = template::fill(trimmed(written), &context.subject.relation)
        .map_err(|problem| Failure::new(format!("'unexpected_rows_query' {problem}")))?;
    // The line break ends a comment on the query's last line.
    let sql = format!("select count(*) as n from ({query}\n) as found");
    Ok(Step::query(sql, move |table| {
        let n = count(table.rows.first().and_then(|row| row.first())).unwrap_or(0);
        let mut outcome = Outcome::of(n == 0);
        outcome.rows = Some(query.clone());
        outcome.unexpected = Some(n);
        let outcome = outcome.because(|| match n {
            1 => "the query found a row".to_owned(),
            n => format!("the query found {n} rows"),
        });
        if context.format.level == Level::BooleanOnly {
            return Ok(Step::Done(outcome));
        }
        let outcome = outcome.with("observed_value", n);
        if context.format.level < Level::Complete {
            return Ok(Step::Done(outcome));
        }
        let sql = format!("select * from ({query}\n) as found limit {MOST_LISTED}");
        Ok(Step::query(sql, move |table| {
            let rows: Vec<Json> = table.rows.iter().map(|row| record(&context, &table, row)).collect();
            Ok(Step::Done(outcome.with("details", json!({"unexpected_rows": rows}))))
        }))
    }))
}

fn record(context: &Context, table: &Table, row: &[Cell]) -> Json {
    let named = table.columns.iter().zip(row);
    let named = named.map(|(name, cell)| (context.dialect.shown_name(name), cell_json(cell)));
    Json::Object(named.collect::<Map<_, _>>())
}

pub(super) fn comparison(context: Context) -> Result<Step, Failure> {
    let text = |name: &str| trimmed(context.kwargs().text(name).unwrap_or_default()).to_owned();
    let fill = |name: &str| {
        let text = text(name);
        if text.contains("{batch}") { text.replace("{batch}", &context.subject.relation) } else { text }
    };
    let (base, comparison) = (fill("base_query"), fill("comparison_query"));
    Ok(Step::query(base, move |base| {
        Ok(Step::query(comparison, move |comparison| Ok(Step::Done(compared(&context, &base, &comparison)))))
    }))
}

/// How often each row occurs, with its first occurrence.
fn tally(table: &Table) -> IndexMap<String, (usize, &[Cell])> {
    let mut out: IndexMap<String, (usize, &[Cell])> = IndexMap::new();
    for (i, row) in table.rows.iter().enumerate() {
        let keys: Option<Vec<String>> = row.iter().map(python::key).collect();
        // A row with a NaN equals no other.
        let key = keys.map_or_else(|| format!("nan {:p} {i}", row.as_ptr()), |keys| format!("{keys:?}"));
        out.entry(key).or_insert((0, row)).0 += 1;
    }
    out
}

#[allow(clippy::cast_precision_loss)]
fn compared(context: &Context, base: &Table, comparison: &Table) -> Outcome {
    let (ours, theirs) = (tally(base), tally(comparison));
    let matches: usize =
        ours.iter().map(|(key, (n, _))| theirs.get(key).map_or(0, |(m, _)| (*m).min(*n))).sum();
    let most = base.rows.len().max(comparison.rows.len());
    let unexpected = most - matches;
    let percent = if most == 0 { 0.0 } else { (1.0 - matches as f64 / most as f64) * 100.0 };
    let success = 100.0 - percent >= context.kwargs().mostly() * 100.0;
    let outcome = Outcome::of(success).because(|| {
        format!(
            "{matches} of {most} rows are the same ({} and {} rows)",
            base.rows.len(),
            comparison.rows.len()
        )
    });
    if context.format.level == Level::BooleanOnly {
        return outcome;
    }
    let outcome = outcome.with("unexpected_count", unexpected).with("unexpected_percent", percent);
    if context.format.level < Level::Complete {
        return outcome;
    }
    let only =
        |table: &Table, a: &IndexMap<String, (usize, &[Cell])>, b: &IndexMap<String, (usize, &[Cell])>| {
            let mut rows = Vec::new();
            for (key, (n, row)) in a {
                let more = n.saturating_sub(b.get(key).map_or(0, |(m, _)| *m));
                rows.extend(std::iter::repeat_n(record(context, table, row), more));
            }
            rows
        };
    let missing = only(comparison, &theirs, &ours);
    let extra = only(base, &ours, &theirs);
    outcome.with("details", json!({"missing_rows": missing, "unexpected_rows": extra}))
}
