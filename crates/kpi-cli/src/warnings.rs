//! Which warnings are errors, which are shown, which are silent: `--warn-error` and `--warn-error-options`.

use crate::event_shapes;
use kpi_diagnostics::{Diagnostic, SourceFile, nearest};
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
    /// `--warn-error`: beats all that the options say.
    strict: bool,
    all: bool,
    error: Vec<String>,
    warn: Vec<String>,
    silence: Vec<String>,
    /// Whether the rules hold for remarks too (`require_all_warnings_handled_by_warn_error`).
    remarks: bool,
    /// Whether `include` and `exclude`, names of former times, were used.
    pub of_former_times: (bool, bool),
}

/// Warnings that dbt leaves out of the rules, unless a flag says otherwise: remarks, and lines about a node's own result,
/// whose severity decides about it.
const REMARKS: &[&str] = &[
    "AdapterEventWarning",
    "FreshnessConfigProblem",
    "GetMetaKeyWarning",
    "LogFreshnessResult",
    "LogTestResult",
    "MicrobatchModelNoEventTimeInputs",
    "Note",
    "RunResultWarning",
    "RunResultWarningMessage",
    "SemanticValidationFailure",
    "SnapshotTimestampWarning",
    "SpacesInResourceNameDeprecation",
    "WarnStateTargetEqual",
];

const GROUP: &str = "Deprecations";

fn wrong(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0003", "Usage Error", message)
        .with_hint("--warn-error-options '{error: all, warn: [NoNodesForSelectionCriteria], silence: [...]}'")
}

fn names(key: &str, value: &Json) -> Result<Vec<String>, Diagnostic> {
    let Json::Array(items) = value else {
        if value.is_null() {
            return Ok(Vec::new());
        }
        return Err(wrong(format!(
            "'{key}' of warn_error_options is {value}, but must be a list of event names"
        )));
    };
    let name = |item: &Json| {
        let Some(name) = item.as_str() else {
            return Err(wrong(format!("'{key}' of warn_error_options holds {item}, not an event's name")));
        };
        if name == GROUP || event_shapes::shape(name).is_some() {
            return Ok(name.to_owned());
        }
        let error = wrong(format!("{name} is not a valid dbt error name."));
        Err(match nearest(name, event_shapes::names().chain([GROUP])) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        })
    };
    items.iter().map(name).collect()
}

/// The value under a key or under its name of former times; `true` if it is the latter.
fn either<'a>(
    map: &'a Map<String, Json>,
    key: &str,
    old: &str,
) -> Result<(Option<&'a Json>, bool), Diagnostic> {
    let empty = |value: &Json| match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty(),
        _ => false,
    };
    match (map.get(key), map.get(old)) {
        (Some(new), Some(former)) if !empty(new) && !empty(former) => {
            Err(wrong(format!("Only `{old}` or `{key}` can be specified in `warn_error_options`, not both"))
                .with_hint(format!("`{old}` is the former name of `{key}`: keep `{key}`")))
        }
        (_, Some(former)) => Ok((Some(former), true)),
        (new, None) => Ok((new, false)),
    }
}

