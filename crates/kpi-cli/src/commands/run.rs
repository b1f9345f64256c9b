//! `kpi build`, `run`, `test`, `seed`, `snapshot`: a selection, run in the order of the graph.

use super::{select, write};
use crate::flags::Flags;
use crate::session::{Ending, Loaded, Outcome, Session};
use crate::{cost_lines, interrupt, summary, text_table, warnings};
use kpi_adapter::CostDetail;
use kpi_artifacts::{BatchResults, EarlierResult, NodeResult};
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_engine::{Engine, EventTimeOptions, Options, RunSummary, Task};
use kpi_manifest::Manifest;
use kpi_project::Project;
use kpi_quality::ResultFormat;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Rows that `kpi seed --show` shows.
const SAMPLE: usize = 10;

/// The engine over what was loaded.
///
/// # Errors
/// A result format that there is not.
pub fn engine(session: &Session, loaded: Loaded) -> Result<(Arc<Engine>, Arc<Project>), Diagnostic> {
    engine_with(session, loaded, |_| ())
}

/// As [`engine`], with other options than those of the flags.
///
/// # Errors
/// The same.
pub fn engine_with(
    session: &Session,
    loaded: Loaded,
    change: impl FnOnce(&mut Options),
) -> Result<(Arc<Engine>, Arc<Project>), Diagnostic> {
    let Loaded { project, adapter, shared, manifest, previous: _ } = loaded;
    let mut options = options(session, &project)?;
    change(&mut options);
    let sink: Arc<dyn EventSink> = session.messages.clone();
    let engine = Engine::new(Arc::new(manifest), project.clone(), adapter, shared, options, sink);
    Ok((engine, project))
}

/// What the flags say of a run.
///
/// # Errors
/// A result format that there is not.
pub fn options(session: &Session, project: &Project) -> Result<Options, Diagnostic> {
    let flags = &session.flags;
    let messages = session.messages.clone();
    let threads = if flags.switch("single_threaded") { 1 } else { project.target.threads.max(1) };
    Ok(Options {
        threads,
        target_name: project.target.target_name.clone(),
        flags: flags.to_map(),
        target_path: session.target_path(project),
        fail_fast: flags.switch("fail_fast"),
        empty: flags.switch("empty"),
        defer: flags.switch("defer"),
        favor_state: flags.switch("favor_state"),
        event_time: EventTimeOptions {
            window: flags.event_times(),
            sample: flags.sample(),
            now: session.retry.as_ref().and_then(|r| r.began).unwrap_or(session.invocation.started_at),
            earlier: session.retry.iter().flat_map(|retry| &retry.nodes).filter_map(partly_built).collect(),
        },
        populate_cache: flags.switch("populate_cache"),
        cache_selected_only: flags.switch("cache_selected_only"),
        introspect: flags.switch("introspect"),
        inject_ephemeral_ctes: flags.switch("inject_ephemeral_ctes"),
        result_format: result_format(flags)?,
        warning_is_error: {
            let messages = messages.clone();
            Arc::new(move |name| messages.rules().is_error(name))
        },
        printer_width: flags.number("printer_width").and_then(|n| usize::try_from(n).ok()).unwrap_or(80),
        cost: cost_detail(flags)?,
        dry_run: false,
        skip_nodes_if_on_run_start_fails: flags.switch("skip_nodes_if_on_run_start_fails"),
        project_hooks: true,
        staging: None,
        interrupted: interrupt::flag(),
    })
}

/// `--result-format`: a level, or a mapping with its options.
fn result_format(flags: &Flags) -> Result<ResultFormat, Diagnostic> {
    let Some(text) = flags.text("result_format") else { return Ok(ResultFormat::default()) };
    let value = match text.trim_start().starts_with('{') {
        true => Json::Object(warnings::mapping("--result-format", text)?),
        false => Json::from(text),
    };
    ResultFormat::read(&value).map_err(|error| {
        Diagnostic::error("K0017", "Usage Error", error.message).with_hint(
            "--result-format COMPLETE, or '{result_format: COMPLETE, unexpected_index_column_names: [id]}'",
        )
    })
}

/// `--cost`: how much is asked about the cost of a run.
fn cost_detail(flags: &Flags) -> Result<CostDetail, Diagnostic> {
    let Some(word) = flags.text("cost") else { return Ok(CostDetail::default()) };
    CostDetail::of(word).ok_or_else(|| {
        Diagnostic::error("K0019", "Usage Error", format!("'{word}' is no detail of --cost"))
            .with_hint(format!("one of: {}", CostDetail::WORDS.join(", ")))
    })
}

