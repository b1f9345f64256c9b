//! `kpi init`: a new project from the built-in template, which works at once.

use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, Level};
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

/// What stands in the template for the project's name.
const PLACEHOLDER: &str = "__PROJECT_NAME__";

macro_rules! template {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../project_template/", $path)))),*]
    };
}

/// Every file of `project_template/`.
const TEMPLATE: &[(&str, &str)] = template![
    ".gitignore",
    "README.md",
    "analyses/.gitkeep",
    "kpi.toml",
    "macros/cents_to_amount.sql",
    "models/marts/_marts.yml",
    "models/marts/fct_kpis_daily.sql",
    "models/staging/_staging.yml",
    "models/staging/stg_customers.sql",
    "models/staging/stg_orders.sql",
    "seeds/_seeds.yml",
    "seeds/raw_customers.csv",
    "seeds/raw_orders.csv",
    "snapshots/.gitkeep",
    "tests/assert_no_revenue_is_lost.sql",
];

/// Names of packages that every project has already.
const TAKEN: &[&str] = &["dbt", "dbt_duckdb", "dbt_snowflake"];

fn check_name(name: &str) -> Result<(), Diagnostic> {
    let wrong = |message: String| {
        Err(Diagnostic::error("K0010", "Usage Error", message)
            .with_hint("use lower-case letters, digits and underscores, a letter first: kpi init sales_kpis"))
    };
    let mut chars = name.chars();
    if !chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return wrong(format!("'{name}' cannot be the name of a project"));
    }
    if name.len() > 100 {
        return wrong(format!(
            "the name of a project has at most 100 characters, this one has {}",
            name.len()
        ));
    }
    if TAKEN.contains(&name) {
        return wrong(format!("'{name}' is the name of a built-in package"));
    }
    Ok(())
}

/// The name of the command line, or that a person types.
fn name_of(matches: &ArgMatches) -> Result<String, Diagnostic> {
    if let Some(name) = matches.get_one::<String>("name") {
        return Ok(name.clone());
    }
    let missing = || {
        Diagnostic::error("K0010", "Usage Error", "The project needs a name").with_hint("kpi init sales_kpis")
    };
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(missing());
    }
    let _ = write!(std::io::stderr(), "Name of the project (letters, digits, underscores): ");
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(|_| missing())?;
    let name = line.trim();
    if name.is_empty() { Err(missing()) } else { Ok(name.to_owned()) }
}

/// Writes the template into a folder of the project's name.
pub fn init(session: &Session, matches: &ArgMatches) -> Outcome {
    let name = name_of(matches)?;
    check_name(&name)?;
    let base = session
        .flags
        .text("project_dir")
        .map_or(session.working_dir.clone(), |d| session.working_dir.join(d));
    let folder = base.join(&name);
    if folder.exists() {
        let empty =
            folder.is_dir() && std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_none());
        if !empty {
            return Err(Diagnostic::error(
                "K0011",
                "Runtime Error",
                format!("A project called {name} already exists here: {} is not empty", folder.display()),
            )
            .with_hint("choose another name, or move what is there away")
            .into());
        }
    }
    let failed = |path: &Path, error: std::io::Error| {
        Diagnostic::error("K0012", "Runtime Error", format!("{} cannot be written: {error}", path.display()))
    };
    for (path, text) in TEMPLATE {
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(|e| failed(parent, e))?;
        }
        std::fs::write(&target, text.replace(PLACEHOLDER, &name)).map_err(|e| failed(&target, e))?;
    }
    let shown = folder.strip_prefix(&session.working_dir).unwrap_or(&folder).display().to_string();
    session.messages.say_with(
        "ProjectCreated",
        Level::Info,
        format!(
            "Your new project \"{name}\" is in {shown}.\n\nNext:\n  cd {shown}\n  kpi build                            \
             # seeds, models and tests, on {name}.duckdb\n  kpi show --select fct_kpis_daily     # the result\n"
        ),
        json!({"project_name": name, "docs_url": "", "slack_url": ""}),
    );
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_template_is_built_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../project_template");
        let mut on_disk = Vec::new();
        walk(&root, &root, &mut on_disk);
        // What somebody built inside the template is not part of it.
        on_disk.retain(|p| !p.starts_with("target/") && !p.starts_with("logs/") && !p.contains(".duckdb"));
        on_disk.sort();
        let listed: Vec<&str> = TEMPLATE.iter().map(|(path, _)| *path).collect();
        assert_eq!(listed, on_disk);
    }

    #[test]
    fn names_that_would_break_a_project_are_refused() {
        for name in ["", "1st", "a-b", "a b", "../x", "é", "dbt"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["shop", "Shop_2", "_x"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }
}
