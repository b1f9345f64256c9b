//! Values that rise or fall in the order of their rows. Rows without a value are passed over.

use crate::catalog::Kind;
use crate::context::{Context, Fidelity};
use crate::map::{Counts, Rows, Shape, count, counted, finish};
use crate::outcome::Failure;
use crate::scan::Step;

/// Types whose values have no difference.
const NO_ORDER: &[&str] = &["VARCHAR", "CHAR", "TEXT", "STRING", "BLOB", "BINARY", "JSON", "UUID", "VARIANT"];

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let column = context.own_column()?;
    let kind = context.type_of(&name)?.to_uppercase();
    if NO_ORDER.iter().any(|t| kind.starts_with(t)) {
        return Err(Failure::new(format!("'{name}' is of type {kind}: it neither rises nor falls")));
    }
    let strictly = context.kwargs().flag("strictly");
    let word = match (context.expectation.spec.kind, strictly) {
        (Kind::Increasing, false) => "<",
        (Kind::Increasing, true) => "<=",
        (_, false) => ">",
        (_, true) => ">=",
    };
    let numbered = format!("select *, {} as kpi_row from {}", context.dialect.row_number(), context.source());
    let is_float = context.is_float(&name)?;
    // NaN has no place in an order: it is passed over like null.
    let has_place = if is_float {
        format!("{column} is not null and {}", context.dialect.is_number(&column))
    } else {
        format!("{column} is not null")
    };
    let from = format!(
        "(select *, lag({column}) over (order by kpi_row) as kpi_previous from ({numbered}) as numbered \
         where {has_place}) as followed"
    );
    let condition = if is_float {
        // The difference of two infinities is NaN, and in order.
        format!(
            "{column} - kpi_previous {word} 0 and {}",
            context.dialect.is_number(&format!("({column} - kpi_previous)"))
        )
    } else if context.fidelity == Fidelity::Exact && kind == "BIGINT" {
        wrapped(&column, word)
    } else {
        format!("{column} {word} kpi_previous")
    };
    let sql = format!("select {} as n from {from}", counted(&condition));
    let rows = Rows { domain: vec![name], shape: Shape::Value, from, filtered: false, condition, all: None };
    let aggregates = vec!["count(*)".to_owned(), counted(&has_place)];
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let (element, kept) = (count(cells.first()).unwrap_or(0), count(cells.get(1)));
        Ok(Step::query(sql, move |table| {
            let unexpected = Some(count(table.rows.first().and_then(|row| row.first())).unwrap_or(0));
            finish(context, rows, Counts { element, kept, unexpected })
        }))
    }))
}

/// The reference subtracts in 64 bits, and a difference beyond them comes out on the other side.
fn wrapped(column: &str, word: &str) -> String {
    let difference = format!("cast({column} as decimal(38, 0)) - cast(kpi_previous as decimal(38, 0))");
    format!(
        "case when {difference} > 9223372036854775807 then {difference} - 18446744073709551616 \
         when {difference} < -9223372036854775808 then {difference} + 18446744073709551616 \
         else {difference} end {word} 0"
    )
}
