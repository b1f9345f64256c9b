//! A run that changes nothing: every node is compiled, and the database is asked what its query would read.
//!
//! The relations of today stand for those that the run would build: a query over a model that is built anew is estimated by
//! the table that is there. Of a view that is not there yet its query stands in. Of a table that is not there nothing can be
//! told, which is no failure.

use crate::engine::{Engine, Task};
use crate::microbatch::BatchRun;
use crate::node_info::node_info;
use crate::plan::Plan;
use crate::scheduler;
use crate::scope::NodeScope;
use kpi_adapter::{Estimate, NodeConnection, RelationType};
use kpi_diagnostics::{Diagnostic, Running};
use kpi_jinja::Error;
use kpi_manifest::{Node, NodeId, ResourceType};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What a run would do.
#[derive(Debug, Clone, Default)]
pub struct DryRun {
    /// The selected nodes but ephemeral models, parents before children.
    pub nodes: Vec<DryNode>,
    /// Hooks of the project that a run would run: they are not looked at.
    pub hooks: usize,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
}

/// What a run would do with a node.
#[derive(Debug, Clone)]
pub struct DryNode {
    /// `model.shop.orders`
    pub unique_id: Arc<str>,
    /// Name, of a versioned model with its version.
    pub name: Arc<str>,
    /// `model`
    pub resource_type: &'static str,
    /// `create view`, `replace table`, `incremental (merge)`...
    pub work: String,
    /// What is known of it.
    pub state: DryState,
}

/// What is known of a node's work.
#[derive(Debug, Clone)]
pub enum DryState {
    /// The database explained its query.
    Estimated(Estimate),
    /// No table is read: a view, a seed.
    Nothing,
    /// The database cannot tell, for this reason.
    Unknown(String),
    /// It would fail.
    Failed(String),
}

impl Engine {
    /// Compiles and explains what is selected, on all workers.
    ///
    /// # Errors
    /// No connection; the database does not say which relations there are.
    pub fn dry_run(self: &Arc<Self>, task: Task, selected: &[Arc<str>]) -> Result<DryRun, Diagnostic> {
        self.set_selected(selected);
        let unit_tests = matches!(task, Task::Build | Task::Test);
        let plan = Plan::new(&self.manifest, selected, false, false, unit_tests);
        let master = self.connection("master");
        self.look_around(&plan, &master)?;
        let found: Mutex<Vec<(u32, DryNode)>> = Mutex::default();
        let workers = self.options.threads.min(plan.selected.len());
        scheduler::run(
            &plan.graph,
            workers,
            &|| self.options.interrupted.load(Ordering::Relaxed),
            &|index| self.connection(&format!("worker-{}", index + 1)),
            &|connection: &mut Arc<NodeConnection>, job, _| {
                if plan.selected[job as usize]
                    && let Some(node) = self.look_at(&plan, job, connection)
                {
                    found.lock().push((job, node));
                }
                scheduler::Outcome::Done
            },
        );
        master.close();
        let depths = self.depths();
        let mut nodes = found.into_inner();
        nodes.sort_by_key(|(job, node)| {
            // Tests stand behind what they test.
            let depth = depths.get(*job as usize).copied().unwrap_or(u32::MAX);
            (depth, node.resource_type == "test", *job)
        });
        let hooks = match task {
            Task::Run | Task::Build | Task::Seed | Task::Snapshot | Task::Test => {
                ["on-run-start", "on-run-end"].iter().map(|kind| self.hook_count(kind)).sum()
            }
            _ => 0,
        };
        Ok(DryRun {
            nodes: nodes.into_iter().map(|(_, node)| node).collect(),
            hooks,
            interrupted: self.options.interrupted.load(Ordering::Relaxed),
        })
    }

    /// Learns which relations there are in the schemas of the project. Nothing is made or cleared away.
    fn look_around(self: &Arc<Self>, plan: &Plan, master: &Arc<NodeConnection>) -> Result<(), Diagnostic> {
        master.assign("master", self.query_comment(None, master)?);
        if !self.options.populate_cache {
            return Ok(());
        }
        let mut seen = FxHashSet::default();
        for (i, node) in self.manifest.nodes.iter().enumerate() {
            let wanted = plan.selected[i] || !self.options.cache_selected_only;
            let (database, schema) = (node.database.as_deref(), &*node.schema);
            if node.is_relational() && wanted && seen.insert((database, schema)) {
                let relations = master.list_relations(database, schema).map_err(|e| e.to_diagnostic())?;
                self.cache.set_schema(database, schema, relations);
            }
        }
        Ok(())
    }

