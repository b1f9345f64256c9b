//! Expectations about rows: how many break it, which ones, and what of that is shown.

use crate::context::Context;
use crate::outcome::{Failure, Outcome};
use crate::python;
use crate::result_format::Level;
use crate::scan::Step;
use crate::text::{cell_json, float_json, shown_cell};
use kpi_adapter::{Cell, Table};
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;

/// As many values are listed at most.
const MOST_LISTED: usize = 200;

/// How an unexpected value is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The value of a column.
    Value,
    /// Two values.
    Pair,
    /// A value for each column.
    Record,
}

/// Where the rows are that break an expectation.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// Names of the columns that are judged.
    pub domain: Vec<String>,
    pub shape: Shape,
    /// `relation where condition`, or a query in brackets with an alias: what is searched.
    pub from: String,
    /// Whether `from` has a `where` already.
    pub filtered: bool,
    /// The rows that break it; false, not null, for the others matters not.
    pub condition: String,
    /// All rows that break it, where `condition` names but the first of very many values.
    pub all: Option<String>,
}

impl Rows {
    /// Rows of the context's source that fulfil a condition.
    pub fn of(context: &Context, domain: Vec<String>, shape: Shape, condition: String) -> Self {
        Self {
            domain,
            shape,
            from: context.source(),
            filtered: context.filter.is_some(),
            condition,
            all: None,
        }
    }

    fn select(&self, context: &Context, list: &str) -> String {
        self.select_where(context, list, &self.condition)
    }

    fn select_where(&self, context: &Context, list: &str, condition: &str) -> String {
        if self.filtered {
            // The filter stands alone in front: its own `or` must not take the condition in.
            format!("select {list} from {}", context.source_where(Some(condition)))
        } else {
            format!("select {list} from {} where {condition}", self.from)
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Rows.
    pub element: i64,
    /// Rows that are judged; `None`: nulls are what is judged.
    pub kept: Option<i64>,
    /// Rows that break it.
    pub unexpected: Option<i64>,
}

/// A count of a result; a sum over no rows is null.
pub(crate) fn count(cell: Option<&Cell>) -> Option<i64> {
    match cell {
        Some(Cell::Int(i)) => i64::try_from(*i).ok(),
        Some(Cell::Decimal(d)) => d.split('.').next().and_then(|t| t.parse().ok()),
        #[allow(clippy::cast_possible_truncation)]
        Some(Cell::Float(f)) => Some(*f as i64),
        _ => None,
    }
}

/// The ordinary column map: a condition on each value of a column. `unexpected` is what a value that breaks it fulfils.
pub(crate) fn column_map(context: Context, unexpected: &str) -> Result<Step, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let column = context.own_column()?;
    let condition = format!("{column} is not null and ({unexpected})");
    let aggregates = vec!["count(*)".to_owned(), format!("count({column})"), counted(&condition)];
    let rows = Rows::of(&context, vec![name], Shape::Value, condition);
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let element = count(cells.first()).unwrap_or(0);
        let unexpected = count(cells.get(2)).filter(|_| element > 0);
        finish(context, rows, Counts { element, kept: count(cells.get(1)), unexpected })
    }))
}

/// Whether rows are listed by the columns that name them. Those of a combination that occurs twice are not.
fn lists_index(context: &Context) -> bool {
    let combinations = context.expectation.spec.kind == crate::catalog::Kind::CompoundUnique;
    context.format.level >= Level::Summary && !context.format.index_columns.is_empty() && !combinations
}

/// How many rows fulfil a condition, as an aggregate.
pub(crate) fn counted(condition: &str) -> String {
    format!("count(case when {condition} then 1 end)")
}

/// Gives the verdict, and fetches the rows where they are asked for.
pub(crate) fn finish(context: Context, rows: Rows, counts: Counts) -> Result<Step, Failure> {
    let format = &context.format;
    if lists_index(&context) {
        for name in &format.index_columns {
            if context.subject.column_name(name).is_none() {
                return Err(Failure::new(format!("there is no column '{name}' to name rows by")));
            }
        }
    }
    let any = counts.unexpected.is_some_and(|n| n > 0);
    let limit = if format.level == Level::Complete { MOST_LISTED } else { format.partial };
    let wants_index = lists_index(&context);
    let wants = format.level > Level::BooleanOnly && (!format.exclude_values || format.rows || wants_index);
    if !any || !wants || limit == 0 {
        return Ok(Step::Done(outcome(&context, &rows, counts, &Table::default())));
    }
    let mut list: Vec<String> =
        rows.domain.iter().map(|name| context.column(name)).collect::<Result<_, _>>()?;
    if wants_index {
        for name in &format.index_columns {
            list.push(context.column(name)?);
        }
    }
    if format.rows {
        list.extend(context.subject.columns.iter().map(|(name, _)| context.dialect.name(name)));
    }
    let list: Vec<String> = list.iter().enumerate().map(|(i, c)| format!("{c} as c{i}")).collect();
    let sql = format!("{} limit {limit}", rows.select(&context, &list.join(", ")));
    Ok(Step::query(sql, move |table| Ok(Step::Done(outcome(&context, &rows, counts, &table)))))
}

