//! The files of suites that a project has.

use crate::inventory::read_text;
use kpi_diagnostics::{Diagnostic, SourceFile};
use std::path::Path;
use std::sync::Arc;

/// Folders of suites nest no deeper.
const DEEPEST: usize = 20;

/// The suites of the project: JSON and YAML files of `paths`, which are folders or files.
pub(super) fn suite_files(
    root: &Path,
    paths: &[String],
    errors: &mut Vec<Diagnostic>,
) -> Vec<Arc<SourceFile>> {
    let mut out = Vec::new();
    for path in paths {
        let path = path.trim_end_matches('/');
        if root.join(path).is_file() {
            match read_text(&root.join(path), path) {
                Ok(file) => out.push(file),
                Err(error) => errors.push(error),
            }
        } else {
            suite_folder(root, path, 0, &mut out, errors);
        }
    }
    out
}

fn suite_folder(
    root: &Path,
    folder: &str,
    depth: usize,
    out: &mut Vec<Arc<SourceFile>>,
    errors: &mut Vec<Diagnostic>,
) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    for name in names {
        let shown = format!("{folder}/{name}");
        if root.join(&shown).is_dir() {
            if depth < DEEPEST {
                suite_folder(root, &shown, depth + 1, out, errors);
            }
        } else if [".json", ".yml", ".yaml"].iter().any(|ending| name.ends_with(ending)) {
            match read_text(&root.join(&shown), &shown) {
                Ok(file) => out.push(file),
                Err(error) => errors.push(error),
            }
        }
    }
}
