//! The events of a run: one line per node with status, relation, rows and time, in dbt's names and fields.

use chrono::{DateTime, Utc};
use kpi_diagnostics::{Event, EventSink, Level};
use kpi_manifest::{Node, ResourceType};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;
use std::sync::Arc;

/// Emits the events of a run.
#[derive(Clone)]
pub struct Reporter {
    /// Where they go.
    pub sink: Arc<dyn EventSink>,
    /// Width to which a line is filled with dots.
    pub width: usize,
}

/// Where a node is in its life, for `node_info`.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// `started`, `compiling`, `executing`, `success`, `error`...
    pub status: &'static str,
    /// When it started.
    pub started: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished: Option<DateTime<Utc>>,
}

/// The time format of `node_info` and timings.
pub fn iso(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// `node_info`: what structured logs say of a node.
pub fn node_info(node: &Node, life: &Life) -> Json {
    let time = |t: Option<DateTime<Utc>>| t.map(iso).unwrap_or_default();
    json!({
        "node_path": &*node.path,
        "node_name": &*node.name,
        "unique_id": &*node.unique_id,
        "resource_type": node.resource_type.as_str(),
        "materialized": node.config.get("materialized").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
        "node_status": life.status,
        "node_started_at": time(life.started),
        "node_finished_at": time(life.finished),
        "meta": node.meta,
        "node_relation": {
            "database": node.database.as_deref().unwrap_or_default(),
            "schema": &*node.schema,
            "alias": &*node.alias,
            "relation_name": node.relation_name.as_deref().unwrap_or_default(),
        },
        "node_checksum": &*node.checksum.checksum,
    })
}

/// `sql table model main.customers`
pub fn describe(node: &Node) -> String {
    let materialized = node.config.get("materialized");
    let materialized = materialized.as_ref().and_then(|m| m.as_str()).unwrap_or("view");
    match node.resource_type {
        ResourceType::Model => {
            format!("{} {} model {}", node.language, materialized, representation(node))
        }
        ResourceType::Seed => format!("seed file {}", representation(node)),
        ResourceType::Snapshot => format!("snapshot {}", representation(node)),
        ResourceType::Test => format!("test {}", node.name),
        ResourceType::UnitTest => format!("unit_test {}", test_name(node)),
        other => format!("{} {}", other.as_str(), node.name),
    }
}

/// The name of a test; of a unit test `model::name`.
fn test_name(node: &Node) -> Cow<'_, str> {
    match node.extra.get("model").and_then(Json::as_str) {
        Some(model) if node.resource_type == ResourceType::UnitTest => {
            format!("{model}::{}", node.name).into()
        }
        _ => (&*node.name).into(),
    }
}

/// `schema.alias`, with the database where it is not the target's.
fn representation(node: &Node) -> String {
    format!("{}.{}", node.schema, node.alias)
}

/// `1 of 5 OK created sql view model main.a ...... [OK in 0.02s]`
pub(crate) fn fancy(
    width: usize,
    place: Option<(usize, usize)>,
    text: &str,
    status: &str,
    seconds: Option<f64>,
) -> String {
    let progress = place.map(|(i, n)| format!("{i} of {n} ")).unwrap_or_default();
    let prefix = format!("{progress}{text} ");
    let filled = prefix.chars().count();
    let dots = ".".repeat(width.saturating_sub(filled));
    let time = seconds.map(|s| format!(" in {s:.2}s")).unwrap_or_default();
    format!("{prefix}{dots} [{status}{time}]")
}

/// `1 model`, `2 models`
pub fn pluralize(n: usize, word: &str) -> String {
    if n == 1 {
        return format!("1 {word}");
    }
    match word {
        "analysis" => format!("{n} analyses"),
        "saved query" | "saved_query" => format!("{n} saved queries"),
        _ => format!("{n} {word}s"),
    }
}

