//! What is said and where: text or JSON on the terminal, a log file, the progress bar.
//!
//! In text, messages go to stderr and what the command was called for (rows, lists, compiled SQL) to stdout, so that
//! it can be piped. With `--log-format json` everything goes to stdout, one object a line, in dbt's shape.

use crate::deprecations::{self, DEPRECATED};
use crate::event_shapes;
use crate::flags::Flags;
use crate::log_file::LogFile;
use crate::log_lines::{Format, Lines};
use crate::progress::{self, Progress};
use crate::warnings::{Treatment, WarningRules};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level, Severity};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Warnings whose text stands alone in dbt's logs: what reads them looks at its beginning.
const UNTAGGED: [&str; 1] = ["InvalidMacroAnnotation"];

/// Sends events to the terminal and to the log file.
pub struct Messages {
    lines: Lines,
    console: Format,
    console_level: Level,
    silent: bool,
    quiet: bool,
    print: bool,
    colour: bool,
    cache_events: bool,
    file_format: Format,
    file_level: Level,
    file_colour: bool,
    file: Mutex<LogFile>,
    progress: Option<Progress>,
    rules: WarningRules,
    failed_warnings: Mutex<Vec<String>>,
    /// How often each deprecation was met, in the order in which they were.
    deprecations: Mutex<IndexMap<&'static str, usize>>,
    show_all_deprecations: bool,
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

impl Messages {
    /// Sinks as the flags say. The log file is opened later, when the project's log path is known.
    ///
    /// # Errors
    /// Options for warnings that make no sense.
    pub fn new(flags: &Flags, invocation_id: &str) -> Result<Self, Diagnostic> {
        let quiet = flags.switch("quiet");
        let level = level_of(flags.text("log_level"));
        let console = Format::of(flags.text("log_format"), Format::Text);
        let terminal = std::io::stderr().is_terminal();
        let colour = flags.maybe("use_colors").unwrap_or(terminal) && console != Format::Json;
        let progress = (terminal && console == Format::Text && !quiet && level.is_some()).then(Progress::new);
        let file_level = level_of(flags.text("log_level_file"));
        let file = if file_level.is_some() { LogFile::Waiting(Vec::new()) } else { LogFile::Off };
        let messages = Self {
            lines: Lines::new(invocation_id),
            console,
            console_level: if quiet { Level::Error } else { level.unwrap_or(Level::Error) },
            silent: level.is_none(),
            quiet,
            print: flags.switch("print"),
            colour,
            cache_events: flags.switch("log_cache_events"),
            file_format: Format::of(flags.text("log_format_file"), Format::Debug),
            file_level: file_level.unwrap_or(Level::Error),
            file_colour: flags.switch("use_colors_file"),
            file: Mutex::new(file),
            progress,
            rules: WarningRules::new(
                flags.switch("warn_error"),
                flags.value("warn_error_options"),
                flags.switch("require_all_warnings_handled_by_warn_error"),
            )?,
            failed_warnings: Mutex::new(Vec::new()),
            deprecations: Mutex::new(IndexMap::new()),
            show_all_deprecations: flags.switch("show_all_deprecations"),
        };
        if messages.file_format == Format::Debug {
            messages.file.lock().line(&messages.lines.separator());
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
                let shown = match self.console {
                    Format::Json => self.lines.json(&event),
                    _ => self.lines.scrub(event.message.clone()),
                };
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

    fn to_file(&self, event: &Event) {
        if event.level < self.file_level || NOT_IN_FILE.contains(&event.name) {
            return;
        }
        if (self.hides_cache(event)) || !self.file.lock().wanted() {
            return;
        }
        let line = match self.file_format {
            Format::Json => self.lines.json(event),
            format if self.file_colour => {
                let painted = progress::paint(event, &event.message);
                self.lines.text(format, event, painted)
            }
            format => self.lines.text(format, event, event.message.clone()),
        };
        self.file.lock().line(&line);
    }

    /// Events of the relation cache are many: they are shown to those who ask for them.
    fn hides_cache(&self, event: &Event) -> bool {
        matches!(event.name, "CacheAction" | "CacheDumpGraph") && !self.cache_events
    }

    fn to_console(&self, event: &Event) {
        let printed = event.name == "PrintEvent";
        if printed && !self.print {
            return;
        }
        if self.silent || (!printed && event.level < self.console_level) || self.hides_cache(event) {
            return;
        }
        if self.is_json() || printed {
            let line = match self.console {
                Format::Json => self.lines.json(event),
                _ => self.lines.scrub(event.message.clone()),
            };
            self.aside(|| {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            });
            return;
        }
        let text = if self.colour { progress::paint(event, &event.message) } else { event.message.clone() };
        let bare = text.is_empty() || self.quiet;
        let line = match self.console {
            Format::Text if bare => self.lines.scrub(text),
            format => self.lines.text(format, event, text),
        };
        self.aside(|| {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }
}

/// What `kpi clean` says would be written to the folder that it deletes.
const NOT_IN_FILE: &[&str] =
    &["CheckCleanPath", "ConfirmCleanPath", "FinishedCleanPaths", "ProtectedCleanPath"];

/// The event that dbt raises for what a diagnostic warns of, so that `--warn-error-options` can name it.
fn event_name(code: &str) -> &'static str {
    match code {
        "K0203" => "ConfigSourcePathDeprecation",
        "K0502" => "CustomTopLevelKeyDeprecation",
        "K0527" => "MicrobatchMacroOutsideOfBatchesDeprecation",
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
        _ => "Note",
    }
}

impl EventSink for Messages {
    fn emit(&self, event: Event) {
        if event.level == Level::Warn {
            let treatment = self.rules.treatment(event.name);
            if treatment == Treatment::Error {
                self.failed_warnings.lock().push(event.message);
                return;
            }
            if deprecations::is_counted(event.name) {
                let mut counts = self.deprecations.lock();
                let count = counts.entry(event.name).or_insert(0);
                *count += 1;
                // One of a kind says what to change; hundreds would hide everything else.
                if *count > 1 && !self.show_all_deprecations && event.name != "EnvironmentVariableRenamed" {
                    return;
                }
            }
            if treatment == Treatment::Silence {
                return;
            }
        }
        if let Some(progress) = &self.progress {
            progress.observe(&event);
        }
        self.to_console(&event);
        self.to_file(&event);
    }

    fn forbids(&self, name: &str) -> bool {
        self.rules.treatment(name) == Treatment::Error
    }

    fn diagnostic(&self, mut diagnostic: Diagnostic) {
        let (name, data) = match diagnostic.event.take() {
            Some(event) => *event,
            None => (event_name(diagnostic.code), Map::new()),
        };
        let rendered = diagnostic.render();
        let event = match diagnostic.severity {
            Severity::Error => Event::new(name, Level::Error, rendered),
            Severity::Warning if event_shapes::is_deprecation(name) => {
                Event::new(name, Level::Warn, format!("[WARNING][{name}]: {DEPRECATED}\n{rendered}"))
            }
            // That a profile names no target is worth a mention, no warning.
            Severity::Warning if name == "MissingProfileTarget" => {
                Event::new(name, Level::Info, diagnostic.message)
            }
            Severity::Warning if UNTAGGED.contains(&name) => {
                Event::new(name, Level::Warn, diagnostic.render_plain())
            }
            Severity::Warning => Event::new(name, Level::Warn, format!("[WARNING]: {rendered}")),
        };
        self.emit(Event { data, ..event });
    }
}
