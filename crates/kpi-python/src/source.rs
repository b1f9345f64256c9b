//! What a Python model asks for: its calls of `dbt.ref`, `dbt.source`, `dbt.config` and `dbt.config.get`, read from its
//! source without running it, and dbt's rules for the function `model`.

use crate::complexity::{self, Depth};
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, walk_expr, walk_stmt};
use ruff_python_ast::{
    Expr, ExprCall, ExprFString, InterpolatedStringElement, Number, Operator, Stmt, StmtFunctionDef, UnaryOp,
};
use ruff_text_size::Ranged;
use serde_json::{Map, Value as Json};

/// The stack for source that nests deep.
const STACK: usize = 256 << 20;

/// A function that a model calls while it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `dbt.ref`
    Ref,
    /// `dbt.source`
    Source,
    /// `dbt.config`
    Config,
    /// `dbt.config.get`
    ConfigGet,
    /// `dbt.config.meta_get`
    MetaGet,
}

impl Function {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ref => "dbt.ref",
            Self::Source => "dbt.source",
            Self::Config => "dbt.config",
            Self::ConfigGet => "dbt.config.get",
            Self::MetaGet => "dbt.config.meta_get",
        }
    }
}

/// A call with its constant arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Of what.
    pub function: Function,
    /// Arguments without a name.
    pub positional: Vec<Json>,
    /// Arguments with one.
    pub keyword: Vec<(String, Json)>,
    /// 1-based place in the text.
    pub place: (u32, u32),
}

/// Why a file is no Python model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// What is wrong.
    pub message: String,
    /// 1-based place in the text; `None`: the file as a whole.
    pub place: Option<(u32, u32)>,
    /// What to do.
    pub hint: Option<&'static str>,
}

impl SourceError {
    pub(crate) fn new(message: impl Into<String>, place: Option<(u32, u32)>) -> Self {
        Self { message: message.into(), place, hint: None }
    }

    pub(crate) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// The calls of a model's source, in dbt's order.
///
/// # Errors
/// Wrong syntax, not exactly one function `model(dbt, session)`, arguments that are not constant.
pub fn calls(text: &str) -> Result<Vec<Call>, SourceError> {
    match complexity::of(text) {
        Depth::Shallow => read(text),
        Depth::TooDeep(why) => Err(SourceError::new(why, None)),
        Depth::Deep => std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(STACK);
            let reader = builder.spawn_scoped(scope, || read(text));
            let nested = || SourceError::new("the file nests too deep to be read", None);
            reader.map_err(|_| nested())?.join().unwrap_or_else(|_| Err(nested()))
        }),
    }
}

fn read(text: &str) -> Result<Vec<Call>, SourceError> {
    let module = ruff_python_parser::parse_module(text).map_err(|error| {
        let message = format!("Python syntax error: {}", error.error);
        SourceError::new(message, Some(place_of(text, error.location.start().to_usize())))
    })?;
    let body = module.suite();
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let mut models = Models { text, found: Vec::new(), fault: None };
    models.statements(body);
    models.judge()?;
    let mut reader = Calls { text, found: Vec::new(), fault: None, lenient: false };
    for statement in body {
        reader.visit_stmt(statement);
    }
    match reader.fault {
        Some(fault) => Err(fault),
        None => Ok(reader.found),
    }
}

/// The 1-based line and column of a byte.
pub(crate) fn place_of(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (line, before[start..].chars().count() as u32 + 1)
}

/// The functions called `model`, wherever dbt sees one: not inside another function.
struct Models<'s> {
    text: &'s str,
    found: Vec<(u32, u32)>,
    fault: Option<SourceError>,
}