    /// How many nodes stand above each node, at most.
    fn depths(&self) -> Vec<u32> {
        let nodes = &self.manifest.nodes;
        let mut depths: Vec<Option<u32>> = vec![None; nodes.len()];
        for i in 0..nodes.len() {
            let mut open = vec![i];
            while let Some(at) = open.last().copied() {
                let parents =
                    nodes[at].depends_on_nodes.iter().filter_map(|id| self.manifest.node_ids.get(id));
                let mut deepest = 0;
                let mut waits = false;
                for NodeId(parent) in parents {
                    match depths[*parent as usize] {
                        Some(depth) => deepest = deepest.max(depth + 1),
                        None if open.len() <= nodes.len() => {
                            open.push(*parent as usize);
                            waits = true;
                        }
                        None => {}
                    }
                }
                if !waits {
                    depths[at] = Some(deepest);
                    open.pop();
                }
            }
        }
        depths.into_iter().map(Option::unwrap_or_default).collect()
    }

    fn look_at(self: &Arc<Self>, plan: &Plan, job: u32, connection: &Arc<NodeConnection>) -> Option<DryNode> {
        if let Some(test) = plan.unit_test(job) {
            return Some(DryNode {
                unique_id: test.node.unique_id.clone(),
                name: test.node.name.clone(),
                resource_type: "unit_test",
                work: "unit test on given rows".to_owned(),
                state: DryState::Nothing,
            });
        }
        // Exposures and saved queries have nothing to do.
        let node = self.manifest.nodes.get(job as usize).filter(|node| !node.is_ephemeral())?;
        let _running = Running::node(node_info(node, &crate::node_info::Life::default()));
        let mut work = self.work(node);
        let state = match self.query_comment(Some(NodeId(job)), connection) {
            Ok(comment) => {
                connection.assign(node.unique_id.clone(), comment);
                self.explain(node, NodeId(job), connection, &mut work)
            }
            Err(error) => DryState::Failed(error.render()),
        };
        Some(DryNode {
            unique_id: node.unique_id.clone(),
            name: node.search_name(),
            resource_type: node.resource_type.as_str(),
            work,
            state,
        })
    }

    /// What the materialization would do, as far as config and the relation that is there tell.
    fn work(&self, node: &Node) -> String {
        let known = self.cache.get_relation(node.database.as_deref(), &node.schema, &node.alias);
        let full = || {
            let flag = self.options.flags.get("full_refresh").and_then(Json::as_bool);
            node.config.get("full_refresh").and_then(|own| own.as_bool()).or(flag).unwrap_or(false)
        };
        let make = |what: &str| match known {
            Some(_) => format!("replace {what}"),
            None => format!("create {what}"),
        };
        match (node.resource_type, node.config.materialized()) {
            (ResourceType::Seed, _) => {
                let file = self.project.root.join(&*node.original_file_path);
                match std::fs::metadata(file) {
                    Ok(file) => format!("load a file of {} bytes", file.len()),
                    Err(_) => "load a file".to_owned(),
                }
            }
            (ResourceType::Snapshot, _) if known.is_some() => "snapshot of what changed".to_owned(),
            (ResourceType::Snapshot, _) => "first snapshot".to_owned(),
            (ResourceType::Test, _) if node.config.store_failures() => "test, failures stored".to_owned(),
            (ResourceType::Test, _) => "test".to_owned(),
            (ResourceType::Function, _) => "create function".to_owned(),
            (ResourceType::Model, "incremental") => {
                let strategy = node.config.str("incremental_strategy");
                match known.as_ref().map(|relation| relation.kind) {
                    None => "create table (incremental, first time)".to_owned(),
                    Some(_) if full() => "replace table (incremental, full refresh)".to_owned(),
                    Some(Some(RelationType::View)) => {
                        "replace view by table (incremental, first time)".to_owned()
                    }
                    Some(_) => match strategy {
                        Some(strategy) => format!("incremental ({strategy})"),
                        None => "incremental".to_owned(),
                    },
                }
            }
            (_, materialized) => make(&materialized.replace('_', " ")),
        }
    }

