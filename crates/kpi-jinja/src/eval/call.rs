//! Calls: macros, call blocks, methods, any callable value.

use super::{Flow, Out, Slot};
use crate::syntax::ast::{CallArgs, Expr, Function};
use crate::{Args, Dict, Error, ErrorKind, Interp, MacroRef, Object, Result, Value, python};
use parking_lot::Mutex;
use std::sync::Arc;

/// How many macros may be inside of one another. Python's limit of 1,000 frames ends at about 150.
const MAX_CALLS: usize = 250;

/// How much stack an evaluation may use before it goes on in a thread of its own. Worker threads have 2 MiB.
pub(crate) const STACK_BUDGET: usize = 640 * 1024;

/// The stack of such a thread.
const MORE_STACK: usize = 64 * 1024 * 1024;

/// A function with the variables that it shares with the functions around it.
pub(crate) struct Closure {
    pub(crate) function: Arc<Function>,
    /// As in the function's captures.
    pub(crate) cells: Vec<Slot>,
    /// The name for messages and as an attribute; none for the body of a call block.
    pub(crate) name: Option<Arc<str>>,
    /// Undefined values of its code are lenient.
    pub(crate) lenient: bool,
}

impl Object for Closure {
    fn type_name(&self) -> &str {
        "Macro"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        let function = &self.function;
        Ok(match name {
            "name" => Some(self.name.clone().into()),
            "arguments" => Some(Value::tuple(function.parameters.iter().map(|p| Value::from(&p.name)))),
            "catch_kwargs" => Some(Value::Bool(function.kwargs.is_some())),
            "catch_varargs" => Some(Value::Bool(function.varargs.is_some())),
            "caller" => Some(Value::Bool(function.caller.is_some() || function.explicit_caller)),
            _ => None,
        })
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        interp.call_closure(&self, args).map(Some)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        match &self.name {
            Some(name) => format!("<Macro '{name}'>"),
            None => "<Macro anonymous>".into(),
        }
    }
}

/// `self` in a template: `self.body()` renders a block again.
struct Blocks(Vec<(Arc<str>, Value)>);

impl Object for Blocks {
    fn type_name(&self) -> &str {
        "TemplateReference"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.0.iter().find(|(known, _)| &**known == name).map(|(_, block)| block.clone()))
    }

    fn repr(&self) -> String {
        "<TemplateReference None>".into()
    }
}

impl Interp {
    /// The closure of an inner function, in the activation at `base`.
    pub(crate) fn close(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        name: Option<Arc<str>>,
    ) -> Arc<Closure> {
        let cells = function
            .captures
            .iter()
            .map(|(outer, _)| self.stack.get(base + *outer as usize).cloned().unwrap_or(Slot::Missing))
            .collect();
        Arc::new(Closure { function: function.clone(), cells, name, lenient: self.lenient })
    }

    pub(crate) fn call_closure(&mut self, closure: &Arc<Closure>, args: Args) -> Result<Value> {
        let lenient = std::mem::replace(&mut self.lenient, closure.lenient);
        let label = match &closure.name {
            Some(_) => format!("macro {}", closure.function.name),
            None => "the call block".to_string(),
        };
        let answer = self.activate(&closure.function, &closure.cells, args, &label);
        self.lenient = lenient;
        let (text, flow) = answer?;
        if flow == Flow::Return {
            // Leaves the macro that this is written in, as Python's exception would.
            return Err(returning());
        }
        Ok(Value::from(text))
    }

    /// Runs a recursive loop over `items`.
    pub(crate) fn run_loop(&mut self, closure: &Arc<Closure>, items: Value, depth: i64) -> Result<Value> {
        self.recursing = Some((closure.clone(), depth));
        let answer = self.activate(&closure.function, &closure.cells, Args::of([items]), "the loop");
        self.recursing = None;
        let (text, flow) = answer?;
        if flow == Flow::Return {
            return Err(returning());
        }
        Ok(Value::from(text))
    }

    /// Renders a block of the template.
    pub(crate) fn run_block(&mut self, function: &Arc<Function>, base: usize, out: &mut Out) -> Result<Flow> {
        let closure = self.close(function, base, None);
        let (text, flow) = self.activate(function, &closure.cells, Args::default(), "the block")?;
        out.text.push_str(&text);
        Ok(flow)
    }