impl Models<'_> {
    fn statements(&mut self, body: &[Stmt]) {
        for statement in body {
            self.visit_stmt(statement);
        }
    }

    fn function(&mut self, function: &StmtFunctionDef) {
        let place = place_of(self.text, function.name.start().to_usize());
        self.found.push(place);
        let arguments = &function.parameters.args;
        let mut faults = Vec::new();
        if arguments.first().is_some_and(|first| first.parameter.name.as_str() != "dbt") {
            faults.push("'dbt' not provided for model as the first argument");
        }
        if arguments.len() != 2 {
            faults.push("model function should have two args, `dbt` and a session to current warehouse");
        }
        let returns = match function.body.last() {
            Some(Stmt::Return(last)) => !matches!(last.value.as_deref(), Some(Expr::Tuple(_))),
            _ => false,
        };
        if !returns {
            faults.push("In current version, model function should return only one dataframe object");
        }
        if !faults.is_empty() && self.fault.is_none() {
            let error = SourceError::new(faults.join("\n"), Some(place));
            self.fault = Some(error.with_hint(
                "begin with `def model(dbt, session):` and let the function's last statement be `return df`",
            ));
        }
    }

    fn judge(self) -> Result<(), SourceError> {
        if self.found.len() != 1 {
            let message =
                format!("dbt allows exactly one model defined per python file, found {}", self.found.len());
            let error = SourceError::new(message, self.found.get(1).copied());
            return Err(error.with_hint("the file must define one function `model(dbt, session)`"));
        }
        self.fault.map_or(Ok(()), Err)
    }
}

impl<'a> SourceOrderVisitor<'a> for Models<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) if !function.is_async => {
                if function.name.as_str() == "model" {
                    self.function(function);
                }
            }
            other => walk_stmt(self, other),
        }
    }

    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Collects calls. dbt looks into some places of an expression and not into others. Where it does not look, a reference
/// is taken if its arguments are constant: there dbt fails when the model runs. Configs are left alone there, as dbt has
/// them be the default.
struct Calls<'s> {
    text: &'s str,
    found: Vec<Call>,
    fault: Option<SourceError>,
    lenient: bool,
}

impl Calls<'_> {
    fn call(&mut self, call: &ExprCall) {
        if let Some(function) = function_of(&call.func) {
            let reference = matches!(function, Function::Ref | Function::Source);
            match self.arguments(function, call) {
                Ok(_) if self.lenient && !reference => {}
                Ok(found) => self.found.push(found),
                Err(_) if self.lenient => {}
                Err(error) => {
                    self.fault.get_or_insert(error);
                }
            }
        }
        for argument in &call.arguments.args {
            self.argument(argument);
        }
        for keyword in &call.arguments.keywords {
            self.argument(&keyword.value);
        }
        let mut callee = &*call.func;
        while let Expr::Attribute(attribute) = callee {
            callee = &attribute.value;
        }
        self.known_place(callee);
    }

    /// An argument of a call: dbt looks into lists, tuples, dicts and f-strings there, one level deep.
    fn argument(&mut self, argument: &Expr) {
        match argument {
            Expr::List(list) => list.elts.iter().for_each(|item| self.known_place(item)),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|item| self.known_place(item)),
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let Some(key) = &item.key {
                        self.leniently(key);
                    }
                    self.known_place(&item.value);
                }
            }
            Expr::FString(text) => self.f_string(text),
            other => self.known_place(other),
        }
    }

    fn f_string(&mut self, text: &ExprFString) {
        for element in text.value.elements() {
            if let InterpolatedStringElement::Interpolation(hole) = element {
                self.known_place(&hole.expression);
                for inner in hole.format_spec.iter().flat_map(|spec| &spec.elements) {
                    if let InterpolatedStringElement::Interpolation(hole) = inner {
                        self.leniently(&hole.expression);
                    }
                }
            }
        }
    }

    /// Where dbt sees a call, and nothing else.
    fn known_place(&mut self, expression: &Expr) {
        match expression {
            Expr::Call(call) => self.call(call),
            other => self.leniently(other),
        }
    }

    fn leniently(&mut self, expression: &Expr) {
        let before = std::mem::replace(&mut self.lenient, true);
        self.visit_expr(expression);
        self.lenient = before;
    }

    fn arguments(&self, function: Function, call: &ExprCall) -> Result<Call, SourceError> {
        let constant = |expression: &Expr| {
            literal(expression).ok_or_else(|| {
                let source = self.text.get(expression.range().to_std_range()).unwrap_or_default();
                let source: String = source.chars().take(60).collect();
                SourceError::new(
                    format!(
                        "the argument `{source}` of {}() is not constant: what dbt.ref(), dbt.source(), dbt.config() and \
                         dbt.config.get() are given is read without running the model, as Python's literal_eval does",
                        function.name()
                    ),
                    Some(place_of(self.text, expression.start().to_usize())),
                )
                .with_hint("write a literal: a text, a number, True, False, None, or a list or dict of them")
            })
        };
        let positional: Vec<Json> =
            call.arguments.args.iter().map(constant).collect::<Result<_, SourceError>>()?;
        let mut keyword = Vec::new();
        for argument in &call.arguments.keywords {
            let value = constant(&argument.value)?;
            match (&argument.arg, value) {
                (Some(name), value) => keyword.push((name.to_string(), value)),
                (None, Json::Object(given)) => keyword.extend(given),
                (None, _) => return Err(self.misused(call, "argument after ** must be a mapping")),
            }
        }
        if matches!(function, Function::ConfigGet | Function::MetaGet) {
            let given = positional.len();
            let name = function.name();
            if given == 0 {
                return Err(self.misused(call, &format!("{name}() requires at least one argument")));
            }
            if given > 2 {
                return Err(
                    self.misused(call, &format!("{name}() takes at most 2 arguments ({given} given)"))
                );
            }
        }
        Ok(Call { function, positional, keyword, place: place_of(self.text, call.start().to_usize()) })
    }

    fn misused(&self, call: &ExprCall, message: &str) -> SourceError {
        SourceError::new(message, Some(place_of(self.text, call.start().to_usize())))
    }
}

