//! `kpi deploy`: builds and tests beside production, then changes production as a whole. `kpi rollback`: brings earlier
//! versions back the same way.

use super::{print, run, select, write};
use crate::flags;
use crate::session::{Ending, Loaded, Outcome, Session};
use crate::{cost_lines, summary};
use chrono::NaiveDateTime;
use clap::ArgMatches;
use kpi_artifacts::NodeResult;
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_engine::deploy::{
    Deployments, Kind, Published, Restoration, RunRecord, STAGING_SUFFIX, Settings, Staging, Target,
};
use kpi_engine::{Engine, Options, RunSummary, Task};
use kpi_manifest::Manifest;
use kpi_project::Project;
use serde_json::json;
use std::sync::Arc;

/// How many deployments' earlier versions are kept.
const KEEP: usize = 3;

/// Writes down in the history of deployments, where there is one, that a run changed production without one. What cannot
/// be written is no fault of the run.
pub fn note_run(session: &Session, engine: &Arc<Engine>, command: &str) {
    let noted = settings(None).and_then(|settings| {
        let history = Deployments::open(engine, &session.invocation.id, settings)?;
        history.note_run(command, session.invocation.started_at)
    });
    if let Err(error) = noted {
        session.messages.say("DeploymentNote", Level::Warn, error.message);
    }
}

/// What the command line and the environment say of deployments.
fn settings(matches: Option<&ArgMatches>) -> Result<Settings, Diagnostic> {
    let given = |name: &str, variable: &str| {
        let typed = matches.and_then(|matches| matches.try_get_one::<String>(name).ok().flatten().cloned());
        typed.or_else(|| flags::environment(variable))
    };
    let keep = match given("keep", "deploy_keep") {
        None => KEEP,
        Some(text) => text.trim().parse().map_err(|_| {
            Diagnostic::error("K0019", "Usage Error", format!("--keep takes a whole number, not '{text}'"))
                .with_hint("it says of how many deployments the earlier versions are kept: --keep 3")
        })?,
    };
    let staging_suffix =
        given("staging-suffix", "deploy_staging_suffix").unwrap_or_else(|| STAGING_SUFFIX.to_owned());
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if staging_suffix.len() < 3 || !plain(&staging_suffix) {
        let message = format!("--staging-suffix cannot be '{staging_suffix}'");
        return Err(Diagnostic::error("K0019", "Usage Error", message)
            .with_hint("it has at least three letters, digits and underscores: --staging-suffix __next"));
    }
    let rebuild = matches.and_then(|matches| matches.try_get_one::<bool>("rebuild").ok().flatten().copied());
    let rebuild = rebuild.unwrap_or(false);
    let history_schema = given("history-schema", "deploy_history_schema");
    Ok(Settings { keep, history_schema, staging_suffix, rebuild })
}

/// A project in production, and what an engine beside it is made of.
struct Sides {
    project: Arc<Project>,
    production: Arc<Engine>,
    adapter: Arc<dyn kpi_adapter::Adapter>,
    shared: Arc<kpi_manifest::context::Shared>,
    /// Its relations are in the staging schemas.
    staged: Arc<Manifest>,
}

impl Sides {
    fn of(session: &Session, loaded: Loaded, suffix: &str) -> Result<Self, Diagnostic> {
        let Loaded { project, adapter, shared, manifest, previous: _ } = loaded;
        let mut staged = manifest.clone();
        staged.stage(suffix);
        let options = Options { project_hooks: false, ..run::options(session, &project)? };
        let sink: Arc<dyn EventSink> = session.messages.clone();
        let production =
            Engine::new(Arc::new(manifest), project.clone(), adapter.clone(), shared.clone(), options, sink);
        Ok(Self { project, production, adapter, shared, staged: Arc::new(staged) })
    }

