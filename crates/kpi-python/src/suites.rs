//! Suites of expectations that are written in Python files, read without running them: functions that return a list of
//! them, lists and dicts of a module, and calls of the constructors that Great Expectations has for them.
//!
//! What is read are literals, names that are bound once to a literal, and `dict(...)`. Anything else would have to be
//! run, and is refused with its place.

use crate::complexity::{self, Depth};
use crate::source::{SourceError, place_of};
use ruff_python_ast::{Expr, ExprCall, Number, Stmt, UnaryOp};
use ruff_text_size::Ranged;
use std::collections::HashMap;

/// The stack for source that nests deep.
const STACK: usize = 256 << 20;

/// Names are followed so far.
const MOST_NAMES: usize = 50;

/// A literal and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    /// What it is.
    pub value: LiteralValue,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

/// What a literal is.
#[derive(Debug, Clone, PartialEq)]
pub enum LiteralValue {
    /// `None`
    Null,
    /// `True`, `False`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; whole numbers beyond 64 bits too.
    Float(f64),
    /// A text.
    Text(String),
    /// A list, a tuple, a set.
    List(Vec<Literal>),
    /// A dict.
    Map(Vec<(Literal, Literal)>),
}

/// A suite in a Python file.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonSuite {
    /// By its own name, or that of the function or variable that holds it, without `get_` and the like.
    pub name: String,
    /// A list of expectations, or a dict that holds one under `expectations`.
    pub value: Literal,
}

/// The suites of a Python file, in their order.
///
/// # Errors
/// Wrong syntax, no suite, or one that is not written in literals.
pub fn suites(text: &str) -> Result<Vec<PythonSuite>, SourceError> {
    match complexity::of(text) {
        Depth::Shallow => read(text),
        Depth::TooDeep(why) => Err(SourceError::new(why, None)),
        Depth::Deep => std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(STACK);
            let nested = || SourceError::new("the file nests too deep to be read", None);
            let reader = builder.spawn_scoped(scope, || read(text)).map_err(|_| nested())?;
            reader.join().unwrap_or_else(|_| Err(nested()))
        }),
    }
}

fn read(text: &str) -> Result<Vec<PythonSuite>, SourceError> {
    let module = ruff_python_parser::parse_module(text).map_err(|error| {
        let message = format!("Python syntax error: {}", error.error);
        SourceError::new(message, Some(place_of(text, error.location.start().to_usize())))
    })?;
    let body = module.suite();
    let mut names = Names::default();
    names.learn(body);
    let mut found = Vec::new();
    let reader = Reader { text, names: vec![&names] };
    reader.block(body, None, &mut found)?;
    for statement in body {
        if let Stmt::FunctionDef(function) = statement {
            let mut own = Names::default();
            own.learn(&function.body);
            let reader = Reader { text, names: vec![&own, &names] };
            reader.block(&function.body, Some(function.name.as_str()), &mut found)?;
        }
    }
    if found.is_empty() {
        return Err(SourceError::new("the file holds no list of expectations", None).with_hint(
            "a function that returns a list of dicts with 'expectation_type' (or 'type') and 'kwargs', or such a list",
        ));
    }
    Ok(found)
}

/// Names that are bound once, each with what it is bound to.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, Option<&'a Expr>>);

impl<'a> Names<'a> {
    fn learn(&mut self, body: &'a [Stmt]) {
        for statement in body {
            match statement {
                Stmt::Assign(assign) => {
                    for target in &assign.targets {
                        self.bind(target, &assign.value);
                    }
                }
                Stmt::AnnAssign(assign) => {
                    if let Some(value) = &assign.value {
                        self.bind(&assign.target, value);
                    }
                }
                Stmt::AugAssign(assign) => {
                    if let Expr::Name(name) = &*assign.target {
                        self.0.insert(name.id.as_str(), None);
                    }
                }
                _ => {}
            }
        }
    }

    fn bind(&mut self, target: &'a Expr, value: &'a Expr) {
        if let Expr::Name(name) = target {
            // What is bound twice has no one value.
            let bound = self.0.entry(name.id.as_str()).or_insert(Some(value));
            if bound.is_some_and(|bound| !std::ptr::eq(bound, value)) {
                *bound = None;
            }
        }
    }
}

