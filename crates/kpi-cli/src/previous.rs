//! The state folders of a call: `--state`, and `--defer-state` for deferral alone.

use crate::session::{Failure, Loaded, Session};
use kpi_artifacts::State;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_manifest::state::EarlierManifest;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// Commands that look at state folders.
const COMMANDS: &[&str] =
    &["build", "clone", "compile", "freshness", "generate", "ls", "run", "seed", "show", "snapshot", "test"];

/// What was read of the state folders.
#[derive(Debug, Default)]
pub struct Previous {
    /// `--state`
    pub state: Option<State>,
    /// `--defer-state`
    pub defer: Option<State>,
}

/// State folders that are being read while the project is.
pub struct Reading(Option<JoinHandle<Result<Previous, Diagnostic>>>);

impl Previous {
    /// Begins to read what the flags name.
    pub fn begin(session: &Session, root: &Path, target: PathBuf) -> Reading {
        let flags = &session.flags;
        let folder = |flag: &str| {
            let known = COMMANDS.contains(&flags.which.as_str());
            flags.text(flag).filter(|folder| known && !folder.is_empty()).map(PathBuf::from)
        };
        let (state, defer) = (folder("state"), folder("defer_state"));
        if state.is_none() && defer.is_none() {
            return Reading(None);
        }
        for folder in [&state, &defer].into_iter().flatten() {
            warn_if_target(session, &root.join(folder), folder, &target);
        }
        let unrendered = flags.switch("state_modified_compare_more_unrendered_values");
        let root = root.to_owned();
        let read = move || {
            let read = |folder: PathBuf| State::read(&root, &folder, &target);
            let mut previous =
                Previous { state: state.map(read).transpose()?, defer: defer.map(read).transpose()? };
            if let Some(state) = &mut previous.state {
                state.compare_unrendered = unrendered;
            }
            Ok(previous)
        };
        Reading(Some(std::thread::spawn(read)))
    }

    /// The manifest that is deferred to.
    ///
    /// # Errors
    /// No folder was named, or it has no manifest.
    pub fn deferred_to(&self) -> Result<&EarlierManifest, Diagnostic> {
        let error = |message: String| Diagnostic::error("K0726", "Runtime Error", message);
        let Some(state) = self.defer.as_ref().or(self.state.as_ref()) else {
            let message = "--state or --defer-state are required for deferral, but neither was provided";
            return Err(error(message.to_owned())
                .with_hint("name the folder with the manifest.json of the environment to defer to"));
        };
        state.manifest.as_ref().ok_or_else(|| {
            error(format!("Could not find manifest in --state path: \"{}\"", state.folder.display()))
                .with_hint("deferral needs the manifest.json that a run in the other environment wrote")
        })
    }
}

/// A run overwrites what the next one is to compare with.
fn warn_if_target(session: &Session, path: &Path, folder: &Path, target: &Path) {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(path) == real(target) {
        let shown = folder.display().to_string();
        session.messages.say_with(
            "WarnStateTargetEqual",
            Level::Warn,
            format!(
                "Warning: The state and target directories are the same: '{shown}'. This could lead to missing changes, as \
                 each run overwrites the state."
            ),
            json!({"state_path": shown}),
        );
    }
}

impl Reading {
    /// What was read.
    ///
    /// # Errors
    /// An artifact that cannot be read.
    pub fn finish(self) -> Result<Previous, Diagnostic> {
        let Some(handle) = self.0 else { return Ok(Previous::default()) };
        handle.join().unwrap_or_else(|_| {
            Err(Diagnostic::error("K0900", "Runtime Error", "the state folder could not be read"))
        })
    }
}

impl Loaded {
    /// With `--defer`, gives nodes the relations of the environment that is deferred to.
    ///
    /// # Errors
    /// There is no manifest to defer to.
    pub fn defer(&mut self, session: &Session) -> Result<(), Failure> {
        if session.flags.switch("defer") {
            self.manifest.defer_to(self.previous.deferred_to()?);
        }
        Ok(())
    }
}
