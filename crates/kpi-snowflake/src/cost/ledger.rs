//! Which node sent which statement: what the target's sessions note, so that the service's history can be read by node.

use crate::cost::history::Entry;
use crate::statement::words;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The statements of all sessions of a run.
#[derive(Default)]
pub(crate) struct Ledger {
    /// `None`: nobody asks what anything costs.
    kept: Mutex<Option<Kept>>,
}

/// What is known of the statements that were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// Nodes in the order of their first statement.
    pub nodes: Vec<Arc<str>>,
    positions: HashMap<Arc<str>, usize>,
    /// Statements by query id: the node's position, and whether it needs a warehouse.
    pub statements: HashMap<String, (usize, bool)>,
    /// The service's numbers of the sessions.
    pub sessions: BTreeSet<u64>,
    /// The warehouse that computed last: it runs.
    pub running: Option<String>,
    /// Questions about the cost itself.
    pub own: HashSet<String>,
    /// What the history said when it was last asked, and how many statements that need a warehouse there were then.
    pub known: Vec<Entry>,
    pub known_at: usize,
    /// Facts of warehouses by name, as far as asked for.
    pub warehouses: HashMap<String, Option<crate::cost::rates::Warehouse>>,
}

impl Kept {
    /// How many statements needed a warehouse.
    pub fn computing(&self) -> usize {
        self.statements.values().filter(|(_, computes)| *computes).count()
    }
}

impl Ledger {
    /// Begins to note.
    pub fn open(&self) {
        self.kept.lock().get_or_insert_with(Kept::default);
    }

    /// Notes a statement that was sent, whatever came of it.
    pub fn note(
        &self,
        query_id: &str,
        session: Option<u64>,
        node: &Arc<str>,
        sql: &str,
        warehouse: Option<&str>,
    ) {
        let mut kept = self.kept.lock();
        let Some(kept) = kept.as_mut().filter(|_| !query_id.is_empty()) else { return };
        let position = match kept.positions.get(node) {
            Some(position) => *position,
            None => {
                kept.nodes.push(node.clone());
                kept.positions.insert(node.clone(), kept.nodes.len() - 1);
                kept.nodes.len() - 1
            }
        };
        let computes = computes(sql);
        if let Some(warehouse) = warehouse.filter(|_| computes)
            && kept.running.as_deref() != Some(warehouse)
        {
            kept.running = Some(warehouse.to_owned());
        }
        kept.statements.insert(query_id.to_owned(), (position, computes));
        kept.sessions.extend(session);
    }

    /// Notes a question about the cost itself, which is no part of it.
    pub fn note_own(&self, query_id: &str) {
        if let Some(kept) = self.kept.lock().as_mut() {
            kept.own.insert(query_id.to_owned());
        }
    }

    /// What was noted so far; `None` where nothing is.
    pub fn kept(&self) -> Option<Kept> {
        self.kept.lock().clone()
    }

    /// Keeps what the service said.
    pub fn learn(&self, entries: Vec<Entry>, at: usize) {
        if let Some(kept) = self.kept.lock().as_mut() {
            kept.known = entries;
            kept.known_at = at;
        }
    }

    /// Keeps the facts of a warehouse.
    pub fn learn_warehouse(&self, name: &str, facts: Option<crate::cost::rates::Warehouse>) {
        if let Some(kept) = self.kept.lock().as_mut() {
            kept.warehouses.insert(name.to_owned(), facts);
        }
    }
}

/// Whether a statement needs a warehouse, as far as its text tells: where none of a run does, asking what it cost would
/// start one.
fn computes(sql: &str) -> bool {
    let mut words = words(sql);
    match words.next().as_deref() {
        Some("create") => {
            let skipped = ["or", "replace", "alter", "transient", "temporary", "temp", "local", "global"];
            let kind = words.find(|word| !skipped.contains(&word.as_str())).unwrap_or_default();
            let tables = ["table", "dynamic", "iceberg", "hybrid", "materialized"];
            tables.contains(&kind.as_str())
                && words.by_ref().find(|word| word == "as").is_some()
                && words.next().is_some_and(|word| matches!(word.as_str(), "select" | "with" | "values"))
        }
        Some("alter") => sql.to_lowercase().trim_end().ends_with(" refresh"),
        // Answered without one.
        Some("select") => !matches!(
            words.next().as_deref(),
            Some(
                "current_warehouse" | "current_region" | "current_role" | "current_version" | "last_query_id"
            )
        ),
        Some(
            "with" | "insert" | "merge" | "update" | "delete" | "truncate" | "copy" | "call" | "execute",
        ) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_warehouse() {
        for sql in [
            "select 1",
            "/* note */ with a as (select 1) select * from a",
            "create or replace transient table a.b.c as (select 1)",
            "create or replace table a (id int) as\n\nwith x as (select 1) select * from x",
            "create dynamic table d target_lag = '1 hour' warehouse = w as select 1",
            "insert into t values (1)",
            "merge into t using s on true when matched then delete",
            "alter dynamic table d refresh",
        ] {
            assert!(computes(sql), "{sql}");
        }
        for sql in [
            "create or replace view v as (select 1)",
            "create or replace transient table a clone b",
            "create table t (id int)",
            "create schema if not exists s",
            "show objects in schema s",
            "describe table t",
            "alter session set query_tag = 'x'",
            "alter table t rename to u",
            "use warehouse w",
            "select current_warehouse() as warehouse",
            "begin",
            "drop table t",
            "",
        ] {
            assert!(!computes(sql), "{sql}");
        }
    }

    #[test]
    fn nothing_is_kept_unless_somebody_asks() {
        let ledger = Ledger::default();
        let node: Arc<str> = "model.shop.a".into();
        ledger.note("q1", Some(1), &node, "select 1", Some("WH"));
        assert!(ledger.kept().is_none());
        ledger.open();
        ledger.note("q1", Some(1), &node, "select 1", Some("WH"));
        ledger.note("q2", Some(2), &node, "begin", Some("OTHER"));
        ledger.note("", Some(3), &node, "select 2", None);
        let kept = ledger.kept().unwrap();
        assert_eq!((kept.statements.len(), kept.computing(), kept.sessions.len()), (2, 1, 2));
        assert_eq!(kept.running.as_deref(), Some("WH"));
    }
}