#[allow(clippy::cast_precision_loss)]
fn percent(part: i64, whole: i64) -> Json {
    float_json(part as f64 / whole as f64 * 100.0)
}

#[allow(clippy::cast_precision_loss)]
fn verdict(counts: Counts, mostly: f64) -> bool {
    let judged = counts.kept.unwrap_or(counts.element);
    let Some(unexpected) = counts.unexpected.filter(|_| judged > 0 && counts.element > 0) else {
        return true;
    };
    (judged as f64 - unexpected as f64) / judged as f64 >= mostly
}

fn outcome(context: &Context, rows: &Rows, counts: Counts, table: &Table) -> Outcome {
    let format = &context.format;
    let success = verdict(counts, context.kwargs().mostly());
    let mut out = Outcome::of(success);
    let width = rows.domain.len();
    let values: Vec<&[Cell]> = table.rows.iter().map(|row| row.get(..width).unwrap_or_default()).collect();
    out = out.because(|| reason(context, rows, counts, &values));
    out.rows = Some(rows.select_where(context, "*", rows.all.as_ref().unwrap_or(&rows.condition)));
    out.unexpected = counts.unexpected;
    let query = || Json::from(index_query(context, rows));
    if format.level == Level::BooleanOnly {
        if format.index_query == Some(true) {
            out = out.with("unexpected_index_query", query());
            if !format.index_columns.is_empty() {
                out = out.with("unexpected_index_column_names", format.index_columns.clone());
            }
        }
        return out;
    }
    let of_known = |part: Option<i64>, whole: i64| match part {
        Some(part) if whole > 0 && counts.unexpected.is_some() && counts.element > 0 => percent(part, whole),
        _ => Json::Null,
    };
    let missing = counts.kept.map(|kept| counts.element - kept);
    let judged = counts.kept.unwrap_or(counts.element);
    let unexpected_percent = of_known(counts.unexpected, judged);
    out = out
        .with("element_count", counts.element)
        .with("unexpected_count", counts.unexpected.map_or(Json::Null, Json::from))
        .with("unexpected_percent", unexpected_percent.clone());
    let listed: Vec<Json> = values.iter().map(|row| shaped(rows, row)).collect();
    let partial = |items: &[Json]| Json::from(items.iter().take(format.partial).cloned().collect::<Vec<_>>());
    if !format.exclude_values {
        out = out.with("partial_unexpected_list", partial(&listed));
    }
    let nulls = context.expectation.spec.kind == crate::catalog::Kind::Null;
    if !format.index_columns.is_empty() && !nulls {
        out = out.with("unexpected_index_column_names", format.index_columns.clone());
    }
    if let Some(missing) = missing {
        out = out
            .with("missing_count", missing)
            .with("missing_percent", of_known(Some(missing), counts.element))
            .with("unexpected_percent_total", of_known(counts.unexpected, counts.element))
            .with("unexpected_percent_nonmissing", unexpected_percent);
    }
    let wants_index = lists_index(context);
    let behind = width + if wants_index { format.index_columns.len() } else { 0 };
    if format.rows {
        let records = table.rows.iter().take(format.partial).map(|row| {
            let cells = row.get(behind..).unwrap_or_default();
            let names = context.subject.columns.iter().map(|(name, _)| name);
            Json::Object(
                names
                    .zip(cells)
                    .map(|(name, cell)| (context.dialect.shown_name(name), cell_json(cell)))
                    .collect(),
            )
        });
        out = out.with("unexpected_rows", records.collect::<Vec<_>>());
    }
    let with_query = |out: Outcome, default: bool| {
        if format.index_query.unwrap_or(default) { out.with("unexpected_index_query", query()) } else { out }
    };
    if format.level == Level::Basic {
        return with_query(out, false);
    }
    if format.partial > 0
        && !format.exclude_values
        && let Some(most) = most_frequent(rows, &values, format.partial)
    {
        out = out.with("partial_unexpected_counts", most);
    }
    let index = wants_index.then(|| index_list(context, rows, table));
    if let Some(index) = index.as_ref().filter(|_| format.partial > 0) {
        out = out.with("partial_unexpected_index_list", partial(index));
    }
    if format.level == Level::Summary {
        return with_query(out, false);
    }
    if !format.exclude_values {
        out = out.with("unexpected_list", listed);
    }
    if let Some(index) = index {
        out = out.with("unexpected_index_list", index);
    }
    with_query(out, true)
}

