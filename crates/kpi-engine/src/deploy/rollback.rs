//! Earlier versions: which there are for a run or a moment, and how they come back.
//!
//! What a relation was is what the first deployment after that moment replaced. Where the database keeps its past by
//! itself, that is asked for what is kept no more, and for moments between deployments. What is brought back is put
//! beside production first, so that its tests run before anybody reads it.

use super::history::{Change, Deployments, RunRecord};
use super::publish::Published;
use super::{RECALLED_SUFFIX, beside, copied, copy_of, failed, schema_beside, shown, wrong};
use chrono::{DateTime, NaiveDateTime, Utc};
use kpi_adapter::{Relation, RelationType};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_manifest::{NodeId, ResourceType};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// What production was when this run had ended: its id, or the beginning of it.
    Run(String),
    /// What production was before the last deployment.
    Previous,
    /// What production was at this moment.
    Moment(DateTime<Utc>),
}

impl Target {
    /// `previous`, a moment (`2025-01-15`, `2025-01-15 08:00`, with or without a zone; without one it is UTC), or the id of
    /// a run.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.eq_ignore_ascii_case("previous") {
            return Self::Previous;
        }
        moment(text).map_or_else(|| Self::Run(text.to_owned()), Self::Moment)
    }
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    let with_zone = text.replacen(' ', "T", 1);
    if let Ok(at) = DateTime::parse_from_rfc3339(&with_zone) {
        return Some(at.to_utc());
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let naive = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&with_zone, format).ok());
    let day = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    naive.or_else(day).map(|at| at.and_utc())
}

/// Where an earlier version comes from.
#[derive(Debug, Clone)]
enum Version {
    /// A table that was kept.
    Kept(Relation),
    /// The past that the database keeps; what was kept is for where it is too long ago.
    Past(Option<Relation>),
    /// The statement that makes a view.
    Definition(String),
}

#[derive(Debug, Clone)]
struct Step {
    node: NodeId,
    production: Relation,
    version: Version,
}

/// What comes back, and what does not.
#[derive(Debug)]
pub struct Restoration {
    /// `run 3f2a... of 2025-01-15 08:00:12 UTC`
    pub what: String,
    at: Option<DateTime<Utc>>,
    steps: Vec<Step>,
    /// What cannot be brought back, and why.
    pub impossible: Vec<(String, String)>,
    /// What was not there at that time.
    pub newer: Vec<String>,
}

/// What came back.
#[derive(Debug, Default)]
pub struct Restored {
    /// What came into production.
    pub published: Published,
    /// Its relations.
    pub relations: Vec<String>,
}

impl Restoration {
    /// A line for each relation: its name, and where its version comes from.
    pub fn lines(&self) -> Vec<(String, String)> {
        let line = |step: &Step| {
            let from = match &step.version {
                Version::Kept(kept) => format!("from {}", shown(kept)),
                Version::Past(_) => "from the past that the database keeps".to_owned(),
                Version::Definition(_) => "from its definition".to_owned(),
            };
            (shown(&step.production), from)
        };
        self.steps.iter().map(line).collect()
    }

