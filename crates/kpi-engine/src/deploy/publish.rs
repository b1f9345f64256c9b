//! From staging into production: first what is there is kept, then every relation changes at once.
//!
//! Where tables can be replaced in a transaction, all are, views included. Elsewhere each is replaced by one statement,
//! several at a time, and what fails in the middle is undone from the earlier versions. A call that is killed in the
//! middle is ended by the next one: what is to be published is written down before the first relation changes.
//! What is no table (views, dynamic tables, functions) is built in production by its own materialization.

use super::history::{Deployments, Kind, Phase};
use super::items::Item;
use super::staging::Staging;
use super::{beside, copied, copy_of, failed, shown, wrong};
use crate::engine::{Engine, Task};
use kpi_adapter::{AdapterError, Fetch, NodeConnection, Relation, RelationType};
use kpi_artifacts::{NodeResult, NodeStatus};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_jinja::{Args, Value};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What came into production.
#[derive(Debug, Default)]
pub struct Published {
    /// Tables that took the place of earlier ones, or are new.
    pub tables: usize,
    /// Views that were made in place.
    pub views: usize,
    /// What else was made in place: dynamic tables, functions, files.
    pub others: usize,
    /// What production had already.
    pub unchanged: usize,
    /// What came of what was made in place.
    pub results: Vec<NodeResult>,
}

/// `drop view if exists x cascade`
fn drop_statement(relation: &Relation, kind: RelationType) -> String {
    let word = match kind {
        RelationType::View => "view",
        RelationType::MaterializedView => "materialized view",
        RelationType::DynamicTable => "dynamic table",
        RelationType::External => "external table",
        _ => "table",
    };
    format!("drop {word} if exists {relation} cascade")
}

impl Deployments {
    /// Brings what was built and tested into production.
    ///
    /// # Errors
    /// What keeps it from production, which is then as it was.
    pub fn publish(&mut self, staged: &Arc<Engine>, selected: &[Arc<str>]) -> Result<Published, Diagnostic> {
        let Some(staging) = staged.options.staging.clone() else { return Ok(Published::default()) };
        let mut published = Published::default();
        let brought = self
            .items(staged, &staging, selected, &mut published)
            .and_then(|items| self.bring(items, Some(&staging), &mut published));
        if let Err(error) = brought {
            self.give_up("failed", &error.message)?;
            return Err(error);
        }
        self.drop_staging(selected, true)?;
        self.prune()?;
        Ok(published)
    }

    /// Keeps what is there, changes production, and writes down what tells of it.
    pub(crate) fn bring(
        &mut self,
        mut items: Vec<Item>,
        staging: Option<&Staging>,
        published: &mut Published,
    ) -> Result<(), Diagnostic> {
        self.keep_definitions(&mut items);
        let changes = |items: &[Item]| items.iter().map(|item| item.change.clone()).collect::<Vec<_>>();
        self.write(&changes(&items))
            .map_err(|e| failed("the history of deployments cannot be written", &e))?;
        self.keep(&items)?;
        self.set_status(&self.run_id, "publishing", None)?;
        let in_place: Vec<Arc<str>> = items
            .iter()
            .filter(|item| item.staged.is_none() && staging.is_some())
            .map(|item| self.engine.manifest.nodes[item.node.0 as usize].unique_id.clone())
            .collect();
        if self.fits_one_transaction(&items) {
            self.in_one_transaction(&items)?;
            self.phase = Phase::Done;
            self.make_in_place(&in_place, published)?;
        } else {
            self.phase = Phase::Changing;
            let done = self.one_by_one(&items).and_then(|()| self.make_in_place(&in_place, published));
            if let Err(error) = done {
                return Err(self.undo(&items, error));
            }
            self.phase = Phase::Done;
            self.set_status(&self.run_id, "published", None)?;
        }
        self.apply_grants(&items)?;
        published.tables = items.iter().filter(|item| item.staged.is_some()).count();
        published.views =
            items.iter().filter(|item| item.staged.is_none() && item.change.definition.is_some()).count();
        published.others = items.len() - published.tables - published.views;
        if let Some(staging) = staging {
            self.note_marks(&mut items, staging);
            self.write(&changes(&items))
                .map_err(|e| failed("the history of deployments cannot be written", &e))?;
        }
        Ok(())
    }

