//! What came of an expectation.

use kpi_adapter::AdapterError;
use serde_json::{Map, Value as Json};

/// A verdict with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The data are as expected.
    pub success: bool,
    /// The figures, as in a validation result.
    pub result: Map<String, Json>,
    /// The verdict in words, where it failed.
    pub reason: Option<String>,
    /// A query that finds the rows that break the expectation, where rows do.
    pub rows: Option<String>,
    /// How many rows those are, where it was counted.
    pub unexpected: Option<i64>,
}

impl Outcome {
    /// A verdict without figures.
    pub fn of(success: bool) -> Self {
        Self { success, result: Map::new(), reason: None, rows: None, unexpected: None }
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.result.insert(name.to_owned(), value.into());
        self
    }

    /// Says why it failed.
    #[must_use]
    pub fn because(mut self, reason: impl FnOnce() -> String) -> Self {
        if !self.success {
            self.reason = Some(reason());
        }
        self
    }

    /// How many rows or values are not as expected.
    pub fn failures(&self) -> Option<u64> {
        let counted = self.unexpected.and_then(|n| u64::try_from(n).ok());
        counted.or_else(|| self.result.get("unexpected_count").and_then(Json::as_u64))
    }
}

/// An expectation could not be judged: it counts as not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// The run was cancelled, or the database is gone: nothing else can be asked either.
    pub fatal: bool,
}

impl Failure {
    /// With that message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), fatal: false }
    }
}

impl From<AdapterError> for Failure {
    fn from(error: AdapterError) -> Self {
        let fatal = error.kind != kpi_adapter::AdapterErrorKind::Statement;
        Self { message: error.message, fatal }
    }
}
