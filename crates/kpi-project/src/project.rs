//! A project and its packages.

use crate::{CatalogDefinition, InventoryFile, PropertyFile};
use kpi_diagnostics::{Diagnostic, SourceFile};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A whole project: the root package, its dependencies, the chosen target.
pub struct Project {
    /// Absolute path of the root package.
    pub root: PathBuf,
    /// The root package first, then dependencies by name.
    pub packages: Vec<Package>,
    /// The chosen target, rendered.
    pub target: TargetSettings,
    /// `--vars`
    pub cli_vars: Map<String, Json>,
    /// Of `selectors.yml` or `[selectors]`.
    pub selectors: Vec<SelectorDefinition>,
    /// Of `catalogs.yml`.
    pub catalogs: Vec<CatalogDefinition>,
    /// Warnings met on the way (unused paths, deprecated keys...).
    pub warnings: Vec<Diagnostic>,
    /// Environment variables that settings and property files read, with what they held: an input of the warm cache.
    /// Never print it: it holds secrets.
    pub env_read: BTreeMap<String, Option<String>>,
}

impl Project {
    /// The root package.
    pub fn root_package(&self) -> Option<&Package> {
        self.packages.first()
    }

    /// A package by name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| *package.name == *name)
    }

    /// The variables that nodes of a package see. The command line goes before the root project's values for that
    /// package, those before the root's global ones, and those before the package's own.
    pub fn vars_for(&self, package: &str) -> Map<String, Json> {
        let empty = ProjectConfig::default();
        let root = self.root_package().map_or(&empty, |p| &p.config);
        let own = self.package(package).map_or(&empty, |p| &p.config);
        merge_vars(root, own, &self.cli_vars)
    }
}

/// The variables of the package `own` in a project with the root `root`.
pub(crate) fn merge_vars(
    root: &ProjectConfig,
    own: &ProjectConfig,
    cli_vars: &Map<String, Json>,
) -> Map<String, Json> {
    let mut out = Map::new();
    let mut add = |vars: &Map<String, Json>| {
        out.extend(vars.clone());
        if let Some(Json::Object(scoped)) = vars.get(&*own.name) {
            out.extend(scoped.clone());
        }
    };
    if root.name != own.name {
        add(&own.vars);
    }
    add(&root.vars);
    out.extend(cli_vars.clone());
    out
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.packages.iter().map(|p| &*p.name).collect();
        write!(f, "Project({} {names:?} {:?})", self.root.display(), self.target)
    }
}

/// One package: the root project or a dependency.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: Arc<str>,
    /// Absolute path.
    pub root: PathBuf,
    /// `dbt_project.yml` or `kpi.toml`.
    pub config: ProjectConfig,
    /// Its files, sorted by path within each kind.
    pub files: Vec<InventoryFile>,
    /// Its property files, parsed and rendered.
    pub properties: Vec<PropertyFile>,
    /// Its suites of expectations, as text: files of the folder `expectations`.
    pub suites: Vec<Arc<SourceFile>>,
}

/// The settings of a package, from `dbt_project.yml` or `kpi.toml`.
#[derive(Debug, Default, Clone)]
pub struct ProjectConfig {
    /// The file, for messages.
    pub file: Option<Arc<SourceFile>>,
    /// Whether it is `kpi.toml`.
    pub native: bool,
    /// `name`
    pub name: Arc<str>,
    /// `version`
    pub version: Option<String>,
    /// `profile`
    pub profile: Option<String>,
    /// `model-paths`
    pub model_paths: Vec<String>,
    /// `seed-paths`
    pub seed_paths: Vec<String>,
    /// `test-paths`
    pub test_paths: Vec<String>,
    /// `analysis-paths`
    pub analysis_paths: Vec<String>,
    /// `docs-paths` (all resource paths when not given)
    pub docs_paths: Vec<String>,
    /// `asset-paths`
    pub asset_paths: Vec<String>,
    /// `expectation-paths`: folders and files of suites
    pub expectation_paths: Vec<String>,
    /// `macro-paths`
    pub macro_paths: Vec<String>,
    /// `snapshot-paths`
    pub snapshot_paths: Vec<String>,
    /// `function-paths`
    pub function_paths: Vec<String>,
    /// `target-path`
    pub target_path: String,
    /// `packages-install-path`
    pub packages_install_path: String,
    /// `log-path`
    pub log_path: String,
    /// `clean-targets`
    pub clean_targets: Vec<String>,
    /// `quoting`
    pub quoting: Map<String, Json>,
    /// `vars`: global ones, and by package name
    pub vars: Map<String, Json>,
    /// Config trees as written, by resource type: `models`, `seeds`, `snapshots`, `data_tests` (or `tests`), `sources`,
    /// `unit_tests`, `exposures`, `metrics`, `semantic-models`, `saved-queries`, `functions`. Rendered.
    pub configs: Map<String, Json>,
    /// The same trees before rendering, for `unrendered_config`.
    pub unrendered_configs: Map<String, Json>,
    /// `on-run-start`, not rendered
    pub on_run_start: Vec<String>,
    /// `on-run-end`, not rendered
    pub on_run_end: Vec<String>,
    /// `dispatch`: namespace -> search order
    pub dispatch: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// `query-comment` as written (absent: dbt's default)
    pub query_comment: Option<Json>,
    /// `require-dbt-version`
    pub require_version: Vec<String>,
    /// `flags`
    pub flags: Map<String, Json>,
    /// `restrict-access`
    pub restrict_access: bool,
    /// `dbt-cloud`, for manifest metadata
    pub dbt_cloud: Option<Json>,
}

/// The chosen target with its settings rendered. Never print it: it holds secrets.
#[derive(Clone, Default)]
pub struct TargetSettings {
    /// Profile name.
    pub profile_name: String,
    /// Target name.
    pub target_name: String,
    /// `duckdb`, `snowflake`
    pub kind: String,
    /// `threads`
    pub threads: usize,
    /// All settings as written in the target, rendered.
    pub settings: Map<String, Json>,
    /// Where it was read, for messages.
    pub file: Option<Arc<SourceFile>>,
}

impl std::fmt::Debug for TargetSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TargetSettings({}.{}: {})", self.profile_name, self.target_name, self.kind)
    }
}

/// A named selector of `selectors.yml`.
#[derive(Debug, Clone)]
pub struct SelectorDefinition {
    /// `name`
    pub name: String,
    /// `description`
    pub description: Option<String>,
    /// `definition` as written
    pub definition: Json,
    /// `default`
    pub default: bool,
}
