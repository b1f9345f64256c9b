//! `adapter` in a template.

/// `adapter` in a template: dbt's adapter methods over a connection and the relation cache.
pub struct AdapterObject;

/// Where executed SQL is reported.
pub trait SqlLog: Send + Sync {
    /// A statement was sent.
    fn sent(&self, sql: &str);
    /// A statement ended after some seconds.
    fn ended(&self, status: &str, seconds: f64);
}
