//! The interpreter of one render.

use crate::eval::call::Closure;
use crate::eval::{Flow, Out, PieceKind, Slot};
use crate::{
    Args, Context, Environment, Error, ErrorKind, MacroRef, Result, Template, Undefined, UndefinedMode,
    Value, python,
};
use indexmap::IndexSet;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::sync::Arc;

/// Renders templates and calls macros for one node. Cheap to make; not shared between threads.
pub struct Interp {
    /// What renders share.
    pub env: Arc<Environment>,
    /// What the node's names mean.
    pub context: Arc<dyn Context>,
    /// What bare macro names mean in the node's package.
    pub(crate) macros: Arc<FxHashMap<Arc<str>, MacroRef>>,
    pub(crate) stack: Vec<Slot>,
    /// Where in the current function the evaluation is, for messages.
    pub(crate) pos: u32,
    pub(crate) macro_stack: Vec<MacroRef>,
    pub(crate) called: IndexSet<Arc<str>, FxBuildHasher>,
    /// Undefined values are lenient: the code of a node while dbt parses, never that of a macro.
    pub(crate) lenient: bool,
    /// How the undefined values of the node's own code behave; the environment's, unless set.
    mode: UndefinedMode,
    pub(crate) autoescape: bool,
    /// What `context.update()` has put over the names of the node.
    pub(crate) assigned: Option<crate::Dict>,
    /// The value of the `return()` that is on its way.
    pub(crate) returned: Value,
    /// The text of a block that its filter is about to take.
    pub(crate) captured: Value,
    /// The recursive loop that is about to start.
    pub(crate) recursing: Option<(Arc<Closure>, i64)>,
    /// Where the stack was when the evaluation began; 0 outside of evaluations.
    pub(crate) stack_start: usize,
    pub(crate) stack_budget: usize,
}

impl Interp {
    /// An interpreter for a node.
    pub fn new(env: Arc<Environment>, context: Arc<dyn Context>) -> Self {
        let macros = env.macros.visible(context.package());
        let mode = env.undefined;
        Self {
            mode,
            env,
            context,
            macros,
            stack: Vec::new(),
            pos: 0,
            macro_stack: Vec::new(),
            called: IndexSet::default(),
            lenient: false,
            autoescape: false,
            assigned: None,
            returned: Value::None,
            captured: Value::None,
            recursing: None,
            stack_start: 0,
            stack_budget: crate::eval::call::STACK_BUDGET,
        }
    }

    /// With undefined values of another kind: the macros of a parse serve the run too.
    pub fn with_undefined(mut self, mode: UndefinedMode) -> Self {
        self.mode = mode;
        self
    }

    /// Renders a template to text.
    ///
    /// # Errors
    /// Whatever the template raises, with the place and the macros that led there.
    pub fn render(&mut self, template: &Template) -> Result<String> {
        Ok(self.render_root(template, false)?.text)
    }

