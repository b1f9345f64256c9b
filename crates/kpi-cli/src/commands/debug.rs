//! `kpi debug`: is the project found and valid, is the target, does the connection work.

use crate::session::{Ending, Failure, Outcome, Session, VERSION, is_native};
use crate::target;
use clap::ArgMatches;
use kpi_adapter::Fetch;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_project::Project;
use serde_json::json;
use std::path::Path;

/// A check and what came of it.
struct Check {
    name: &'static str,
    failure: Option<String>,
}

fn out(session: &Session, text: impl Into<String>) {
    let text = text.into();
    let data = json!({"msg": text});
    session.messages.say_with("DebugCmdOut", Level::Info, text, data);
}

fn state(failure: Option<&String>) -> &'static str {
    if failure.is_none() { "OK found and valid" } else { "ERROR invalid" }
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n\n")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Tells what kpi finds, and whether it works.
pub fn debug(session: &Session, matches: &ArgMatches) -> Outcome {
    let options = session.load_options(true)?;
    if matches.get_flag("config-dir") {
        let folder = profiles_folder(session, &session.working_dir);
        session.messages.data("DebugCmdOut", &shown(&folder), json!({"msg": shown(&folder)}));
        return Ok(Ending::Good);
    }
    out(session, format!("kpi version: {VERSION}"));
    out(session, format!("dbt version: {}", kpi_artifacts::DBT_VERSION));
    out(session, format!("os info: {}-{}", std::env::consts::OS, std::env::consts::ARCH));
    let executable = std::env::current_exe().map(|p| shown(&p)).unwrap_or_default();
    out(session, format!("kpi path: {executable}"));

    let mut checks = Vec::new();
    let root = match Project::find_root(&options) {
        Ok(root) => root,
        Err(error) => {
            return Ok(finish(session, &[Check { name: "project", failure: Some(error.render()) }]));
        }
    };
    let native = is_native(&root);
    if native {
        out(session, format!("Using kpi.toml file at {}", shown(&root.join("kpi.toml"))));
    } else {
        let folder = profiles_folder(session, &root);
        out(session, format!("Using profiles dir at {}", shown(&folder)));
        out(session, format!("Using profiles.yml file at {}", shown(&folder.join("profiles.yml"))));
        out(session, format!("Using dbt_project.yml file at {}", shown(&root.join("dbt_project.yml"))));
    }
    let loaded = session.load_project(true);
    // Only what fails without a target too is the project's own fault; properties may ask for the target.
    let project_failure = match &loaded {
        Ok(_) => None,
        Err(_) => session.load_project(false).err().map(|Failure(errors)| rendered(&errors)),
    };
    let target_failure = match &loaded {
        Err(Failure(errors)) if project_failure.is_none() => Some(rendered(errors)),
        _ => None,
    };
    if let Ok(project) = &loaded {
        out(session, format!("adapter type: {}", project.target.kind));
        out(session, format!("adapter version: {}", target::DUCKDB_VERSION));
    }
    if matches.get_flag("connection") {
        out(session, "Skipping steps before connection verification");
    } else {
        out(session, "Configuration:");
        let (name, file) =
            if native { ("targets", "kpi.toml") } else { ("profiles.yml file", "dbt_project.yml") };
        let word = match (&loaded, &project_failure) {
            (Err(_), Some(_)) => "SKIPPED",
            _ => state(target_failure.as_ref()),
        };
        out(session, format!("  {name} [{word}]"));
        out(session, format!("  {file} file [{}]", state(project_failure.as_ref())));
    }
    checks.push(Check { name: "project", failure: project_failure });
    checks.push(Check { name: "target", failure: target_failure });
    match &loaded {
        Ok(project) => checks.push(Check { name: "connection", failure: connection(session, project) }),
        Err(_) => out(session, "Connection test skipped since no target was found"),
    }
    Ok(finish(session, &checks))
}

/// The folder in which `profiles.yml` is looked for first.
fn profiles_folder(session: &Session, root: &Path) -> std::path::PathBuf {
    if let Some(given) = session.flags.text("profiles_dir") {
        return session.working_dir.join(given);
    }
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".dbt"));
    [Some(session.working_dir.clone()), home.clone(), Some(root.to_owned())]
        .into_iter()
        .flatten()
        .find(|folder| folder.join("profiles.yml").is_file())
        .or(home)
        .unwrap_or_else(|| session.working_dir.clone())
}

/// Opens the target and asks it something; gives what went wrong.
fn connection(session: &Session, project: &Project) -> Option<String> {
    let adapter = match session.adapter(project) {
        Ok(adapter) => adapter,
        Err(Failure(errors)) => return Some(rendered(&errors)),
    };
    out(session, "Connection:");
    for (name, value) in adapter.debug_fields() {
        out(session, format!("  {name}: {value}"));
    }
    let tried = adapter.connect("debug").and_then(|mut c| c.execute("select 1 as id", Fetch::All));
    let failure = tried.err().map(|e| e.to_diagnostic().render());
    let word = if failure.is_none() { "OK connection ok" } else { "ERROR" };
    out(session, format!("  Connection test: [{word}]"));
    failure
}

fn finish(session: &Session, checks: &[Check]) -> Ending {
    let failed: Vec<&Check> = checks.iter().filter(|c| c.failure.is_some()).collect();
    let say = |level, text: String| {
        let data = json!({"msg": text});
        session.messages.say_with("DebugCmdResult", level, text, data);
    };
    session.messages.blank();
    if failed.is_empty() {
        say(Level::Info, "All checks passed!".to_owned());
        return Ending::Good;
    }
    say(Level::Error, format!("{} check{} failed:", failed.len(), if failed.len() == 1 { "" } else { "s" }));
    for check in failed {
        say(Level::Error, format!("{}: {}", check.name, check.failure.as_deref().unwrap_or_default()));
    }
    Ending::NodeFailed
}
