//! Reads `kpi.toml`: what `dbt_project.yml` and `profiles.yml` hold together, in one file.
//!
//! The file is checked against its own table of keys, then brought into the form of `dbt_project.yml`, so that both
//! kinds of project go the same way from there on.

use super::{CONFIG_TREES, QUOTING};
use crate::shape::{Object, STR_OR_NULL, STRINGS, Shape};
use crate::yaml::{Node, Value, parse_toml};
use kpi_diagnostics::{Diagnostic, SourceFile};
use std::sync::Arc;

/// What `kpi.toml` holds beside the project's settings.
pub(crate) struct NativeProject {
    /// In the form of `dbt_project.yml`.
    pub(crate) project: Node,
    /// `[targets]`
    pub(crate) targets: Option<Node>,
    /// `default_target`
    pub(crate) default_target: Option<Node>,
    /// `[selectors]`
    pub(crate) selectors: Option<Node>,
}

const PROJECT_KEYS: Object = Object {
    required: &["name"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("version", Shape::Either(&[Shape::Str, Shape::Number])),
        ("default_target", Shape::Str),
        ("model_paths", STRINGS),
        ("seed_paths", STRINGS),
        ("snapshot_paths", STRINGS),
        ("macro_paths", STRINGS),
        ("test_paths", STRINGS),
        ("analysis_paths", STRINGS),
        ("docs_paths", STRINGS),
        ("asset_paths", STRINGS),
        ("expectation_paths", STRINGS),
        ("function_paths", STRINGS),
        ("target_path", Shape::Str),
        ("log_path", Shape::Str),
        ("packages_install_path", Shape::Str),
        ("clean_targets", STRINGS),
        ("require_kpi_version", Shape::Either(&[Shape::Str, STRINGS])),
        ("require_dbt_version", Shape::Either(&[Shape::Str, STRINGS])),
        ("query_comment", Shape::Either(&[Shape::Str, Shape::Map])),
        ("restrict_access", Shape::Bool),
    ],
};

const HOOKS: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("on_run_start", Shape::Either(&[Shape::Str, STRINGS])),
        ("on_run_end", Shape::Either(&[Shape::Str, STRINGS])),
    ],
};

const SELECTOR: Object = Object {
    required: &["definition"],
    open: false,
    fields: &[("definition", Shape::Any), ("description", STR_OR_NULL), ("default", Shape::Bool)],
};

const FILE: Object = Object {
    required: &["project"],
    open: false,
    fields: &[
        ("project", Shape::Object(&PROJECT_KEYS)),
        ("vars", Shape::Map),
        ("models", Shape::Map),
        ("seeds", Shape::Map),
        ("snapshots", Shape::Map),
        ("analyses", Shape::Map),
        ("sources", Shape::Map),
        ("data_tests", Shape::Map),
        ("unit_tests", Shape::Map),
        ("metrics", Shape::Map),
        ("semantic_models", Shape::Map),
        ("saved_queries", Shape::Map),
        ("exposures", Shape::Map),
        ("functions", Shape::Map),
        ("hooks", Shape::Object(&HOOKS)),
        ("quoting", Shape::Object(&QUOTING)),
        ("dispatch", Shape::Map),
        ("flags", Shape::Map),
        ("selectors", Shape::Map),
        ("targets", Shape::Map),
        // Read by `kpi setup` alone.
        ("setup", Shape::Map),
    ],
};

