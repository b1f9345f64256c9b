//! What a template does, found without rendering it.

use crate::syntax::ast::{Call, CallArgs, Expr, Function, Name, Stmt, Target};
use crate::{Args, Dict, Key, Value};
use std::sync::Arc;

/// A call in a template's text that may be one of a macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticCall {
    /// `name(...)` or `package.name(...)`
    Named {
        /// `package`
        package: Option<Arc<str>>,
        /// `name`
        name: Arc<str>,
    },
    /// `adapter.dispatch('name', 'namespace')`
    Dispatch {
        /// The macro that is looked for.
        name: Arc<str>,
        /// Where, if it says so.
        namespace: Option<Arc<str>>,
    },
}

/// What a walk through a template finds.
enum Found<'a> {
    Call(&'a Call),
    Name(&'a Name),
}

/// All calls that could be of macros, in the order of the text, each once.
pub(crate) fn macro_calls(root: &Function) -> Vec<StaticCall> {
    let mut calls = Vec::new();
    walk_function(root, &mut |found| {
        let Found::Call(call) = found else { return };
        let found = match &call.callee {
            Expr::Name(name) => StaticCall::Named { package: None, name: name.name.clone() },
            Expr::Attr(receiver, name, _) => match &**receiver {
                Expr::Name(package) if &*package.name == "adapter" => match (&**name, dispatch(&call.args)) {
                    ("dispatch", Some(found)) => found,
                    _ => return,
                },
                Expr::Name(package) => {
                    StaticCall::Named { package: Some(package.name.clone()), name: name.clone() }
                }
                _ => return,
            },
            _ => return,
        };
        if !calls.contains(&found) {
            calls.push(found);
        }
    });
    calls
}

fn dispatch(args: &CallArgs) -> Option<StaticCall> {
    let text = |expr: &Expr| match expr {
        Expr::Const(Value::Str(text)) => Some(text.clone()),
        _ => None,
    };
    let keyword = |wanted: &str| args.keyword.iter().find(|(name, _)| &**name == wanted).map(|(_, e)| e);
    let name = args.positional.first().or_else(|| keyword("macro_name")).and_then(text)?;
    let namespace = args.positional.get(1).or_else(|| keyword("macro_namespace")).and_then(text);
    Some(StaticCall::Dispatch { name, namespace })
}

/// Whether the text reads a name anywhere.
pub(crate) fn reads_name(root: &Function, wanted: &str) -> bool {
    let mut reads = false;
    walk_function(root, &mut |found| {
        if let Found::Name(name) = found {
            reads |= &*name.name == wanted;
        }
    });
    reads
}

/// Shows the first call of a name, if there is one.
pub(crate) fn first_call(root: &Function, wanted: &str, visit: &mut impl FnMut(&Call)) {
    let mut met = false;
    walk_function(root, &mut |found| match found {
        Found::Call(call) if !met && matches!(&call.callee, Expr::Name(name) if &*name.name == wanted) => {
            met = true;
            visit(call);
        }
        _ => {}
    });
}

fn walk_function(function: &Function, visit: &mut impl FnMut(Found)) {
    for parameter in &function.parameters {
        parameter.default.iter().for_each(|e| walk_expr(e, visit));
    }
    walk(&function.body, visit);
}

fn walk(body: &[Stmt], visit: &mut impl FnMut(Found)) {
    for statement in body {
        match statement {
            Stmt::Text(_) | Stmt::Break | Stmt::Continue | Stmt::Refuse(..) => {}
            Stmt::Output(expr) | Stmt::Do(expr) | Stmt::Set(_, expr, _) => walk_expr(expr, visit),
            Stmt::Return(expr) => expr.iter().for_each(|e| walk_expr(e, visit)),
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    walk_expr(test, visit);
                    walk(body, visit);
                }
                walk(otherwise, visit);
            }
            Stmt::For(node) => {
                walk_expr(&node.iterable, visit);
                node.recursive.iter().for_each(|function| walk_function(function, visit));
                node.test.iter().for_each(|e| walk_expr(e, visit));
                walk(&node.body, visit);
                walk(&node.otherwise, visit);
            }
            Stmt::SetBlock(capture, _) | Stmt::FilterBlock(capture) => {
                capture.filter.iter().for_each(|e| walk_expr(e, visit));
                walk(&capture.body, visit);
            }
            Stmt::With(with) => {
                with.values.iter().for_each(|(_, e)| walk_expr(e, visit));
                walk(&with.body, visit);
            }
            Stmt::Macro(function, _) | Stmt::Block(function) => walk_function(function, visit),
            Stmt::CallBlock(block) => {
                walk_call(&block.call, visit);
                walk_function(&block.caller, visit);
            }
            Stmt::Autoescape(node) => {
                walk_expr(&node.on, visit);
                walk(&node.body, visit);
            }
        }
    }
}

fn walk_call(call: &Call, visit: &mut impl FnMut(Found)) {
    visit(Found::Call(call));
    walk_expr(&call.callee, visit);
    walk_args(&call.args, visit);
}

fn walk_args(args: &CallArgs, visit: &mut impl FnMut(Found)) {
    args.positional.iter().for_each(|e| walk_expr(e, visit));
    args.keyword.iter().for_each(|(_, e)| walk_expr(e, visit));
    args.spread.iter().for_each(|e| walk_expr(e, visit));
    args.spread_keyword.iter().for_each(|e| walk_expr(e, visit));
}

