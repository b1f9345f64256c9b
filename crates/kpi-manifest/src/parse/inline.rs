//! SQL that stands in no file: `--inline`.

use super::config::{ConfigTrees, Layer};
use super::docs::Docs;
use super::drafts::{Draft, fqn};
use super::{Parser, relation_names};
use crate::context::Shared;
use crate::context::parsing::ParseShared;
use crate::{Manifest, Node, NodeId, ResourceType};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, SourceFile};
use kpi_jinja::{Environment, MacroTable, UndefinedMode};
use std::sync::Arc;

/// The name of the node that `--inline` makes.
pub const INLINE_NAME: &str = "inline_query";

/// Adds a query to a manifest as a node of its own. Gives its position; its id is `sql_operation.<root>.inline_query`.
///
/// # Errors
/// What is wrong with the query.
pub fn add_inline(
    manifest: &mut Manifest,
    shared: &Arc<Shared>,
    sql: &str,
) -> Result<NodeId, Vec<Diagnostic>> {
    let parser = Parser {
        shared: shared.clone(),
        parsing: ParseShared::new(shared.clone()),
        lenient: lenient(&manifest.environment),
        strict: manifest.environment.clone(),
        macros: IndexMap::new(),
        docs: Arc::new(Docs::default()),
        names: relation_names::NameMacros::find(shared, &manifest.environment),
        created_at: shared.started_at.timestamp_micros() as f64 / 1e6,
        test_warnings: parking_lot::Mutex::default(),
        warnings: parking_lot::Mutex::default(),
    };
    let root = manifest.root_package.clone();
    let mut node = Node::new(ResourceType::SqlOperation, root.clone(), INLINE_NAME.into());
    (node.schema, node.database) = parser.names.defaults();
    node.quote = shared.facts.quoting;
    node.path = format!("sql/{INLINE_NAME}").into();
    node.original_file_path = "from remote system.sql".into();
    node.fqn = fqn(&root, ["sql"], &INLINE_NAME.into());
    node.raw_code = sql.into();
    node.created_at = parser.created_at;
    let one = |error| vec![error];
    let file = SourceFile::new("inline query", sql);
    let template = parser.parse_template(&file, sql, 1, &node).map_err(one)?;
    let Draft { mut node, captured, template, file } = parser.rendered(node, template, file).map_err(one)?;
    let trees = ConfigTrees::new(&shared.project);
    let layer = Layer { patch: None, call: &captured.config };
    parser.configure(&trees, &mut node, layer, layer, None, &file).map_err(one)?;
    node.refs = captured.refs;
    node.sources = captured.sources;
    node.metrics = captured.metrics;
    node.depends_on_macros = captured.macros;
    parser.names.apply(&parser.parsing, &parser.strict, &mut node).map_err(one)?;
    node.template = template.map(|template| {
        manifest.templates.push(template);
        (manifest.templates.len() - 1) as u32
    });
    parser.resolve_one(manifest, &mut node)?;
    let id = NodeId(manifest.nodes.len() as u32);
    manifest.node_ids.insert(node.unique_id.clone(), id);
    manifest.nodes.push(node);
    manifest.graph = crate::Graph::build(manifest);
    Ok(id)
}

/// The environment of nodes that are parsed, from that of run time.
fn lenient(strict: &Environment) -> Arc<Environment> {
    let mut macros = MacroTable::default();
    macros.root_package = strict.macros.root_package.clone();
    macros.internal_packages = strict.macros.internal_packages.clone();
    macros.adapter_prefixes = strict.macros.adapter_prefixes.clone();
    macros.dispatch = strict.macros.dispatch.clone();
    for package in strict.macros.package_names() {
        macros.add_package(package.clone());
    }
    for definition in strict.macros.iter() {
        macros.insert_ref(definition.clone());
    }
    Arc::new(Environment { macros, globals: strict.globals.clone(), undefined: UndefinedMode::Lenient })
}
