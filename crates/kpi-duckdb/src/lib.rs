//! The DuckDB target: an in-process database behind the Adapter trait.
//!
//! One database instance is opened for a run, lazily; every worker gets a connection of its own to it. Results are
//! decoded from Arrow with DuckDB's own types, so that nothing is lost on the way to templates.

mod adapter;
mod attach;
mod connection;
mod decode;
mod errors;
mod exchange;
mod explain;
mod settings;
mod types;
mod versions;

pub use adapter::DuckDbAdapter;
pub use settings::DuckDbSettings;

/// The version of the DuckDB library: `1.5.5`.
pub fn version() -> String {
    let version = duckdb::Connection::open_in_memory().and_then(|session| session.version());
    version.map(|v| v.trim_start_matches('v').to_owned()).unwrap_or_else(|_| "unknown".to_owned())
}
