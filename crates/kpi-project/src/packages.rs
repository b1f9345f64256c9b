//! The packages that a project names, and those that are installed.

mod reader;
mod spec;

use crate::yaml::Node;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use reader::name_of;
pub use reader::{PackageLock, PackageMetadata, PackageReader};
pub use spec::{PackageSource, PackageSpec};

/// The file of a lock, beside the project file.
pub const LOCK_FILE: &str = "package-lock.yml";

pub(crate) const KIND: &str = "Runtime Error";
const PACKAGES_FILE: &str = "packages.yml";
const DEPENDENCIES_FILE: &str = "dependencies.yml";

/// What `packages.yml` or `dependencies.yml` names.
#[derive(Debug, Clone, Default)]
pub struct PackagesFile {
    /// Which of the two it was.
    pub file: Option<Arc<SourceFile>>,
    /// Its entries, in order.
    pub specs: Vec<PackageSpec>,
}

impl PackagesFile {
    /// The name of the file that packages are written to: `packages.yml` unless it is `dependencies.yml` that has them.
    pub fn name(&self) -> &str {
        match &self.file {
            Some(file) if file.name.ends_with(DEPENDENCIES_FILE) => DEPENDENCIES_FILE,
            _ => PACKAGES_FILE,
        }
    }

    /// Those that lie beside the project: path and place.
    pub(crate) fn local(&self) -> Vec<(String, Span)> {
        self.specs
            .iter()
            .filter_map(|spec| match &spec.source {
                PackageSource::Local { path } => Some((path.clone(), spec.span.clone())),
                _ => None,
            })
            .collect()
    }
}

/// The tree of the file that names packages, with the file.
type Written = (Arc<SourceFile>, Node);

/// Finds the file that names packages; `None` when there is none.
fn written(root: &Path, shown_root: &str) -> Result<Option<Written>, Diagnostic> {
    let load = |name: &str| -> Result<Option<Written>, Diagnostic> {
        let path = root.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let shown = if shown_root.is_empty() { name.to_owned() } else { format!("{shown_root}/{name}") };
        let file = crate::inventory::read_text(&path, &shown)?;
        // Messages show lines of the file: they have its passwords covered.
        let covered = SourceFile::new(file.name.clone(), covered(&file.text));
        let node = crate::yaml::parse(&file).map_err(|mut error| {
            for span in error.span.iter_mut().chain(error.related.iter_mut().map(|(span, _)| span)) {
                span.file = covered.clone();
            }
            error
        })?;
        Ok(node.filter(|node| !node.is_null()).map(|node| (covered, node)))
    };
    let packages = load(PACKAGES_FILE)?;
    let dependencies = load(DEPENDENCIES_FILE)?;
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
    match (packages, dependencies.filter(|(_, root)| root.get("packages").is_some())) {
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
            Err(error.with_hint("keep one of the two"))
        }
        (packages, dependencies) => Ok(dependencies.or(packages)),
    }
}

/// A text with stars over the passwords of its addresses, as long as before: `https://me:*****@example.com`.
fn covered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, tail) = rest.split_at(at + 3);
        out.push_str(before);
        let end =
            tail.find(|c: char| c == '/' || c.is_whitespace() || c == '"' || c == '\'').unwrap_or(tail.len());
        let (authority, after) = tail.split_at(end);
        match authority.rfind('@') {
            // What a template gives is no secret as it stands there.
            Some(sign) if !authority.contains("{{") => {
                let (user, host) = authority.split_at(sign);
                out.extend(user.chars().map(|_| '*'));
                out.push_str(host);
            }
            _ => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    out
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

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn passwords_of_addresses_are_covered() {
        assert_eq!(
            covered("- git: https://me:pw@h.com/a@b\n- git: ssh://git@h.com/x\n- git: https://h.com/y\n"),
            "- git: https://*****@h.com/a@b\n- git: ssh://***@h.com/x\n- git: https://h.com/y\n"
        );
        let template = "https://{{env_var('T')}}@h.com/x";
        assert_eq!(covered(template), template);
    }
}
