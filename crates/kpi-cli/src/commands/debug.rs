//! `kpi debug`: are project and target found and valid, does the connection work.

use crate::session::{Ending, Failure, Outcome, Session, VERSION};
use crate::target;
use clap::ArgMatches;
use kpi_adapter::Fetch;
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_project::{Checked, Project, TargetSettings};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};

fn out(session: &Session, text: impl Into<String>) {
    let text = text.into();
    let data = json!({"msg": text});
    session.messages.say_with("DebugCmdOut", Level::Info, text, data);
}

fn state<T>(checked: &Result<T, Diagnostic>) -> &'static str {
    match checked {
        Ok(_) => "OK found and valid",
        // Neither project nor profiles: there is no file to be wrong.
        Err(error) if matches!(error.code, "K0200" | "K0212") => "ERROR not found",
        Err(_) => "ERROR invalid",
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The program that shows a folder.
fn opener() -> &'static str {
    match std::env::consts::OS {
        "windows" => "start",
        "macos" => "open",
        _ => "xdg-open",
    }
}

/// Tells what kpi finds, and whether it works.
pub fn debug(session: &Session, matches: &ArgMatches) -> Outcome {
    let options = session.load_options(true)?;
    let mut checked = Project::check(&options);
    std::mem::take(&mut checked.warnings).into_iter().for_each(|w| session.messages.diagnostic(w));
    session.messages.check_warnings()?;
    let profiles = checked.profiles.clone().unwrap_or_else(|| checked.root.clone());
    if matches.get_flag("config-dir") {
        let (command, folder) = (opener(), shown(&profiles));
        let text = format!("To view your profiles.yml file, run:\n\n{command} {folder}");
        session.messages.data("OpenCommand", &text, json!({"open_cmd": command, "profiles_dir": folder}));
        return Ok(Ending::Good);
    }
    session.open_log(&checked.root, None);
    out(session, format!("kpi version: {VERSION}"));
    out(session, format!("dbt version: {}", kpi_artifacts::DBT_VERSION));
    let executable = std::env::current_exe().map(|p| shown(&p)).unwrap_or_default();
    out(session, format!("kpi path: {executable}"));
    out(session, format!("os info: {}-{}", std::env::consts::OS, std::env::consts::ARCH));
    let project_file = if checked.native { "kpi.toml" } else { "dbt_project.yml" };
    if !checked.native {
        out(session, format!("Using profiles dir at {}", shown(&profiles)));
        out(session, format!("Using profiles.yml file at {}", shown(&profiles.join("profiles.yml"))));
    }
    out(session, format!("Using {project_file} file at {}", shown(&checked.root.join(project_file))));
    if let Ok(target) = &checked.target {
        out(session, format!("adapter type: {}", target.kind));
        let version = if target.kind == "duckdb" { target::DUCKDB_VERSION } else { VERSION };
        out(session, format!("adapter version: {version}"));
    }
    if matches.get_flag("connection") {
        out(session, "Skipping steps before connection verification");
    } else {
        configuration(session, &checked, project_file);
    }
    let connected = match &checked.target {
        Ok(target) => Some(connection(session, target)),
        Err(_) => {
            out(session, "Connection test skipped since no profile was found");
            None
        }
    };
    let of_target = checked.target.as_ref().err().map(|error| ("Profile", error));
    // In a native project both are one file with one fault.
    let of_project = match checked.native && checked.target.is_err() {
        true => None,
        false => checked.project.as_ref().err().map(|error| ("Project", error)),
    };
    let mut failed: Vec<String> = [of_target, of_project]
        .into_iter()
        .flatten()
        .map(|(what, error)| format!("{what} loading failed for the following reason:\n{}", error.render()))
        .collect();
    failed.extend(connected.flatten().map(|error| {
        format!(
            "dbt was unable to connect to the specified database. The database returned the following error:\n\n  {error}"
        )
    }));
    Ok(finish(session, &failed))
}

/// The state of the files, and of the programs that kpi calls.
fn configuration(session: &Session, checked: &Checked, project_file: &str) {
    out(session, "Configuration:");
    let target = if checked.native { "targets" } else { "profiles.yml file" };
    out(session, format!("  {target} [{}]", state(&checked.target)));
    out(session, format!("  {project_file} file [{}]", state(&checked.project)));
    out(session, "Required dependencies:");
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    let found = quiet(Command::new("git").arg("--help")).is_ok_and(|status| status.success());
    let word = if found { "OK found" } else { "not found: only packages from git need it" };
    let text = format!(" - git [{word}]");
    session.messages.say_with("DebugCmdResult", Level::Info, text.clone(), json!({"msg": text}));
}

/// Opens the target and asks it something; gives what went wrong.
fn connection(session: &Session, target: &TargetSettings) -> Option<String> {
    let adapter = match session.adapter(target) {
        Ok(adapter) => adapter,
        Err(Failure(errors)) => {
            return Some(errors.iter().map(Diagnostic::render).collect::<Vec<_>>().join("\n\n"));
        }
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

fn finish(session: &Session, failed: &[String]) -> Ending {
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
    failed.iter().for_each(|text| say(Level::Error, text.clone()));
    Ending::NodeFailed
}
