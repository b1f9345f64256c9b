//! A package in one version: what its project says, and its files.

use crate::archive::{self, Limits};
use crate::folder;
use crate::git::{self, Wanted};
use crate::http::{Answer, Http, without_credentials};
use crate::hub::{Choice, Hub};
use crate::listing::{Request, RequestKind, git_name};
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level};
use kpi_project::{PackageReader, PackageSpec};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const KIND: &str = "Runtime Error";

/// A package in one version.
#[derive(Debug, Clone)]
pub(crate) enum Pinned {
    Hub { package: String, choice: Choice },
    Git { wanted: Wanted, unrendered: String },
    Local { path: String },
    Tarball { url: String, unrendered: String, name: String },
}

impl Pinned {
    /// What messages call it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Hub { package, .. } => package.clone(),
            Self::Git { wanted, .. } => git_name(&wanted.url, wanted.subdirectory.as_deref()),
            Self::Local { path } => path.clone(),
            Self::Tarball { name, .. } => name.clone(),
        }
    }

    /// `version 1.0.0`, as in `Installed from version 1.0.0`.
    pub(crate) fn version_name(&self) -> String {
        match self {
            Self::Hub { choice, .. } => format!("version {}", choice.version),
            Self::Git { wanted, .. } if wanted.revision == "HEAD" => "HEAD (default revision)".to_owned(),
            Self::Git { wanted, .. } => format!("revision {}", wanted.revision),
            Self::Local { path } => format!("<local @ {path}>"),
            Self::Tarball { url, .. } => format!("tarball (url: {})", without_credentials(url)),
        }
    }

    /// Its entry in the lock.
    pub(crate) fn lock_entry(&self, name: &str) -> Map<String, Json> {
        let mut entry = Map::new();
        let mut add = |key: &str, value: &str| entry.insert(key.to_owned(), json!(value));
        match self {
            Self::Hub { package, choice } => {
                add("package", package);
                add("version", &choice.version);
            }
            Self::Git { wanted, unrendered } => {
                add("git", unrendered);
                add("revision", &wanted.revision);
                if let Some(folder) = &wanted.subdirectory {
                    add("subdirectory", folder);
                }
            }
            Self::Local { path } => {
                add("local", path);
            }
            Self::Tarball { unrendered, .. } => {
                add("tarball", unrendered);
            }
        }
        add("name", name);
        entry
    }
}

/// What a package's own project says.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) specs: Vec<PackageSpec>,
    /// The commit, of a package in git.
    pub(crate) commit: Option<String>,
}

/// Fetches packages, each once.
pub(crate) struct Fetcher<'a> {
    pub(crate) root: &'a Path,
    pub(crate) reader: &'a PackageReader,
    pub(crate) sink: &'a dyn EventSink,
    pub(crate) http: &'a Http,
    pub(crate) hub: Hub<'a>,
    /// Where downloads lie.
    pub(crate) downloads: PathBuf,
    fetched: Mutex<Fetched>,
}

#[derive(Default)]
struct Fetched {
    count: usize,
    /// Folders of packages by what was asked for; with the commit of those in git.
    folders: HashMap<String, (PathBuf, Option<String>)>,
    warned: Vec<Wanted>,
}

impl<'a> Fetcher<'a> {
    pub(crate) fn new(
        root: &'a Path,
        reader: &'a PackageReader,
        sink: &'a dyn EventSink,
        http: &'a Http,
        hub: Hub<'a>,
        downloads: PathBuf,
    ) -> Self {
        Self { root, reader, sink, http, hub, downloads, fetched: Mutex::default() }
    }

    /// Chooses the version of a request.
    pub(crate) fn pin(&self, request: &Request) -> Result<Pinned, Diagnostic> {
        match &request.kind {
            RequestKind::Hub { package, bounds, install_prerelease } => {
                let choice = self.hub.choose(package, bounds, *install_prerelease).map_err(|error| {
                    if error.span.is_some() { error } else { error.with_span(request.spec.span.clone()) }
                })?;
                Ok(Pinned::Hub { package: package.clone(), choice })
            }
            RequestKind::Git { url, unrendered, revisions, subdirectory, .. } => {
                let revision =
                    match revisions.as_slice() {
                        [] => "HEAD".to_owned(),
                        [one] => one.clone(),
                        several => {
                            let shown: Vec<String> = several.iter().map(|r| format!("'{r}'")).collect();
                            return Err(Diagnostic::error(
                            "K0233",
                            KIND,
                            format!(
                                "git dependencies should contain exactly one version. {} contains: {{{}}}",
                                request.shown(),
                                shown.join(", ")
                            ),
                        )
                        .with_span(request.spec.span.clone())
                        .with_hint("the project and its packages ask for different revisions: agree on one"));
                        }
                    };
                let wanted = Wanted { url: url.clone(), revision, subdirectory: subdirectory.clone() };
                Ok(Pinned::Git { wanted, unrendered: unrendered.clone() })
            }
            RequestKind::Local { path } => Ok(Pinned::Local { path: path.clone() }),
            RequestKind::Tarball { url, unrendered, name } => {
                Ok(Pinned::Tarball { url: url.clone(), unrendered: unrendered.clone(), name: name.clone() })
            }
        }
    }