    pub(crate) fn run_macro(&mut self, definition: &MacroRef, args: Args) -> Result<Value> {
        if self.macro_stack.is_empty() && !self.called.contains(&definition.unique_id) {
            self.called.insert(definition.unique_id.clone());
        }
        if self.macro_stack.len() >= MAX_CALLS {
            return Err(Error::new(
                ErrorKind::Recursion,
                format!(
                    "maximum recursion depth exceeded: macro '{}' calls itself without an end",
                    definition.name
                ),
            ));
        }
        if let Some(value) = self.context.override_macro(definition) {
            return Ok(value);
        }
        let Some(function) = definition.template.0.macro_function().cloned() else {
            return Err(Error::compilation(format!("'{}' is no macro", definition.name)));
        };
        self.macro_stack.push(definition.clone());
        let lenient = std::mem::replace(&mut self.lenient, false);
        let autoescape = std::mem::replace(&mut self.autoescape, false);
        let answer = self.activate(&function, &[], args, "");
        self.autoescape = autoescape;
        self.lenient = lenient;
        self.macro_stack.pop();
        match answer {
            Ok((_, Flow::Return)) => Ok(std::mem::take(&mut self.returned)),
            Ok((text, _)) => Ok(Value::from(text)),
            Err(error) if error.0.returning => Ok(std::mem::take(&mut self.returned)),
            Err(error) => Err(error),
        }
    }

    /// Runs a function. On an error, a level of the call stack is added; `label` names it, or it is the current macro.
    fn activate(
        &mut self,
        function: &Arc<Function>,
        cells: &[Slot],
        args: Args,
        label: &str,
    ) -> Result<(String, Flow)> {
        self.guarded(|interp| {
            let caller_pos = interp.pos;
            let base = interp.stack.len();
            interp.pos = function.pos;
            let answer = interp.run(function, cells, args, base);
            interp.stack.truncate(base);
            let place = std::mem::replace(&mut interp.pos, caller_pos);
            answer.map_err(|error| {
                if error.0.returning {
                    return error;
                }
                let (line, column) = function.source.place(place);
                let name = match interp.macro_stack.last() {
                    Some(current) if label.is_empty() => format!("macro {}", current.name),
                    _ => label.to_string(),
                };
                error.with_frame(name, &function.source.file, line, column)
            })
        })
    }

    fn run(
        &mut self,
        function: &Arc<Function>,
        cells: &[Slot],
        args: Args,
        base: usize,
    ) -> Result<(String, Flow)> {
        self.enter(function, cells, base);
        self.bind(function, args, base)?;
        let mut out = Out::default();
        let flow = self.exec(function, base, &function.body, &mut out)?;
        let text = if flow == Flow::Return { String::new() } else { out.into_text(&mut self.pos)? };
        Ok((text, flow))
    }

    /// Sets up the slots of an activation.
    pub(crate) fn enter(&mut self, function: &Function, cells: &[Slot], base: usize) {
        self.stack.resize(base + function.slots as usize, Slot::Missing);
        for slot in &function.cells {
            if let Some(entry) = self.stack.get_mut(base + *slot as usize) {
                *entry = Slot::Cell(Arc::new(Mutex::new(Slot::Missing)));
            }
        }
        for ((_, slot), cell) in function.captures.iter().zip(cells) {
            if let Some(entry) = self.stack.get_mut(base + *slot as usize) {
                *entry = cell.clone();
            }
        }
        self.init_scope(&function.init, base);
    }

