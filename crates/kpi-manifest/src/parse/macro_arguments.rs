//! Arguments of macros: with the flag `validate_macro_args`, what property files say of them is compared with what the
//! macros take.

use crate::ManifestMacro;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::MacroDef;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Types that an argument may be said to have, and how many types each holds: `list[str]`, `dict[str, any]`.
const TYPES: [(&str, usize); 12] = [
    ("str", 0),
    ("string", 0),
    ("bool", 0),
    ("int", 0),
    ("integer", 0),
    ("float", 0),
    ("any", 0),
    ("list", 1),
    ("dict", 2),
    ("optional", 1),
    ("relation", 0),
    ("column", 0),
];

/// The arguments that a macro's text declares, as the manifest has them.
pub(super) fn declared(definition: &MacroDef) -> Vec<Json> {
    let argument = |name: &Arc<str>| json!({"name": &**name, "type": null, "description": ""});
    definition.parameters.iter().map(argument).collect()
}

/// What does not fit between a macro's text and the arguments of its property file.
pub(super) fn faults(definition: &MacroDef, described: &[Json]) -> Vec<String> {
    if described.is_empty() {
        return Vec::new();
    }
    let name = &definition.name;
    let text = |argument: &Json, key: &str| -> String {
        argument.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let mut faults = Vec::new();
    for (taken, argument) in definition.parameters.iter().zip(described) {
        let argument = text(argument, "name");
        if *argument != **taken {
            faults.push(format!(
                "Argument {argument} in yaml for macro {name} does not match the jinja definition."
            ));
        }
    }
    if described.len() != definition.parameters.len() {
        faults.push(format!(
            "The number of arguments in the yaml for macro {name} does not match the jinja definition."
        ));
    }
    for argument in described {
        let said = text(argument, "type");
        if !said.trim().is_empty() && !is_type(&said) {
            let argument = text(argument, "name");
            faults.push(format!("Argument {argument} in the yaml for macro {name} has an invalid type."));
        }
    }
    faults
}

/// A fault as the warning that dbt knows it by.
pub(super) fn warning(message: String, entry: &ManifestMacro, span: &Span) -> Diagnostic {
    let data = json!({
        "msg": &message,
        "macro_unique_id": &*entry.definition.unique_id,
        "macro_file_path": &*entry.definition.path,
    });
    let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
    let hint = match message.ends_with("invalid type.") {
        true => {
            format!("one of {}; list[...], dict[..., ...] and optional[...] hold others", names.join(", "))
        }
        false => "name the arguments as the macro does, in its order".to_owned(),
    };
    Diagnostic::warning("K0628", "Warning", message)
        .with_span(span.clone())
        .with_hint(hint)
        .with_event("InvalidMacroAnnotation", data)
}

fn is_type(text: &str) -> bool {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\t')).collect();
    after_type(&text).is_some_and(str::is_empty)
}

/// What follows a type at the beginning of the text.
fn after_type(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let (_, held) = TYPES.iter().find(|(known, _)| *known == name)?;
    if *held == 0 {
        return Some(rest);
    }
    rest = rest.strip_prefix('[')?;
    for i in 0..*held {
        rest = after_type(if i == 0 { rest } else { rest.strip_prefix(',')? })?;
    }
    rest.strip_prefix(']')
}

#[cfg(test)]
mod tests {
    use super::is_type;

    #[test]
    fn types_hold_types() {
        for good in ["str", "list[int]", "dict[str, optional[ any ]]", "optional[relation]"] {
            assert!(is_type(good), "{good}");
        }
        for bad in ["text", "list", "int[int]", "dict[str]", "list[int", "list[int]]", "String", ""] {
            assert!(!is_type(bad), "{bad}");
        }
    }
}
