//! Finds and reads the files of a package: every folder is walked once, every file read once, in parallel.
//!
//! What counts is what dbt's reader takes: names that do not begin with `.`, `#` or `~`, endings in any case, folders
//! with any name, links to files but not to folders.

use super::{FileKind, InventoryFile, python_strip};
use crate::ProjectConfig;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Seeds beyond this size are known by their path alone.
const LARGE_SEED: u64 = 1024 * 1024;

/// How deep folders may nest.
const MAX_FOLDERS: usize = 128;

/// The files of a package and what could not be read.
#[derive(Default)]
pub(crate) struct Inventory {
    pub(crate) files: Vec<InventoryFile>,
    pub(crate) errors: Vec<Diagnostic>,
}

/// A file that is to be read.
struct Found {
    kind: FileKind,
    path: String,
    search_path: Arc<str>,
    absolute: PathBuf,
}

/// Reads the files of the package at `root`; `shown_root` is put before names in messages.
pub(crate) fn take(root: &Path, shown_root: &str, config: &ProjectConfig) -> Inventory {
    let ignored = match read_ignore_files(root, shown_root) {
        Ok(ignored) => ignored,
        Err(error) => return Inventory { files: Vec::new(), errors: vec![error] },
    };
    let folders = folders_of(config);
    let walked: Vec<(Vec<Found>, Vec<Diagnostic>)> = folders
        .par_iter()
        .map(|folder| {
            let mut names = Vec::new();
            let mut errors = Vec::new();
            list(&root.join(&*folder.search_path), "", 0, &mut names, &mut errors);
            let found = names
                .iter()
                .filter(|name| {
                    let relative = join(&folder.search_path, name);
                    !ignored.iter().any(|spec| is_ignored(spec, relative.trim_start_matches("./")))
                })
                .flat_map(|name| {
                    folder.classify(name, config.native).into_iter().map(move |kind| (name, kind))
                })
                .map(|(name, kind)| {
                    let search_path = folder.search_path_of(kind);
                    Found {
                        kind,
                        path: join(&folder.search_path, name),
                        search_path,
                        absolute: root.join(&*folder.search_path).join(name),
                    }
                })
                .collect();
            (found, errors)
        })
        .collect();
    let mut errors = Vec::new();
    let mut found = Vec::new();
    for (f, e) in walked {
        found.extend(f);
        errors.extend(e);
    }
    found.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    // Folders may overlap: a file is of one kind only once.
    found.dedup_by(|a, b| a.kind == b.kind && a.path == b.path);
    let read: Vec<Result<InventoryFile, Diagnostic>> =
        found.into_par_iter().map(|found| read(found, shown_root)).collect();
    let mut files = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    Inventory { files, errors }
}

/// A folder that is searched, with what is looked for in it.
struct Folder {
    search_path: Arc<str>,
    models: bool,
    seeds: bool,
    snapshots: bool,
    analyses: bool,
    tests: bool,
    macros: bool,
    functions: bool,
    docs: bool,
}

