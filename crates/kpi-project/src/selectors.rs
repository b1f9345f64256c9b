//! `selectors.yml`, and `[selectors]` of `kpi.toml`.

use crate::SelectorDefinition;
use crate::render::{Policy, Renderer};
use crate::shape::{Object, Shape};
use crate::yaml::{Node, Value};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use std::sync::Arc;

const SELECTOR: Object = Object {
    required: &["name", "definition"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("definition", Shape::Either(&[Shape::Str, Shape::Map])),
        ("description", Shape::Str),
        ("default", Shape::Bool),
    ],
};

const FILE: Object = Object {
    required: &["selectors"],
    open: false,
    fields: &[("selectors", Shape::List(&Shape::Object(&SELECTOR))), ("version", Shape::Int)],
};

/// Renders and reads selectors. What a definition means is decided by those who select.
pub(crate) fn read(
    file: &Arc<SourceFile>,
    mut root: Node,
    renderer: &Renderer,
) -> Result<Vec<SelectorDefinition>, Diagnostic> {
    renderer.render(&mut root, file, Policy::Everything)?;
    let heading = format!("The {} file in this project is malformed", file.name);
    FILE.check(&root).map_err(|misfit| misfit.diagnostic("K0220", "Runtime Error", &heading, file))?;
    let mut selectors: Vec<SelectorDefinition> = Vec::new();
    let mut default_at: Option<Span> = None;
    for entry in root.get("selectors").and_then(Node::as_list).unwrap_or_default() {
        let name = entry.get("name").map(Node::key_text).unwrap_or_default();
        let default = matches!(entry.get("default").map(|n| &n.value), Some(Value::Bool(true)));
        if default {
            let here = entry.span(file);
            if let Some(first) = default_at {
                return Err(Diagnostic::error(
                    "K0220",
                    "Runtime Error",
                    format!(
                        "Error when parsing the selector file. Found multiple selectors with `default: true`: '{name}' is \
                         not the first"
                    ),
                )
                .with_span(here)
                .with_related(first, "the first one")
                .with_hint("one selector at most is the default"));
            }
            default_at = Some(here);
        }
        let selector = SelectorDefinition {
            name,
            description: entry.get("description").map(Node::key_text),
            definition: entry.get("definition").map(Node::to_json).unwrap_or_default(),
            default,
        };
        // As in a dict of Python, the last one of a name counts.
        match selectors.iter_mut().find(|s| s.name == selector.name) {
            Some(slot) => *slot = selector,
            None => selectors.push(selector),
        }
    }
    Ok(selectors)
}