impl<'a> SourceOrderVisitor<'a> for Calls<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => self.call(call),
            other => walk_expr(self, other),
        }
    }
}

/// Which of dbt's functions an expression names.
fn function_of(callee: &Expr) -> Option<Function> {
    let Expr::Attribute(last) = callee else { return None };
    let is_dbt = |expression: &Expr| matches!(expression, Expr::Name(name) if name.id.as_str() == "dbt");
    match &*last.value {
        base if is_dbt(base) => match last.attr.as_str() {
            "ref" => Some(Function::Ref),
            "source" => Some(Function::Source),
            "config" => Some(Function::Config),
            _ => None,
        },
        Expr::Attribute(config) if is_dbt(&config.value) && config.attr.as_str() == "config" => {
            match last.attr.as_str() {
                "get" => Some(Function::ConfigGet),
                "meta_get" => Some(Function::MetaGet),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The value of an expression that Python's `ast.literal_eval` accepts and JSON can hold.
fn literal(expression: &Expr) -> Option<Json> {
    match expression {
        Expr::NoneLiteral(_) => Some(Json::Null),
        Expr::BooleanLiteral(value) => Some(Json::Bool(value.value)),
        Expr::StringLiteral(text) => Some(Json::String(text.value.to_str().to_owned())),
        Expr::NumberLiteral(number) => numeral(&number.value),
        Expr::List(list) => list.elts.iter().map(literal).collect::<Option<Vec<_>>>().map(Json::Array),
        Expr::Tuple(tuple) => tuple.elts.iter().map(literal).collect::<Option<Vec<_>>>().map(Json::Array),
        Expr::Set(set) => set.elts.iter().map(literal).collect::<Option<Vec<_>>>().map(Json::Array),
        Expr::Dict(dict) => {
            let mut map = Map::new();
            for item in &dict.items {
                let key = match literal(item.key.as_ref()?)? {
                    Json::String(key) => key,
                    Json::Null => "null".to_owned(),
                    key @ (Json::Bool(_) | Json::Number(_)) => key.to_string(),
                    _ => return None,
                };
                map.insert(key, literal(&item.value)?);
            }
            Some(Json::Object(map))
        }
        Expr::UnaryOp(unary) => {
            let Expr::NumberLiteral(number) = &*unary.operand else { return None };
            let value = numeral(&number.value)?;
            match unary.op {
                UnaryOp::UAdd => Some(value),
                UnaryOp::USub => negated(&value),
                _ => None,
            }
        }
        // Of sums only those that make a complex number are literals, which JSON has not.
        Expr::BinOp(sum) if matches!(sum.op, Operator::Add | Operator::Sub) => None,
        _ => None,
    }
}

fn numeral(number: &Number) -> Option<Json> {
    match number {
        Number::Int(int) => match (int.as_i64(), int.as_u64()) {
            (Some(value), _) => Some(Json::from(value)),
            (None, Some(value)) => Some(Json::from(value)),
            (None, None) => int.to_string().parse::<f64>().ok().map(Json::from),
        },
        Number::Float(value) => Some(Json::from(*value)),
        Number::Complex { .. } => None,
    }
}

fn negated(value: &Json) -> Option<Json> {
    match (value.as_i64(), value.as_f64()) {
        (Some(int), _) => int.checked_neg().map(Json::from),
        (None, Some(float)) => Some(Json::from(-float)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
