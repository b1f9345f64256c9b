//! User-defined functions: what their property files say of arguments and results.

use super::patches::Patch;
use crate::Node;
use kpi_diagnostics::Diagnostic;
use serde_json::{Map, Value as Json, json};

/// The type of a result that no property file declares. The database refuses it when the function is made.
const NO_TYPE: &str = "INVALID_TYPE";

/// What a function has before its property file is known.
pub(super) fn undescribed(node: &mut Node, file: &str) {
    if file.ends_with(".py") {
        node.language = "python";
    } else if file.ends_with(".js") {
        node.language = "javascript";
    }
    node.extra.insert("returns".into(), json!({"data_type": NO_TYPE, "description": null}));
    node.extra.insert("arguments".into(), json!([]));
}

/// Takes over arguments and result of a function's entry, with all of dbt's fields.
///
/// # Errors
/// An argument without a default behind one that has a default: no call could leave out the first only.
pub(super) fn describe(node: &mut Node, patch: &Patch<'_>) -> Result<(), Diagnostic> {
    let fields = |written: &Json, keys: &[&str]| -> Json {
        let field = |key: &&str| ((*key).to_owned(), written.get(*key).cloned().unwrap_or(Json::Null));
        Json::Object(keys.iter().map(field).collect::<Map<String, Json>>())
    };
    if let Some(returns) = patch.other("returns") {
        node.extra.insert("returns".into(), fields(returns, &["data_type", "description"]));
    }
    if let Some(Json::Array(arguments)) = patch.other("arguments") {
        let keys = ["name", "data_type", "description", "default_value"];
        let arguments: Vec<Json> = arguments.iter().map(|argument| fields(argument, &keys)).collect();
        if node.config.enabled() {
            check_order(node, &arguments).map_err(|error| error.with_span(patch.span().clone()))?;
        }
        node.extra.insert("arguments".into(), Json::Array(arguments));
    }
    Ok(())
}

fn check_order(node: &Node, arguments: &[Json]) -> Result<(), Diagnostic> {
    let has_default = |argument: &&Json| argument.get("default_value").is_some_and(|v| !v.is_null());
    let mut rest = arguments.iter().skip_while(|argument| !has_default(argument));
    let Some(late) = rest.find(|argument| !has_default(argument)) else { return Ok(()) };
    let name = late.get("name").and_then(Json::as_str).unwrap_or_default();
    let message = format!(
        "Non-defaulted argument '{name}' of function '{}' comes after a defaulted argument. Non-defaulted arguments cannot \
         come after defaulted arguments. ",
        node.name
    );
    let hint = format!("move '{name}' in front of the arguments that have a default_value");
    Err(Diagnostic::error("K0627", "Parsing Error", message).with_hint(hint))
}
