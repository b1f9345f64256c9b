//! Projects in temporary folders.

use kpi_project::{LoadOptions, Project};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

pub const PROJECT: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";
pub const PROFILES: &str =
    "shop:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: dev.duckdb\n";

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text.as_bytes());
    }
    folder
}

pub fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A plain dbt project with these files beside it or instead of its own.
pub fn dbt_project(files: &[(&str, &str)]) -> TempDir {
    let mut all =
        vec![("dbt_project.yml", PROJECT), ("profiles.yml", PROFILES), ("models/a.sql", "select 1 as id")];
    all.extend_from_slice(files);
    folder(&all)
}

/// Options that see nothing of the machine's own environment.
pub fn options(folder: &TempDir, env: &[(&str, &str)]) -> LoadOptions {
    let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    LoadOptions {
        working_dir: Some(folder.path().to_owned()),
        env: Arc::new(move |name| env.get(name).cloned()),
        ..LoadOptions::default()
    }
}

pub fn load(folder: &TempDir) -> Project {
    load_with(&options(folder, &[]))
}

pub fn load_with(options: &LoadOptions) -> Project {
    Project::load(options).unwrap_or_else(|errors| {
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", shown.join("\n"))
    })
}

/// The errors of loading, rendered.
pub fn failure(options: &LoadOptions) -> String {
    match Project::load(options) {
        Ok(project) => panic!("{project:?} was loaded"),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"),
    }
}
