//! Which warnings are errors, which are shown, which are silent: `--warn-error` and `--warn-error-options`.

use kpi_diagnostics::{Diagnostic, SourceFile};
use serde_json::{Map, Value as Json};

/// What becomes of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The command fails.
    Error,
    /// It is shown.
    Show,
    /// It is dropped.
    Silence,
}

/// The rules. What is named beats `Deprecations`, which beats `all`; silence beats warn beats error.
#[derive(Debug, Clone, Default)]
pub struct WarningRules {
    all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
    /// Whether `include` and `exclude`, names of former times, were used.
    pub of_former_times: (bool, bool),
}

/// Lines about a node's own result: its severity decides about them, not the rules.
const OF_RESULTS: &[&str] = &[
    "LogFreshnessResult",
    "LogTestResult",
    "RunResultWarning",
    "RunResultWarningMessage",
    "DeprecationsSummary",
    "Note",
];

/// What dbt tells without asking the rules.
const BEYOND_RULES: &[&str] = &["FreshnessConfigProblem", "MicrobatchModelNoEventTimeInputs"];

const GROUP: &str = "Deprecations";

fn wrong(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0003", "Usage Error", message)
        .with_hint("--warn-error-options '{error: all, warn: [NoNodesForSelectionCriteria], silence: [...]}'")
}

fn names(key: &str, value: &Json) -> Result<Vec<String>, Diagnostic> {
    match value {
        Json::Null => Ok(Vec::new()),
        Json::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str().map(str::to_owned).ok_or_else(|| {
                    wrong(format!("'{key}' of --warn-error-options holds {item}, not an event's name"))
                })
            })
            .collect(),
        other => Err(wrong(format!(
            "'{key}' of --warn-error-options is {other}, but must be a list of event names"
        ))),
    }
}

impl WarningRules {
    /// Of the two flags; the options are YAML text or what the project's flags hold.
    ///
    /// # Errors
    /// YAML that is no mapping, unknown keys, values that are no lists of names.
    pub fn new(warn_error: bool, options: Option<&Json>) -> Result<Self, Diagnostic> {
        let mut rules = Self { all: warn_error, ..Self::default() };
        let map = match options {
            None | Some(Json::Null) => return Ok(rules),
            Some(Json::Object(map)) => map.clone(),
            Some(Json::String(text)) => mapping("--warn-error-options", text)?,
            Some(other) => {
                return Err(wrong(format!("--warn-error-options is {other}, but must be a mapping")));
            }
        };
        rules.of_former_times = (map.contains_key("include"), map.contains_key("exclude"));
        for (key, value) in &map {
            match key.as_str() {
                "error" | "include" => match value.as_str() {
                    Some("all" | "*") => rules.all = true,
                    Some(other) => {
                        return Err(wrong(format!(
                            "'{key}' of --warn-error-options is '{other}', but must be 'all' or a list"
                        )));
                    }
                    None => rules.error = names(key, value)?,
                },
                "warn" | "exclude" => rules.warn = names(key, value)?,
                "silence" => rules.silence = names(key, value)?,
                _ => {
                    return Err(wrong(format!(
                        "--warn-error-options has no key '{key}': it has error, warn and silence"
                    )));
                }
            }
        }
        Ok(rules)
    }

    /// What becomes of the warning `name`.
    pub fn treatment(&self, name: &str) -> Treatment {
        if OF_RESULTS.contains(&name) || BEYOND_RULES.contains(&name) {
            return Treatment::Show;
        }
        let group = if name.ends_with("Deprecation") { &[name, GROUP][..] } else { &[name][..] };
        for name in group {
            let listed = |list: &[String]| list.iter().any(|n| n == name);
            if listed(&self.silence) {
                return Treatment::Silence;
            }
            if listed(&self.warn) {
                return Treatment::Show;
            }
            if listed(&self.error) {
                return Treatment::Error;
            }
        }
        if self.all { Treatment::Error } else { Treatment::Show }
    }

    /// Whether the event `name`, of a result or not, is an error.
    pub fn is_error(&self, name: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|n| n == name);
        !listed(&self.silence) && !listed(&self.warn) && (self.all || listed(&self.error))
    }
}

/// The mapping that a flag gives as YAML text.
///
/// # Errors
/// Text that is no YAML or no mapping.
pub fn mapping(flag: &str, text: &str) -> Result<Map<String, Json>, Diagnostic> {
    Ok(mapping_node(flag, text)?.map(|node| node.to_json_map()).unwrap_or_default())
}

/// The variables of `--vars`.
///
/// # Errors
/// As [`mapping`].
pub fn variables(flag: &str, text: &str) -> Result<Map<String, Json>, Diagnostic> {
    Ok(mapping_node(flag, text)?.map(|node| kpi_project::variables_of(&node)).unwrap_or_default())
}

fn mapping_node(flag: &str, text: &str) -> Result<Option<kpi_project::yaml::Node>, Diagnostic> {
    let file = SourceFile::new(flag, text);
    let node = kpi_project::yaml::parse(&file).map_err(|mut d| {
        d.kind = "Usage Error";
        d.message = format!("The text of {flag} is not valid YAML: {}", d.message);
        d
    })?;
    match node {
        Some(node) if node.as_map().is_some() => Ok(Some(node)),
        None => Ok(None),
        Some(node) if node.is_null() => Ok(None),
        Some(node) => Err(Diagnostic::error(
            "K0004",
            "Usage Error",
            format!("The text of {flag} must be a YAML mapping, but is {}", node.type_name()),
        )
        .with_hint(format!("{flag} '{{name: value}}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(options: Json) -> WarningRules {
        WarningRules::new(false, Some(&options)).unwrap()
    }

    #[test]
    fn the_named_beats_the_group_beats_all() {
        let r = rules(json!({"error": "all", "warn": ["Deprecations"], "silence": ["NothingToDo"]}));
        assert_eq!(r.treatment("NoNodesSelected"), Treatment::Error);
        assert_eq!(r.treatment("MissingPlusPrefixDeprecation"), Treatment::Show);
        assert_eq!(r.treatment("NothingToDo"), Treatment::Silence);
        let r = rules(json!({"error": ["MissingPlusPrefixDeprecation"], "silence": ["Deprecations"]}));
        assert_eq!(r.treatment("MissingPlusPrefixDeprecation"), Treatment::Error);
        assert_eq!(r.treatment("DuplicateYAMLKeysDeprecation"), Treatment::Silence);
    }

    #[test]
    fn results_of_nodes_are_no_warnings_of_the_project() {
        assert_eq!(WarningRules::new(true, None).unwrap().treatment("LogTestResult"), Treatment::Show);
    }

    #[test]
    fn wrong_options_are_told() {
        assert!(WarningRules::new(false, Some(&json!({"errors": []}))).is_err());
        assert!(WarningRules::new(false, Some(&json!({"error": "some"}))).is_err());
        assert!(WarningRules::new(false, Some(&json!("{error: [NothingToDo]}"))).is_ok());
    }
}
