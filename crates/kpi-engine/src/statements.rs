//! Reports every statement that is sent, as debug events.

use kpi_adapter::SqlLog;
use kpi_diagnostics::{Event, EventSink, Level};
use std::sync::Arc;

/// Sends statements to the events.
pub(crate) struct StatementLog {
    pub sink: Arc<dyn EventSink>,
}

impl SqlLog for StatementLog {
    fn sent(&self, sql: &str) {
        self.sink
            .emit(Event::new("SQLQuery", Level::Debug, format!("On connection: {sql}")).with("sql", sql));
    }

    fn ended(&self, status: &str, seconds: f64) {
        self.sink.emit(
            Event::new(
                "SQLQueryStatus",
                Level::Debug,
                format!("SQL status: {status} in {seconds:.3} seconds"),
            )
            .with("status", status)
            .with("elapsed", seconds),
        );
    }
}
