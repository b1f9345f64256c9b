//! The settings of a DuckDB target.

use crate::shape::{BOOL_OR_NULL, MAP_OR_NULL, Object, STR_OR_NULL, STRINGS, STRINGS_OR_NULL, Shape};
use crate::yaml::Node;
use kpi_diagnostics::{Diagnostic, SourceFile};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

const ATTACHMENT: Object = Object {
    required: &["path"],
    open: false,
    fields: &[
        ("path", Shape::Str),
        ("type", STR_OR_NULL),
        ("alias", STR_OR_NULL),
        ("secret", STR_OR_NULL),
        ("read_only", Shape::Bool),
        ("options", MAP_OR_NULL),
        ("is_ducklake", BOOL_OR_NULL),
    ],
};

const PLUGIN: Object = Object {
    required: &["module"],
    open: false,
    fields: &[("module", Shape::Str), ("alias", STR_OR_NULL), ("config", MAP_OR_NULL)],
};

const RETRIES: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("connect_attempts", Shape::Int),
        ("query_attempts", Shape::Either(&[Shape::Null, Shape::Int])),
        ("retryable_exceptions", STRINGS),
    ],
};

const REMOTE: Object = Object {
    required: &["host", "port", "user"],
    open: false,
    fields: &[("host", Shape::Str), ("port", Shape::Int), ("user", Shape::Str), ("password", STR_OR_NULL)],
};

/// dbt lets other keys pass.
const SETTINGS: Object = Object {
    required: &[],
    open: true,
    fields: &[
        ("database", Shape::Str),
        ("schema", Shape::Str),
        ("path", Shape::Str),
        ("config_options", MAP_OR_NULL),
        ("extensions", Shape::Either(&[Shape::Null, Shape::List(&Shape::Either(&[Shape::Map, Shape::Str]))])),
        ("settings", MAP_OR_NULL),
        ("secrets", Shape::Either(&[Shape::Null, Shape::List(&Shape::Map)])),
        ("external_root", Shape::Str),
        ("use_credential_provider", STR_OR_NULL),
        ("attach", Shape::Either(&[Shape::Null, Shape::List(&Shape::Object(&ATTACHMENT))])),
        ("filesystems", Shape::Either(&[Shape::Null, Shape::List(&Shape::Map)])),
        ("remote", Shape::Either(&[Shape::Null, Shape::Object(&REMOTE)])),
        ("plugins", Shape::Either(&[Shape::Null, Shape::List(&Shape::Object(&PLUGIN))])),
        ("disable_transactions", Shape::Bool),
        ("keep_open", Shape::Bool),
        ("module_paths", STRINGS_OR_NULL),
        ("retries", Shape::Either(&[Shape::Null, Shape::Object(&RETRIES)])),
        ("is_ducklake", BOOL_OR_NULL),
        ("motherduck_token", STR_OR_NULL),
    ],
};

pub(super) fn check(output: &Node, whose: &str, file: &Arc<SourceFile>) -> Result<(), Diagnostic> {
    SETTINGS.check(output).map_err(|misfit| {
        misfit.diagnostic("K0217", "Runtime Error", &format!("Credentials in {whose} invalid"), file)
    })
}

/// Puts in what follows from the path: the database is named after the file.
pub(super) fn complete(
    settings: &mut Map<String, Json>,
    output: &Node,
    whose: &str,
    file: &Arc<SourceFile>,
) -> Result<(), Diagnostic> {
    let path = settings.get("path").and_then(Json::as_str).unwrap_or(":memory:").to_owned();
    let derived = database_of(&path);
    let error = |node: &Node, message: String| {
        Diagnostic::error("K0217", "Runtime Error", format!("Credentials in {whose} invalid: {message}"))
            .with_span(node.span(file))
    };
    if derived.is_empty() {
        let node = output.get("path").unwrap_or(output);
        return Err(error(
            node,
            "Unable to determine target database name from 'path' field in profile".to_owned(),
        ));
    }
    let given = settings.get("database").and_then(Json::as_str).map(str::to_owned);
    match given {
        None => {
            settings.insert("database".to_owned(), derived.into());
        }
        Some(given) if given != derived => {
            let attached = settings.get("attach").and_then(Json::as_array).is_some_and(|list| {
                list.iter().any(|a| a.get("alias").and_then(Json::as_str) == Some(given.as_str()))
            });
            let remote = settings.get("remote").is_some_and(|r| !r.is_null());
            if !attached && !remote {
                let node = output.get("database").unwrap_or(output);
                return Err(error(
                    node,
                    format!(
                        "Inconsistency detected between 'path' and 'database' fields in profile; the 'database' \
                         property must be set to '{derived}' to match the 'path'"
                    ),
                )
                .with_hint("leave 'database' out: it follows from the path"));
            }
        }
        Some(_) => {}
    }
    settings.entry("schema").or_insert_with(|| "main".into());
    settings.entry("path").or_insert_with(|| ":memory:".into());
    Ok(())
}

/// The name that DuckDB gives to the database of a file.
fn database_of(path: &str) -> String {
    if path == ":memory:" {
        return "memory".to_owned();
    }
    let (scheme, rest) = match path.split_once(':') {
        Some((scheme, rest)) if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            (scheme.to_ascii_lowercase(), rest)
        }
        _ => (String::new(), path),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let base = rest.rsplit('/').next().unwrap_or(rest);
    match scheme.as_str() {
        "md" | "motherduck" => {
            let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
            if stem.is_empty() { "my_db".to_owned() } else { stem.to_owned() }
        }
        "ducklake" => {
            let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
            stem.rsplit(':').next().unwrap_or(stem).to_owned()
        }
        _ => base.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned(),
    }
}

/// What templates see of the connection; secrets are not among it.
pub(super) fn connection_info(settings: &Map<String, Json>, out: &mut Map<String, Json>) {
    for key in [
        "database",
        "schema",
        "path",
        "config_options",
        "extensions",
        "settings",
        "external_root",
        "use_credential_provider",
        "attach",
        "filesystems",
        "remote",
        "plugins",
        "disable_transactions",
    ] {
        let default = match key {
            "external_root" => ".".into(),
            "settings" => Json::Object(Map::new()),
            "disable_transactions" => false.into(),
            _ => Json::Null,
        };
        let value = settings.get(key).filter(|v| !v.is_null()).cloned().unwrap_or(default);
        out.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_named_after_their_file() {
        for (path, name) in [
            (":memory:", "memory"),
            ("/data/shop.duckdb", "shop"),
            ("my.db.duckdb", "my"),
            ("dir/.hidden.duckdb", "hidden"),
            ("md:sales", "sales"),
            ("md:", "my_db"),
            ("s3://bucket/x.duckdb", "x"),
            ("", ""),
        ] {
            assert_eq!(database_of(path), name, "{path:?}");
        }
    }
}
