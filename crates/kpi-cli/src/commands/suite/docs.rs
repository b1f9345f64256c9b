//! `kpi suite docs`: suites and last results as one page that needs nothing else.

use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::Diagnostic;
use kpi_manifest::{Manifest, Node};
use kpi_project::Project;
use kpi_quality::{Expectation, Suite, SuiteReport};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a test is about, as people know it.
fn about(node: &Node) -> String {
    let id =
        node.attached_node.as_deref().or(node.depends_on_nodes.first().map(|id| &**id)).unwrap_or_default();
    match id.strip_prefix("source.") {
        // `source.package.source.table`
        Some(rest) => rest.split_once('.').map_or(rest, |(_, name)| name).to_owned(),
        None => id.rsplit('.').next().unwrap_or("a query").to_owned(),
    }
}

/// The suites of the project and the expectations of each model's properties, with what last came of them.
pub fn reports(project: &Project, manifest: &Manifest, target: &Path) -> Vec<SuiteReport> {
    let mut found: indexmap::IndexMap<String, SuiteReport> = indexmap::IndexMap::new();
    let mut add = |name: String, about: String, file: &str, expectation: Option<&Arc<Expectation>>| {
        let report = found.entry(name.clone()).or_insert_with(|| SuiteReport {
            validation: read(target, &name),
            name,
            about,
            file: file.to_owned(),
            expectations: Vec::new(),
        });
        report.expectations.extend(expectation.cloned());
    };
    for node in &manifest.nodes {
        if let Some(expectation) = &node.expectation {
            let about = about(node);
            let name = node.suite.as_ref().map_or_else(|| about.clone(), |suite| suite.to_string());
            add(name, about, &node.original_file_path, Some(expectation));
        }
    }
    // A suite without expectations has no tests.
    for file in project.root_package().map(|package| package.suites.as_slice()).unwrap_or_default() {
        if let Ok(suite) = Suite::read(file)
            && suite.expectations.is_empty()
        {
            let about = suite.binding.as_ref().map(|binding| binding.entry().1).unwrap_or_default();
            add(suite.name, about, &file.name, None);
        }
    }
    found.sort_unstable_keys();
    found.into_values().collect()
}

fn read(target: &Path, suite: &str) -> Option<serde_json::Value> {
    let path = target.join("expectations").join(super::file_name(suite));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Writes the page; gives where.
///
/// # Errors
/// It cannot be written.
pub fn write(
    session: &Session,
    project: &Project,
    manifest: &Manifest,
    output: Option<&str>,
) -> Result<PathBuf, Diagnostic> {
    let target = session.target_path(project);
    let path = match output {
        Some(path) => session.working_dir.join(path),
        None => target.join("expectations").join("index.html"),
    };
    let name = project.root_package().map(|package| package.name.to_string()).unwrap_or_default();
    let made = format!(
        "made by kpi {} at {}",
        crate::session::VERSION,
        chrono::Local::now().format("%Y-%m-%d %H:%M")
    );
    let page = kpi_quality::page(&name, &made, &reports(project, manifest, &target));
    let shown = path.display().to_string();
    super::write(Path::new(""), &shown, &page, true)?;
    Ok(path)
}

/// `kpi suite docs`
pub fn docs(session: &Session, matches: &ArgMatches) -> Outcome {
    let loaded = session.load(None)?;
    let output = matches.get_one::<String>("output").map(String::as_str);
    let path = write(session, &loaded.project, &loaded.manifest, output)?;
    let shown = path.strip_prefix(&loaded.project.root).unwrap_or(&path).display().to_string();
    session.messages.data("PrintEvent", &shown, json!({"msg": shown}));
    Ok(Ending::Good)
}