impl WarningRules {
    /// Of the flags `--warn-error` and `--warn-error-options` (YAML text, or what the project's flags hold); `remarks`:
    /// whether they hold for every warning.
    ///
    /// # Errors
    /// YAML that is no mapping, unknown keys, values that are no lists of names.
    pub fn new(strict: bool, options: Option<&Json>, remarks: bool) -> Result<Self, Diagnostic> {
        let mut rules = Self { strict, remarks, ..Self::default() };
        let map = match options {
            None | Some(Json::Null) => return Ok(rules),
            Some(Json::Object(map)) => map.clone(),
            Some(Json::String(text)) => mapping("--warn-error-options", text)?,
            Some(other) => {
                return Err(wrong(format!("warn_error_options is {other}, but must be a mapping")));
            }
        };
        const KEYS: &[&str] = &["error", "include", "warn", "exclude", "silence"];
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(wrong(format!(
                "warn_error_options has no key '{key}': it has error, warn and silence"
            )));
        }
        let (error, include) = either(&map, "error", "include")?;
        let (warn, exclude) = either(&map, "warn", "exclude")?;
        rules.of_former_times = (include, exclude);
        match error.unwrap_or(&Json::Null) {
            Json::String(text) if text == "all" || text == "*" => rules.all = true,
            Json::String(text) => {
                return Err(wrong(format!(
                    "error must be one of ('all', '*') or a list of strings, but is '{text}'"
                )));
            }
            value => rules.error = names("error", value)?,
        }
        rules.warn = names("warn", warn.unwrap_or(&Json::Null))?;
        rules.silence = names("silence", map.get("silence").unwrap_or(&Json::Null))?;
        let grouped = |list: &[String]| list.iter().any(|name| name == GROUP);
        if !rules.warn.is_empty() && !rules.all && !grouped(&rules.error) && !grouped(&rules.silence) {
            return Err(wrong(
                "`warn` can only be specified if `error` is one of ('all', '*') or Deprecations is in `error` or `silence`",
            ));
        }
        Ok(rules)
    }

    /// What becomes of the warning `name`.
    pub fn treatment(&self, name: &str) -> Treatment {
        if !self.remarks && REMARKS.contains(&name) {
            return Treatment::Show;
        }
        // The sum of what was shown is no further fault.
        if self.is_error(name) && name != "DeprecationsSummary" {
            return Treatment::Error;
        }
        let listed = |list: &[String], name: &str| list.iter().any(|n| n == name);
        let elsewhere = listed(&self.error, name) || listed(&self.warn, name);
        let group = event_shapes::is_deprecation(name) && listed(&self.silence, GROUP);
        if listed(&self.silence, name) || (group && !elsewhere) {
            Treatment::Silence
        } else {
            Treatment::Show
        }
    }

    /// Whether the event `name`, a remark or not, is an error.
    pub fn is_error(&self, name: &str) -> bool {
        if self.strict {
            return true;
        }
        let listed = |list: &[String], name: &str| list.iter().any(|n| n == name);
        let deprecation = event_shapes::is_deprecation(name);
        let grouped = |list: &[String]| deprecation && listed(list, GROUP);
        let spared = listed(&self.warn, name) || listed(&self.silence, name);
        let group_spared = grouped(&self.warn) || grouped(&self.silence);
        !spared && (listed(&self.error, name) || (!group_spared && (self.all || grouped(&self.error))))
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
        d.message = format!("The YAML provided in the {flag} argument is not valid: {}", d.message);
        d
    })?;
    match node {
        Some(node) if node.as_map().is_some() => Ok(Some(node)),
        None => Ok(None),
        Some(node) if node.is_null() => Ok(None),
        Some(node) => Err(Diagnostic::error(
            "K0004",
            "Usage Error",
            format!(
                "The YAML provided in the {flag} argument is not valid: it must be a mapping, but is {}",
                node.type_name()
            ),
        )
        .with_hint(format!("{flag} '{{name: value}}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(options: Json) -> WarningRules {
        WarningRules::new(false, Some(&options), false).unwrap()
    }

    fn message(options: Json) -> String {
        WarningRules::new(false, Some(&options), false).unwrap_err().message
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
        // Not all that is deprecated is called so.
        assert_eq!(r.treatment("MetricAttributesRenamed"), Treatment::Silence);
        let r = rules(json!({"error": ["Deprecations"], "warn": ["ConfigDataPathDeprecation"]}));
        assert_eq!(r.treatment("ConfigDataPathDeprecation"), Treatment::Show);
        assert_eq!(r.treatment("ConfigSourcePathDeprecation"), Treatment::Error);
    }

    #[test]
    fn remarks_are_left_out_unless_all_warnings_are_meant() {
        let strict = WarningRules::new(true, None, false).unwrap();
        assert_eq!(strict.treatment("LogTestResult"), Treatment::Show);
        assert!(strict.is_error("LogTestResult"));
        assert_eq!(strict.treatment("MicrobatchModelNoEventTimeInputs"), Treatment::Show);
        let all = WarningRules::new(true, None, true).unwrap();
        assert_eq!(all.treatment("MicrobatchModelNoEventTimeInputs"), Treatment::Error);
    }

    #[test]
    fn names_of_former_times_are_understood() {
        let r = rules(json!({"include": "*", "exclude": ["NothingToDo"]}));
        assert_eq!(r.of_former_times, (true, true));
        assert_eq!(r.treatment("NothingToDo"), Treatment::Show);
        assert_eq!(r.treatment("NoNodesSelected"), Treatment::Error);
    }

    #[test]
    fn wrong_options_are_told() {
        assert!(message(json!({"errors": []})).contains("no key 'errors'"));
        assert!(message(json!({"error": "some"})).contains("or a list of strings"));
        assert!(
            message(json!({"error": ["NoSuchEvent"]})).contains("NoSuchEvent is not a valid dbt error name")
        );
        assert!(
            message(json!({"error": ["NothingToDo"], "warn": ["NoNodesSelected"]}))
                .contains("`warn` can only")
        );
        assert!(message(json!({"error": "all", "include": "all"})).contains("Only `include` or `error`"));
        assert!(WarningRules::new(false, Some(&json!("{error: [NothingToDo]}")), false).is_ok());
    }
}
