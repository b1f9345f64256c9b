//! What is said and where: text or JSON on the terminal, a log file, the progress bar.
//!
//! In text, messages go to stderr and what the command was called for (rows, lists, compiled SQL) to stdout, so that
//! it can be piped. With `--log-format json` everything goes to stdout, one object a line, in dbt's shape.

use crate::event_codes;
use crate::flags::Flags;
use crate::log_file::LogFile;
use crate::progress::{self, Progress};
use crate::warnings::{Treatment, WarningRules};
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level, Severity};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Format of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Debug,
    Json,
}

/// Sends events to the terminal and to the log file.
pub struct Messages {
    invocation_id: String,
    console: Format,
    console_level: Level,
    silent: bool,
    quiet: bool,
    print: bool,
    colour: bool,
    cache_events: bool,
    file_format: Format,
    file_level: Level,
    file: Mutex<LogFile>,
    progress: Option<Progress>,
    rules: WarningRules,
    failed_warnings: Mutex<Vec<String>>,
    /// How often each deprecation was met.
    deprecations: Mutex<BTreeMap<&'static str, usize>>,
    show_all_deprecations: bool,
    secrets: Vec<String>,
}

fn level_of(text: Option<&str>) -> Option<Level> {
    match text.map(str::to_lowercase).as_deref() {
        Some("debug") => Some(Level::Debug),
        Some("warn") => Some(Level::Warn),
        Some("error") => Some(Level::Error),
        Some("none") => None,
        _ => Some(Level::Info),
    }
}

fn format_of(text: Option<&str>) -> Format {
    match text.map(str::to_lowercase).as_deref() {
        Some("json") => Format::Json,
        Some("debug") => Format::Debug,
        _ => Format::Text,
    }
}

/// The thread's name as dbt's logs have it: tools group lines by it.
fn thread_name() -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some(name) => match name.strip_prefix("worker-") {
            Some(number) => format!("Thread-{number} (worker)"),
            None => name.to_owned(),
        },
        None => "MainThread".to_owned(),
    }
}

impl Messages {
    /// Sinks as the flags say. The log file is opened later, when the project's log path is known.
    ///
    /// # Errors
    /// Options for warnings that make no sense.
    pub fn new(flags: &Flags, invocation_id: &str) -> Result<Self, Diagnostic> {
        let quiet = flags.switch("quiet");
        let level = level_of(flags.text("log_level"));
        let console = match format_of(flags.text("log_format")) {
            Format::Text if flags.switch("debug") => Format::Debug,
            other => other,
        };
        let terminal = std::io::stderr().is_terminal();
        let colour = flags.maybe("use_colors").unwrap_or(terminal) && console != Format::Json;
        let progress = (terminal && console == Format::Text && !quiet && level.is_some()).then(Progress::new);
        let file_level = level_of(flags.text("log_level_file"));
        let file = if file_level.is_some() { LogFile::Waiting(Vec::new()) } else { LogFile::Off };
        let messages = Self {
            invocation_id: invocation_id.to_owned(),
            console,
            console_level: if quiet { Level::Error } else { level.unwrap_or(Level::Error) },
            silent: level.is_none(),
            quiet,
            print: flags.switch("print"),
            colour,
            cache_events: flags.switch("log_cache_events"),
            file_format: format_of(flags.text("log_format_file")),
            file_level: file_level.unwrap_or(Level::Error),
            file: Mutex::new(file),
            progress,
            rules: WarningRules::new(flags.switch("warn_error"), flags.value("warn_error_options"))?,
            failed_warnings: Mutex::new(Vec::new()),
            deprecations: Mutex::new(BTreeMap::new()),
            show_all_deprecations: flags.switch("show_all_deprecations"),
            secrets: secrets(),
        };
        if messages.file_format != Format::Json {
            let time = chrono::Local::now().format("%H:%M:%S%.6f");
            messages.file.lock().line(&format!(
                "\n\n============================== {time} | {invocation_id} =============================="
            ));
        }
        Ok(messages)
    }

    /// Opens the log file.
    pub fn open_log(&self, path: PathBuf, limit: u64) {
        let mut file = self.file.lock();
        if file.wanted() {
            file.open(path, limit);
        }
    }

