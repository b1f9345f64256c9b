//! How old the data of sources is: the newest row of each, asked of the database and judged by its thresholds.

use crate::engine::{Engine, Task};
use crate::failures::{carried, heading};
use crate::node_info::{Life, node_info};
use crate::plan::Plan;
use crate::record::Record;
use crate::report::fancy;
use crate::result_value::result_record;
use crate::run::thread_name;
use crate::scheduler::{self, JobGraph, Start};
use crate::scope::NodeScope;
use chrono::{DateTime, NaiveDate, Utc};
use kpi_adapter::{AgateTable, NodeConnection, ResponseObject};
use kpi_artifacts::{Freshness, FreshnessResult, NodeResult, NodeStatus, Timing};
use kpi_diagnostics::{Diagnostic, Event, Level, SourceFile};
use kpi_jinja::python::modules::datetime::{DateTime as Moment, Zone, datetime_value};
use kpi_jinja::{Args, Error, ErrorKind, Result, Template, Value};
use kpi_manifest::node_json::graph_source;
use kpi_manifest::{Node, ResourceType, SourceTable};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// What came of asking sources.
#[derive(Debug, Default)]
pub struct FreshnessSummary {
    /// The sources in the order in which they answered.
    pub sources: Vec<FreshnessResult>,
    /// Sources and hooks with their statuses, in the order in which they ended.
    pub results: Vec<NodeResult>,
    /// Wall seconds.
    pub elapsed: f64,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
}

/// What the database said of a source.
struct Answer {
    /// Time of the newest row; of no row the beginning of time.
    newest: DateTime<Utc>,
    asked: DateTime<Utc>,
    response: Map<String, Json>,
}

impl Answer {
    fn age(&self) -> f64 {
        (self.asked - self.newest).num_microseconds().map_or(f64::MAX, |micros| micros as f64 / 1e6)
    }
}

/// What the workers share.
struct Asking<'a> {
    engine: &'a Arc<Engine>,
    sources: &'a [&'a SourceTable],
    next: AtomicUsize,
    stopped: AtomicBool,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    sources: Vec<FreshnessResult>,
    results: Vec<NodeResult>,
    /// The sources as hooks see them.
    records: Vec<Value>,
}

/// A source as a node: for the fields of events and the names of a context.
fn as_node(source: &SourceTable) -> Node {
    let mut node = Node::new(ResourceType::Source, source.package_name.clone(), source.name.clone());
    node.unique_id = source.unique_id.clone();
    node.path = source.path.clone();
    node.original_file_path = source.original_file_path.clone();
    node.database = source.database.clone();
    node.schema = source.schema.clone();
    node.alias = source.identifier.clone();
    node.relation_name = Some(source.relation_name.clone());
    node.fqn = source.fqn.clone();
    node.meta = source.meta.clone();
    node.tags = source.tags.clone();
    node
}

/// Whether an age is beyond a threshold (`warn_after`, `error_after`).
fn exceeded(criteria: &Json, key: &str, age: f64) -> bool {
    let Some(threshold) = criteria.get(key) else { return false };
    let seconds = match threshold.get("period").and_then(Json::as_str) {
        Some("minute") => 60.0,
        Some("hour") => 3600.0,
        Some("day") => 86_400.0,
        _ => return false,
    };
    threshold.get("count").and_then(Json::as_f64).is_some_and(|count| age > count * seconds)
}

fn status_of(criteria: &Json, age: f64) -> NodeStatus {
    if exceeded(criteria, "error_after", age) {
        NodeStatus::Error
    } else if exceeded(criteria, "warn_after", age) {
        NodeStatus::Warn
    } else {
        NodeStatus::Pass
    }
}

