//! `sources.json` (v3): how old the data of sources is.

use crate::{Metadata, NodeStatus, Timing, time};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sources {
    /// Who made it and when.
    pub metadata: Metadata,
    /// Sources in the order in which they were asked.
    pub results: Vec<FreshnessResult>,
    /// Seconds of the whole run.
    pub elapsed_time: f64,
}

impl Sources {
    /// `https://schemas.getdbt.com/dbt/sources/v3.json`
    pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/sources/v3.json";
}

/// What came of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FreshnessResult {
    /// Asked.
    Known(Box<Freshness>),
    /// Could not be asked.
    Failed {
        /// The source.
        unique_id: String,
        /// Why.
        error: Option<String>,
        /// `runtime error`
        status: NodeStatus,
    },
}

/// The age of a source's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freshness {
    /// The source.
    pub unique_id: String,
    /// Time of the newest row.
    #[serde(with = "time::zoned")]
    pub max_loaded_at: DateTime<Utc>,
    /// Time of the question.
    #[serde(with = "time::zoned")]
    pub snapshotted_at: DateTime<Utc>,
    /// Seconds between them.
    pub max_loaded_at_time_ago_in_s: f64,
    /// `pass`, `warn`, `error`
    pub status: NodeStatus,
    /// `{"warn_after": {"count", "period"}, "error_after": ..., "filter"}`
    pub criteria: Json,
    /// What the database said.
    pub adapter_response: Map<String, Json>,
    /// Steps in order.
    pub timing: Vec<Timing>,
    /// Name of the worker.
    pub thread_id: String,
    /// Seconds.
    pub execution_time: f64,
}
