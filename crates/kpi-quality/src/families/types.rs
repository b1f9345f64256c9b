//! Declared types. A name without parameters is met by any; letter case and common aliases do not matter.

use crate::catalog::Kind;
use crate::context::Context;
use crate::dialect::Dialect;
use crate::outcome::{Failure, Outcome};
use crate::scan::Step;

/// Names of the same type.
const ALIASES: &[&[&str]] = &[
    &["INTEGER", "INT", "INT4", "SIGNED", "INT32"],
    &["BIGINT", "INT8", "LONG", "INT64"],
    &["SMALLINT", "INT2", "SHORT", "INT16"],
    &["TINYINT", "INT1"],
    &["DOUBLE", "FLOAT8", "DOUBLE PRECISION", "DOUBLE_PRECISION"],
    &["FLOAT", "FLOAT4", "REAL"],
    &["DECIMAL", "NUMERIC", "NUMBER"],
    &["VARCHAR", "TEXT", "STRING", "CHAR", "BPCHAR", "CHARACTER VARYING"],
    &["TIMESTAMP", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NTZ"],
    &["TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TIMESTAMP_TZ"],
    &["BOOLEAN", "BOOL", "LOGICAL"],
    &["BLOB", "BYTEA", "BINARY", "VARBINARY"],
];

/// Name and parameters: `DECIMAL(12, 2)` is `("DECIMAL", "12,2")`.
fn folded(text: &str) -> (String, String) {
    let upper = text.trim().to_uppercase();
    let (name, parameters) = match upper.split_once('(') {
        Some((name, rest)) => (name.trim().to_owned(), rest.trim_end_matches(')').replace(' ', "")),
        None => (upper, String::new()),
    };
    let alias = ALIASES.iter().find(|names| names.contains(&name.as_str())).and_then(|names| names.first());
    (alias.map_or(name, |n| (*n).to_owned()), parameters)
}

fn same(dialect: &dyn Dialect, declared: &str, wanted: &str) -> bool {
    let ((name, parameters), (wanted, wanted_parameters)) = (folded(declared), folded(wanted));
    (name == wanted && (wanted_parameters.is_empty() || parameters == wanted_parameters))
        || dialect.same_type((&name, &parameters), (&wanted, &wanted_parameters))
}

pub(super) fn start(context: &Context) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    let declared = context.type_of(kwargs.text("column").unwrap_or_default())?;
    let (success, wanted) = if context.expectation.spec.kind == Kind::OfType {
        let wanted = kwargs.text("type_").unwrap_or_default();
        (same(context.dialect, declared, wanted), wanted.to_owned())
    } else {
        match kwargs.texts("type_list") {
            // No list asks for nothing.
            None => (true, String::new()),
            Some(list) => {
                (list.iter().any(|wanted| same(context.dialect, declared, wanted)), list.join(", "))
            }
        }
    };
    let outcome = Outcome::of(success)
        .with("observed_value", declared)
        .because(|| format!("the type is {declared}, not {wanted}"));
    Ok(Step::Done(outcome))
}

#[cfg(test)]
mod tests {
    use crate::dialect::DuckDb;

    fn same(declared: &str, wanted: &str) -> bool {
        super::same(&DuckDb, declared, wanted)
    }

    #[test]
    fn types_have_aliases_and_parameters() {
        assert!(
            same("INTEGER", "int")
                && same("DECIMAL(12,2)", "NUMERIC(12, 2)")
                && same("DECIMAL(12,2)", "numeric")
        );
        assert!(!same("DECIMAL(12,2)", "DECIMAL(10,2)") && !same("BIGINT", "INTEGER"));
    }
}
