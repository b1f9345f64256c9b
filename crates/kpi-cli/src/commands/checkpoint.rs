//! `kpi checkpoint`: judges suites on what is in the database now, as the checkpoints of Great Expectations say.

use super::{run as running, suite};
use crate::session::{Ending, Failure, Outcome, Session};
use crate::text_table;
use clap::ArgMatches;
use kpi_adapter::{Cell, Table};
use kpi_diagnostics::{Diagnostic, Level, nearest};
use kpi_engine::{Engine, ValidationSubject};
use kpi_manifest::{Manifest, ResourceType};
use kpi_project::Project;
use kpi_quality::{
    About, Action, Binding, Checkpoint, Expectation, Files, Judged, Subjects, Suite, Validation,
    checkpoint_description, config_diagnostic, file_stem, validation_result,
};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// `kpi checkpoint list`
pub fn list(session: &Session) -> Outcome {
    let project = session.load_project(false)?;
    let as_json = session.flags.text("output") == Some("json");
    let lines = Files::new(&project.root).checkpoints().into_iter().map(|(name, file)| {
        let line =
            if as_json { json!({"name": name, "file": file}).to_string() } else { format!("{name}  {file}") };
        let data = json!({"msg": line});
        (line, data)
    });
    session.messages.data_lines("PrintEvent", lines);
    Ok(Ending::Good)
}

/// What is judged: the suite, the data, and what they are called.
struct Planned {
    suite: String,
    /// The data, as people know it.
    subject: String,
    about: ValidationSubject,
    expectations: Vec<Arc<Expectation>>,
}

/// `kpi checkpoint run NAME`
pub fn run(session: &Session, matches: &ArgMatches) -> Outcome {
    let loaded = session.load(None)?;
    let files = Files::new(&loaded.project.root);
    let name = matches.get_one::<String>("name").map(String::as_str).unwrap_or_default();
    let checkpoint = files.checkpoint(name)?;
    let suites = suites(&loaded.project, &files, &checkpoint)?;
    let mut planned = Vec::new();
    let mut errors = Vec::new();
    for validation in &checkpoint.validations {
        match plan(&loaded.project, &loaded.manifest, &suites, validation) {
            Ok(one) => planned.push(one),
            Err(new) => errors.extend(new),
        }
    }
    if !errors.is_empty() {
        return Err(Failure(errors));
    }
    let (engine, project) = running::engine(session, loaded)?;
    let mut results = Vec::new();
    let asked = session.flags.text("result_format").is_some();
    for (validation, planned) in checkpoint.validations.iter().zip(&planned) {
        let format = validation.result_format.clone().or_else(|| checkpoint.result_format.clone());
        // What is asked for now beats what is written.
        let format = format.filter(|_| !asked).unwrap_or_else(|| engine.options.result_format.clone());
        let verdicts = engine.validate(&planned.about, &planned.expectations, &format)?;
        let judged: Vec<Judged<'_>> = planned
            .expectations
            .iter()
            .zip(&verdicts)
            .map(|(expectation, outcome)| Judged { expectation, outcome })
            .collect();
        let about = About {
            suite: planned.suite.clone(),
            subject: planned.subject.clone(),
            run_id: session.invocation.id.to_string(),
            run_time: session.invocation.started_at.to_rfc3339(),
            version: crate::session::VERSION.to_owned(),
            run_name: checkpoint.run_name.as_ref().map(|pattern| run_name(session, pattern)),
            checkpoint: checkpoint.id.clone(),
            validation: validation.id.clone(),
        };
        results.push(validation_result(&about, &judged));
    }
    store(session, &project, &checkpoint, &planned, &results)?;
    let description = checkpoint_description(&results);
    act(session, &project, &engine, &checkpoint)?;
    tell(session, &planned, &results, &description);
    let met = description.get("success") == Some(&Json::Bool(true));
    Ok(if met { Ending::Good } else { Ending::NodeFailed })
}

/// A pattern of `strftime` with the moment of the run.
fn run_name(session: &Session, pattern: &str) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    // A pattern that cannot be is text.
    match write!(out, "{}", session.invocation.started_at.format(pattern)) {
        Ok(()) => out,
        Err(_) => pattern.to_owned(),
    }
}

