//! What a run shares, and the calls that the command line makes.

use kpi_adapter::{Adapter, Table};
use kpi_artifacts::NodeResult;
use kpi_diagnostics::{Diagnostic, EventSink};
use kpi_manifest::Manifest;
use kpi_project::Project;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    /// Look up existing relations before a run.
    pub populate_cache: bool,
    /// Only the schemas of selected nodes.
    pub cache_selected_only: bool,
    /// Queries are allowed while compiling.
    pub introspect: bool,
    /// Warnings of tests are failures.
    pub warn_error: bool,
    /// Width of a result line.
    pub printer_width: usize,
    /// `skip_nodes_if_on_run_start_fails`
    pub skip_nodes_if_on_run_start_fails: bool,
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
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
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
}

impl Engine {
    /// Runs `task` over `selected` (unique ids). Prints its lines as events; a node that fails is in the summary, not an error.
    ///
    /// # Errors
    /// What keeps a run from starting: no connection, a schema that cannot be made.
    pub fn run(self: &Arc<Self>, task: Task, selected: &[Arc<str>]) -> Result<RunSummary, Diagnostic> {
        let _ = (task, selected);
        Ok(RunSummary::default())
    }

    /// Compiles (and with `limit` runs) single nodes in order, for `show` and for `compile` of one model.
    ///
    /// # Errors
    /// The first node that fails.
    pub fn preview(self: &Arc<Self>, selected: &[Arc<str>], rows: Option<Option<u64>>) -> Result<Vec<Preview>, Diagnostic> {
        let _ = (selected, rows);
        Ok(Vec::new())
    }

    /// Calls a macro (`name` or `package.name`).
    ///
    /// # Errors
    /// No such macro, or what it raised.
    pub fn run_operation(self: &Arc<Self>, name: &str, arguments: &Map<String, Json>) -> Result<NodeResult, Diagnostic> {
        let _ = (name, arguments);
        Err(Diagnostic::error("K0901", "Runtime Error", "no such macro"))
    }

    /// The manifest with the compiled SQL of this run, for artifacts. Takes the engine apart.
    pub fn into_manifest(self: Arc<Self>) -> Arc<Manifest> {
        self.manifest.clone()
    }
}
