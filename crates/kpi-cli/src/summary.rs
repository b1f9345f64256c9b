//! The end of a run: what failed in words, where its SQL lies, what to do next, and the counts.

use crate::messages::Messages;
use kpi_artifacts::{NodeResult, NodeStatus};
use kpi_diagnostics::Level;
use kpi_engine::{Life, group_of, node_info, result_info};
use kpi_manifest::{Manifest, Node, ResourceType};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// More commands than these would be a wall of text.
const NEXT_STEPS: usize = 5;

/// `1 error`, `2 errors`
fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// What a result counts as in the last line.
fn class(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Error | NodeStatus::Fail | NodeStatus::PartialSuccess | NodeStatus::RuntimeError => {
            "error"
        }
        NodeStatus::Skipped => "skip",
        NodeStatus::Warn => "warn",
        NodeStatus::Pass | NodeStatus::Success => "pass",
        NodeStatus::NoOp => "noop",
    }
}

/// Whether a run with these results succeeded: nothing failed and nothing was skipped (exposures do not count).
pub fn succeeded(manifest: &Manifest, results: &[NodeResult]) -> bool {
    results.iter().all(|r| match r.status {
        NodeStatus::Skipped => manifest.exposures.contains_key(&*r.unique_id),
        status => !status.is_failure(),
    })
}

/// `2 seeds, 3 table models, 8 data tests`
fn kinds(manifest: &Manifest, results: &[NodeResult]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for result in results {
        let kind = match node_of(manifest, &result.unique_id) {
            Some(node) => match node.resource_type {
                ResourceType::Model => format!("{} model", node.config.materialized()),
                ResourceType::Operation => "project hook".to_owned(),
                other => other.as_str().to_owned(),
            },
            None => result.unique_id.split('.').next().unwrap_or("node").to_owned(),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let named: Vec<String> = counts
        .into_iter()
        .map(|(kind, n)| match (kind.as_str(), n) {
            (_, 1) => format!("1 {}", kind.replace('_', " ")),
            ("test", _) => format!("{n} data tests"),
            ("analysis", _) => format!("{n} analyses"),
            ("saved_query", _) => format!("{n} saved queries"),
            _ => format!("{n} {}s", kind.replace('_', " ")),
        })
        .collect();
    named.join(", ")
}

fn node_of<'a>(manifest: &'a Manifest, unique_id: &str) -> Option<&'a Node> {
    manifest.node_ids.get(unique_id).and_then(|id| manifest.nodes.get(id.0 as usize))
}

/// The results of all nodes, for machines.
pub fn ended(messages: &Messages, manifest: &Manifest, results: &[NodeResult], elapsed: f64) {
    let infos: Vec<Json> = results.iter().map(result_info).collect();
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    messages.say_with(
        "EndRunResult",
        Level::Debug,
        "Command end result",
        json!({
            "results": infos,
            "elapsed_time": elapsed,
            "generated_at": now,
            "success": succeeded(manifest, results),
        }),
    );
}

/// `Finished running 3 seeds, 22 data tests in 0 hours 0 minutes and 1.19 seconds (1.19s).`
pub fn finished(messages: &Messages, manifest: &Manifest, results: &[NodeResult], elapsed: f64) {
    let kinds = kinds(manifest, results);
    let whole = elapsed.max(0.0);
    let hours = (whole / 3600.0).floor();
    let minutes = ((whole - hours * 3600.0) / 60.0).floor();
    let seconds = whole - hours * 3600.0 - minutes * 60.0;
    let execution = format!(" in {hours:.0} hours {minutes:.0} minutes and {seconds:.2} seconds");
    messages.blank();
    messages.say_with(
        "FinishedRunningStats",
        Level::Info,
        format!("Finished running {kinds}{execution} ({elapsed:.2}s)."),
        json!({"stat_line": kinds, "execution": execution, "execution_time": elapsed}),
    );
}

/// A node's fields in the events about its result.
fn info(manifest: &Manifest, result: &NodeResult) -> Json {
    let steps = || result.timing.iter();
    let life = Life {
        status: result.status.as_str(),
        started: steps().find_map(|step| step.started_at),
        finished: steps().rev().find_map(|step| step.completed_at),
    };
    match node_of(manifest, &result.unique_id) {
        Some(node) => node_info(node, &life),
        None => json!({"unique_id": &*result.unique_id, "node_status": life.status}),
    }
}

