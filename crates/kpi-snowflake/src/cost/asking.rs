//! Asks the service what a run cost: at its end, in the session that the run has anyway, and never for longer than is
//! worth it.

use crate::connection::SnowflakeConnection;
use crate::cost::rates::Warehouse;
use crate::cost::{self, history};
use crate::exchange::Asked;
use crate::session::runtime;
use crate::{answer::Answer, error::ServiceError};
use kpi_adapter::{AdapterError, CostDetail, RunCost};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long one question may take: a warehouse may be full of others' work.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the history is given to have what has just ended.
const LAG: Duration = Duration::from_millis(500);

impl SnowflakeConnection {
    /// See [`kpi_adapter::Connection::costs`].
    pub(crate) fn ask_costs(
        &mut self,
        detail: CostDetail,
        budget: Duration,
    ) -> Result<Option<RunCost>, AdapterError> {
        let Some(kept) = self.shared.ledger.kept().filter(|_| detail != CostDetail::None) else {
            return Ok(None);
        };
        let computing = kept.computing();
        // Where no statement needed a warehouse, a question would start one.
        if computing <= kept.known_at {
            return Ok(self.cost_now());
        }
        // The one that runs anyway: the session's own may be suspended, and asking would be paid with a minute of it.
        let own = self.warehouse.clone();
        let other = kept.running.filter(|running| own.as_deref() != Some(running));
        if let Some(running) = &other {
            self.use_exactly(running).map_err(|error| error.into_adapter_error(false))?;
        }
        let asked = self.ask_all(detail, budget);
        if let Some(own) = own.filter(|_| other.is_some()) {
            self.use_exactly(&own).map_err(|error| error.into_adapter_error(false))?;
        }
        let note = asked?;
        Ok(self.cost_now().map(|mut cost| {
            cost.notes.extend(note);
            cost
        }))
    }

    /// Lets the warehouse of this name compute, in the letter case that it has.
    fn use_exactly(&mut self, warehouse: &str) -> Result<(), ServiceError> {
        self.ask(&format!("use warehouse \"{}\"", warehouse.replace('"', "\"\""))).map(drop)
    }

    /// Asks all that `detail` wants. Gives what keeps the partitions from being whole.
    fn ask_all(&mut self, detail: CostDetail, budget: Duration) -> Result<Option<String>, AdapterError> {
        self.ask_history()?;
        self.ask_warehouses()?;
        Ok(match detail {
            CostDetail::None | CostDetail::Basic => None,
            CostDetail::Auto => self.ask_partitions(Some(budget)),
            CostDetail::Full => self.ask_partitions(None),
        })
    }

    fn cost_now(&self) -> Option<RunCost> {
        let kept = self.shared.ledger.kept()?;
        Some(cost::run_cost(&kept, &self.shared.settings))
    }

