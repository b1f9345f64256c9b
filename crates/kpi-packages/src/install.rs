//! The installation from beginning to end.

use crate::folder;
use crate::http::Http;
use crate::hub::Hub;
use crate::lock;
use crate::resolve::{self, Resolved};
use crate::source::{Fetcher, Pinned};
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level};
use kpi_project::Dependencies;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const KIND: &str = "Runtime Error";

/// What is wanted of an installation.
pub struct Options<'a> {
    /// Choose versions anew, whatever the lock says.
    pub upgrade: bool,
    /// Write the lock and install nothing.
    pub lock_only: bool,
    /// Tell what would be done, and do nothing.
    pub dry_run: bool,
    /// Leave versions out that are not made for the version of dbt whose behaviour kpi has.
    pub version_check: bool,
    /// The address of the package hub.
    pub hub: &'a str,
    /// Texts that may not be written down.
    pub secrets: &'a [String],
    /// Reads an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// Installs what the project names.
///
/// # Errors
/// A package cannot be had, or the packages do not go together. What is installed stays as it was.
pub fn install(
    dependencies: &Dependencies,
    options: &Options<'_>,
    sink: &dyn EventSink,
) -> Result<(), Diagnostic> {
    let place = dependencies.root.join(&dependencies.config.packages_install_path);
    // Downloads lie beside the packages, on the same disk, unless nothing is installed.
    let beside = if options.lock_only || options.dry_run { None } else { place.parent() };
    let staging = Staging::make(&place, beside)?;
    let http = Http::new(options.environment)?;
    let hub = Hub::new(&http, sink, options.hub, options.version_check);
    let fetcher = Fetcher::new(
        &dependencies.root,
        &dependencies.reader,
        sink,
        &http,
        hub,
        staging.folder("downloads")?,
    );
    sink.emit(
        Event::new(
            "DepsSetDownloadDirectory",
            Level::Debug,
            format!("Set downloads directory='{}'", fetcher.downloads.display()),
        )
        .with("path", fetcher.downloads.display().to_string()),
    );
    // With --upgrade it does not matter what the lock was.
    let written = match dependencies.reader.lock(&dependencies.root) {
        Err(_) if options.upgrade => None,
        found => found?,
    };
    let hash = lock::hash(&dependencies.packages.specs);
    let stale = written.as_ref().is_none_or(|lock| lock.hash.as_deref() != Some(hash.as_str()));
    let resolved = if stale || options.upgrade {
        make_lock(dependencies, options, &fetcher, &hash, sink)?
    } else {
        None
    };
    if options.lock_only {
        return Ok(());
    }
    let resolved = match (resolved, written) {
        (Some(resolved), _) => resolved,
        (None, Some(lock)) => resolve::locked(&lock.specs?, dependencies, &fetcher)?,
        (None, None) => Vec::new(),
    };
    if resolved.is_empty() {
        none_found(dependencies, sink);
    }
    if options.dry_run {
        for (pinned, _) in &resolved {
            let text = format!("Would install {} from {}", pinned.shown(), pinned.version_name());
            sink.emit(Event::new("Note", Level::Info, text));
        }
        return Ok(());
    }
    let packages = staging.folder("packages")?;
    put(&resolved, &fetcher, &packages, sink)?;
    folder::replace(&place, &packages, &staging.root().join("previous")).map_err(|error| {
        Diagnostic::error("K0238", KIND, format!("{} cannot be written: {error}", place.display()))
            .with_hint("the packages that were there are there still")
    })?;
    tell_updates(&resolved, sink);
    Ok(())
}

fn none_found(dependencies: &Dependencies, sink: &dyn EventSink) {
    let name = dependencies.packages.name();
    let text = format!("Warning: No packages were found in {name}");
    sink.emit(Event::new("DepsNoPackagesFound", Level::Info, text));
}

/// Chooses versions and writes them down; nothing when there are no packages to choose from.
fn make_lock(
    dependencies: &Dependencies,
    options: &Options<'_>,
    fetcher: &Fetcher<'_>,
    hash: &str,
    sink: &dyn EventSink,
) -> Result<Option<Resolved>, Diagnostic> {
    if dependencies.packages.specs.is_empty() {
        if options.lock_only {
            none_found(dependencies, sink);
        }
        return Ok(None);
    }
    let resolved = resolve::resolve(dependencies, fetcher)?;
    let hide = |text: &str| {
        let hidden =
            options.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "*****"));
        if hidden != text {
            let told = format!(
                "[WARNING]: '{hidden}' holds a secret: it is left out of the lock, so that the lock cannot be used. \
                 Write it in packages.yml as {{{{ env_var('DBT_ENV_SECRET_...') }}}}."
            );
            let event = Event::new("DepsScrubbedPackageName", Level::Warn, told);
            sink.emit(event.with("package_name", hidden.as_str()));
        }
        hidden
    };
    let text = lock::text(&resolved, hash, &hide);
    let path = lock::path(&dependencies.root);
    let shown = path.display().to_string();
    if options.dry_run {
        let told = format!("Would write {shown}:\n{}", text.trim_end());
        sink.emit(Event::new("Note", Level::Info, told));
        return Ok(Some(resolved));
    }
    lock::write(&path, &text)?;
    sink.emit(
        Event::new("DepsLockUpdating", Level::Info, format!("Updating lock file in file path: {shown}"))
            .with("lock_filepath", shown),
    );
    Ok(Some(resolved))
}