/// The name of a unit test; of one of a versioned model with the version.
fn unit_test_name(test: &Json) -> String {
    let name = test.get("name").and_then(Json::as_str).unwrap_or_default();
    match test.get("version").filter(|version| !version.is_null()) {
        Some(version) => format!("{name}_v{}", kpi_manifest::version_text(version)),
        None => name.to_owned(),
    }
}

/// The lines about one result that needs a look.
pub fn describe(messages: &Messages, manifest: &Manifest, result: &NodeResult, warning: bool) {
    let node = node_of(manifest, &result.unique_id);
    let info = info(manifest, result);
    let said = result.message.as_deref().filter(|m| !m.is_empty());
    if !matches!(result.status, NodeStatus::Error | NodeStatus::Fail | NodeStatus::RuntimeError) && !warning {
        // Skipped because of something upstream: that one has lines of its own.
        if let Some(message) = said {
            messages.say_with(
                "RunResultError",
                Level::Debug,
                format!("  {message}"),
                json!({"msg": message, "node_info": info}),
            );
        }
        return;
    }
    let unit_test = manifest.other.get("unit_tests").and_then(|tests| tests.get(&*result.unique_id));
    let versioned = unit_test.map(unit_test_name).unwrap_or_default();
    let (resource, name, path) = match (node, unit_test) {
        (Some(node), _) => (node.resource_type.as_str(), &*node.name, &*node.original_file_path),
        (None, Some(test)) => (
            "unit_test",
            &*versioned,
            test.get("original_file_path").and_then(Json::as_str).unwrap_or_default(),
        ),
        (None, None) => ("node", &*result.unique_id, ""),
    };
    messages.blank();
    let place = if path.is_empty() { String::new() } else { format!(" ({path})") };
    let group = node.and_then(|node| group_of(manifest, node));
    let with_group = |mut fields: Json| {
        if let (Some(fields), Some(group)) = (fields.as_object_mut(), &group) {
            fields.insert("group".to_owned(), group.clone());
        }
        fields
    };
    let fields =
        with_group(json!({"resource_type": resource, "node_name": name, "path": path, "node_info": info}));
    if warning {
        messages.say_with(
            "RunResultWarning",
            Level::Warn,
            format!("Warning in {resource} {name}{place}"),
            fields,
        );
    } else {
        messages.say_with(
            "RunResultFailure",
            Level::Error,
            format!("Failure in {resource} {name}{place}"),
            fields,
        );
    }
    match said {
        Some(message) if warning => {
            messages.say_with(
                "RunResultWarningMessage",
                Level::Warn,
                format!("  {message}"),
                json!({"msg": message, "node_info": info}),
            );
        }
        Some(message) => {
            messages.say_with(
                "RunResultError",
                Level::Error,
                format!("  {message}"),
                with_group(json!({"msg": message, "node_info": info})),
            );
        }
        None => {
            let status = result.status.as_str();
            messages.say_with(
                "RunResultErrorNoMessage",
                Level::Error,
                format!("  Status: {status}"),
                json!({"status": status, "node_info": info}),
            );
        }
    }
    let Some(node) = node else { return };
    if let Some(path) = node.compiled_path.as_deref()
        && !said.is_some_and(|m| m.contains("compiled code at"))
    {
        messages.blank();
        messages.say_with(
            "SQLCompiledPath",
            Level::Info,
            format!("  compiled code at {path}"),
            json!({"path": path, "node_info": info}),
        );
    }
    if node.resource_type == ResourceType::Test
        && let Some(relation) = node.relation_name.as_deref()
    {
        let query = format!("select * from {relation}");
        let border = "-".repeat(query.chars().count());
        messages.blank();
        messages.say_with(
            "CheckNodeTestFailure",
            Level::Info,
            format!("  See test failures:\n  {border}\n  {query}\n  {border}"),
            json!({"relation_name": relation, "node_info": info}),
        );
    }
}

