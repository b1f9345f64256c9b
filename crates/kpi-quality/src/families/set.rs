//! Values that are in a set, or are not. Nulls in the set do not count: no value equals null.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map;
use crate::outcome::Failure;
use crate::scan::Step;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let Some(set) = context.kwargs().list("value_set") else {
        return Err(Failure::new("'value_set' must be a list"));
    };
    let wanted = context.expectation.spec.kind == Kind::InSet;
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