    /// Binds arguments as jinja2's macros do.
    fn bind(&mut self, function: &Arc<Function>, args: Args, base: usize) -> Result<()> {
        let Args { positional, mut keyword } = args;
        let given = positional.len();
        let declared = function.parameters.len();
        let mut positional = positional.into_iter();
        let mut missing = Vec::new();
        for (index, parameter) in function.parameters.iter().enumerate() {
            if let Some(value) = positional.next() {
                self.set(base, parameter.slot, value);
            } else if let Some(at) = keyword.iter().position(|(name, _)| **name == *parameter.name) {
                let (_, value) = keyword.remove(at);
                self.set(base, parameter.slot, value);
            } else {
                missing.push(index);
            }
        }
        if let Some(slot) = function.caller {
            let caller = match keyword.iter().position(|(name, _)| &**name == "caller") {
                Some(at) => keyword.remove(at).1,
                None => self.undefined(Some("caller".into()), Some("No caller defined".into())),
            };
            self.set(base, slot, caller);
        }
        if let Some(slot) = function.kwargs {
            self.set(base, slot, Value::Dict(Dict::of(keyword)));
        } else if let Some((name, _)) = keyword.first() {
            let name = if keyword.iter().any(|(name, _)| &**name == "caller") { "caller" } else { name };
            return Err(Error::type_error(if name == "caller" {
                format!(
                    "macro '{}' was invoked with two values for the special caller argument. This is most likely a bug.",
                    name_in_python(function)
                )
            } else {
                format!("macro '{}' takes no keyword argument '{name}'", name_in_python(function))
            }));
        }
        if let Some(slot) = function.varargs {
            self.set(base, slot, Value::tuple(positional));
        } else if given > declared {
            return Err(Error::type_error(format!(
                "macro '{}' takes not more than {declared} argument(s)",
                name_in_python(function)
            )));
        }
        for index in missing {
            let Some(parameter) = function.parameters.get(index) else { continue };
            let value = match &parameter.default {
                Some(default) => self.eval(function, base, default)?,
                None => {
                    let hint = format!("parameter '{}' was not provided", parameter.name);
                    self.undefined(Some(parameter.name.clone()), Some(hint.into()))
                }
            };
            self.set(base, parameter.slot, value);
        }
        Ok(())
    }

    /// `self` of a template: its blocks as functions.
    pub(crate) fn blocks_of(&mut self, function: &Arc<Function>, base: usize) -> Value {
        let blocks: Vec<(Arc<str>, Value)> = function
            .blocks
            .iter()
            .map(|block| {
                (block.name.clone(), Value::Object(self.close(block, base, Some(block.name.clone()))))
            })
            .collect();
        Value::object(Blocks(blocks))
    }

    /// Calls out to a deeper level; where the stack runs short, in a thread with more of it.
    pub(crate) fn guarded<T: Send>(&mut self, run: impl FnOnce(&mut Self) -> Result<T> + Send) -> Result<T> {
        let here = stack_position();
        if self.stack_start == 0 {
            self.stack_start = here;
            let answer = run(self);
            self.stack_start = 0;
            return answer;
        }
        if self.stack_start.abs_diff(here) < self.stack_budget {
            return run(self);
        }
        if self.stack_budget > STACK_BUDGET {
            return Err(Self::too_deep());
        }
        let start = std::mem::take(&mut self.stack_start);
        self.stack_budget = MORE_STACK - 4 * STACK_BUDGET;
        let answer = std::thread::scope(|scope| {
            let deeper = std::thread::Builder::new().stack_size(MORE_STACK).spawn_scoped(scope, || {
                self.stack_start = stack_position();
                run(self)
            });
            deeper.ok().and_then(|thread| thread.join().ok())
        });
        self.stack_start = start;
        self.stack_budget = STACK_BUDGET;
        answer.unwrap_or_else(|| Err(Self::too_deep()))
    }

    pub(crate) fn eval_args(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        args: &CallArgs,
    ) -> Result<Args> {
        let mut positional = Vec::with_capacity(args.positional.len());
        for arg in &args.positional {
            positional.push(self.eval(function, base, arg)?);
        }
        if let Some(spread) = &args.spread {
            let items = self.eval(function, base, spread)?;
            if !matches!(items, Value::Undefined(_)) {
                let items = items.iterate(self).map_err(|error| match error.kind() {
                    ErrorKind::Type => Error::type_error(format!(
                        "Value after * must be an iterable, not {}",
                        items.type_name()
                    )),
                    _ => error,
                })?;
                positional.extend(items);
            }
        }
        let mut keyword = Vec::with_capacity(args.keyword.len());
        for (name, arg) in &args.keyword {
            keyword.push((name.clone(), self.eval(function, base, arg)?));
        }
        if let Some(spread) = &args.spread_keyword {
            let value = self.eval(function, base, spread)?;
            self.spread_keyword(&value, &mut keyword)?;
        }
        Ok(Args { positional, keyword })
    }

