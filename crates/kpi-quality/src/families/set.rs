//! Values that are in a set, or are not. Nulls in the set do not count: no value equals null.

use crate::catalog::Kind;
use crate::context::{Context, Fidelity};
use crate::map;
use crate::outcome::Failure;
use crate::result_format::Level;
use crate::scan::Step;
use serde_json::Value as Json;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let Some(set) = context.kwargs().list("value_set") else {
        return Err(Failure::new("'value_set' must be a list"));
    };
    let wanted = context.expectation.spec.kind == Kind::InSet;
    if context.fidelity == Fidelity::Exact && has_no_literal(&context, set) {
        return Err(Failure::new("the reference cannot write numbers among text into its query"));
    }
    if set.is_empty() {
        return map::column_map(context, if wanted { "1 = 1" } else { "1 = 0" });
    }
    let values: Vec<_> = set.iter().filter(|v| !v.is_null()).map(|v| context.dialect.value(v)).collect();
    let unexpected = match (values.is_empty(), wanted) {
        (true, true) => "1 = 1".to_owned(),
        (true, false) => "1 = 0".to_owned(),
        (false, true) => format!("{column} not in ({})", values.join(", ")),
        (false, false) => format!("{column} in ({})", values.join(", ")),
    };
    map::column_map(context, &unexpected)
}

/// The query that finds the rows is asked for, and the set begins with text and goes on with something else: the
/// reference writes all values as the first.
fn has_no_literal(context: &Context, set: &[Json]) -> bool {
    let format = &context.format;
    let complete = format.level == Level::Complete;
    let query = format.index_query.unwrap_or(complete)
        || (format.level >= Level::Summary && !format.index_columns.is_empty());
    let mut values = set.iter().filter(|value| !value.is_null());
    query && values.next().is_some_and(Json::is_string) && values.any(|value| !value.is_string())
}
