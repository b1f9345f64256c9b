//! Dropping containers that hold containers that hold containers, without using up the stack.

use super::{Dict, List, Value};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// How many containers may be dropped inside of one another before the rest is put aside.
const MAX_NESTED: u32 = 64;

thread_local! {
    static NESTED: Cell<u32> = const { Cell::new(0) };
    static ASIDE: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
}

/// Drops the items of a container.
fn dispose(items: Vec<Value>) {
    if !items.iter().any(|item| matches!(item, Value::List(_) | Value::Dict(_))) {
        return;
    }
    // While a thread ends, its locals are gone; then the items are dropped the plain way.
    let Ok(nested) = NESTED.try_with(|nested| nested.replace(nested.get() + 1)) else { return };
    if nested >= MAX_NESTED {
        let _ = ASIDE.try_with(|aside| aside.borrow_mut().push(items));
    } else {
        drop(items);
    }
    if nested == 0 {
        while let Some(items) = ASIDE.try_with(|aside| aside.borrow_mut().pop()).ok().flatten() {
            drop(items);
        }
    }
    let _ = NESTED.try_with(|counter| counter.set(nested));
}

impl Drop for List {
    fn drop(&mut self) {
        if let Some(items) = Arc::get_mut(&mut self.0) {
            dispose(std::mem::take(items.get_mut()));
        }
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        if let Some(entries) = Arc::get_mut(&mut self.0) {
            let entries = entries.get_mut();
            if entries.values().any(|item| matches!(item, Value::List(_) | Value::Dict(_))) {
                dispose(std::mem::take(entries).into_values().collect());
            }
        }
    }
}
