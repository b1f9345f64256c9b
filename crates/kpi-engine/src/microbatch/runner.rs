//! The batches of one model in a run: which there are, how each is built, what came of all.

use super::periods::{BatchSize, Stretch, Wanted, written};
use super::{Batch, EventTimeOptions};
use crate::engine::Engine;
use crate::node_info::{Life, node_info};
use crate::node_run::Outcome;
use crate::report::fancy;
use crate::scope::NodeScope;
use chrono::{DateTime, Utc};
use kpi_adapter::{NodeConnection, Relation, RelationType, ResponseObject};
use kpi_artifacts::{BatchResults, NodeStatus};
use kpi_diagnostics::{Event, Level};
use kpi_jinja::python::modules::datetime::from_isoformat;
use kpi_jinja::{Args, Error, ErrorKind, Result};
use kpi_manifest::{Node, NodeId};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What came of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Built {
    Yes,
    No,
}

/// A model that is built in batches.
pub(crate) struct BatchRun {
    node: NodeId,
    size: BatchSize,
    stretches: Vec<Stretch>,
    /// Whether the first batch is added to a table that is there.
    incremental: bool,
    /// Whether the batches between the first and the last may run side by side.
    pub side_by_side: bool,
    /// Of a retry: batches that were built before.
    earlier: Vec<(String, String)>,
    /// By position; `None`: not begun, because the run was broken off.
    built: Mutex<Vec<Option<Built>>>,
    /// For structured logs.
    group: Option<Json>,
}

impl BatchRun {
    /// How many batches there are.
    pub fn len(&self) -> usize {
        self.stretches.len()
    }

    /// Whether a batch was built.
    pub fn is_built(&self, index: usize) -> bool {
        self.built.lock().get(index) == Some(&Some(Built::Yes))
    }

    fn note(&self, index: usize, built: Built) {
        if let Some(place) = self.built.lock().get_mut(index) {
            *place = Some(built);
        }
    }

    fn batch(&self, index: usize) -> Option<Batch> {
        let (start, end) = *self.stretches.get(index)?;
        Some(Batch {
            id: self.size.id(start),
            label: self.size.label(start),
            start,
            end,
            first: index == 0,
            last: index + 1 == self.stretches.len(),
            // After the first batch there is a table, and what it holds stays.
            incremental: index > 0 || self.incremental,
            building: AtomicBool::new(false),
            written: Mutex::default(),
        })
    }

    /// One batch over the time of all, for a look at what they read together.
    pub fn whole(&self) -> Option<Batch> {
        let mut batch = self.batch(0)?;
        batch.end = self.stretches.last()?.1;
        batch.building = AtomicBool::new(true);
        Some(batch)
    }

    /// What came of all batches together.
    pub fn outcome(&self) -> Outcome {
        let mut results = BatchResults::default();
        for ((start, end), built) in self.stretches.iter().zip(self.built.lock().iter()) {
            let list = if *built == Some(Built::Yes) { &mut results.successful } else { &mut results.failed };
            list.push((written(*start), written(*end)));
        }
        let (good, bad) = (results.successful.len(), results.failed.len());
        let (status, message) = match (good, bad) {
            (_, 0) => (NodeStatus::Success, "SUCCESS".to_owned()),
            (0, _) => (NodeStatus::Error, "ERROR".to_owned()),
            _ => (NodeStatus::PartialSuccess, format!("PARTIAL SUCCESS ({good}/{})", good + bad)),
        };
        results.successful.extend(self.earlier.iter().cloned());
        let mut outcome = Outcome::of(status);
        outcome.message = Some(message);
        outcome.failures = Some(0);
        outcome.batches = Some(results);
        outcome
    }
}

impl Engine {
    /// Whether the model is built in batches.
    pub(crate) fn in_batches(&self, node: &Node) -> bool {
        node.is_microbatch()
            && *self.batches.get_or_init(|| self.manifest.batches_microbatch(&self.options.flags))
    }

