//! `kpi retry`: what failed or was skipped in the last run, once more, with the flags of that run.

use crate::arguments;
use crate::flags::Flags;
use crate::session::{Ending, Outcome, Retry, Session};
use clap::ArgMatches;
use clap::parser::ValueSource;
use kpi_artifacts::{EarlierResults, NodeStatus};
use kpi_diagnostics::{Diagnostic, nearest};
use kpi_project::Project;
use std::path::Path;

/// Commands that can be called again.
const RETRYABLE: &[&str] =
    &["build", "clone", "compile", "generate", "run", "run-operation", "seed", "snapshot", "test"];

fn error(message: String) -> Diagnostic {
    Diagnostic::error("K0016", "Runtime Error", message)
}

/// Calls the command of the last run again, for what did not end well.
pub fn retry(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = Project::load(&session.load_options(true)?)?;
    let target = session.target_path(&project);
    let (folder, shown) = match session.flags.text("state").filter(|folder| !folder.is_empty()) {
        Some(folder) => (project.root.join(folder), folder.to_owned()),
        None => (target.clone(), shown(&target, &project.root)),
    };
    let Some(earlier) = EarlierResults::read(&folder)? else {
        return Err(error(format!("Could not find previous run in '{shown}' target directory"))
            .with_hint("there is no run_results.json: run something first, or name its folder with --state")
            .into());
    };
    let which = earlier.args.get("which").and_then(|which| which.as_str()).unwrap_or_default().to_owned();
    if !RETRYABLE.contains(&which.as_str()) {
        let error = error(format!("The last run in '{shown}' was '{which}', which cannot be retried"));
        let error = match nearest(&which, RETRYABLE.iter().copied()) {
            Some(near) => error.with_hint(format!("is it an older name of '{near}'? Call that")),
            None => error.with_hint(format!("these can: {}", RETRYABLE.join(", "))),
        };
        return Err(error.into());
    }
    let failed = |status: &str| match NodeStatus::from_word(status) {
        Some(NodeStatus::Skipped) => true,
        Some(NodeStatus::Warn) => session.flags.switch("warn_error"),
        Some(status) => status.is_failure(),
        None => false,
    };
    let began = earlier.metadata.invocation_started_at.or(earlier.metadata.generated_at);
    // Hooks are part of the command, not of what is selected.
    let operation = which == "run-operation";
    let again: Vec<_> = earlier
        .results
        .into_iter()
        .filter(|result| failed(&result.status))
        .filter(|result| operation || !result.unique_id.starts_with("operation."))
        .collect();
    if operation && again.is_empty() {
        return Ok(Ending::Good);
    }
    let mut flags = fresh(session, &which)?;
    let given = |flag: &str| matches.value_source(flag) == Some(ValueSource::CommandLine);
    flags.repeat(&earlier.args, &session.flags, given);
    let again = Session {
        flags,
        messages: session.messages.clone(),
        invocation: session.invocation.clone(),
        working_dir: session.working_dir.clone(),
        retry: Some(Retry { nodes: again, began }),
    };
    super::dispatch(&which, &again, matches)
}

/// The flags of a call without any: what environment and project say.
fn fresh(session: &Session, which: &str) -> Result<Flags, Diagnostic> {
    let call = arguments::command().try_get_matches_from(["kpi", "run"]);
    let call = call.map_err(|cause| error(cause.to_string()))?;
    let matches = call.subcommand().map_or(&call, |(_, matches)| matches);
    let mut flags = Flags::resolve(which, matches, &[])?;
    flags.command_line.clone_from(&session.flags.command_line);
    // Whatever there is to warn of was told when this call began.
    let _told = flags.apply_project(&super::project_flags(&session.flags, &session.working_dir)?)?;
    Ok(flags)
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