    fn explain(
        self: &Arc<Self>,
        node: &Node,
        id: NodeId,
        connection: &Arc<NodeConnection>,
        work: &mut String,
    ) -> DryState {
        if node.resource_type == ResourceType::Seed {
            return DryState::Nothing;
        }
        if node.language == "python" && node.resource_type == ResourceType::Model {
            return DryState::Unknown("it is Python: only running it tells what it reads".to_owned());
        }
        let missing = match self.missing(node, connection) {
            Ok(missing) => missing,
            Err(error) => return DryState::Failed(self.error_text(node, &error)),
        };
        let needs = (!missing.is_empty()).then(|| {
            let verb = if missing.len() == 1 { "is" } else { "are" };
            DryState::Unknown(format!("it reads {}, which {verb} not built yet", missing.join(", ")))
        });
        let compiled = match self.compile_dry(node, id, connection, work) {
            Ok(compiled) => compiled,
            Err(error) => return needs.unwrap_or_else(|| self.refused(node, &error)),
        };
        if let Some(unknown) = needs {
            return unknown;
        }
        if node.resource_type == ResourceType::Function {
            return DryState::Nothing;
        }
        let only_checked = matches!(node.config.materialized(), "view" | "materialized_view")
            && node.resource_type == ResourceType::Model;
        match connection.estimate(&compiled) {
            // A view is read when it is asked.
            Ok(_) if only_checked && node.config.materialized() == "view" => DryState::Nothing,
            Ok(estimate) => DryState::Estimated(estimate),
            Err(error) => {
                let text = error.message.clone();
                let prepared = node.config.str("sql_header").is_some()
                    || ["pre-hook", "sql_header"].iter().any(|key| {
                        node.config.get(key).is_some_and(|value| {
                            value.as_array().is_some_and(|hooks| !hooks.is_empty()) || value.is_string()
                        })
                    });
                if prepared {
                    let first = text.lines().next().unwrap_or_default();
                    return DryState::Unknown(format!(
                        "its pre-hook or sql_header did not run, and without it: {first}"
                    ));
                }
                self.refused(node, &error.into())
            }
        }
    }

    /// The node's SQL; of a model in batches, one that reads what all of them read.
    fn compile_dry(
        self: &Arc<Self>,
        node: &Node,
        id: NodeId,
        connection: &Arc<NodeConnection>,
        work: &mut String,
    ) -> kpi_jinja::Result<Arc<str>> {
        let mut scope = NodeScope::new(self, Some(id), node.package_name.clone(), connection.clone());
        if self.in_batches(node) {
            let run: BatchRun = self.plan_batches(id, connection, None)?;
            work.push_str(&match run.len() {
                1 => " in 1 batch".to_owned(),
                count => format!(" in {count} batches"),
            });
            scope.batch = run.whole().map(Arc::new);
        }
        let scope = Arc::new(scope);
        Ok(self.compile(&scope, 0)?.code.clone())
    }

    /// An error of a node. A macro that wants to change something is kept from it, which says nothing against the node.
    fn refused(&self, node: &Node, error: &Error) -> DryState {
        let text = self.error_text(node, error);
        let kept = ["a dry run does not run this statement", "attached in read-only mode"];
        match text.lines().find(|line| kept.iter().any(|sign| line.contains(sign))) {
            Some(line) => DryState::Unknown(line.trim().to_owned()),
            None => DryState::Failed(text),
        }
    }

    /// Whether a node stands in for itself in a dry run, as an ephemeral model would: a view that is not built yet.
    pub(crate) fn is_read_through(
        &self,
        node: &Node,
        connection: &Arc<NodeConnection>,
    ) -> kpi_jinja::Result<bool> {
        let view = node.resource_type == ResourceType::Model
            && node.config.materialized() == "view"
            && node.language != "python";
        let deferred = self.options.defer && node.deferred.is_some();
        Ok(self.options.dry_run && view && !deferred && !self.exists(connection, node)?)
    }

    /// The names of what the node reads of this project, through ephemeral models, and what the database does not have.
    fn missing(&self, node: &Node, connection: &Arc<NodeConnection>) -> kpi_jinja::Result<Vec<String>> {
        let mut missing = Vec::new();
        let mut seen: FxHashMap<&str, ()> = FxHashMap::default();
        let mut open: Vec<&Arc<str>> = node.depends_on_nodes.iter().collect();
        while let Some(id) = open.pop() {
            let Some(parent) = self.manifest.node(id).filter(|_| seen.insert(id, ()).is_none()) else {
                continue;
            };
            if parent.is_ephemeral() || self.is_read_through(parent, connection)? {
                open.extend(parent.depends_on_nodes.iter());
            } else if parent.is_refable()
                && !(self.options.defer && parent.deferred.is_some())
                && !self.exists(connection, parent)?
            {
                missing.push(parent.search_name().to_string());
            }
        }
        missing.sort();
        Ok(missing)
    }
}