    /// What the package's project says.
    pub(crate) fn metadata(&self, pinned: &Pinned, request: &Request) -> Result<Metadata, Diagnostic> {
        self.metadata_of(pinned, request).map_err(|error| {
            let has_place = error.span.is_some();
            if has_place { error } else { error.with_span(request.spec.span.clone()) }
        })
    }

    fn metadata_of(&self, pinned: &Pinned, request: &Request) -> Result<Metadata, Diagnostic> {
        match pinned {
            Pinned::Hub { package, choice } => {
                let version = self.hub.version(package, &choice.version)?;
                let shown = format!("package {package} {} of the hub", choice.version);
                let specs = self.reader.foreign(&version.packages, &shown)?;
                Ok(Metadata { name: version.name, specs, commit: None })
            }
            Pinned::Git { wanted, .. } => {
                let (folder, commit) = self.git(wanted)?;
                self.warn_unpinned(wanted, request);
                let read =
                    self.reader.metadata(&folder, &git_name(&wanted.url, wanted.subdirectory.as_deref()))?;
                Ok(Metadata { name: read.name, specs: read.specs, commit: Some(commit) })
            }
            Pinned::Local { path } => {
                let read = self.reader.metadata(&self.local(path), path)?;
                Ok(Metadata { name: read.name, specs: read.specs, commit: None })
            }
            Pinned::Tarball { url, name, .. } => {
                let folder = self.tarball(url, name)?;
                let read = self.reader.metadata(&folder, &without_credentials(url))?;
                Ok(Metadata { name: name.clone(), specs: read.specs, commit: None })
            }
        }
    }

    /// Puts the package's files at `place`, which is not there yet.
    pub(crate) fn install(&self, pinned: &Pinned, place: &Path) -> Result<(), Diagnostic> {
        let moved = |folder: &Path| {
            folder::rename(folder, place).map_err(|error| {
                Diagnostic::error("K0238", KIND, format!("{} cannot be installed: {error}", pinned.shown()))
            })
        };
        match pinned {
            Pinned::Hub { package, choice } => {
                let version = self.hub.version(package, &choice.version)?;
                let shown = format!("{package} {}", choice.version);
                let sha1 = version.downloads.sha1.filter(|s| s.len() == 40);
                moved(&self.unpacked(&version.downloads.tarball, &shown, &version.name, sha1.as_deref())?)
            }
            Pinned::Git { wanted, .. } => moved(&self.git(wanted)?.0),
            Pinned::Tarball { url, name, .. } => moved(&self.tarball(url, name)?),
            Pinned::Local { path } => self.install_local(path, place),
        }
    }

    fn install_local(&self, path: &str, place: &Path) -> Result<(), Diagnostic> {
        let source = self.local(path);
        self.sink.emit(Event::new(
            "DepsCreatingLocalSymlink",
            Level::Debug,
            "Creating symlink to local dependency.",
        ));
        if folder::symlink(&source, place).is_ok() {
            return Ok(());
        }
        self.sink.emit(Event::new(
            "DepsSymlinkNotAvailable",
            Level::Debug,
            "Symlinks are not available on this OS, copying dependency.",
        ));
        folder::copy(&source, place).map_err(|error| {
            Diagnostic::error("K0238", KIND, format!("the local package {path} cannot be copied: {error}"))
        })
    }

