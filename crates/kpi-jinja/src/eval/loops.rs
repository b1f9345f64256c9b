//! The `loop` variable.

use super::call::Closure;
use crate::{Args, Error, Interp, Object, Result, Value, ValueIter};
use parking_lot::Mutex;
use std::sync::Arc;

/// `loop` inside of a `for`: where the iteration is.
pub(crate) struct LoopObject {
    state: Mutex<State>,
    /// The loop as a function, if it is recursive.
    recurse: Option<Arc<Closure>>,
    depth: i64,
}

struct State {
    iterable: Value,
    items: ValueIter,
    /// Items that were taken early, to know whether there are more.
    ahead: std::collections::VecDeque<Value>,
    index0: i64,
    length: Option<usize>,
    previous: Option<Value>,
    current: Option<Value>,
    changed: Option<Vec<Value>>,
}

impl State {
    fn peek(&mut self) -> Option<&Value> {
        if self.ahead.is_empty() {
            let item = self.items.next()?;
            self.ahead.push_back(item);
        }
        self.ahead.front()
    }

    fn length(&mut self) -> i64 {
        if self.length.is_none() {
            self.length = Some(match self.iterable.length() {
                Some(length) => length,
                None => {
                    self.ahead.extend(self.items.by_ref());
                    usize::try_from(self.index0 + 1).unwrap_or(0) + self.ahead.len()
                }
            });
        }
        self.length.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX)
    }
}

impl LoopObject {
    pub(crate) fn new(
        iterable: Value,
        items: ValueIter,
        recurse: Option<Arc<Closure>>,
        depth: i64,
    ) -> Arc<Self> {
        let state = State {
            iterable,
            items,
            ahead: std::collections::VecDeque::new(),
            index0: -1,
            length: None,
            previous: None,
            current: None,
            changed: None,
        };
        Arc::new(Self { state: Mutex::new(state), recurse, depth })
    }

    /// Goes on to the next item.
    pub(crate) fn advance(&self) -> Option<Value> {
        let mut state = self.state.lock();
        let item = match state.ahead.pop_front() {
            Some(item) => item,
            None => state.items.next()?,
        };
        state.index0 += 1;
        state.previous = state.current.take();
        state.current = Some(item.clone());
        Some(item)
    }
}

impl Object for LoopObject {
    fn type_name(&self) -> &str {
        "LoopContext"
    }

    fn attr(self: Arc<Self>, interp: &mut Interp, name: &str) -> Result<Option<Value>> {
        let mut state = self.state.lock();
        let no_item = |hint: &str| interp.undefined(None, Some(hint.into()));
        Ok(Some(match name {
            "index" => Value::Int(state.index0 + 1),
            "index0" => Value::Int(state.index0),
            "revindex" => Value::Int(state.length() - state.index0),
            "revindex0" => Value::Int(state.length() - state.index0 - 1),
            "first" => Value::Bool(state.index0 == 0),
            "last" => Value::Bool(state.peek().is_none()),
            "length" => Value::Int(state.length()),
            "depth" => Value::Int(self.depth + 1),
            "depth0" => Value::Int(self.depth),
            "previtem" => state.previous.clone().unwrap_or_else(|| no_item("there is no previous item")),
            "nextitem" => state.peek().cloned().unwrap_or_else(|| no_item("there is no next item")),
            "cycle" | "changed" => {
                drop(state);
                let bound = self.clone();
                let method: &'static str = if name == "cycle" { "cycle" } else { "changed" };
                crate::function(method, move |interp, args| {
                    bound.clone().call_method(interp, method, args).map(Option::unwrap_or_default)
                })
            }
            _ => return Ok(None),
        }))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        let mut state = self.state.lock();
        match name {
            "cycle" => {
                let count = i64::try_from(args.positional.len()).unwrap_or(0);
                if count == 0 {
                    return Err(Error::type_error("no items for cycling given"));
                }
                let index = usize::try_from(state.index0.rem_euclid(count)).unwrap_or(0);
                Ok(args.positional.into_iter().nth(index))
            }
            "changed" => {
                let same = state.changed.as_ref() == Some(&args.positional);
                if !same {
                    state.changed = Some(args.positional);
                }
                Ok(Some(Value::Bool(!same)))
            }
            _ => Ok(None),
        }
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        let Some(recurse) = self.recurse.clone() else {
            return Err(Error::type_error(
                "The loop must have the 'recursive' marker to be called recursively.",
            ));
        };
        let [items] = args.bind("loop", ["iterable"])?;
        interp.run_loop(&recurse, items.unwrap_or_default(), self.depth + 1).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn length(&self) -> Option<usize> {
        usize::try_from(self.state.lock().length()).ok()
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let mut state = self.state.lock();
        let index = state.index0 + 1;
        format!("<LoopContext {index}/{}>", state.length())
    }
}
