//! How an event looks as a line: for people, for those who search for a fault, for machines. Without secrets.

use crate::event_shapes;
use kpi_diagnostics::{Event, running, thread_label};
use serde_json::{Map, Value as Json, json};

/// Format of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The time and what is said.
    Text,
    /// Time, level, thread, and what is said.
    Debug,
    /// One object a line, in dbt's shape.
    Json,
}

impl Format {
    /// The format that a flag names.
    pub fn of(text: Option<&str>, default: Self) -> Self {
        match text.map(str::to_lowercase).as_deref() {
            Some("json") => Self::Json,
            Some("debug") => Self::Debug,
            Some("text") => Self::Text,
            _ => default,
        }
    }
}

/// Variables with this prefix are put into every line: who calls kpi says by them what the call belongs to.
const CUSTOM: &[&str] = &["DBT_ENV_CUSTOM_ENV_", "KPI_ENV_CUSTOM_ENV_"];

/// Makes lines.
pub struct Lines {
    invocation_id: String,
    extra: Json,
    secrets: Vec<String>,
}

impl Lines {
    /// Lines of one call.
    pub fn new(invocation_id: &str) -> Self {
        let named =
            |name: &str| CUSTOM.iter().find_map(|prefix| name.strip_prefix(prefix)).map(str::to_owned);
        let extra: Map<String, Json> =
            variables().filter_map(|(name, value)| Some((named(&name)?, Json::from(value)))).collect();
        Self { invocation_id: invocation_id.to_owned(), extra: Json::Object(extra), secrets: secrets() }
    }

    /// The line between the calls in a log file.
    pub fn separator(&self) -> String {
        let (time, rule) = (chrono::Local::now().format("%H:%M:%S%.6f"), "=".repeat(30));
        format!("\n\n{rule} {time} | {} {rule}", self.invocation_id)
    }

    /// An event for a machine.
    pub fn json(&self, event: &Event) -> String {
        // What dbt has no event for is a note.
        let (name, shape) = match event_shapes::shape(event.name) {
            Some(shape) => (event.name, Some(shape)),
            None => ("Note", event_shapes::shape("Note")),
        };
        let data = match shape {
            Some(shape) => shape.data(&event.message, &event.data, running().as_deref()),
            None => event.data.clone(),
        };
        let info = json!({
            "category": "",
            "code": shape.map_or("", |shape| shape.code),
            "extra": self.extra,
            "invocation_id": self.invocation_id,
            "level": event.level.as_str(),
            "msg": event.message,
            "name": name,
            "pid": std::process::id(),
            "thread": thread_label(),
            "ts": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        });
        self.scrub(json!({"data": data, "info": info}).to_string())
    }

    /// An event for a person; `text` is its message, which may be coloured.
    pub fn text(&self, format: Format, event: &Event, text: String) -> String {
        let now = chrono::Local::now();
        self.scrub(match format {
            Format::Debug => {
                let thread: String = thread_label().chars().take(10).collect();
                let time = now.format("%H:%M:%S%.6f");
                format!("{time} [{:<5}] [{thread:<10}]: {text}", event.level.as_str())
            }
            _ if text.is_empty() => text,
            _ => format!("{}  {text}", now.format("%H:%M:%S")),
        })
    }

    /// A text without the values of secret variables.
    pub fn scrub(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "*****");
            }
        }
        text
    }
}

fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
}

/// Values of secret environment variables: never shown. In JSON a value is shown escaped, so that form counts too.
pub fn secrets() -> Vec<String> {
    const PREFIXES: [&str; 3] = ["DBT_ENV_SECRET", "KPI_ENV_SECRET", "DBT_ENGINE_ENV_SECRET"];
    let values = variables()
        .filter(|(k, v)| PREFIXES.iter().any(|p| k.starts_with(p)) && !v.trim().is_empty())
        .map(|(_, v)| v);
    let mut found: Vec<String> = values
        .flat_map(|value| {
            let quoted = Json::from(value.as_str()).to_string();
            let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
            if escaped == value { vec![value] } else { vec![value, escaped] }
        })
        .collect();
    found.sort_by_key(|s| std::cmp::Reverse(s.len()));
    found
}
