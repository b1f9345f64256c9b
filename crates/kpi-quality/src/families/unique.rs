//! Values that occur once.

use crate::context::Context;
use crate::map::{Counts, Rows, Shape, count, finish};
use crate::outcome::Failure;
use crate::scan::Step;

/// The shared scan counts distinct values; only if there are fewer than values are the doubled ones counted.
pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let column = context.own_column()?;
    let aggregates =
        vec!["count(*)".to_owned(), format!("count({column})"), format!("count(distinct {column})")];
    let groups = format!(
        "from {} group by {column} having count(*) > 1",
        context.source_where(Some(&format!("{column} is not null")))
    );
    let condition = format!("{column} in (select {column} {groups})");
    let rows = Rows::of(&context, vec![name], Shape::Value, condition);
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let element = count(cells.first()).unwrap_or(0);
        let (kept, distinct) = (count(cells.get(1)), count(cells.get(2)));
        if kept == distinct {
            return finish(context, rows, Counts { element, kept, unexpected: Some(0) });
        }
        let sql = format!("select sum(n) as n from (select count(*) as n {groups}) as doubled");
        Ok(Step::query(sql, move |table| {
            let unexpected = Some(count(table.rows.first().and_then(|row| row.first())).unwrap_or(0));
            finish(context, rows, Counts { element, kept, unexpected })
        }))
    }))
}