    /// Whether nothing comes back.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Deployments {
    /// Finds the earlier versions of the selected nodes (unique ids).
    ///
    /// # Errors
    /// No such run, several of them, a moment that is yet to come; the database's.
    pub fn restoration(&self, target: &Target, selected: &[Arc<str>]) -> Result<Restoration, Diagnostic> {
        let records = self.records()?;
        let published: Vec<&RunRecord> =
            records.iter().filter(|record| record.status == "published").collect();
        let (what, condition, at) = match target {
            Target::Moment(at) => {
                if *at > Utc::now() {
                    let message = format!("{} UTC is yet to come", at.format("%Y-%m-%d %H:%M:%S"));
                    return Err(wrong("K0944", message).with_hint("a moment without a zone is meant in UTC"));
                }
                let literal = self.literal(at.naive_utc());
                (
                    format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S")),
                    format!("d.completed_at > {literal}"),
                    Some(*at),
                )
            }
            Target::Previous => {
                let Some(last) = published.first() else { return Err(nothing_known("previous", &records)) };
                let what = format!("what was before run {}", last.run_id);
                (what, format!("d.run_id = {}", self.quoted(&last.run_id)), None)
            }
            Target::Run(id) => {
                let found: Vec<&RunRecord> = records
                    .iter()
                    .filter(|record| record.is_known_state() && record.run_id.starts_with(id.as_str()))
                    .collect();
                let record = match found.as_slice() {
                    [record] => record,
                    [] => return Err(nothing_known(id, &records)),
                    several => {
                        let ids: Vec<&str> = several.iter().map(|record| record.run_id.as_str()).collect();
                        let message = format!("'{id}' is the beginning of several runs: {}", ids.join(", "));
                        return Err(wrong("K0945", message).with_hint("write more of it"));
                    }
                };
                let ended = record.completed_at.unwrap_or(record.started_at);
                if record.status != "published" {
                    // Of a run without a deployment it is only known when it had ended.
                    let what = format!(
                        "{} {} of {} UTC",
                        record.kind,
                        record.run_id,
                        ended.format("%Y-%m-%d %H:%M:%S")
                    );
                    let found = self.restoration(&Target::Moment(ended.and_utc()), selected)?;
                    return Ok(Restoration { what, ..found });
                }
                let what = format!("run {} of {} UTC", record.run_id, ended.format("%Y-%m-%d %H:%M:%S"));
                let id = self.quoted(&record.run_id);
                let started =
                    format!("(select x.started_at from {} as x where x.run_id = {id})", self.table());
                (what, format!("d.started_at > {started}"), Some(ended.and_utc()))
            }
        };
        let changes = match records.is_empty() {
            true => Vec::new(),
            false => self.changes(&format!("d.status = 'published' and {condition}"))?,
        };
        let mut restoration =
            Restoration { what, at, steps: Vec::new(), impossible: Vec::new(), newer: Vec::new() };
        let wanted: FxHashSet<&str> = selected.iter().map(|id| &**id).collect();
        self.refresh_cache(selected)?;
        let mut seen = FxHashSet::default();
        let by_moment = matches!(target, Target::Moment(_));
        for change in changes.iter().filter(|change| wanted.contains(change.unique_id.as_str())) {
            // The first deployment after the moment is the one that replaced what was there at it.
            if seen.insert(change.relation.render().to_lowercase()) {
                self.step(change, by_moment, &mut restoration);
            }
        }
        for change in changes.iter().filter(|change| self.engine.manifest.node(&change.unique_id).is_none()) {
            if seen.insert(change.relation.render().to_lowercase()) {
                let why = format!("the project has no {} any more", change.unique_id);
                restoration.impossible.push((shown(&change.relation), why));
            }
        }
        if by_moment {
            self.steps_of_the_past(selected, &seen, &mut restoration);
        }
        self.order(&mut restoration);
        self.check_kept(&mut restoration)?;
        Ok(restoration)
    }

    fn past(&self, restoration: &Restoration) -> bool {
        let schema = Relation::of("d", "s", "");
        restoration.at.is_some_and(|at| self.engine.adapter.recall_schema(&schema, &schema, at).is_some())
    }

    fn step(&self, change: &Change, by_moment: bool, restoration: &mut Restoration) {
        let Some(node) = self.engine.manifest.node_ids.get(change.unique_id.as_str()).copied() else {
            return;
        };
        let past = self.past(restoration);
        let version = match (change.previous_type.as_deref(), &change.kept, &change.previous_definition) {
            (None, _, _) => return restoration.newer.push(shown(&change.relation)),
            (Some("table"), kept, _) if past && by_moment => Ok(Version::Past(kept.clone())),
            (Some("table"), Some(kept), _) => Ok(Version::Kept(kept.clone())),
            (Some("table"), None, _) if past => Ok(Version::Past(None)),
            (Some("table"), None, _) => Err("its version of that time is kept no more".to_owned()),
            (Some("view"), _, Some(definition)) => Ok(Version::Definition(definition.clone())),
            (Some(kind), _, _) => Err(format!(
                "of a {} no versions are kept: deploy the code of that time",
                kind.replace('_', " ")
            )),
        };
        match version {
            Ok(version) => {
                restoration.steps.push(Step { node, production: change.relation.clone(), version })
            }
            Err(why) => restoration.impossible.push((shown(&change.relation), why)),
        }
    }

