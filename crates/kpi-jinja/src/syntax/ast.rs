//! The lowered form of a template: what the parser makes, the resolver completes and the evaluator runs.
//!
//! Variables are slots of a function's activation; a name that no statement of the template assigns is
//! [`GLOBAL`] and looked up in the node's context when it is read.

use crate::Value;
use crate::object::BinaryOp;
use crate::python::{filters::FilterFn, tests::TestFn};
use kpi_diagnostics::SourceFile;
use std::sync::Arc;

/// A byte offset in the normalized text.
pub(crate) type Pos = u32;

/// The slot of names that the template does not assign.
pub(crate) const GLOBAL: u32 = u32::MAX;

/// The text that code came from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<SourceFile>,
    /// With Python's line ends; positions are offsets in it.
    pub(crate) text: Arc<str>,
    /// The 1-based line of the file at which the text begins.
    pub(crate) line: u32,
}

impl Source {
    /// The 1-based line and column in the file.
    pub(crate) fn place(&self, pos: Pos) -> (u32, u32) {
        let mut offset = (pos as usize).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = self.text.get(..offset).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() as u32;
        let column = before.get(start..).map_or(0, |l| l.chars().count()) as u32 + 1;
        (self.line + line, column)
    }
}

/// A variable: its name and its slot.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) name: Arc<str>,
    pub(crate) slot: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

#[derive(Debug)]
pub(crate) enum Expr {
    Const(Value),
    Name(Name),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>, Pos),
    Not(Box<Expr>),
    Neg(Box<Expr>, Pos),
    Plus(Box<Expr>, Pos),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    Binary(BinaryOp, Box<(Expr, Expr)>, Pos),
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>, Pos),
    Cond(Box<Cond>),
    Attr(Box<Expr>, Arc<str>, Pos),
    Item(Box<(Expr, Expr)>, Pos),
    /// Only inside of an item.
    Slice(Box<[Option<Expr>; 3]>),
    Call(Box<Call>),
    Filter(Box<Filter>),
    Test(Box<Test>),
}

#[derive(Debug)]
pub(crate) struct Cond {
    pub(crate) test: Expr,
    pub(crate) then: Expr,
    pub(crate) otherwise: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) callee: Expr,
    pub(crate) args: CallArgs,
    pub(crate) pos: Pos,
}

#[derive(Debug, Default)]
pub(crate) struct CallArgs {
    pub(crate) positional: Vec<Expr>,
    pub(crate) keyword: Vec<(Arc<str>, Expr)>,
    /// `*args`
    pub(crate) spread: Option<Expr>,
    /// `**kwargs`
    pub(crate) spread_keyword: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Filter {
    /// `None`: the text of the block.
    pub(crate) value: Option<Expr>,
    pub(crate) name: Arc<str>,
    /// `None`: no such filter.
    pub(crate) function: Option<FilterFn>,
    pub(crate) args: CallArgs,
    pub(crate) pos: Pos,
}

#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) value: Expr,
    pub(crate) name: Arc<str>,
    /// `None`: no such test.
    pub(crate) function: Option<TestFn>,
    pub(crate) args: CallArgs,
    pub(crate) pos: Pos,
}

/// What is assigned to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(Name),
    /// `namespace.attribute`
    Attr(Name, Arc<str>, Pos),
    Tuple(Vec<Target>, Pos),
}

/// What a variable of a scope holds when the scope is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    /// Nothing.
    Missing,
    /// What the context has under its name, looked up when it is first read.
    Lazy,
    /// What the slot of an outer scope holds.
    Copy(u32),
}

/// The slots that a scope sets up when it is entered.
pub(crate) type ScopeInit = Vec<(u32, Init)>;

#[derive(Debug)]
pub(crate) enum Stmt {
    Text(Arc<str>),
    Output(Expr),
    /// `{% do x %}`
    Do(Expr),
    /// `{{ return(x) }}` and `{% do return(x) %}`
    Return(Option<Expr>),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Box<For>),
    Set(Target, Expr, Pos),
    SetBlock(Box<Capture>, Target),
    With(Box<With>),
    FilterBlock(Box<Capture>),
    Macro(Arc<Function>, Name),
    CallBlock(Box<CallBlock>),
    /// `{% block name %}`
    Block(Arc<Function>),
    Autoescape(Box<Autoescape>),
    Break,
    Continue,
    /// A statement that has no meaning in dbt (`include`, `import`, `extends`): fails with a message when it runs.
    Refuse(&'static str, Pos),
}

