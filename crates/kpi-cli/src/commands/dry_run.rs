//! `--dry-run` of `build`, `run`, `test`, `seed` and `snapshot`: what would be done and what it would read. Nothing is
//! written: neither to the database nor into the target folder.

use super::{run, select};
use crate::amounts::{bytes, count, counted};
use crate::interrupt;
use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_adapter::Estimate;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_engine::{DryNode, DryRun, DryState, Task};
use serde_json::{Map, Value as Json, json};

/// Whether the call asks for it.
pub fn asked(matches: &ArgMatches) -> bool {
    matches.try_get_one::<bool>("dry-run").ok().flatten().copied().unwrap_or(false)
}

/// Compiles and explains what is selected, and prints what is known.
pub fn dry_run(session: &Session, task: Task) -> Outcome {
    let mut loaded = session.load(None)?;
    let Some(adapter) = loaded.adapter.looking_only() else {
        let message = "--dry-run: this target cannot be opened without the right to write into it".to_owned();
        return Err(Diagnostic::error("K0020", "Runtime Error", message)
            .with_hint("MotherDuck is one such target; `kpi compile` renders the SQL")
            .into());
    };
    interrupt::cancel_on_interrupt(&adapter);
    loaded.adapter = adapter;
    let selected = select::nodes(session, &loaded, task)?;
    if !selected.is_empty() {
        loaded.defer(session)?;
    }
    let deferring = session.flags.switch("defer");
    let target = loaded.adapter.type_name();
    let (engine, _) = run::engine_with(session, loaded, |options| options.dry_run = true)?;
    let found = engine.dry_run(task, &selected)?;
    let as_json = session.flags.text("output") == Some("json");
    let data = to_json(&found);
    let text = match as_json {
        true => serde_json::to_string_pretty(&data).unwrap_or_default(),
        false => table(&found, target, deferring),
    };
    session.messages.data("DryRun", text.trim_end(), data);
    if found.interrupted {
        session.messages.say("Note", Level::Info, "Exited because of keyboard interrupt");
        return Ok(Ending::Aborted);
    }
    let failed = found.nodes.iter().any(|node| matches!(node.state, DryState::Failed(_)));
    Ok(if failed { Ending::NodeFailed } else { Ending::Good })
}

/// Sums of what is known.
#[derive(Default)]
struct Totals {
    partitions: Option<(u64, u64)>,
    bytes: Option<u64>,
    rows_scanned: Option<u64>,
    estimated: u64,
    nothing: u64,
    unknown: u64,
    failed: u64,
}

impl Totals {
    fn of(found: &DryRun) -> Self {
        let mut totals = Self::default();
        for node in &found.nodes {
            match &node.state {
                DryState::Estimated(estimate) => {
                    totals.estimated += 1;
                    totals.add(estimate);
                }
                DryState::Nothing => totals.nothing += 1,
                DryState::Unknown(_) => totals.unknown += 1,
                DryState::Failed(_) => totals.failed += 1,
            }
        }
        totals
    }

    fn add(&mut self, estimate: &Estimate) {
        if let Some(partitions) = estimate.partitions {
            let (scanned, total) = self.partitions.unwrap_or_default();
            self.partitions =
                Some((scanned.saturating_add(partitions.scanned), total.saturating_add(partitions.total)));
        }
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        };
        add(&mut self.bytes, estimate.bytes);
        add(&mut self.rows_scanned, estimate.rows_scanned);
    }
}

/// `status` and the figures of a node.
fn figures(state: &DryState) -> Map<String, Json> {
    let mut map = Map::new();
    let (status, reason) = match state {
        DryState::Estimated(_) => ("estimated", None),
        DryState::Nothing => ("nothing_read", None),
        DryState::Unknown(reason) => ("unknown", Some(reason)),
        DryState::Failed(message) => ("failed", Some(message)),
    };
    map.insert("status".into(), status.into());
    if let Some(reason) = reason {
        map.insert("reason".into(), reason.as_str().into());
    }
    if let DryState::Estimated(estimate) = state {
        if let Some(partitions) = estimate.partitions {
            map.insert("partitions_assigned".into(), partitions.scanned.into());
            map.insert("partitions_total".into(), partitions.total.into());
        }
        let more = [
            ("bytes_assigned", estimate.bytes),
            ("rows_scanned", estimate.rows_scanned),
            ("rows", estimate.rows),
        ];
        for (key, value) in more {
            if let Some(value) = value {
                map.insert(key.into(), value.into());
            }
        }
    }
    map
}

