//! From files to a [`Manifest`]: what dbt does before it runs anything.
//!
//! The way: macros and docs first; then every file is rendered once with nothing executed, which tells what it refers
//! to and how it configures itself; then property files patch the nodes, names are generated, generic tests made; at
//! last names become ids and edges. Files are worked on in parallel, joined in a fixed order.

mod calls;
mod checks;
mod colours;
mod config;
mod contracts;
mod descriptions;
mod docs;
mod drafts;
mod expectations;
mod exposures;
mod fixtures;
mod freshness;
mod functions;
mod generic_tests;
mod inline;
mod later_checks;
mod macro_arguments;
mod macros;
mod microbatch;
mod nodes;
mod patches;
mod python;
mod relation_names;
mod resolve;
mod semantic;
mod semantic_checks;
mod sources;
pub mod static_refs;
mod test_builder;
mod unit_tests;
mod validate;
mod versions;

use crate::context::parsing::ParseShared;
use crate::context::{Shared, SharedOptions};
use crate::lookup::{DisabledEntry, Lookup};
use crate::{Graph, Manifest, Node, NodeId, node_json};
use indexmap::IndexMap;
use kpi_adapter::Adapter;
use kpi_diagnostics::{Diagnostic, EventSink, Severity};
use kpi_jinja::{Environment, Template};
use kpi_project::Project;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

pub use inline::{INLINE_NAME, add_inline};
pub use unit_tests::UnitTestInput;

/// What parsing needs to know besides the files and the target.
#[derive(Clone)]
pub struct ParseOptions {
    /// Every flag by its lower-case name, those of the project file included.
    pub flags: Map<String, Json>,
    /// Of this invocation.
    pub invocation_id: Arc<str>,
    /// When it started.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Where warnings and `log()` go.
    pub sink: Arc<dyn EventSink>,
}

/// Parses a project.
///
/// # Errors
/// Everything that is wrong with it, as far as it can be found out at once.
pub fn parse(
    project: Arc<Project>,
    adapter: Arc<dyn Adapter>,
    options: &ParseOptions,
) -> Result<Manifest, Vec<Diagnostic>> {
    let options = options.clone();
    let shared = Shared::new(
        project,
        adapter,
        SharedOptions {
            invocation_args: options.flags.clone(),
            flags: options.flags,
            invocation_id: options.invocation_id,
            started_at: options.started_at,
            sink: options.sink,
        },
    );
    parse_shared(&shared)
}

/// Parses a project whose invocation is already set up.
///
/// # Errors
/// As [`parse`].
pub fn parse_shared(shared: &Arc<Shared>) -> Result<Manifest, Vec<Diagnostic>> {
    let mut parser = Parser::new(shared)?;
    parser.parsed().inspect_err(|_| parser.tell_warnings())
}

/// Nodes that were parsed, the disabled ones apart, and their names.
#[derive(Default)]
pub(crate) struct Registry {
    pub nodes: Vec<Node>,
    pub templates: Vec<Template>,
    pub ids: FxHashMap<Arc<str>, NodeId>,
    pub disabled_nodes: Vec<Node>,
    /// Disabled sources, exposures... in manifest form.
    pub disabled_other: Vec<(Arc<str>, Json)>,
    pub lookup: Lookup,
}

impl Registry {
    /// Adds a node under its id.
    ///
    /// # Errors
    /// Another enabled node has that id.
    pub(crate) fn add(&mut self, mut node: Node, template: Option<Template>) -> Result<(), Diagnostic> {
        if !node.config.enabled() {
            self.lookup.disabled.entry(node.search_name()).or_default().push(DisabledEntry {
                package: node.package_name.clone(),
                unique_id: node.unique_id.clone(),
                resource_type: node.resource_type,
                original_file_path: node.original_file_path.clone(),
            });
            self.disabled_nodes.push(node);
            return Ok(());
        }
        if let Some(other) = self.ids.get(&node.unique_id).and_then(|id| self.nodes.get(id.0 as usize)) {
            return Err(checks::duplicate_name(other, &node));
        }
        node.template = template.map(|template| {
            self.templates.push(template);
            (self.templates.len() - 1) as u32
        });
        let id = NodeId(self.nodes.len() as u32);
        self.lookup.add(&node, id);
        self.ids.insert(node.unique_id.clone(), id);
        self.nodes.push(node);
        Ok(())
    }
}