/// Commands that help on from here.
fn next_steps(manifest: &Manifest, results: &[NodeResult]) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let failed = |r: &&NodeResult| r.status.is_failure();
    for result in results.iter().filter(failed) {
        let Some(node) = node_of(manifest, &result.unique_id) else { continue };
        let step =
            match (node.resource_type, node.attached_node.as_deref().and_then(|id| node_of(manifest, id))) {
                (ResourceType::Test, Some(tested)) => (
                    format!("kpi build --select {}+", tested.name),
                    "once its data are right: it, its tests and all that depends on it".to_owned(),
                ),
                (ResourceType::Test, None) => {
                    (format!("kpi test --select {}", node.name), "the test alone, again".to_owned())
                }
                (ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot, _) => (
                    format!("kpi build --select {}+", node.name),
                    format!("once {} is right: it and all that depends on it", node.original_file_path),
                ),
                _ => continue,
            };
        if !steps.iter().any(|(command, _)| *command == step.0) {
            steps.push(step);
        }
        if steps.len() > NEXT_STEPS {
            steps.pop();
            steps.push(("kpi build".to_owned(), "everything again".to_owned()));
            break;
        }
    }
    steps
}

/// The whole end of a run.
pub fn end(messages: &Messages, manifest: &Manifest, results: &[NodeResult], interrupted: bool) {
    let mut errors: Vec<&NodeResult> = Vec::new();
    let mut warnings: Vec<&NodeResult> = Vec::new();
    let mut partial = 0;
    for result in results {
        match result.status {
            NodeStatus::RuntimeError | NodeStatus::Error | NodeStatus::Fail => errors.push(result),
            NodeStatus::Skipped => {
                if result.message.as_deref().is_some_and(|m| !m.is_empty())
                    && !manifest.exposures.contains_key(&*result.unique_id)
                {
                    errors.push(result);
                }
            }
            NodeStatus::Warn => warnings.push(result),
            NodeStatus::PartialSuccess => partial += 1,
            NodeStatus::Pass | NodeStatus::Success | NodeStatus::NoOp => {}
        }
    }
    let partially =
        if partial == 1 { "1 partial success".to_owned() } else { format!("{partial} partial successes") };
    let warned = plural(warnings.len(), "warning");
    let (level, text) = if interrupted {
        (Level::Info, "Exited because of keyboard interrupt".to_owned())
    } else if !errors.is_empty() {
        (Level::Info, format!("Completed with {}, {partially}, and {warned}:", plural(errors.len(), "error")))
    } else if partial > 0 {
        (Level::Info, format!("Completed with {partially} and {warned}"))
    } else if !warnings.is_empty() {
        (Level::Info, format!("Completed with {warned}:"))
    } else {
        (Level::Info, "Completed successfully".to_owned())
    };
    messages.blank();
    messages.say_with(
        "EndOfRunSummary",
        level,
        text,
        json!({
            "num_errors": errors.len(),
            "num_warnings": warnings.len(),
            "num_partial_success": partial,
            "keyboard_interrupt": interrupted,
        }),
    );
    for error in &errors {
        describe(messages, manifest, error, false);
    }
    for warning in &warnings {
        describe(messages, manifest, warning, true);
    }
    let steps = next_steps(manifest, results);
    if !steps.is_empty() && !interrupted {
        let width = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        let lines: Vec<String> = steps
            .iter()
            .map(|(command, why)| {
                format!("  {command}{}  {why}", " ".repeat(width - command.chars().count()))
            })
            .collect();
        messages.blank();
        messages.say("Note", Level::Info, format!("Next:\n{}", lines.join("\n")));
    }
    stats(messages, results);
}

/// `Done. PASS=5 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=5`
fn stats(messages: &Messages, results: &[NodeResult]) {
    let count = |wanted: &str| results.iter().filter(|r| class(r.status) == wanted).count();
    let (pass, warn, error, skip, noop) =
        (count("pass"), count("warn"), count("error"), count("skip"), count("noop"));
    let total = results.len();
    messages.blank();
    messages.say_with(
        "StatsLine",
        Level::Info,
        format!("Done. PASS={pass} WARN={warn} ERROR={error} SKIP={skip} NO-OP={noop} TOTAL={total}"),
        json!({"stats": {"error": error, "skip": skip, "pass": pass, "warn": warn, "noop": noop, "total": total}}),
    );
}