    /// The batches of a model.
    ///
    /// # Errors
    /// A config that gives none; the database does not say whether the table is there.
    pub(crate) fn plan_batches(
        self: &Arc<Self>,
        id: NodeId,
        connection: &Arc<NodeConnection>,
        group: Option<Json>,
    ) -> Result<BatchRun> {
        let node = &self.manifest.nodes[id.0 as usize];
        let size = node.config.str("batch_size").and_then(BatchSize::of).ok_or_else(|| {
            Error::new(
                ErrorKind::Runtime,
                format!(
                    "Microbatch model '{}' does not have a 'batch_size' config (one of ['hour', 'day', 'month', 'year'])",
                    node.name
                ),
            )
        })?;
        let relation = self.relation_of(node, id, connection)?;
        let times = &self.options.event_time;
        // A retry adds to the batches that were built, also to those of a full refresh.
        let rebuilds = self.full_refresh(node) && !times.earlier.contains_key(&*node.unique_id);
        let incremental =
            relation.as_ref().is_some_and(|found| found.kind == Some(RelationType::Table) && !rebuilds);
        let (stretches, earlier) = match times.earlier.get(&*node.unique_id) {
            Some(earlier) => (failed_before(earlier, node)?, earlier.successful.clone()),
            None => (stretches(node, size, incremental, times)?, Vec::new()),
        };
        Ok(BatchRun {
            node: id,
            size,
            incremental,
            side_by_side: self.side_by_side(node),
            earlier,
            built: Mutex::new(vec![None; stretches.len()]),
            stretches,
            group,
        })
    }

    /// The model's relation, if there is one.
    fn relation_of(
        self: &Arc<Self>,
        node: &Node,
        id: NodeId,
        connection: &Arc<NodeConnection>,
    ) -> Result<Option<Relation>> {
        if let Some(known) = self.cache.lookup(node.database.as_deref(), &node.schema, &node.alias) {
            return Ok(known);
        }
        let scope = self.scope_for(id, connection.clone());
        let found = scope.interp().call_named("load_relation", Args::of([node.relation().into_value()]))?;
        Ok(Relation::from_value(&found).map(|relation| (*relation).clone()))
    }

    pub(crate) fn full_refresh(&self, node: &Node) -> bool {
        let flag = || self.options.flags.get("full_refresh").and_then(Json::as_bool);
        node.config.get("full_refresh").and_then(|own| own.as_bool()).or_else(flag).unwrap_or(false)
    }

    /// What `concurrent_batches` says; otherwise batches wait for one another if the model reads itself.
    fn side_by_side(&self, node: &Node) -> bool {
        if let Some(said) = node.config.get("concurrent_batches").and_then(|said| said.as_bool()) {
            return said;
        }
        let template = node.template.and_then(|at| self.manifest.templates.get(at as usize));
        !template.is_some_and(|template| template.reads_name("this"))
    }

    /// Builds one batch and tells what came of it; a batch that `skip` leaves out counts as failed.
    pub(crate) fn run_batch(
        self: &Arc<Self>,
        run: &BatchRun,
        index: usize,
        connection: &Arc<NodeConnection>,
        skip: bool,
    ) {
        let Some(batch) = run.batch(index) else { return };
        let node = &self.manifest.nodes[run.node.0 as usize];
        let batch = Arc::new(batch);
        let line = Line {
            engine: self,
            run,
            node,
            index,
            what: format!("batch {} of {}.{}", batch.label, node.schema, node.alias),
        };
        if skip {
            run.note(index, Built::No);
            line.ended("skipped", Level::Info, 0.0);
            return;
        }
        line.started();
        let clock = Instant::now();
        let built = self.build_batch(run.node, node, &batch, connection);
        let seconds = clock.elapsed().as_secs_f64();
        match built {
            Ok(message) => {
                run.note(index, Built::Yes);
                line.ended(&message, Level::Info, seconds);
            }
            Err(error) => {
                run.note(index, Built::No);
                line.failed(&self.batch_error(node, &batch, &error));
                line.ended("error", Level::Error, seconds);
            }
        }
    }

    /// Gives what the database said.
    fn build_batch(
        self: &Arc<Self>,
        id: NodeId,
        node: &Node,
        batch: &Arc<Batch>,
        connection: &Arc<NodeConnection>,
    ) -> Result<String> {
        let comment = self.query_comment(Some(id), connection).map_err(crate::failures::carried)?;
        connection.assign(node.unique_id.clone(), comment);
        let mut scope = NodeScope::new(self, Some(id), node.package_name.clone(), connection.clone());
        scope.batch = Some(batch.clone());
        let scope = Arc::new(scope);
        let built = self.compile(&scope, 0).and_then(|_| {
            batch.building.store(true, Ordering::Relaxed);
            self.materialize_relation(node, &scope)
        });
        let undone = connection.rollback();
        let main = built?;
        undone.map_err(|error| Error::new(ErrorKind::Database, error.message))?;
        Ok(main
            .response
            .downcast_ref::<ResponseObject>()
            .map_or_else(|| main.response.to_string(), |response| response.0.message.clone()))
    }

