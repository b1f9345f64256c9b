//! Packages in git repositories, through the git of the machine: one commit, and of it no more than is needed.

use crate::archive::lexically_inside;
use crate::folder;
use crate::http::without_credentials;
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level};
use std::ffi::OsStr;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const KIND: &str = "Runtime Error";

/// What is wanted of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) url: String,
    /// `HEAD` for the default branch.
    pub(crate) revision: String,
    pub(crate) subdirectory: Option<String>,
}

/// What was fetched.
pub(crate) struct Checkout {
    /// The folder of the package.
    pub(crate) folder: PathBuf,
    /// The commit.
    pub(crate) commit: String,
}

/// Whether a revision is a whole commit id.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Fetches one commit into the folder `place`, which is made.
pub(crate) fn checkout(
    wanted: &Wanted,
    place: &Path,
    project: &Path,
    sink: &dyn EventSink,
) -> Result<Checkout, Diagnostic> {
    let shown = without_credentials(&wanted.url);
    let repository = Repository { wanted, place, shown: &shown, sink };
    if wanted.url.starts_with('-') || wanted.revision.starts_with('-') {
        let what = if wanted.url.starts_with('-') { &shown } else { &wanted.revision };
        return Err(Diagnostic::error("K0235", KIND, format!("'{what}' is no name that git could know"))
            .with_hint("neither an address nor a revision begins with '-'"));
    }
    let subdirectory = repository.subdirectory()?;
    // A relative path is meant from the project, as that of a local package is.
    let local = wanted.url.starts_with("./") || wanted.url.starts_with("../");
    let url = if local { project.join(&wanted.url).display().to_string() } else { wanted.url.clone() };
    std::fs::create_dir_all(place).map_err(|error| {
        Diagnostic::error("K0235", KIND, format!("{} cannot be made: {error}", place.display()))
    })?;
    repository.git(["init", "--quiet"])?;
    repository.git(["remote", "add", "origin", &url])?;
    if let Some(folder) = &subdirectory {
        sink.emit(
            Event::new(
                "GitSparseCheckoutSubdirectory",
                Level::Debug,
                format!("Subdirectory specified: {folder}, using sparse checkout."),
            )
            .with("subdir", folder.as_str()),
        );
        repository.git(["sparse-checkout", "set", folder])?;
    }
    sink.emit(
        Event::new(
            "GitProgressCheckoutRevision",
            Level::Debug,
            format!("Checking out revision {}.", wanted.revision),
        )
        .with("revision", wanted.revision.as_str()),
    );
    let fetched = repository.fetch(subdirectory.is_some())?;
    repository.git(["checkout", "--quiet", "--detach", fetched])?;
    let commit = repository.git(["rev-parse", "HEAD"])?.trim().to_owned();
    if is_commit(&wanted.revision) && commit != wanted.revision {
        return Err(repository.failed(&format!("the repository gave commit {commit}")));
    }
    sink.emit(
        Event::new(
            "GitProgressCheckedOutAt",
            Level::Debug,
            format!("Checked out at {}.", commit.get(..7).unwrap_or(&commit)),
        )
        .with("end_sha", commit.get(..7).unwrap_or(&commit)),
    );
    // The history is not needed any more, and its settings may hold a token.
    let _ = folder::remove(&place.join(".git"));
    let folder = match subdirectory {
        Some(name) => place.join(name),
        None => place.to_owned(),
    };
    if !folder.is_dir() {
        let name = wanted.subdirectory.as_deref().unwrap_or_default();
        return Err(repository.failed(&format!("there is no folder '{name}' in it")));
    }
    drop_links_outside(&folder, Path::new(""), sink);
    Ok(Checkout { folder, commit })
}

struct Repository<'a> {
    wanted: &'a Wanted,
    place: &'a Path,
    shown: &'a str,
    sink: &'a dyn EventSink,
}

