//! What the flags mean: command line before environment (`KPI_*`, then `DBT_*`) before the project's `flags:` before
//! the default. `flags` in templates and `args` in run results are made of the same table.

use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, Span, nearest};
use kpi_engine::Stretch;
use kpi_jinja::python::modules::datetime::from_isoformat;
use kpi_project::WrittenFlags;
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
    ("result_format", true, None),
    ("cost", true, None),
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
    sample: Option<Stretch>,
    /// Environment variables that were set under a name of former times: old name, new name.
    pub renamed: Vec<(&'static str, String)>,
    /// Where the project's flags stand, if that is the deprecated place in `profiles.yml`.
    pub moved: Option<Span>,
}

/// What a flag holds.
enum FlagKind {
    Switch,
    Number,
    Text,
    List,
}

fn kind_of(name: &str, behaviour: bool) -> FlagKind {
    if behaviour || SWITCHES.iter().any(|(n, _)| *n == name) {
        FlagKind::Switch
    } else if NUMBERS.iter().any(|(n, _, _)| *n == name) {
        FlagKind::Number
    } else if LISTS.iter().any(|(n, _)| *n == name) {
        FlagKind::List
    } else {
        FlagKind::Text
    }
}

/// Names of former times: variable and flag. They beat all else, as with dbt; `DBT_NO_PRINT` says the opposite of the
/// flag.
const RENAMED: &[(&str, &str)] = &[
    ("DBT_DEFER_TO_STATE", "defer"),
    ("DBT_FAVOR_STATE_MODE", "favor_state"),
    ("DBT_NO_PRINT", "print"),
    ("DBT_ARTIFACT_STATE_PATH", "state"),
];

/// The flags that a dbt project may set, besides behaviour flags. A native project may set all.
const OF_PROJECTS: &[&str] = &[
    "cache_selected_only",
    "cost",
    "debug",
    "fail_fast",
    "indirect_selection",
    "log_format",
    "log_format_file",
    "log_level",
    "log_level_file",
    "partial_parse",
    "populate_cache",
    "printer_width",
    "send_anonymous_usage_stats",
    "static_parser",
    "use_colors",
    "use_colors_file",
    "use_experimental_parser",
    "version_check",
    "warn_error",
    "warn_error_options",
    "write_json",
];

/// Flags of which only one may be given.
const EXCLUSIVE: &[[&str; 2]] =
    &[["warn_error", "warn_error_options"], ["select", "inline"], ["selector", "inline"]];

/// A flag of the log file that follows one of the terminal unless it is set itself.
const FOLLOWERS: &[(&str, &str)] =
    &[("log_level", "log_level_file"), ("log_format", "log_format_file"), ("use_colors", "use_colors_file")];

/// Reads an environment variable: `KPI_NAME`, then `DBT_ENGINE_NAME`, then `DBT_NAME`; an empty one counts as absent.
pub fn environment(name: &str) -> Option<String> {
    let upper = name.to_uppercase();
    let set = |variable: &str| std::env::var(variable).ok().filter(|v| !v.is_empty());
    ["KPI_", "DBT_ENGINE_", "DBT_"].iter().find_map(|prefix| set(&format!("{prefix}{upper}")))
}