    /// The statements that make the views that are replaced. Where the database does not tell, that view cannot come back.
    fn keep_definitions(&self, items: &mut [Item]) {
        let replaced = |item: &&mut Item| item.previous() == Some(RelationType::View);
        let views: Vec<Relation> =
            items.iter_mut().filter(replaced).map(|item| item.production.clone()).collect();
        let definitions = self.connection.view_definitions(&views).unwrap_or_else(|error| {
            let text = format!("the definitions of views are not kept: {}", error.message);
            self.say("DeploymentView", Level::Warn, text);
            Vec::new()
        });
        for (item, definition) in items.iter_mut().filter(replaced).zip(definitions) {
            item.change.previous_definition = definition;
        }
    }

    /// Copies of the tables that are replaced (clones without a copy of rows, where the database has them).
    fn keep(&self, items: &[Item]) -> Result<(), Diagnostic> {
        let mut schemas = FxHashSet::default();
        for kept in items.iter().filter_map(|item| item.change.kept.as_ref()) {
            let schema = kept.without_identifier();
            if schemas.insert(schema.render()) {
                self.run(&format!("create schema if not exists {schema}"))
                    .map_err(|error| failed(&format!("the schema {schema} cannot be made"), &error))?;
            }
        }
        self.several(items, |connection, item| {
            let Some(kept) = &item.change.kept else { return Ok(()) };
            let node = &self.engine.manifest.nodes[item.node.0 as usize];
            copied(connection, &item.production, kept, copy_of(node))
        })
        .map_err(|(item, error)| failed(&format!("{} cannot be kept", shown(&item.production)), &error))
    }

    /// Whether a transaction covers all relations and the history: none reaches from one database to another.
    fn fits_one_transaction(&self, items: &[Item]) -> bool {
        let database = |relation: &Relation| relation.database.as_deref().map(str::to_lowercase);
        let own = database(self.table());
        self.engine.adapter.has_transactional_ddl()
            && items.iter().all(|item| database(&item.production) == own)
    }

    /// All relations at once.
    fn in_one_transaction(&self, items: &[Item]) -> Result<(), Diagnostic> {
        let result = (|| {
            let read = |error| (None, error);
            self.connection.begin().map_err(read)?;
            // Children first, since a table that a foreign key points to cannot go.
            for (at, item) in items.iter().enumerate().rev() {
                let replaced = item.staged.is_some() || item.change.definition.is_some();
                if let Some(previous) = item.previous().filter(|_| replaced) {
                    self.run(&drop_statement(&item.production, previous))
                        .map_err(|error| (Some(at), error))?;
                }
            }
            for (at, item) in items.iter().enumerate() {
                let made = match (&item.staged, &item.change.definition) {
                    (Some(staged), _) => {
                        let node = &self.engine.manifest.nodes[item.node.0 as usize];
                        copied(&self.connection, staged, &item.production, copy_of(node))
                    }
                    (None, Some(definition)) => self.run(definition),
                    (None, None) => Ok(()),
                };
                made.map_err(|error| (Some(at), error))?;
            }
            self.run(&self.status_statement(&self.run_id, "published", None)).map_err(read)?;
            self.connection.commit().map_err(read)
        })();
        result.map_err(|(at, error): (Option<usize>, AdapterError)| {
            let _ = self.connection.rollback();
            let what = at.map_or_else(String::new, |at| format!(" at {}", shown(&items[at].production)));
            failed(&format!("production is as it was: publishing failed{what}"), &error)
        })
    }

