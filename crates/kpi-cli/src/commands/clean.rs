//! `kpi clean`: deletes the folders of `clean-targets`, never sources and nothing outside of the project.

use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, Level};
use serde_json::json;
use std::path::{Component, Path, PathBuf};

/// The path with links resolved as far as it exists, without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => {
                out.push(part);
                if let Ok(real) = out.canonicalize() {
                    out = real;
                }
            }
        }
    }
    out
}

fn list(paths: &[&PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Deletes, or with `--dry-run` tells what it would delete.
pub fn clean(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = session.dependencies()?;
    let config = &project.config;
    let root = resolved(&project.root);
    let mut targets: Vec<PathBuf> = config.clean_targets.iter().map(|p| resolved(&root.join(p))).collect();
    targets.sort();
    targets.dedup();
    let sources: Vec<PathBuf> = [
        &config.model_paths,
        &config.seed_paths,
        &config.test_paths,
        &config.analysis_paths,
        &config.macro_paths,
        &config.snapshot_paths,
        &config.docs_paths,
        &config.asset_paths,
        &config.function_paths,
    ]
    .into_iter()
    .flatten()
    .map(|p| resolved(&root.join(p)))
    .collect();
    // A folder above a source would take the source with it.
    let protected: Vec<&PathBuf> =
        targets.iter().filter(|t| sources.iter().any(|s| s.starts_with(t)) || root.starts_with(t)).collect();
    if !protected.is_empty() {
        return Err(Diagnostic::error(
            "K0006",
            "Runtime Error",
            format!("kpi will not clean the following source paths: {}", list(&protected)),
        )
        .with_hint("take them out of clean-targets in the project file")
        .into());
    }
    let outside: Vec<&PathBuf> = targets.iter().filter(|t| !t.starts_with(&root)).collect();
    if !outside.is_empty() && session.flags.switch("clean_project_files_only") {
        return Err(Diagnostic::error(
            "K0006",
            "Runtime Error",
            format!("kpi will not clean the following directories outside the project: {}", list(&outside)),
        )
        .with_hint("if you mean it: kpi clean --no-clean-project-files-only")
        .into());
    }
    if config.clean_targets.iter().any(|t| t == "dbt_modules")
        && !config.clean_targets.contains(&config.packages_install_path)
    {
        session.messages.say_with(
            "PackageInstallPathDeprecation",
            Level::Warn,
            "[WARNING]: Deprecated functionality\nThe install path has changed from `dbt_modules` to \
             `dbt_packages`. Change `clean-targets` in the project file, or set `packages-install-path: dbt_modules`.",
            json!({}),
        );
        session.messages.check_warnings()?;
    }
    let dry = matches.get_flag("dry-run");
    for path in &targets {
        let shown = path.display().to_string();
        let data = json!({"path": shown});
        if dry {
            let verb = if path.exists() { "Would clean" } else { "Nothing at" };
            session.messages.say_with("Note", Level::Info, format!("{verb} {shown}"), data);
            continue;
        }
        session.messages.say_with("CheckCleanPath", Level::Info, format!("Checking {shown}/*"), data.clone());
        match std::fs::remove_dir_all(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Diagnostic::error(
                    "K0007",
                    "Runtime Error",
                    format!("{shown} cannot be deleted: {error}"),
                )
                .into());
            }
        }
        session.messages.say_with("ConfirmCleanPath", Level::Info, format!("Cleaned {shown}/*"), data);
    }
    if !dry {
        session.messages.say("FinishedCleanPaths", Level::Info, "Finished cleaning all paths.");
    }
    Ok(Ending::Good)
}