impl Repository<'_> {
    /// The folder within the repository, checked: it may not lead out of it.
    fn subdirectory(&self) -> Result<Option<String>, Diagnostic> {
        let Some(text) = &self.wanted.subdirectory else { return Ok(None) };
        let folder = text.trim_matches('/').trim_start_matches("./");
        if folder.is_empty() || folder == "." {
            return Ok(None);
        }
        let path = Path::new(folder);
        let goes_up = path.components().any(|part| !matches!(part, std::path::Component::Normal(_)));
        if goes_up || folder.starts_with('-') {
            return Err(Diagnostic::error(
                "K0235",
                KIND,
                format!("The subdirectory '{text}' of {} lies outside of the repository", self.shown),
            )
            .with_hint("name a folder within it, such as 'packages/common'"));
        }
        Ok(Some(folder.to_owned()))
    }

    /// Fetches the revision; gives the name that git knows it by afterwards.
    fn fetch(&self, sparse: bool) -> Result<&str, Diagnostic> {
        let revision = &self.wanted.revision;
        let mut words = vec!["fetch", "--quiet", "--no-tags", "--depth", "1"];
        if sparse {
            words.push("--filter=blob:none");
        }
        words.extend(["origin", revision]);
        let first = match self.git(&words) {
            Ok(_) => return Ok("FETCH_HEAD"),
            Err(error) => error,
        };
        if !is_commit(revision) {
            return Err(first);
        }
        // Not every server gives a commit by its id: then it is looked for in all that there is.
        let all = ["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"];
        self.git(all).map_err(|_| first)?;
        Ok(revision)
    }

    /// Runs git in the folder.
    fn git<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Result<String, Diagnostic> {
        let words: Vec<S> = words.into_iter().collect();
        let mut command = Command::new("git");
        command
            .args(&words)
            .current_dir(self.place)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Within a hook of git these name another repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"] {
            command.env_remove(name);
        }
        if !std::io::stderr().is_terminal() {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        let first = words.first().map(|w| w.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        self.sink.emit(Event::new("SystemExecutingCmd", Level::Debug, format!("git {first} {}", self.shown)));
        let output = command.output().map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                self.sink.emit(Event::new(
                    "EnsureGitInstalled",
                    Level::Error,
                    "Make sure git is installed on your machine.",
                ));
            }
            Diagnostic::error(
                "K0234",
                KIND,
                format!("git, which {} needs, cannot be run: {error}", self.shown),
            )
            .with_hint("install git, and see that it is in PATH")
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let told = String::from_utf8_lossy(&output.stderr).replace(&self.wanted.url, self.shown);
        let lines: Vec<&str> = told
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
            .collect();
        Err(self.failed(&lines.join("\n")))
    }

    fn failed(&self, reason: &str) -> Diagnostic {
        Diagnostic::error(
            "K0235",
            KIND,
            format!("Error checking out spec='{}' for repo {}\n{reason}", self.wanted.revision, self.shown),
        )
        .with_hint("is the address right, is the revision there, and may you read the repository?")
    }
}

/// Takes away links that lead out of a package: where it is installed they would name something else, or a secret.
fn drop_links_outside(root: &Path, below: &Path, sink: &dyn EventSink) {
    let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
    for entry in entries.flatten() {
        let place = below.join(entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            drop_links_outside(root, &place, sink);
        } else if kind.is_symlink() {
            let named = std::fs::read_link(entry.path()).unwrap_or_default();
            if lexically_inside(below, &named) && stays_within(root, &entry.path()) {
                continue;
            }
            let _ = folder::remove(&entry.path());
            sink.emit(Event::new(
                "Note",
                Level::Warn,
                format!(
                    "[WARNING]: the link '{}' is left out: it leads out of its package, to {}",
                    place.display(),
                    named.display()
                ),
            ));
        }
    }
}

/// Whether what a link names, if there is such a thing, lies within the folder.
fn stays_within(root: &Path, link: &Path) -> bool {
    match (root.canonicalize(), link.canonicalize()) {
        (Ok(root), Ok(real)) => real.starts_with(root),
        _ => true,
    }
}
