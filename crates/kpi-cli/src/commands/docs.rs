//! `kpi docs generate`: what is selected is compiled, and the database asked what it has of it: `catalog.json`, and the
//! page that shows it.

use super::{compile, run, select, site, write};
use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_artifacts::Catalog;
use kpi_diagnostics::Level;
use kpi_engine::{CatalogEntries, Task};
use kpi_manifest::Manifest;
use serde_json::json;
use std::sync::Arc;

/// Compiles and writes the catalog.
pub fn generate(session: &Session, matches: &ArgMatches) -> Outcome {
    let given = |name: &str| matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
    let messages = &session.messages;
    let compiles = !given("no-compile");
    let mut loaded = session.load(None)?;
    let (nodes, sources) = select::documented(session, &loaded)?;
    if compiles && !nodes.is_empty() {
        loaded.defer(session)?;
    }
    let (engine, project) = run::engine(session, loaded)?;
    if compiles {
        if nodes.is_empty() {
            messages.say(
                "NothingToDo",
                Level::Warn,
                "Nothing to do. Try checking your model configs and model specification args",
            );
            messages.check_warnings()?;
        }
        let summary = engine.run(Task::Compile, &nodes)?;
        write::run_results(session, &project, &summary.results, summary.elapsed)?;
        if compile::tell_errors(messages, &summary.results) {
            messages.say("CannotGenerateDocs", Level::Info, "compile failed, cannot generate docs");
            write::manifest(session, &project, &engine.into_manifest())?;
            return Ok(Ending::Aborted);
        }
    }
    if let Some(package) = project.packages.first() {
        site::write(&session.target_path(&project), &project.root, &package.config)?;
    }
    let entries = if given("empty-catalog") {
        CatalogEntries::default()
    } else {
        messages.say("BuildingCatalog", Level::Info, "Building catalog");
        let all: Vec<Arc<str>> = nodes.into_iter().chain(sources).collect();
        engine.catalog(compiles.then_some(all.as_slice()))?
    };
    let failures = entries.errors;
    let catalog = Catalog {
        metadata: session.invocation.metadata(Catalog::SCHEMA),
        nodes: entries.nodes,
        sources: entries.sources,
        errors: (!failures.is_empty()).then(|| failures.clone()),
    };
    let path = write::catalog(session, &project, &catalog)?;
    if compiles {
        let manifest: Arc<Manifest> = engine.into_manifest();
        write::manifest(session, &project, &manifest)?;
    }
    if !failures.is_empty() {
        let several = if failures.len() == 1 { "" } else { "s" };
        let told = format!("dbt encountered {} failure{several} while writing the catalog", failures.len());
        messages.say_with(
            "WriteCatalogFailure",
            Level::Error,
            told,
            json!({"num_exceptions": failures.len()}),
        );
        for failure in &failures {
            messages.say("Note", Level::Error, failure.clone());
        }
    }
    let shown = path.display().to_string();
    messages.say_with(
        "CatalogWritten",
        Level::Info,
        format!("Catalog written to {shown}"),
        json!({"path": shown}),
    );
    if given("static") {
        site::write_static(session, &session.target_path(&project))?;
    }
    Ok(if failures.is_empty() { Ending::Good } else { Ending::NodeFailed })
}
