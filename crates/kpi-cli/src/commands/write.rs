//! Artifacts of a command, unless `--no-write-json` says otherwise.

use crate::session::{Failure, Session, VERSION};
use kpi_adapter::RunCost;
use kpi_artifacts::{
    Catalog, FreshnessResult, NodeResult, RunResults, SemanticManifest, Sources, write_json, write_manifest,
};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_manifest::Manifest;
use kpi_project::Project;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};

/// What could not be written, with a hint.
pub fn failed(error: Diagnostic) -> Failure {
    match error.hint {
        Some(_) => error.into(),
        None => error
            .with_hint("choose another folder with --target-path, or write none with --no-write-json")
            .into(),
    }
}

fn written(session: &Session, kind: &str, path: &Path) {
    let shown = path.display().to_string();
    session.messages.say_with(
        "ArtifactWritten",
        Level::Debug,
        format!("Wrote artifact {kind} to {shown}"),
        json!({"artifact_type": kind, "artifact_path": shown}),
    );
}

/// `target/manifest.json`, and `target/semantic_manifest.json` beside it
pub fn manifest(session: &Session, project: &Project, manifest: &Manifest) -> Result<(), Failure> {
    if !session.flags.switch("write_json") {
        return Ok(());
    }
    let path = session.target_path(project).join("manifest.json");
    write_manifest(&path, manifest, project, &session.invocation).map_err(failed)?;
    written(session, "WritableManifest", &path);
    let path = session.target_path(project).join("semantic_manifest.json");
    write_json(&path, &SemanticManifest::of(manifest)).map_err(failed)?;
    written(session, "SemanticManifest", &path);
    Ok(())
}

/// `target/catalog.json`: written in any case, since it is what the command is for. Returns where.
pub fn catalog(session: &Session, project: &Project, catalog: &Catalog) -> Result<PathBuf, Failure> {
    let path = session.target_path(project).join("catalog.json");
    write_json(&path, catalog).map_err(failed)?;
    written(session, "CatalogArtifact", &path);
    Ok(path)
}

/// `target/graph_summary.json`: names, types and edges, for a look at the graph's shape.
pub fn graph_summary(session: &Session, project: &Project, manifest: &Manifest) -> Result<(), Failure> {
    if !session.flags.switch("write_json") {
        return Ok(());
    }
    let graph = &manifest.graph;
    let linked: Map<String, Json> = graph
        .vertices()
        .map(|vertex| {
            let id = graph.id(vertex);
            let mut entry = Map::new();
            entry.insert("name".to_owned(), json!(&**id));
            entry.insert("type".to_owned(), json!(id.split('.').next()));
            let after: Vec<usize> = graph.children_of(vertex).map(|child| child.index()).collect();
            if !after.is_empty() {
                entry.insert("succ".to_owned(), json!(after));
            }
            (vertex.index().to_string(), Json::Object(entry))
        })
        .collect();
    let path = session.target_path(project).join("graph_summary.json");
    let summary = json!({"_invocation_id": session.invocation.id, "linked": linked});
    write_json(&path, &summary).map_err(failed)
}

/// `target/sources.json`, or the file that `--output` names (from the project's folder).
pub fn sources(
    session: &Session,
    project: &Project,
    results: &[FreshnessResult],
    elapsed: f64,
) -> Result<(), Failure> {
    if !session.flags.switch("write_json") {
        return Ok(());
    }
    let path = match session.flags.text("output") {
        Some(path) => project.root.join(path),
        None => session.target_path(project).join("sources.json"),
    };
    let sources = Sources {
        metadata: session.invocation.metadata(Sources::SCHEMA),
        results: results.to_vec(),
        elapsed_time: elapsed,
    };
    write_json(&path, &sources).map_err(failed)?;
    written(session, "FreshnessResult", &path);
    Ok(())
}

/// `target/cost.json`: what the run cost by warehouse and by node. That of an earlier run goes where this one knows none.
pub fn cost(session: &Session, project: &Project, cost: Option<&RunCost>) -> Result<(), Failure> {
    if !session.flags.switch("write_json") {
        return Ok(());
    }
    let path = session.target_path(project).join("cost.json");
    let Some(cost) = cost else {
        let _absent = std::fs::remove_file(&path);
        return Ok(());
    };
    let mut file = Map::new();
    let metadata = json!({
        "kpi_version": VERSION,
        "generated_at": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        "invocation_id": session.invocation.id,
    });
    file.insert("metadata".into(), metadata);
    file.extend(cost.to_json());
    write_json(&path, &file).map_err(failed)?;
    written(session, "RunCost", &path);
    Ok(())
}

/// `target/run_results.json`
pub fn run_results(
    session: &Session,
    project: &Project,
    results: &[NodeResult],
    elapsed: f64,
) -> Result<(), Failure> {
    if !session.flags.switch("write_json") {
        return Ok(());
    }
    let path = session.target_path(project).join("run_results.json");
    let results = RunResults {
        metadata: session.invocation.metadata(RunResults::SCHEMA),
        results: results.to_vec(),
        elapsed_time: elapsed,
        args: session.invocation_args(project),
    };
    write_json(&path, &results).map_err(failed)?;
    written(session, "RunExecutionResult", &path);
    Ok(())
}