    /// The engine of what is built beside production.
    fn beside(
        &self,
        session: &Session,
        staging: &Arc<Staging>,
        project_hooks: bool,
    ) -> Result<Arc<Engine>, Diagnostic> {
        let options = run::options(session, &self.project)?;
        let options = Options {
            project_hooks,
            staging: Some(staging.clone()),
            target_path: options.target_path.join("deploy"),
            ..options
        };
        let sink: Arc<dyn EventSink> = session.messages.clone();
        let (project, adapter, shared) = (self.project.clone(), self.adapter.clone(), self.shared.clone());
        Ok(Engine::new(self.staged.clone(), project, adapter, shared, options, sink))
    }
}

/// Says that a run begins; what an earlier one left undone is ended or told.
fn begin(session: &Session, deployments: &mut Deployments, kind: Kind) -> Result<(), Diagnostic> {
    for broken in deployments.begin(kind)? {
        let RunRecord { run_id, status, kind, .. } = broken;
        if status == "publishing" {
            let count = deployments.end_publishing(&run_id)?;
            let text = format!(
                "{kind} {run_id} was broken off in the middle of publishing: its {count} relations are in production now"
            );
            session.messages.say("DeploymentEnded", Level::Warn, text);
        } else {
            let text = format!("{kind} {run_id} was broken off before it changed anything in production");
            session.messages.say("DeploymentInterrupted", Level::Info, text);
        }
    }
    Ok(())
}

/// Builds, tests, publishes.
pub fn deploy(session: &Session, matches: &ArgMatches) -> Outcome {
    let settings = settings(Some(matches))?;
    let messages = &session.messages;
    let loaded = session.load(None)?;
    let selected = select::nodes(session, &loaded, Task::Build)?;
    let sides = Sides::of(session, loaded, &settings.staging_suffix)?;
    let project = sides.project.clone();
    if selected.is_empty() {
        return run::nothing_to_do(session, &project, sides.production);
    }
    write::graph_summary(session, &project, &sides.production.manifest)?;
    let mut deployments = Deployments::open(&sides.production, &session.invocation.id, settings)?;
    begin(session, &mut deployments, Kind::Deploy)?;
    let built = build(session, &sides, &deployments, &selected);
    let (engine, staging, summary) = match built {
        Ok(built) => built,
        Err(error) => {
            deployments.give_up("failed", &error.message)?;
            drop(deployments);
            write::manifest(session, &project, &sides.production.into_manifest())?;
            return Err(error.into());
        }
    };
    let RunSummary { mut results, elapsed, cost, interrupted, broken } = summary;
    summary::finished(messages, &engine.manifest, &results, elapsed);
    summary::ended(messages, &engine.manifest, &results, elapsed);
    for result in &mut results {
        as_in_production(result, &staging);
    }
    write::run_results(session, &project, &results, elapsed)?;
    write::cost(session, &project, cost.as_ref())?;
    if !interrupted {
        engine.show_failures(&results);
    }
    summary::end(messages, &engine.manifest, &results, interrupted);
    if let Some(cost) = &cost {
        cost_lines::tell(messages, cost);
    }
    let good = !interrupted && broken.is_none() && summary::succeeded(&engine.manifest, &results);
    let published = if good {
        messages.say("DeploymentPublishing", Level::Info, "All is good: changing production");
        Some(deployments.publish(&engine, &selected))
    } else {
        let status = if interrupted { "interrupted" } else { "failed" };
        deployments.give_up(status, "what was built did not pass")?;
        None
    };
    drop(deployments);
    sides.production.adopt_compiled(&engine, &staging);
    drop(engine);
    write::manifest(session, &project, &sides.production.into_manifest())?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    match published {
        Some(Ok(published)) => {
            told(session, &published);
            Ok(Ending::Good)
        }
        Some(Err(error)) => {
            messages.say("DeploymentFailed", Level::Error, error.render());
            Ok(Ending::NodeFailed)
        }
        None => {
            let text = format!(
                "Production is as it was. What was built is in the schemas that end in {}, until the next deployment",
                staging.suffix()
            );
            messages.say("DeploymentFailed", Level::Error, text);
            Ok(if interrupted { Ending::Aborted } else { Ending::NodeFailed })
        }
    }
}

type Built = (Arc<Engine>, Arc<Staging>, RunSummary);

