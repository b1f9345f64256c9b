//! A context of the names of all nodes and a few more: operations, generated names, texts in property files.

use super::Shared;
use kpi_jinja::{Context, Value};
use std::sync::Arc;

/// The names of [`super::lookup`] with some on top.
pub struct NameContext {
    /// What the invocation shares.
    pub shared: Arc<Shared>,
    /// Where bare macro names are looked up first.
    pub package: Arc<str>,
    /// Names of this context.
    pub own: Vec<(&'static str, Value)>,
}

impl Context for NameContext {
    fn lookup(&self, name: &str) -> Option<Value> {
        match self.own.iter().find(|(own, _)| *own == name) {
            Some((_, value)) => Some(value.clone()),
            None => super::lookup(&self.shared, &self.package, None, name),
        }
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.own.iter().map(|(name, _)| Arc::from(*name)).chain(super::names()).collect()
    }

    fn package(&self) -> &str {
        &self.package
    }
}