/// The suites of the project and those that Great Expectations keeps: first those that lie with the checkpoint.
fn suites(project: &Project, files: &Files, checkpoint: &Checkpoint) -> Result<Vec<Suite>, Failure> {
    let mut all = project.root_package().map(|package| package.suites.clone()).unwrap_or_default();
    all.extend(files.suites());
    let base = checkpoint.file.name.rsplit_once("checkpoints/").map_or("", |(base, _)| base).to_owned();
    all.sort_by_key(|file| !file.name.starts_with(&format!("{base}expectations/")));
    let mut suites: Vec<Suite> = Vec::new();
    let mut errors = Vec::new();
    for file in all {
        match Suite::read(&file) {
            Ok(suite) if suites.iter().any(|known| known.name == suite.name) => {}
            Ok(suite) => suites.push(suite),
            Err(new) => errors.extend(new),
        }
    }
    if errors.is_empty() { Ok(suites) } else { Err(Failure(errors)) }
}

fn wrong(message: String, validation: &Validation) -> Diagnostic {
    Diagnostic::error("K0572", "Parsing Error", message).with_span(validation.span.clone())
}

fn plan(
    project: &Project,
    manifest: &Manifest,
    suites: &[Suite],
    validation: &Validation,
) -> Result<Planned, Vec<Diagnostic>> {
    let Some(suite) = suites.iter().find(|suite| suite.name == validation.suite) else {
        let error = wrong(format!("there is no suite '{}'", validation.suite), validation);
        return Err(vec![match nearest(&validation.suite, suites.iter().map(|suite| suite.name.as_str())) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None if suites.is_empty() => error.with_hint("suites lie in the folder expectations"),
            None => {
                let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
                error.with_hint(format!("the suites are {}", names.join(", ")))
            }
        }]);
    };
    let (subject, about) = subject(manifest, suite, validation).map_err(|error| vec![error])?;
    let value = |name: &str| {
        let given = validation.parameters.get(name).or_else(|| project.cli_vars.get(name));
        given.or_else(|| suite.parameters.get(name)).cloned()
    };
    let mut expectations = Vec::new();
    let mut errors = Vec::new();
    for placed in &suite.expectations {
        match placed.expectation.with_parameters(&value) {
            Ok(expectation) => expectations.push(Arc::new(expectation)),
            Err(wrong) => {
                let name = placed.expectation.spec.name;
                errors.extend(wrong.iter().map(|error| config_diagnostic(error, name, placed.span.clone())));
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Planned { suite: suite.name.clone(), subject, about, expectations })
}

/// A model, seed, snapshot or table of a source by its name.
fn known(manifest: &Manifest, name: &str) -> Option<(String, ValidationSubject)> {
    let kinds = [ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot];
    let mut nodes = manifest.nodes.iter().filter(|node| kinds.contains(&node.resource_type));
    if let Some(node) = nodes.find(|node| *node.name == *name || *node.alias == *name) {
        return Some((node.name.to_string(), ValidationSubject::Node(node.unique_id.clone())));
    }
    let is_source = |id: &str| id.ends_with(&format!(".{name}"));
    let id = manifest.sources.keys().find(|id| is_source(id))?;
    Some((name.to_owned(), ValidationSubject::Source(id.clone())))
}

/// The data of a validation: what it asks for, where that is known, and else what its suite is about.
fn subject(
    manifest: &Manifest,
    suite: &Suite,
    validation: &Validation,
) -> Result<(String, ValidationSubject), Diagnostic> {
    if let Some(wanted) = &validation.wanted {
        let table = match &wanted.subject {
            Some(Subjects::Query(sql)) => {
                return Ok((wanted.asset.clone(), ValidationSubject::Query(sql.clone())));
            }
            Some(Subjects::Table(_, table)) => table.as_str(),
            None => wanted.asset.as_str(),
        };
        let last = table.rsplit('.').next().unwrap_or(table);
        if let Some(found) = [table, last].into_iter().find_map(|name| known(manifest, name)) {
            return Ok(found);
        }
        if let Some(Subjects::Table(schema, table)) = &wanted.subject {
            return Ok((wanted.asset.clone(), ValidationSubject::Table(schema.clone(), table.clone())));
        }
    }
    let stem = suite.name.strip_suffix("_suite").unwrap_or(&suite.name);
    let found = match &suite.binding {
        Some(Binding::Node(name)) => known(manifest, name),
        Some(Binding::Source(source, table)) => known(manifest, &format!("{source}.{table}")),
        Some(Binding::Query(sql)) => Some((suite.name.clone(), ValidationSubject::Query(sql.clone()))),
        // Another name than that which is asked for is not guessed.
        None if validation.wanted.is_some() => None,
        None => [suite.name.as_str(), stem].into_iter().find_map(|name| known(manifest, name)),
    };
    found.ok_or_else(|| {
        let asked = match &validation.wanted {
            Some(wanted) => format!("'{}' is no model, seed, snapshot or source", wanted.asset),
            None => "neither the checkpoint nor the suite says on what data".to_owned(),
        };
        let message = format!("the suite '{}' cannot be judged: {asked}", suite.name);
        let error = wrong(message, validation);
        let names = manifest.nodes.iter().map(|node| &*node.name);
        match validation.wanted.as_ref().and_then(|wanted| nearest(&wanted.asset, names)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error.with_hint("add to the suite: \"meta\": {\"kpi\": {\"model\": \"name\"}}"),
        }
    })
}

/// Writes the validation results, and what the run is described as.
fn store(
    session: &Session,
    project: &Project,
    checkpoint: &Checkpoint,
    planned: &[Planned],
    results: &[Json],
) -> Result<(), Failure> {
    let target = session.target_path(project);
    let stem = file_stem(&checkpoint.name);
    let write = |path: String, value: &Json| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        suite::write_file(&target, &path, &text)
    };
    for (one, result) in planned.iter().zip(results) {
        let name = file_stem(&format!("{}-{}", one.suite, one.subject));
        write(format!("checkpoints/{stem}/{name}.json"), result)?;
        // The last result of a suite is where pages look for it.
        if planned.iter().filter(|other| other.suite == one.suite).count() == 1 {
            write(format!("expectations/{}.json", file_stem(&one.suite)), result)?;
        }
    }
    write(format!("checkpoints/{stem}.json"), &checkpoint_description(results))?;
    Ok(())
}

