//! Rules over several keywords, or over the content of one: what a type alone does not say.

use crate::catalog::{Kind, Spec};
use crate::kwargs::{Arg, ConfigError, Kwargs};

/// Adds what is wrong with keywords whose types are right.
pub(crate) fn check(spec: &Spec, kwargs: &Kwargs, errors: &mut Vec<ConfigError>) {
    match spec.kind {
        Kind::Between | Kind::LengthBetween
            if kwargs.get("min_value").is_none() && kwargs.get("max_value").is_none() =>
        {
            errors.push(ConfigError::new(format!("{} needs 'min_value', 'max_value' or both", spec.name)));
        }
        Kind::RowCountBetween => {
            if let (Some(Arg::Int(least)), Some(Arg::Int(most))) =
                (kwargs.get("min_value"), kwargs.get("max_value"))
                && least > most
            {
                errors.push(ConfigError::of(
                    "min_value",
                    format!("'min_value' ({least}) must not be above 'max_value' ({most})"),
                ));
            }
        }
        Kind::DistinctInSet => not_empty(kwargs, "value_set", errors),
        Kind::RegexList | Kind::NotRegexList => not_empty(kwargs, "regex_list", errors),
        Kind::LikeList | Kind::NotLikeList => not_empty(kwargs, "like_pattern_list", errors),
        Kind::Strftime => {
            if let Some(problem) = kwargs.text("strftime_format").and_then(crate::strptime::problem) {
                errors.push(ConfigError::of("strftime_format", format!("'strftime_format' {problem}")));
            }
        }
        Kind::UnexpectedRows => {
            if let Some(problem) = kwargs.text("unexpected_rows_query").and_then(crate::template::problem) {
                errors.push(
                    ConfigError::of("unexpected_rows_query", format!("'unexpected_rows_query' {problem}"))
                        .with_hint("a brace that belongs to the SQL is doubled: {{ and }}"),
                );
            }
        }
        _ => {}
    }
}

fn not_empty(kwargs: &Kwargs, name: &str, errors: &mut Vec<ConfigError>) {
    if kwargs.list(name).is_some_and(<[_]>::is_empty) {
        errors.push(ConfigError::of(name, format!("'{name}' must not be empty")));
    }
}
