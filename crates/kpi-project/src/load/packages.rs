//! The packages of a project: those that are installed, and local ones that are named; each name once.

use super::{BUILT_IN, DBT_FILE, KIND, Loader, NATIVE_FILE, Settled, clean};
use crate::ProjectConfig;
use crate::inventory::read_text;
use crate::packages::{PackageReader, installed, name_of};
use crate::render::{Renderer, Scope};
use crate::settings::{Reading, raw_dbt_project, read_dbt_project, read_native};
use crate::target::shown_path;
use kpi_diagnostics::{Diagnostic, Span};
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn not_unique(config: &ProjectConfig, other: Option<&ProjectConfig>) -> Diagnostic {
    let mut error = Diagnostic::error(
        "K0224",
        "Compilation Error",
        format!(
            "dbt found more than one package with the name \"{}\" included in this project. Package names must be \
             unique in a project. Please rename one of these packages.",
            config.name
        ),
    );
    if let Some(file) = config.file.clone() {
        error = error.with_span(Span::whole(file));
    }
    match other {
        Some(other) => match other.file.clone() {
            Some(file) => error.with_related(Span::whole(file), "the other one"),
            None => error,
        },
        None => error.with_hint("the built-in macros have this name: choose another one"),
    }
}

impl Loader<'_> {
    /// Reads what names packages.
    pub(super) fn package_reader(&self) -> PackageReader {
        PackageReader {
            renderer: self.renderer(Scope::Secret, &self.cli_vars, &Map::new()),
            env_read: self.env_read.clone(),
        }
    }

    /// Adds the packages that are installed, and local ones that are named but not installed.
    pub(super) fn settle_packages(
        &mut self,
        packages: &mut Vec<Settled>,
        target: &Map<String, Json>,
    ) -> Result<(), Diagnostic> {
        let Some(root) = packages.first() else { return Ok(()) };
        let install_path = root.config.packages_install_path.clone();
        let reader = self.package_reader();
        let named_by_root = reader.project(&self.root, "")?;
        // dbt reads packages without the variables of the command line.
        let renderer = self.renderer(self.project_scope(), &Arc::default(), target);
        let folders = installed(&self.root, &install_path);
        let count = folders.len();
        for folder in folders {
            let settled = self.settle_package(folder, &renderer)?;
            self.add_package(packages, settled)?;
        }
        let mut waiting: Vec<(String, Span)> = named_by_root.local();
        let mut beside = 0usize;
        waiting.reverse();
        while let Some((path, span)) = waiting.pop() {
            let folder = clean(&self.root.join(&path));
            let Ok(name) = name_of(&folder, &path) else {
                return Err(Diagnostic::error(
                    "K0222",
                    KIND,
                    format!("the local package {path} has no dbt_project.yml"),
                )
                .with_span(span)
                .with_hint("the path is relative to the project's folder"));
            };
            if packages.iter().any(|package| *package.config.name == *name) {
                continue;
            }
            beside += 1;
            let settled = self.settle_package(folder.clone(), &renderer)?;
            waiting.extend(reader.project(&folder, &settled.shown_root)?.local());
            self.add_package(packages, settled)?;
        }
        let named = named_by_root.specs.len();
        if named > count + beside {
            let file = named_by_root.name();
            let mut error = Diagnostic::error(
                "K0223",
                "Compilation Error",
                format!(
                    "dbt found {named} package(s) specified in {file}, but only {} package(s) installed in \
                     {install_path}. Run \"kpi deps\" to install package dependencies.",
                    count + beside
                ),
            );
            if let Some(file) = named_by_root.file {
                error = error.with_span(Span::whole(file));
            }
            return Err(error.with_hint(format!("`kpi deps` puts them into {install_path}")));
        }
        // The root first, then by name.
        if let Some(rest) = packages.get_mut(1..) {
            rest.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        }
        Ok(())
    }

    pub(super) fn settle_package(
        &mut self,
        folder: PathBuf,
        renderer: &Renderer,
    ) -> Result<Settled, Diagnostic> {
        let shown_root = shown_path(&folder, &self.root);
        let dbt = folder.join(DBT_FILE);
        let native = folder.join(NATIVE_FILE);
        let mut reading = Reading { renderer, check_version: self.options.version_check, native: false };
        let (file, raw) = if dbt.is_file() {
            let file = read_text(&dbt, &format!("{shown_root}/{DBT_FILE}"))?;
            let raw = raw_dbt_project(&file, &mut Vec::new())?;
            (file, raw)
        } else if native.is_file() {
            reading.native = true;
            let file = read_text(&native, &format!("{shown_root}/{NATIVE_FILE}"))?;
            let raw = read_native(&file)?.project;
            (file, raw)
        } else {
            return Err(Diagnostic::error(
                "K0222",
                KIND,
                format!(
                    "Failed to read package: No {DBT_FILE} found at expected path {shown_root}/{DBT_FILE}"
                ),
            )
            .with_hint("every folder of installed packages holds a package: remove what is not one"));
        };
        let config = read_dbt_project(&file, raw, &reading, &mut self.warnings)?;
        Ok(Settled { root: folder, shown_root, config })
    }

    pub(super) fn add_package(
        &self,
        packages: &mut Vec<Settled>,
        settled: Settled,
    ) -> Result<(), Diagnostic> {
        let name = &settled.config.name;
        if BUILT_IN.contains(&&**name) {
            return Err(not_unique(&settled.config, None));
        }
        if let Some(other) = packages.iter().find(|p| p.config.name == *name) {
            return Err(not_unique(&settled.config, Some(&other.config)));
        }
        packages.push(settled);
        Ok(())
    }
}
