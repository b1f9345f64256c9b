//! The files of a package.

mod walk;

use kpi_diagnostics::SourceFile;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use walk::{distinct, read_text, take};

/// What a file is for, by the folder it lies in and its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// `models/**/*.sql`
    Model,
    /// `models/**/*.py`
    PythonModel,
    /// `seeds/**/*.csv`: the text is not read
    Seed,
    /// `snapshots/**/*.sql`
    Snapshot,
    /// `analyses/**/*.sql`
    Analysis,
    /// `tests/**/*.sql` outside `generic/`
    SingularTest,
    /// `tests/generic/**/*.sql`
    GenericTest,
    /// `macros/**/*.sql`
    Macro,
    /// `functions/**`
    Function,
    /// `tests/fixtures/**`
    Fixture,
    /// `*.md` in docs paths
    Docs,
    /// `*.yml`, `*.yaml`, `*.toml` properties
    Properties,
}

/// A file of the inventory.
#[derive(Debug, Clone)]
pub struct InventoryFile {
    /// What it is for.
    pub kind: FileKind,
    /// Relative to the package root, `/` separators: `models/staging/stg_orders.sql`.
    pub path: Arc<str>,
    /// The configured folder that it was found in: `models`.
    pub search_path: Arc<str>,
    /// On disk.
    pub absolute: PathBuf,
    /// Name shown in messages and the whole text as on disk; for a seed the text is empty.
    pub source: Arc<SourceFile>,
    /// Hex SHA-256 of the text as dbt computes it (stripped); of its path for large seeds.
    pub checksum: Arc<str>,
    /// `sha256` or `path`.
    pub checksum_name: &'static str,
}

impl InventoryFile {
    /// The text as dbt takes it into nodes: without white space at both ends.
    pub fn contents(&self) -> &str {
        python_strip(&self.source.text)
    }

    /// The file's name without folders and ending: `stg_orders`.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        match name.rfind('.') {
            Some(0) | None => name,
            Some(dot) => name.get(..dot).unwrap_or(name),
        }
    }

    /// The path below the search path: `staging/stg_orders.sql`.
    pub fn relative_path(&self) -> &str {
        self.path.strip_prefix(&*self.search_path).map_or(&*self.path, |rest| rest.trim_start_matches('/'))
    }
}

/// Python's `str.strip()`: white space as Python counts it, which takes in the separators U+001C to U+001F.
pub(crate) fn python_strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