    /// Each table by a statement that replaces it, several at a time.
    fn one_by_one(&self, items: &[Item]) -> Result<(), Diagnostic> {
        self.several(items, |connection, item| {
            let Some(staged) = &item.staged else { return Ok(()) };
            if self.engine.adapter.has_transactional_ddl() {
                connection.begin()?;
            }
            if let Some(previous) = item.previous().filter(|kind| *kind != RelationType::Table) {
                connection.execute(&drop_statement(&item.production, previous), false, Fetch::No)?;
            }
            let node = &self.engine.manifest.nodes[item.node.0 as usize];
            copied(connection, staged, &item.production, copy_of(node))?;
            connection.commit()
        })
        .map_err(|(item, error)| {
            failed(&format!("{} cannot be replaced", shown(&item.production)), &error)
        })?;
        for item in items.iter().filter(|item| item.staged.is_none() && self.is_rollback()) {
            let other = item.previous().filter(|kind| *kind != RelationType::View);
            let drop = other.map(|kind| drop_statement(&item.production, kind));
            for statement in drop.iter().chain(item.change.definition.iter()) {
                self.run(statement).map_err(|error| {
                    failed(&format!("{} cannot be made", shown(&item.production)), &error)
                })?;
            }
        }
        Ok(())
    }

    /// Whether definitions are all there is of views.
    fn is_rollback(&self) -> bool {
        self.kind == Kind::Rollback
    }