/// Reads a `kpi.toml`.
///
/// # Errors
/// A syntax error, an unknown key or a value of the wrong type.
pub(crate) fn read_native(file: &Arc<SourceFile>) -> Result<NativeProject, Diagnostic> {
    let root = parse_toml(file)?;
    FILE.check(&root)
        .map_err(|misfit| misfit.diagnostic("K0204", "Runtime Error", "invalid kpi.toml", file))?;
    check_kpi_version(file, &root)?;
    let mut entries: Vec<(Node, Node)> = Vec::new();
    let mut add = |key: &Node, name: String, value: Node| {
        entries.push((Node::new(Value::Str(name.into()), key.line, key.column), value));
    };
    for (key, value) in root.as_map().unwrap_or_default() {
        let Some(section) = key.as_str().map(|s| &**s) else { continue };
        match section {
            "project" => {
                for (key, value) in value.as_map().unwrap_or_default() {
                    let name = key.key_text();
                    if name != "default_target" && name != "require_kpi_version" {
                        add(key, name.replace('_', "-"), value.clone());
                    }
                }
            }
            "hooks" => {
                for (key, value) in value.as_map().unwrap_or_default() {
                    add(key, key.key_text().replace('_', "-"), value.clone());
                }
            }
            "dispatch" => {
                let list = dispatch_entries(file, value)?;
                add(key, "dispatch".to_owned(), Node::new(Value::List(list), value.line, value.column));
            }
            "targets" | "selectors" | "setup" => {}
            name => {
                let hyphened = name.replace('_', "-");
                let name = if CONFIG_TREES.contains(&hyphened.as_str()) { hyphened } else { name.to_owned() };
                add(key, name, value.clone());
            }
        }
    }
    let selectors = root.get("selectors").map(|node| selector_list(file, node)).transpose()?;
    Ok(NativeProject {
        project: Node::new(Value::Map(entries), root.line, root.column),
        targets: root.get("targets").cloned(),
        default_target: root.find(["project", "default_target"]).cloned(),
        selectors,
    })
}

fn key(name: &str, at: &Node) -> Node {
    Node::new(Value::Str(name.into()), at.line, at.column)
}

/// `namespace = ["a", "b"]` as an entry with `macro_namespace` and `search_order`.
fn dispatch_entries(file: &Arc<SourceFile>, table: &Node) -> Result<Vec<Node>, Diagnostic> {
    table
        .as_map()
        .unwrap_or_default()
        .iter()
        .map(|(namespace, order)| {
            STRINGS
                .check(order)
                .map_err(|misfit| misfit.diagnostic("K0204", "Runtime Error", "invalid [dispatch]", file))?;
            let entry = vec![
                (key("macro_namespace", namespace), namespace.clone()),
                (key("search_order", namespace), order.clone()),
            ];
            Ok(Node::new(Value::Map(entry), namespace.line, namespace.column))
        })
        .collect()
}

/// `[selectors.name]` tables as the list of `selectors.yml`.
fn selector_list(file: &Arc<SourceFile>, table: &Node) -> Result<Node, Diagnostic> {
    let mut items = Vec::new();
    for (name, selector) in table.as_map().unwrap_or_default() {
        SELECTOR.check(selector).map_err(|misfit| {
            let heading = format!("invalid selector '{}'", name.key_text());
            misfit.diagnostic("K0204", "Runtime Error", &heading, file)
        })?;
        let mut entry = vec![(key("name", name), name.clone())];
        entry.extend(selector.as_map().unwrap_or_default().iter().cloned());
        items.push(Node::new(Value::Map(entry), name.line, name.column));
    }
    let list = Node::new(Value::List(items), table.line, table.column);
    Ok(Node::new(Value::Map(vec![(key("selectors", table), list)]), table.line, table.column))
}

fn check_kpi_version(file: &Arc<SourceFile>, root: &Node) -> Result<(), Diagnostic> {
    let Some(node) = root.find(["project", "require_kpi_version"]) else { return Ok(()) };
    let ours = env!("CARGO_PKG_VERSION");
    let texts: Vec<String> = match &node.value {
        Value::List(items) => items.iter().map(Node::key_text).collect(),
        _ => node.key_text().split(',').map(|s| s.trim().to_owned()).collect(),
    };
    for text in texts {
        let bound = crate::version::VersionBound::parse(&text).ok_or_else(|| {
            Diagnostic::error("K0204", "Runtime Error", format!("\"{text}\" is not a version bound"))
                .with_span(node.span(file))
                .with_hint("write bounds such as \">=0.1.0\"")
        })?;
        if !bound.admits_text(ours) {
            return Err(Diagnostic::error(
                "K0204",
                "Runtime Error",
                format!("this project needs kpi {text}, but this is kpi {ours}"),
            )
            .with_span(node.span(file)));
        }
    }
    Ok(())
}