impl Engine {
    /// Asks the selected sources (unique ids) how old their newest row is.
    ///
    /// # Errors
    /// What keeps it from starting: no connection, a hook that does not compile.
    pub fn freshness(self: &Arc<Self>, selected: &[Arc<str>]) -> Result<FreshnessSummary, Diagnostic> {
        let clock = Instant::now();
        self.set_selected(selected);
        let sources: Vec<&SourceTable> =
            selected.iter().filter_map(|id| self.manifest.sources.get(id)).collect();
        self.reporter().concurrency(self.options.threads, &self.options.target_name, sources.len());
        let master = self.connection("master");
        let plan = Plan::new(&self.manifest, &[], false, false, false);
        self.prepare(Task::Run, &plan, &master)?;
        let hooks = self.behaviour("source_freshness_run_project_hooks", true);
        if !hooks {
            self.warn_of_hooks();
        }
        let mut summary = FreshnessSummary::default();
        let started =
            !hooks || self.run_hooks("on-run-start", &master, &mut summary.results, |_| Vec::new())?;
        let asking = Asking {
            engine: self,
            sources: &sources,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            done: Mutex::default(),
        };
        if started || !self.options.skip_nodes_if_on_run_start_fails {
            scheduler::run(
                &JobGraph::new(sources.len()),
                self.options.threads,
                &|| {
                    self.options.interrupted.load(Ordering::Relaxed) || asking.stopped.load(Ordering::Relaxed)
                },
                &|index| self.connection(&format!("worker-{}", index + 1)),
                &|connection, job, start| asking.job(connection, job, start),
            );
        }
        summary.interrupted = self.options.interrupted.load(Ordering::Relaxed);
        let done = asking.done.into_inner();
        summary.sources = done.sources;
        summary.results.extend(done.results);
        self.skip_unasked(&sources, &mut summary);
        if hooks && !summary.interrupted {
            // Sources have no schema of ours: the two lists are there and empty.
            let names = vec![
                ("results".into(), Value::list(done.records)),
                ("schemas".into(), Value::list([])),
                ("database_schemas".into(), Value::list([])),
            ];
            self.run_hooks("on-run-end", &master, &mut summary.results, |_| names)?;
        }
        master.close();
        summary.elapsed = clock.elapsed().as_secs_f64();
        Ok(summary)
    }

    /// Sources that were not asked, because of a hook, a failure or Ctrl-C, count as skipped.
    fn skip_unasked(&self, sources: &[&SourceTable], summary: &mut FreshnessSummary) {
        let asked: rustc_hash::FxHashSet<String> =
            summary.results.iter().map(|result| result.unique_id.clone()).collect();
        for source in sources.iter().filter(|source| !asked.contains(&*source.unique_id)) {
            summary.results.push(NodeResult::new(&*source.unique_id, NodeStatus::Skipped));
        }
    }

    /// Hooks that the flag `source_freshness_run_project_hooks` keeps from running are told.
    fn warn_of_hooks(&self) {
        let any = self.manifest.nodes.iter().any(|node| {
            node.resource_type == ResourceType::Operation
                && node.tags.iter().any(|tag| matches!(&**tag, "on-run-start" | "on-run-end"))
        });
        if any {
            self.sink.emit(Event::new(
                "SourceFreshnessProjectHooksNotRun",
                Level::Warn,
                "[WARNING]: The project's on-run-start and on-run-end hooks do not run, because its flag \
                 `source_freshness_run_project_hooks` is false. Remove the flag: `source freshness` runs hooks as other \
                 commands do.",
            ));
        }
    }

