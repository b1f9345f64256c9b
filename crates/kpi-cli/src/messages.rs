//! Where events go: the terminal (text with colour and a progress bar, or JSON lines) and the log file.
//!
//! stdout is data, stderr is talk: everything here goes to stderr, except that with `--log-format json` the lines go to
//! stdout, where tools that start dbt read them.

use crate::flags::Flags;
use crate::progress::Progress;
use indexmap::IndexMap;
use kpi_diagnostics::{Event, EventSink, Level};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// dbt's codes of the events that kpi emits.
const CODES: &[(&str, &str)] = &[
    ("MainReportVersion", "A001"),
    ("MainReportArgs", "A002"),
    ("MainEncounteredError", "Z002"),
    ("CommandCompleted", "Q039"),
    ("ConcurrencyLine", "Q026"),
    ("FoundStats", "W006"),
    ("LogStartLine", "Q011"),
    ("LogModelResult", "Q012"),
    ("LogTestResult", "Q007"),
    ("LogSeedResult", "Q016"),
    ("LogSnapshotResult", "Q015"),
    ("LogHookStartLine", "Q032"),
    ("LogHookEndLine", "Q033"),
    ("LogSkipBecauseError", "Z034"),
    ("LogCancelLine", "Q027"),
    ("SkippingDetails", "Z033"),
    ("NodeStart", "Q024"),
    ("NodeFinished", "Q025"),
    ("NodeCompiling", "Q030"),
    ("NodeExecuting", "Q031"),
    ("MarkSkippedChildren", "Z035"),
    ("FinishedRunningStats", "E047"),
    ("EndOfRunSummary", "Z030"),
    ("StatsLine", "Z023"),
    ("RunResultError", "Z024"),
    ("RunResultErrorNoMessage", "Z025"),
    ("RunResultFailure", "Z021"),
    ("RunResultWarning", "Z021"),
    ("RunResultWarningMessage", "Z049"),
    ("SQLCompiledPath", "Z026"),
    ("CheckNodeTestFailure", "Z027"),
    ("SQLQuery", "E016"),
    ("SQLQueryStatus", "E017"),
    ("JinjaLogInfo", "I062"),
    ("JinjaLogDebug", "I063"),
    ("JinjaLogWarning", "I061"),
    ("PrintEvent", "Z052"),
    ("NothingToDo", "Q035"),
    ("NoNodesSelected", "P011"),
    ("NoNodesForSelectionCriteria", "M030"),
    ("CompiledNode", "Q042"),
    ("ShowNode", "Q041"),
    ("ListCmdOut", "Z051"),
    ("UnusedResourceConfigPath", "I036"),
    ("Note", "Z050"),
];

/// Format of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
}

/// The log file with its rotation.
struct LogFile {
    path: PathBuf,
    file: Option<File>,
    written: u64,
    limit: u64,
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
    file_format: Format,
    file_level: Level,
    file: Mutex<Option<LogFile>>,
    progress: Option<Progress>,
    counts: Mutex<IndexMap<&'static str, u64>>,
    warnings: AtomicUsize,
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

impl Messages {
    /// Sinks as the flags say. The log file is opened later, when the project's log path is known.
    pub fn new(flags: &Flags, invocation_id: &str) -> Self {
        let json = |name| if flags.text(name) == Some("json") { Format::Json } else { Format::Text };
        let quiet = flags.switch("quiet");
        let level = level_of(flags.text("log_level"));
        let console = json("log_format");
        let terminal = std::io::stderr().is_terminal();
        let colour = flags.maybe("use_colors").unwrap_or(terminal) && console == Format::Text;
        let progress =
            (terminal && console == Format::Text && !quiet && flags.text("log_level") != Some("none")).then(Progress::new);
        Self {
            invocation_id: invocation_id.to_owned(),
            console,
            console_level: if quiet { Level::Error } else { level.unwrap_or(Level::Error) },
            silent: level.is_none(),
            quiet,
            print: flags.switch("print"),
            colour,
            file_format: json("log_format_file"),
            file_level: level_of(flags.text("log_level_file")).unwrap_or(Level::Error),
            file: Mutex::new(None),
            progress,
            counts: Mutex::new(IndexMap::new()),
            warnings: AtomicUsize::new(0),
            secrets: secrets(),
        }
    }

    /// Opens the log file. A folder that cannot be written costs the log, not the run.
    pub fn open_log(&self, path: PathBuf, limit: u64) {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).ok();
        let written = file.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        *self.file.lock() = Some(LogFile { path, file, written, limit });
    }

