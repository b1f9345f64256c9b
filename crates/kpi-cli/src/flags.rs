//! What the flags mean: command line before environment (`KPI_*`, then `DBT_*`) before the project's `flags:` before
//! the default. `flags` in templates and `args` in run results are made of the same table.

use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, nearest};
use serde_json::{Map, Value as Json, json};

/// Behaviour-change flags, which only the project sets: name and default.
pub const BEHAVIOUR_FLAGS: &[(&str, bool)] = &[
    ("require_batched_execution_for_custom_microbatch_strategy", false),
    ("require_event_names_in_deprecations", false),
    ("require_explicit_package_overrides_for_builtin_materializations", true),
    ("require_resource_names_without_spaces", true),
    ("source_freshness_run_project_hooks", true),
    ("skip_nodes_if_on_run_start_fails", false),
    ("state_modified_compare_more_unrendered_values", false),
    ("state_modified_compare_vars", false),
    ("require_yaml_configuration_for_mf_time_spines", false),
    ("require_nested_cumulative_type_params", false),
    ("validate_macro_args", false),
    ("require_all_warnings_handled_by_warn_error", false),
    ("require_generic_test_arguments_property", true),
    ("require_unique_project_resource_names", false),
    ("require_ref_searches_node_package_before_root", false),
];

/// Flags that may be switched on and off, with their defaults.
const SWITCHES: &[(&str, Option<bool>)] = &[
    ("cache_selected_only", Some(false)),
    ("clean_project_files_only", Some(true)),
    ("debug", Some(false)),
    ("defer", Some(false)),
    ("empty", Some(false)),
    ("fail_fast", Some(false)),
    ("favor_state", Some(false)),
    ("full_refresh", Some(false)),
    ("inject_ephemeral_ctes", Some(true)),
    ("introspect", Some(true)),
    ("log_cache_events", Some(false)),
    ("macro_debugging", Some(false)),
    ("partial_parse", Some(true)),
    ("partial_parse_file_diff", Some(true)),
    ("populate_cache", Some(true)),
    ("print", Some(true)),
    ("quiet", Some(false)),
    ("send_anonymous_usage_stats", Some(false)),
    ("show", Some(false)),
    ("show_all_deprecations", Some(false)),
    ("show_resource_report", Some(false)),
    ("single_threaded", Some(false)),
    ("static_parser", Some(true)),
    ("store_failures", Some(false)),
    ("upload_to_artifacts_ingest_api", Some(false)),
    ("use_colors", None),
    ("use_colors_file", Some(false)),
    ("use_experimental_parser", Some(false)),
    ("use_fast_test_edges", Some(false)),
    ("version_check", Some(true)),
    ("warn_error", None),
    ("write_json", Some(true)),
];

/// Flags with a value, whether an environment variable sets them too, and their defaults.
const VALUES: &[(&str, bool, Option<&str>)] = &[
    ("project_dir", true, None),
    ("profiles_dir", true, None),
    ("profile", true, None),
    ("target", true, None),
    ("target_path", true, None),
    ("log_path", true, None),
    ("vars", false, None),
    ("state", true, None),
    ("defer_state", true, None),
    ("log_format", true, Some("default")),
    ("log_format_file", true, Some("debug")),
    ("log_level", true, Some("info")),
    ("log_level_file", true, Some("debug")),
    ("indirect_selection", true, Some("eager")),
    ("partial_parse_file_path", true, None),
    ("selector", false, None),
    ("event_time_start", true, None),
    ("event_time_end", true, None),
    ("sample", true, None),
    ("inline", false, None),
    ("inline_direct", false, None),
    ("output", false, None),
    ("warn_error_options", true, None),
    ("args", false, None),
    ("macro", false, None),
];

/// Flags with a number.
const NUMBERS: &[(&str, bool, Option<i64>)] = &[
    ("threads", true, None),
    ("printer_width", true, Some(80)),
    ("log_file_max_bytes", true, Some(10 * 1024 * 1024)),
    ("limit", false, None),
];

/// Flags with several values.
const LISTS: &[(&str, bool)] = &[
    ("select", false),
    ("exclude", false),
    ("output_keys", false),
    ("resource_type", true),
    ("exclude_resource_type", true),
];

/// Every flag of this invocation by its name in lower case with underscores.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    values: Map<String, Json>,
    /// The command: `run`, `build`...
    pub which: String,
    /// The words of the call, for `invocation_command`.
    pub command_line: String,
    from_project: Vec<&'static str>,
    /// Environment variables that were set under a name of former times: old name, new name.
    pub renamed: Vec<(&'static str, String)>,
}