fn walk_expr(expr: &Expr, visit: &mut impl FnMut(Found)) {
    match expr {
        Expr::Const(_) => {}
        Expr::Name(name) => visit(Found::Name(name)),
        Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => {
            items.iter().for_each(|e| walk_expr(e, visit));
        }
        Expr::Dict(items, _) => items.iter().for_each(|(k, v)| {
            walk_expr(k, visit);
            walk_expr(v, visit);
        }),
        Expr::Not(e) | Expr::Neg(e, _) | Expr::Plus(e, _) | Expr::Attr(e, _, _) => walk_expr(e, visit),
        Expr::And(pair) | Expr::Or(pair) | Expr::Binary(_, pair, _) | Expr::Item(pair, _) => {
            walk_expr(&pair.0, visit);
            walk_expr(&pair.1, visit);
        }
        Expr::Compare(first, rest, _) => {
            walk_expr(first, visit);
            rest.iter().for_each(|(_, e)| walk_expr(e, visit));
        }
        Expr::Cond(cond) => {
            walk_expr(&cond.test, visit);
            walk_expr(&cond.then, visit);
            cond.otherwise.iter().for_each(|e| walk_expr(e, visit));
        }
        Expr::Slice(parts) => parts.iter().flatten().for_each(|e| walk_expr(e, visit)),
        Expr::Call(call) => walk_call(call, visit),
        Expr::Filter(filter) => {
            filter.value.iter().for_each(|e| walk_expr(e, visit));
            walk_args(&filter.args, visit);
        }
        Expr::Test(test) => {
            walk_expr(&test.value, visit);
            walk_args(&test.args, visit);
        }
    }
}

/// See [`crate::Template::static_calls`].
pub(crate) fn static_calls(root: &Function, names: &[&str]) -> Option<Vec<(Arc<str>, Args)>> {
    let mut calls = Vec::new();
    for statement in &root.body {
        match statement {
            Stmt::Text(_) => {}
            Stmt::Output(expr) | Stmt::Do(expr) => plain(expr, names, &mut calls)?,
            Stmt::Set(Target::Name(target), expr, _) if !names.contains(&&*target.name) => {
                plain(expr, names, &mut calls)?;
            }
            _ => return None,
        }
    }
    Some(calls)
}

/// Goes through an expression that cannot fail and calls nothing but `names` with constants; `None` for any other.
fn plain(expr: &Expr, names: &[&str], calls: &mut Vec<(Arc<str>, Args)>) -> Option<()> {
    let mut each = |expr: &Expr| plain(expr, names, calls);
    match expr {
        Expr::Const(_) | Expr::Name(_) => Some(()),
        Expr::List(items) | Expr::Tuple(items) | Expr::Concat(items) => items.iter().try_for_each(each),
        Expr::Dict(items, _) => items.iter().try_for_each(|(key, value)| {
            if !matches!(key, Expr::Const(_)) {
                return None;
            }
            each(value)
        }),
        Expr::Not(e) | Expr::Attr(e, _, _) => each(e),
        Expr::Item(pair, _) if matches!(pair.1, Expr::Const(_)) => each(&pair.0),
        // Only one side is evaluated, so nothing that counts may be in there.
        Expr::And(pair) | Expr::Or(pair) => {
            let before = calls.len();
            plain(&pair.0, names, calls)?;
            let after_first = calls.len();
            plain(&pair.1, names, calls)?;
            (before == after_first && calls.len() == after_first).then_some(())
        }
        Expr::Cond(cond) => {
            let before = calls.len();
            plain(&cond.test, names, calls)?;
            plain(&cond.then, names, calls)?;
            cond.otherwise.iter().try_for_each(|e| plain(e, names, calls))?;
            (calls.len() == before).then_some(())
        }
        Expr::Call(call) => {
            let Expr::Name(name) = &call.callee else { return None };
            if !names.contains(&&*name.name)
                || call.args.spread.is_some()
                || call.args.spread_keyword.is_some()
            {
                return None;
            }
            let positional = call.args.positional.iter().map(constant).collect::<Option<_>>()?;
            let keyword = call
                .args
                .keyword
                .iter()
                .map(|(name, value)| Some((name.clone(), constant(value)?)))
                .collect::<Option<_>>()?;
            calls.push((name.name.clone(), Args { positional, keyword }));
            Some(())
        }
        _ => None,
    }
}

/// The value of an expression of literals.
fn constant(expr: &Expr) -> Option<Value> {
    Some(match expr {
        Expr::Const(value) => value.clone(),
        Expr::List(items) => Value::list(items.iter().map(constant).collect::<Option<Vec<_>>>()?),
        Expr::Tuple(items) => Value::tuple(items.iter().map(constant).collect::<Option<Vec<_>>>()?),
        Expr::Dict(items, _) => {
            let entries = items.iter().map(|(k, v)| Some((Key::new(constant(k)?).ok()?, constant(v)?)));
            Value::Dict(entries.collect::<Option<Dict>>()?)
        }
        Expr::Neg(number, _) => crate::eval::ops::negate(&constant(number)?).ok()?,
        Expr::Concat(parts) => {
            let mut text = String::new();
            for part in parts {
                constant(part)?.write_str(&mut text);
            }
            Value::from(text)
        }
        _ => return None,
    })
}
