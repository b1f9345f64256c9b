//! From the flags to the nodes of a command.

use crate::session::{Failure, Loaded, Retry, Session};
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_engine::Task;
use kpi_manifest::selection::{Arguments, Filter, IndirectSelection, PreviousState, Selectors, select};
use kpi_manifest::{Manifest, ResourceType};
use serde_json::{Value as Json, json};
use std::sync::Arc;

use ResourceType::{
    Analysis, Exposure, Function, Metric, Model, Operation, SavedQuery, Seed, SemanticModel, Snapshot,
    Source, SqlOperation, Test, UnitTest,
};

/// What `build` runs.
const BUILT: &[ResourceType] = &[Model, Snapshot, Seed, Test, UnitTest, SavedQuery, Exposure, Function];
/// What `test` runs.
const TESTED: &[ResourceType] = &[Test, UnitTest];
/// What `clone` takes.
const REFABLE: &[ResourceType] = &[Model, Seed, Snapshot];
/// What `compile` and `show` take.
const COMPILED: &[ResourceType] = &[Model, Test, Snapshot, Analysis, Operation, Seed, SqlOperation, Function];
/// What `ls` lists unless it is told otherwise.
const LISTED: &[ResourceType] =
    &[Model, Snapshot, Seed, Test, Source, Exposure, Metric, SavedQuery, SemanticModel, UnitTest, Function];
/// What `ls` can list.
const LISTABLE: &[ResourceType] = &[
    Model,
    Snapshot,
    Seed,
    Test,
    Source,
    Exposure,
    Metric,
    SavedQuery,
    SemanticModel,
    UnitTest,
    Function,
    Analysis,
];

/// The code of the warning that a criterion selects nothing.
const NOTHING_SELECTED: &str = "K0710";

/// Unique ids.
type Ids = Vec<Arc<str>>;

/// The node that `--inline` made.
pub fn inline(manifest: &Manifest) -> Vec<Arc<str>> {
    manifest.nodes.iter().filter(|n| n.resource_type == SqlOperation).map(|n| n.unique_id.clone()).collect()
}

/// The selected nodes of a command that runs or compiles them.
///
/// # Errors
/// A selection that makes no sense.
pub fn nodes(session: &Session, loaded: &Loaded, task: Task) -> Result<Vec<Arc<str>>, Failure> {
    let by_flags = |types| resource_types(session, types, types);
    let types = match task {
        Task::Build => by_flags(BUILT)?,
        Task::Test => by_flags(TESTED)?.into_iter().filter(|t| TESTED.contains(t)).collect(),
        Task::Run => vec![Model],
        Task::Seed => vec![Seed],
        Task::Clone => by_flags(REFABLE)?.into_iter().filter(|t| REFABLE.contains(t)).collect(),
        Task::Snapshot => vec![Snapshot],
        Task::Compile | Task::Show { .. } => by_flags(COMPILED)?,
    };
    evaluate(session, loaded, &types, false)
}

/// Everything that `ls` lists.
///
/// # Errors
/// A selection that makes no sense.
pub fn listed(session: &Session, loaded: &Loaded) -> Result<Vec<Arc<str>>, Failure> {
    // With dbt's `ls --models` only models are meant; in other commands it is another word for `--select`.
    let types = if crate::deprecations::says_models() {
        vec![Model]
    } else {
        resource_types(session, LISTED, LISTABLE)?
    };
    evaluate(session, loaded, &types, true)
}

/// The selected nodes that `docs generate` compiles, and the selected sources.
///
/// # Errors
/// A selection that makes no sense.
pub fn documented(session: &Session, loaded: &Loaded) -> Result<(Ids, Ids), Failure> {
    let types: Vec<ResourceType> = COMPILED.iter().copied().chain([Source]).collect();
    let ids = evaluate(session, loaded, &types, true)?;
    Ok(ids.into_iter().partition(|id| !loaded.manifest.sources.contains_key(id)))
}

/// The selected nodes of some types, whether they have SQL of their own or not.
///
/// # Errors
/// A selection that makes no sense.
pub fn profiled(session: &Session, loaded: &Loaded, types: &[ResourceType]) -> Result<Ids, Failure> {
    evaluate(session, loaded, types, true)
}

/// The selected sources that have a freshness threshold.
///
/// # Errors
/// A selection that makes no sense.
pub fn fresh_sources(session: &Session, loaded: &Loaded) -> Result<Ids, Failure> {
    let ids = evaluate(session, loaded, &[Source], false)?;
    let judged = |id: &Arc<str>| loaded.manifest.sources.get(id).is_some_and(|source| source.has_freshness());
    Ok(ids.into_iter().filter(judged).collect())
}

fn resource_types(
    session: &Session,
    default: &[ResourceType],
    all: &[ResourceType],
) -> Result<Vec<ResourceType>, Failure> {
    let words = |flag: &str| -> Vec<String> {
        let given = session.flags.list(flag);
        given.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
    };
    let (included, excluded) = (words("resource_type"), words("exclude_resource_type"));
    Ok(Filter::resource_types(&included, &excluded, default, all)?)
}

/// What is tried once more.
fn retried(manifest: &Manifest, retry: &Retry) -> Result<Ids, Failure> {
    let ids: Ids = retry.nodes.iter().map(|result| result.unique_id.clone()).collect();
    match ids.iter().find(|id| manifest.graph.vertex(id).is_none()) {
        None => Ok(ids),
        Some(gone) => Err(Diagnostic::error(
            "K0728",
            "Runtime Error",
            format!("Couldn't find model '{gone}' -- does it exist or is it disabled?"),
        )
        .with_hint(
            "it failed in the last run and is not in the project any more: run the command again instead",
        )
        .into()),
    }
}

fn evaluate(
    session: &Session,
    loaded: &Loaded,
    types: &[ResourceType],
    include_empty: bool,
) -> Result<Vec<Arc<str>>, Failure> {
    if let Some(retry) = &session.retry {
        return retried(&loaded.manifest, retry);
    }
    let flags = &session.flags;
    let indirect: IndirectSelection = flags.text("indirect_selection").unwrap_or("eager").parse()?;
    let selectors = Selectors::parse(&loaded.project.selectors, indirect)?;
    let (chosen, excluded) = (flags.list("select"), flags.list("exclude"));
    let selector = flags.text("selector");
    if let Some(name) = selectors.default_name()
        && selector.is_none()
        && chosen.is_empty()
        && excluded.is_empty()
    {
        session.messages.say_with(
            "DefaultSelector",
            Level::Info,
            format!("Using default selector {name}"),
            json!({"name": name}),
        );
    }
    let spec = selectors.spec(&Arguments { select: &chosen, exclude: &excluded, selector, indirect })?;
    let filter = Filter {
        resource_types: Some(types),
        include_empty,
        project_root: Some(&loaded.project.root),
        state: loaded.previous.state.as_ref().map(|state| state as &dyn PreviousState),
    };
    let selection = select(&loaded.manifest, &spec, &filter)?;
    for warning in selection.warnings {
        if warning.code != NOTHING_SELECTED {
            session.messages.diagnostic(warning);
            continue;
        }
        session.messages.say_with(
            "NoNodesForSelectionCriteria",
            Level::Warn,
            warning.message.clone(),
            warning.event.map_or(Json::Null, |event| Json::Object(event.1)),
        );
    }
    session.messages.check_warnings()?;
    Ok(selection.ids)
}