    /// Asks one source.
    fn ask(
        self: &Arc<Self>,
        source: &SourceTable,
        node: &Arc<Node>,
        connection: &Arc<NodeConnection>,
    ) -> Result<Answer> {
        let comment = self.query_comment_of(None, Some(node), connection).map_err(carried)?;
        connection.assign(source.unique_id.clone(), comment);
        let scope = self.bare_scope(connection);
        let mut interp = scope.interp();
        let relation = source.relation().into_value();
        let (name, arguments) = if let Some(query) = &source.loaded_at_query {
            let sql = self.render_query(source, node, query, connection)?;
            let arguments = vec![("source".into(), relation), ("loaded_at_query".into(), Value::from(sql))];
            ("collect_freshness_custom_sql", arguments)
        } else if let Some(field) = &source.loaded_at_field {
            let filter = source.freshness.get("filter").map_or(Value::None, Value::from_json);
            let arguments = vec![
                ("source".into(), relation),
                ("loaded_at_field".into(), Value::from(field.as_str())),
                ("filter".into(), filter),
            ];
            ("collect_freshness", arguments)
        } else if self.adapter.knows_last_modified() {
            return self.last_modified(&mut interp, source);
        } else {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!(
                    "Could not compute freshness for source {}: no 'loaded_at_field' provided and {} adapter does not \
                     support metadata-based freshness checks.",
                    source.name,
                    self.adapter.type_name()
                ),
            )
            .with_hint("set loaded_at_field to the column (or expression) that says when a row was loaded"));
        };
        let result = interp.call_named(name, Args { positional: Vec::new(), keyword: arguments })?;
        let (table, response) = match AgateTable::from_value(&result) {
            Some(_) => {
                self.sink.emit(Event::new(
                    "CollectFreshnessReturnSignature",
                    Level::Warn,
                    format!(
                        "[WARNING]: Deprecated functionality\nThe macro '{name}' returns a table. It should return the \
                         whole result of its statement: load_result('{name}') instead of load_result('{name}').table."
                    ),
                ));
                (result.clone(), Map::new())
            }
            None => {
                let response = result.get_attr(&mut interp, "response")?;
                let response = response
                    .downcast_ref::<ResponseObject>()
                    .map(|response| response.0.to_json())
                    .unwrap_or_default();
                let table = result.get_attr(&mut interp, "table")?;
                (if table.is_undefined() { result.clone() } else { table }, response)
            }
        };
        let row = match AgateTable::from_value(&table) {
            Some(table) if table.len() == 1 => table.row(0)?.filter(|row| row.len() == 2),
            _ => None,
        };
        let Some(row) = row else {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("Got an invalid result from \"{name}\" macro: {}", shape_of(&table)),
            )
            .with_hint("it must give one row of two columns: the time of the newest row, and the time now"));
        };
        Ok(Answer {
            newest: if row[0].is_none() {
                calendar(1, 1, 1)
            } else {
                moment(&row[0], source, "last_modified")?
            },
            asked: moment(&row[1], source, "snapshotted_at")?,
            response,
        })
    }

    /// What the catalog says of the relation's last change.
    fn last_modified(&self, interp: &mut kpi_jinja::Interp, source: &SourceTable) -> Result<Answer> {
        const MACRO: &str = "get_relation_last_modified";
        let relation = source.relation();
        let schema = relation.information_schema(None).into_value();
        let result = interp.call_named(MACRO, Args::of([schema, Value::list([relation.into_value()])]))?;
        let response = result.get_attr(interp, "response")?;
        let response = response.downcast_ref::<ResponseObject>().map(|r| r.0.to_json()).unwrap_or_default();
        let table = result.get_attr(interp, "table")?;
        let row = match AgateTable::from_value(&table) {
            Some(table) if !table.is_empty() => table.row(0)?.filter(|row| row.len() == 4),
            _ => None,
        };
        let Some(row) = row else {
            return Err(Error::new(
                ErrorKind::Runtime,
                format!("The database does not know when {} last changed", source.search_name()),
            )
            .with_hint(
                "check the source's database, schema and identifier, and that the target's role may see it",
            ));
        };
        Ok(Answer {
            newest: moment(&row[2], source, "last_modified")?,
            asked: moment(&row[3], source, "snapshotted_at")?,
            response,
        })
    }

    /// The source's own query, rendered with `this`, `model` and `source_node` besides what every context has.
    fn render_query(
        self: &Arc<Self>,
        source: &SourceTable,
        node: &Arc<Node>,
        query: &str,
        connection: &Arc<NodeConnection>,
    ) -> Result<String> {
        let mut scope = NodeScope::new(self, None, source.package_name.clone(), connection.clone());
        scope.own = Some(node.clone());
        let entry = record(source);
        scope.extra = vec![
            ("this".into(), source.relation().into_value()),
            ("model".into(), entry.clone()),
            ("source_node".into(), entry),
        ];
        let file = SourceFile::new(source.original_file_path.clone(), query.to_owned());
        let template = Template::parse(&file, query, 1)?;
        Arc::new(scope).interp().render(&template)
    }
}

/// A source as an object with fields.
fn record(source: &SourceTable) -> Value {
    Record::new("SourceDefinition", graph_source(source)).into_value()
}

fn shape_of(table: &Value) -> String {
    match AgateTable::from_value(table) {
        Some(table) if table.len() == 1 => "a row that has not two columns".to_owned(),
        Some(table) => format!("{} rows", table.len()),
        None => format!("a value of type '{}', not a table", table.type_name()),
    }
}