    /// Tables that no deployment has changed since; other runs may have.
    fn steps_of_the_past(
        &self,
        selected: &[Arc<str>],
        seen: &FxHashSet<String>,
        restoration: &mut Restoration,
    ) {
        if !self.past(restoration) {
            return;
        }
        for id in selected {
            let Some(position) = self.engine.manifest.node_ids.get(id).copied() else { continue };
            let node = &self.engine.manifest.nodes[position.0 as usize];
            let relation = node.relation();
            let there = self.engine.cache.get_relation(node.database.as_deref(), &node.schema, &node.alias);
            let is_table = there.is_some_and(|relation| relation.kind == Some(RelationType::Table));
            if node.is_refable() && is_table && !seen.contains(&relation.render().to_lowercase()) {
                let version = Version::Past(None);
                restoration.steps.push(Step { node: position, production: relation, version });
            }
        }
    }

    /// Parents first.
    fn order(&self, restoration: &mut Restoration) {
        let manifest = &self.engine.manifest;
        let order = manifest.graph.topological_order();
        let places: FxHashMap<&str, usize> =
            order.iter().enumerate().map(|(at, vertex)| (&**manifest.graph.id(*vertex), at)).collect();
        restoration.steps.sort_by_key(|step| {
            places.get(&*manifest.nodes[step.node.0 as usize].unique_id).copied().unwrap_or(0)
        });
    }

    /// What somebody dropped is not there.
    fn check_kept(&self, restoration: &mut Restoration) -> Result<(), Diagnostic> {
        let mut there: FxHashMap<String, FxHashSet<String>> = FxHashMap::default();
        for step in &restoration.steps {
            let Version::Kept(kept) = &step.version else { continue };
            let schema = kept.without_identifier().render();
            if let std::collections::hash_map::Entry::Vacant(entry) = there.entry(schema) {
                let found = self
                    .connection
                    .list_relations(kept.database.as_deref(), kept.schema.as_deref().unwrap_or_default())
                    .map_err(|error| failed("the kept versions cannot be listed", &error))?;
                entry.insert(
                    found.iter().filter_map(|r| r.identifier.as_deref().map(str::to_lowercase)).collect(),
                );
            }
        }
        let steps = std::mem::take(&mut restoration.steps);
        for step in steps {
            if let Version::Kept(kept) = &step.version {
                let name = kept.identifier.as_deref().unwrap_or_default().to_lowercase();
                let found =
                    there.get(&kept.without_identifier().render()).is_some_and(|names| names.contains(&name));
                if !found {
                    let why = format!("{} is gone", shown(kept));
                    restoration.impossible.push((shown(&step.production), why));
                    continue;
                }
            }
            restoration.steps.push(step);
        }
        Ok(())
    }

    /// The tests (unique ids) that say something of what comes back.
    pub fn tests_of(&self, restoration: &Restoration) -> Vec<Arc<str>> {
        let back: FxHashSet<&str> = self.nodes_of(restoration).map(|node| &**node).collect();
        let tests = self.engine.manifest.nodes.iter().filter(|node| node.resource_type == ResourceType::Test);
        tests
            .filter(|test| test.depends_on_nodes.iter().any(|id| back.contains(&**id)))
            .map(|test| test.unique_id.clone())
            .collect()
    }

    fn nodes_of<'r>(&'r self, restoration: &'r Restoration) -> impl Iterator<Item = &'r Arc<str>> {
        restoration.steps.iter().map(|step| &self.engine.manifest.nodes[step.node.0 as usize].unique_id)
    }

    /// The nodes (unique ids) that come back.
    pub fn restored_nodes(&self, restoration: &Restoration) -> Vec<Arc<str>> {
        self.nodes_of(restoration).cloned().collect()
    }

