//! Gives every variable its slot, by jinja2's rules of scope.
//!
//! jinja2 decides while it compiles what a name means in a scope: names that the scope assigns belong to it from its
//! start (and begin as what the enclosing scope has, or as what the context has where the assignment is inside of an
//! `if` or behind a read, or as undefined), names that an enclosing scope knows are that scope's, all others come from
//! the context. Macros and call blocks share the variables of the scopes around them.

use super::ast::*;
use super::parser::{Uses, target_names};
use std::sync::Arc;

/// A scope that is being resolved.
#[derive(Default)]
struct Scope {
    refs: Vec<(Arc<str>, u32)>,
    init: ScopeInit,
    stores: Vec<Arc<str>>,
}

impl Scope {
    fn find(&self, name: &str) -> Option<u32> {
        self.refs.iter().find(|(known, _)| &**known == name).map(|(_, slot)| *slot)
    }

    fn set_init(&mut self, slot: u32, init: Init) {
        match self.init.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, known)) => *known = init,
            None => self.init.push((slot, init)),
        }
    }
}

/// A function that is being resolved.
#[derive(Default)]
struct Frame {
    scopes: Vec<Scope>,
    slots: u32,
    cells: Vec<u32>,
    /// Variables of enclosing functions: name, slot there, slot here.
    captures: Vec<(Arc<str>, u32, u32)>,
}

struct Resolver {
    frames: Vec<Frame>,
    blocks: Vec<Arc<Function>>,
}

/// Resolves a template: the function that renders it.
pub(super) fn template(source: &Arc<Source>, body: Vec<Stmt>, uses: Uses) -> Function {
    let mut root = Function {
        name: Arc::from("root"),
        source: source.clone(),
        pos: 0,
        parameters: Vec::new(),
        body,
        slots: 0,
        init: Vec::new(),
        cells: Vec::new(),
        captures: Vec::new(),
        caller: None,
        varargs: None,
        kwargs: None,
        explicit_caller: false,
        self_slot: uses.itself.then_some(0),
        blocks: Vec::new(),
    };
    let mut resolver = Resolver { frames: Vec::new(), blocks: Vec::new() };
    resolver.function(&mut root);
    root.blocks = resolver.blocks;
    root
}

impl Resolver {
    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn scope(&mut self) -> &mut Scope {
        let frame = self.frame();
        if frame.scopes.is_empty() {
            frame.scopes.push(Scope::default());
        }
        let last = frame.scopes.len() - 1;
        &mut frame.scopes[last]
    }

    fn new_slot(&mut self) -> u32 {
        let frame = self.frame();
        frame.slots += 1;
        frame.slots - 1
    }

    /// The slot of a name in the scopes of the current function, or as a variable shared with an enclosing one.
    fn find(&mut self, name: &str) -> Option<u32> {
        let depth = self.frames.len();
        self.find_in(depth.checked_sub(1)?, usize::MAX, name)
    }

    /// The same without the innermost scope.
    fn find_outer(&mut self, name: &str) -> Option<u32> {
        let depth = self.frames.len().checked_sub(1)?;
        let inner = self.frames.get(depth)?.scopes.len().saturating_sub(1);
        self.find_in(depth, inner, name)
    }

    fn find_in(&mut self, depth: usize, scopes: usize, name: &str) -> Option<u32> {
        let frame = self.frames.get(depth)?;
        if let Some(slot) = frame.scopes.iter().take(scopes).rev().find_map(|s| s.find(name)) {
            return Some(slot);
        }
        if let Some((_, _, slot)) = frame.captures.iter().find(|(known, _, _)| &**known == name) {
            return Some(*slot);
        }
        let outer = self.find_in(depth.checked_sub(1)?, usize::MAX, name)?;
        if outer == GLOBAL {
            return Some(GLOBAL);
        }
        let parent = self.frames.get_mut(depth - 1)?;
        if !parent.cells.contains(&outer) {
            parent.cells.push(outer);
        }
        let frame = self.frames.get_mut(depth)?;
        let slot = frame.slots;
        frame.slots += 1;
        frame.captures.push((name.into(), outer, slot));
        Some(slot)
    }

    /// A name is read. Names that no scope knows need no slot unless the scope assigns them later.
    fn load(&mut self, name: &Arc<str>) {
        if self.find(name).is_none() {
            let scope = self.scope();
            if !scope.refs.iter().any(|(known, _)| known == name) {
                scope.refs.push((name.clone(), GLOBAL));
            }
        }
    }