    /// Whether only errors and data are shown.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether messages are JSON.
    pub fn is_json(&self) -> bool {
        self.console == Format::Json
    }

    /// The rules for warnings.
    pub fn rules(&self) -> &WarningRules {
        &self.rules
    }

    /// How often each deprecation was met.
    pub fn deprecations(&self) -> Vec<(&'static str, usize)> {
        self.deprecations.lock().iter().map(|(name, count)| (*name, *count)).collect()
    }

    /// Says something.
    pub fn say(&self, name: &'static str, level: Level, message: impl Into<String>) {
        self.emit(Event::new(name, level, message));
    }

    /// Says something with fields.
    pub fn say_with(&self, name: &'static str, level: Level, message: impl Into<String>, data: Json) {
        let data = match data {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        self.emit(Event { name, level, message: message.into(), data });
    }

    /// A blank line.
    pub fn blank(&self) {
        self.emit(Event::new("Formatting", Level::Info, "").with("msg", ""));
    }

    /// Prints data to stdout: what the command was called for. With JSON messages, as an event.
    pub fn data(&self, name: &'static str, text: &str, data: Json) {
        self.data_lines(name, std::iter::once((text.to_owned(), data)));
    }

    /// Prints many lines of data.
    pub fn data_lines(&self, name: &'static str, lines: impl Iterator<Item = (String, Json)>) {
        let to_file = self.file_level <= Level::Info && self.file.lock().wanted();
        self.aside(|| {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            for (text, data) in lines {
                let data = match data {
                    Json::Object(map) => map,
                    _ => Map::new(),
                };
                let event = Event { name, level: Level::Info, message: text, data };
                let shown =
                    if self.is_json() { self.json_line(&event) } else { self.scrub(event.message.clone()) };
                if writeln!(out, "{shown}").is_err() {
                    // Nobody reads any more (`kpi ls | head`).
                    break;
                }
                if to_file {
                    self.to_file(&event);
                }
            }
            let _ = out.flush();
        });
    }

    /// The warnings so far that the flags turn into errors.
    ///
    /// # Errors
    /// If there are any.
    pub fn check_warnings(&self) -> Result<(), Vec<Diagnostic>> {
        let failed = std::mem::take(&mut *self.failed_warnings.lock());
        if failed.is_empty() {
            return Ok(());
        }
        Err(failed
            .into_iter()
            .map(|message| {
                Diagnostic::error("K0005", "Compilation Error", message).with_hint(
                    "this is a warning that --warn-error or --warn-error-options turns into an error",
                )
            })
            .collect())
    }

    /// Prints while the progress bar is hidden.
    fn aside(&self, print: impl FnOnce()) {
        match &self.progress {
            Some(progress) => progress.suspend(print),
            None => print(),
        }
    }

    fn json_line(&self, event: &Event) -> String {
        let info = json!({
            "category": "",
            "code": event_codes::code(event.name),
            "extra": {},
            "invocation_id": self.invocation_id,
            "level": event.level.as_str(),
            "msg": event.message,
            "name": event.name,
            "pid": std::process::id(),
            "thread": thread_name(),
            "ts": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        });
        let mut data = event.data.clone();
        if data.is_empty() {
            data.insert("msg".to_owned(), Json::from(event.message.clone()));
        }
        self.scrub(json!({"data": data, "info": info}).to_string())
    }

    fn debug_line(&self, event: &Event) -> String {
        let time = chrono::Local::now().format("%H:%M:%S%.6f");
        let thread = thread_name();
        let thread: String = thread.chars().take(10).collect();
        self.scrub(format!("{time} [{:<5}] [{thread:<10}]: {}", event.level.as_str(), event.message))
    }

    fn scrub(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "*****");
            }
        }
        text
    }

    fn to_file(&self, event: &Event) {
        if event.level < self.file_level || !self.file.lock().wanted() {
            return;
        }
        let line = match self.file_format {
            Format::Json => self.json_line(event),
            Format::Text | Format::Debug => self.debug_line(event),
        };
        self.file.lock().line(&line);
    }

    fn to_console(&self, event: &Event) {
        let printed = event.name == "PrintEvent";
        if printed && !self.print {
            return;
        }
        if self.silent || (!printed && event.level < self.console_level) {
            return;
        }
        if matches!(event.name, "CacheAction" | "CacheDumpGraph") && !self.cache_events {
            return;
        }
        if self.is_json() {
            let line = self.json_line(event);
            self.aside(|| {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            });
            return;
        }
        if printed {
            let line = self.scrub(event.message.clone());
            self.aside(|| {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            });
            return;
        }
        let text = if self.console == Format::Debug {
            self.debug_line(event)
        } else {
            self.scrub(event.message.clone())
        };
        let text = if self.colour { progress::paint(event, &text) } else { text };
        let line = if self.console == Format::Debug || text.is_empty() || self.quiet {
            text
        } else {
            format!("{}  {text}", chrono::Local::now().format("%H:%M:%S"))
        };
        self.aside(|| {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }
}

/// Values of secret environment variables: never shown.
pub fn secrets() -> Vec<String> {
    const PREFIXES: [&str; 3] = ["DBT_ENV_SECRET", "KPI_ENV_SECRET", "DBT_ENGINE_ENV_SECRET"];
    let mut found: Vec<String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(k, v)| PREFIXES.iter().any(|p| k.starts_with(p)) && !v.trim().is_empty())
        .map(|(_, v)| v)
        .collect();
    found.sort_by_key(|s| std::cmp::Reverse(s.len()));
    found
}