/// What the steps of parsing share.
pub(crate) struct Parser {
    pub shared: Arc<Shared>,
    pub parsing: Arc<ParseShared>,
    /// Undefined names are lenient: the code of nodes.
    pub lenient: Arc<Environment>,
    /// Undefined names are errors: names, descriptions, run time.
    pub strict: Arc<Environment>,
    pub macros: IndexMap<Arc<str>, crate::ManifestMacro>,
    pub docs: Arc<docs::Docs>,
    pub names: relation_names::NameMacros,
    pub created_at: f64,
    /// Warnings to send once all went well; errors are returned.
    pub warnings: parking_lot::Mutex<Vec<Diagnostic>>,
    /// Those about generic tests, which are read in parallel.
    pub test_warnings: parking_lot::Mutex<Vec<Diagnostic>>,
}

impl Parser {
    fn new(shared: &Arc<Shared>) -> Result<Self, Vec<Diagnostic>> {
        let (lenient, strict, macros, warnings) = macros::load(shared)?;
        let docs = Arc::new(docs::Docs::load(shared)?);
        let parsing = ParseShared::new(shared.clone());
        let names = relation_names::NameMacros::find(shared, &strict);
        let now = shared.started_at.timestamp_micros() as f64 / 1e6;
        let mut parser = Self {
            shared: shared.clone(),
            parsing,
            lenient,
            strict,
            macros,
            docs,
            names,
            created_at: now,
            warnings: parking_lot::Mutex::new(warnings),
            test_warnings: parking_lot::Mutex::default(),
        };
        parser.patch_macros()?;
        Ok(parser)
    }

    fn parsed(&mut self) -> Result<Manifest, Vec<Diagnostic>> {
        let drafts = self.drafts()?;
        let registry = self.finish_nodes(drafts)?;
        let (registry, sources) = self.tests_and_sources(registry)?;
        self.manifest(registry, sources)
    }

    /// Tells what was noted before an error ended it all: it may be why.
    fn tell_warnings(&self) {
        let noted =
            self.warnings.lock().drain(..).chain(self.test_warnings.lock().drain(..)).collect::<Vec<_>>();
        for warning in noted.into_iter().filter(|noted| noted.severity == Severity::Warning) {
            self.shared.sink.diagnostic(warning);
        }
    }

    /// The project.
    pub(crate) fn project(&self) -> &Project {
        &self.shared.project
    }

    /// Notes a warning.
    pub(crate) fn warn(&self, warning: Diagnostic) {
        self.warnings.lock().push(warning);
    }

    fn manifest(
        &mut self,
        mut registry: Registry,
        sources: sources::Sources,
    ) -> Result<Manifest, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let exposures = self.exposures(&mut registry, &mut errors);
        let groups = self.groups(&mut errors);
        let other = self.semantic(&mut registry);
        let mut disabled: IndexMap<Arc<str>, Vec<Json>> = IndexMap::new();
        for node in &registry.disabled_nodes {
            let entry = Json::Object(node_json::node_entry(node));
            disabled.entry(node.unique_id.clone()).or_default().push(entry);
        }
        for (id, entry) in registry.disabled_other.drain(..) {
            disabled.entry(id).or_default().push(entry);
        }
        let root = self.shared.root_package();
        let mut manifest = Manifest {
            nodes: registry.nodes,
            node_ids: registry.ids,
            sources: sources.tables,
            exposures,
            groups,
            docs: self.docs.blocks.clone(),
            macros: std::mem::take(&mut self.macros),
            disabled,
            other,
            templates: registry.templates,
            graph: Graph::default(),
            environment: self.strict.clone(),
            project_id: crate::context::md5_hex(&root),
            root_package: root,
            lookup: registry.lookup,
            env_vars: Map::new(),
        };
        self.resolve(&mut manifest, &mut errors);
        self.infer_primary_keys(&mut manifest, &registry.disabled_nodes);
        if errors.is_empty() {
            self.check_semantic_layer(&manifest, &mut errors);
            self.check(&manifest, &registry.disabled_nodes, &mut errors);
        }
        manifest.env_vars =
            self.shared.env_vars.lock().iter().map(|(k, v)| (k.clone(), Json::from(v.as_str()))).collect();
        manifest.graph = Graph::build(&manifest);
        if errors.is_empty()
            && let Err(cycle) = manifest.graph.check_acyclic()
        {
            errors.push(cycle);
        }
        for warning in self.warnings.lock().drain(..) {
            match warning.severity {
                Severity::Error => errors.push(warning),
                Severity::Warning => self.shared.sink.diagnostic(warning),
            }
        }
        if errors.is_empty() { Ok(manifest) } else { Err(errors) }
    }
}