fn to_json(found: &DryRun) -> Json {
    let nodes: Vec<Json> = found
        .nodes
        .iter()
        .map(|node| {
            let mut entry = Map::new();
            entry.insert("unique_id".into(), (&*node.unique_id).into());
            entry.insert("name".into(), (&*node.name).into());
            entry.insert("resource_type".into(), node.resource_type.into());
            entry.insert("work".into(), node.work.as_str().into());
            entry.extend(figures(&node.state));
            Json::Object(entry)
        })
        .collect();
    let totals = Totals::of(found);
    let mut total = Map::new();
    for (key, value) in [
        ("estimated", totals.estimated),
        ("nothing_read", totals.nothing),
        ("unknown", totals.unknown),
        ("failed", totals.failed),
    ] {
        total.insert(key.into(), value.into());
    }
    if let Some((assigned, all)) = totals.partitions {
        total.insert("partitions_assigned".into(), assigned.into());
        total.insert("partitions_total".into(), all.into());
    }
    for (key, value) in [("bytes_assigned", totals.bytes), ("rows_scanned", totals.rows_scanned)] {
        if let Some(value) = value {
            total.insert(key.into(), value.into());
        }
    }
    json!({"nodes": nodes, "total": total, "hooks_not_run": found.hooks})
}

/// The cells behind a node's name and work.
fn cells(node: &DryNode, target: &str) -> [String; 2] {
    let dash = || "-".to_owned();
    match &node.state {
        DryState::Estimated(estimate) if target == "snowflake" => [
            estimate.partitions.map_or_else(dash, |p| format!("{} of {}", count(p.scanned), count(p.total))),
            estimate.bytes.map_or_else(dash, bytes),
        ],
        DryState::Estimated(estimate) => {
            [estimate.rows_scanned.map_or_else(dash, count), estimate.rows.map_or_else(dash, count)]
        }
        DryState::Nothing => [dash(), dash()],
        DryState::Unknown(_) => ["unknown".to_owned(), dash()],
        DryState::Failed(_) => ["FAILS".to_owned(), dash()],
    }
}

/// The table, what it sums up to, and what could not be estimated.
fn table(found: &DryRun, target: &str, deferring: bool) -> String {
    if found.nodes.is_empty() {
        return "Nothing is selected that would be built or tested".to_owned();
    }
    let heads = if target == "snowflake" { ["partitions", "bytes"] } else { ["rows read", "rows out"] };
    let mut rows: Vec<[String; 4]> =
        vec![["node".to_owned(), "work".to_owned(), heads[0].to_owned(), heads[1].to_owned()]];
    for node in &found.nodes {
        let [first, second] = cells(node, target);
        rows.push([format!("{} {}", node.resource_type, node.name), node.work.clone(), first, second]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for [node, work, first, second] in &rows {
        let line = format!(
            "{node:<w0$}  {work:<w1$}  {first:>w2$}  {second:>w3$}",
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&sums(&Totals::of(found), target));
    let mut missing = false;
    for node in &found.nodes {
        match &node.state {
            DryState::Unknown(reason) => {
                missing |= reason.contains("not built yet");
                text.push_str(&format!("\nunknown: {} {}: {reason}", node.resource_type, node.name));
            }
            DryState::Failed(message) => {
                text.push_str(&format!("\n{}", message.trim_end()));
            }
            _ => {}
        }
    }
    if missing && !deferring {
        text.push_str(
            "\nhint: what is not built here yet can be read where it is: --defer --state DIR, with the artifacts of \
             another environment",
        );
    }
    if found.hooks > 0 {
        text.push_str(&format!("\nnot looked at: {} of the project", counted(found.hooks as u64, "hook")));
    }
    text
}

/// `In all: 34 of 200 partitions, 1.2 GB by 3 nodes; 2 nodes read nothing; 1 unknown`
fn sums(totals: &Totals, target: &str) -> String {
    let nodes = |number: u64| counted(number, "node");
    let mut parts = Vec::new();
    if totals.estimated > 0 {
        let figures = match target {
            "snowflake" => {
                let (scanned, total) = totals.partitions.unwrap_or_default();
                format!(
                    "{} of {}, {}",
                    count(scanned),
                    counted(total, "partition"),
                    bytes(totals.bytes.unwrap_or(0))
                )
            }
            _ => format!("about {} read", counted(totals.rows_scanned.unwrap_or(0), "row")),
        };
        parts.push(format!("{figures} by {}", nodes(totals.estimated)));
    }
    if totals.nothing > 0 {
        let verb = if totals.nothing == 1 { "reads" } else { "read" };
        parts.push(format!("{} {verb} no table", nodes(totals.nothing)));
    }
    if totals.unknown > 0 {
        parts.push(format!("{} unknown", totals.unknown));
    }
    if totals.failed > 0 {
        let verb = if totals.failed == 1 { "fails" } else { "fail" };
        parts.push(format!("{} {verb}", nodes(totals.failed)));
    }
    format!("In all: {}", parts.join("; "))
}
