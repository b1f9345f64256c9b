//! Text that is read here and not by the database: JSON, JSON schemas, dates. Each distinct value is read once.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map::{Counts, Rows, Shape, count, finish};
use crate::outcome::Failure;
use crate::scan::Step;
use crate::{dateutil, json_text, strptime};
use kpi_adapter::{Cell, Table};
use serde_json::Value as Json;

/// As many values that break the expectation go into the query that fetches their rows.
const MOST_VALUES: usize = 1000;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let column = context.own_column()?;
    let test = test(&context)?;
    let sql = format!(
        "select {column} as value, count(*) as n from {} group by {column}",
        context.source_where(Some(&format!("{column} is not null")))
    );
    let aggregates = vec!["count(*)".to_owned(), format!("count({column})")];
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let (element, kept) = (count(cells.first()).unwrap_or(0), count(cells.get(1)));
        Ok(Step::query(sql, move |table| {
            let (values, unexpected) = failing(&table, &test)?;
            let list: Vec<String> = values.iter().map(|value| context.dialect.text(value)).collect();
            let one_of = |list: &[String]| match list {
                [] => "1 = 0".to_owned(),
                list => format!("{column} in ({})", list.join(", ")),
            };
            let some = list.get(..MOST_VALUES);
            let mut rows = Rows::of(&context, vec![name], Shape::Value, one_of(some.unwrap_or(&list)));
            rows.all = some.map(|_| one_of(&list));
            finish(context, rows, Counts { element, kept, unexpected: Some(unexpected) })
        }))
    }))
}

type Test = Box<dyn Fn(&Cell) -> Result<bool, Failure> + Send>;

/// The values that fail, and in how many rows they are.
fn failing(table: &Table, test: &Test) -> Result<(Vec<String>, i64), Failure> {
    let (mut values, mut rows) = (Vec::new(), 0);
    for row in &table.rows {
        let [value, n] = row.as_slice() else { continue };
        if !test(value)? {
            values.push(value.text());
            rows += count(Some(n)).unwrap_or(0);
        }
    }
    Ok((values, rows))
}

fn test(context: &Context) -> Result<Test, Failure> {
    let name = context.kwargs().text("column").unwrap_or_default().to_owned();
    let no_text = move |what: &str| Failure::new(format!("'{name}' holds no text: {what}"));
    Ok(match context.expectation.spec.kind {
        Kind::Json => Box::new(|cell| Ok(matches!(cell, Cell::Str(text) if json_text::is_json(text)))),
        Kind::JsonSchema => {
            let schema = context.kwargs().json("json_schema").cloned().unwrap_or(Json::Null);
            let schema = jsonschema::validator_for(&schema)
                .map_err(|error| Failure::new(format!("'json_schema' is no JSON schema: {error}")))?;
            Box::new(move |cell| {
                let Cell::Str(text) = cell else { return Err(no_text("it cannot be read as JSON")) };
                let value: Json = serde_json::from_str(text)
                    .map_err(|error| Failure::new(format!("a value is no JSON ({error}): {text}")))?;
                Ok(schema.is_valid(&value))
            })
        }
        Kind::Strftime => {
            let format = context.kwargs().text("strftime_format").unwrap_or_default().to_owned();
            Box::new(move |cell| match cell {
                Cell::Str(text) => Ok(strptime::matches(text, &format)),
                _ => Err(no_text("a format is for text, not for dates")),
            })
        }
        _ => Box::new(move |cell| match cell {
            Cell::Str(text) => Ok(dateutil::is_date(text)),
            _ => Err(no_text("only text is read as a date")),
        }),
    })
}
