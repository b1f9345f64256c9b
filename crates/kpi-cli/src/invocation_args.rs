//! `args` of run results and `invocation_args_dict` of templates: what the call said and what follows from it.

use crate::flags::Flags;
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Switches that are told only when they are on.
const TOLD_WHEN_ON: [&str; 8] = [
    "debug",
    "fail_fast",
    "full_refresh",
    "log_cache_events",
    "single_threaded",
    "store_failures",
    "use_experimental_parser",
    "warn_error",
];

/// Flags that only some commands have: the flag and the commands.
const OF_COMMANDS: [(&str, &[&str]); 5] = [
    ("clean_project_files_only", &["clean"]),
    ("inject_ephemeral_ctes", &["compile", "show"]),
    ("require_event_names_in_deprecations", &[]),
    ("output_keys", &["ls", "list"]),
    ("inline_direct", &["show"]),
];

/// The call as a dict: flags by their names in lower case, those without a value left out.
pub fn of(flags: &Flags, place: &Place<'_>) -> Map<String, Json> {
    let which = flags.which.as_str();
    let mut args: Map<String, Json> = flags.to_map();
    for name in ["select", "exclude"] {
        if flags.knows(name) {
            args.entry(name).or_insert_with(|| json!([]));
        }
    }
    for (ours, theirs) in
        [("resource_type", "resource_types"), ("exclude_resource_type", "exclude_resource_types")]
    {
        args.remove(ours);
        if matches!(which, "build" | "compile" | "test" | "ls" | "list" | "clone" | "retry") {
            args.insert(theirs.to_owned(), json!(flags.list(ours)));
        }
    }
    if which == "build" {
        args.insert("export_saved_queries".to_owned(), json!(false));
        args.insert("include_saved_query".to_owned(), json!(false));
    }
    args.insert("strict_mode".to_owned(), json!(false));
    args.insert("vars".to_owned(), Json::Object(place.vars.clone()));
    args.insert("project_dir".to_owned(), json!(place.root));
    args.insert("log_path".to_owned(), json!(place.log_folder));
    args.insert("warn_error_options".to_owned(), warn_error_options(flags.value("warn_error_options")));
    args.retain(|name, value| {
        let told = !(TOLD_WHEN_ON.contains(&name.as_str()) && *value == Json::Bool(false));
        let here = OF_COMMANDS
            .iter()
            .find(|(flag, _)| flag == name)
            .is_none_or(|(_, commands)| commands.contains(&which));
        told && here && !value.is_null()
    });
    args
}

/// The three lists of `--warn-error-options`.
fn warn_error_options(given: Option<&Json>) -> Json {
    let given = match given {
        Some(Json::String(text)) => {
            crate::warnings::mapping("--warn-error-options", text).unwrap_or_default()
        }
        Some(Json::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    let list = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| given.get(*name)).filter(|value| !value.is_null());
        found.cloned().unwrap_or_else(|| json!([]))
    };
    json!({
        "error": list(["error", "include"]),
        "warn": list(["warn", "exclude"]),
        "silence": list(["silence"; 2]),
    })
}

/// Where the project is, and the variables of the call.
pub struct Place<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The folder of the log file.
    pub log_folder: &'a Path,
    /// `--vars`
    pub vars: &'a Map<String, Json>,
}
