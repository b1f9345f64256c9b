//! Which macros changed, and which of those that call them.

use super::EarlierManifest;
use crate::{Manifest, Node};
use kpi_diagnostics::Diagnostic;
use rustc_hash::{FxHashMap, FxHashSet};

/// Macros that are new or changed, or that need one that is, at whatever depth.
#[derive(Default)]
pub(super) struct Touched<'m> {
    ids: FxHashSet<&'m str>,
    /// Whether any macro is new, changed or gone.
    any: bool,
}

impl Touched<'_> {
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Whether a node calls any of them.
    ///
    /// # Errors
    /// It is a generic test whose macro is gone: whether it changed has no answer.
    pub fn by(&self, node: &Node) -> Result<bool, Diagnostic> {
        if node.depends_on_macros.iter().any(|id| self.contains(id)) {
            return Ok(true);
        }
        let Some(test) = node.test_metadata.as_ref().filter(|_| self.any) else { return Ok(false) };
        let name = format!(".test_{}", test.name);
        if node.depends_on_macros.iter().any(|id| id.ends_with(&name)) {
            return Ok(false);
        }
        let message = format!(
            "Node '{}' (in {}) depends on a macro or test that does not exist.",
            node.name, node.original_file_path
        );
        Err(Diagnostic::error("K0727", "Compilation Error", message).with_hint(format!(
            "define the generic test '{}', install its package with `kpi deps`, or remove the test from the property file",
            test.name
        )))
    }
}

/// Compares the macros.
///
/// The built-in ones are part of the program, not of the project: their text is not compared, so that the state may
/// come from another version, or from dbt.
pub(super) fn touched<'m>(current: &'m Manifest, earlier: &EarlierManifest) -> Touched<'m> {
    let built_in: FxHashSet<&str> = kpi_macros::files().iter().map(|file| file.package).collect();
    let mut callers: FxHashMap<&str, Vec<&'m str>> = FxHashMap::default();
    let mut touched: FxHashSet<&'m str> = FxHashSet::default();
    let mut open: Vec<&'m str> = Vec::new();
    for (id, entry) in &current.macros {
        for called in &entry.depends_on_macros {
            callers.entry(called).or_default().push(id);
        }
        let definition = &entry.definition;
        let same = built_in.contains(&*definition.package)
            || earlier.macros.get(id).is_some_and(|earlier| *earlier.macro_sql == *definition.code);
        if !same && touched.insert(id) {
            open.push(id);
        }
    }
    let package = |id: &str| id.split('.').nth(1).is_some_and(|package| built_in.contains(package));
    let any =
        !open.is_empty() || earlier.macros.keys().any(|id| !current.macros.contains_key(id) && !package(id));
    while let Some(id) = open.pop() {
        for caller in callers.get(id).into_iter().flatten() {
            if touched.insert(caller) {
                open.push(caller);
            }
        }
    }
    Touched { ids: touched, any }
}
