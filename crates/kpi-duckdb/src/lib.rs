//! The DuckDB target: an in-process database behind the Adapter trait.
//!
//! One database instance is opened for a run, lazily; every worker gets a connection of its own to it. Results are
//! decoded from Arrow with DuckDB's own types, so that nothing is lost on the way to templates.

mod adapter;
mod attach;
mod connection;
mod decode;
mod errors;
mod recovery;
mod settings;
mod types;

pub use adapter::DuckDbAdapter;
pub use settings::DuckDbSettings;
