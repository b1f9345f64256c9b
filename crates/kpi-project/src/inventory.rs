//! The files of a package.

use kpi_diagnostics::SourceFile;
use std::path::PathBuf;
use std::sync::Arc;

/// What a file is for, by the folder it lies in and its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Name shown in messages and text; for a seed the text is empty.
    pub source: Arc<SourceFile>,
    /// Hex SHA-256 of the text as dbt computes it (stripped); for seeds of the file's bytes, or of its path when large.
    pub checksum: Arc<str>,
    /// `sha256` or `path`.
    pub checksum_name: &'static str,
}
