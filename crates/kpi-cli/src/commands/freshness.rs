//! `kpi source freshness`: how old the newest row of each source is.

use super::{run, select, write};
use crate::messages::Messages;
use crate::session::{Ending, Outcome, Session};
use crate::{deprecations, summary};
use kpi_artifacts::{Freshness, FreshnessResult, NodeResult, NodeStatus};
use kpi_diagnostics::Level;
use kpi_engine::FreshnessSummary;
use kpi_manifest::{Manifest, SourceTable};
use serde_json::{Value as Json, json};

/// Asks the selected sources that have a threshold.
pub fn freshness(session: &Session) -> Outcome {
    let loaded = session.load(None)?;
    let messages = &session.messages;
    if let Some(path) = session.flags.text("output") {
        deprecations::custom_output_path(messages, path);
    }
    let selected = select::fresh_sources(session, &loaded)?;
    let (engine, project) = run::engine(session, loaded)?;
    if selected.is_empty() {
        messages.say(
            "NothingToDo",
            Level::Warn,
            "Nothing to do: no selected source has a freshness threshold (warn_after, error_after)",
        );
        messages.check_warnings()?;
        write::manifest(session, &project, &engine.into_manifest())?;
        write::sources(session, &project, &[], 0.0)?;
        messages.say("FreshnessCheckComplete", Level::Info, "Done.");
        return Ok(Ending::Good);
    }
    write::graph_summary(session, &project, &engine.manifest)?;
    let asked = engine.freshness(&selected);
    let FreshnessSummary { sources, results, elapsed, interrupted } = match asked {
        Ok(summary) => summary,
        Err(error) => {
            write::manifest(session, &project, &engine.into_manifest())?;
            return Err(error.into());
        }
    };
    summary::finished(messages, &engine.manifest, &results, elapsed);
    let manifest = engine.into_manifest();
    write::manifest(session, &project, &manifest)?;
    write::sources(session, &project, &sources, elapsed)?;
    for source in &sources {
        describe(messages, &manifest, source);
    }
    for hook in results.iter().filter(|result| !manifest.sources.contains_key(&*result.unique_id)) {
        if hook.status == NodeStatus::Error {
            summary::describe(messages, &manifest, hook, false);
        }
    }
    messages.say("FreshnessCheckComplete", Level::Info, "Done.");
    let failed = |result: &NodeResult| result.status.is_failure() || result.status == NodeStatus::Skipped;
    Ok(match (interrupted, results.iter().any(failed)) {
        (true, _) => Ending::Aborted,
        (false, true) => Ending::NodeFailed,
        (false, false) => Ending::Good,
    })
}

/// The fields of a source in the events about its result.
fn info(source: &SourceTable, status: NodeStatus) -> Json {
    json!({
        "node_path": &*source.path,
        "node_name": &*source.name,
        "unique_id": &*source.unique_id,
        "resource_type": "source",
        "materialized": "",
        "node_status": status.as_str(),
        "node_started_at": "",
        "node_finished_at": "",
        "meta": &source.meta,
        "node_relation": {
            "database": source.database.as_deref().unwrap_or_default(),
            "schema": &*source.schema,
            "alias": &*source.identifier,
            "relation_name": &*source.relation_name,
        },
    })
}

/// The lines about a source that is stale or could not be asked.
fn describe(messages: &Messages, manifest: &Manifest, result: &FreshnessResult) {
    match result {
        FreshnessResult::Known(known) if known.status == NodeStatus::Error => {
            let Some(source) = manifest.sources.get(&*known.unique_id) else { return };
            let info = info(source, known.status);
            messages.blank();
            messages.say_with(
                "RunResultFailure",
                Level::Error,
                format!("Failure in source {} ({})", source.name, source.original_file_path),
                json!({
                    "resource_type": "source",
                    "node_name": &*source.name,
                    "path": &*source.original_file_path,
                    "node_info": info,
                }),
            );
            messages.say_with(
                "RunResultErrorNoMessage",
                Level::Error,
                format!("  Status: error: {}", verdict(known)),
                json!({"status": "error", "node_info": info}),
            );
        }
        FreshnessResult::Failed { unique_id, error: Some(error), status } => {
            let info = manifest.sources.get(&**unique_id).map(|source| info(source, *status));
            messages.blank();
            messages.say_with(
                "RunResultError",
                Level::Error,
                format!("  {error}"),
                json!({"msg": error, "node_info": info}),
            );
        }
        _ => {}
    }
}

/// Why a source is stale, in words.
fn verdict(known: &Freshness) -> String {
    let allowed = known.criteria.get("error_after").and_then(|threshold| {
        let count = threshold.get("count")?;
        Some(format!(
            "{count} {}{}",
            threshold.get("period")?.as_str()?,
            if *count == json!(1) { "" } else { "s" }
        ))
    });
    let allowed = allowed.unwrap_or_default();
    // A source without rows (or with none that the filter lets through) is as old as can be.
    if known.max_loaded_at.format("%Y-%m-%d").to_string() == "0001-01-01" {
        return format!("it has no row with a time, allowed is an age of {allowed}");
    }
    let age = known.max_loaded_at_time_ago_in_s;
    let spoken = match age {
        age if age < 3600.0 => format!("{:.0} minutes", age / 60.0),
        age if age < 2.0 * 86_400.0 => format!("{:.1} hours", age / 3600.0),
        age => format!("{:.1} days", age / 86_400.0),
    };
    let newest = known.max_loaded_at.format("%Y-%m-%d %H:%M:%S");
    format!("its newest row is {spoken} old ({newest} UTC), allowed is {allowed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(newest: &str, age: f64) -> String {
        let known = json!({
            "unique_id": "source.shop.raw.a", "max_loaded_at": newest, "snapshotted_at": "2024-02-01T00:00:00+00:00",
            "max_loaded_at_time_ago_in_s": age, "status": "error", "adapter_response": {}, "timing": [],
            "criteria": {"error_after": {"count": 1, "period": "hour"}}, "thread_id": "", "execution_time": 0.0,
        });
        serde_json::from_value(known).map(|known| verdict(&known)).unwrap_or_default()
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        let newest = "2024-01-31T10:00:00+00:00";
        assert_eq!(
            said(newest, 3599.0),
            "its newest row is 60 minutes old (2024-01-31 10:00:00 UTC), allowed is 1 hour"
        );
        assert_eq!(
            said(newest, 7200.0),
            "its newest row is 2.0 hours old (2024-01-31 10:00:00 UTC), allowed is 1 hour"
        );
        assert_eq!(
            said(newest, 864_000.0),
            "its newest row is 10.0 days old (2024-01-31 10:00:00 UTC), allowed is 1 hour"
        );
        assert_eq!(
            said("0001-01-01T00:00:00+00:00", 6e10),
            "it has no row with a time, allowed is an age of 1 hour"
        );
    }
}