/// Names of former times: variable and flag.
const RENAMED: &[(&str, &str)] = &[
    ("DBT_DEFER_TO_STATE", "defer"),
    ("DBT_FAVOR_STATE_MODE", "favor_state"),
    ("DBT_NO_PRINT", "print"),
    ("DBT_ARTIFACT_STATE_PATH", "state"),
];

/// A flag of the log file that follows one of the terminal unless it is set itself.
const FOLLOWERS: &[(&str, &str)] =
    &[("log_level", "log_level_file"), ("log_format", "log_format_file"), ("use_colors", "use_colors_file")];

/// Reads an environment variable: `KPI_NAME`, then `DBT_ENGINE_NAME`, then `DBT_NAME`; an empty one counts as absent.
pub fn environment(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let set = |variable: &str| std::env::var(variable).ok().filter(|v| !v.is_empty());
    let renamed = RENAMED.iter().find(|(_, flag)| *flag == name).and_then(|(old, _)| set(old));
    renamed.or_else(|| {
        ["KPI_", "DBT_ENGINE_", "DBT_"].iter().find_map(|prefix| set(&format!("{prefix}{upper}")))
    })
}

fn parse_switch(name: &str, text: &str) -> Result<bool, Diagnostic> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(Diagnostic::error(
            "K0002",
            "Usage Error",
            format!(
                "The environment variable for --{} is '{text}', which is neither true nor false",
                name.replace('_', "-")
            ),
        )
        .with_hint("use 1 or 0")),
    }
}

/// A moment of the command line.
fn moment(flag: &str, text: &str) -> Result<chrono::NaiveDateTime, Diagnostic> {
    let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"];
    let date =
        || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|d| d.and_hms_opt(0, 0, 0));
    formats
        .iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(date)
        .or_else(|| chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| t.naive_utc()))
        .ok_or_else(|| {
            Diagnostic::error("K0013", "Usage Error", format!("--{flag} is '{text}', which is not a moment"))
                .with_hint("write 2024-01-31 or 2024-01-31 10:00:00")
        })
}

