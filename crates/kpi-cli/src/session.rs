//! One call of kpi: its flags, its messages, its identity, and the way from a folder to a manifest.

use crate::flags::Flags;
use crate::invocation_args::{self, Place};
use crate::messages::Messages;
use crate::previous::Previous;
use crate::{interrupt, warnings};
use kpi_adapter::Adapter;
use kpi_artifacts::{EarlierResult, Invocation};
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_manifest::context::{Shared, SharedOptions};
use kpi_manifest::{Manifest, ResourceType};
use kpi_project::{Dependencies, LoadOptions, Project, TargetSettings};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// kpi's own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What keeps a command from doing its work: exit code 2.
#[derive(Debug)]
pub struct Failure(pub Vec<Diagnostic>);

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self(diagnostics)
    }
}

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All good: exit code 0.
    Good,
    /// A node failed: exit code 1.
    NodeFailed,
    /// It was broken off, by Ctrl-C or by a node that does not compile: exit code 2, as with dbt.
    Aborted,
}

/// What a command gives back.
pub type Outcome = Result<Ending, Failure>;

/// One call.
pub struct Session {
    /// What was asked for.
    pub flags: Flags,
    /// Where messages go.
    pub messages: Arc<Messages>,
    /// Identity and start.
    pub invocation: Invocation,
    /// The folder that kpi was called in.
    pub working_dir: PathBuf,
    /// What of an earlier run is to be tried once more, instead of what is selected.
    pub retry: Option<Retry>,
}

/// What did not end well in an earlier run.
pub struct Retry {
    /// The nodes, with what came of them.
    pub nodes: Vec<EarlierResult>,
    /// When that run began: its batches end there.
    pub began: Option<chrono::DateTime<chrono::Utc>>,
}

/// A project that was read and understood.
pub struct Loaded {
    /// The files.
    pub project: Arc<Project>,
    /// The target.
    pub adapter: Arc<dyn Adapter>,
    /// What names mean in templates.
    pub shared: Arc<Shared>,
    /// The meaning.
    pub manifest: Manifest,
    /// What earlier runs left, where the flags name it.
    pub previous: Previous,
}

/// Whether the project in `root` is a native one.
pub fn is_native(root: &Path) -> bool {
    !root.join("dbt_project.yml").is_file()
}

impl Session {
    /// What the command line says about the project.
    ///
    /// # Errors
    /// `--vars` that is no mapping.
    pub fn load_options(&self, need_profile: bool) -> Result<LoadOptions, Diagnostic> {
        let flags = &self.flags;
        let path = |name| flags.text(name).map(PathBuf::from);
        Ok(LoadOptions {
            project_dir: path("project_dir"),
            profiles_dir: path("profiles_dir"),
            profile: flags.text("profile").map(str::to_owned),
            target: flags.text("target").map(str::to_owned),
            cli_vars: match flags.text("vars") {
                Some(text) => warnings::variables("--vars", text)?,
                None => serde_json::Map::new(),
            },
            threads: flags.number("threads").and_then(|n| usize::try_from(n).ok()),
            need_profile,
            version_check: flags.switch("version_check"),
            target_path: flags.text("target_path").map(str::to_owned),
            working_dir: Some(self.working_dir.clone()),
            sink: Some(self.messages.clone()),
            ..LoadOptions::default()
        })
    }

    /// Reads the project, and opens the log in its folder.
    ///
    /// # Errors
    /// All that is wrong with its files.
    pub fn load_project(&self, need_profile: bool) -> Result<Project, Failure> {
        let options = self.load_options(need_profile)?;
        let root = Project::find_root(&options)?;
        let native = is_native(&root);
        if native {
            // What a native project names (the database, raw files) is meant from its folder, wherever kpi is called.
            std::env::set_current_dir(&root).map_err(|error| {
                Diagnostic::error(
                    "K0200",
                    "Runtime Error",
                    format!("The folder {} cannot be entered: {error}", root.display()),
                )
            })?;
        }
        let loaded = Project::load(&options);
        let configured =
            loaded.as_ref().ok().and_then(|p| p.packages.first()).map(|p| p.config.log_path.as_str());
        self.open_log(&root, configured);
        let mut project = loaded?;
        for warning in std::mem::take(&mut project.warnings) {
            self.messages.diagnostic(warning);
        }
        self.messages.check_warnings()?;
        Ok(project)
    }

    /// Reads the project's settings and what packages it names: neither a target nor the packages have to be there.
    ///
    /// # Errors
    /// What is wrong with the files that are read.
    pub fn dependencies(&self) -> Result<Dependencies, Failure> {
        let options = self.load_options(false)?;
        let mut found = Project::dependencies(&options)?;
        self.open_log(&found.root, Some(&found.config.log_path));
        for warning in std::mem::take(&mut found.warnings) {
            self.messages.diagnostic(warning);
        }
        self.messages.check_warnings()?;
        Ok(found)
    }

