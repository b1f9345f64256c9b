//! The arguments of `ref()`, `source()` and `metric()`.

use crate::RefCall;
use kpi_jinja::{Args, Error, Value};
use std::sync::Arc;

fn string(value: &Value, what: &str, function: &str) -> Result<Arc<str>, Error> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        other => Err(Error::compilation(format!(
            "The {what} argument to {function}() must be a string, got <class '{}'>",
            other.type_name()
        ))),
    }
}

/// The arguments of `ref()`.
///
/// # Errors
/// Not one or two strings, or a version that is neither number nor text.
pub fn parse_ref_args(args: Args) -> Result<RefCall, Error> {
    let (package, name) = match args.positional.as_slice() {
        [name] => (None, name),
        [package, name] => (Some(package), name),
        other => {
            return Err(Error::compilation(format!(
                "ref() takes at most two arguments ({} given)",
                other.len()
            )));
        }
    };
    let name = string(name, "name", "ref")?;
    let package = match package {
        None | Some(Value::None) => None,
        Some(package) => Some(string(package, "package", "ref")?),
    };
    let given = |key: &str| args.keyword.iter().find(|(k, _)| &**k == key).map(|(_, v)| v);
    let version = match given("version")
        .filter(|v| v.is_true())
        .or_else(|| given("v").filter(|v| v.is_true()))
    {
        None => None,
        Some(
            version @ (Value::Str(_) | Value::Int(_) | Value::Float(_) | Value::BigInt(_) | Value::Bool(_)),
        ) => Some(version.to_string().into()),
        Some(other) => {
            return Err(Error::compilation(format!(
                "The version argument to ref() must be a string, int, float, or None - got <class '{}'>",
                other.type_name()
            )));
        }
    };
    Ok(RefCall { package, name, version })
}

/// The arguments of `source()`.
///
/// # Errors
/// Not two strings.
pub fn parse_source_args(args: Args) -> Result<[Arc<str>; 2], Error> {
    let given = args.positional.len() + args.keyword.len();
    match args.positional.as_slice() {
        [source, table] if args.keyword.is_empty() => Ok([
            string(source, "source name (first)", "source")?,
            string(table, "table name (second)", "source")?,
        ]),
        _ => Err(Error::compilation(format!("source() takes exactly two arguments ({given} given)"))),
    }
}

/// The arguments of `metric()` and `function()`: `[name]` or `[package, name]`.
///
/// # Errors
/// Not one or two strings.
pub fn one_or_two_names(args: Args, function: &str) -> Result<Vec<Arc<str>>, Error> {
    match args.positional.as_slice() {
        [name] => Ok(vec![string(name, "name", function)?]),
        [package, name] => Ok(vec![string(package, "package", function)?, string(name, "name", function)?]),
        other => Err(Error::compilation(format!(
            "{function}() takes at most two arguments ({} given)",
            other.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_have_one_or_two_names_and_a_version() {
        let call =
            parse_ref_args(Args::of([Value::from("p"), Value::from("m")]).with("v", Value::from(2i64)))
                .unwrap();
        assert_eq!(call, RefCall { package: Some("p".into()), name: "m".into(), version: Some("2".into()) });
        let error = parse_ref_args(Args::of([Value::from(1i64)])).unwrap_err();
        assert_eq!(error.message(), "The name argument to ref() must be a string, got <class 'int'>");
        let error = parse_ref_args(Args::of(["a", "b", "c"].map(Value::from))).unwrap_err();
        assert_eq!(error.message(), "ref() takes at most two arguments (3 given)");
    }

    #[test]
    fn sources_have_two_names() {
        let error = parse_source_args(Args::of([Value::from("a")])).unwrap_err();
        assert_eq!(error.message(), "source() takes exactly two arguments (1 given)");
    }
}