/// The event that dbt raises for what a diagnostic warns of, so that `--warn-error-options` can name it.
fn event_name(code: &str) -> &'static str {
    match code {
        "K0203" => "ConfigSourcePathDeprecation",
        "K0502" => "CustomTopLevelKeyDeprecation",
        "K0526" => "FreshnessConfigProblem",
        "K0518" => "Note",
        "K0516" => "SpacesInResourceNameDeprecation",
        "K0603" => "MacroNotFoundForPatch",
        "K0606" => "WrongResourceSchemaFile",
        "K0607" => "NoNodeForYamlKey",
        "K0611" | "K0620" => "NodeNotFoundOrDisabled",
        "K0619" => "UnusedResourceConfigPath",
        "K0621" => "DeprecatedModel",
        "K0622" => "DeprecatedReference",
        "K0623" => "UpcomingReferenceDeprecation",
        "K0624" => "UnsupportedConstraintMaterialization",
        "K0625" => "MicrobatchModelNoEventTimeInputs",
        "K0710" => "NoNodesForSelectionCriteria",
        "K0721" => "SeedIncreased",
        "K0722" => "SeedExceedsLimitSamePath",
        "K0723" => "SeedExceedsLimitAndPathChanged",
        "K0724" => "UnversionedBreakingChange",
        _ => "Diagnostic",
    }
}

impl EventSink for Messages {
    fn emit(&self, event: Event) {
        if event.level == Level::Warn {
            match self.rules.treatment(event.name) {
                Treatment::Show => {}
                Treatment::Silence => return,
                Treatment::Error => {
                    self.failed_warnings.lock().push(event.message);
                    return;
                }
            }
        }
        if event.level == Level::Warn && event.name.ends_with("Deprecation") {
            let mut counts = self.deprecations.lock();
            let count = counts.entry(event.name).or_insert(0);
            *count += 1;
            // One of a kind says what to change; hundreds would hide everything else.
            if *count > 1 && !self.show_all_deprecations {
                return;
            }
        }
        if let Some(progress) = &self.progress {
            progress.observe(&event);
        }
        self.to_console(&event);
        self.to_file(&event);
    }

    fn diagnostic(&self, diagnostic: Diagnostic) {
        let name = event_name(diagnostic.code);
        let rendered = diagnostic.render();
        let event = match diagnostic.severity {
            Severity::Error => Event::new(name, Level::Error, rendered),
            Severity::Warning => Event::new(name, Level::Warn, format!("[WARNING]: {rendered}")),
        };
        self.emit(event.with("code", diagnostic.code).with("msg", diagnostic.message));
    }
}
