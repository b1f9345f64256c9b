//! `run_results.json` (v6): what came of every node of a run.

use crate::{Metadata, time};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::fmt;

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NodeStatus {
    /// Built.
    #[serde(rename = "success")]
    Success,
    /// Failed to build or to run.
    #[serde(rename = "error")]
    Error,
    /// A test found failures.
    #[serde(rename = "fail")]
    Fail,
    /// A test found failures of severity `warn`.
    #[serde(rename = "warn")]
    Warn,
    /// Not run because of a failure upstream.
    #[serde(rename = "skipped")]
    Skipped,
    /// Some batches failed.
    #[serde(rename = "partial success")]
    PartialSuccess,
    /// A test passed.
    #[serde(rename = "pass")]
    Pass,
    /// Freshness could not be asked.
    #[serde(rename = "runtime error")]
    RuntimeError,
    /// Nothing to do (exposures, saved queries).
    #[serde(rename = "no-op")]
    NoOp,
}

impl NodeStatus {
    /// The word in files and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Skipped => "skipped",
            Self::PartialSuccess => "partial success",
            Self::Pass => "pass",
            Self::RuntimeError => "runtime error",
            Self::NoOp => "no-op",
        }
    }

    /// The status of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        use NodeStatus::*;
        [Success, Error, Fail, Warn, Skipped, PartialSuccess, Pass, RuntimeError, NoOp]
            .into_iter()
            .find(|status| status.as_str() == word)
    }

    /// Whether the run as a whole failed by it.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError | Self::PartialSuccess)
    }
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step of a node with its times: `compile`, `execute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// `compile`, `execute`
    pub name: String,
    /// When it began.
    #[serde(with = "time::optional", default)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(with = "time::optional", default)]
    pub completed_at: Option<DateTime<Utc>>,
}

/// Batches of a microbatch model, each by start and end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchResults {
    /// Built.
    pub successful: Vec<(String, String)>,
    /// Failed.
    pub failed: Vec<(String, String)>,
}

/// What came of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeResult {
    /// How it ended.
    pub status: NodeStatus,
    /// Steps in order.
    pub timing: Vec<Timing>,
    /// Name of the worker: `Thread-1 (worker)`.
    pub thread_id: String,
    /// Seconds from start to end.
    pub execution_time: f64,
    /// What the database said: `_message`, `rows_affected`.
    pub adapter_response: Map<String, Json>,
    /// Why it ended so.
    #[serde(default)]
    pub message: Option<String>,
    /// Rows that a test counted.
    #[serde(default)]
    pub failures: Option<i64>,
    /// The node.
    pub unique_id: String,
    /// Whether it was compiled; `None` for what is not compiled (seeds).
    #[serde(default)]
    pub compiled: Option<bool>,
    /// SQL after templates.
    #[serde(default)]
    pub compiled_code: Option<String>,
    /// Rendered relation.
    #[serde(default)]
    pub relation_name: Option<String>,
    /// Batches of a microbatch model.
    #[serde(default)]
    pub batch_results: Option<BatchResults>,
}

impl NodeResult {
    /// A result without times, SQL and message.
    pub fn new(unique_id: impl Into<String>, status: NodeStatus) -> Self {
        Self {
            status,
            timing: Vec::new(),
            thread_id: "MainThread".to_owned(),
            execution_time: 0.0,
            adapter_response: Map::new(),
            message: None,
            failures: None,
            unique_id: unique_id.into(),
            compiled: None,
            compiled_code: None,
            relation_name: None,
            batch_results: None,
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunResults {
    /// Who made it and when.
    pub metadata: Metadata,
    /// Nodes in the order in which they ended.
    pub results: Vec<NodeResult>,
    /// Seconds of the whole run.
    pub elapsed_time: f64,
    /// Flags of the call by name.
    #[serde(default)]
    pub args: Map<String, Json>,
}

impl RunResults {
    /// `https://schemas.getdbt.com/dbt/run-results/v6.json`
    pub const SCHEMA: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";
}