    /// Renders a template that is one expression to its value, as dbt does for YAML: `{{ x }}` alone keeps the type of
    /// `x`, `{{ x | as_native }}`, `as_bool` and `as_number` read its text as a literal, constants and anything longer
    /// are text.
    ///
    /// # Errors
    /// As [`Interp::render`], and if the text is no boolean or number where one is asked for.
    pub fn render_native(&mut self, template: &Template) -> Result<Value> {
        let mut pieces = self.render_root(template, true)?.pieces.unwrap_or_default();
        if pieces.len() > 1 {
            let mut text = String::new();
            pieces.iter().for_each(|piece| piece.value.write_str(&mut text));
            return Ok(Value::from(text));
        }
        let Some(piece) = pieces.pop() else { return Ok(Value::empty()) };
        let raw = match piece.kind {
            PieceKind::Plain => return Ok(piece.value),
            PieceKind::Text => return Ok(Value::Str(piece.value.to_str())),
            PieceKind::Native | PieceKind::Bool | PieceKind::Number => piece.value.to_str(),
        };
        let value = python::literal::parse(&raw).unwrap_or(Value::Str(raw.clone()));
        let fits = match piece.kind {
            PieceKind::Bool => matches!(value, Value::Bool(_)),
            PieceKind::Number => matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_)),
            _ => true,
        };
        if fits {
            return Ok(value);
        }
        let wanted = if piece.kind == PieceKind::Bool { "bool" } else { "number" };
        Err(Error::compilation(format!("Could not convert value '{raw}' into type '{wanted}'")))
    }

    fn render_root(&mut self, template: &Template, native: bool) -> Result<Out> {
        let function = &template.0.root;
        let lenient = self.mode == UndefinedMode::Lenient;
        let lenient = std::mem::replace(&mut self.lenient, lenient);
        let outer_pos = std::mem::take(&mut self.pos);
        let base = self.stack.len();
        let mut out = Out { pieces: native.then(Vec::new), ..Out::default() };
        let answer = self.guarded(|interp| {
            interp.enter(function, &[], base);
            if let Some(slot) = function.self_slot {
                let blocks = interp.blocks_of(function, base);
                interp.set(base, slot, blocks);
            }
            let flow = interp.exec(function, base, &function.body, &mut out)?;
            match out.misfit.take() {
                Some((error, place)) if flow != Flow::Return => {
                    interp.pos = place;
                    Err(error)
                }
                _ => Ok(flow),
            }
        });
        self.stack.truncate(base);
        self.lenient = lenient;
        let place = std::mem::replace(&mut self.pos, outer_pos);
        let error = match answer {
            Ok(Flow::Return) => Error::compilation("return() is used outside of a macro"),
            Ok(_) => return Ok(out),
            Err(mut error) => {
                error.0.returning = false;
                error
            }
        };
        let (line, column) = function.source.place(place);
        Err(error.with_frame("", &function.source.file, line, column))
    }

    /// Calls a macro in this node's context. The result is what it returned by `return()`, else its text.
    ///
    /// # Errors
    /// Whatever the macro raises.
    pub fn call_macro(&mut self, definition: &MacroRef, args: Args) -> Result<Value> {
        self.run_macro(definition, args)
    }

    /// Calls a macro by name: `name` resolved from the node's package, or `package.name`.
    ///
    /// # Errors
    /// If there is none, or whatever it raises.
    pub fn call_named(&mut self, name: &str, args: Args) -> Result<Value> {
        match self.find_macro(name) {
            Some(found) => self.call_macro(&found, args),
            None => Err(Error::compilation(format!("macro '{name}' is not defined"))),
        }
    }

    /// The macro that a name means in this node: `name` or `package.name`.
    pub fn find_macro(&self, name: &str) -> Option<MacroRef> {
        match name.split_once('.') {
            Some((package, name)) => self.env.macros.in_namespace(package, name).cloned(),
            None => self.macros.get(name).cloned(),
        }
    }

    /// Calls any callable value.
    ///
    /// # Errors
    /// If it is not callable, or whatever it raises.
    pub fn call(&mut self, callable: &Value, args: Args) -> Result<Value> {
        self.call_value(callable, args)
    }

    /// The macro that `adapter.dispatch(name, namespace)` picks: for each package of the namespace's search order, the
    /// first of `<adapter>__name`, `<parent adapter>__name`, `default__name`.
    ///
    /// # Errors
    /// If no package has one.
    pub fn dispatch(&self, name: &str, namespace: Option<&str>) -> Result<MacroRef> {
        if let Some((package, short)) = name.split_once('.') {
            return Err(Error::compilation(format!(
                "In adapter.dispatch, got a macro name of \"{name}\", but \".\" is not a valid macro name component. Did \
                 you mean `adapter.dispatch(\"{short}\", macro_namespace=\"{package}\")`?"
            )));
        }
        let table = &self.env.macros;
        let packages: Vec<Option<Arc<str>>> = match namespace {
            None => vec![None],
            Some(namespace) => match table.dispatch.get(namespace) {
                Some(order) if !order.is_empty() => order.iter().cloned().map(Some).collect(),
                _ if table.is_package(namespace) => {
                    vec![Some(table.root_package.clone()), Some(namespace.into())]
                }
                _ => vec![None],
            },
        };
        let mut searched = Vec::new();
        for package in &packages {
            let prefixes = table.adapter_prefixes.iter().map(|prefix| &**prefix);
            for prefix in prefixes.chain(["default"]) {
                let candidate = format!("{prefix}__{name}");
                let found = match package {
                    None => self.macros.get(candidate.as_str()),
                    Some(package) => table.in_namespace(package, &candidate),
                };
                if let Some(found) = found {
                    return Ok(found.clone());
                }
                searched.push(match package {
                    None => format!("'{candidate}'"),
                    Some(package) => format!("'{package}.{candidate}'"),
                });
            }
        }
        Err(Error::compilation(format!(
            "In dispatch: No macro named '{name}' found within namespace: '{}'\n    Searched for: {}",
            namespace.unwrap_or("None"),
            searched.join(", ")
        )))
    }

    /// An undefined value of the flavour that the code being evaluated gets.
    pub fn undefined(&self, name: Option<Arc<str>>, hint: Option<Arc<str>>) -> Value {
        Value::Undefined(Undefined { name, hint, lenient: self.lenient })
    }

    /// The innermost macro that is being evaluated, for messages.
    pub fn current_macro(&self) -> Option<&MacroRef> {
        self.macro_stack.last()
    }

    /// The macros that are being evaluated, outermost first.
    pub fn macro_stack(&self) -> &[MacroRef] {
        &self.macro_stack
    }

    /// The unique ids of the macros that the node itself called so far, in the order of the first call: what dbt
    /// writes to its `depends_on.macros`. Macros that those macros call belong to their own dependencies.
    pub fn called_macros(&self) -> Vec<Arc<str>> {
        self.called.iter().cloned().collect()
    }

    /// The error of a value that is undefined, with a suggestion where a similar name is known.
    pub(crate) fn undefined_error(&self, undefined: &Undefined) -> Error {
        let error = undefined.error();
        let deps = crate::error::UNDEFINED_HINT;
        let (Some(name), None) = (&undefined.name, &undefined.hint) else { return error.with_hint(deps) };
        let context = self.context.names();
        let known = self.macros.keys().chain(context.iter()).map(|known| &**known);
        match kpi_diagnostics::nearest(name, known) {
            Some(similar) => error.with_hint(format!("Did you mean '{similar}'? {deps}")),
            None => error.with_hint(deps),
        }
    }

    /// The error for something that is deeper than any real template.
    pub(crate) fn too_deep() -> Error {
        Error::new(ErrorKind::Recursion, "maximum recursion depth exceeded")
    }
}
