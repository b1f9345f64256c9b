//! What a run shares, and the calls that the command line makes.

use crate::compile::Compiled;
use crate::microbatch::EventTimeOptions;
use crate::report::Reporter;
use indexmap::IndexSet;
use kpi_adapter::{Adapter, AdapterFacts, CostDetail, NodeConnection, RelationCache, RunCost, Table};
use kpi_artifacts::NodeResult;
use kpi_diagnostics::{Diagnostic, EventSink};
use kpi_jinja::{Environment, Value};
use kpi_manifest::context::Shared;
use kpi_manifest::{Manifest, NodeId};
use kpi_project::Project;
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// What a run does with each selected node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Build models.
    Run,
    /// Build everything, tests in between.
    Build,
    /// Data tests only.
    Test,
    /// Seeds only.
    Seed,
    /// Snapshots only.
    Snapshot,
    /// Relations that show what another environment has.
    Clone,
    /// Render to SQL, run nothing.
    Compile,
    /// Render and fetch the first rows.
    Show {
        /// Rows to fetch; `None`: all.
        limit: Option<u64>,
    },
}

/// Settings of a run.
#[derive(Clone)]
pub struct Options {
    /// Workers.
    pub threads: usize,
    /// Name of the target, for messages.
    pub target_name: String,
    /// Every flag by its lower-case name: `flags` in templates, `args` of run results.
    pub flags: Map<String, Json>,
    /// Absolute path of the target folder.
    pub target_path: PathBuf,
    /// Stop at the first failure.
    pub fail_fast: bool,
    /// Inputs are limited to zero rows.
    pub empty: bool,
    /// References to what is missing here go to the relations of the earlier run.
    pub defer: bool,
    /// With `defer`, references to what is not selected do so too.
    pub favor_state: bool,
    /// Which stretch of event time is built and read.
    pub event_time: EventTimeOptions,
    /// Look up existing relations before a run.
    pub populate_cache: bool,
    /// Only the schemas of selected nodes.
    pub cache_selected_only: bool,
    /// Queries are allowed while compiling.
    pub introspect: bool,
    /// Ephemeral parents are put in front of compiled SQL.
    pub inject_ephemeral_ctes: bool,
    /// How much of the results of expectations is wanted that say nothing of it themselves.
    pub result_format: kpi_quality::ResultFormat,
    /// Whether the warning of this event name is an error (`--warn-error`, `--warn-error-options`).
    pub warning_is_error: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Width of a result line.
    pub printer_width: usize,
    /// How much is asked about the cost of a run.
    pub cost: CostDetail,
    /// Nothing is written, no file either, and a view that is not built yet is read through its query.
    pub dry_run: bool,
    /// `skip_nodes_if_on_run_start_fails`
    pub skip_nodes_if_on_run_start_fails: bool,
    /// `on-run-start` and `on-run-end` run.
    pub project_hooks: bool,
    /// The project is built beside production.
    pub staging: Option<Arc<crate::deploy::Staging>>,
    /// Turned true by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct RunSummary {
    /// Results in the order in which nodes ended.
    pub results: Vec<NodeResult>,
    /// Wall seconds of the run.
    pub elapsed: f64,
    /// What it cost, where the target knows that.
    pub cost: Option<RunCost>,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
    /// A hook that did not compile: it ends the command, but what ran before it ran.
    pub broken: Option<Diagnostic>,
}

/// The rows of a shown node.
#[derive(Debug)]
pub struct Preview {
    /// `model.shop.orders`, or the inline query's id.
    pub unique_id: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Compiled SQL.
    pub compiled: Arc<str>,
    /// Rows; empty for a compile.
    pub table: Table,
}

/// What a run shares. Made once per call of kpi.
pub struct Engine {
    /// The project's meaning.
    pub manifest: Arc<Manifest>,
    /// The files behind it.
    pub project: Arc<Project>,
    /// The target.
    pub adapter: Arc<dyn Adapter>,
    /// Settings.
    pub options: Options,
    /// Where events go.
    pub sink: Arc<dyn EventSink>,
    /// What the names of every node mean.
    pub shared: Arc<Shared>,
    /// Macros and globals, for run time.
    pub(crate) environment: Arc<Environment>,
    /// Facts of the target.
    pub(crate) facts: Arc<AdapterFacts>,
    /// Which relations exist.
    pub(crate) cache: Arc<RelationCache>,
    /// SQL of this run by node.
    pub(crate) compiled: Mutex<FxHashMap<NodeId, Arc<Compiled>>>,
    pub(crate) build_paths: Mutex<FxHashMap<NodeId, Arc<str>>>,
    /// Places of hooks that ran.
    pub(crate) hook_places: Mutex<FxHashMap<NodeId, usize>>,
    pub(crate) rows: Mutex<FxHashMap<Arc<str>, Table>>,
    pub(crate) folders: Mutex<FxHashSet<PathBuf>>,
    /// Schemas of the target's database, in lower case, as far as they were listed.
    pub(crate) schemas_seen: Mutex<FxHashSet<String>>,
    pub(crate) selected: Mutex<IndexSet<Arc<str>>>,
    pub(crate) expectations: crate::expectations::Expectations,
    pub(crate) graph: OnceLock<Value>,
    /// The project's query comment as a macro.
    pub(crate) comment_macro: OnceLock<kpi_jinja::MacroRef>,
    /// Processes that run Python models.
    pub(crate) python: kpi_python::process::Pool,
    /// Whether microbatch models run in batches.
    pub(crate) batches: OnceLock<bool>,
}