    /// Runs a question, which is no part of what it asks about.
    fn ask(&mut self, sql: &str) -> Result<Answer, ServiceError> {
        let exchange = self.exchange();
        let timer = runtime()?.spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            exchange.abort().await;
        });
        let result = self.client.run(sql, Asked::default());
        timer.abort();
        let query_id = match &result {
            Ok(answer) => answer.query_id.as_str(),
            Err(error) => error.query_id(),
        };
        self.shared.ledger.note_own(query_id);
        result
    }

    /// The history of all sessions: one statement, and another for each ten thousand of a session.
    fn ask_history(&mut self) -> Result<(), AdapterError> {
        let mut late = false;
        loop {
            let Some(kept) = self.shared.ledger.kept() else { return Ok(()) };
            let database = crate::connection::identifier(&self.shared.settings.database);
            let mut entries = Vec::new();
            let mut sessions: Vec<u64> = kept.sessions.iter().copied().collect();
            let mut until: HashMap<u64, i64> = HashMap::new();
            while !sessions.is_empty() {
                let answer = self
                    .ask(&history::of_sessions(&database, &sessions, &until))
                    .map_err(|error| error.into_adapter_error(false))?;
                let found = history::entries(&answer);
                let mut counts: HashMap<u64, usize> = HashMap::new();
                let mut earliest: HashMap<u64, i64> = HashMap::new();
                for entry in &found {
                    *counts.entry(entry.session).or_default() += 1;
                    let end = earliest.entry(entry.session).or_insert(i64::MAX);
                    *end = entry.end.min(*end);
                }
                // A full page has more behind it, unless it says what the last one did.
                sessions = sessions
                    .into_iter()
                    .filter(|session| counts.get(session).is_some_and(|count| *count >= history::PAGE))
                    .filter(|session| earliest.get(session) < until.get(session).or(Some(&i64::MAX)))
                    .collect();
                until = earliest;
                entries.extend(found);
            }
            let known: std::collections::HashSet<&str> =
                entries.iter().map(|entry: &history::Entry| entry.query_id.as_str()).collect();
            let lacking =
                kept.statements.iter().any(|(id, (_, computes))| *computes && !known.contains(id.as_str()));
            if lacking && !late {
                late = true;
                std::thread::sleep(LAG);
                continue;
            }
            // What was learned before of partitions stays.
            let mut before = HashMap::new();
            for entry in kept.known {
                before.extend(entry.partitions.map(|partitions| (entry.query_id, partitions)));
            }
            cost::add_partitions(&mut entries, &before);
            let computing = kept.statements.values().filter(|(_, computes)| *computes).count();
            self.shared.ledger.learn(entries, computing);
            return Ok(());
        }
    }

    /// The kind of each warehouse that computed: it decides over the rate. `show` needs no warehouse.
    fn ask_warehouses(&mut self) -> Result<(), AdapterError> {
        let Some(kept) = self.shared.ledger.kept() else { return Ok(()) };
        let mut names: Vec<&str> =
            kept.known.iter().filter_map(|entry| entry.place()).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if kept.warehouses.contains_key(name) || self.shared.settings.credits_per_hour.of(name).is_some()
            {
                continue;
            }
            let sql = format!("show warehouses like {}", crate::connection::text(name));
            // A role that may use a warehouse need not see it: then it counts as one of the standard kind.
            let mut facts = self.ask(&sql).ok().and_then(|answer| facts(&answer, name));
            if let Some(warehouse) = facts.as_mut().filter(|warehouse| warehouse.is_second_generation()) {
                let answer = self.ask("select current_region()").ok();
                warehouse.region =
                    answer.and_then(|answer| answer.rows.into_iter().flatten().next().flatten());
            }
            self.shared.ledger.learn_warehouse(name, facts);
        }
        Ok(())
    }

    /// The partitions of the statements that scanned most. Gives what keeps them from being whole.
    fn ask_partitions(&mut self, budget: Option<Duration>) -> Option<String> {
        let kept = self.shared.ledger.kept()?;
        let wanted = cost::largest(&kept);
        let mut entries = kept.known;
        let began = Instant::now();
        let mut done = 0;
        let mut note = None;
        for ids in wanted.chunks(history::OPERATORS) {
            if budget.is_some_and(|budget| began.elapsed() >= budget) {
                note = Some(format!(
                    "partitions of the {done} largest of {} statements that scanned (--cost full asks for all)",
                    wanted.len()
                ));
                break;
            }
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            match self.ask(&history::of_operators(&ids)) {
                Ok(answer) => cost::add_partitions(&mut entries, &history::partitions(&answer)),
                Err(error) => {
                    let error = error.into_adapter_error(false);
                    note = Some(format!("no partitions: {}", first_line(&error.message)));
                    break;
                }
            }
            done += ids.len();
        }
        self.shared.ledger.learn(entries, kept.known_at);
        note
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a row of `show warehouses` says of the warehouse of this name.
fn facts(answer: &Answer, name: &str) -> Option<Warehouse> {
    let at = |wanted: &str| answer.columns.iter().position(|c| c.name.eq_ignore_ascii_case(wanted));
    let name_at = at("name")?;
    let row = answer.rows.iter().find(|row| row.get(name_at).and_then(Option::as_deref) == Some(name))?;
    let text = |wanted: &str| at(wanted).and_then(|at| row.get(at)?.clone()).unwrap_or_default();
    let mut constraint = text("resource_constraint").to_ascii_uppercase();
    if constraint.is_empty() && text("generation") == "2" {
        constraint = "STANDARD_GEN_2".to_owned();
    }
    Some(Warehouse { kind: text("type").to_ascii_uppercase(), constraint, region: None })
}
