//! `kpi show`: the first rows of a model, a test's failing rows, or of any query.

use super::{run, select};
use crate::session::{Ending, Outcome, Session};
use crate::text_table;
use kpi_adapter::Table;
use kpi_diagnostics::Diagnostic;
use kpi_engine::Task;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Rows that are shown unless `--limit` says otherwise.
const LIMIT: i64 = 5;

/// Compiles and runs what is selected, and prints the rows.
pub fn show(session: &Session) -> Outcome {
    let flags = &session.flags;
    let inline = flags.text("inline").map(str::to_owned);
    if let Some(sql) = flags.text("inline_direct") {
        return direct(session, sql);
    }
    if inline.is_none() && flags.list("select").is_empty() && flags.text("selector").is_none() {
        return Err(Diagnostic::error(
            "K0009",
            "Runtime Error",
            "Either --select or --inline must be passed to show",
        )
        .with_hint(
            "kpi show --select orders --limit 10, or kpi show --inline \"select * from {{ ref('orders') }}\"",
        )
        .into());
    }
    let mut loaded = session.load(inline.as_deref())?;
    let selected: Vec<Arc<str>> = match &inline {
        Some(_) => select::inline(&loaded.manifest),
        None => {
            let asked = flags.list("select");
            let named = |id: &Arc<str>| {
                loaded.manifest.node(id).is_some_and(|n| asked.iter().any(|words| words.contains(&*n.name)))
            };
            let all = select::nodes(session, &loaded, Task::Show { limit: None })?;
            // A tag or a path selects nodes that are not named: then all of them are meant.
            let by_name: Vec<Arc<str>> = all.iter().filter(|id| named(id)).cloned().collect();
            if by_name.is_empty() { all } else { by_name }
        }
    };
    if selected.is_empty() {
        session.messages.say(
            "NothingToDo",
            kpi_diagnostics::Level::Warn,
            "Nothing to do. Try checking your model configs and model specification args",
        );
        session.messages.check_warnings()?;
        return Ok(Ending::Good);
    }
    loaded.defer(session)?;
    let (engine, _) = run::engine(session, loaded)?;
    for preview in engine.preview(&selected, Some(limit(session)))? {
        let version = engine.manifest.node(&preview.unique_id).and_then(|node| node.version.as_ref());
        let name = match version {
            Some(Json::String(version)) => format!("{}.v{version}", preview.name),
            Some(version) => format!("{}.v{version}", preview.name),
            None => preview.name.to_string(),
        };
        print(session, &name, &preview.unique_id, &preview.table, inline.is_some());
    }
    Ok(Ending::Good)
}

/// `--limit`; a negative number is none.
fn limit(session: &Session) -> Option<u64> {
    u64::try_from(session.flags.number("limit").unwrap_or(LIMIT)).ok()
}

/// `--inline-direct`: SQL as it is, without the project's templates.
fn direct(session: &Session, sql: &str) -> Outcome {
    let project = session.load_project(true)?;
    let adapter = session.adapter(&project.target)?;
    let fetch = match limit(session).and_then(|n| usize::try_from(n).ok()) {
        Some(n) => kpi_adapter::Fetch::Limit(n),
        None => kpi_adapter::Fetch::All,
    };
    let mut connection = adapter.connect("show").map_err(|e| e.to_diagnostic())?;
    let result = connection.execute(sql, fetch).map_err(|e| e.to_diagnostic())?;
    print(session, "direct-query", "direct-query", &result.table, true);
    Ok(Ending::Good)
}

fn print(session: &Session, name: &str, unique_id: &str, table: &Table, inline: bool) {
    let as_json = session.flags.text("output") == Some("json");
    let quiet = session.messages.quiet();
    let (text, preview) = if as_json {
        let rows = text_table::json(table, 2);
        let text = if inline {
            format!("{{\n  \"show\": {rows}\n}}")
        } else {
            format!("{{\n  \"node\": {},\n  \"show\": {rows}\n}}", Json::from(name))
        };
        (text, text_table::json(table, 0))
    } else {
        let rows = text_table::markdown(table, None);
        let heading = match (quiet, inline) {
            (true, _) => String::new(),
            (false, true) => "Previewing inline node:\n".to_owned(),
            (false, false) => format!("Previewing node '{name}':\n"),
        };
        (format!("{heading}{rows}"), rows)
    };
    session.messages.data(
        "ShowNode",
        &text,
        json!({
            "node_name": name,
            "preview": preview,
            "is_inline": inline,
            "output_format": if as_json { "json" } else { "text" },
            "unique_id": unique_id,
            "quiet": quiet,
        }),
    );
}