impl Folder {
    fn classify(&self, name: &str, native: bool) -> Vec<FileKind> {
        let ending = name
            .rsplit('/')
            .next()
            .and_then(|file| file.rsplit_once('.'))
            .map(|(_, e)| e.to_ascii_lowercase());
        let Some(ending) = ending.as_deref() else { return Vec::new() };
        let mut kinds = Vec::new();
        match ending {
            "sql" => {
                for (wanted, kind) in [
                    (self.models, FileKind::Model),
                    (self.snapshots, FileKind::Snapshot),
                    (self.analyses, FileKind::Analysis),
                    (self.macros, FileKind::Macro),
                    (self.functions, FileKind::Function),
                ] {
                    if wanted {
                        kinds.push(kind);
                    }
                }
                if self.tests {
                    kinds.push(match name.split_once('/').map(|(first, _)| first) {
                        Some("generic") => FileKind::GenericTest,
                        Some("fixtures") => FileKind::Fixture,
                        _ => FileKind::SingularTest,
                    });
                }
            }
            "py" => {
                if self.models {
                    kinds.push(FileKind::PythonModel);
                }
                if self.functions {
                    kinds.push(FileKind::Function);
                }
            }
            // Functions of databases that run JavaScript.
            "js" if self.functions => kinds.push(FileKind::Function),
            "csv" => {
                if self.seeds {
                    kinds.push(FileKind::Seed);
                }
                if self.tests && name.starts_with("fixtures/") {
                    kinds.push(FileKind::Fixture);
                }
            }
            "md" if self.docs => kinds.push(FileKind::Docs),
            "yml" | "yaml" if self.has_resources() => kinds.push(FileKind::Properties),
            "toml" if self.has_resources() && (native || !is_foreign_toml(name)) && name != "kpi.toml" => {
                kinds.push(FileKind::Properties);
            }
            _ => {}
        }
        kinds
    }

    fn has_resources(&self) -> bool {
        self.models
            || self.seeds
            || self.snapshots
            || self.analyses
            || self.tests
            || self.macros
            || self.functions
    }

    fn search_path_of(&self, kind: FileKind) -> Arc<str> {
        match kind {
            FileKind::GenericTest => join(&self.search_path, "generic").into(),
            FileKind::Fixture => join(&self.search_path, "fixtures").into(),
            _ => self.search_path.clone(),
        }
    }
}

/// TOML files that other tools put beside code.
fn is_foreign_toml(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("pyproject.toml" | "Cargo.toml" | "poetry.toml" | "ruff.toml"))
}

fn folders_of(config: &ProjectConfig) -> Vec<Folder> {
    let clean = |path: &str| {
        let cut = path.trim_end_matches('/');
        if cut.is_empty() && path.starts_with('/') { "/".to_owned() } else { cut.to_owned() }
    };
    let mut folders: Vec<Folder> = Vec::new();
    let mut mark = |paths: &[String], set: fn(&mut Folder)| {
        for path in paths {
            let path = clean(path);
            let at = folders.iter().position(|f| *f.search_path == *path).unwrap_or_else(|| {
                folders.push(Folder {
                    search_path: path.into(),
                    models: false,
                    seeds: false,
                    snapshots: false,
                    analyses: false,
                    tests: false,
                    macros: false,
                    functions: false,
                    docs: false,
                });
                folders.len() - 1
            });
            if let Some(folder) = folders.get_mut(at) {
                set(folder);
            }
        }
    };
    mark(&config.model_paths, |f| f.models = true);
    mark(&config.seed_paths, |f| f.seeds = true);
    mark(&config.snapshot_paths, |f| f.snapshots = true);
    mark(&config.analysis_paths, |f| f.analyses = true);
    mark(&config.macro_paths, |f| f.macros = true);
    mark(&config.test_paths, |f| f.tests = true);
    mark(&config.function_paths, |f| f.functions = true);
    mark(&config.docs_paths, |f| f.docs = true);
    folders
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The names of all files below a folder, relative to it.
fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>, errors: &mut Vec<Diagnostic>) {
    // A folder that is not there, or that may not be read, is an empty one: dbt's rule.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let shown = entry.path().display().to_string();
            errors.push(
                Diagnostic::error(
                    "K0109",
                    "Runtime Error",
                    format!("the file name {shown:?} is not valid UTF-8"),
                )
                .with_hint("rename the file"),
            );
            continue;
        };
        let Ok(kind) = entry.file_type() else { continue };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        if kind.is_dir() {
            if depth < MAX_FOLDERS {
                list(&entry.path(), &path, depth + 1, names, errors);
            }
        } else if !name.starts_with(['.', '#', '~']) && (kind.is_file() || entry.path().is_file()) {
            names.push(path);
        }
    }
}

