//! The events of a run: one line per node with status, relation, rows and time, in dbt's names and fields.

use crate::node_info::{Life, bare_info, node_info, result_info, texts};
use kpi_artifacts::NodeResult;
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
    /// The model that is told of runs in batches.
    pub in_batches: bool,
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
        ResourceType::Function => format!("function {}", representation(node)),
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

    /// What a node is called in its lines.
    fn describe(&self, node: &Node) -> String {
        match self.in_batches {
            true => format!("{} microbatch model {}", node.language, representation(node)),
            false => describe(node),
        }
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
        let description = self.describe(node);
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

    /// A node compiles or executes from now on; gives its `node_info`.
    pub fn phase(&self, name: &'static str, node: &Node, life: &Life) -> Json {
        let verb = if name == "NodeCompiling" { "compiling" } else { "executing" };
        let info = node_info(node, life);
        self.emit(
            name,
            Level::Debug,
            format!("Began {verb} node {}", node.unique_id),
            json!({"node_info": info.clone()}),
        );
        info
    }

    /// The line of a node that ended.
    pub fn result_line(
        &self,
        node: &Node,
        place: (usize, usize),
        life: &Life,
        result: &NodeResult,
        rows: Option<i64>,
        group: Option<&Json>,
    ) {
        let status = result.status.as_str();
        let message = result.message.as_deref();
        let failed = matches!(status, "error" | "fail" | "runtime error");
        let mut level = if failed { Level::Error } else { Level::Info };
        let shown = match rows {
            _ if failed => "ERROR".to_owned(),
            // `INSERT 113` says it already.
            Some(n) if n >= 0 && !message.is_some_and(|m| m.contains(char::is_numeric)) => {
                format!("{} {}", message.unwrap_or("OK"), pluralize(n.unsigned_abs() as usize, "row"))
            }
            _ => message.unwrap_or("OK").to_owned(),
        };
        let description = self.describe(node);
        let verb = |good: &str, bad: &str| format!("{} {description}", if failed { bad } else { good });
        let failures = result.failures.unwrap_or(0);
        let (name, line, shown, own) = match node.resource_type {
            ResourceType::Test | ResourceType::UnitTest => {
                let text = match status {
                    "pass" => "PASS".to_owned(),
                    "warn" => {
                        level = Level::Warn;
                        format!("WARN {failures}")
                    }
                    "fail" => format!("FAIL {failures}"),
                    _ => "ERROR".to_owned(),
                };
                let own = json!({
                    "name": test_name(node),
                    "status": status,
                    "num_models": place.1,
                    "num_failures": failures,
                    "attached_node": node.attached_node.as_deref(),
                });
                ("LogTestResult", format!("{text} {}", test_name(node)), text, own)
            }
            ResourceType::Seed => {
                let own = json!({
                    "status": status, "result_message": message, "schema": &*node.schema, "relation": &*node.alias,
                });
                ("LogSeedResult", verb("OK loaded", "ERROR loading"), shown, own)
            }
            ResourceType::Snapshot => {
                let config = node.config.effective();
                let own = json!({
                    "status": status,
                    "description": representation(node),
                    "result_message": message,
                    "cfg": texts(config.iter().filter(|(_, value)| !value.is_null())),
                });
                ("LogSnapshotResult", verb("OK snapshotted", "ERROR snapshotting"), shown, own)
            }
            kind => {
                let own = json!({
                    "description": description, "status": if failed { status } else { message.unwrap_or(status) },
                });
                let name =
                    if kind == ResourceType::Function { "LogFunctionResult" } else { "LogModelResult" };
                let good = if status == "partial success" { "PARTIALLY created" } else { "OK created" };
                (name, verb(good, "ERROR creating"), shown, own)
            }
        };
        let mut data = json!({
            "index": place.0,
            "total": place.1,
            "execution_time": result.execution_time,
            "group": group,
            "node_info": node_info(node, life),
        });
        if let (Some(data), Json::Object(own)) = (data.as_object_mut(), own) {
            data.extend(own);
        }
        self.emit(
            name,
            level,
            fancy(self.width, Some(place), &line, &shown, Some(result.execution_time)),
            data,
        );
    }

    /// A node ended.
    pub fn finished(&self, node: &Node, life: &Life, result: &NodeResult) {
        self.emit(
            "NodeFinished",
            Level::Debug,
            format!("Finished running node {}", node.unique_id),
            json!({"node_info": node_info(node, life), "run_result": result_info(result)}),
        );
    }

    /// A node is skipped.
    pub fn skipped(&self, node: &Node, place: (usize, usize), life: &Life, group: Option<&Json>) {
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
    pub fn skipped_by_ephemeral(
        &self,
        node: &Node,
        place: (usize, usize),
        cause: &str,
        group: Option<&Json>,
    ) {
        self.emit(
            "LogSkipBecauseError",
            Level::Error,
            fancy(
                self.width,
                Some(place),
                &format!(
                    "SKIP relation {}.{} due to ephemeral model status '{cause}'",
                    node.schema, node.name
                ),
                "ERROR SKIP",
                None,
            ),
            json!({
                "schema": &*node.schema,
                "relation": &*node.name,
                "index": place.0,
                "total": place.1,
                "status": cause,
                "group": group,
            }),
        );
    }

    /// An exposure or saved query begins.
    pub fn no_op_started(&self, kind: ResourceType, name: &str, unique_id: &str) {
        self.emit(
            "NodeStart",
            Level::Debug,
            format!("Began running node {unique_id}"),
            json!({"node_info": bare_info(kind.as_str(), name, unique_id, "started")}),
        );
    }

    /// An exposure or saved query ended.
    pub fn no_op_ended(&self, kind: ResourceType, name: &str, result: &NodeResult) {
        let info = bare_info(kind.as_str(), name, &result.unique_id, result.status.as_str());
        self.emit(
            "NodeFinished",
            Level::Debug,
            format!("Finished running node {}", result.unique_id),
            json!({"node_info": info, "run_result": result_info(result)}),
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
        let word = kind.as_str().replace('_', " ");
        let status = if skipped { "skipped" } else { "no-op" };
        let data = json!({
            "description": format!("{word} {name}"),
            "resource_type": kind.as_str(),
            "node_name": name,
            "status": "no-op",
            "index": place.0,
            "total": place.1,
            "node_info": bare_info(kind.as_str(), name, unique_id, status),
        });
        if skipped {
            let line = fancy(self.width, Some(place), &format!("SKIP {word} {name}"), "SKIP", None);
            self.emit("SkippingDetails", Level::Info, line, data);
        } else {
            let line = fancy(self.width, Some(place), &format!("NO-OP {word} {name}"), "NO-OP", Some(0.0));
            self.emit("LogNodeNoOpResult", Level::Info, line, data);
        }
    }

    /// Children of a failed node will be skipped.
    pub fn mark_skipped(&self, node: &Node, result: &NodeResult) {
        let status = result.status.as_str();
        self.emit(
            "MarkSkippedChildren",
            Level::Debug,
            format!(
                "Marking all children of '{}' to be skipped because of status '{status}'.",
                node.unique_id
            ),
            json!({"unique_id": &*node.unique_id, "status": status, "run_result": result_info(result)}),
        );
    }

    /// A hook of the project begins.
    pub fn hook_started(&self, node: &Node, hook: &str, place: (usize, usize), life: &Life) {
        self.emit(
            "LogHookStartLine",
            Level::Info,
            fancy(self.width, Some(place), &format!("START hook: {hook}"), "RUN", None),
            json!({"statement": hook, "index": place.0, "total": place.1, "node_info": node_info(node, life)}),
        );
    }

    /// A hook of the project ended.
    pub fn hook_ended(&self, node: &Node, hook: &str, place: (usize, usize), life: &Life, seconds: f64) {
        let (verb, status) = match life.status {
            "success" => ("OK", "OK"),
            "skipped" => ("SKIP", "SKIP"),
            _ => ("ERROR", "ERROR"),
        };
        self.emit(
            "LogHookEndLine",
            if life.status == "error" { Level::Error } else { Level::Info },
            fancy(self.width, Some(place), &format!("{verb} hook: {hook}"), status, Some(seconds)),
            json!({
                "statement": hook,
                "status": life.status,
                "index": place.0,
                "total": place.1,
                "execution_time": seconds,
                "node_info": node_info(node, life),
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
