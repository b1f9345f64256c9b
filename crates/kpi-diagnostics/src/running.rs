//! The node that this thread works on, so that events from far below (a statement that is sent, a `log()` in a macro) can
//! say to which node they belong without every layer passing it on.

use serde_json::Value;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static NODE: RefCell<Option<Arc<Value>>> = const { RefCell::new(None) };
}

/// Names the node of this thread until it is dropped; the one before comes back then.
///
/// # Examples
///
/// ```
/// use kpi_diagnostics::{Running, running};
/// use serde_json::json;
///
/// let guard = Running::node(json!({"node_name": "orders"}));
/// assert_eq!(running().unwrap()["node_name"], "orders");
/// drop(guard);
/// assert!(running().is_none());
/// ```
#[derive(Debug)]
pub struct Running {
    before: Option<Arc<Value>>,
    /// It belongs to its thread.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Running {
    /// `info` is what structured logs say of a node (`node_info`).
    pub fn node(info: Value) -> Self {
        let before = NODE.with(|node| node.replace(Some(Arc::new(info))));
        Self { before, _thread: std::marker::PhantomData }
    }

    /// Says more about the same node: that it is executing now, for instance.
    pub fn update(&self, info: Value) {
        NODE.with(|node| node.replace(Some(Arc::new(info))));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let before = self.before.take();
        NODE.with(|node| node.replace(before));
    }
}

/// The node that this thread works on.
pub fn running() -> Option<Arc<Value>> {
    NODE.with(|node| node.borrow().clone())
}

/// This thread's name as dbt's logs and results have it: tools group lines by it.
pub fn thread_label() -> String {
    match std::thread::current().name() {
        Some(name) => match name.strip_prefix("worker-") {
            Some(number) => format!("Thread-{number} (worker)"),
            None => name.to_owned(),
        },
        None => "MainThread".to_owned(),
    }
}
