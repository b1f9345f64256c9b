//! `kpi compile`: templates become SQL in `target/compiled`; what is selected by name is shown too.

use super::{run, select, write};
use crate::messages::Messages;
use crate::session::{Ending, Outcome, Session};
use kpi_artifacts::NodeResult;
use kpi_diagnostics::Level;
use kpi_engine::Task;
use kpi_manifest::Manifest;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Compiles what is selected, or the text of `--inline`.
pub fn compile(session: &Session) -> Outcome {
    let flags = &session.flags;
    let messages = &session.messages;
    let inline = flags.text("inline").map(str::to_owned);
    let mut loaded = session.load(inline.as_deref())?;
    let selected: Vec<Arc<str>> = match &inline {
        Some(_) => select::inline(&loaded.manifest),
        None => select::nodes(session, &loaded, Task::Compile)?,
    };
    if !selected.is_empty() {
        loaded.defer(session)?;
    }
    let (engine, project) = run::engine(session, loaded)?;
    if selected.is_empty() {
        return run::nothing_to_do(session, &project, engine);
    }
    write::graph_summary(session, &project, &engine.manifest)?;
    let summary = engine.run(Task::Compile, &selected)?;
    let manifest = engine.into_manifest();
    write::run_results(session, &project, &summary.results, summary.elapsed)?;
    if inline.is_none() {
        // The project's manifest does not know the query of one call.
        write::manifest(session, &project, &manifest)?;
    }
    if tell_errors(messages, &summary.results) {
        return Ok(Ending::Aborted);
    }
    for id in &selected {
        show(session, &manifest, id, inline.is_some());
    }
    Ok(Ending::Good)
}

/// Tells what did not compile; whether there is anything.
pub fn tell_errors(messages: &Messages, results: &[NodeResult]) -> bool {
    let failed = results.iter().filter(|result| result.status.is_failure());
    // The messages are whole diagnostics already: heading, place, hint.
    let errors: Vec<&str> =
        failed.map(|result| result.message.as_deref().unwrap_or(&result.unique_id)).collect();
    if errors.is_empty() {
        return false;
    }
    let text = errors.join("\n\n");
    messages.say_with(
        "MainEncounteredError",
        Level::Error,
        format!("Encountered an error:\n{text}"),
        json!({"exc": text}),
    );
    true
}

/// Prints the SQL of a node that was asked for by name.
fn show(session: &Session, manifest: &Manifest, id: &str, inline: bool) {
    let Some(node) = manifest.node(id) else { return };
    let asked = session.flags.list("select");
    if !inline && !asked.iter().any(|words| words.contains(&*node.name)) {
        return;
    }
    let compiled = node.compiled_code.as_deref().unwrap_or(&node.raw_code);
    let json_wanted = session.flags.text("output") == Some("json");
    let text = if json_wanted {
        let object = if inline {
            json!({"compiled": compiled})
        } else {
            json!({"node": &*node.name, "compiled": compiled})
        };
        pretty(&object)
    } else if session.messages.quiet() {
        compiled.to_owned()
    } else if inline {
        format!("Compiled inline node is:\n{compiled}")
    } else {
        format!("Compiled node '{}' is:\n{compiled}", node.name)
    };
    session.messages.data(
        "CompiledNode",
        &text,
        json!({
            "node_name": &*node.name,
            "compiled": compiled,
            "is_inline": inline,
            "unique_id": &*node.unique_id,
            "output_format": if json_wanted { "json" } else { "text" },
            "quiet": session.messages.quiet(),
        }),
    );
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