    /// Puts the earlier versions beside production. What turns out to be gone moves to what cannot come back.
    ///
    /// # Errors
    /// The database's.
    pub fn stage(&self, restoration: &mut Restoration) -> Result<(), Diagnostic> {
        let nodes = self.restored_nodes(restoration);
        self.clear_staging(&nodes)?;
        self.recall(restoration)?;
        let mut made = FxHashSet::default();
        let renamed: Vec<(Relation, Relation)> = restoration
            .steps
            .iter()
            .map(|step| (step.production.clone(), self.staged(&step.production)))
            .collect();
        for (step, (_, staged)) in restoration.steps.iter().zip(&renamed) {
            let schema = staged.without_identifier();
            if made.insert(schema.render()) {
                self.run(&format!("create schema if not exists {schema}"))
                    .map_err(|error| failed(&format!("the schema {schema} cannot be made"), &error))?;
            }
            let doing = || format!("the version of {} cannot be brought", shown(&step.production));
            match &step.version {
                Version::Kept(from) | Version::Past(Some(from)) => {
                    let node = &self.engine.manifest.nodes[step.node.0 as usize];
                    copied(&self.connection, from, staged, copy_of(node))
                        .map_err(|e| failed(&doing(), &e))?;
                }
                Version::Definition(definition) => {
                    let mut sql = definition.clone();
                    for (production, staged) in &renamed {
                        sql = with_name(&sql, production, staged);
                    }
                    self.run(&sql).map_err(|e| failed(&doing(), &e))?;
                }
                Version::Past(None) => {}
            }
        }
        self.drop_recalled(restoration)
    }

    fn staged(&self, production: &Relation) -> Relation {
        beside(production, &self.settings.staging_suffix)
    }

    /// Makes the past of the schemas that is asked for, and takes the tables from there.
    fn recall(&self, restoration: &mut Restoration) -> Result<(), Diagnostic> {
        let Some(at) = restoration.at else { return Ok(()) };
        let mut there: FxHashMap<String, FxHashSet<String>> = FxHashMap::default();
        for step in restoration.steps.iter().filter(|step| matches!(step.version, Version::Past(_))) {
            let schema = step.production.without_identifier();
            let recalled = schema_beside(&step.production, RECALLED_SUFFIX);
            if there.contains_key(&recalled.render()) {
                continue;
            }
            let Some(statement) = self.engine.adapter.recall_schema(&schema, &recalled, at) else { continue };
            let doing = format!("the past of {} cannot be looked at", shown(&schema));
            if let Err(error) = self.run(&statement) {
                // What is kept does not hang on it.
                self.say("DeploymentPast", Level::Warn, format!("{doing}: {}", error.message));
                there.insert(recalled.render(), FxHashSet::default());
                continue;
            }
            let found = self
                .connection
                .list_relations(recalled.database.as_deref(), recalled.schema.as_deref().unwrap_or_default())
                .map_err(|error| failed(&doing, &error))?;
            let tables = found.iter().filter(|relation| relation.kind == Some(RelationType::Table));
            there.insert(
                recalled.render(),
                tables.filter_map(|r| r.identifier.as_deref().map(str::to_lowercase)).collect(),
            );
        }
        for step in std::mem::take(&mut restoration.steps) {
            let Version::Past(kept) = &step.version else {
                restoration.steps.push(step);
                continue;
            };
            let recalled = schema_beside(&step.production, RECALLED_SUFFIX);
            let name = step.production.identifier.as_deref().unwrap_or_default().to_lowercase();
            let version = if there.get(&recalled.render()).is_some_and(|names| names.contains(&name)) {
                Version::Past(Some(beside(&step.production, RECALLED_SUFFIX)))
            } else if let Some(kept) = kept {
                Version::Kept(kept.clone())
            } else {
                let why = "the database's past has no such table of that time".to_owned();
                restoration.impossible.push((shown(&step.production), why));
                continue;
            };
            restoration.steps.push(Step { version, ..step });
        }
        Ok(())
    }

    fn drop_recalled(&self, restoration: &Restoration) -> Result<(), Diagnostic> {
        let mut dropped = FxHashSet::default();
        for step in restoration.steps.iter().filter(|step| matches!(step.version, Version::Past(Some(_)))) {
            let recalled = schema_beside(&step.production, RECALLED_SUFFIX);
            if dropped.insert(recalled.render()) {
                self.run(&format!("drop schema if exists {recalled} cascade"))
                    .map_err(|error| failed(&format!("the schema {recalled} cannot be dropped"), &error))?;
            }
        }
        Ok(())
    }

