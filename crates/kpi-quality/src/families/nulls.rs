//! Values that must be there, or must not.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map::{Counts, Rows, Shape, count, counted, finish};
use crate::outcome::Failure;
use crate::scan::Step;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let column = context.own_column()?;
    let word = if context.expectation.spec.kind == Kind::NotNull { "is null" } else { "is not null" };
    let condition = format!("{column} {word}");
    let aggregates = vec!["count(*)".to_owned(), counted(&condition)];
    let rows = Rows::of(&context, vec![name], Shape::Value, condition);
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let element = count(cells.first()).unwrap_or(0);
        let unexpected = count(cells.get(1)).filter(|_| element > 0);
        finish(context, rows, Counts { element, kept: None, unexpected })
    }))
}