impl Engine {
    /// An engine over a parsed project.
    pub fn new(
        manifest: Arc<Manifest>,
        project: Arc<Project>,
        adapter: Arc<dyn Adapter>,
        shared: Arc<Shared>,
        options: Options,
        sink: Arc<dyn EventSink>,
    ) -> Arc<Self> {
        let environment = manifest.environment.clone();
        let facts = shared.facts.clone();
        Arc::new(Self {
            manifest,
            project,
            adapter,
            options,
            sink,
            shared,
            environment,
            facts,
            cache: Arc::new(RelationCache::new()),
            compiled: Mutex::default(),
            build_paths: Mutex::default(),
            hook_places: Mutex::default(),
            rows: Mutex::default(),
            folders: Mutex::default(),
            schemas_seen: Mutex::default(),
            selected: Mutex::default(),
            expectations: crate::expectations::Expectations::default(),
            graph: OnceLock::new(),
            comment_macro: OnceLock::new(),
            python: kpi_python::process::Pool::default(),
            batches: OnceLock::new(),
        })
    }

    /// Runs `task` over `selected` (unique ids). Prints its lines as events; a node that fails is in the summary, not an
    /// error.
    ///
    /// # Errors
    /// What keeps a run from starting: no connection, a schema that cannot be made.
    pub fn run(self: &Arc<Self>, task: Task, selected: &[Arc<str>]) -> Result<RunSummary, Diagnostic> {
        self.run_task(task, selected)
    }

    /// Compiles (and with `rows` runs) single nodes in order, for `show` and for `compile` of one model.
    ///
    /// # Errors
    /// The first node that fails.
    pub fn preview(
        self: &Arc<Self>,
        selected: &[Arc<str>],
        rows: Option<Option<u64>>,
    ) -> Result<Vec<Preview>, Diagnostic> {
        self.set_selected(selected);
        let connection = self.connection("master");
        let mut previews = Vec::with_capacity(selected.len());
        for id in selected {
            let Some(position) = self.manifest.node_ids.get(id).copied() else { continue };
            let node = &self.manifest.nodes[position.0 as usize];
            let task = match rows {
                Some(limit) => Task::Show { limit },
                None => Task::Compile,
            };
            let outcome = self.run_previewed(task, position, &connection)?;
            previews.push(Preview {
                unique_id: node.unique_id.clone(),
                name: node.name.clone(),
                compiled: outcome.compiled.map_or_else(|| node.raw_code.clone(), |c| c.code.clone()),
                table: outcome.table.unwrap_or_default(),
            });
        }
        connection.close();
        Ok(previews)
    }

    /// A session that is opened when first used.
    pub(crate) fn connection(&self, name: &str) -> Arc<NodeConnection> {
        let log = Arc::new(crate::statements::StatementLog {
            sink: self.sink.clone(),
            target: self.adapter.type_name(),
        });
        Arc::new(NodeConnection::new(self.adapter.clone(), name, Some(log), !self.facts.disable_transactions))
    }

    pub(crate) fn reporter(&self) -> Reporter {
        Reporter { sink: self.sink.clone(), width: self.options.printer_width, in_batches: false }
    }

    pub(crate) fn set_selected(&self, selected: &[Arc<str>]) {
        *self.selected.lock() = selected.iter().cloned().collect();
    }

    /// `selected_resources`
    pub(crate) fn selected_value(&self) -> Value {
        Value::list(self.selected.lock().iter().map(|id| Value::from(id.clone())))
    }

    /// Whether the command is about a node.
    pub(crate) fn is_selected(&self, id: &str) -> bool {
        self.selected.lock().contains(id)
    }

    /// Whether a behaviour flag is on.
    pub(crate) fn behaviour(&self, flag: &str, default: bool) -> bool {
        self.options.flags.get(flag).and_then(Json::as_bool).unwrap_or(default)
    }

    /// Takes over what was compiled beside production, with the names that relations have there.
    pub fn adopt_compiled(&self, staged: &Self, staging: &crate::deploy::Staging) {
        let mut own = self.compiled.lock();
        for (id, compiled) in staged.compiled.lock().iter() {
            let text = |text: &Arc<str>| Arc::from(staging.of_production(text));
            let adopted = Compiled {
                code: text(&compiled.code),
                own: text(&compiled.own),
                ctes: compiled.ctes.iter().map(|(id, sql)| (id.clone(), text(sql))).collect(),
                ..(**compiled).clone()
            };
            own.entry(*id).or_insert_with(|| Arc::new(adopted));
        }
    }

    /// The manifest with the compiled SQL of this run, for artifacts. Takes the engine apart.
    pub fn into_manifest(self: Arc<Self>) -> Arc<Manifest> {
        let compiled = std::mem::take(&mut *self.compiled.lock());
        let build_paths = std::mem::take(&mut *self.build_paths.lock());
        let hook_places = std::mem::take(&mut *self.hook_places.lock());
        let mut manifest = match Arc::try_unwrap(self) {
            Ok(engine) => engine.manifest,
            Err(shared) => shared.manifest.clone(),
        };
        if let Some(manifest) = Arc::get_mut(&mut manifest) {
            for (id, done) in compiled {
                if let Some(node) = manifest.nodes.get_mut(id.0 as usize) {
                    node.compiled_code = Some(done.code.clone());
                    node.compiled_path = done.path.clone();
                    node.extra_ctes = done.ctes.clone();
                    if let Some(constraints) = &done.constraints {
                        constraints.write_to(node);
                    }
                }
            }
            for (id, place) in hook_places {
                if let Some(node) = manifest.nodes.get_mut(id.0 as usize) {
                    node.hook_index = Some(place);
                }
            }
            for (id, path) in build_paths {
                if let Some(node) = manifest.nodes.get_mut(id.0 as usize) {
                    node.build_path = Some(path);
                }
            }
        }
        manifest
    }
}
