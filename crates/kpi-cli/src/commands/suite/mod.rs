//! `kpi suite`: suites of expectations as files, and as a page.

mod cases;
pub mod docs;
mod export;
mod import;
mod list;

pub use cases::cases;
pub use docs::docs;
pub use export::export;
pub use import::{import, new};
pub use list::list;

use crate::session::{Failure, Session};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_project::Project;
use serde_json::{Value as Json, json};
use std::path::Path;

/// The folder that new suites go into.
fn folder(project: &Project) -> String {
    let paths =
        project.root_package().map(|package| package.config.expectation_paths.clone()).unwrap_or_default();
    let folder = |path: &&String| ![".json", ".yml", ".yaml"].iter().any(|ending| path.ends_with(ending));
    paths.iter().find(folder).map_or("expectations", |path| path.trim_end_matches('/')).to_owned()
}

/// Writes text where nothing is yet, unless `force` says that it may be written over.
///
/// # Errors
/// Something is there; it cannot be written.
fn write(root: &Path, path: &str, text: &str, force: bool) -> Result<(), Diagnostic> {
    let full = root.join(path);
    if full.exists() && !force {
        return Err(Diagnostic::error("K0018", "Usage Error", format!("{path} is there already"))
            .with_hint("--force writes over it"));
    }
    let failed = |error: std::io::Error| {
        Diagnostic::error("K0102", "Runtime Error", format!("{path} cannot be written: {error}"))
    };
    if let Some(folder) = full.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    // Under another name first: what is there is whole at any time.
    let beside = full.with_extension("tmp");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &full)).map_err(failed)
}

/// Writes a file of the target folder.
///
/// # Errors
/// It cannot be written.
pub fn write_file(target: &Path, path: &str, text: &str) -> Result<(), Diagnostic> {
    write(target, path, text, true)
}

/// A suite's name as that of a file.
fn file_name(suite: &str) -> String {
    format!("{}.json", kpi_quality::file_stem(suite))
}

fn pretty(value: &Json) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())
}

fn note(session: &Session, text: String) {
    session.messages.say_with("Note", Level::Info, text.clone(), json!({"msg": text}));
}

fn usage(message: impl Into<String>, hint: &str) -> Failure {
    Diagnostic::error("K0018", "Usage Error", message).with_hint(hint.to_owned()).into()
}