fn build(
    session: &Session,
    sides: &Sides,
    deployments: &Deployments,
    selected: &[Arc<str>],
) -> Result<Built, Diagnostic> {
    deployments.clear_staging(selected)?;
    let staging = Arc::new(deployments.staging(selected)?);
    let engine = sides.beside(session, &staging, true)?;
    let summary = engine.run(Task::Build, selected)?;
    Ok((engine, staging, summary))
}

/// A result with the names that the relation has in production.
fn as_in_production(result: &mut NodeResult, staging: &Staging) {
    for text in [&mut result.relation_name, &mut result.compiled_code].into_iter().flatten() {
        *text = staging.of_production(text);
    }
}

fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `Deployed 12 tables and 3 views; 4 relations were unchanged`
fn told(session: &Session, published: &Published) {
    let Published { tables, views, others, unchanged, .. } = published;
    let kinds = [(*tables, "table"), (*views, "view"), (*others, "other relation")];
    let made: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, word)| counted(*count, word)).collect();
    let made = match made.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    };
    let same = match unchanged {
        0 => String::new(),
        1 => "; 1 relation was unchanged".to_owned(),
        n => format!("; {n} relations were unchanged"),
    };
    session.messages.say_with(
        "DeploymentPublished",
        Level::Info,
        format!("Deployed {made}{same} (run {})", session.invocation.id),
        json!({
            "run_id": session.invocation.id,
            "tables": tables,
            "views": views,
            "others": others,
            "unchanged": unchanged,
        }),
    );
}

/// Brings earlier versions back.
pub fn rollback(session: &Session, matches: &ArgMatches) -> Outcome {
    let settings = settings(Some(matches))?;
    let to = matches.get_one::<String>("to");
    let list = matches.get_flag("list");
    if to.is_none() && !list {
        return Err(Diagnostic::error("K0019", "Usage Error", "rollback needs to know what to go back to")
            .with_hint("--to RUN, --to '2025-01-15 08:00' (UTC), or --to previous; --list shows the runs")
            .into());
    }
    let loaded = session.load(None)?;
    let selected = select::nodes(session, &loaded, Task::Clone)?;
    let sides = Sides::of(session, loaded, &settings.staging_suffix)?;
    let mut deployments = Deployments::open(&sides.production, &session.invocation.id, settings)?;
    let Some(to) = to.filter(|_| !list) else {
        print(&listed(
            &deployments.records()?,
            matches.get_one::<String>("output").is_some_and(|o| o == "json"),
        ));
        return Ok(Ending::Good);
    };
    let target = Target::parse(to);
    if matches.get_flag("dry-run") {
        let restoration = deployments.restoration(&target, &selected)?;
        print(&plan(&restoration));
        return Ok(if restoration.impossible.is_empty() { Ending::Good } else { Ending::NodeFailed });
    }
    begin(session, &mut deployments, Kind::Rollback)?;
    let restored = bring_back(session, matches, &sides, &mut deployments, &target, &selected);
    match restored {
        Ok(ending) => Ok(ending),
        Err(error) => {
            deployments.give_up("failed", &error.message)?;
            Err(error.into())
        }
    }
}