impl Reporter {
    fn emit(&self, name: &'static str, level: Level, message: String, data: Json) {
        let data = match data {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        self.sink.emit(Event { name, level, message, data });
    }

    /// A blank line.
    pub fn blank(&self) {
        self.emit("Formatting", Level::Info, String::new(), json!({}));
    }

    /// `Concurrency: 4 threads (target='dev')`
    pub fn concurrency(&self, threads: usize, target: &str, nodes: usize) {
        self.blank();
        self.emit(
            "ConcurrencyLine",
            Level::Info,
            format!("Concurrency: {} (target='{target}')", pluralize(threads, "thread")),
            json!({"num_threads": threads, "target_name": target, "node_count": nodes}),
        );
        self.blank();
    }

    /// A node begins.
    pub fn started(&self, node: &Node, life: &Life) {
        self.emit(
            "NodeStart",
            Level::Debug,
            format!("Began running node {}", node.unique_id),
            json!({"node_info": node_info(node, life)}),
        );
    }

    /// The line of a node that begins.
    pub fn start_line(&self, node: &Node, place: (usize, usize), life: &Life) {
        let description = describe(node);
        self.emit(
            "LogStartLine",
            Level::Info,
            fancy(self.width, Some(place), &format!("START {description}"), "RUN", None),
            json!({
                "description": description,
                "index": place.0,
                "total": place.1,
                "node_info": node_info(node, life),
            }),
        );
    }

    /// A node goes from compiling to executing.
    pub fn phase(&self, name: &'static str, node: &Node, life: &Life) {
        let verb = if name == "NodeCompiling" { "compiling" } else { "executing" };
        self.emit(
            name,
            Level::Debug,
            format!("Began {verb} node {}", node.unique_id),
            json!({"node_info": node_info(node, life)}),
        );
    }

    /// The line of a node that ended.
    #[allow(clippy::too_many_arguments)]
    pub fn result_line(
        &self,
        node: &Node,
        place: (usize, usize),
        life: &Life,
        status: &str,
        message: Option<&str>,
        rows: Option<i64>,
        failures: Option<i64>,
        seconds: f64,
        group: &Json,
    ) {
        let failed = matches!(status, "error" | "fail" | "runtime error");
        let mut level = if failed { Level::Error } else { Level::Info };
        let shown = match rows {
            // `INSERT 113` says it already.
            Some(n) if n >= 0 && !failed && !message.is_some_and(|m| m.contains(char::is_numeric)) => {
                format!("{} {}", message.unwrap_or("OK"), pluralize(n.unsigned_abs() as usize, "row"))
            }
            _ => message.unwrap_or("OK").to_owned(),
        };
        let description = describe(node);
        let (name, verb, text) = match node.resource_type {
            ResourceType::Test | ResourceType::UnitTest => {
                if status == "warn" {
                    level = Level::Warn;
                }
                let text = match status {
                    "pass" => "PASS".to_owned(),
                    "warn" => format!("WARN {}", failures.unwrap_or(0)),
                    "fail" => format!("FAIL {}", failures.unwrap_or(0)),
                    _ => "ERROR".to_owned(),
                };
                ("LogTestResult", format!("{text} {}", test_name(node)), text)
            }
            ResourceType::Seed => (
                "LogSeedResult",
                format!("{} {description}", if failed { "ERROR loading" } else { "OK loaded" }),
                if failed { "ERROR".into() } else { shown },
            ),
            ResourceType::Snapshot => (
                "LogSnapshotResult",
                format!("{} {description}", if failed { "ERROR snapshotting" } else { "OK snapshotted" }),
                if failed { "ERROR".into() } else { shown },
            ),
            _ => (
                "LogModelResult",
                format!("{} {description}", if failed { "ERROR creating" } else { "OK created" }),
                if failed { "ERROR".into() } else { shown },
            ),
        };
        self.emit(
            name,
            level,
            fancy(self.width, Some(place), &verb, &text, Some(seconds)),
            json!({
                "description": description,
                "name": test_name(node),
                "status": if failed || matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest) { status } else { message.unwrap_or(status) },
                "result_message": message,
                "index": place.0,
                "total": place.1,
                "num_models": place.1,
                "num_failures": failures.unwrap_or(0),
                "execution_time": seconds,
                "schema": &*node.schema,
                "relation": &*node.alias,
                "group": group,
                "attached_node": node.attached_node.as_deref(),
                "node_info": node_info(node, life),
            }),
        );
    }

    /// A node ended.
    pub fn finished(&self, node: &Node, life: &Life, result: &Json) {
        self.emit(
            "NodeFinished",
            Level::Debug,
            format!("Finished running node {}", node.unique_id),
            json!({"node_info": node_info(node, life), "run_result": result}),
        );
    }

