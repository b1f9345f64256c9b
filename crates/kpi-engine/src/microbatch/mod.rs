//! Models of the strategy `microbatch`: built batch by batch, each a stretch of event time with a query of its own.
//!
//! The first batch goes alone, since it makes the table; if it fails, the others are skipped. Those between run side by side
//! where the model allows it. The last waits for all: `post-hook` comes after everything, as `pre-hook` comes before.

mod filter;
mod periods;
mod runner;

pub(crate) use filter::EventTime;
pub use periods::{Stretch, span_before};
pub(crate) use runner::BatchRun;

use crate::scope::NodeScope;
use chrono::{DateTime, Utc};
use kpi_artifacts::BatchResults;
use kpi_jinja::python::modules::datetime::{Zone, datetime_value};
use kpi_jinja::{MacroDef, Value};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a call says about event time.
#[derive(Debug, Clone)]
pub struct EventTimeOptions {
    /// `--event-time-start` and `--event-time-end`
    pub window: Option<Stretch>,
    /// `--sample`
    pub sample: Option<Stretch>,
    /// When the run began: where batches end. Of a retry, when the run began that it repeats.
    pub now: DateTime<Utc>,
    /// Of a retry: what came of the batches of a model (by its unique id). Only those that failed run again, and those
    /// that were built are named in the new results too.
    pub earlier: FxHashMap<String, BatchResults>,
}

impl Default for EventTimeOptions {
    fn default() -> Self {
        Self { window: None, sample: None, now: Utc::now(), earlier: FxHashMap::default() }
    }
}

/// A batch as the names of a node's context know it.
pub(crate) struct Batch {
    /// `model.batch.id`
    pub id: String,
    /// Added to the names of its files.
    pub label: String,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    pub first: bool,
    pub last: bool,
    /// The table is there and is added to, whatever `is_incremental()` would say of the flags.
    pub incremental: bool,
    /// Compiled: from here on [`Batch::incremental`] speaks for the macros.
    pub building: AtomicBool,
    /// Where its statements were written.
    pub written: Mutex<Option<Arc<str>>>,
}

impl Batch {
    /// Adds what only batches have to `model`.
    pub fn describe(&self, model: &Value) {
        let Some(model) = model.as_dict() else { return };
        let at = |at: DateTime<Utc>| datetime_value(at.naive_utc(), Some(Zone::Utc));
        let (start, end) = (at(self.start), at(self.end));
        if let Some(config) = model.get("config").as_ref().and_then(Value::as_dict) {
            config.insert("__dbt_internal_microbatch_event_time_start", start.clone());
            config.insert("__dbt_internal_microbatch_event_time_end", end.clone());
        }
        let parts =
            [("id", Value::from(self.id.as_str())), ("event_time_start", start), ("event_time_end", end)];
        model.insert("batch", Value::dict(parts));
    }

    /// `path` with the batch in its name: `models/orders.sql` becomes `models/orders/orders_2024-01-31.sql`.
    pub fn path(&self, path: &str) -> String {
        let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
        let (stem, extension) = match file.rfind('.').filter(|at| *at > 0) {
            Some(at) => file.split_at(at),
            None => (file, ""),
        };
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{stem}/{stem}_{}{extension}", self.label)
    }
}

impl NodeScope {
    /// Whether hooks of this kind are left to another batch.
    pub(crate) fn leaves_hooks(&self, key: &str) -> bool {
        self.batch.as_ref().is_some_and(|batch| match key {
            "pre-hook" => !batch.first,
            _ => !batch.last,
        })
    }

    /// What `is_incremental()` and `should_full_refresh()` are for a batch that is added to the table.
    pub(crate) fn batch_macro(&self, definition: &MacroDef) -> Option<Value> {
        let batch = self.batch.as_ref()?;
        if !batch.incremental || !batch.building.load(Ordering::Relaxed) {
            return None;
        }
        match &*definition.name {
            "is_incremental" => Some(Value::Bool(true)),
            "should_full_refresh" => Some(Value::Bool(false)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_batches_lie_in_a_folder_of_the_model() {
        let batch = Batch {
            id: String::new(),
            label: "2024-01".to_owned(),
            start: Utc::now(),
            end: Utc::now(),
            first: true,
            last: true,
            incremental: false,
            building: AtomicBool::new(false),
            written: Mutex::default(),
        };
        assert_eq!(
            batch.path("target/run/shop/models/a.b.sql"),
            "target/run/shop/models/a.b/a.b_2024-01.sql"
        );
        assert_eq!(batch.path("plain"), "plain/plain_2024-01");
    }
}