/// One row of the unexpected list.
fn shaped(rows: &Rows, row: &[Cell]) -> Json {
    match rows.shape {
        Shape::Value => row.first().map_or(Json::Null, cell_json),
        Shape::Pair => Json::from(row.iter().map(cell_json).collect::<Vec<_>>()),
        Shape::Record => Json::Object(record(rows, row)),
    }
}

fn record(rows: &Rows, row: &[Cell]) -> Map<String, Json> {
    rows.domain.iter().zip(row).map(|(name, cell)| (name.clone(), cell_json(cell))).collect()
}

/// Rows by the columns that name them: one object each, or, without the values, one of lists.
fn index_list(context: &Context, rows: &Rows, table: &Table) -> Vec<Json> {
    let names = &context.format.index_columns;
    let width = rows.domain.len();
    let shown = table.rows.iter().take(context.format.partial);
    if context.format.exclude_values {
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return Vec::new();
        }
        let lists = names.iter().enumerate().map(|(i, name)| {
            let column: Vec<Json> =
                shown.iter().map(|row| row.get(width + i).map_or(Json::Null, cell_json)).collect();
            (name.clone(), Json::from(column))
        });
        return vec![Json::Object(lists.collect())];
    }
    shown
        .map(|row| {
            let mut map = record(rows, row.get(..width).unwrap_or_default());
            let cells = row.get(width..).unwrap_or_default();
            map.extend(names.iter().zip(cells).map(|(name, cell)| (name.clone(), cell_json(cell))));
            Json::Object(map)
        })
        .collect()
}

/// `[{value, count}]`, most frequent first; nothing where the values have no order.
fn most_frequent(rows: &Rows, values: &[&[Cell]], most: usize) -> Option<Vec<Json>> {
    let mut positions = rustc_hash::FxHashMap::default();
    let mut tally: Vec<(Cell, i64)> = Vec::new();
    for row in values {
        let value = match rows.shape {
            Shape::Value => row.first().cloned().unwrap_or(Cell::Null),
            _ => Cell::List(row.to_vec()),
        };
        let known = python::key(&value).map(|key| *positions.entry(key).or_insert(tally.len()));
        match known.and_then(|at| tally.get_mut(at)) {
            Some((_, n)) => *n += 1,
            None => tally.push((value, 1)),
        }
    }
    // The most frequent first; of equally frequent ones those that came first.
    tally.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    tally.truncate(most);
    let mut unordered = false;
    // Values of different types have no order, and NaN has none: the library's sort would not put up with that.
    let tally = python::sorted(tally, |(a, n), (b, m)| match m.cmp(n) {
        Ordering::Equal => python::order(a, b).map_or_else(
            || {
                unordered = true;
                false
            },
            Ordering::is_lt,
        ),
        order => order.is_lt(),
    });
    let list = tally.iter().map(|(value, n)| serde_json::json!({"value": cell_json(value), "count": n}));
    (!unordered).then(|| list.collect())
}

/// The query with which a person finds the rows.
fn index_query(context: &Context, rows: &Rows) -> String {
    let names = context.format.index_columns.iter().chain(&rows.domain);
    let list: Vec<String> =
        names.map(|name| context.column(name).unwrap_or_else(|_| context.dialect.name(name))).collect();
    format!("{};", rows.select(context, &list.join(", ")))
}

/// The verdict in words: `3 of 90 values of conversion_rate outside [0, 100]: 104.2, 117.0, 250.0`.
fn reason(context: &Context, rows: &Rows, counts: Counts, values: &[&[Cell]]) -> String {
    let judged = counts.kept.unwrap_or(counts.element);
    let what = crate::words::unexpected(&context.expectation);
    let columns = rows.domain.join(", ");
    let unit = if rows.shape == Shape::Value { "values" } else { "rows" };
    let mut text =
        format!("{} of {judged} {unit} of {columns} {what}", counts.unexpected.unwrap_or_default());
    let shown: Vec<String> = values
        .iter()
        .take(5)
        .map(|row| match rows.shape {
            Shape::Value => row.first().map_or_else(String::new, shown_cell),
            _ => format!("({})", row.iter().map(shown_cell).collect::<Vec<_>>().join(", ")),
        })
        .collect();
    if !shown.is_empty() && context.expectation.spec.kind != crate::catalog::Kind::NotNull {
        let more = counts.unexpected.and_then(|n| usize::try_from(n).ok()).is_some_and(|n| n > shown.len());
        text.push_str(&format!(": {}{}", shown.join(", "), if more { ", …" } else { "" }));
    }
    let mostly = context.kwargs().mostly();
    if mostly < 1.0 {
        text.push_str(&format!(" (at least {} % must be as expected)", mostly * 100.0));
    }
    text
}