    /// The progress bar, if a person watches.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Whether the terminal shows colour.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// How many warnings were shown.
    pub fn warnings(&self) -> usize {
        self.warnings.load(Ordering::Relaxed)
    }

    /// Prints data to stdout: what the command was called for. With JSON messages, as an event.
    pub fn data(&self, name: &'static str, text: &str, data: Map<String, Json>) {
        if self.console == Format::Json {
            let event = Event { name, level: Level::Info, message: text.to_owned(), data };
            self.line_to_stdout(&self.json_line(&event));
        } else {
            self.line_to_stdout(text);
        }
        let mut event = Event::new(name, Level::Debug, text);
        event.level = Level::Info;
        self.to_file(&event);
    }

    fn line_to_stdout(&self, text: &str) {
        let print = || {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{text}");
            let _ = out.flush();
        };
        match &self.progress {
            Some(progress) => progress.suspend(print),
            None => print(),
        }
    }

    fn line_to_stderr(&self, text: &str) {
        let print = || {
            let mut err = std::io::stderr().lock();
            let _ = writeln!(err, "{text}");
        };
        match &self.progress {
            Some(progress) => progress.suspend(print),
            None => print(),
        }
    }

    fn json_line(&self, event: &Event) -> String {
        let code = CODES.iter().find(|(n, _)| *n == event.name).map_or("Z050", |(_, c)| c);
        let info = json!({
            "category": "",
            "code": code,
            "extra": {},
            "invocation_id": self.invocation_id,
            "level": event.level.as_str(),
            "msg": event.message,
            "name": event.name,
            "pid": std::process::id(),
            "thread": std::thread::current().name().unwrap_or("MainThread"),
            "ts": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        });
        let mut data = event.data.clone();
        data.entry("msg").or_insert_with(|| Json::from(event.message.clone()));
        self.scrub(json!({"data": data, "info": info}).to_string())
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
        if event.level < self.file_level {
            return;
        }
        let mut guard = self.file.lock();
        let Some(log) = guard.as_mut() else { return };
        let line = match self.file_format {
            Format::Json => self.json_line(event),
            Format::Text => self.scrub(format!(
                "{} [{:<5}] [{}]: {}",
                chrono::Local::now().format("%H:%M:%S%.6f"),
                event.level.as_str(),
                std::thread::current().name().unwrap_or("MainThread"),
                event.message
            )),
        };
        if log.limit > 0 && log.written > log.limit {
            let mut rotated = log.path.clone().into_os_string();
            rotated.push(".1");
            log.file = None;
            let _ = std::fs::rename(&log.path, rotated);
            log.file = File::create(&log.path).ok();
            log.written = 0;
        }
        if let Some(file) = log.file.as_mut() {
            let _ = writeln!(file, "{line}");
            log.written += line.len() as u64 + 1;
        }
    }

    fn to_console(&self, event: &Event) {
        let printed = event.name == "PrintEvent";
        if printed && !self.print {
            return;
        }
        if self.silent || (!printed && event.level < self.console_level) {
            return;
        }
        if self.console == Format::Json {
            self.line_to_stdout(&self.json_line(event));
        } else if printed {
            self.line_to_stdout(&self.scrub(event.message.clone()));
        } else {
            let text = self.scrub(event.message.clone());
            let text = if self.colour { crate::progress::paint(event, &text) } else { text };
            if text.is_empty() || self.quiet {
                self.line_to_stderr(&text);
            } else {
                let time = chrono::Local::now().format("%H:%M:%S");
                self.line_to_stderr(&format!("{time}  {text}"));
            }
        }
    }
}

/// Values of secret environment variables: never shown.
fn secrets() -> Vec<String> {
    let mut found: Vec<String> = std::env::vars()
        .filter(|(k, v)| {
            (k.starts_with("DBT_ENV_SECRET") || k.starts_with("KPI_ENV_SECRET") || k.starts_with("DBT_ENGINE_ENV_SECRET"))
                && !v.trim().is_empty()
        })
        .map(|(_, v)| v)
        .collect();
    found.sort_by_key(|s| std::cmp::Reverse(s.len()));
    found
}

impl EventSink for Messages {
    fn emit(&self, event: Event) {
        if event.level == Level::Warn {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        *self.counts.lock().entry(event.name).or_insert(0) += 1;
        if let Some(progress) = &self.progress {
            progress.observe(&event);
        }
        self.to_console(&event);
        self.to_file(&event);
    }
}
