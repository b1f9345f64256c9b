//! Which Python runs the models.

use std::path::{Path, PathBuf};

/// A Python and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// What is started.
    pub program: PathBuf,
    /// `KPI_PYTHON`, `'python' of the target`...
    pub named_by: &'static str,
}

/// The interpreter of the user's choice: `KPI_PYTHON`, the target's `python`, the active virtual environment, the one that
/// lies in the project (a scheduler activates none), `python3` or `python` on the `PATH`.
///
/// # Errors
/// What is named does not exist, or there is none; the message says where was looked.
pub fn find(of_target: Option<&str>, base: &Path) -> Result<Interpreter, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&searched).collect();
    let named = variable("KPI_PYTHON").map(|name| (name, "KPI_PYTHON"));
    let named = named.or_else(|| of_target.map(|name| (name.to_owned(), "'python' of the target")));
    if let Some((name, named_by)) = named {
        let found = resolve(name.trim(), base, &folders);
        return found
            .map(|program| Interpreter { program, named_by })
            .ok_or_else(|| format!("the Python that {named_by} names does not exist: {name}"));
    }
    let environment = variable("VIRTUAL_ENV").and_then(|folder| in_environment(Path::new(&folder)));
    if let Some(program) = environment {
        return Ok(Interpreter { program, named_by: "the active virtual environment" });
    }
    if let Some(program) = of_project(base) {
        return Ok(Interpreter { program, named_by: "the project's virtual environment" });
    }
    ["python3", "python"]
        .iter()
        .find_map(|name| on_path(name, &folders))
        .map(|program| Interpreter { program, named_by: "PATH" })
        .ok_or_else(|| "there is no python3 on the PATH, and no virtual environment is active".to_owned())
}

/// A path, a folder of a virtual environment, or a name on the `PATH`.
fn resolve(name: &str, base: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    if !name.contains(['/', '\\']) {
        return on_path(name, folders);
    }
    let name = match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => base.join(name),
    };
    if name.is_dir() { in_environment(&name) } else { name.is_file().then_some(name) }
}

/// The environment that lies in a project's folder, under the names that tools give it.
fn of_project(base: &Path) -> Option<PathBuf> {
    [".venv", "venv"].iter().find_map(|name| in_environment(&base.join(name)))
}

fn in_environment(folder: &Path) -> Option<PathBuf> {
    ["bin/python3", "bin/python", "Scripts/python.exe"]
        .iter()
        .map(|inside| folder.join(inside))
        .find(|program| program.is_file())
}

fn on_path(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) { &[".exe", ""] } else { &[""] };
    folders
        .iter()
        .flat_map(|folder| endings.iter().map(move |ending| folder.join(format!("{name}{ending}"))))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_environments_or_programs() {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("env/bin");
        std::fs::create_dir_all(&bin).expect("folders");
        std::fs::write(bin.join("python3"), "").expect("a file");
        std::fs::write(bin.join("python3.12"), "").expect("a file");
        let program = bin.join("python3");
        let folders = [folder.path().to_owned(), bin.clone()];
        let resolved = |name: &str| resolve(name, folder.path(), &folders);
        assert_eq!(resolved("env/bin/python3"), Some(program.clone()));
        assert_eq!(resolved("./env"), Some(folder.path().join("./env/bin/python3")));
        assert_eq!(resolved("python3.12"), Some(bin.join("python3.12")));
        assert_eq!(resolved(program.to_str().expect("text")), Some(program));
        assert_eq!(resolved("python9"), None);
        assert_eq!(resolved("env/bin/python9"), None);
        assert_eq!(of_project(folder.path()), None);
        let own = folder.path().join(".venv/bin");
        std::fs::create_dir_all(&own).expect("folders");
        std::fs::write(own.join("python"), "").expect("a file");
        assert_eq!(of_project(folder.path()), Some(own.join("python")));
    }
}