    /// The error of a batch, with where its SQL can be read.
    fn batch_error(&self, node: &Node, batch: &Batch, error: &Error) -> String {
        let mut text = self.diagnostic(node, error).render();
        let written = batch.written.lock().clone();
        let compiled = || {
            let path = batch.path(&self.artifact_path("compiled", node));
            self.project.root.join(&path).is_file().then(|| Arc::from(path))
        };
        if let Some(path) = written.or_else(compiled) {
            text.push_str(&format!("\n  compiled code at {path}"));
        }
        text
    }
}

/// The batches that a config and a call ask for.
fn stretches(
    node: &Node,
    size: BatchSize,
    incremental: bool,
    times: &EventTimeOptions,
) -> Result<Vec<Stretch>> {
    let begin = node.config.str("begin").and_then(from_isoformat).map(|(clock, _)| clock);
    let lookback = node.config.get("lookback").map_or(1, |said| match said {
        Json::Bool(flag) => i64::from(flag),
        said => said.as_i64().unwrap_or(1),
    });
    let window = times.sample.or(times.window);
    let wanted = Wanted {
        size,
        begin,
        lookback,
        incremental,
        start: window.map(|(start, _)| start),
        end: window.map(|(_, end)| end),
        now: times.now,
    };
    wanted.stretches().map_err(|_| {
        Error::new(
            ErrorKind::Runtime,
            format!(
                "The batches of microbatch model '{}' reach beyond the calendar (years 1 to 9999)",
                node.name
            ),
        )
        .with_hint("look at its 'lookback' and 'begin', and at --event-time-start and --event-time-end")
    })
}

/// The batches of an earlier run that failed.
fn failed_before(earlier: &BatchResults, node: &Node) -> Result<Vec<Stretch>> {
    let moment = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc));
    earlier
        .failed
        .iter()
        .map(|(start, end)| {
            moment(start).zip(moment(end)).ok_or_else(|| {
                Error::new(
                    ErrorKind::Runtime,
                    format!(
                        "The earlier results of microbatch model '{}' name a batch '{start}' to '{end}', which are no \
                         moments",
                        node.name
                    ),
                )
            })
        })
        .collect()
}

/// The lines of a batch.
struct Line<'a> {
    engine: &'a Engine,
    run: &'a BatchRun,
    node: &'a Node,
    index: usize,
    what: String,
}

impl Line<'_> {
    fn emit(&self, name: &'static str, level: Level, message: String, life: &'static str, more: Json) {
        let life = Life { status: life, ..Life::default() };
        let mut data = Map::new();
        data.insert("description".into(), self.what.as_str().into());
        data.insert("batch_index".into(), (self.index + 1).into());
        data.insert("total_batches".into(), self.run.len().into());
        data.insert("node_info".into(), node_info(self.node, &life));
        data.extend(more.as_object().cloned().unwrap_or_default());
        self.engine.sink.emit(Event { name, level, message, data });
    }

    fn line(&self, text: &str, status: &str, seconds: Option<f64>) -> String {
        let place = Some((self.index + 1, self.run.len()));
        format!("Batch {}", fancy(self.engine.options.printer_width, place, text, status, seconds))
    }

    fn started(&self) {
        let line = self.line(&format!("START {}", self.what), "RUN", None);
        self.emit("LogStartBatch", Level::Info, line, "started", json!({}));
    }

    /// `status`: `error`, `skipped`, or what the database said.
    fn ended(&self, status: &str, level: Level, seconds: f64) {
        let (verb, shown) = match status {
            "error" => ("ERROR creating", "ERROR"),
            "skipped" => ("SKIP", "SKIPPED"),
            said => ("OK created", said),
        };
        let line = self.line(&format!("{verb} {}", self.what), shown, Some(seconds));
        let life = match status {
            "error" => "error",
            "skipped" => "skipped",
            _ => "success",
        };
        let more = json!({"status": status, "execution_time": seconds, "group": self.run.group});
        self.emit("LogBatchResult", level, line, life, more);
    }

    fn failed(&self, error: &str) {
        let message = format!("Error in {}\n{error}", self.what);
        let more = json!({"unique_id": &*self.node.unique_id, "exc": error});
        self.emit("GenericExceptionOnRun", Level::Error, message, "error", more);
    }
}

impl Engine {
    /// Tells those who look for it whether a batch runs beside others.
    pub(crate) fn tell_batch_order(&self, run: &BatchRun, index: usize, side_by_side: bool) {
        let (Some((start, _)), Some(node)) = (run.stretches.get(index), self.manifest.node_at(run.node))
        else {
            return;
        };
        let how = if side_by_side { "concurrently" } else { "sequentially" };
        let label = run.size.label(*start);
        let message = format!("batch {label} of {}.{} is being run {how}", node.schema, node.alias);
        self.sink
            .emit(Event::new("MicrobatchExecutionDebug", Level::Debug, message.clone()).with("msg", message));
    }
}