fn bring_back(
    session: &Session,
    matches: &ArgMatches,
    sides: &Sides,
    deployments: &mut Deployments,
    target: &Target,
    selected: &[Arc<str>],
) -> Result<Ending, Diagnostic> {
    let messages = &session.messages;
    let mut restoration = deployments.restoration(target, selected)?;
    if !restoration.is_empty() {
        deployments.stage(&mut restoration)?;
    }
    for (relation, why) in &restoration.impossible {
        let text = format!("{relation} cannot be brought back: {why}");
        messages.say_with(
            "RollbackImpossible",
            Level::Error,
            text,
            json!({"relation": relation, "why": why}),
        );
    }
    for relation in &restoration.newer {
        messages.say(
            "RollbackNewer",
            Level::Info,
            format!("{relation} is newer than that, and stays as it is"),
        );
    }
    let ending = if restoration.impossible.is_empty() { Ending::Good } else { Ending::NodeFailed };
    if restoration.is_empty() {
        deployments.give_up("empty", "nothing was to be brought back")?;
        messages.say("RollbackEmpty", Level::Info, format!("Nothing to bring back of {}", restoration.what));
        return Ok(ending);
    }
    let tests = deployments.tests_of(&restoration);
    if !tests.is_empty() && !matches.get_flag("skip-tests") {
        let nodes = deployments.restored_nodes(&restoration);
        let staging = Arc::new(Staging::new(&deployments_suffix(matches)?, nodes));
        let engine = sides.beside(session, &staging, false)?;
        let RunSummary { mut results, elapsed, interrupted, .. } = engine.run(Task::Test, &tests)?;
        results.iter_mut().for_each(|result| as_in_production(result, &staging));
        summary::finished(messages, &engine.manifest, &results, elapsed);
        write::run_results(session, &sides.project, &results, elapsed).map_err(|mut failure| {
            let unknown = || Diagnostic::error("K0940", "Runtime Error", "the results cannot be written");
            failure.0.pop().unwrap_or_else(unknown)
        })?;
        summary::end(messages, &engine.manifest, &results, interrupted);
        if interrupted {
            deployments.give_up("interrupted", "broken off while the tests ran")?;
            return Ok(Ending::Aborted);
        }
        if !summary::succeeded(&engine.manifest, &results) {
            if !matches.get_flag("force") {
                deployments.give_up("failed", "what was brought back did not pass its tests")?;
                let text = "Production is as it was: what would come back does not pass its tests. \
                            Check out the code of that time, or bring it back all the same with --force";
                messages.say("RollbackFailed", Level::Error, text);
                return Ok(Ending::NodeFailed);
            }
            messages.say(
                "RollbackForced",
                Level::Warn,
                "It does not pass its tests, and comes back because of --force",
            );
        }
    }
    let restored = deployments.restore(&restoration)?;
    let relations = restored.relations.len();
    messages.say_with(
        "RollbackPublished",
        Level::Info,
        format!(
            "Rolled back to {}: {} (run {})",
            restoration.what,
            counted(relations, "relation"),
            session.invocation.id
        ),
        json!({"run_id": session.invocation.id, "to": restoration.what, "relations": restored.relations}),
    );
    Ok(ending)
}

fn deployments_suffix(matches: &ArgMatches) -> Result<String, Diagnostic> {
    settings(Some(matches)).map(|settings| settings.staging_suffix)
}

/// What a rollback would do.
fn plan(restoration: &Restoration) -> String {
    let mut text = format!("{}\n", restoration.what);
    for (relation, from) in restoration.lines() {
        text.push_str(&format!("+ {relation}  {from}\n"));
    }
    for relation in &restoration.newer {
        text.push_str(&format!("= {relation}  newer than that: stays as it is\n"));
    }
    for (relation, why) in &restoration.impossible {
        text.push_str(&format!("! {relation}  {why}\n"));
    }
    text
}

/// The runs as a table, or as lines of JSON.
fn listed(records: &[RunRecord], as_json: bool) -> String {
    let moment = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M:%S").to_string();
    if as_json {
        let lines = records.iter().map(|record| {
            let line = json!({
                "run_id": record.run_id,
                "kind": record.kind,
                "status": record.status,
                "started_at": record.started_at.and_utc().to_rfc3339(),
                "completed_at": record.completed_at.map(|at| at.and_utc().to_rfc3339()),
                "relations": record.relations,
                "kept": record.kept,
                "restored": record.restored,
            });
            format!("{line}\n")
        });
        return lines.collect();
    }
    let header = ["run", "kind", "status", "ended (UTC)", "relations", "kept"].map(str::to_owned).to_vec();
    let rows = records.iter().map(|record| {
        let kind = match &record.restored {
            Some(restored) => format!("{} to {restored}", record.kind),
            None => record.kind.clone(),
        };
        vec![
            record.run_id.clone(),
            kind,
            record.status.clone(),
            moment(record.completed_at.unwrap_or(record.started_at)),
            record.relations.to_string(),
            record.kept.to_string(),
        ]
    });
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// Rows in columns as wide as their widest text.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
