//! What names mean in templates, for all nodes alike: variables, the environment, the target, exceptions...
//!
//! [`Shared`] is made once per invocation. The parser and the engine add the names of one node on top.

use crate::{Node, RefCall};
use kpi_adapter::{Adapter, AdapterFacts};
use kpi_diagnostics::EventSink;
use kpi_jinja::{Args, Error, Interp, Value};
use kpi_project::Project;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What all templates of an invocation share.
pub struct Shared {
    /// The files.
    pub project: Arc<Project>,
    /// The target.
    pub adapter: Arc<dyn Adapter>,
    /// What `adapter` answers without a connection.
    pub facts: Arc<AdapterFacts>,
    /// Every flag by its lower-case name.
    pub flags: Map<String, Json>,
    /// Of this invocation.
    pub invocation_id: Arc<str>,
    /// When it started.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Where `log()` and warnings go.
    pub sink: Arc<dyn EventSink>,
}

/// A name that all contexts have, in a node of `package`; `None`: no such name.
pub fn lookup(shared: &Arc<Shared>, package: &str, node: Option<&Node>, name: &str) -> Option<Value> {
    let _ = (shared, package, node, name);
    None
}

/// All names that [`lookup`] knows.
pub fn names() -> Vec<Arc<str>> {
    Vec::new()
}

/// The arguments of `ref()`.
///
/// # Errors
/// Not one or two strings.
pub fn parse_ref_args(args: Args) -> Result<RefCall, Error> {
    let _ = args;
    Err(Error::compilation("ref() takes one or two arguments"))
}

/// The arguments of `source()`.
///
/// # Errors
/// Not two strings.
pub fn parse_source_args(args: Args) -> Result<[Arc<str>; 2], Error> {
    let _ = args;
    Err(Error::compilation("source() takes two arguments"))
}

/// The macro and the rendered arguments of a generic test.
///
/// # Errors
/// What rendering an argument raises.
pub fn generic_test_call(
    shared: &Arc<Shared>,
    node: &Node,
    interp: &mut Interp,
) -> Result<(String, Vec<(Arc<str>, Value)>), Error> {
    let _ = (shared, node, interp);
    Ok((String::new(), Vec::new()))
}