    /// A node is skipped.
    pub fn skipped(&self, node: &Node, place: (usize, usize), life: &Life, group: &Json) {
        let what = match node.resource_type {
            ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => {
                format!("SKIP relation {}.{}", node.schema, node.name)
            }
            other => format!("SKIP {} {}", other.as_str(), node.name),
        };
        self.emit(
            "SkippingDetails",
            Level::Info,
            fancy(self.width, Some(place), &what, "SKIP", None),
            json!({
                "resource_type": node.resource_type.as_str(),
                "schema": &*node.schema,
                "node_name": &*node.name,
                "index": place.0,
                "total": place.1,
                "group": group,
                "node_info": node_info(node, life),
            }),
        );
    }

    /// A node is skipped because an ephemeral parent does not compile.
    pub fn skipped_by_ephemeral(&self, node: &Node, place: (usize, usize), cause: &str) {
        self.emit(
            "LogSkipBecauseError",
            Level::Error,
            fancy(
                self.width,
                Some(place),
                &format!("SKIP relation {}.{} due to ephemeral model status '{cause}'", node.schema, node.name),
                "ERROR SKIP",
                None,
            ),
            json!({"schema": &*node.schema, "relation": &*node.name, "index": place.0, "total": place.1, "status": cause}),
        );
    }

    /// An exposure or saved query whose parents ended.
    pub fn no_op(
        &self,
        kind: ResourceType,
        name: &str,
        unique_id: &str,
        place: (usize, usize),
        skipped: bool,
    ) {
        let kind = kind.as_str().replace('_', " ");
        let data = json!({
            "description": format!("{kind} {name}"),
            "index": place.0,
            "total": place.1,
            "node_info": {"unique_id": unique_id, "node_name": name},
        });
        if skipped {
            let line = fancy(self.width, Some(place), &format!("SKIP {kind} {name}"), "SKIP", None);
            self.emit("SkippingDetails", Level::Info, line, data);
        } else {
            let line = fancy(self.width, Some(place), &format!("NO-OP {kind} {name}"), "NO-OP", Some(0.0));
            self.emit("LogNodeNoOpResult", Level::Info, line, data);
        }
    }

    /// Children of a failed node will be skipped.
    pub fn mark_skipped(&self, node: &Node, status: &str) {
        self.emit(
            "MarkSkippedChildren",
            Level::Debug,
            format!(
                "Marking all children of '{}' to be skipped because of status '{status}'.",
                node.unique_id
            ),
            json!({"unique_id": &*node.unique_id, "status": status}),
        );
    }

    /// A hook of the project begins.
    pub fn hook_started(&self, node: &Node, hook: &str, place: (usize, usize)) {
        self.emit(
            "LogHookStartLine",
            Level::Info,
            fancy(self.width, Some(place), &format!("START hook: {hook}"), "RUN", None),
            json!({"statement": hook, "index": place.0, "total": place.1, "node_info": node_info(node, &Life::default())}),
        );
    }

    /// A hook of the project ended.
    pub fn hook_ended(&self, node: &Node, hook: &str, place: (usize, usize), status: &str, seconds: f64) {
        let (verb, shown) = match status {
            "success" => ("OK", "OK"),
            "skipped" => ("SKIP", "SKIP"),
            _ => ("ERROR", "ERROR"),
        };
        self.emit(
            "LogHookEndLine",
            if status == "error" { Level::Error } else { Level::Info },
            fancy(self.width, Some(place), &format!("{verb} hook: {hook}"), shown, Some(seconds)),
            json!({
                "statement": hook,
                "status": status,
                "index": place.0,
                "total": place.1,
                "execution_time": seconds,
                "node_info": node_info(node, &Life::default()),
            }),
        );
    }

    /// A line without a place in a run.
    pub fn note(&self, name: &'static str, level: Level, message: impl Into<String>) {
        self.emit(name, level, message.into(), json!({}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_filled_with_dots_to_its_width() {
        assert_eq!(fancy(20, Some((1, 2)), "OK x", "OK", Some(0.128)), "1 of 2 OK x ........ [OK in 0.13s]");
        assert_eq!(fancy(3, None, "START hook", "RUN", None), "START hook  [RUN]");
    }
}
