//! A run from start to end: schemas, relation cache, hooks, the graph, hooks again.

use crate::engine::{Engine, RunSummary, Task};
use crate::microbatch::BatchRun;
use crate::node_info::{Life, group_of, node_info};
use crate::node_run::Outcome;
use crate::plan::Plan;
use crate::report::Reporter;
use crate::scheduler::{self, Share, Start};
use chrono::Utc;
use kpi_adapter::{CostDetail, NodeConnection, Relation};
use kpi_artifacts::{NodeResult, NodeStatus, Timing};
use kpi_diagnostics::{Diagnostic, Level, Running};
use kpi_manifest::{Node, NodeId, ResourceType};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long what runs may go on after the first failure, where that ends the run.
const GRACE: Duration = Duration::from_millis(200);

/// What the workers of a run share.
struct Shared<'a> {
    engine: &'a Arc<Engine>,
    task: Task,
    plan: &'a Plan,
    next: AtomicUsize,
    results: Mutex<Vec<NodeResult>>,
    failed_fast: AtomicBool,
    /// Models that run in batches, by position.
    batch_runs: Mutex<FxHashMap<u32, Arc<BatchRun>>>,
    /// Positions of ephemeral models that did not compile or were skipped, with their error.
    broken_ephemeral: Mutex<FxHashMap<u32, (NodeStatus, String)>>,
}

impl Engine {
    /// See [`Engine::run`].
    pub(crate) fn run_task(
        self: &Arc<Self>,
        task: Task,
        selected: &[Arc<str>],
    ) -> Result<RunSummary, Diagnostic> {
        let clock = Instant::now();
        let unit_tests = matches!(task, Task::Build | Task::Test);
        // A clone needs nothing but the other environment: any order will do.
        let ordered = !matches!(task, Task::Test | Task::Clone);
        let plan = Plan::new(&self.manifest, selected, task == Task::Build, ordered, unit_tests);
        if task == Task::Build {
            // dbt's list of what a build selected has no unit tests: they come with their models.
            let nodes = selected.iter().filter(|id| !id.starts_with("unit_test.")).cloned();
            self.set_selected(&nodes.collect::<Vec<_>>());
        } else {
            self.set_selected(selected);
        }
        // In a build unit tests belong to their models.
        let apart = if task == Task::Build { plan.unit_tests.len() } else { 0 };
        let nodes = plan.counted.saturating_sub(apart);
        self.reporter().concurrency(self.options.threads, &self.options.target_name, nodes);
        let builds =
            matches!(task, Task::Run | Task::Build | Task::Seed | Task::Snapshot | Task::Test | Task::Clone);
        let hooks = self.options.project_hooks
            && matches!(task, Task::Run | Task::Build | Task::Seed | Task::Snapshot | Task::Test);
        if builds && self.options.cost != CostDetail::None {
            self.adapter.watch_costs();
        }
        let master = self.connection("master");
        let mut summary = RunSummary::default();
        let mut start_failed = false;
        if builds || self.options.introspect {
            self.prepare(task, &plan, &master)?;
        }
        if hooks {
            match self.run_hooks("on-run-start", &master, &mut summary.results, |_| Vec::new()) {
                Ok(passed) => start_failed = !passed,
                Err(error) => {
                    master.close();
                    summary.broken = Some(error);
                    summary.elapsed = clock.elapsed().as_secs_f64();
                    return Ok(summary);
                }
            }
        }
        let shared = Shared {
            engine: self,
            task,
            plan: &plan,
            next: AtomicUsize::new(0),
            results: Mutex::new(Vec::with_capacity(plan.counted)),
            failed_fast: AtomicBool::new(false),
            batch_runs: Mutex::new(FxHashMap::default()),
            broken_ephemeral: Mutex::new(FxHashMap::default()),
        };
        if start_failed && self.options.skip_nodes_if_on_run_start_fails {
            for (i, node) in self.manifest.nodes.iter().enumerate() {
                if plan.selected[i] && !node.is_ephemeral() {
                    shared.skip(i as u32, None);
                }
            }
            for i in plan.selected.len() - plan.unit_tests.len()..plan.selected.len() {
                shared.skip(i as u32, None);
            }
        } else {
            let left = scheduler::run_with_parts(
                &plan.graph,
                shared.workers(),
                &|| self.options.interrupted.load(Ordering::Relaxed),
                &|index| self.connection(&format!("worker-{}", index + 1)),
                &|connection, job, start, share| shared.job(connection, job, start, share),
                &|connection, job, part| shared.batch(connection, job, part),
            );
            shared.skip_the_rest(&left);
        }
        summary.interrupted = self.options.interrupted.load(Ordering::Relaxed);
        let mut results = shared.results.into_inner();
        summary.results.append(&mut results);
        if hooks && !summary.interrupted {
            if builds && self.hook_count("on-run-end") > 0 {
                // The hooks see what the nodes cost.
                summary.cost = self.measure(&master, &mut summary.results, clock.elapsed());
            }
            let names = |results: &[NodeResult]| self.end_hook_names(results);
            summary.broken = self.run_hooks("on-run-end", &master, &mut summary.results, names).err();
        }
        self.write_validations()
            .map_err(|error| Diagnostic::error("K0901", "Runtime Error", error.message().to_owned()))?;
        summary.elapsed = clock.elapsed().as_secs_f64();
        if builds && !summary.interrupted {
            summary.cost = self.measure(&master, &mut summary.results, clock.elapsed());
        }
        master.close();
        Ok(summary)
    }