/// A time that a query gave; without a zone it is taken as UTC.
fn moment(value: &Value, source: &SourceTable, field: &str) -> Result<DateTime<Utc>> {
    if let Some(moment) = value.downcast_ref::<Moment>() {
        return Ok(moment.utc().and_utc());
    }
    if value.is_none() {
        return Err(Error::new(
            ErrorKind::Database,
            format!(
                "Expected a non-null value when querying field '{field}' of table {}, but received value 'null' instead",
                source.relation()
            ),
        ));
    }
    // DuckDB's driver for Python gives the ends of its calendar for what has no date.
    match value.as_str() {
        Some("infinity") => {
            return Ok(calendar(9999, 12, 31) + chrono::Days::new(1) - chrono::Duration::microseconds(1));
        }
        Some("-infinity") => return Ok(calendar(1, 1, 1)),
        _ => {}
    }
    let class = value.type_name();
    let class = class.rsplit('.').next().unwrap_or(class);
    let error = Error::new(
        ErrorKind::Database,
        format!(
            "Expected a timestamp value when querying field '{field}' of table {} but received value of type '{class}' \
             instead: {value}",
            source.relation()
        ),
    );
    let cast = |expression: &str| match expression.chars().all(|c| c.is_alphanumeric() || c == '_') {
        true => format!("loaded_at_field: {expression}::timestamp"),
        false => format!("loaded_at_field: ({expression})::timestamp"),
    };
    Err(match (&source.loaded_at_field, class) {
        (Some(expression), "date" | "str") => error.with_hint(cast(expression)),
        (Some(expression), "int") => error.with_hint(format!("loaded_at_field: to_timestamp({expression})")),
        (Some(_), _) => error.with_hint("loaded_at_field must be an expression that gives a timestamp"),
        (None, _) => error.with_hint("loaded_at_query must give a timestamp"),
    })
}

/// The first moment of a day.
fn calendar(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default().and_time(Default::default()).and_utc()
}

impl Asking<'_> {
    fn job(&self, connection: &mut Arc<NodeConnection>, job: u32, _: Start) -> scheduler::Outcome {
        let Some(source) = self.sources.get(job as usize).copied() else { return scheduler::Outcome::Done };
        let node = Arc::new(as_node(source));
        let place = (self.next.fetch_add(1, Ordering::Relaxed) + 1, self.sources.len());
        let reporter = self.engine.reporter();
        let mut life = Life { status: "started", started: Some(Utc::now()), finished: None };
        let clock = Instant::now();
        reporter.started(&node, &life);
        let described = format!("freshness of {}.{}", source.source_name, source.name);
        self.engine.sink.emit(Event {
            name: "LogStartLine",
            level: Level::Info,
            message: fancy(reporter.width, Some(place), &format!("START {described}"), "RUN", None),
            data: fields(json!({
                "description": described, "index": place.0, "total": place.1, "node_info": node_info(&node, &life),
            })),
        });
        life.status = "compiling";
        reporter.phase("NodeCompiling", &node, &life);
        let compiling = Utc::now();
        let executing = Utc::now();
        life.status = "executing";
        reporter.phase("NodeExecuting", &node, &life);
        let answer = self.engine.ask(source, &node, connection);
        let ended = Utc::now();
        let seconds = clock.elapsed().as_secs_f64();
        let timing = vec![
            Timing { name: "compile".into(), started_at: Some(compiling), completed_at: Some(executing) },
            Timing { name: "execute".into(), started_at: Some(executing), completed_at: Some(ended) },
        ];
        // A query of the user's may have failed within a transaction.
        let answer = match connection.rollback() {
            Ok(_) => answer,
            Err(error) => answer.and(Err(Error::new(ErrorKind::Database, error.message))),
        };
        let mut result = NodeResult::new(&*source.unique_id, NodeStatus::RuntimeError);
        result.thread_id = thread_name();
        result.timing = timing.clone();
        result.execution_time = seconds;
        let mut times = None;
        let outcome = match answer {
            Ok(answer) => {
                let age = answer.age();
                result.status = status_of(&source.freshness, age);
                result.adapter_response = answer.response.clone();
                times = Some((answer.newest, answer.asked, age));
                FreshnessResult::Known(Box::new(Freshness {
                    unique_id: source.unique_id.to_string(),
                    max_loaded_at: answer.newest,
                    snapshotted_at: answer.asked,
                    max_loaded_at_time_ago_in_s: age,
                    status: result.status,
                    criteria: source.freshness.clone(),
                    adapter_response: answer.response,
                    timing,
                    thread_id: thread_name(),
                    execution_time: seconds,
                }))
            }
            Err(error) => {
                let message = error.to_diagnostic(heading(&error), Some(&node.heading())).render();
                result.message = Some(message.clone());
                FreshnessResult::Failed {
                    unique_id: source.unique_id.to_string(),
                    error: Some(message),
                    status: NodeStatus::RuntimeError,
                }
            }
        };
        life.status = result.status.as_str();
        life.finished = Some(ended);
        self.line(source, &node, &life, result.status, place, seconds);
        reporter.finished(&node, &life, &result);
        let stop = result.status.is_failure() && self.engine.options.fail_fast;
        let mut done = self.done.lock();
        done.records.push(hook_record(source, &result, times));
        done.sources.push(outcome);
        done.results.push(result);
        drop(done);
        if stop {
            self.stopped.store(true, Ordering::Relaxed);
            self.engine.adapter.cancel_all();
            return scheduler::Outcome::Stop;
        }
        scheduler::Outcome::Done
    }

    /// The line of a source that answered.
    fn line(
        &self,
        source: &SourceTable,
        node: &Node,
        life: &Life,
        status: NodeStatus,
        place: (usize, usize),
        seconds: f64,
    ) {
        let (word, level) = match status {
            NodeStatus::RuntimeError => ("ERROR", Level::Error),
            NodeStatus::Error => ("ERROR STALE", Level::Error),
            NodeStatus::Warn => ("WARN", Level::Warn),
            _ => ("PASS", Level::Info),
        };
        let text = format!("{word} freshness of {}.{}", source.source_name, source.name);
        let width = self.engine.reporter().width;
        self.engine.sink.emit(Event {
            name: "LogFreshnessResult",
            level,
            message: fancy(width, Some(place), &text, word, Some(seconds)),
            data: fields(json!({
                "status": status.as_str(),
                "source_name": &*source.source_name,
                "table_name": &*source.name,
                "index": place.0,
                "total": place.1,
                "execution_time": seconds,
                "node_info": node_info(node, life),
            })),
        });
    }
}

