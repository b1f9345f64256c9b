//! Reports every session and every statement that is sent, as debug events.

use kpi_adapter::SqlLog;
use kpi_diagnostics::{Event, EventSink, Level};
use std::sync::Arc;

/// Sends statements to the events.
pub(crate) struct StatementLog {
    pub sink: Arc<dyn EventSink>,
    /// `duckdb`
    pub target: &'static str,
}

impl SqlLog for StatementLog {
    fn sent(&self, connection: &str, sql: &str) {
        let event = |name, message| Event::new(name, Level::Debug, message).with("conn_name", connection);
        match sql {
            "COMMIT" => self.sink.emit(event("SQLCommit", format!("On {connection}: COMMIT"))),
            "ROLLBACK" => self.sink.emit(event("Rollback", format!("On {connection}: ROLLBACK"))),
            _ => {}
        }
        self.sink.emit(event("SQLQuery", format!("On {connection}: {sql}")).with("sql", sql));
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

    fn noted(&self, text: &str) {
        let message = format!("{} adapter: {text}", self.target);
        self.sink.emit(
            Event::new("AdapterEventDebug", Level::Debug, message)
                .with("name", self.target)
                .with("base_msg", text),
        );
    }

    fn opened(&self, connection: &str) {
        let message = format!("Acquiring new {} connection '{connection}'", self.target);
        self.sink.emit(
            Event::new("NewConnection", Level::Debug, message)
                .with("conn_type", self.target)
                .with("conn_name", connection),
        );
    }
}