struct Reader<'s, 'a> {
    text: &'s str,
    /// The innermost first.
    names: Vec<&'a Names<'a>>,
}

/// Words in front of what a function makes.
const VERBS: [&str; 6] = ["get_", "build_", "create_", "make_", "load_", "define_"];

impl<'a> Reader<'_, 'a> {
    /// The suites of a module or of a function.
    fn block(
        &self,
        body: &'a [Stmt],
        function: Option<&str>,
        found: &mut Vec<PythonSuite>,
    ) -> Result<(), SourceError> {
        // Expectations that are added one by one, by the name of what they are added to.
        let mut added: Vec<(String, Vec<Literal>, &Expr)> = Vec::new();
        for statement in body {
            match statement {
                Stmt::Return(returned) => {
                    if let (Some(name), Some(value)) = (function, &returned.value) {
                        let value = self.resolved(value, 0);
                        if self.is_suite(value) {
                            let stem = VERBS.iter().find_map(|verb| name.strip_prefix(verb)).unwrap_or(name);
                            found.push(self.suite(stem, value)?);
                        }
                    }
                }
                // What a function returns is told by that.
                Stmt::Assign(assign) if function.is_none() => {
                    if let [Expr::Name(name)] = assign.targets.as_slice()
                        && self.is_suite(&assign.value)
                        && !self.is_used(body, name.id.as_str())
                    {
                        found.push(self.suite(&name.id.as_str().to_lowercase(), &assign.value)?);
                    }
                }
                Stmt::AnnAssign(assign) if function.is_none() => {
                    if let (Expr::Name(name), Some(value)) = (&*assign.target, &assign.value)
                        && self.is_suite(value)
                        && !self.is_used(body, name.id.as_str())
                    {
                        found.push(self.suite(&name.id.as_str().to_lowercase(), value)?);
                    }
                }
                Stmt::Expr(expression) => {
                    let Expr::Call(call) = &*expression.value else { continue };
                    let Expr::Attribute(method) = &*call.func else { continue };
                    if method.attr.as_str() != "add_expectation" {
                        continue;
                    }
                    let Some(argument) = call
                        .arguments
                        .args
                        .first()
                        .or_else(|| call.arguments.keywords.first().map(|keyword| &keyword.value))
                    else {
                        continue;
                    };
                    let owner = match &*method.value {
                        Expr::Name(name) => name.id.to_string(),
                        _ => "suite".to_owned(),
                    };
                    let literal = self.literal(argument, 0)?;
                    match added.iter_mut().find(|(name, ..)| *name == owner) {
                        Some((_, list, _)) => list.push(literal),
                        None => added.push((owner, vec![literal], &method.value)),
                    }
                }
                _ => {}
            }
        }
        for (owner, list, at) in added {
            let constructed = match self.resolved(at, 0) {
                Expr::Call(call) if constructor(call) == Some("ExpectationSuite") => self.named(call),
                _ => None,
            };
            let stem = function.map_or(owner, |name| {
                VERBS.iter().find_map(|verb| name.strip_prefix(verb)).unwrap_or(name).to_owned()
            });
            let value = self.place(at, LiteralValue::List(list));
            found.push(PythonSuite { name: constructed.unwrap_or(stem), value });
        }
        Ok(())
    }

    /// Whether a name of a module is part of another one, or what expectations are added to.
    fn is_used(&self, body: &[Stmt], name: &str) -> bool {
        let is_name = |expr: &Expr| matches!(expr, Expr::Name(used) if used.id.as_str() == name);
        body.iter().any(|statement| match statement {
            Stmt::Expr(expression) => match &*expression.value {
                Expr::Call(call) => {
                    matches!(&*call.func, Expr::Attribute(method) if is_name(&method.value) && method.attr.as_str() == "add_expectation")
                }
                _ => false,
            },
            Stmt::Assign(assign) => match &*assign.value {
                Expr::Dict(dict) => dict.items.iter().any(|item| is_name(&item.value)),
                Expr::Call(call) => call.arguments.keywords.iter().any(|keyword| is_name(&keyword.value)),
                _ => false,
            },
            Stmt::FunctionDef(function) => function.body.iter().any(|inner| {
                matches!(inner, Stmt::Return(returned) if returned.value.as_deref().is_some_and(is_name))
            }),
            _ => false,
        })
    }

    /// What a name is bound to.
    fn resolved(&self, expression: &'a Expr, depth: usize) -> &'a Expr {
        if let Expr::Name(name) = expression
            && depth < MOST_NAMES
            && let Some(Some(bound)) = self.names.iter().find_map(|names| names.0.get(name.id.as_str()))
        {
            return self.resolved(bound, depth + 1);
        }
        expression
    }

    /// A list that holds an expectation, or a dict that holds such a list.
    fn is_suite(&self, expression: &'a Expr) -> bool {
        let holds = |items: &'a [Expr]| items.iter().any(|item| self.is_expectation(self.resolved(item, 0)));
        match expression {
            Expr::List(list) => holds(&list.elts),
            Expr::Tuple(tuple) => holds(&tuple.elts),
            Expr::Dict(dict) => dict.items.iter().any(|item| {
                let named = item.key.as_ref().and_then(text_of) == Some("expectations");
                named && matches!(self.resolved(&item.value, 0), Expr::List(_) | Expr::Tuple(_))
            }),
            Expr::Call(call) => {
                constructor(call) == Some("ExpectationSuite")
                    && call.arguments.keywords.iter().any(|keyword| {
                        keyword.arg.as_ref().is_some_and(|name| name.as_str() == "expectations")
                    })
            }
            _ => false,
        }
    }

    fn is_expectation(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Dict(dict) => {
                let holds = |name: &str| {
                    dict.items.iter().any(|item| item.key.as_ref().and_then(text_of) == Some(name))
                };
                holds("expectation_type") || (holds("type") && holds("kwargs"))
            }
            Expr::Call(call) => constructor(call).is_some_and(|name| {
                name == "ExpectationConfiguration"
                    || name == "UnexpectedRowsExpectation"
                    || (name.starts_with("Expect") && name != "ExpectationSuite")
                    || (name == "dict"
                        && call.arguments.keywords.iter().any(|keyword| {
                            keyword.arg.as_ref().is_some_and(|arg| arg.as_str() == "expectation_type")
                        }))
            }),
            _ => false,
        }
    }

    fn suite(&self, name: &str, expression: &'a Expr) -> Result<PythonSuite, SourceError> {
        let value = self.literal(expression, 0)?;
        let own = match (&value.value, expression) {
            (LiteralValue::Map(entries), _) => ["name", "expectation_suite_name"].iter().find_map(|key| {
                entries.iter().find_map(|(k, v)| match (&k.value, &v.value) {
                    (LiteralValue::Text(k), LiteralValue::Text(name)) if k == key => Some(name.clone()),
                    _ => None,
                })
            }),
            _ => None,
        };
        Ok(PythonSuite { name: own.unwrap_or_else(|| name.to_owned()), value })
    }

    fn named(&self, call: &'a ExprCall) -> Option<String> {
        let keyword = call.arguments.keywords.iter().find(|keyword| {
            let name = keyword.arg.as_ref().map(|name| name.as_str());
            matches!(name, Some("name" | "expectation_suite_name"))
        });
        let value = keyword.map(|keyword| &keyword.value).or_else(|| call.arguments.args.first())?;
        text_of(self.resolved(value, 0)).map(str::to_owned)
    }

    fn place(&self, expression: &impl Ranged, value: LiteralValue) -> Literal {
        let (line, column) = place_of(self.text, expression.start().to_usize());
        Literal { value, line, column }
    }

    fn refused(&self, expression: &Expr) -> SourceError {
        let source = self.text.get(expression.range().to_std_range()).unwrap_or_default();
        let source: String = source.lines().next().unwrap_or_default().chars().take(60).collect();
        SourceError::new(
            format!("`{source}` is no literal: the file is read, and not run"),
            Some(place_of(self.text, expression.start().to_usize())),
        )
        .with_hint("write a text, a number, True, False, None, a list or dict of them, or a name that is bound once to one")
    }

    fn literal(&self, expression: &'a Expr, names: usize) -> Result<Literal, SourceError> {
        let refused = || self.refused(expression);
        let list = |items: &'a [Expr]| {
            let items: Result<Vec<_>, _> = items.iter().map(|item| self.literal(item, names)).collect();
            items.map(LiteralValue::List)
        };
        let value = match expression {
            Expr::NoneLiteral(_) => LiteralValue::Null,
            Expr::BooleanLiteral(value) => LiteralValue::Bool(value.value),
            Expr::StringLiteral(text) => LiteralValue::Text(text.value.to_str().to_owned()),
            Expr::NumberLiteral(number) => numeral(&number.value).ok_or_else(refused)?,
            Expr::List(given) => list(&given.elts)?,
            Expr::Tuple(given) => list(&given.elts)?,
            Expr::Set(given) => list(&given.elts)?,
            Expr::Dict(dict) => {
                let mut entries = Vec::new();
                for item in &dict.items {
                    // `**other` is no entry.
                    let key = item.key.as_ref().ok_or_else(|| self.refused(&item.value))?;
                    entries.push((self.literal(key, names)?, self.literal(&item.value, names)?));
                }
                LiteralValue::Map(entries)
            }
            Expr::UnaryOp(unary) if matches!(unary.op, UnaryOp::UAdd | UnaryOp::USub) => {
                let inner = self.literal(&unary.operand, names)?.value;
                match (unary.op, inner) {
                    (UnaryOp::UAdd, value @ (LiteralValue::Int(_) | LiteralValue::Float(_))) => value,
                    (UnaryOp::USub, LiteralValue::Int(value)) => {
                        LiteralValue::Int(value.checked_neg().ok_or_else(refused)?)
                    }
                    (UnaryOp::USub, LiteralValue::Float(value)) => LiteralValue::Float(-value),
                    _ => return Err(refused()),
                }
            }
            Expr::Name(_) if names < MOST_NAMES => {
                let bound = self.resolved(expression, names);
                if matches!(bound, Expr::Name(_)) {
                    return Err(refused());
                }
                // The place is where the name stands: there the value is used.
                self.literal(bound, names + 1)?.value
            }
            Expr::Call(call) => self.call(call, names)?.ok_or_else(refused)?,
            _ => return Err(refused()),
        };
        Ok(self.place(expression, value))
    }

    /// `dict(a=1)`, and the constructors of expectations and suites, as the dicts that they stand for.
    fn call(&self, call: &'a ExprCall, names: usize) -> Result<Option<LiteralValue>, SourceError> {
        let Some(name) = constructor(call) else { return Ok(None) };
        let suite = name == "ExpectationSuite";
        let plain = matches!(name, "dict" | "ExpectationConfiguration") || suite;
        let expectation = !plain && (name.starts_with("Expect") || name == "UnexpectedRowsExpectation");
        if !(plain || expectation) {
            return Ok(None);
        }
        let mut given = Vec::new();
        for (at, argument) in call.arguments.args.iter().enumerate() {
            // Only the name of a suite is given without a word.
            if !(suite && at == 0) {
                return Err(self.refused(argument));
            }
            given.push((
                self.place(argument, LiteralValue::Text("name".to_owned())),
                self.literal(argument, names)?,
            ));
        }
        for keyword in &call.arguments.keywords {
            let Some(word) = &keyword.arg else { return Err(self.refused(&keyword.value)) };
            let key = self.place(word, LiteralValue::Text(word.to_string()));
            given.push((key, self.literal(&keyword.value, names)?));
        }
        if plain {
            return Ok(Some(LiteralValue::Map(given)));
        }
        // `ExpectColumnMaxToBeBetween(column="a", meta={})`: what is beside the keywords stands beside them.
        let beside = |key: &Literal| {
            matches!(&key.value, LiteralValue::Text(key)
                if matches!(key.as_str(), "meta" | "notes" | "description" | "severity" | "id"))
        };
        let (others, kwargs): (Vec<_>, Vec<_>) = given.into_iter().partition(|(key, _)| beside(key));
        let text = |text: &str| self.place(call, LiteralValue::Text(text.to_owned()));
        let kind = match name {
            "UnexpectedRowsExpectation" => "unexpected_rows_expectation".to_owned(),
            name => snake_case(name),
        };
        let mut entries =
            vec![(text("type"), text(&kind)), (text("kwargs"), self.place(call, LiteralValue::Map(kwargs)))];
        entries.extend(others);
        Ok(Some(LiteralValue::Map(entries)))
    }
}

