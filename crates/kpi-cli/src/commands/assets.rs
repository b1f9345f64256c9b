//! `asset-paths`: pictures and the like that documentation shows, copied beside its artifacts.

use crate::session::{Failure, Session};
use kpi_diagnostics::Diagnostic;
use kpi_project::Project;
use std::path::{Component, Path};

/// Copies the project's asset folders into the target folder, in the place of earlier copies.
pub fn copy(session: &Session, project: &Project) -> Result<(), Failure> {
    let Some(package) = project.packages.first() else { return Ok(()) };
    let target = session.target_path(project);
    for name in &package.config.asset_paths {
        // What leads out of the project would lead out of the target folder too.
        if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            continue;
        }
        let (from, to) = (project.root.join(name), target.join(name));
        if !from.is_dir() || to.starts_with(&from) {
            continue;
        }
        copy_folder(&from, &to).map_err(|error| {
            Diagnostic::error(
                "K0145",
                "Runtime Error",
                format!("The assets in {} cannot be copied to {}: {error}", from.display(), to.display()),
            )
            .with_hint("choose another folder with --target-path, or take the folder out of asset-paths")
        })?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), &place)?;
        }
    }
    Ok(())
}
