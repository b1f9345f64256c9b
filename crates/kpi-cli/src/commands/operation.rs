//! `kpi run-operation`: calls a macro.

use super::{run, write};
use crate::session::{Ending, Outcome, Session};
use crate::warnings;
use kpi_artifacts::NodeStatus;
use kpi_diagnostics::Level;
use serde_json::{Map, json};

/// Calls the macro; what it prints goes to the terminal.
pub fn operation(session: &Session) -> Outcome {
    let name = session.flags.text("macro").unwrap_or_default();
    let arguments = match session.flags.text("args") {
        Some(text) => warnings::mapping("--args", text)?,
        None => Map::new(),
    };
    let loaded = session.load(None)?;
    write::manifest(session, &loaded.project, &loaded.manifest)?;
    let (engine, project) = run::engine(session, loaded)?;
    let result = engine.run_operation(name, &arguments)?;
    let failed = result.status.is_failure();
    if result.status == NodeStatus::Error {
        let message = result.message.clone().unwrap_or_default();
        session.messages.say_with(
            "RunningOperationCaughtError",
            Level::Error,
            format!("Encountered an error while running operation: {message}"),
            json!({"exc": message}),
        );
    }
    let elapsed = result.execution_time;
    write::run_results(session, &project, &[result], elapsed)?;
    write::manifest(session, &project, &engine.into_manifest())?;
    Ok(if failed { Ending::NodeFailed } else { Ending::Good })
}
