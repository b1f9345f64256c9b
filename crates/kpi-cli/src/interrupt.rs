//! Ctrl-C: the first time a run ends in good order, the second time at once.

use kpi_adapter::Adapter;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static ADAPTER: Mutex<Option<Arc<dyn Adapter>>> = Mutex::new(None);

/// The exit code of a process that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Listens for Ctrl-C. Where that is not possible, Ctrl-C ends the process as ever.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        let adapter = ADAPTER.lock().clone();
        let first = !INTERRUPTED.swap(true, Ordering::SeqCst);
        match adapter {
            Some(adapter) if first => {
                adapter.cancel_all();
                kpi_engine::end_python_processes();
            }
            _ => std::process::exit(ENDED_BY_SIGNAL),
        }
    });
}

/// Turned true by Ctrl-C.
pub fn flag() -> Arc<AtomicBool> {
    INTERRUPTED.clone()
}

/// From here on Ctrl-C cancels the statements of this target; before, it ends the process.
pub fn cancel_on_interrupt(adapter: &Arc<dyn Adapter>) {
    *ADAPTER.lock() = Some(adapter.clone());
}

/// Lets go of the target, so that its database is closed in good order.
pub fn release() {
    *ADAPTER.lock() = None;
}
