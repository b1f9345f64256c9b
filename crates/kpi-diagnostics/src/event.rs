//! Things that happened, for people and machines.

use crate::Diagnostic;
use parking_lot::Mutex;
use serde_json::{Map, Value};

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For those who search for a fault.
    Debug,
    /// Normal talk.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// `debug`, `info`, `warn` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// Something that happened. The names and the fields of `data` are those of dbt's structured log,
/// since other tools read them.
#[derive(Debug, Clone)]
pub struct Event {
    /// dbt's event name, such as `LogModelResult`.
    pub name: &'static str,
    /// How loud.
    pub level: Level,
    /// One or more lines for a person, without colour.
    pub message: String,
    /// Fields for a machine.
    pub data: Map<String, Value>,
}

impl Event {
    /// An event without fields.
    pub fn new(name: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { name, level, message: message.into(), data: Map::new() }
    }

    /// Adds a field.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }
}

/// Where events go. Implementations must be quick and must never fail.
pub trait EventSink: Send + Sync {
    /// Takes an event.
    fn emit(&self, event: Event);

    /// Whether the warning `name` is an error in this call (`--warn-error`): who can fail should then fail with it
    /// instead of emitting it.
    fn forbids(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Takes a warning or an error about the user's input.
    fn diagnostic(&self, diagnostic: Diagnostic) {
        let level = match diagnostic.severity {
            crate::Severity::Warning => Level::Warn,
            crate::Severity::Error => Level::Error,
        };
        self.emit(Event::new("Diagnostic", level, diagnostic.render()).with("code", diagnostic.code));
    }
}

/// Drops everything.
#[derive(Debug, Default)]
pub struct NullSink;

impl EventSink for NullSink {
    fn emit(&self, _: Event) {}
}

/// Keeps everything, for tests and for tools that read events after the fact.
#[derive(Debug, Default)]
pub struct MemorySink(Mutex<Vec<Event>>);

impl MemorySink {
    /// All events so far, taken out.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock())
    }
}

impl EventSink for MemorySink {
    fn emit(&self, event: Event) {
        self.0.lock().push(event);
    }
}