/// `.dbtignore` and `.kpiignore`, each with the syntax of `.gitignore`, line by line.
fn read_ignore_files(root: &Path, shown_root: &str) -> Result<Vec<Vec<Gitignore>>, Diagnostic> {
    let mut specs = Vec::new();
    for name in [".dbtignore", ".kpiignore"] {
        let path = root.join(name);
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let file = SourceFile::new(join(shown_root, name), &*text);
        let mut lines = Vec::new();
        for (i, line) in (1u32..).zip(file.text.lines()) {
            let failed = |error: ignore::Error| {
                Diagnostic::error("K0110", "Runtime Error", format!("the pattern cannot be read: {error}"))
                    .with_span(Span::at(file.clone(), i, 1))
            };
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, line).map_err(failed)?;
            let pattern = builder.build().map_err(failed)?;
            if !pattern.is_empty() {
                lines.push(pattern);
            }
        }
        specs.push(lines);
    }
    Ok(specs)
}

/// Whether a file is ignored: the last line that matches it or a folder above it decides. git would look no further
/// once a folder is ignored; here `*` and then `!macros/` leaves the macros, as with dbt.
fn is_ignored(lines: &[Gitignore], path: &str) -> bool {
    let folders = || path.match_indices('/').map(|(i, _)| (&path[..i], true));
    let decides = |line: &Gitignore| {
        let mut found =
            folders().chain([(path, false)]).map(|(path, is_folder)| line.matched(path, is_folder));
        found.rfind(|found| !found.is_none()).map(|found| found.is_ignore())
    };
    lines.iter().rev().find_map(decides).unwrap_or(false)
}

fn read(found: Found, shown_root: &str) -> Result<InventoryFile, Diagnostic> {
    let Found { kind, path, search_path, absolute } = found;
    let name = join(shown_root, &path);
    let io_error = |error: std::io::Error| {
        Diagnostic::error("K0109", "Runtime Error", format!("cannot read {name}: {error}"))
    };
    let is_seed = kind == FileKind::Seed;
    let large = is_seed && std::fs::metadata(&absolute).map_err(io_error)?.len() > LARGE_SEED;
    let (text, checksum, checksum_name): (Arc<str>, Arc<str>, &'static str) = if large {
        ("".into(), path.as_str().into(), "path")
    } else {
        let bytes = std::fs::read(&absolute).map_err(io_error)?;
        let text = utf8(&name, bytes)?;
        let checksum = hex::encode(Sha256::digest(python_strip(&text).as_bytes()));
        (if is_seed { "".into() } else { text.into() }, checksum.into(), "sha256")
    };
    let source = SourceFile::new(name, text);
    Ok(InventoryFile { kind, path: path.into(), search_path, absolute, source, checksum, checksum_name })
}

/// Text of bytes, or an error that says where they stop being UTF-8.
pub(crate) fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let bad = bytes.get(at).copied().unwrap_or_default();
        // The text up to the fault is enough to show the line.
        let end = bytes.iter().skip(at).position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
        let shown = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let file = SourceFile::new(name, shown);
        let position = file.position(at);
        Diagnostic::error(
            "K0108",
            "Runtime Error",
            format!("{name} is not valid UTF-8: invalid byte 0x{bad:02x} at offset {at}"),
        )
        .with_span(Span { file, position: Some(position) })
        .with_hint("save the file as UTF-8")
    })
}

/// Reads a text file that must be there.
pub(crate) fn read_text(path: &Path, name: &str) -> Result<Arc<SourceFile>, Diagnostic> {
    let bytes = std::fs::read(path).map_err(|error| {
        Diagnostic::error("K0109", "Runtime Error", format!("cannot read {name}: {error}"))
    })?;
    Ok(SourceFile::new(name, utf8(name, bytes)?))
}

/// Distinct names of a list, in order.
pub(crate) fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = FxHashSet::default();
    names.into_iter().filter(|name| seen.insert(name.trim_end_matches('/').to_owned())).collect()
}