/// The batches of a model that was built in part; where none was built, all are looked for anew.
fn partly_built(result: &EarlierResult) -> Option<(String, BatchResults)> {
    let batches = result.batch_results.as_ref()?;
    (!batches.successful.is_empty() && !batches.failed.is_empty())
        .then(|| (result.unique_id.to_string(), batches.clone()))
}

/// Points this environment's relations at those of another one.
pub fn clone(session: &Session) -> Outcome {
    let mut loaded = session.load(None)?;
    let selected = select::nodes(session, &loaded, Task::Clone)?;
    if !selected.is_empty() {
        loaded.manifest.defer_to(loaded.previous.deferred_to()?);
    }
    run_selected(session, Task::Clone, loaded, &selected)
}

/// Runs what is selected.
pub fn run(session: &Session, task: Task) -> Outcome {
    let mut loaded = session.load(None)?;
    let selected = select::nodes(session, &loaded, task)?;
    if !selected.is_empty() {
        loaded.defer(session)?;
    }
    run_selected(session, task, loaded, &selected)
}

/// Says that nothing is selected, and writes the artifacts of a run of nothing.
pub fn nothing_to_do(session: &Session, project: &Project, engine: Arc<Engine>) -> Outcome {
    session.messages.say(
        "NothingToDo",
        Level::Warn,
        "Nothing to do. Try checking your model configs and model specification args",
    );
    session.messages.check_warnings()?;
    write::manifest(session, project, &engine.into_manifest())?;
    write::run_results(session, project, &[], 0.0)?;
    Ok(Ending::Good)
}

fn run_selected(session: &Session, task: Task, loaded: Loaded, selected: &[Arc<str>]) -> Outcome {
    let messages = &session.messages;
    let (engine, project) = engine(session, loaded)?;
    if selected.is_empty() {
        return nothing_to_do(session, &project, engine);
    }
    write::graph_summary(session, &project, &engine.manifest)?;
    let outcome = engine.run(task, selected);
    let RunSummary { results, elapsed, cost, interrupted, broken } = match outcome {
        Ok(summary) => summary,
        Err(error) => {
            // What was understood is of use to other tools though nothing ran.
            let manifest = engine.into_manifest();
            write::manifest(session, &project, &manifest)?;
            return Err(error.into());
        }
    };
    if matches!(task, Task::Run | Task::Build | Task::Seed | Task::Snapshot) {
        super::deploy::note_run(session, &engine, &session.flags.which);
    }
    if task != Task::Clone {
        summary::finished(messages, &engine.manifest, &results, elapsed);
    }
    summary::ended(messages, &engine.manifest, &results, elapsed);
    write::run_results(session, &project, &results, elapsed)?;
    write::cost(session, &project, cost.as_ref())?;
    if let Some(error) = broken {
        write::manifest(session, &project, &engine.into_manifest())?;
        return Err(error.into());
    }
    if matches!(task, Task::Seed | Task::Build) && session.flags.switch("show") {
        show_seeds(session, &engine, &results);
    }
    if !interrupted {
        if results.iter().any(|r| r.failures.unwrap_or(0) > 0) {
            messages.blank();
        }
        engine.show_failures(&results);
    }
    let manifest = engine.into_manifest();
    write::manifest(session, &project, &manifest)?;
    summary::end(messages, &manifest, &results, interrupted);
    if let Some(cost) = &cost {
        cost_lines::tell(messages, cost);
    }
    let succeeded = summary::succeeded(&manifest, &results);
    Ok(match (interrupted, succeeded) {
        (true, _) => Ending::Aborted,
        (false, true) => Ending::Good,
        (false, false) => Ending::NodeFailed,
    })
}

/// `kpi seed --show`: the first rows of each seed.
fn show_seeds(session: &Session, engine: &Arc<Engine>, results: &[NodeResult]) {
    let manifest: &Manifest = &engine.manifest;
    for result in results.iter().filter(|r| !r.status.is_failure()) {
        let Some(node) = manifest.node(&result.unique_id) else { continue };
        if node.resource_type != kpi_manifest::ResourceType::Seed {
            continue;
        }
        let Ok(previews) = engine.preview(std::slice::from_ref(&node.unique_id), Some(Some(SAMPLE as u64)))
        else {
            continue;
        };
        for preview in previews {
            let header = format!("Sample of table: {}.{}", node.schema, node.alias);
            let rule = "-".repeat(header.chars().count());
            session.messages.blank();
            session.messages.say("SeedHeader", Level::Info, header);
            session.messages.say("Formatting", Level::Info, rule);
            let text = text_table::markdown(&preview.table, Some(SAMPLE));
            session.messages.data("PrintEvent", &text, json!({"msg": text}));
        }
    }
}