    /// Whether a test keeps the rows that it finds: by its config or, without one, by the flag.
    pub(crate) fn stores_failures(&self, node: &Node) -> bool {
        node.resource_type == ResourceType::Test
            && (node.config.store_failures()
                || (node.config.get("store_failures").is_none_or(|v| v.is_null())
                    && self.options.flags.get("store_failures").and_then(Json::as_bool) == Some(true)))
    }

    /// Makes the schemas of what will be built, learns which relations exist, removes what a killed run left.
    pub(crate) fn prepare(
        self: &Arc<Self>,
        task: Task,
        plan: &Plan,
        master: &Arc<NodeConnection>,
    ) -> Result<(), Diagnostic> {
        let builds =
            matches!(task, Task::Run | Task::Build | Task::Seed | Task::Snapshot | Task::Test | Task::Clone);
        let mut seen = FxHashSet::default();
        let mut required: Vec<Relation> = Vec::new();
        let mut cached: Vec<(Option<Arc<str>>, Arc<str>)> = Vec::new();
        let mut cached_seen = FxHashSet::default();
        for (i, node) in self.manifest.nodes.iter().enumerate() {
            let is_function = node.resource_type == ResourceType::Function;
            let kept = node.is_relational() || self.stores_failures(node);
            if !is_function && (!kept || node.is_ephemeral()) {
                continue;
            }
            let key = (node.database.clone(), node.schema.clone());
            if plan.selected[i] && builds && seen.insert(key.clone()) {
                required.push(node.relation());
            }
            if (plan.selected[i] || !self.options.cache_selected_only) && cached_seen.insert(key.clone()) {
                cached.push(key);
            }
            let other = plan.selected[i] && (task == Task::Clone || self.options.staging.is_some());
            if let Some(deferred) = node.deferred.as_ref().filter(|_| other) {
                let key = (deferred.database.clone(), deferred.schema.clone());
                if cached_seen.insert(key.clone()) {
                    cached.push(key);
                }
            }
        }
        master.assign("master", self.query_comment(None, master)?);
        self.create_schemas(master, &required)?;
        if self.options.populate_cache {
            self.fill_cache(master, &cached)?;
        }
        Ok(())
    }
}

