//! `kpi ls`: the nodes of a selection, as names, paths, selectors or JSON.

use super::{select, write};
use crate::session::{Ending, Outcome, Session};
use kpi_artifacts::{ListFormat, list_line};
use kpi_diagnostics::{Diagnostic, Level};
use serde_json::json;
use std::sync::Arc;

/// Lists what is selected.
pub fn list(session: &Session) -> Outcome {
    if crate::deprecations::says_models() {
        for other in ["select", "resource_type"] {
            // The option under its former name is among those of the new one.
            let typed = session.flags.list(other);
            let exclusive = match other {
                "select" => crate::deprecations::says_select(),
                _ => !typed.is_empty(),
            };
            if exclusive {
                return Err(Diagnostic::error(
                    "K0016",
                    "Usage Error",
                    format!("\"models\" and \"{other}\" are mutually exclusive arguments"),
                )
                .with_hint("use --select with --resource-type model")
                .into());
            }
        }
    }
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