    /// Opens the log in the folder that the flags or the project name.
    pub fn open_log(&self, root: &Path, configured: Option<&str>) {
        let folder = self.log_folder(root, configured);
        let limit = self.flags.number("log_file_max_bytes").and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        self.messages.open_log(folder.join(if is_native(root) { "kpi.log" } else { "dbt.log" }), limit);
    }

    /// The folder of the log file.
    fn log_folder(&self, root: &Path, configured: Option<&str>) -> PathBuf {
        match (self.flags.text("log_path"), configured) {
            (Some(path), _) => self.working_dir.join(path),
            (None, Some(path)) if !path.is_empty() => root.join(path),
            (None, _) => root.join("logs"),
        }
    }

    /// The call as a dict: `args` of run results, `invocation_args_dict` of templates.
    pub fn invocation_args(&self, project: &Project) -> serde_json::Map<String, serde_json::Value> {
        let configured = project.packages.first().map(|p| p.config.log_path.as_str());
        let log_folder = self.log_folder(&project.root, configured);
        let place = Place { root: &project.root, log_folder: &log_folder, vars: &project.cli_vars };
        invocation_args::of(&self.flags, &place)
    }

    /// Opens a target.
    ///
    /// # Errors
    /// Settings that the target does not understand.
    pub fn adapter(&self, target: &TargetSettings) -> Result<Arc<dyn Adapter>, Failure> {
        let adapter = crate::target::open(target)?;
        interrupt::cancel_on_interrupt(&adapter);
        let version = crate::target::version(&*adapter);
        self.messages.say_with(
            "AdapterRegistered",
            Level::Info,
            format!("Registered adapter: {}={version}", adapter.type_name()),
            json!({"adapter_name": adapter.type_name(), "adapter_version": format!("={version}")}),
        );
        Ok(adapter)
    }

    /// Reads and understands the project. `inline` is a query that is to be a node of it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(&self, inline: Option<&str>) -> Result<Loaded, Failure> {
        let project = Arc::new(self.load_project(true)?);
        let earlier = Previous::begin(self, &project.root, self.target_path(&project));
        let adapter = self.adapter(&project.target)?;
        let catalogs: Vec<_> = project.catalogs.iter().map(kpi_manifest::context::integration).collect();
        adapter.check_catalogs(&catalogs).map_err(|error| error.to_diagnostic())?;
        let sink: Arc<dyn EventSink> = self.messages.clone();
        let options = SharedOptions {
            flags: self.flags.to_map(),
            invocation_args: self.invocation_args(&project),
            invocation_id: self.invocation.id.as_str().into(),
            started_at: self.invocation.started_at,
            sink,
        };
        let shared = Shared::new(project.clone(), adapter.clone(), options);
        let mut manifest = kpi_manifest::parse::parse_shared(&shared)?;
        if let Some(sql) = inline {
            kpi_manifest::parse::add_inline(&mut manifest, &shared, sql).map_err(|mut errors| {
                for error in &mut errors {
                    error.message = format!("Error parsing inline query: {}", error.message);
                }
                errors
            })?;
        }
        self.messages.check_warnings()?;
        self.found(&manifest);
        let previous = earlier.finish()?;
        Ok(Loaded { project, adapter, shared, manifest, previous })
    }

    /// `Found 5 models, 20 data tests, 3 seeds, 500 macros`
    fn found(&self, manifest: &Manifest) {
        let mut counts: Vec<(&'static str, usize)> = Vec::new();
        let mut add = |kind: &'static str, n: usize| match counts.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, count)) => *count += n,
            None => counts.push((kind, n)),
        };
        for node in &manifest.nodes {
            add(node.resource_type.as_str(), 1);
        }
        let other = |section: &str| manifest.other.get(section).map_or(0, |entries| entries.len());
        add(ResourceType::Source.as_str(), manifest.sources.len());
        add(ResourceType::Exposure.as_str(), manifest.exposures.len());
        add("metric", other("metrics"));
        add("macro", manifest.macros.len());
        add("group", manifest.groups.len());
        add("semantic_model", other("semantic_models"));
        add("saved_query", other("saved_queries"));
        add("unit_test", other("unit_tests"));
        let stats: Vec<String> = counts
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(kind, n)| match (*kind, n) {
                (kind, 1) => format!("1 {}", kind.replace('_', " ")),
                ("test", n) => format!("{n} data tests"),
                ("analysis", n) => format!("{n} analyses"),
                ("saved_query", n) => format!("{n} saved queries"),
                (kind, n) => format!("{n} {}s", kind.replace('_', " ")),
            })
            .collect();
        let stats = stats.join(", ");
        self.messages.say_with(
            "FoundStats",
            Level::Info,
            format!("Found {stats}"),
            json!({"stat_line": stats}),
        );
    }

    /// The folder of artifacts and compiled SQL.
    pub fn target_path(&self, project: &Project) -> PathBuf {
        let configured = project.packages.first().map_or("target", |p| p.config.target_path.as_str());
        project.root.join(if configured.is_empty() { "target" } else { configured })
    }
}