impl Shared<'_> {
    fn node(&self, job: u32) -> &Node {
        match self.plan.unit_test(job) {
            Some(test) => &test.node,
            None => &self.engine.manifest.nodes[job as usize],
        }
    }

    fn no_op(&self, job: u32) -> Option<&crate::plan::NoOp> {
        self.plan.no_ops.get((job as usize).checked_sub(self.engine.manifest.nodes.len())?)
    }

    fn report_no_op(&self, no_op: &crate::plan::NoOp, skipped: bool) {
        let place = (self.next.fetch_add(1, Ordering::Relaxed) + 1, self.plan.counted);
        let status = if skipped { NodeStatus::Skipped } else { NodeStatus::NoOp };
        let reporter = self.engine.reporter();
        reporter.no_op_started(no_op.resource_type, &no_op.name, &no_op.unique_id);
        reporter.no_op(no_op.resource_type, &no_op.name, &no_op.unique_id, place, skipped);
        let mut result = NodeResult::new(&*no_op.unique_id, status);
        result.thread_id = thread_name();
        if !skipped {
            result.message = Some("NO-OP".to_owned());
            result.failures = Some(0);
        }
        reporter.no_op_ended(no_op.resource_type, &no_op.name, &result);
        self.results.lock().push(result);
    }

    fn group(&self, node: &Node) -> Option<serde_json::Value> {
        group_of(&self.engine.manifest, node)
    }

    /// How many workers: not more than jobs, unless jobs have parts.
    fn workers(&self) -> usize {
        let jobs = self.plan.selected.len();
        let builds = matches!(self.task, Task::Run | Task::Build);
        let mut nodes = self.engine.manifest.nodes.iter().zip(&self.plan.selected);
        if builds && nodes.any(|(node, selected)| *selected && node.is_microbatch()) {
            return self.engine.options.threads;
        }
        self.engine.options.threads.min(jobs)
    }

    /// One job on a worker.
    fn job(
        &self,
        connection: &mut Arc<NodeConnection>,
        job: u32,
        start: Start,
        share: Share<'_, Arc<NodeConnection>>,
    ) -> scheduler::Outcome {
        if !self.plan.selected[job as usize] {
            return scheduler::Outcome::Done;
        }
        if self.failed_fast.load(Ordering::Relaxed) {
            return scheduler::Outcome::Stop;
        }
        if let Some(no_op) = self.no_op(job) {
            self.report_no_op(no_op, matches!(start, Start::Skip { .. }));
            return scheduler::Outcome::Done;
        }
        match start {
            Start::Skip { cause } => {
                self.skip(job, Some(cause));
                scheduler::Outcome::Failed
            }
            Start::Run => self.run(connection, job, share),
        }
    }

    /// One batch of a job.
    fn batch(&self, connection: &Arc<NodeConnection>, job: u32, index: u32) {
        let run = self.batch_runs.lock().get(&job).cloned();
        if let Some(run) = run.filter(|_| !self.broken_off()) {
            self.engine.run_batch(&run, index as usize, connection, false);
            if !run.is_built(index as usize) && self.engine.options.fail_fast {
                self.failed_fast.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether nothing more is to begin.
    fn broken_off(&self) -> bool {
        self.failed_fast.load(Ordering::Relaxed) || self.engine.options.interrupted.load(Ordering::Relaxed)
    }

    /// A model in batches: the first, then those between, then the last.
    fn run_in_batches(
        &self,
        connection: &mut Arc<NodeConnection>,
        job: u32,
        share: Share<'_, Arc<NodeConnection>>,
    ) -> Outcome {
        let node = self.node(job);
        let run = match self.engine.plan_batches(NodeId(job), connection, self.group(node)) {
            Ok(run) => Arc::new(run),
            Err(error) => return self.engine.failed(node, &error),
        };
        let count = run.len();
        self.batch_runs.lock().insert(job, run.clone());
        for index in 0..count {
            if self.broken_off() {
                break;
            }
            let between = index > 0 && index + 1 < count;
            let skip = index > 0 && !run.is_built(0);
            if between && !skip && run.side_by_side && self.engine.options.threads > 1 {
                if index == 1 {
                    (1..count - 1).for_each(|index| self.engine.tell_batch_order(&run, index, true));
                    share(connection, job, 1..(count - 1) as u32);
                }
                continue;
            }
            if skip {
                self.engine.run_batch(&run, index, connection, true);
            } else {
                self.engine.tell_batch_order(&run, index, false);
                self.batch(connection, job, index as u32);
            }
        }
        self.batch_runs.lock().remove(&job);
        run.outcome()
    }

    fn run(
        &self,
        connection: &mut Arc<NodeConnection>,
        job: u32,
        share: Share<'_, Arc<NodeConnection>>,
    ) -> scheduler::Outcome {
        let node = self.node(job);
        let in_batches = matches!(self.task, Task::Run | Task::Build) && self.engine.in_batches(node);
        let reporter = Reporter { in_batches, ..self.engine.reporter() };
        let counted = !node.is_ephemeral();
        let place =
            if counted { (self.next.fetch_add(1, Ordering::Relaxed) + 1, self.plan.counted) } else { (0, 0) };
        let mut life = Life { status: "started", started: Some(Utc::now()), finished: None };
        let clock = Instant::now();
        let running = Running::node(node_info(node, &life));
        reporter.started(node, &life);
        let lines = counted && !matches!(self.task, Task::Compile | Task::Clone | Task::Show { .. });
        if lines {
            reporter.start_line(node, place, &life);
        }
        life.status = "compiling";
        running.update(reporter.phase("NodeCompiling", node, &life));
        let executing = Life { status: "executing", ..life.clone() };
        let on_execute = || running.update(reporter.phase("NodeExecuting", node, &executing));
        let started = match self.task {
            Task::Build => self.engine.bring_start(node, connection),
            _ => Ok(()),
        };
        let outcome = match (self.plan.unit_test(job), &started) {
            (_, Err(error)) => self.engine.failed(node, error),
            (Some(test), Ok(())) => self.engine.run_unit_test(test, connection, on_execute),
            (None, Ok(())) if in_batches => {
                let compiled = Utc::now();
                on_execute();
                let mut outcome = self.run_in_batches(connection, job, share);
                outcome.compile_time = Some((compiled, compiled));
                outcome.execute_time = Some((compiled, Utc::now()));
                outcome
            }
            (None, Ok(())) => self.engine.run_node(self.task, NodeId(job), connection, on_execute),
        };
        if self.failed_fast.load(Ordering::Relaxed) && outcome.was_interrupted() {
            // Another node failed meanwhile: what was cancelled for that counts as one that never ran.
            return scheduler::Outcome::Stop;
        }
        let seconds = clock.elapsed().as_secs_f64();
        life.status = outcome.status.as_str();
        life.finished = Some(Utc::now());
        let (rows, failed) = (
            outcome.rows,
            match outcome.status {
                NodeStatus::Error | NodeStatus::PartialSuccess => true,
                NodeStatus::Fail => self.task == Task::Build,
                _ => false,
            },
        );
        let result = self.result(node, outcome, seconds);
        if lines {
            reporter.result_line(node, place, &life, &result, rows, self.group(node).as_ref());
        }
        let bad = result.status.is_failure();
        if failed {
            reporter.mark_skipped(node, &result);
            if node.is_ephemeral() {
                let error = result.message.clone().unwrap_or_default();
                self.broken_ephemeral.lock().insert(job, (result.status, error));
            }
        }
        reporter.finished(node, &life, &result);
        if counted || self.told_when_ephemeral() {
            self.results.lock().push(result);
        }
        if bad && self.engine.options.fail_fast {
            self.failed_fast.store(true, Ordering::Relaxed);
            // What began together with it and is about to end may end.
            std::thread::sleep(GRACE);
            self.engine.adapter.cancel_all();
            kpi_python::process::end_all();
            return scheduler::Outcome::Stop;
        }
        if failed { scheduler::Outcome::Failed } else { scheduler::Outcome::Done }
    }

    /// Whether ephemeral models have results too: those that `compile` was asked for by name.
    fn told_when_ephemeral(&self) -> bool {
        let flag = |name: &str| self.engine.options.flags.get(name);
        self.task == Task::Compile
            && flag("which").and_then(|which| which.as_str()) == Some("compile")
            && (flag("select").is_some() || flag("inline").is_some())
    }

    fn result(&self, node: &Node, outcome: Outcome, seconds: f64) -> NodeResult {
        let timing = [("compile", outcome.compile_time), ("execute", outcome.execute_time)]
            .into_iter()
            .filter_map(|(name, times)| {
                times.map(|(started, completed)| Timing {
                    name: name.to_owned(),
                    started_at: Some(started),
                    completed_at: Some(completed),
                })
            })
            .collect();
        if let Some(table) = outcome.table {
            self.engine.rows.lock().insert(node.unique_id.clone(), table);
        }
        let mut result = NodeResult::new(&*node.unique_id, outcome.status);
        result.timing = timing;
        result.thread_id = thread_name();
        result.execution_time = seconds;
        result.adapter_response = outcome.response;
        result.message = outcome.message;
        result.failures = outcome.failures;
        result.batch_results = outcome.batches;
        result.compiled = match node.resource_type {
            ResourceType::Seed => None,
            // Of a unit test that did not get as far nothing is said.
            ResourceType::UnitTest => outcome.compiled.is_some().then_some(true),
            _ => Some(outcome.compiled.is_some()),
        };
        result.compiled_code = outcome.compiled.map(|c| c.code.to_string());
        result.relation_name = relation_name(node);
        result
    }

    /// Records that a node did not run because of `cause` (a job that failed), or because nothing should.
    fn skip(&self, job: u32, cause: Option<u32>) {
        let node = self.node(job);
        if node.is_ephemeral() {
            // What needs it is told so in a build, as with dbt.
            if self.task == Task::Build {
                self.broken_ephemeral.lock().entry(job).or_insert((NodeStatus::Skipped, String::new()));
            }
            return;
        }
        let place = (self.next.fetch_add(1, Ordering::Relaxed) + 1, self.plan.counted);
        let reporter = self.engine.reporter();
        let life = Life { status: "skipped", started: Some(Utc::now()), finished: None };
        let broken = cause.and_then(|cause| self.broken_parent(node, cause));
        let mut message = None;
        let group = self.group(node);
        reporter.started(node, &Life { status: "started", ..life.clone() });
        match broken {
            Some((cause, status, error)) => {
                let cause = self.node(cause);
                reporter.skipped_by_ephemeral(node, place, status.as_str(), group.as_ref());
                if !error.is_empty() {
                    reporter.note("RunResultError", Level::Error, format!("  {error}"));
                }
                message = Some(format!(
                    "Compilation Error in {}, caused by compilation error in referenced ephemeral model {}",
                    node.unique_id, cause.unique_id
                ));
            }
            None => {
                reporter.skipped(node, place, &life, group.as_ref());
            }
        }
        let result = skipped(node, message);
        reporter.finished(node, &life, &result);
        self.results.lock().push(result);
    }

    /// The ephemeral model because of which `node` is skipped: the cause itself, or in a build a parent that was skipped.
    fn broken_parent(&self, node: &Node, cause: u32) -> Option<(u32, NodeStatus, String)> {
        let broken = self.broken_ephemeral.lock();
        if broken.is_empty() {
            return None;
        }
        let ids = &self.engine.manifest.node_ids;
        let parents = node.depends_on_nodes.iter().filter_map(|id| ids.get(id)).map(|id| id.0);
        std::iter::once(cause)
            .chain(parents)
            .find_map(|job| broken.get(&job).map(|(status, error)| (job, *status, error.clone())))
    }

    /// After a stop: what never started is in the results as skipped.
    fn skip_the_rest(&self, left: &[u32]) {
        let message = if self.failed_fast.load(Ordering::Relaxed) {
            "Skipping due to fail_fast"
        } else {
            "Skipping due to keyboard interrupt"
        };
        let done: FxHashSet<Arc<str>> =
            self.results.lock().iter().map(|r| Arc::from(r.unique_id.as_str())).collect();
        let _ = left;
        for no_op in self.plan.no_ops.iter().filter(|n| !done.contains(&n.unique_id)) {
            let mut result = NodeResult::new(&*no_op.unique_id, NodeStatus::Skipped);
            result.message = Some(message.to_owned());
            self.results.lock().push(result);
        }
        for test in self.plan.unit_tests.iter().filter(|t| !done.contains(&t.node.unique_id)) {
            self.results.lock().push(skipped(&test.node, Some(message.to_owned())));
        }
        for (i, node) in self.engine.manifest.nodes.iter().enumerate() {
            if self.plan.selected[i] && !node.is_ephemeral() && !done.contains(&node.unique_id) {
                self.results.lock().push(skipped(node, Some(message.to_owned())));
            }
        }
    }
}

/// dbt names the relation of what is compiled, which seeds are not.
fn relation_name(node: &Node) -> Option<String> {
    node.relation_name.as_deref().filter(|_| node.resource_type != ResourceType::Seed).map(str::to_owned)
}

/// The result of a node that did not run.
fn skipped(node: &Node, message: Option<String>) -> NodeResult {
    let mut result = NodeResult::new(&*node.unique_id, NodeStatus::Skipped);
    result.thread_id = thread_name();
    result.message = message;
    let compiles = !matches!(node.resource_type, ResourceType::Seed | ResourceType::UnitTest);
    result.compiled = compiles.then_some(false);
    result.relation_name = relation_name(node);
    result
}

/// The worker's name as dbt's results have it.
pub(crate) fn thread_name() -> String {
    kpi_diagnostics::thread_label()
}