    /// A name is assigned.
    fn store(&mut self, name: &Arc<str>) {
        if !self.scope().stores.contains(name) {
            self.scope().stores.push(name.clone());
        }
        match self.scope().find(name) {
            // Read before in this scope: it begins as what the context has.
            Some(GLOBAL) => {
                let slot = self.new_slot();
                let scope = self.scope();
                if let Some(entry) = scope.refs.iter_mut().find(|(known, _)| known == name) {
                    entry.1 = slot;
                }
                scope.set_init(slot, Init::Lazy);
            }
            Some(_) => {}
            None => {
                let init = match self.find_outer(name) {
                    Some(GLOBAL) => Init::Lazy,
                    Some(outer) => Init::Copy(outer),
                    None => Init::Missing,
                };
                let slot = self.new_slot();
                let scope = self.scope();
                scope.refs.push((name.clone(), slot));
                scope.set_init(slot, init);
            }
        }
    }

    /// A parameter: the evaluator fills its slot.
    fn parameter(&mut self, name: &Arc<str>) -> u32 {
        if !self.scope().stores.contains(name) {
            self.scope().stores.push(name.clone());
        }
        let slot = self.new_slot();
        let scope = self.scope();
        match scope.refs.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = slot,
            None => scope.refs.push((name.clone(), slot)),
        }
        slot
    }

    // ---- first pass over a scope: what it reads and assigns, without the scopes inside of it

    fn collect(&mut self, body: &[Stmt]) {
        for statement in body {
            self.collect_statement(statement);
        }
    }

    fn collect_statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Text(_) | Stmt::Break | Stmt::Continue | Stmt::Refuse(..) | Stmt::Block(_) => {}
            Stmt::Output(expr) | Stmt::Do(expr) => self.collect_expr(expr),
            Stmt::Return(expr) => expr.iter().for_each(|e| self.collect_expr(e)),
            Stmt::If(branches, otherwise) => {
                let before = self.scope().stores.len();
                // jinja2 counts the tests of `elif` to their branches.
                for (test, body) in branches {
                    self.collect_expr(test);
                    self.collect(body);
                }
                self.collect(otherwise);
                // Whatever only a branch assigns begins as what is known from outside.
                let fresh: Vec<Arc<str>> = self.scope().stores.iter().skip(before).cloned().collect();
                for name in fresh {
                    let init = match self.find_outer(&name) {
                        Some(GLOBAL) | None => Init::Lazy,
                        Some(outer) => Init::Copy(outer),
                    };
                    let scope = self.scope();
                    if let Some(slot) = scope.find(&name) {
                        scope.set_init(slot, init);
                    }
                }
            }
            Stmt::For(node) => self.collect_expr(&node.iterable),
            Stmt::Set(target, value, _) => {
                self.collect_expr(value);
                self.collect_target(target);
            }
            Stmt::SetBlock(_, target) => self.collect_target(target),
            Stmt::With(with) => with.values.iter().for_each(|(_, value)| self.collect_expr(value)),
            Stmt::FilterBlock(capture) => capture.filter.iter().for_each(|f| self.collect_expr(f)),
            Stmt::Macro(_, name) => self.store(&name.name),
            Stmt::CallBlock(block) => {
                self.collect_expr(&block.call.callee);
                self.collect_args(&block.call.args);
            }
            // A scope of its own in jinja2 as well.
            Stmt::Autoescape(_) => {}
        }
    }

    fn collect_target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.store(&name.name),
            Target::Attr(name, _, _) => self.load(&name.name),
            Target::Tuple(items, _) => items.iter().for_each(|t| self.collect_target(t)),
        }
    }

    fn collect_args(&mut self, args: &CallArgs) {
        args.positional.iter().for_each(|e| self.collect_expr(e));
        args.keyword.iter().for_each(|(_, e)| self.collect_expr(e));
        args.spread.iter().for_each(|e| self.collect_expr(e));
        args.spread_keyword.iter().for_each(|e| self.collect_expr(e));
    }

    fn collect_expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Const(_) => {}
            Expr::Name(name) => self.load(&name.name),
            Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => {
                items.iter().for_each(|e| self.collect_expr(e));
            }
            Expr::Dict(items, _) => items.iter().for_each(|(k, v)| {
                self.collect_expr(k);
                self.collect_expr(v);
            }),
            Expr::Not(e) | Expr::Neg(e, _) | Expr::Plus(e, _) | Expr::Attr(e, _, _) => self.collect_expr(e),
            Expr::And(pair) | Expr::Or(pair) | Expr::Binary(_, pair, _) | Expr::Item(pair, _) => {
                self.collect_expr(&pair.0);
                self.collect_expr(&pair.1);
            }
            Expr::Compare(first, rest, _) => {
                self.collect_expr(first);
                rest.iter().for_each(|(_, e)| self.collect_expr(e));
            }
            Expr::Cond(cond) => {
                self.collect_expr(&cond.test);
                self.collect_expr(&cond.then);
                cond.otherwise.iter().for_each(|e| self.collect_expr(e));
            }
            Expr::Slice(parts) => parts.iter().flatten().for_each(|e| self.collect_expr(e)),
            Expr::Call(call) => {
                self.collect_expr(&call.callee);
                self.collect_args(&call.args);
            }
            Expr::Filter(filter) => {
                filter.value.iter().for_each(|e| self.collect_expr(e));
                self.collect_args(&filter.args);
            }
            Expr::Test(test) => {
                self.collect_expr(&test.value);
                self.collect_args(&test.args);
            }
        }
    }

    // ---- second pass: slots

    fn name(&mut self, name: &mut Name) {
        name.slot = self.find(&name.name).unwrap_or(GLOBAL);
    }

    fn target(&mut self, target: &mut Target) {
        match target {
            Target::Name(name) | Target::Attr(name, _, _) => self.name(name),
            Target::Tuple(items, _) => items.iter_mut().for_each(|t| self.target(t)),
        }
    }

    fn args(&mut self, args: &mut CallArgs) {
        args.positional.iter_mut().for_each(|e| self.expr(e));
        args.keyword.iter_mut().for_each(|(_, e)| self.expr(e));
        args.spread.iter_mut().for_each(|e| self.expr(e));
        args.spread_keyword.iter_mut().for_each(|e| self.expr(e));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Const(_) => {}
            Expr::Name(name) => self.name(name),
            Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => {
                items.iter_mut().for_each(|e| self.expr(e));
            }
            Expr::Dict(items, _) => items.iter_mut().for_each(|(k, v)| {
                self.expr(k);
                self.expr(v);
            }),
            Expr::Not(e) | Expr::Neg(e, _) | Expr::Plus(e, _) | Expr::Attr(e, _, _) => self.expr(e),
            Expr::And(pair) | Expr::Or(pair) | Expr::Binary(_, pair, _) | Expr::Item(pair, _) => {
                self.expr(&mut pair.0);
                self.expr(&mut pair.1);
            }
            Expr::Compare(first, rest, _) => {
                self.expr(first);
                rest.iter_mut().for_each(|(_, e)| self.expr(e));
            }
            Expr::Cond(cond) => {
                self.expr(&mut cond.test);
                self.expr(&mut cond.then);
                cond.otherwise.iter_mut().for_each(|e| self.expr(e));
            }
            Expr::Slice(parts) => parts.iter_mut().flatten().for_each(|e| self.expr(e)),
            Expr::Call(call) => {
                self.expr(&mut call.callee);
                self.args(&mut call.args);
            }
            Expr::Filter(filter) => {
                filter.value.iter_mut().for_each(|e| self.expr(e));
                self.args(&mut filter.args);
            }
            Expr::Test(test) => {
                self.expr(&mut test.value);
                self.args(&mut test.args);
            }
        }
    }

    fn body(&mut self, body: &mut [Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    /// Resolves what is inside of a new scope; `declare` makes its parameters before anything else.
    fn scoped(&mut self, declare: impl FnOnce(&mut Self), resolve: impl FnOnce(&mut Self)) -> ScopeInit {
        self.frame().scopes.push(Scope::default());
        declare(self);
        resolve(self);
        self.frame().scopes.pop().map(|scope| scope.init).unwrap_or_default()
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Text(_) | Stmt::Break | Stmt::Continue | Stmt::Refuse(..) => {}
            Stmt::Output(expr) | Stmt::Do(expr) => self.expr(expr),
            Stmt::Return(expr) => expr.iter_mut().for_each(|e| self.expr(e)),
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    self.expr(test);
                    self.body(body);
                }
                self.body(otherwise);
            }
            Stmt::For(node) => self.for_loop(node),
            Stmt::Set(target, value, _) => {
                self.expr(value);
                self.target(target);
            }
            Stmt::SetBlock(capture, target) => {
                self.capture(capture);
                self.target(target);
            }
            Stmt::FilterBlock(capture) => self.capture(capture),
            Stmt::With(with) => {
                with.values.iter_mut().for_each(|(_, value)| self.expr(value));
                let With { values, body, .. } = &mut **with;
                let mut names = Vec::new();
                for (target, _) in values.iter() {
                    target_names(target, &mut |name| names.push(name.name.clone()));
                }
                with.init = self.scoped(
                    |r| {
                        names.iter().for_each(|name| {
                            r.parameter(name);
                        })
                    },
                    |r| {
                        r.collect(body);
                        values.iter_mut().for_each(|(target, _)| r.target(target));
                        r.body(body);
                    },
                );
            }
            Stmt::Macro(function, name) => {
                if let Some(function) = Arc::get_mut(function) {
                    self.function(function);
                }
                self.name(name);
            }
            Stmt::CallBlock(block) => {
                self.expr(&mut block.call.callee);
                self.args(&mut block.call.args);
                if let Some(function) = Arc::get_mut(&mut block.caller) {
                    self.function(function);
                }
            }
            Stmt::Block(function) => {
                if let Some(inner) = Arc::get_mut(function) {
                    self.function(inner);
                }
                self.blocks.push(function.clone());
            }
            Stmt::Autoescape(node) => {
                let Autoescape { on, body, .. } = &mut **node;
                node.init = self.scoped(
                    |_| {},
                    |r| {
                        r.collect_expr(on);
                        r.collect(body);
                        r.expr(on);
                        r.body(body);
                    },
                );
            }
        }
    }

    fn capture(&mut self, capture: &mut Capture) {
        let Capture { body, filter, .. } = capture;
        capture.init = self.scoped(
            |_| {},
            |r| {
                r.collect(body);
                filter.iter().for_each(|f| r.collect_expr(f));
                r.body(body);
                filter.iter_mut().for_each(|f| r.expr(f));
            },
        );
    }

    fn for_loop(&mut self, node: &mut For) {
        self.expr(&mut node.iterable);
        if let Some(function) = &mut node.recursive {
            if let Some(function) = Arc::get_mut(function) {
                self.function(function);
            }
            return;
        }
        let For { target, test, test_target, body, loop_slot, otherwise, .. } = node;
        let mut names = Vec::new();
        target_names(target, &mut |name| names.push(name.name.clone()));
        if let (Some(test), Some(test_target)) = (test, test_target) {
            node.test_init = self.scoped(
                |r| {
                    names.iter().for_each(|name| {
                        r.parameter(name);
                    })
                },
                |r| {
                    r.collect_expr(test);
                    r.target(test_target);
                    r.expr(test);
                },
            );
        }
        node.init = self.scoped(
            |r| {
                if loop_slot.is_some() {
                    *loop_slot = Some(r.parameter(&Arc::from("loop")));
                }
                names.iter().for_each(|name| {
                    r.parameter(name);
                });
            },
            |r| {
                r.collect(body);
                r.target(target);
                r.body(body);
            },
        );
        node.else_init = self.scoped(
            |_| {},
            |r| {
                r.collect(otherwise);
                r.body(otherwise);
            },
        );
    }

    fn function(&mut self, function: &mut Function) {
        self.frames.push(Frame { scopes: vec![Scope::default()], ..Frame::default() });
        for parameter in &mut function.parameters {
            parameter.slot = self.parameter(&parameter.name);
        }
        for (slot, name) in [
            (&mut function.caller, "caller"),
            (&mut function.kwargs, "kwargs"),
            (&mut function.varargs, "varargs"),
            (&mut function.self_slot, "self"),
        ] {
            if slot.is_some() {
                *slot = Some(self.parameter(&Arc::from(name)));
            }
        }
        for parameter in &function.parameters {
            parameter.default.iter().for_each(|e| self.collect_expr(e));
        }
        self.collect(&function.body);
        for parameter in &mut function.parameters {
            parameter.default.iter_mut().for_each(|e| self.expr(e));
        }
        self.body(&mut function.body);
        if let Some(mut frame) = self.frames.pop() {
            function.slots = frame.slots;
            function.init = frame.scopes.pop().map(|scope| scope.init).unwrap_or_default();
            function.cells = frame.cells;
            function.captures = frame.captures.into_iter().map(|(_, outer, inner)| (outer, inner)).collect();
        }
    }
}