    /// The folder of a local package.
    fn local(&self, path: &str) -> PathBuf {
        let home = || std::env::var_os("HOME").map(PathBuf::from);
        let given = match path.strip_prefix("~/").and_then(|rest| Some((rest, home()?))) {
            Some((rest, home)) => home.join(rest),
            None => self.root.join(path),
        };
        let mut out = PathBuf::new();
        for part in given.components() {
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

    fn known(&self, key: &str) -> Option<(PathBuf, Option<String>)> {
        self.fetched.lock().folders.get(key).cloned()
    }

    fn fresh_place(&self) -> PathBuf {
        let mut fetched = self.fetched.lock();
        fetched.count += 1;
        self.downloads.join(fetched.count.to_string())
    }

    fn git(&self, wanted: &Wanted) -> Result<(PathBuf, String), Diagnostic> {
        let key = |revision: &str| format!("git {} {:?} {revision}", wanted.url, wanted.subdirectory);
        if let Some((folder, Some(commit))) = self.known(&key(&wanted.revision)) {
            return Ok((folder, commit));
        }
        let found = git::checkout(wanted, &self.fresh_place(), self.root, self.sink)?;
        let known = (found.folder.clone(), Some(found.commit.clone()));
        let mut fetched = self.fetched.lock();
        // The lock names the commit.
        fetched.folders.insert(key(&found.commit), known.clone());
        fetched.folders.insert(key(&wanted.revision), known);
        Ok((found.folder, found.commit))
    }

    fn warn_unpinned(&self, wanted: &Wanted, request: &Request) {
        let RequestKind::Git { warn_unpinned: true, .. } = &request.kind else { return };
        let why = match wanted.revision.as_str() {
            "HEAD" => "not pinned, using HEAD (default branch)".to_owned(),
            branch @ ("main" | "master") => format!("pinned to the \"{branch}\" branch"),
            _ => return,
        };
        let mut fetched = self.fetched.lock();
        if fetched.warned.contains(wanted) {
            return;
        }
        fetched.warned.push(wanted.clone());
        drop(fetched);
        let shown = without_credentials(&wanted.url);
        let text = format!(
            "[WARNING]: The git package \"{shown}\" is {why}. Its next commit changes this project without a word: give \
             it a tag or a commit as `revision:`, or `warn-unpinned: false`."
        );
        let event = Event::new("DepsUnpinned", Level::Warn, text);
        self.sink.emit(event.with("revision", wanted.revision.as_str()).with("git", shown));
    }

    /// The folder of an unpacked `tarball:` package.
    fn tarball(&self, url: &str, name: &str) -> Result<PathBuf, Diagnostic> {
        self.unpacked(url, name, name, None)
    }

    /// Downloads and unpacks an archive; gives the one folder that it holds.
    fn unpacked(
        &self,
        url: &str,
        shown: &str,
        name: &str,
        sha1: Option<&str>,
    ) -> Result<PathBuf, Diagnostic> {
        let key = format!("tarball {url}");
        if let Some((folder, _)) = self.known(&key) {
            return Ok(folder);
        }
        let address = without_credentials(url);
        let place = self.fresh_place();
        let file = place.with_extension("tar.gz");
        let found = match self.http.download(url, &file)? {
            Answer::Found(hash) => hash,
            Answer::Refused(status) => {
                return Err(Diagnostic::error(
                    "K0231",
                    KIND,
                    format!("{shown} cannot be downloaded: {address} answers with status {status}"),
                )
                .with_hint("is the address right, and may you read it?"));
            }
        };
        if let Some(expected) = sha1
            && !expected.eq_ignore_ascii_case(&found)
        {
            return Err(Diagnostic::error(
                "K0239",
                KIND,
                format!(
                    "{shown} is not what the package hub says it is: the SHA-1 of {address} is {found}, not {expected}"
                ),
            )
            .with_hint(
                "somebody changed the file, or the way there is not safe. If you trust it, install it with `tarball:` \
                 and its address",
            ));
        }
        let refused = |reason: String| {
            Diagnostic::error("K0239", KIND, format!("{shown} is not installed: {address}: {reason}"))
                .with_hint("a package is a .tar.gz with one folder, which holds the project and nothing else")
        };
        std::fs::create_dir_all(&place).map_err(|error| refused(error.to_string()))?;
        archive::unpack(&file, &place, Limits::default()).map_err(|refusal| refused(refusal.0))?;
        let _ = std::fs::remove_file(&file);
        let mut entries: Vec<PathBuf> = std::fs::read_dir(&place)
            .map(|found| found.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        let folder = match (entries.pop(), entries.is_empty()) {
            (Some(folder), true) if folder.is_dir() => folder,
            _ => {
                return Err(refused(format!(
                    "Incorrect structure for package: it needs to be {name}/<package_contents>"
                )));
            }
        };
        self.fetched.lock().folders.insert(key, (folder.clone(), None));
        Ok(folder)
    }
}
