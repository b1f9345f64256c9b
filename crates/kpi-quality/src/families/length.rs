//! Lengths of text, in characters.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map;
use crate::outcome::Failure;
use crate::scan::Step;

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let length = context.dialect.length(&context.own_column()?);
    let kwargs = context.kwargs();
    if context.expectation.spec.kind == Kind::LengthEqual {
        let Some(value) = kwargs.number("value") else {
            return Err(Failure::new("'value' must be a number"));
        };
        let unexpected = format!("{length} <> {}", context.dialect.float(value));
        return map::column_map(context, &unexpected);
    }
    let mut conditions = Vec::new();
    for (name, strict, words) in
        [("min_value", "strict_min", [">=", ">"]), ("max_value", "strict_max", ["<=", "<"])]
    {
        let Some(bound) = kwargs.get(name) else { continue };
        let bound = super::bounds::literal(context.dialect, bound)?;
        conditions
            .push(format!("{length} {} {bound}", if kwargs.flag(strict) { words[1] } else { words[0] }));
    }
    let unexpected = format!("not ({})", conditions.join(" and "));
    map::column_map(context, &unexpected)
}
