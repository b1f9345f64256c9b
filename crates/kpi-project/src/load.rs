//! Loads a project: finds its folder, reads its settings and target, then all files of all packages in parallel.

mod packages;
mod suites;

use crate::inventory::{read_text, take};
use crate::packages::{PackageReader, PackagesFile};
use crate::project::merge_vars;
use crate::render::{EnvLookup, EnvRead, Names, Renderer, Scope};
use crate::settings::{NativeProject, Reading, raw_dbt_project, read_dbt_project, read_native};
use crate::target::{of_native, of_profiles, profiles_folder};
use crate::yaml::{self, Node};
use crate::{
    CatalogDefinition, FileKind, Package, Project, ProjectConfig, PropertyFile, SelectorDefinition,
    TargetSettings,
};
use kpi_diagnostics::{Diagnostic, EventSink, SourceFile};
use parking_lot::Mutex;
use rayon::prelude::*;
use serde_json::{Map, Value as Json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the command line and the environment say about a project.
#[derive(Clone)]
pub struct LoadOptions {
    /// `--project-dir`; else `DBT_PROJECT_DIR`, else the working folder or the nearest one above it with a project.
    pub project_dir: Option<PathBuf>,
    /// `--profiles-dir`; else `DBT_PROFILES_DIR`, else dbt's search.
    pub profiles_dir: Option<PathBuf>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--target`
    pub target: Option<String>,
    /// `--vars`
    pub cli_vars: Map<String, Json>,
    /// `--threads`
    pub threads: Option<usize>,
    /// Reads an environment variable.
    pub env: EnvLookup,
    /// Whether the target must be known: `clean` and the like do without.
    pub need_profile: bool,
    /// Whether `require-dbt-version` must hold: not with `--no-version-check`.
    pub version_check: bool,
    /// `--target-path`
    pub target_path: Option<String>,
    /// `--log-path`
    pub log_path: Option<String>,
    /// `--packages-install-path`
    pub packages_install_path: Option<String>,
    /// The working folder; the process's own when absent.
    pub working_dir: Option<PathBuf>,
    /// Where `log()` in settings goes.
    pub sink: Option<Arc<dyn EventSink>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            project_dir: None,
            profiles_dir: None,
            profile: None,
            target: None,
            cli_vars: Map::new(),
            threads: None,
            env: Arc::new(|name| std::env::var(name).ok()),
            need_profile: true,
            version_check: true,
            target_path: None,
            log_path: None,
            packages_install_path: None,
            working_dir: None,
            sink: None,
        }
    }
}

const KIND: &str = "Runtime Error";
pub(crate) const DBT_FILE: &str = "dbt_project.yml";
pub(crate) const NATIVE_FILE: &str = "kpi.toml";

/// A package whose settings are read and whose files are not.
struct Settled {
    root: PathBuf,
    shown_root: String,
    config: ProjectConfig,
}

impl Project {
    /// Reads a project from disk: settings, target, packages, files and properties.
    ///
    /// # Errors
    /// All that is wrong with files and properties; of settings and targets the first mistake.
    pub fn load(options: &LoadOptions) -> Result<Project, Vec<Diagnostic>> {
        let mut loader = Loader::new(options).map_err(|error| vec![error])?;
        let env_read = loader.env_read.clone();
        let result = match loader.head() {
            Ok(head) => loader.body(head),
            Err(error) => Err(vec![error]),
        };
        result.map_err(|errors| {
            let read = env_read.lock();
            errors.into_iter().map(|error| without_secrets(error, &read)).collect()
        })
    }

    /// Reads the settings of a project and what packages it names. Neither a target is needed nor variables, and no
    /// package has to be there.
    ///
    /// # Errors
    /// The first thing that is wrong with the files that are read.
    pub fn dependencies(options: &LoadOptions) -> Result<Dependencies, Vec<Diagnostic>> {
        let loader = Loader::new(options).map_err(|error| vec![error])?;
        let env_read = loader.env_read.clone();
        loader.dependencies().map_err(|error| vec![without_secrets(error, &env_read.lock())])
    }

    /// Reads the settings of the target and of the project, each by itself, and nothing else: for checks.
    pub fn check(options: &LoadOptions) -> Checked {
        let root = Self::find_root(options);
        let working = working_dir(options).unwrap_or_else(|_| PathBuf::from("."));
        let folder = root.as_ref().map_or_else(|_| working.clone(), Clone::clone);
        let mut loader = Loader {
            options,
            working: working.clone(),
            root: folder.clone(),
            cli_vars: Arc::new(options.cli_vars.clone()),
            env_read: Arc::default(),
            warnings: Vec::new(),
        };
        let native = root.is_ok() && !folder.join(DBT_FILE).is_file();
        let (target, project) = loader.parts(root.map(|_| native));
        let warnings = std::mem::take(&mut loader.warnings);
        let read = loader.env_read.lock();
        let hidden = |error: Diagnostic| without_secrets(error, &read);
        Checked {
            profiles: (!native).then(|| profiles_folder(options, &folder, &working)),
            root: folder,
            native,
            target: target.map_err(hidden),
            project: project.map_err(hidden),
            warnings,
        }
    }

    /// The folder of the project that the options mean: that of `--project-dir`, or the nearest one from the working
    /// folder upward that has a project file.
    ///
    /// # Errors
    /// There is none.
    pub fn find_root(options: &LoadOptions) -> Result<PathBuf, Diagnostic> {
        let working = working_dir(options)?;
        let given =
            options.project_dir.clone().or_else(|| (options.env)("DBT_PROJECT_DIR").map(PathBuf::from));
        let has_project =
            |folder: &Path| [DBT_FILE, NATIVE_FILE].iter().any(|name| folder.join(name).is_file());
        if let Some(given) = given {
            let root = clean(&working.join(&given));
            if has_project(&root) {
                return Ok(root);
            }
            let what = if root.is_dir() { "holds no project" } else { "is not a folder" };
            return Err(Diagnostic::error(
                "K0200",
                KIND,
                format!(
                    "No dbt_project.yml found at expected path {}: it {what}",
                    root.join(DBT_FILE).display()
                ),
            )
            .with_hint("name a folder with a dbt_project.yml or a kpi.toml"));
        }
        match working.ancestors().find(|folder| has_project(folder)) {
            Some(root) => Ok(clean(root)),
            None => Err(Diagnostic::error(
                "K0200",
                KIND,
                format!(
                    "not in a project: neither {} nor a folder above it has a dbt_project.yml or a kpi.toml",
                    working.display()
                ),
            )
            .with_hint(
                "change to the project's folder, name it with --project-dir, or begin one with `kpi init`",
            )),
        }
    }
}

/// An error that tells nothing of the secrets that were read.
fn without_secrets(mut error: Diagnostic, read: &EnvRead) -> Diagnostic {
    let hide = |text: &str| crate::render::hide_secrets(text, read);
    error.message = hide(&error.message);
    error.hint = error.hint.map(|hint| hide(&hint));
    error
}

pub(crate) fn working_dir(options: &LoadOptions) -> Result<PathBuf, Diagnostic> {
    match &options.working_dir {
        Some(folder) => Ok(folder.clone()),
        None => std::env::current_dir().map_err(|error| {
            Diagnostic::error("K0200", KIND, format!("the working folder cannot be read: {error}"))
        }),
    }
}

/// A path without `.` and `..`, links left alone.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Packages that are always there.
const BUILT_IN: [&str; 2] = ["dbt", "dbt_duckdb"];

/// The project's file.
struct RootFile {
    file: Arc<SourceFile>,
    native: bool,
    /// In the form of `dbt_project.yml`.
    raw: Node,
    /// What only `kpi.toml` holds.
    targets: Option<Node>,
    default_target: Option<Node>,
    selectors: Option<Node>,
}

/// A project before its packages are there: its settings and the packages that it names.
pub struct Dependencies {
    /// Absolute path of the project.
    pub root: PathBuf,
    /// Its settings.
    pub config: ProjectConfig,
    /// The packages that it names.
    pub packages: PackagesFile,
    /// Reads what packages name in turn.
    pub reader: PackageReader,
    /// Warnings met on the way.
    pub warnings: Vec<Diagnostic>,
}

/// Settings and target.
struct Head {
    target: TargetSettings,
    packages: Vec<Settled>,
    selectors: Vec<SelectorDefinition>,
    catalogs: Vec<CatalogDefinition>,
}

/// What [`Project::check`] found.
pub struct Checked {
    /// The project's folder; the working folder where there is no project.
    pub root: PathBuf,
    /// Whether the project has a `kpi.toml`.
    pub native: bool,
    /// The folder in which `profiles.yml` is looked for.
    pub profiles: Option<PathBuf>,
    /// The target, or what is wrong with it.
    pub target: Result<TargetSettings, Diagnostic>,
    /// What is wrong with the project's settings.
    pub project: Result<(), Diagnostic>,
    /// What is deprecated in the project's settings.
    pub warnings: Vec<Diagnostic>,
}

struct Loader<'a> {
    options: &'a LoadOptions,
    working: PathBuf,
    root: PathBuf,
    cli_vars: Arc<Map<String, Json>>,
    env_read: Arc<Mutex<EnvRead>>,
    warnings: Vec<Diagnostic>,
}

impl<'a> Loader<'a> {
    fn new(options: &'a LoadOptions) -> Result<Self, Diagnostic> {
        Ok(Self {
            options,
            working: working_dir(options)?,
            root: Project::find_root(options)?,
            cli_vars: Arc::new(options.cli_vars.clone()),
            env_read: Arc::default(),
            warnings: Vec::new(),
        })
    }

    fn env(&self) -> EnvLookup {
        self.options.env.clone()
    }

    fn renderer(&self, scope: Scope, vars: &Arc<Map<String, Json>>, target: &Map<String, Json>) -> Renderer {
        let names = Names::new(scope, self.env(), vars.clone(), target).recording(&self.env_read);
        Renderer::new(names.logging(&self.options.sink))
    }

    fn project_scope(&self) -> Scope {
        Scope::Project { target_known: self.options.need_profile }
    }

    /// Reads the project's file, without its meaning.
    fn root_file(&mut self) -> Result<RootFile, Diagnostic> {
        let native_file = self.root.join(NATIVE_FILE);
        let native = !self.root.join(DBT_FILE).is_file();
        if !native && native_file.is_file() {
            self.warnings.push(
                Diagnostic::warning(
                    "K0205",
                    KIND,
                    "the folder has a dbt_project.yml and a kpi.toml: the latter is not read",
                )
                .with_hint("keep one of the two"),
            );
        }
        if native {
            let file = read_text(&native_file, NATIVE_FILE)?;
            let NativeProject { project, targets, default_target, selectors } = read_native(&file)?;
            return Ok(RootFile { file, native, raw: project, targets, default_target, selectors });
        }
        let file = read_text(&self.root.join(DBT_FILE), DBT_FILE)?;
        let raw = raw_dbt_project(&file, &mut self.warnings)?;
        Ok(RootFile { file, native, raw, targets: None, default_target: None, selectors: None })
    }

    /// Renders and reads the settings of the root project.
    fn root_config(
        &mut self,
        file: &Arc<SourceFile>,
        raw: Node,
        native: bool,
        renderer: &Renderer,
    ) -> Result<ProjectConfig, Diagnostic> {
        let reading = Reading { renderer, check_version: self.options.version_check, native };
        let config = read_dbt_project(file, raw, &reading, &mut self.warnings)?;
        if BUILT_IN.contains(&&*config.name) {
            return Err(packages::not_unique(&config, None));
        }
        Ok(config)
    }

    /// Reads the root project's settings and what packages it names, and asks neither for a target nor for variables.
    fn dependencies(mut self) -> Result<Dependencies, Diagnostic> {
        let RootFile { file, native, raw, selectors, .. } = self.root_file()?;
        let names = Names::new(
            Scope::Project { target_known: false },
            self.env(),
            self.cli_vars.clone(),
            &Map::new(),
        );
        let renderer = Renderer::new(names.recording(&self.env_read).logging(&self.options.sink).lenient());
        let mut config = self.root_config(&file, raw, native, &renderer)?;
        self.apply_overrides(&mut config);
        self.selectors(selectors.map(|node| (file, node)), &renderer)?;
        let reader = self.package_reader();
        let packages = reader.project(&self.root, "")?;
        Ok(Dependencies { root: self.root, config, packages, reader, warnings: self.warnings })
    }

    /// Reads the root project's settings, the target, the selectors and the settings of all packages.
    fn head(&mut self) -> Result<Head, Diagnostic> {
        let secret = self.renderer(Scope::Secret, &self.cli_vars, &Map::new());
        let RootFile { file, native, raw, targets, default_target, selectors } = self.root_file()?;
        let target = if !self.options.need_profile {
            TargetSettings::default()
        } else if native {
            let name = raw.get("name").map(Node::key_text).unwrap_or_default();
            of_native(self.options, &name, targets.as_ref(), default_target.as_ref(), &file, &secret)?
        } else {
            of_profiles(
                self.options,
                &self.root,
                &self.working,
                Some((&raw, &file)),
                &secret,
                &mut self.warnings,
            )?
        };
        let target_names = target.context();
        let renderer = self.renderer(self.project_scope(), &self.cli_vars, &target_names);
        let mut config = self.root_config(&file, raw, native, &renderer)?;
        self.apply_overrides(&mut config);
        let selectors = self.selectors(selectors.map(|node| (file, node)), &renderer)?;
        let mut packages = vec![Settled { root: self.root.clone(), shown_root: String::new(), config }];
        self.settle_packages(&mut packages, &target_names)?;
        let second = config_flag(&packages, "use_catalogs_v2");
        let catalogs = self.catalogs(&secret, second, &target.kind)?;
        Ok(Head { target, packages, selectors, catalogs })
    }

    /// Target and project settings, each by itself. `native`: whether it is a native project, or why there is none.
    fn parts(
        &mut self,
        native: Result<bool, Diagnostic>,
    ) -> (Result<TargetSettings, Diagnostic>, Result<(), Diagnostic>) {
        let secret = self.renderer(Scope::Secret, &self.cli_vars, &Map::new());
        let mut warnings = Vec::new();
        let parts = match native {
            Ok(true) => match self.head() {
                Ok(head) => (Ok(head.target), Ok(())),
                Err(error) => (Err(error.clone()), Err(error)),
            },
            Ok(false) => {
                let read = read_text(&self.root.join(DBT_FILE), DBT_FILE)
                    .and_then(|file| Ok((raw_dbt_project(&file, &mut warnings)?, file)));
                let named = read.as_ref().ok().map(|(raw, file)| (raw, file));
                let target =
                    of_profiles(self.options, &self.root, &self.working, named, &secret, &mut warnings);
                let names = target.as_ref().map(TargetSettings::context).unwrap_or_default();
                let project = read.and_then(|(raw, file)| {
                    let scope = Scope::Project { target_known: target.is_ok() };
                    let renderer = self.renderer(scope, &self.cli_vars, &names);
                    let check_version = self.options.version_check;
                    let reading = Reading { renderer: &renderer, check_version, native: false };
                    read_dbt_project(&file, raw, &reading, &mut warnings)?;
                    self.selectors(None, &renderer).map(drop)
                });
                (target, project)
            }
            Err(error) => {
                let target =
                    of_profiles(self.options, &self.root, &self.working, None, &secret, &mut warnings);
                (target, Err(error))
            }
        };
        self.warnings.append(&mut warnings);
        parts
    }

    fn apply_overrides(&self, config: &mut ProjectConfig) {
        let options = self.options;
        if let Some(path) = &options.target_path {
            for cleaned in &mut config.clean_targets {
                if *cleaned == config.target_path {
                    cleaned.clone_from(path);
                }
            }
            config.target_path.clone_from(path);
        }
        if let Some(path) = &options.log_path {
            config.log_path.clone_from(path);
        }
        if let Some(path) = &options.packages_install_path {
            config.packages_install_path.clone_from(path);
        }
    }

    fn catalogs(
        &self,
        renderer: &Renderer,
        second_form: bool,
        platform: &str,
    ) -> Result<Vec<CatalogDefinition>, Diagnostic> {
        const NAME: &str = "catalogs.yml";
        let path = self.root.join(NAME);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let file = read_text(&path, NAME)?;
        match yaml::parse(&file)? {
            Some(node) if !node.is_null() => {
                crate::catalogs::read(&file, node, renderer, second_form, platform)
            }
            _ => Err(Diagnostic::error("K0244", KIND, format!("The file at {} is empty", path.display()))
                .with_hint("write `catalogs:` with a list of catalogs, or remove the file")),
        }
    }

    fn selectors(
        &self,
        native: Option<(Arc<SourceFile>, Node)>,
        renderer: &Renderer,
    ) -> Result<Vec<SelectorDefinition>, Diagnostic> {
        let (file, node) = match native {
            Some(native) => native,
            None => {
                let path = self.root.join("selectors.yml");
                if !path.is_file() {
                    return Ok(Vec::new());
                }
                let file = read_text(&path, "selectors.yml")?;
                match yaml::parse(&file)? {
                    Some(node) if !node.is_null() => (file, node),
                    _ => return Ok(Vec::new()),
                }
            }
        };
        crate::selectors::read(&file, node, renderer)
    }

    /// Reads all files of all packages.
    fn body(mut self, head: Head) -> Result<Project, Vec<Diagnostic>> {
        let Head { target, packages: settled, selectors, catalogs } = head;
        let mut errors = Vec::new();
        let root_config = settled.first().map(|s| s.config.clone()).unwrap_or_default();
        let target_names = target.context();
        let taken: Vec<_> = settled
            .into_par_iter()
            .map(|Settled { root, shown_root, config }| {
                let inventory = take(&root, &shown_root, &config);
                let own = shown_root.is_empty();
                let vars = merge_vars(&root_config, &config, &self.cli_vars);
                let scope = Scope::Properties { project: root_config.name.clone() };
                let renderer = self.renderer(scope, &Arc::new(vars), &target_names);
                let properties: Vec<_> = inventory
                    .files
                    .par_iter()
                    .filter(|file| file.kind == FileKind::Properties)
                    .map(|file| {
                        let mut warnings = Vec::new();
                        let result =
                            crate::properties::read(file, own, config.native, &renderer, &mut warnings);
                        (result, warnings)
                    })
                    .collect();
                (root, config, inventory, properties)
            })
            .collect();
        let mut packages = Vec::with_capacity(taken.len());
        for (root, config, inventory, results) in taken {
            errors.extend(inventory.errors);
            let mut properties: Vec<PropertyFile> = Vec::with_capacity(results.len());
            for (result, warnings) in results {
                self.warnings.extend(warnings);
                match result {
                    Ok(Some(file)) => properties.push(file),
                    Ok(None) => {}
                    Err(error) => errors.push(error),
                }
            }
            let suites = if packages.is_empty() {
                suites::suite_files(&root, &config.expectation_paths, &mut errors)
            } else {
                Vec::new()
            };
            packages.push(Package {
                suites,
                name: config.name.clone(),
                root,
                config,
                files: inventory.files,
                properties,
            });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let env_read = self.env_read.lock().clone();
        Ok(Project {
            root: self.root,
            packages,
            target,
            cli_vars: self.options.cli_vars.clone(),
            selectors,
            catalogs,
            warnings: self.warnings,
            env_read,
        })
    }
}

/// A flag of the root project.
fn config_flag(packages: &[Settled], name: &str) -> bool {
    let flags = packages.first().map(|root| &root.config.flags);
    flags.and_then(|flags| flags.get(name)).and_then(Json::as_bool).unwrap_or(false)
}