/// Puts all packages into a folder.
fn put(
    resolved: &Resolved,
    fetcher: &Fetcher<'_>,
    packages: &Path,
    sink: &dyn EventSink,
) -> Result<(), Diagnostic> {
    let outcomes = resolve::in_parallel(resolved, |(pinned, metadata)| {
        fetcher.install(pinned, &packages.join(&metadata.name))
    });
    for ((pinned, _), outcome) in resolved.iter().zip(outcomes) {
        let shown = pinned.shown();
        let event = Event::new("DepsStartPackageInstall", Level::Info, format!("Installing {shown}"));
        sink.emit(event.with("package_name", shown));
        outcome?;
        let version = pinned.version_name();
        let event = Event::new("DepsInstallInfo", Level::Info, format!("Installed from {version}"));
        sink.emit(event.with("version_name", version));
        match pinned {
            Pinned::Hub { choice, .. } if choice.latest == choice.version => {
                sink.emit(Event::new("DepsUpToDate", Level::Info, "Up to date!"));
            }
            Pinned::Hub { choice, .. } => {
                let text = format!("Updated version available: {}", choice.latest);
                let event = Event::new("DepsUpdateAvailable", Level::Info, text);
                sink.emit(event.with("version_latest", choice.latest.as_str()));
            }
            Pinned::Git { wanted, .. } => {
                if let Some(folder) = &wanted.subdirectory {
                    let text = format!("and subdirectory {folder}");
                    let event = Event::new("DepsListSubdirectory", Level::Info, text);
                    sink.emit(event.with("subdirectory", folder.as_str()));
                }
            }
            Pinned::Local { .. } | Pinned::Tarball { .. } => {}
        }
    }
    Ok(())
}

fn tell_updates(resolved: &Resolved, sink: &dyn EventSink) {
    let names: Vec<&str> = resolved
        .iter()
        .filter_map(|(pinned, _)| match pinned {
            Pinned::Hub { package, choice } if choice.latest != choice.version => Some(package.as_str()),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return;
    }
    sink.emit(Event::new("Formatting", Level::Info, ""));
    let shown: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let text = format!(
        "Updates available for packages: [{}]\nUpdate your versions in packages.yml, then run kpi deps",
        shown.join(", ")
    );
    sink.emit(Event::new("DepsNotifyUpdatesAvailable", Level::Info, text).with("packages", names));
}

/// A folder for what is not finished, deleted at the end.
struct Staging {
    folder: tempfile::TempDir,
}

/// After this time what a killed installation left is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(3600);

impl Staging {
    fn make(place: &Path, beside: Option<&Path>) -> Result<Self, Diagnostic> {
        let failed = |error: std::io::Error| {
            let shown = beside.map_or_else(std::env::temp_dir, Path::to_owned);
            Diagnostic::error("K0238", KIND, format!("{} cannot be written: {error}", shown.display()))
        };
        let name = place.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let prefix = format!(".{name}-kpi-");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        let folder = match beside {
            Some(beside) => {
                std::fs::create_dir_all(beside).map_err(failed)?;
                clean_up(place, beside, &prefix);
                builder.tempdir_in(beside)
            }
            None => builder.tempdir(),
        };
        Ok(Self { folder: folder.map_err(failed)? })
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Diagnostic> {
        let path = self.root().join(name);
        std::fs::create_dir_all(&path).map_err(|error| {
            Diagnostic::error("K0238", KIND, format!("{} cannot be made: {error}", path.display()))
        })?;
        Ok(path)
    }
}

/// Deletes what a killed installation left; if it was killed between two renames, the packages come back.
fn clean_up(place: &Path, beside: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(beside) else { return };
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(prefix)) {
        let old = entry
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > ABANDONED));
        if !old {
            continue;
        }
        let previous = entry.path().join("previous");
        if !place.exists() && previous.is_dir() {
            let _ = std::fs::rename(previous, place);
        }
        let _ = folder::remove(&entry.path());
    }
}
