//! Execution of statements.

use super::loops::LoopObject;
use super::{Flow, Out, Piece, PieceKind, Slot};
use crate::syntax::ast::{
    Autoescape, CallBlock, Capture, Expr, For, Function, Init, ScopeInit, Stmt, Target, With,
};
use crate::{Args, Error, ErrorKind, Interp, Result, Value, python};
use std::sync::Arc;

impl Interp {
    /// Sets up the variables of a scope that is entered.
    pub(crate) fn init_scope(&mut self, init: &ScopeInit, base: usize) {
        for (slot, init) in init {
            let start = match init {
                Init::Missing => Slot::Missing,
                Init::Lazy => Slot::Lazy,
                Init::Copy(outer) => match self.stack.get(base + *outer as usize) {
                    Some(Slot::Cell(cell)) => cell.lock().clone(),
                    Some(other) => other.clone(),
                    None => Slot::Missing,
                },
            };
            match self.stack.get_mut(base + *slot as usize) {
                Some(Slot::Cell(cell)) => *cell.lock() = start,
                Some(entry) => *entry = start,
                None => {}
            }
        }
    }

    pub(crate) fn exec(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        body: &[Stmt],
        out: &mut Out,
    ) -> Result<Flow> {
        for statement in body {
            let flow = match statement {
                Stmt::Text(text) => {
                    match &mut out.pieces {
                        Some(pieces) => {
                            pieces.push(Piece { value: Value::Str(text.clone()), kind: PieceKind::Plain });
                        }
                        None => out.text.push_str(text),
                    }
                    Flow::Next
                }
                Stmt::Output(expr) => {
                    self.output(function, base, expr, out)?;
                    Flow::Next
                }
                Stmt::Do(expr) => {
                    self.eval(function, base, expr)?;
                    Flow::Next
                }
                Stmt::Return(expr) => {
                    self.returned = match expr {
                        Some(expr) => self.eval(function, base, expr)?,
                        None => Value::None,
                    };
                    Flow::Return
                }
                Stmt::If(branches, otherwise) => {
                    let mut taken = otherwise;
                    for (test, body) in branches {
                        if self.eval(function, base, test)?.is_true() {
                            taken = body;
                            break;
                        }
                    }
                    self.exec(function, base, taken, out)?
                }
                Stmt::For(node) => self.exec_for(function, base, node, out)?,
                Stmt::Set(target, value, pos) => {
                    let value = self.eval(function, base, value)?;
                    self.pos = *pos;
                    self.assign(base, target, value)?;
                    Flow::Next
                }
                Stmt::SetBlock(capture, target) => match self.capture(function, base, capture)? {
                    Ok(value) => {
                        self.pos = capture.pos;
                        self.assign(base, target, value)?;
                        Flow::Next
                    }
                    Err(flow) => flow,
                },
                Stmt::FilterBlock(capture) => match self.capture(function, base, capture)? {
                    Ok(value) => {
                        self.write_text(value, out)?;
                        Flow::Next
                    }
                    Err(flow) => flow,
                },
                Stmt::With(with) => self.exec_with(function, base, with, out)?,
                Stmt::Macro(inner, name) => {
                    let closure = self.close(inner, base, Some(name.name.clone()));
                    self.set(base, name.slot, Value::Object(closure));
                    Flow::Next
                }
                Stmt::CallBlock(block) => {
                    let value = self.exec_call_block(function, base, block)?;
                    self.write_text(value, out)?;
                    Flow::Next
                }
                Stmt::Block(inner) => self.run_block(inner, base, out)?,
                Stmt::Autoescape(node) => self.exec_autoescape(function, base, node, out)?,
                Stmt::Break => Flow::Break,
                Stmt::Continue => Flow::Continue,
                Stmt::Refuse(message, pos) => {
                    self.pos = *pos;
                    return Err(Error::type_error(*message));
                }
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn output(&mut self, function: &Arc<Function>, base: usize, expr: &Expr, out: &mut Out) -> Result<()> {
        if out.pieces.is_none() {
            let value = self.eval(function, base, expr)?;
            return self.write(value, false, out);
        }
        let (expr, kind) = match expr {
            Expr::Filter(filter) => match (&*filter.name, &filter.value) {
                ("as_text", Some(inner)) => (inner, PieceKind::Text),
                ("as_native", Some(inner)) => (inner, PieceKind::Native),
                ("as_bool", Some(inner)) => (inner, PieceKind::Bool),
                ("as_number", Some(inner)) => (inner, PieceKind::Number),
                _ => (expr, PieceKind::Plain),
            },
            _ => (expr, PieceKind::Plain),
        };
        // jinja2 turns constants into text when it compiles.
        let constant = kind == PieceKind::Plain && expr.is_constant();
        let value = self.eval(function, base, expr)?;
        let value = if constant { Value::Str(value.to_str()) } else { value };
        if let Some(pieces) = &mut out.pieces {
            pieces.push(Piece { value, kind });
        }
        Ok(())
    }

    /// Prints a value; `safe` text is not escaped.
    fn write(&mut self, value: Value, safe: bool, out: &mut Out) -> Result<()> {
        if let Some(pieces) = &mut out.pieces {
            pieces.push(Piece { value, kind: PieceKind::Plain });
            return Ok(());
        }
        if self.autoescape
            && !safe
            && let Some(escape) = python::filters::get("e")
        {
            escape(self, value, Args::default())?.write_str(&mut out.text);
            return Ok(());
        }
        value.write_str(&mut out.text);
        Ok(())
    }

    pub(crate) fn assign(&mut self, base: usize, target: &Target, value: Value) -> Result<()> {
        match target {
            Target::Name(name) => {
                self.set(base, name.slot, value);
                Ok(())
            }
            Target::Attr(name, attribute, pos) => {
                let namespace = self.load(base, name);
                self.pos = *pos;
                let done = match namespace.as_object() {
                    Some(object) => object.clone().set_attr(attribute, value)?,
                    None => false,
                };
                if done {
                    return Ok(());
                }
                namespace.require_defined()?;
                Err(Error::new(ErrorKind::Runtime, "cannot assign attribute on non-namespace object"))
            }
            Target::Tuple(targets, pos) => {
                let items = value.iterate(self).map_err(|error| match error.kind() {
                    ErrorKind::Type => {
                        Error::type_error(format!("cannot unpack non-iterable {} object", value.type_name()))
                    }
                    _ => error,
                })?;
                let items: Vec<Value> = items.take(targets.len() + 1).collect();
                self.pos = *pos;
                if items.len() > targets.len() {
                    return Err(Error::value_error(format!(
                        "too many values to unpack (expected {})",
                        targets.len()
                    )));
                }
                if items.len() < targets.len() {
                    return Err(Error::value_error(format!(
                        "not enough values to unpack (expected {}, got {})",
                        targets.len(),
                        items.len()
                    )));
                }
                targets.iter().zip(items).try_for_each(|(target, item)| self.assign(base, target, item))
            }
        }
    }

    /// Prints what a block gave, which has to be text.
    fn write_text(&mut self, value: Value, out: &mut Out) -> Result<()> {
        match &value {
            Value::Str(_) => {}
            Value::Object(object) if object.type_name() == "Markup" => {}
            _ if out.pieces.is_some() => {}
            other => {
                let error = Error::type_error(format!(
                    "sequence item: expected str instance, {} found. The macro of a call block must not return() \
                     anything but text",
                    other.type_name()
                ));
                out.misfit.get_or_insert((error, self.pos));
                return Ok(());
            }
        }
        self.write(value, true, out)
    }

    /// The filtered text of a block, or how its execution was left early.
    fn capture(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        capture: &Capture,
    ) -> Result<Result<Value, Flow>> {
        self.init_scope(&capture.init, base);
        let mut inner = Out::default();
        let flow = self.exec(function, base, &capture.body, &mut inner)?;
        if flow != Flow::Next {
            return Ok(Err(flow));
        }
        let mut value = Value::from(inner.into_text(&mut self.pos)?);
        if let Some(filter) = &capture.filter {
            self.captured = value;
            value = self.eval(function, base, filter)?;
        }
        Ok(Ok(value))
    }

    fn exec_with(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        with: &With,
        out: &mut Out,
    ) -> Result<Flow> {
        let mut values = Vec::with_capacity(with.values.len());
        for (_, value) in &with.values {
            values.push(self.eval(function, base, value)?);
        }
        self.init_scope(&with.init, base);
        self.pos = with.pos;
        for ((target, _), value) in with.values.iter().zip(values) {
            self.assign(base, target, value)?;
        }
        self.exec(function, base, &with.body, out)
    }

    fn exec_autoescape(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        node: &Autoescape,
        out: &mut Out,
    ) -> Result<Flow> {
        self.init_scope(&node.init, base);
        let on = self.eval(function, base, &node.on)?.is_true();
        let before = std::mem::replace(&mut self.autoescape, on);
        let flow = self.exec(function, base, &node.body, out);
        self.autoescape = before;
        flow
    }

    fn exec_call_block(&mut self, function: &Arc<Function>, base: usize, block: &CallBlock) -> Result<Value> {
        let caller = Value::Object(self.close(&block.caller, base, None));
        let call = &block.call;
        self.eval_call(function, base, &call.callee, &call.args, Some(caller), call.pos)
    }

    fn exec_for(&mut self, function: &Arc<Function>, base: usize, node: &For, out: &mut Out) -> Result<Flow> {
        let recursion = self.recursing.take();
        let iterable = self.eval(function, base, &node.iterable)?;
        if let Some(inner) = &node.recursive {
            let closure = self.close(inner, base, None);
            self.pos = node.pos;
            let value = self.run_loop(&closure, iterable, 0)?;
            self.write(value, true, out)?;
            return Ok(Flow::Next);
        }
        self.pos = node.pos;
        let mut items = iterable.iterate(self)?;
        let mut filtered = iterable;
        let mut test = node.test.as_ref();
        if let (Some(condition), Some(_)) = (test, node.loop_slot) {
            // `loop` looks ahead, so it has to know what the filter lets through.
            let mut kept = Vec::new();
            for item in items.by_ref() {
                if self.passes(function, base, node, condition, &item)? {
                    kept.push(item);
                }
            }
            filtered = Value::list(kept);
            items = filtered.iterate(self)?;
            test = None;
        }
        let looping = match node.loop_slot {
            Some(slot) => {
                let (closure, depth) = match recursion {
                    Some((closure, depth)) => (Some(closure), depth),
                    None => (None, 0),
                };
                let source = std::mem::replace(&mut items, Value::undefined("").iterate(self)?);
                Some((slot, LoopObject::new(filtered, source, closure, depth)))
            }
            None => None,
        };
        let mut any = false;
        loop {
            let next = match &looping {
                Some((_, state)) => state.advance(),
                None => items.next(),
            };
            let Some(item) = next else { break };
            if let Some(condition) = test
                && !self.passes(function, base, node, condition, &item)?
            {
                continue;
            }
            self.init_scope(&node.init, base);
            if let Some((slot, state)) = &looping {
                self.set(base, *slot, Value::Object(state.clone()));
            }
            if let Target::Name(name) = &node.target {
                self.set(base, name.slot, item);
            } else {
                self.pos = node.pos;
                self.assign(base, &node.target, item)?;
            }
            match self.exec(function, base, &node.body, out)? {
                Flow::Break => break,
                Flow::Return => return Ok(Flow::Return),
                // jinja2 notes an iteration at the end of the body only.
                Flow::Next => any = true,
                Flow::Continue => {}
            }
        }
        if !any && !node.otherwise.is_empty() {
            self.init_scope(&node.else_init, base);
            return self.exec(function, base, &node.otherwise, out);
        }
        Ok(Flow::Next)
    }

    fn passes(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        node: &For,
        condition: &Expr,
        item: &Value,
    ) -> Result<bool> {
        self.init_scope(&node.test_init, base);
        if let Some(target) = &node.test_target {
            self.assign(base, target, item.clone())?;
        }
        Ok(self.eval(function, base, condition)?.is_true())
    }
}
