//! Who is at work: one deployment at a time, and one that was killed is no hindrance.
//!
//! Where other processes can write to the database, whoever runs says so from time to time in `alive_at`; whoever finds a
//! run that has not ended watches whether it does.

use super::history::{Deployments, RunRecord, moment_of};
use super::{failed, wrong};
use chrono::{SubsecRound, Utc};
use kpi_adapter::{Cell, Fetch};
use kpi_diagnostics::{Diagnostic, Level};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often whoever runs says so.
const BEAT: Duration = Duration::from_secs(20);
/// How long another one is watched before its work is taken for broken off.
const WATCH: Duration = Duration::from_secs(60);
impl Deployments {
    /// Runs that have begun, not ended, and are not alive; they are marked as interrupted unless they were publishing.
    pub(super) fn broken_off(&self) -> Result<Vec<RunRecord>, Diagnostic> {
        let read =
            |sql: &str| self.rows(sql).map_err(|e| failed("the history of deployments cannot be read", &e));
        let sql = format!(
            "select run_id, kind, status, started_at, alive_at from {} where {} and status in ('running', 'publishing') \
             order by started_at",
            self.table(),
            self.own("")
        );
        let mut found = Vec::new();
        let watched = read(&sql)?;
        let alive = |rows: &[Vec<Cell>], id: &str| {
            rows.iter().find(|row| row[0].text() == id).map(|row| row[4].text())
        };
        let deadline = std::time::Instant::now() + self.watch();
        let interrupted = || self.engine.options.interrupted.load(std::sync::atomic::Ordering::Relaxed);
        if !watched.is_empty() && !self.engine.adapter.is_exclusive() {
            let id = watched[0][0].text();
            let text = format!("deployment {id} has not ended: looking whether it is at work");
            self.say("DeploymentWatched", Level::Info, text);
            let mut now = watched.clone();
            while std::time::Instant::now() < deadline && !interrupted() {
                std::thread::sleep(Duration::from_secs(2).min(self.watch()));
                now = read(&sql)?;
                let moved = watched.iter().find(|row| {
                    let id = row[0].text();
                    alive(&now, &id).is_some_and(|then| then != row[4].text())
                });
                if let Some(row) = moved {
                    let message = format!(
                        "another deployment is at work: {}, begun at {} UTC",
                        row[0].text(),
                        row[3].text()
                    );
                    return Err(wrong("K0941", message).with_hint("wait for its end, then deploy"));
                }
                if now.is_empty() {
                    break;
                }
            }
            if now.is_empty() {
                return Ok(Vec::new());
            }
        }
        for row in &watched {
            let record = RunRecord {
                run_id: row[0].text(),
                kind: row[1].text(),
                status: row[2].text(),
                started_at: moment_of(&row[3]).unwrap_or_default(),
                completed_at: None,
                restored: None,
                relations: 0,
                kept: 0,
            };
            if record.status == "running" {
                self.set_status(&record.run_id, "interrupted", None)?;
            }
            found.push(record);
        }
        Ok(found)
    }

    fn watch(&self) -> Duration {
        let seconds = std::env::var("KPI_DEPLOY_WATCH_SECONDS").ok().and_then(|text| text.parse().ok());
        seconds.map_or(WATCH, Duration::from_secs)
    }

    /// Says from time to time, on a session of its own, that this run is alive.
    pub(super) fn start_beat(&self) -> (Sender<()>, JoinHandle<()>) {
        let (end, ended) = channel();
        let engine = self.engine.clone();
        let comment = engine.query_comment(None, &self.connection).ok().flatten();
        let (table, id, words) = (self.table().clone(), self.quoted(&self.run_id), self.words);
        let beat = BEAT.min(self.watch() / 3);
        let thread = std::thread::spawn(move || {
            let connection = engine.connection("deploy");
            connection.assign("deploy", comment);
            while ended.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                let now = words.moment(Utc::now().naive_utc().trunc_subsecs(6));
                let sql = format!("update {table} set alive_at = {now} where run_id = {id}");
                // One that is missed is made up for by the next.
                let _ = connection.execute(&sql, false, Fetch::No);
            }
            connection.close();
        });
        (end, thread)
    }
}
