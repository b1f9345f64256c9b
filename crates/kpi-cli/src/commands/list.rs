//! `kpi ls`: the nodes of a selection, as names, paths, selectors or JSON.

use super::{select, write};
use crate::session::{Ending, Outcome, Session};
use kpi_artifacts::{ListFormat, list_line};
use kpi_diagnostics::{Diagnostic, Level};
use serde_json::json;
use std::sync::Arc;

/// Lists what is selected.
pub fn list(session: &Session) -> Outcome {
    let loaded = session.load(None)?;
    write::manifest(session, &loaded.project, &loaded.manifest)?;
    let mut ids: Vec<Arc<str>> = select::listed(session, &loaded)?;
    ids.sort();
    if ids.is_empty() {
        session.messages.say("NoNodesSelected", Level::Warn, "No nodes selected!");
        session.messages.check_warnings()?;
        return Ok(Ending::Good);
    }
    let asked = session.flags.list("output_keys");
    let keys: Vec<String> = asked.iter().flat_map(|k| k.split_whitespace()).map(str::to_owned).collect();
    let format = match session.flags.text("output").unwrap_or_default().to_lowercase().as_str() {
        "json" => ListFormat::Json,
        "name" => ListFormat::Name,
        "path" => ListFormat::Path,
        _ => ListFormat::Selector,
    };
    let manifest = &loaded.manifest;
    let mut unknown = None;
    let lines = ids.iter().filter_map(|id| {
        let line = list_line(manifest, id, format, &keys);
        if line.is_none() {
            unknown = Some(id.clone());
        }
        line.map(|line| {
            let data = json!({"msg": line});
            (line, data)
        })
    });
    session.messages.data_lines("PrintEvent", lines);
    match unknown {
        Some(id) => {
            Err(Diagnostic::error("K0900", "Runtime Error", format!("{id} is selected but cannot be listed"))
                .into())
        }
        None => Ok(Ending::Good),
    }
}