    /// Brings what was put beside production (and tested there) into it.
    ///
    /// # Errors
    /// What keeps it from production, which is then as it was.
    pub fn restore(&mut self, restoration: &Restoration) -> Result<Restored, Diagnostic> {
        let nodes = self.restored_nodes(restoration);
        self.refresh_cache(&nodes)?;
        let mut items = Vec::with_capacity(restoration.steps.len());
        let mut restored = Restored::default();
        for step in &restoration.steps {
            let staged = match &step.version {
                Version::Definition(_) => None,
                _ => Some(self.staged(&step.production).with_kind(RelationType::Table)),
            };
            let mut item = self.item(step.node, step.production.clone(), staged, items.len());
            if let Version::Definition(definition) = &step.version {
                item.define(definition.clone());
            }
            restored.relations.push(shown(&step.production));
            items.push(item);
        }
        self.bring(items, None, &mut restored.published)?;
        self.say_restored(&restoration.what)?;
        self.drop_staging(&nodes, true)?;
        self.prune()?;
        Ok(restored)
    }
}

fn nothing_known(id: &str, records: &[RunRecord]) -> Diagnostic {
    let message = match id {
        "previous" => "nothing was deployed here yet".to_owned(),
        id => format!("no deployment is known as '{id}'"),
    };
    let known: Vec<&str> =
        records.iter().filter(|record| record.is_known_state()).take(5).map(|r| r.run_id.as_str()).collect();
    let hint = match known.is_empty() {
        true => "kpi rollback goes back to what kpi deploy replaced".to_owned(),
        false => format!("the last ones are: {}; `kpi rollback --list` shows all", known.join(", ")),
    };
    wrong("K0945", message).with_hint(hint)
}

/// The text with every mention of a relation (with its schema, quoted or not) as one of another.
fn with_name(sql: &str, from: &Relation, to: &Relation) -> String {
    let wanted: Vec<String> = [&from.database, &from.schema, &from.identifier]
        .iter()
        .map(|part| part.as_deref().unwrap_or_default().to_lowercase())
        .collect();
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            c if c == '"' || c.is_alphabetic() || c == '_' => {
                let (length, parts) = chain(rest);
                let is_it = match parts.as_slice() {
                    [schema, name] => *schema == wanted[1] && *name == wanted[2],
                    [database, schema, name] => {
                        *database == wanted[0] && *schema == wanted[1] && *name == wanted[2]
                    }
                    _ => false,
                };
                if is_it {
                    out.push_str(&to.render());
                    rest = &rest[length..];
                    continue;
                }
                length
            }
            c => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// The names with points between them at the beginning of a text: how long that is, and its parts in lower case.
fn chain(text: &str) -> (usize, Vec<String>) {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let (length, part) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            ((end + 2).min(rest.len()), quoted[..end].to_lowercase())
        } else {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            (end, rest[..end].to_lowercase())
        };
        at += length;
        parts.push(part);
        let goes_on = text[at..].strip_prefix('.').and_then(|rest| rest.chars().next());
        if !goes_on.is_some_and(|c| c == '"' || c.is_alphabetic() || c == '_') {
            return (at, parts);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_run_or_a_moment() {
        let at = |text: &str| match Target::parse(text) {
            Target::Moment(at) => at.to_rfc3339(),
            other => format!("{other:?}"),
        };
        assert_eq!(at("2025-01-15"), "2025-01-15T00:00:00+00:00");
        assert_eq!(at("2025-01-15 08:30"), "2025-01-15T08:30:00+00:00");
        assert_eq!(at("2025-01-15T08:30:00.5+01:00"), "2025-01-15T07:30:00.500+00:00");
        assert_eq!(at("2025-01-15 08:30:00-03:00"), "2025-01-15T11:30:00+00:00");
        assert_eq!(at("Previous"), "Previous");
        assert_eq!(at("3f2a1c"), "Run(\"3f2a1c\")");
    }

    #[test]
    fn names_are_changed_where_a_relation_is_meant() {
        let from = Relation::of("shop", "main", "orders");
        let to = Relation::of("shop", "main__kpi_staging", "orders");
        let sql = "select 'main.orders', o.main, orders.id, \"main\".\"orders_2\" from shop.main.orders o \
                   join \"main\".ORDERS as x join Main.orders_2";
        assert_eq!(
            with_name(sql, &from, &to),
            "select 'main.orders', o.main, orders.id, \"main\".\"orders_2\" from \
             \"shop\".\"main__kpi_staging\".\"orders\" o join \"shop\".\"main__kpi_staging\".\"orders\" as x join \
             Main.orders_2"
        );
    }
}