/// Statements whose text is filtered and then printed or assigned.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) init: ScopeInit,
    pub(crate) body: Vec<Stmt>,
    pub(crate) filter: Option<Expr>,
    pub(crate) pos: Pos,
}

#[derive(Debug)]
pub(crate) struct Autoescape {
    pub(crate) on: Expr,
    pub(crate) init: ScopeInit,
    pub(crate) body: Vec<Stmt>,
}

#[derive(Debug)]
pub(crate) struct With {
    pub(crate) values: Vec<(Target, Expr)>,
    pub(crate) init: ScopeInit,
    pub(crate) body: Vec<Stmt>,
    pub(crate) pos: Pos,
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) iterable: Expr,
    pub(crate) test: Option<Expr>,
    /// The target again, in the scope of the test.
    pub(crate) test_target: Option<Target>,
    pub(crate) test_init: ScopeInit,
    pub(crate) body: Vec<Stmt>,
    pub(crate) init: ScopeInit,
    pub(crate) otherwise: Vec<Stmt>,
    pub(crate) else_init: ScopeInit,
    /// The slot of `loop`, if the body uses it.
    pub(crate) loop_slot: Option<u32>,
    /// For `recursive`: the loop as a function of its iterable; the other fields are then empty.
    pub(crate) recursive: Option<Arc<Function>>,
    pub(crate) pos: Pos,
}

#[derive(Debug)]
pub(crate) struct CallBlock {
    pub(crate) call: Call,
    pub(crate) caller: Arc<Function>,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<str>,
    pub(crate) slot: u32,
    pub(crate) default: Option<Expr>,
}

/// The root of a template, a macro, the body of a call block, a block, or a recursive loop.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Arc<str>,
    pub(crate) source: Arc<Source>,
    pub(crate) pos: Pos,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Vec<Stmt>,
    /// How many slots an activation has.
    pub(crate) slots: u32,
    pub(crate) init: ScopeInit,
    /// Slots that inner functions share.
    pub(crate) cells: Vec<u32>,
    /// (slot of the enclosing function, own slot) of each shared variable.
    pub(crate) captures: Vec<(u32, u32)>,
    /// Slots of the names that a macro gets without declaring them, if its body uses them.
    pub(crate) caller: Option<u32>,
    pub(crate) varargs: Option<u32>,
    pub(crate) kwargs: Option<u32>,
    /// `caller` is a declared parameter.
    pub(crate) explicit_caller: bool,
    /// The slot of `self` in the root of a template.
    pub(crate) self_slot: Option<u32>,
    /// The blocks of a template, for `self`.
    pub(crate) blocks: Vec<Arc<Function>>,
}

impl Expr {
    /// Whether jinja2 computes it while it compiles: no names, no calls.
    pub(crate) fn is_constant(&self) -> bool {
        let args = |args: &CallArgs| {
            args.positional.iter().all(Expr::is_constant)
                && args.keyword.iter().all(|(_, e)| e.is_constant())
                && args.spread.as_ref().is_none_or(Expr::is_constant)
                && args.spread_keyword.as_ref().is_none_or(Expr::is_constant)
        };
        match self {
            Self::Const(_) => true,
            Self::Name(_) | Self::Call(_) => false,
            Self::List(items) | Self::Tuple(items) | Self::Concat(items) => {
                items.iter().all(Self::is_constant)
            }
            Self::Dict(items, _) => items.iter().all(|(k, v)| k.is_constant() && v.is_constant()),
            Self::Not(e) | Self::Neg(e, _) | Self::Plus(e, _) | Self::Attr(e, _, _) => e.is_constant(),
            Self::And(pair) | Self::Or(pair) | Self::Binary(_, pair, _) | Self::Item(pair, _) => {
                pair.0.is_constant() && pair.1.is_constant()
            }
            Self::Compare(first, rest, _) => first.is_constant() && rest.iter().all(|(_, e)| e.is_constant()),
            Self::Cond(c) => {
                c.test.is_constant()
                    && c.then.is_constant()
                    && c.otherwise.as_ref().is_some_and(Self::is_constant)
            }
            Self::Slice(parts) => parts.iter().flatten().all(Self::is_constant),
            Self::Filter(f) => f.value.as_ref().is_some_and(Self::is_constant) && args(&f.args),
            Self::Test(t) => t.value.is_constant() && args(&t.args),
        }
    }
}

/// A syntax error at a position.
pub(crate) fn syntax_error(source: &Source, message: impl Into<String>, pos: Pos) -> crate::Error {
    let (line, column) = source.place(pos);
    crate::Error::new(crate::ErrorKind::Syntax, message).with_place(&source.file, line, column)
}