/// Does what the checkpoint wants to be done.
fn act(
    session: &Session,
    project: &Project,
    engine: &Arc<Engine>,
    checkpoint: &Checkpoint,
) -> Result<(), Failure> {
    for action in &checkpoint.actions {
        match action {
            Action::Store => {}
            Action::Docs => {
                let path = suite::docs::write(session, project, &engine.manifest, None)?;
                let shown =
                    path.strip_prefix(&project.root).unwrap_or(Path::new(&path)).display().to_string();
                note(session, format!("Wrote {shown}"));
            }
            Action::Ignored(name, kind) if name == kind => {
                note(session, format!("The action {kind} is ignored: kpi does nothing of the kind"));
            }
            Action::Ignored(name, kind) => {
                note(
                    session,
                    format!("The action '{name}' ({kind}) is ignored: kpi does nothing of the kind"),
                );
            }
        }
    }
    Ok(())
}

fn note(session: &Session, text: String) {
    session.messages.say_with("Note", Level::Info, text.clone(), json!({"msg": text}));
}

/// Tells what came of it: what is not met to people, the whole as data.
fn tell(session: &Session, planned: &[Planned], results: &[Json], description: &Json) {
    let mut rows = Vec::new();
    for (one, result) in planned.iter().zip(results) {
        let figure =
            |name: &str| result.pointer(&format!("/statistics/{name}")).and_then(Json::as_i64).unwrap_or(0);
        let (met, all) = (figure("successful_expectations"), figure("evaluated_expectations"));
        let words = if met == all { "met" } else { "not met" };
        rows.push(vec![
            Cell::Str(one.suite.as_str().into()),
            Cell::Str(one.subject.as_str().into()),
            Cell::Str(format!("{met} of {all}").into()),
            Cell::Str(words.into()),
        ]);
        let items = result.get("results").and_then(Json::as_array);
        for (item, expectation) in items.into_iter().flatten().zip(&one.expectations) {
            if item.get("success") == Some(&Json::Bool(true)) {
                continue;
            }
            let text = |pointer: &str| item.pointer(pointer).and_then(Json::as_str);
            let reason = text("/exception_info/exception_message").or_else(|| text("/meta/kpi/reason"));
            let reason = reason.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            let line = format!("{} on {}: {}: {reason}", one.suite, one.subject, expectation.spec.name);
            session.messages.say_with("Note", Level::Warn, line.clone(), json!({"msg": line}));
        }
    }
    let text = if session.flags.text("output") == Some("json") {
        serde_json::to_string_pretty(description).unwrap_or_default()
    } else {
        let names = ["suite", "about", "met", "verdict"];
        let columns = names.iter().map(|name| (*name).into()).collect();
        let types = names.iter().map(|_| "VARCHAR".into()).collect();
        text_table::markdown(&Table { columns, types, rows }, None)
    };
    session.messages.data("PrintEvent", &text, json!({"msg": text}));
}