impl Flags {
    /// Resolves command line and environment.
    ///
    /// # Errors
    /// An environment variable whose text does not fit its flag.
    pub fn resolve(which: &str, matches: &ArgMatches, words: &[String]) -> Result<Self, Diagnostic> {
        let mut flags = Self { which: which.to_owned(), command_line: words.join(" "), ..Self::default() };
        let dashed = |name: &str| name.replace('_', "-");
        for (name, default) in SWITCHES {
            let given = |id: &str| matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false);
            let value = if given(&dashed(name)) {
                Some(true)
            } else if given(&format!("no-{}", dashed(name))) {
                Some(false)
            } else if let Some(text) = environment(name) {
                Some(parse_switch(name, &text)?)
            } else if *name == "use_colors" && std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) {
                Some(false)
            } else {
                flags.from_project.push(name);
                *default
            };
            flags.values.insert((*name).to_owned(), json!(value));
        }
        for (name, env, default) in VALUES {
            let given = matches.try_get_one::<String>(&dashed(name)).ok().flatten().cloned();
            let value = given.or_else(|| if *env { environment(name) } else { None });
            if value.is_none() {
                flags.from_project.push(name);
            }
            flags.values.insert((*name).to_owned(), json!(value.or(default.map(str::to_owned))));
        }
        for (name, env, default) in NUMBERS {
            let given = matches
                .try_get_one::<u64>(&dashed(name))
                .ok()
                .flatten()
                .map(|n| *n as i64)
                .or_else(|| matches.try_get_one::<i64>(&dashed(name)).ok().flatten().copied());
            let value = match (given, if *env { environment(name) } else { None }) {
                (Some(n), _) => Some(n),
                (None, Some(text)) => Some(text.trim().parse().map_err(|_| {
                    Diagnostic::error(
                        "K0002",
                        "Usage Error",
                        format!(
                            "The environment variable for --{} is '{text}', which is not a number",
                            dashed(name)
                        ),
                    )
                })?),
                (None, None) => {
                    flags.from_project.push(name);
                    *default
                }
            };
            flags.values.insert((*name).to_owned(), json!(value));
        }
        for (name, env) in LISTS {
            let given: Vec<String> = matches
                .try_get_many::<String>(&dashed(name))
                .ok()
                .flatten()
                .map(|many| many.cloned().collect())
                .unwrap_or_default();
            let value = if given.is_empty() && *env {
                environment(name)
                    .or_else(|| environment(&format!("{name}s")))
                    .map(|t| t.split_whitespace().map(str::to_owned).collect())
                    .unwrap_or_default()
            } else {
                given
            };
            flags.values.insert((*name).to_owned(), json!(value));
        }
        for (name, default) in BEHAVIOUR_FLAGS {
            flags.values.insert((*name).to_owned(), json!(default));
        }
        for (old, flag) in RENAMED {
            if std::env::var(old).is_ok_and(|v| !v.is_empty()) {
                flags.renamed.push((*old, format!("DBT_ENGINE_{}", flag.to_uppercase())));
            }
        }
        flags.check_event_times()?;
        flags.follow();
        Ok(flags)
    }

    /// Lets the flags of the log file follow those of the terminal.
    fn follow(&mut self) {
        for (leader, follower) in FOLLOWERS {
            if !self.from_project.contains(leader)
                && self.from_project.contains(follower)
                && let Some(value) = self.values.get(*leader).cloned()
            {
                self.values.insert((*follower).to_owned(), value);
            }
        }
        if self.switch("debug") {
            self.values.insert("log_level".into(), json!("debug"));
        }
    }

    /// The window of microbatch models has two ends, the first before the second.
    fn check_event_times(&self) -> Result<(), Diagnostic> {
        let wrong = |message: String| Err(Diagnostic::error("K0013", "Usage Error", message));
        let missing = |given: &str, other: &str| {
            wrong(format!("When specifying `--{given}`, `--{other}` must also be present."))
        };
        match (self.text("event_time_start"), self.text("event_time_end")) {
            (None, None) => Ok(()),
            (Some(_), None) => missing("event-time-start", "event-time-end"),
            (None, Some(_)) => missing("event-time-end", "event-time-start"),
            (Some(start), Some(end)) => {
                let moments = (moment("event-time-start", start)?, moment("event-time-end", end)?);
                if moments.0 >= moments.1 {
                    return wrong(
                        "Value for `--event-time-start` must be less than `--event-time-end`".to_owned(),
                    );
                }
                Ok(())
            }
        }
    }

    /// Applies the project's `flags:` where neither command line nor environment said anything.
    ///
    /// # Errors
    /// A behaviour flag that is no boolean.
    pub fn apply_project(&mut self, project: &Map<String, Json>) -> Result<(), Diagnostic> {
        for (key, value) in project {
            let key = key.to_lowercase().replace('-', "_");
            if BEHAVIOUR_FLAGS.iter().any(|(name, _)| *name == key) {
                if !value.is_boolean() {
                    return Err(Diagnostic::error(
                        "K0206",
                        "Runtime Error",
                        format!("The project flag '{key}' is {value}, but must be true or false"),
                    ));
                }
                self.values.insert(key, value.clone());
            } else if let Some(place) = self.from_project.iter().position(|name| *name == key) {
                self.from_project.remove(place);
                self.values.insert(key, value.clone());
            } else if !self.values.contains_key(&key)
                && let Some(near) = nearest(&key, BEHAVIOUR_FLAGS.iter().map(|(name, _)| *name))
            {
                return Err(Diagnostic::error(
                    "K0206",
                    "Runtime Error",
                    format!("There is no project flag '{key}'"),
                )
                .with_hint(format!("did you mean '{near}'?")));
            }
        }
        self.follow();
        Ok(())
    }

    /// Whether there is a flag of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether a switch is on; unset counts as off.
    pub fn switch(&self, name: &str) -> bool {
        self.values.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    /// A switch that may be unset.
    pub fn maybe(&self, name: &str) -> Option<bool> {
        self.values.get(name).and_then(Json::as_bool)
    }

    /// A flag's value, if it has one.
    pub fn value(&self, name: &str) -> Option<&Json> {
        self.values.get(name).filter(|v| !v.is_null())
    }

    /// A flag's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Json::as_str)
    }

    /// A flag's number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.values.get(name).and_then(Json::as_i64)
    }

    /// A flag's values.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.values
            .get(name)
            .and_then(Json::as_array)
            .map(|a| a.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
            .unwrap_or_default()
    }

    /// As `flags` of templates and `args` of run results: lower-case names, empty ones left out.
    pub fn to_map(&self) -> Map<String, Json> {
        let mut map: Map<String, Json> = self
            .values
            .iter()
            .filter(|(_, v)| !v.is_null() && !v.as_array().is_some_and(Vec::is_empty))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        map.insert("which".into(), json!(self.which));
        map.insert("invocation_command".into(), json!(format!("kpi {}", self.command_line)));
        map
    }
}
