//! The packages that a project names, and those that are installed.

use crate::render::{Policy, Renderer};
use crate::yaml::{self, Node};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `packages.yml` or `dependencies.yml` names.
#[derive(Default)]
pub(crate) struct Named {
    /// Which of the two it was.
    pub(crate) file: Option<Arc<SourceFile>>,
    /// How many packages.
    pub(crate) count: usize,
    /// Those that lie beside the project: path and place.
    pub(crate) local: Vec<(String, Span)>,
}

const KIND: &str = "Runtime Error";

/// Reads what a project names.
pub(crate) fn named(root: &Path, shown_root: &str, renderer: &Renderer) -> Result<Named, Diagnostic> {
    let load = |name: &str| -> Result<Option<(Arc<SourceFile>, Node)>, Diagnostic> {
        let path = root.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let shown = if shown_root.is_empty() { name.to_owned() } else { format!("{shown_root}/{name}") };
        let file = crate::inventory::read_text(&path, &shown)?;
        Ok(yaml::parse(&file)?.filter(|node| !node.is_null()).map(|node| (file, node)))
    };
    let packages = load("packages.yml")?;
    let dependencies = load("dependencies.yml")?;
    if let Some((file, root)) = &packages
        && let Some((key, _)) = root.entry("projects")
    {
        return Err(Diagnostic::error(
            "K0221",
            KIND,
            "The 'projects' key cannot be specified in packages.yml",
        )
        .with_span(key.span(file))
        .with_hint("move it to dependencies.yml"));
    }
    let in_dependencies = dependencies.filter(|(_, root)| root.get("packages").is_some());
    let (file, mut node, rendered) = match (packages, in_dependencies) {
        (Some((file, node)), Some((other, other_node))) if node.get("packages").is_some() => {
            let mut error = Diagnostic::error(
                "K0221",
                KIND,
                "The 'packages' key cannot be specified in both packages.yml and dependencies.yml",
            );
            if let (Some((here, _)), Some((there, _))) =
                (node.entry("packages"), other_node.entry("packages"))
            {
                error =
                    error.with_span(here.span(&file)).with_related(there.span(&other), "specified here too");
            }
            return Err(error.with_hint("keep one of the two"));
        }
        // What dependencies.yml names is taken as it stands.
        (_, Some((file, node))) => (file, node, false),
        (Some((file, node)), None) => (file, node, true),
        (None, None) => return Ok(Named::default()),
    };
    if rendered {
        renderer.render(&mut node, &file, Policy::Everything)?;
    }
    let malformed = |at: &Node, reason: String| {
        Diagnostic::error("K0221", KIND, format!("The {} file in this project is malformed: {reason}", file.name))
            .with_span(at.span(&file))
            .with_hint("an entry is such as `- package: dbt-labs/dbt_utils` with `version: 1.3.0`, or `- local: ../common_models`")
    };
    let Some(packages) = node.get("packages") else {
        return Err(malformed(&node, "'packages' is a required property".to_owned())
            .with_hint("begin with `packages:` and a list"));
    };
    let Some(items) = packages.as_list() else {
        return Err(malformed(packages, "'packages' is not a list".to_owned()));
    };
    let kinds = ["local", "package", "git", "tarball", "private"];
    let mut local = Vec::new();
    for item in items {
        let Some(kind) = kinds.iter().find(|kind| item.get(kind).is_some()) else {
            return Err(malformed(item, format!("{} is not a package", crate::shape::shown(item)))
                .with_hint(format!("each entry has one of: {}", kinds.join(", "))));
        };
        let value = item.get(kind).unwrap_or(item);
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
            return Err(malformed(
                value,
                format!("A {kind} package is missing the value. It is a required property."),
            ));
        };
        match *kind {
            "package" if item.get("version").is_none() => {
                return Err(malformed(
                    item,
                    format!(
                        "{text} is missing the version. When installing from the Hub package index, version is a \
                         required property"
                    ),
                ));
            }
            "package" if !text.contains('/') => {
                return Err(malformed(
                    value,
                    format!(
                        "{text} was not found in the package index. Packages on the index require a namespace, e.g \
                         dbt-labs/dbt_utils"
                    ),
                ));
            }
            "local" => local.push((text.to_string(), value.span(&file))),
            _ => {}
        }
    }
    Ok(Named { count: items.len(), local, file: Some(file) })
}

/// The folders of installed packages, by name.
pub(crate) fn installed(root: &Path, install_path: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root.join(install_path)) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with("__"))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}