    /// Does the work for each item, with as many sessions as the run has threads. Gives the first error.
    fn several<'i>(
        &self,
        items: &'i [Item],
        work: impl Fn(&Arc<NodeConnection>, &Item) -> Result<(), AdapterError> + Sync,
    ) -> Result<(), (&'i Item, AdapterError)> {
        let workers = match self.engine.adapter.is_exclusive() {
            // One process, one file: more sessions would only wait for one another.
            true => 1,
            false => self.engine.options.threads.clamp(1, items.len().max(1)),
        };
        let next = AtomicUsize::new(0);
        let broken = parking_lot::Mutex::new(None);
        let one = |connection: &Arc<NodeConnection>| {
            while broken.lock().is_none() {
                let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                if let Err(error) = work(connection, item) {
                    broken.lock().get_or_insert((item, error));
                }
            }
        };
        if workers == 1 {
            one(&self.connection);
        } else {
            let comment = self.engine.query_comment(None, &self.connection).ok().flatten();
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    let comment = comment.clone();
                    scope.spawn(|| {
                        let connection = self.engine.connection("deploy");
                        connection.assign("deploy", comment);
                        one(&connection);
                        connection.close();
                    });
                }
            });
        }
        broken.into_inner().map_or(Ok(()), Err)
    }

    /// Builds what is no table where it belongs.
    fn make_in_place(&self, nodes: &[Arc<str>], published: &mut Published) -> Result<(), Diagnostic> {
        if nodes.is_empty() {
            return Ok(());
        }
        // Tables have taken the place of views, and the other way round.
        self.engine.cache.clear();
        self.say(
            "DeploymentInPlace",
            Level::Debug,
            format!("making {} relations in production", nodes.len()),
        );
        let summary = self.engine.run(Task::Run, nodes)?;
        let made = |result: &NodeResult| !result.status.is_failure() && result.status != NodeStatus::Skipped;
        let bad = summary.results.iter().find(|result| !made(result));
        if let Some(bad) = bad {
            let message = bad.message.clone().unwrap_or_else(|| "it was skipped".to_owned());
            return Err(wrong("K0943", format!("{} cannot be made in production: {message}", bad.unique_id)));
        }
        if let Some(error) = summary.broken {
            return Err(error);
        }
        published.results = summary.results;
        Ok(())
    }

    /// Gives production back what it had, after an error in the middle of publishing.
    fn undo(&mut self, items: &[Item], mut error: Diagnostic) -> Diagnostic {
        self.say("DeploymentUndone", Level::Warn, "publishing failed: production gets back what it had");
        let mut lost = Vec::new();
        for item in items.iter().rev() {
            if let Err(problem) = self.give_back(item) {
                lost.push(format!("{}: {}", shown(&item.production), problem.message));
            }
        }
        let text = if lost.is_empty() {
            "production is as it was".to_owned()
        } else {
            format!("these could not be given back: {}", lost.join("; "))
        };
        error.message = format!("{}\n{text}", error.message);
        if lost.is_empty() {
            self.phase = Phase::Before;
        }
        error
    }

    fn give_back(&self, item: &Item) -> Result<(), AdapterError> {
        let node = &self.engine.manifest.nodes[item.node.0 as usize];
        let now = if item.staged.is_some() { RelationType::Table } else { RelationType::View };
        match (item.previous(), &item.change.kept, &item.change.previous_definition) {
            (Some(RelationType::Table), Some(kept), _) => {
                if now != RelationType::Table {
                    self.run(&drop_statement(&item.production, now))?;
                }
                copied(&self.connection, kept, &item.production, copy_of(node))
            }
            (_, _, Some(definition)) => {
                if now != RelationType::View {
                    self.run(&drop_statement(&item.production, now))?;
                }
                self.run(definition)
            }
            (None, _, _) if item.staged.is_some() => self.run(&drop_statement(&item.production, now)),
            // What is made in place and was there before has its own way of being replaced.
            _ => Ok(()),
        }
    }

    /// Rights that the project declares for tables; what is made in place has them by its materialization.
    fn apply_grants(&self, items: &[Item]) -> Result<(), Diagnostic> {
        for item in items.iter().filter(|item| item.staged.is_some()) {
            let node = &self.engine.manifest.nodes[item.node.0 as usize];
            let Some(grants) =
                node.config.get("grants").filter(|g| g.as_object().is_some_and(|g| !g.is_empty()))
            else {
                continue;
            };
            let scope = self.engine.scope_for(item.node, self.connection.clone());
            let arguments =
                [item.production.clone().into_value(), Value::from_json(&grants), Value::from(true)];
            scope
                .interp()
                .call_named("apply_grants", Args::of(arguments))
                .map_err(|error| self.engine.diagnostic(node, &error))?;
            self.connection.commit().map_err(|error| error.to_diagnostic())?;
        }
        Ok(())
    }

    /// Ends what a killed call had begun to publish, from what it had built.
    ///
    /// # Errors
    /// The database's.
    pub fn end_publishing(&self, run_id: &str) -> Result<usize, Diagnostic> {
        let changes = self.changes(&format!("r.run_id = {}", self.quoted(run_id)))?;
        let own = self.table().database.clone();
        if self.engine.adapter.has_transactional_ddl() && changes.iter().all(|c| c.relation.database == own) {
            self.connection.begin().map_err(|error| error.to_diagnostic())?;
        }
        for change in &changes {
            let staged = beside(&change.relation, &self.settings.staging_suffix);
            let doing = || format!("{} cannot be published", shown(&change.relation));
            if change.relation_type == "table" {
                let copy = self.engine.manifest.node(&change.unique_id).map(copy_of);
                let copy = copy.unwrap_or(kpi_adapter::TableCopy { transient: true, iceberg: false });
                if let Some(kind) = change.previous_type.as_deref().and_then(RelationType::parse)
                    && kind != RelationType::Table
                {
                    self.run(&drop_statement(&change.relation, kind)).map_err(|e| failed(&doing(), &e))?;
                }
                copied(&self.connection, &staged, &change.relation, copy)
                    .map_err(|e| failed(&doing(), &e))?;
            } else if let Some(definition) = &change.definition {
                self.run(definition).map_err(|e| failed(&doing(), &e))?;
            }
        }
        self.set_status(run_id, "published", Some("ended by a later call"))?;
        self.connection.commit().map_err(|error| error.to_diagnostic())?;
        Ok(changes.len())
    }
}
