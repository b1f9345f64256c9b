//! What a call uses that dbt wants to see no more: flags and variables of former times.

use crate::event_shapes;
use crate::messages::Messages;
use crate::session::Session;
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use serde_json::{Value as Json, json};

/// The first line of every deprecation.
pub const DEPRECATED: &str = "Deprecated functionality";

/// Deprecations that dbt raises past its register: the summary does not count them.
const UNCOUNTED: &[&str] = &[
    "AdapterDeprecationWarning",
    "BehaviorChangeEvent",
    "CollectFreshnessReturnSignature",
    "DeprecationsSummary",
    "GetMetaKeyWarning",
    "InternalDeprecation",
    "SpacesInResourceNameDeprecation",
    "TestsConfigDeprecation",
];

/// Whether the summary at the end counts this event.
pub fn is_counted(name: &str) -> bool {
    event_shapes::is_deprecation(name) && !UNCOUNTED.contains(&name)
}

/// The prefix that is kept for dbt's own variables.
const RESERVED: &str = "DBT_ENGINE_";

fn warn(messages: &Messages, name: &'static str, text: &str, data: Json) {
    messages.say_with(name, Level::Warn, format!("[WARNING][{name}]: {DEPRECATED}\n{text}"), data);
}

/// Whether `--models` or one of its short forms was typed.
pub fn says_models() -> bool {
    std::env::args_os().skip(1).any(|word| {
        let word = word.to_string_lossy();
        matches!(&*word, "-m" | "--model" | "--models")
            || word.starts_with("--model=")
            || word.starts_with("--models=")
    })
}

/// Whether `--select` or its short form was typed.
pub fn says_select() -> bool {
    std::env::args_os().skip(1).any(|word| {
        let word = word.to_string_lossy();
        matches!(&*word, "-s" | "--select") || word.starts_with("--select=")
    })
}

/// Warns of what the call itself uses.
pub fn of_call(session: &Session) {
    let messages = &session.messages;
    for (old, new) in &session.flags.renamed {
        warn(
            messages,
            "EnvironmentVariableRenamed",
            &format!(
                "The environment variable `{old}` has been renamed as `{new}`.\nWhile `{old}` is set, its value is used \
                 instead of `{new}`."
            ),
            json!({"old_name": old, "new_name": new}),
        );
    }
    if let Some(place) = &session.flags.moved {
        let message = "flags under 'config' in profiles.yml are deprecated";
        let moved = Diagnostic::warning("K0203", "Deprecation", message);
        messages.diagnostic(
            moved
                .with_span(place.clone())
                .with_hint("move them to `flags:` in dbt_project.yml")
                .with_event("ProjectFlagsMovedDeprecation", json!({})),
        );
    }
    if says_models() {
        warn(
            messages,
            "ModelParamUsageDeprecation",
            "Usage of `--models`, `--model`, and `-m` is deprecated in favor of `--select` or `-s`.",
            json!({}),
        );
    }
    let (include, exclude) = messages.rules().of_former_times;
    if include || exclude {
        let mut text = String::from("The warning options use names of former times:");
        if include {
            text.push_str(" write `error` instead of `include`.");
        }
        if exclude {
            text.push_str(" write `warn` instead of `exclude`.");
        }
        let data = json!({"found_include": include, "found_exclude": exclude});
        warn(messages, "WEOIncludeExcludeDeprecation", &text, data);
    }
    let reserved = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in reserved.filter(|name| name.starts_with(RESERVED)) {
        let rest = name.trim_start_matches(RESERVED);
        let known =
            rest.starts_with("ENV_") || session.flags.knows(&rest.to_lowercase()) || rest == "INVOCATION_ID";
        if !known {
            warn(
                messages,
                "EnvironmentVariableNamespaceDeprecation",
                &format!(
                    "The prefix `{RESERVED}` of the environment variable `{name}` is reserved: such a variable may \
                     collide with one of dbt's own."
                ),
                json!({"env_var": name, "reserved_prefix": RESERVED}),
            );
        }
    }
}

/// `source freshness --output`: other tools look for `sources.json` in the target folder.
pub fn custom_output_path(messages: &Messages, path: &str) {
    warn(
        messages,
        "CustomOutputPathInSourceFreshnessDeprecation",
        &format!("Custom output path usage `--output {path}` usage detected in `source freshness` command."),
        json!({"path": path}),
    );
}

/// The last word on deprecations: how often each was met.
pub fn summary(messages: &Messages, show_all: bool) {
    let counts = messages.deprecations();
    if counts.is_empty() {
        return;
    }
    let mut text = String::from("Summary of encountered deprecations:");
    for (name, count) in &counts {
        let times = if *count == 1 { "occurrence" } else { "occurrences" };
        text.push_str(&format!("\n- {name}: {count} {times}"));
    }
    if !show_all {
        text.push_str("\nTo see each of them, run the command again with `--show-all-deprecations`.");
    }
    let code = |name| event_shapes::shape(name).map_or("", |shape| shape.code);
    let summaries: Vec<Json> = counts
        .iter()
        .map(|(name, count)| json!({"event_name": name, "event_code": code(name), "occurrences": count}))
        .collect();
    let data = json!({"summaries": summaries, "show_all_hint": !show_all});
    warn(messages, "DeprecationsSummary", &text, data);
}