    fn spread_keyword(&mut self, value: &Value, keyword: &mut Vec<(Arc<str>, Value)>) -> Result<()> {
        let entries: Vec<(Value, Value)> = match value {
            Value::Dict(dict) => dict.snapshot().into_iter().map(|(k, v)| (Value::from(k), v)).collect(),
            Value::Object(object) if object.is_mapping() => {
                let keys: Vec<Value> = value.to_vec(self)?;
                let mut entries = Vec::with_capacity(keys.len());
                for key in keys {
                    let item = value.get_item(self, &key)?;
                    entries.push((key, item));
                }
                entries
            }
            Value::Undefined(undefined) => return Err(undefined.error()),
            other => {
                return Err(Error::type_error(format!(
                    "argument after ** must be a mapping, not {}",
                    other.type_name()
                )));
            }
        };
        for (key, item) in entries {
            let Value::Str(name) = key else { return Err(Error::type_error("keywords must be strings")) };
            if keyword.iter().any(|(known, _)| *known == name) {
                return Err(Error::type_error(format!("got multiple values for keyword argument '{name}'")));
            }
            keyword.push((name, item));
        }
        Ok(())
    }

    /// `callee(args)`
    pub(crate) fn eval_call(
        &mut self,
        function: &Arc<Function>,
        base: usize,
        callee: &Expr,
        args: &CallArgs,
        caller: Option<Value>,
        pos: u32,
    ) -> Result<Value> {
        let add_caller = |mut args: Args| {
            if let Some(caller) = caller {
                args.keyword.push(("caller".into(), caller));
            }
            args
        };
        match callee {
            Expr::Attr(receiver, name, _) => {
                let receiver = self.eval(function, base, receiver)?;
                let args = add_caller(self.eval_args(function, base, args)?);
                self.pos = pos;
                self.call_method(&receiver, name, args)
            }
            // A macro needs no value of its own to be called.
            Expr::Name(name) if name.slot == crate::syntax::ast::GLOBAL => {
                let found = self.macros.get(&name.name).cloned();
                let callable = match found {
                    Some(definition) => {
                        let args = add_caller(self.eval_args(function, base, args)?);
                        self.pos = pos;
                        return self.call_macro(&definition, args);
                    }
                    None => self.load(base, name),
                };
                let args = add_caller(self.eval_args(function, base, args)?);
                self.pos = pos;
                self.call(&callable, args)
            }
            other => {
                let callable = self.eval(function, base, other)?;
                let args = add_caller(self.eval_args(function, base, args)?);
                self.pos = pos;
                self.call(&callable, args)
            }
        }
    }

    /// `receiver.name(args)`
    pub(crate) fn call_method(&mut self, receiver: &Value, name: &str, args: Args) -> Result<Value> {
        match receiver {
            Value::Object(object) => {
                if name.starts_with('_') {
                    let callable = receiver.get_attr(self, name)?;
                    return self.call(&callable, args);
                }
                if let Some(answer) = object.clone().call_method(self, name, args.clone())? {
                    return Ok(answer);
                }
            }
            Value::Undefined(_) => {}
            builtin if !name.starts_with('_') && python::methods::has(builtin, name) => {
                if let Some(answer) = python::methods::call(self, builtin, name, args.clone())? {
                    return Ok(answer);
                }
            }
            _ => {}
        }
        let callable = receiver.get_attr(self, name)?;
        self.call(&callable, args)
    }

    pub(crate) fn call_value(&mut self, callable: &Value, args: Args) -> Result<Value> {
        match callable {
            Value::Object(object) => match object.clone().call(self, args)? {
                Some(answer) => Ok(answer),
                None => Err(not_callable(callable)),
            },
            Value::Undefined(undefined) if undefined.lenient => Ok(callable.clone()),
            Value::Undefined(undefined) => Err(self.undefined_error(undefined)),
            other => Err(not_callable(other)),
        }
    }
}

/// Roughly where the stack is.
#[inline(never)]
fn stack_position() -> usize {
    let marker = std::hint::black_box(0u8);
    std::ptr::from_ref(&marker).addr()
}

fn not_callable(value: &Value) -> Error {
    Error::type_error(format!("'{}' object is not callable", value.type_name()))
}

/// `return()` on its way to the macro that it leaves; the value is in the interpreter.
fn returning() -> Error {
    let mut error = Error::new(ErrorKind::Runtime, "return() outside of a macro");
    error.0.returning = true;
    error
}

/// How dbt calls a macro where Python complains about its arguments.
fn name_in_python(function: &Function) -> String {
    match &*function.name {
        "caller" => "caller".to_owned(),
        name => format!("dbt_macro__{name}"),
    }
}