fn fields(data: Json) -> Map<String, Json> {
    match data {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// A source's result as `on-run-end` hooks see it.
fn hook_record(
    source: &SourceTable,
    result: &NodeResult,
    times: Option<(DateTime<Utc>, DateTime<Utc>, f64)>,
) -> Value {
    let mut record = result_record(record(source), result);
    for of_runs in ["agate_table", "batch_results"] {
        record.remove(of_runs);
    }
    record.kind = "PartialSourceFreshnessResult";
    if let Some((newest, asked, age)) = times {
        record.kind = "SourceFreshnessResult";
        for (name, moment) in [("max_loaded_at", newest), ("snapshotted_at", asked)] {
            // As Python's isoformat writes it: the fraction only where there is one.
            let text = moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false);
            record.plain.insert(name.to_owned(), text.into());
            record.set(name, datetime_value(moment.naive_utc(), Some(Zone::Utc)));
        }
        record.plain.insert("age".to_owned(), json!(age));
        record.set("age", Value::Float(age));
    }
    record.into_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_at_the_threshold_is_not_beyond_it() {
        let criteria = json!({"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 1, "period": "day"}});
        assert_eq!(status_of(&criteria, 3600.0), NodeStatus::Pass);
        assert_eq!(status_of(&criteria, 3_600.000_001), NodeStatus::Warn);
        assert_eq!(status_of(&criteria, 86_400.0), NodeStatus::Warn);
        assert_eq!(status_of(&criteria, 86_400.5), NodeStatus::Error);
        assert_eq!(status_of(&criteria, -5.0), NodeStatus::Pass);
    }

    #[test]
    fn a_threshold_that_is_not_whole_holds_for_nothing() {
        for criteria in [
            json!(null),
            json!({"warn_after": null, "error_after": {"count": null, "period": null}}),
            json!({"warn_after": {"count": 1, "period": null}}),
        ] {
            assert_eq!(status_of(&criteria, 1e12), NodeStatus::Pass, "{criteria}");
        }
    }
}