/// The last name of what is called: `gx.expectations.ExpectColumnToExist(...)`.
fn constructor(call: &ExprCall) -> Option<&str> {
    match &*call.func {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

fn text_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        _ => None,
    }
}

fn numeral(number: &Number) -> Option<LiteralValue> {
    match number {
        Number::Int(int) => match int.as_i64() {
            Some(value) => Some(LiteralValue::Int(value)),
            None => int.to_string().parse().ok().map(LiteralValue::Float),
        },
        Number::Float(value) => Some(LiteralValue::Float(*value)),
        Number::Complex { .. } => None,
    }
}

/// `ExpectColumnKLDivergenceToBeLessThan`: `expect_column_kl_divergence_to_be_less_than`
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(literal: &Literal) -> String {
        match &literal.value {
            LiteralValue::Null => "null".to_owned(),
            LiteralValue::Bool(b) => b.to_string(),
            LiteralValue::Int(i) => i.to_string(),
            LiteralValue::Float(f) => format!("{f:?}"),
            LiteralValue::Text(t) => format!("{t:?}"),
            LiteralValue::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            LiteralValue::Map(entries) => {
                let entries = entries.iter().map(|(k, v)| format!("{}: {}", shown(k), shown(v)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn read_all(text: &str) -> String {
        match suites(text) {
            Ok(found) => found.iter().map(|s| format!("{} {}\n", s.name, shown(&s.value))).collect(),
            Err(error) => format!("{:?} {}", error.place, error.message),
        }
    }

    #[test]
    fn functions_lists_and_constructors_are_read() {
        let text = r#"
import great_expectations as gx
TOP = 1_000
LIMITS = {"min_value": -0.5, "max_value": TOP}
OTHER = ["no", "suite"]

def get_kpis_suite():
    """Doc."""
    expectations = [
        {"expectation_type": "expect_column_values_to_be_between",
         "kwargs": {"column": "rate", "min_value": 0, "max_value": TOP, "mostly": 0.95}},
        dict(expectation_type="expect_column_to_exist", kwargs=dict(column="a" "b")),
    ]
    return expectations

leads: list = [{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "s", "value_set": ("a", None, True)}}]
whole = {"name": "orders", "expectations": [], "meta": {}}

def more():
    suite = gx.ExpectationSuite(name="added")
    suite.add_expectation(gx.expectations.ExpectColumnKLDivergenceToBeLessThan(column="x", threshold=+1, severity="info"))
    suite.add_expectation(gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB(column_A="a", column_B="b"))
    return suite
"#;
        insta::assert_snapshot!(read_all(text));
    }

    #[test]
    fn what_would_have_to_be_run_is_refused_with_its_place() {
        let element = |value: &str| format!("x = [\n  {{'type': 'e', 'kwargs': {{'a': {value}}}}}]\n");
        let texts = [
            element("max(1, 2)"),
            element("f'{x}'"),
            element("1 + 2"),
            element("open('/etc/passwd').read()"),
            element("unheard_of"),
            element("[i for i in range(3)]"),
            "a = b\nb = a\nx = [{'type': 'e', 'kwargs': a}]".to_owned(),
            "n = 1\nn = 2\nx = [{'type': 'e', 'kwargs': {'v': n}}]".to_owned(),
            "x = [{'type': 'e', 'kwargs': {**y}}]".to_owned(),
            "x = [{'type': 'e', 'kwargs': {}} for i in y]".to_owned(),
            "def f(:\n".to_owned(),
            String::new(),
            format!("x = {}", "[".repeat(100_000)),
        ];
        insta::assert_snapshot!(texts.map(|text| read_all(&text)).join("\n"));
    }
}