/// The value of a variable of former times.
fn of_former_times(name: &str) -> Option<String> {
    let (old, _) = RENAMED.iter().find(|(_, flag)| *flag == name)?;
    std::env::var(old).ok().filter(|value| !value.is_empty())
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

/// A moment of the command line, as its clock shows it: zones do not count.
fn moment(flag: &str, text: &str) -> Result<chrono::NaiveDateTime, Diagnostic> {
    from_isoformat(text.trim()).map(|(clock, _)| clock).ok_or_else(|| {
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
            let value = if let Some(text) = of_former_times(name) {
                Some(parse_switch(name, &text)? != (*name == "print"))
            } else if given(&dashed(name)) {
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
            let given = of_former_times(name).or(given);
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
            if value.is_empty() {
                flags.from_project.push(name);
            }
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
        flags.check_folders()?;
        flags.read_sample()?;
        flags.follow();
        Ok(flags)
    }

    /// Takes over the flags of an earlier call, for another try of it. Of the call that is made now count its folders,
    /// `--warn-error`, and `--vars` and `--threads` where they are `given`.
    pub fn repeat(&mut self, earlier: &Map<String, Json>, now: &Self, given: impl Fn(&str) -> bool) {
        const OF_THIS_CALL: [&str; 6] =
            ["log_path", "profiles_dir", "project_dir", "defer_state", "target_path", "warn_error"];
        let of_this_call =
            |key: &str| OF_THIS_CALL.contains(&key) || (matches!(key, "vars" | "threads") && given(key));
        for (key, value) in earlier {
            // dbt's names of these two.
            let key = match key.as_str() {
                "resource_types" => "resource_type",
                "exclude_resource_types" => "exclude_resource_type",
                key => key,
            };
            let value = match (key, value) {
                ("show", _) => continue,
                ("vars" | "args", Json::Object(map)) if map.is_empty() => Json::Null,
                ("vars" | "args", Json::Object(_)) => value.to_string().into(),
                (_, value) => value.clone(),
            };
            if self.values.contains_key(key) {
                self.values.insert(key.to_owned(), value);
            }
        }
        for (key, value) in now.values.iter().filter(|(key, _)| of_this_call(key)) {
            self.values.insert(key.clone(), value.clone());
        }
        // The text of an earlier run was a window already; what another program wrote there is none of ours.
        let _none = self.read_sample();
        self.follow();
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

    /// Reads `--sample`; templates and results see the window that it means.
    fn read_sample(&mut self) -> Result<(), Diagnostic> {
        let Some(text) = self.text("sample").filter(|_| matches!(&*self.which, "run" | "build")) else {
            return Ok(());
        };
        let window = crate::sample::window(text, chrono::Utc::now())?;
        self.sample = Some(window);
        self.values.insert("sample".into(), json!(crate::sample::shown(window)));
        Ok(())
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

    /// `--event-time-start` and `--event-time-end`, which are checked when the flags are read.
    pub fn event_times(&self) -> Option<Stretch> {
        let at = |flag: &str, name: &str| Some(moment(flag, self.text(name)?).ok()?.and_utc());
        at("event-time-start", "event_time_start").zip(at("event-time-end", "event_time_end"))
    }

    /// `--sample`, of the commands that build.
    pub fn sample(&self) -> Option<Stretch> {
        self.sample
    }

    /// Applies the project's flags where neither command line nor environment said anything. Gives warnings of those
    /// that are ignored.
    ///
    /// # Errors
    /// A flag that no native project has; flags that exclude each other.
    pub fn apply_project(&mut self, project: &WrittenFlags) -> Result<Vec<Diagnostic>, Diagnostic> {
        let mut warnings = Vec::new();
        self.moved = project.in_profiles.clone();
        for flag in &project.flags {
            let key = flag.name.to_lowercase().replace('-', "_");
            let behaviour = BEHAVIOUR_FLAGS.iter().any(|(name, _)| *name == key);
            let settable = match project.native {
                true => self.values.contains_key(&key),
                false => OF_PROJECTS.contains(&key.as_str()),
            };
            if !behaviour && !settable {
                let known =
                    || BEHAVIOUR_FLAGS.iter().map(|(name, _)| *name).chain(OF_PROJECTS.iter().copied());
                let Some(near) = nearest(&key, known()) else { continue };
                let message = format!("There is no project flag '{}'", flag.name);
                let hint = format!("did you mean '{near}'?");
                if project.native {
                    let error = Diagnostic::error("K0206", "Runtime Error", message);
                    return Err(error.with_span(flag.span.clone()).with_hint(hint));
                }
                // dbt passes over flags that it does not know.
                let warning = Diagnostic::warning("K0206", "Warning", format!("{message}: it is ignored"));
                warnings.push(warning.with_span(flag.span.clone()).with_hint(hint));
                continue;
            }
            if flag.value.is_null() {
                continue;
            }
            let fits = match kind_of(&key, behaviour) {
                FlagKind::Switch => flag.value.is_boolean(),
                FlagKind::Number => flag.value.is_i64(),
                FlagKind::Text if key == "warn_error_options" => flag.value.is_object(),
                FlagKind::Text => flag.value.is_string(),
                FlagKind::List => flag.value.is_array(),
            };
            if !fits {
                let wanted = match kind_of(&key, behaviour) {
                    FlagKind::Switch => "true or false",
                    FlagKind::Number => "a whole number",
                    FlagKind::Text if key == "warn_error_options" => "a mapping",
                    FlagKind::Text => "a text",
                    FlagKind::List => "a list",
                };
                let message =
                    format!("The project flag '{}' is {}, but must be {wanted}", flag.name, flag.value);
                let wrong = Diagnostic::warning("K0206", "Warning", format!("{message}: it is ignored"));
                warnings.push(wrong.with_span(flag.span.clone()));
                continue;
            }
            if behaviour {
                self.values.insert(key, flag.value.clone());
            } else if let Some(place) = self.from_project.iter().position(|name| *name == key) {
                self.from_project.remove(place);
                self.values.insert(key, flag.value.clone());
            }
        }
        self.follow();
        self.check_exclusive()?;
        Ok(warnings)
    }

    /// A project folder that is named must be there.
    fn check_folders(&self) -> Result<(), Diagnostic> {
        match self.text("project_dir") {
            Some(folder) if !std::path::Path::new(folder).is_dir() => Err(Diagnostic::error(
                "K0015",
                "Usage Error",
                format!("Invalid value for '--project-dir': Directory '{folder}' does not exist."),
            )
            .with_hint("name the folder that holds dbt_project.yml or kpi.toml")),
            _ => Ok(()),
        }
    }

    /// Flags of which only one may be given.
    fn check_exclusive(&self) -> Result<(), Diagnostic> {
        let given = |name: &str| !self.from_project.contains(&name) && self.values.contains_key(name);
        match EXCLUSIVE.iter().find(|pair| pair.iter().all(|name| given(name))) {
            None => Ok(()),
            Some([first, second]) => Err(Diagnostic::error(
                "K0008",
                "Usage Error",
                format!("{second}: not allowed with argument {first}"),
            )
            .with_hint(format!(
                "leave out --{} or --{}",
                first.replace('_', "-"),
                second.replace('_', "-")
            ))),
        }
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
