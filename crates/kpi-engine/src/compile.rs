//! Renders a node to SQL and puts its ephemeral parents in front.

use crate::ctes::{self, Cte};
use crate::engine::Engine;
use crate::foreign_keys::ResolvedConstraints;
use crate::scope::NodeScope;
use kpi_diagnostics::{Event, Level};
use kpi_jinja::{Args, Result, Value};
use kpi_manifest::{NodeId, ResourceType};
use std::sync::Arc;

/// A node's SQL.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    /// With ephemeral parents in front.
    pub code: Arc<str>,
    /// Without them: what an ephemeral model contributes to its children.
    pub own: Arc<str>,
    /// The expressions in front, in order.
    pub ctes: Vec<Cte>,
    /// Where it was written, relative to the project.
    pub path: Option<Arc<str>>,
    /// The constraints with the relations that foreign keys point to, where there are such keys.
    pub constraints: Option<Arc<ResolvedConstraints>>,
}

/// Ephemeral models may not nest deeper than this.
const MAX_EPHEMERAL_DEPTH: usize = 500;

impl Engine {
    /// Compiles the node of `scope`, fills the scope's SQL and writes `target/compiled/...`.
    pub(crate) fn compile(self: &Arc<Self>, scope: &Arc<NodeScope>, depth: usize) -> Result<Arc<Compiled>> {
        let Some(id) = scope.node else {
            return Err(kpi_jinja::Error::compilation("an operation has no SQL to compile"));
        };
        if depth > MAX_EPHEMERAL_DEPTH {
            return Err(kpi_jinja::Error::new(
                kpi_jinja::ErrorKind::Recursion,
                format!("ephemeral models are nested more than {MAX_EPHEMERAL_DEPTH} deep"),
            ));
        }
        let node = &self.manifest.nodes[id.0 as usize];
        // A function in Python is text for the database, which runs it.
        let is_python_model = node.language == "python" && node.resource_type == ResourceType::Model;
        let mut interp = scope.interp();
        let own: Arc<str> = match node.template.and_then(|t| self.manifest.templates.get(t as usize)) {
            _ if is_python_model => crate::python::script(node, scope, &mut interp)?.into(),
            Some(template) => interp.render(template)?.into(),
            None if node.expectation.is_some() => self.expectation_batch(node, &mut interp)?.into(),
            None if node.resource_type == ResourceType::Test => {
                self.render_generic_test(scope, &mut interp)?.into()
            }
            None => {
                let file =
                    kpi_diagnostics::SourceFile::new(node.original_file_path.clone(), node.raw_code.clone());
                let template = kpi_jinja::Template::parse(&file, &node.raw_code, 1)?;
                interp.render(&template)?.into()
            }
        };
        let parents: Vec<Arc<str>> = scope.ctes.lock().iter().cloned().collect();
        let mut in_front: Vec<Cte> = Vec::new();
        for parent in parents {
            let compiled = self.compile_ephemeral(&parent, scope, depth + 1)?;
            for cte in &compiled.ctes {
                if !in_front.iter().any(|(id, _)| *id == cte.0) {
                    in_front.push(cte.clone());
                }
            }
            if !in_front.iter().any(|(id, _)| *id == parent) {
                let alias = self.manifest.node(&parent).map_or_else(|| parent.clone(), |n| n.alias.clone());
                in_front.push((parent.clone(), ctes::cte_sql(&alias, &compiled.own).into()));
            }
        }
        // Of a Python model the ephemeral parents go in front of the queries that read them.
        let as_is = in_front.is_empty() || !self.options.inject_ephemeral_ctes || is_python_model;
        let code: Arc<str> = if as_is { own.clone() } else { ctes::inject(&own, &in_front).into() };
        let mut path = None;
        let has_file = !matches!(node.resource_type, ResourceType::SqlOperation | ResourceType::Seed);
        if has_file && !self.options.dry_run {
            let target = self.artifact_path("compiled", node);
            let target = scope.batch.as_ref().map_or_else(|| target.clone(), |batch| batch.path(&target));
            self.sink.emit(Event::new(
                "WritingInjectedSQLForNode",
                Level::Debug,
                format!("Writing injected SQL for node \"{}\"", node.unique_id),
            ));
            self.write_text(&target, &code)?;
            path = Some(Arc::from(target));
        }
        let constraints = self.resolved_constraints(node)?.map(Arc::new);
        let compiled = Arc::new(Compiled { code: code.clone(), own, ctes: in_front, path, constraints });
        (*scope.constraints.lock()).clone_from(&compiled.constraints);
        *scope.compiled.lock() = Some(code);
        if scope.batch.is_some() {
            // A model has no SQL of its own if each of its batches has another.
            return Ok(compiled);
        }
        self.compiled.lock().insert(id, compiled.clone());
        Ok(compiled)
    }

    /// Compiles an ephemeral parent, once per run.
    fn compile_ephemeral(
        self: &Arc<Self>,
        id: &str,
        child: &Arc<NodeScope>,
        depth: usize,
    ) -> Result<Arc<Compiled>> {
        let Some(position) = self.manifest.node_ids.get(id).copied() else {
            return Err(kpi_jinja::Error::compilation(format!(
                "the ephemeral model {id} is not in the project"
            )));
        };
        if let Some(done) = self.compiled.lock().get(&position) {
            return Ok(done.clone());
        }
        let scope = self.scope_for(position, child.connection.clone());
        self.compile(&scope, depth)
    }

    /// A scope for a node.
    pub(crate) fn scope_for(
        self: &Arc<Self>,
        id: NodeId,
        connection: Arc<kpi_adapter::NodeConnection>,
    ) -> Arc<NodeScope> {
        let package = self.manifest.nodes[id.0 as usize].package_name.clone();
        Arc::new(NodeScope::new(self, Some(id), package, connection))
    }

    /// Calls a generic test's macro with its arguments: what `{{ test_x(**_dbt_generic_test_kwargs) }}` would.
    fn render_generic_test(&self, scope: &Arc<NodeScope>, interp: &mut kpi_jinja::Interp) -> Result<String> {
        let Some(node) = scope.node() else { return Ok(String::new()) };
        let (name, arguments) = kpi_manifest::context::generic_test_call(&self.shared, node, interp)?;
        let value: Value = interp.call_named(&name, Args { positional: Vec::new(), keyword: arguments })?;
        Ok(value.to_string())
    }
}
