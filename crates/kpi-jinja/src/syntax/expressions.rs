//! The parser of expressions: precedence, postfixes, filters and tests as in jinja2.

use super::ast::*;
use super::lexer::{Op, Token};
use super::parser::Parser;
use crate::object::BinaryOp;
use crate::{Result, Value, python};
use std::sync::Arc;

/// How deep the tree of an expression may be. Python gives up at a similar depth.
const MAX_DEPTH: u32 = 300;

// Levels of precedence, loosest first; a level's right operands are of the next one.
const OR: u8 = 0;
const AND: u8 = 1;
const NOT: u8 = 2;
const COMPARE: u8 = 3;
const SUM: u8 = 4;
const CONCAT: u8 = 5;
const PRODUCT: u8 = 6;
const POWER: u8 = 7;

impl Parser<'_> {
    /// An expression with `x if y else z`.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.nested(Self::conditional)
    }

    /// Notes that an expression was put round others whose depth is `inner`.
    fn wrap(&mut self, inner: u32) -> Result<()> {
        self.depth = inner + 1;
        if self.depth > MAX_DEPTH {
            return self.fail(format!("the expression is deeper than {MAX_DEPTH} levels"), self.pos);
        }
        Ok(())
    }

    fn conditional(&mut self) -> Result<Expr> {
        let outer_soft = self.soft;
        let unknown = self.unknown.len();
        let mut then = self.level(OR)?;
        let mut depth = self.depth;
        while self.is_name("if") {
            self.advance()?;
            self.soft = true;
            self.unknown.truncate(unknown);
            let test = self.level(OR)?;
            depth = depth.max(self.depth);
            let otherwise = if self.skip_name("else")? {
                let otherwise = self.nested(Self::conditional)?;
                depth = depth.max(self.depth);
                Some(otherwise)
            } else {
                None
            };
            self.soft = outer_soft;
            self.wrap(depth)?;
            depth = self.depth;
            then = Expr::Cond(Box::new(Cond { test, then, otherwise }));
        }
        self.depth = depth;
        Ok(then)
    }

    /// An expression of operators of this level or tighter ones.
    fn level(&mut self, lowest: u8) -> Result<Expr> {
        let mut left = if lowest <= NOT && self.is_name("not") {
            self.advance()?;
            let operand = self.nested(|p| p.level(NOT))?;
            self.wrap(self.depth)?;
            Expr::Not(Box::new(operand))
        } else {
            self.unary(true)?
        };
        let mut depth = self.depth;
        loop {
            let pos = self.pos;
            let (level, operator) = match self.token {
                Token::VarEnd | Token::BlockEnd => break,
                Token::Op(op) => match op {
                    Op::Add => (SUM, Some(BinaryOp::Add)),
                    Op::Sub => (SUM, Some(BinaryOp::Sub)),
                    Op::Mul => (PRODUCT, Some(BinaryOp::Mul)),
                    Op::Div => (PRODUCT, Some(BinaryOp::Div)),
                    Op::FloorDiv => (PRODUCT, Some(BinaryOp::FloorDiv)),
                    Op::Mod => (PRODUCT, Some(BinaryOp::Rem)),
                    Op::Pow => (POWER, Some(BinaryOp::Pow)),
                    Op::Tilde => (CONCAT, None),
                    Op::Eq | Op::Ne | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => (COMPARE, None),
                    _ => break,
                },
                Token::Name(name) => match name {
                    "or" => (OR, None),
                    "and" => (AND, None),
                    "in" | "not" => (COMPARE, None),
                    _ => break,
                },
                _ => break,
            };
            if level < lowest {
                break;
            }
            left = match level {
                COMPARE => match self.comparison(left, depth)? {
                    (left, true) => left,
                    (left, false) => {
                        self.depth = depth;
                        return Ok(left);
                    }
                },
                CONCAT => self.concatenation(left, depth)?,
                _ => {
                    self.advance()?;
                    let right = self.level(level + 1)?;
                    self.wrap(depth.max(self.depth))?;
                    let pair = Box::new((left, right));
                    match operator {
                        Some(operator) => Expr::Binary(operator, pair, pos),
                        None if level == OR => Expr::Or(pair),
                        None => Expr::And(pair),
                    }
                }
            };
            depth = self.depth;
        }
        self.depth = depth;
        Ok(left)
    }

    /// `first < b <= c`: a chain is one expression. `false`: it was no comparison but a `not` that belongs elsewhere.
    fn comparison(&mut self, first: Expr, depth: u32) -> Result<(Expr, bool)> {
        let mut depth = depth;
        let pos = self.pos;
        let mut rest = Vec::new();
        loop {
            let operator = match self.token {
                Token::Op(Op::Eq) => CompareOp::Eq,
                Token::Op(Op::Ne) => CompareOp::Ne,
                Token::Op(Op::Lt) => CompareOp::Lt,
                Token::Op(Op::LtEq) => CompareOp::Le,
                Token::Op(Op::Gt) => CompareOp::Gt,
                Token::Op(Op::GtEq) => CompareOp::Ge,
                Token::Name("in") => CompareOp::In,
                Token::Name("not") => {
                    if !matches!(self.look()?, Token::Name("in")) {
                        break;
                    }
                    self.advance()?;
                    CompareOp::NotIn
                }
                _ => break,
            };
            self.advance()?;
            let operand = self.level(SUM)?;
            depth = depth.max(self.depth);
            rest.push((operator, operand));
        }
        if rest.is_empty() {
            return Ok((first, false));
        }
        self.wrap(depth)?;
        Ok((Expr::Compare(Box::new(first), rest, pos), true))
    }

    /// `first ~ b ~ c`
    fn concatenation(&mut self, first: Expr, depth: u32) -> Result<Expr> {
        let mut depth = depth;
        let mut parts = vec![first];
        while self.skip_op(Op::Tilde)? {
            parts.push(self.level(PRODUCT)?);
            depth = depth.max(self.depth);
        }
        self.wrap(depth)?;
        Ok(Expr::Concat(parts))
    }

    fn unary(&mut self, with_filter: bool) -> Result<Expr> {
        let pos = self.pos;
        let mut expr = match self.token {
            Token::Op(Op::Sub) => {
                self.advance()?;
                let operand = self.nested(|p| p.unary(false))?;
                self.wrap(self.depth)?;
                Expr::Neg(Box::new(operand), pos)
            }
            Token::Op(Op::Add) => {
                self.advance()?;
                let operand = self.nested(|p| p.unary(false))?;
                self.wrap(self.depth)?;
                Expr::Plus(Box::new(operand), pos)
            }
            _ => self.primary()?,
        };
        expr = self.postfix(expr)?;
        if with_filter { self.filters_and_tests(expr) } else { Ok(expr) }
    }

    fn primary(&mut self) -> Result<Expr> {
        self.depth = 1;
        let pos = self.pos;
        self.anchor = pos;
        match &self.token {
            Token::Name(name) => {
                let name = *name;
                self.advance()?;
                Ok(match name {
                    "true" | "True" => Expr::Const(Value::Bool(true)),
                    "false" | "False" => Expr::Const(Value::Bool(false)),
                    "none" | "None" => Expr::Const(Value::None),
                    _ => self.load(name),
                })
            }
            Token::Str(_) => {
                let mut text = String::new();
                while let Token::Str(part) = &self.token {
                    text.push_str(part);
                    self.advance()?;
                }
                Ok(Expr::Const(Value::from(text)))
            }
            Token::Number(value) => {
                let value = value.clone();
                self.advance()?;
                Ok(Expr::Const(value))
            }
            Token::Op(Op::LParen) => {
                self.advance()?;
                let inner = self.tuple(true, true)?;
                self.expect_op(Op::RParen)?;
                Ok(inner)
            }
            Token::Op(Op::LBracket) => self.list(),
            Token::Op(Op::LBrace) => self.dict(),
            other => self.fail(format!("unexpected '{}'", other.describe()), pos),
        }
    }

    /// One expression, or several with commas as a tuple.
    pub(super) fn tuple(&mut self, with_condition: bool, explicit_parentheses: bool) -> Result<Expr> {
        let mut items: Vec<Expr> = Vec::new();
        let mut depth = 0;
        loop {
            if !items.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            if matches!(self.token, Token::VarEnd | Token::BlockEnd | Token::Op(Op::RParen)) {
                break;
            }
            let item = if with_condition { self.expression()? } else { self.nested(|p| p.level(OR))? };
            depth = depth.max(self.depth);
            items.push(item);
            if !self.is_op(Op::Comma) {
                if items.len() == 1 {
                    return Ok(items.remove(0));
                }
                break;
            }
        }
        if items.is_empty() && !explicit_parentheses {
            return self.fail(format!("Expected an expression, got '{}'", self.token.describe()), self.pos);
        }
        self.wrap(depth)?;
        Ok(Expr::Tuple(items))
    }

    fn list(&mut self) -> Result<Expr> {
        self.advance()?;
        let mut items = Vec::new();
        let mut depth = 0;
        while !self.is_op(Op::RBracket) {
            if !items.is_empty() {
                self.expect_op(Op::Comma)?;
                if self.is_op(Op::RBracket) {
                    break;
                }
            }
            items.push(self.expression()?);
            depth = depth.max(self.depth);
        }
        self.expect_op(Op::RBracket)?;
        self.wrap(depth)?;
        Ok(Expr::List(items))
    }

    fn dict(&mut self) -> Result<Expr> {
        let pos = self.pos;
        self.advance()?;
        let mut items = Vec::new();
        let mut depth = 0;
        while !self.is_op(Op::RBrace) {
            if !items.is_empty() {
                self.expect_op(Op::Comma)?;
                if self.is_op(Op::RBrace) {
                    break;
                }
            }
            let key = self.expression()?;
            depth = depth.max(self.depth);
            self.expect_op(Op::Colon)?;
            let value = self.expression()?;
            depth = depth.max(self.depth);
            items.push((key, value));
        }
        self.expect_op(Op::RBrace)?;
        self.wrap(depth)?;
        Ok(Expr::Dict(items, pos))
    }

    fn postfix(&mut self, mut expr: Expr) -> Result<Expr> {
        loop {
            expr = match self.token {
                Token::Op(Op::Dot) => self.attribute(expr)?,
                Token::Op(Op::LBracket) => self.subscript(expr)?,
                Token::Op(Op::LParen) => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn attribute(&mut self, expr: Expr) -> Result<Expr> {
        let depth = self.depth;
        self.advance()?;
        let pos = self.pos;
        self.anchor = pos;
        match &self.token {
            Token::Name(name) => {
                let name = *name;
                self.advance()?;
                self.wrap(depth)?;
                Ok(Expr::Attr(Box::new(expr), self.intern(name), pos))
            }
            Token::Number(number @ (Value::Int(_) | Value::BigInt(_))) => {
                let index = Expr::Const(number.clone());
                self.advance()?;
                self.wrap(depth)?;
                Ok(Expr::Item(Box::new((expr, index)), pos))
            }
            _ => self.fail("expected name or number", pos),
        }
    }

    fn subscript(&mut self, expr: Expr) -> Result<Expr> {
        let mut depth = self.depth;
        let pos = self.pos;
        self.advance()?;
        let mut args = Vec::new();
        let mut sliced = false;
        while !self.is_op(Op::RBracket) {
            if !args.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let arg = self.subscribed()?;
            sliced |= matches!(arg, Expr::Slice(_));
            depth = depth.max(self.depth);
            args.push(arg);
        }
        self.expect_op(Op::RBracket)?;
        self.wrap(depth)?;
        let arg = if args.len() == 1 {
            args.remove(0)
        } else if sliced {
            return self.fail("invalid syntax: a slice cannot be one of several indices", pos);
        } else {
            Expr::Tuple(args)
        };
        Ok(Expr::Item(Box::new((expr, arg)), pos))
    }

    fn subscribed(&mut self) -> Result<Expr> {
        let mut depth = 0;
        let start = if self.is_op(Op::Colon) {
            None
        } else {
            let first = self.expression()?;
            depth = self.depth;
            if !self.is_op(Op::Colon) {
                return Ok(first);
            }
            Some(first)
        };
        self.advance()?;
        let mut bound = |p: &mut Self| -> Result<Option<Expr>> {
            if p.is_op(Op::Colon) || p.is_op(Op::RBracket) || p.is_op(Op::Comma) {
                return Ok(None);
            }
            let bound = p.expression()?;
            depth = depth.max(p.depth);
            Ok(Some(bound))
        };
        let stop = bound(self)?;
        let step = if self.skip_op(Op::Colon)? { bound(self)? } else { None };
        self.wrap(depth)?;
        Ok(Expr::Slice(Box::new([start, stop, step])))
    }

    fn call(&mut self, callee: Expr) -> Result<Expr> {
        let depth = self.depth;
        let pos = self.anchor;
        let args = self.call_args()?;
        self.anchor = self.pos;
        self.wrap(depth.max(self.depth))?;
        Ok(Expr::Call(Box::new(Call { callee, args, pos })))
    }

    fn call_args(&mut self) -> Result<CallArgs> {
        let start = self.pos;
        self.expect_op(Op::LParen)?;
        let mut args = CallArgs::default();
        let mut depth = 0;
        let mut first = true;
        while !self.is_op(Op::RParen) {
            if !first {
                self.expect_op(Op::Comma)?;
                if self.is_op(Op::RParen) {
                    break;
                }
            }
            first = false;
            let wrong = "invalid syntax for function call expression";
            if self.is_op(Op::Mul) {
                if args.spread.is_some() || args.spread_keyword.is_some() {
                    return self.fail(wrong, start);
                }
                self.advance()?;
                args.spread = Some(self.expression()?);
            } else if self.is_op(Op::Pow) {
                if args.spread_keyword.is_some() {
                    return self.fail(wrong, start);
                }
                self.advance()?;
                args.spread_keyword = Some(self.expression()?);
            } else if let Token::Name(name) = self.token
                && matches!(self.look()?, Token::Op(Op::Assign))
            {
                if args.spread_keyword.is_some() {
                    return self.fail(wrong, start);
                }
                self.advance()?;
                self.advance()?;
                let name = self.intern(name);
                if args.keyword.iter().any(|(earlier, _)| *earlier == name) {
                    return self.fail(format!("keyword argument repeated: {name}"), start);
                }
                let value = self.expression()?;
                args.keyword.push((name, value));
            } else {
                if args.spread.is_some() || args.spread_keyword.is_some() || !args.keyword.is_empty() {
                    return self.fail(wrong, start);
                }
                args.positional.push(self.expression()?);
            }
            depth = depth.max(self.depth);
        }
        self.expect_op(Op::RParen)?;
        self.depth = depth;
        Ok(args)
    }

    fn filters_and_tests(&mut self, mut expr: Expr) -> Result<Expr> {
        loop {
            expr = match self.token {
                Token::Op(Op::Pipe) => match self.filter_chain(Some(expr), false)? {
                    Some(expr) => expr,
                    None => return self.fail("unexpected '|'", self.pos),
                },
                Token::Name("is") => self.test(expr)?,
                Token::Op(Op::LParen) => self.call(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn dotted_name(&mut self) -> Result<Arc<str>> {
        let (name, _) = self.expect_name()?;
        if !self.is_op(Op::Dot) {
            return Ok(name);
        }
        let mut text = name.to_string();
        while self.skip_op(Op::Dot)? {
            text.push('.');
            text.push_str(&self.expect_name()?.0);
        }
        Ok(text.into())
    }

    /// `| name(args) | ...`; `inline` says that the first pipe is left out, as in `{% filter name %}`.
    pub(super) fn filter_chain(&mut self, value: Option<Expr>, inline: bool) -> Result<Option<Expr>> {
        let mut value = value;
        let mut depth = if value.is_some() { self.depth } else { 0 };
        let mut first = inline;
        while first || self.is_op(Op::Pipe) {
            if !first {
                self.advance()?;
            }
            first = false;
            let pos = self.pos;
            let name = self.dotted_name()?;
            let args = if self.is_op(Op::LParen) {
                let args = self.call_args()?;
                depth = depth.max(self.depth);
                args
            } else {
                CallArgs::default()
            };
            self.wrap(depth)?;
            depth = self.depth;
            let function = python::filters::get(&name);
            if function.is_none() && !self.soft {
                self.unknown.push((format!("No filter named '{name}'."), pos));
            }
            value = Some(Expr::Filter(Box::new(Filter { value, name, function, args, pos })));
        }
        Ok(value)
    }

    fn test(&mut self, value: Expr) -> Result<Expr> {
        let mut depth = self.depth;
        self.advance()?;
        let negated = self.skip_name("not")?;
        let pos = self.pos;
        let name = self.dotted_name()?;
        let mut args = CallArgs::default();
        match &self.token {
            Token::Op(Op::LParen) => {
                args = self.call_args()?;
                depth = depth.max(self.depth);
            }
            Token::Name("else" | "or" | "and") => {}
            Token::Name("is") => return self.fail("You cannot chain multiple tests with is", self.pos),
            Token::Name(_) | Token::Str(_) | Token::Number(_) | Token::Op(Op::LBracket | Op::LBrace) => {
                let arg = self.nested(|p| {
                    let arg = p.primary()?;
                    p.postfix(arg)
                })?;
                depth = depth.max(self.depth);
                args.positional.push(arg);
            }
            _ => {}
        }
        self.wrap(depth)?;
        let function = python::tests::get(&name);
        if function.is_none() && !self.soft {
            self.unknown.push((format!("No test named '{name}'."), pos));
        }
        let test = Expr::Test(Box::new(Test { value, name, function, args, pos }));
        Ok(if negated { Expr::Not(Box::new(test)) } else { test })
    }

    /// The target of `set`: names, `namespace.attribute`, tuples of them.
    pub(super) fn target(&mut self) -> Result<Target> {
        self.target_tuple(true)
    }

    /// The target of `for` and `with`.
    pub(super) fn target_without_namespace(&mut self) -> Result<Target> {
        self.target_tuple(false)
    }

    fn target_tuple(&mut self, with_namespace: bool) -> Result<Target> {
        let start = self.pos;
        let mut items: Vec<Target> = Vec::new();
        loop {
            if !items.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            if matches!(self.token, Token::VarEnd | Token::BlockEnd | Token::Op(Op::RParen)) {
                break;
            }
            items.push(self.single_target(with_namespace)?);
            if !self.is_op(Op::Comma) {
                if items.len() == 1 {
                    return Ok(items.remove(0));
                }
                break;
            }
        }
        if items.is_empty() {
            return self.fail(format!("Expected an expression, got '{}'", self.token.describe()), start);
        }
        Ok(Target::Tuple(items, start))
    }

    fn single_target(&mut self, with_namespace: bool) -> Result<Target> {
        let pos = self.pos;
        if let Token::Name(name) = self.token
            && !matches!(name, "true" | "True" | "false" | "False" | "none" | "None")
        {
            self.advance()?;
            let variable = Name { name: self.intern(name), slot: GLOBAL };
            if with_namespace && self.skip_op(Op::Dot)? {
                let (attribute, _) = self.expect_name()?;
                return Ok(Target::Attr(variable, attribute, pos));
            }
            return Ok(Target::Name(variable));
        }
        let expr = self.primary()?;
        self.expression_target(expr, pos)
    }

    /// What stands in parentheses is parsed as an expression first.
    fn expression_target(&self, expr: Expr, pos: Pos) -> Result<Target> {
        match expr {
            Expr::Name(name) => Ok(Target::Name(name)),
            Expr::Tuple(items) => Ok(Target::Tuple(
                items.into_iter().map(|item| self.expression_target(item, pos)).collect::<Result<_>>()?,
                pos,
            )),
            other => {
                let kind = match other {
                    Expr::Const(_) => "const",
                    Expr::List(_) => "list",
                    Expr::Dict(..) => "dict",
                    Expr::Attr(..) => "getattr",
                    Expr::Item(..) => "getitem",
                    Expr::Call(_) => "call",
                    Expr::Filter(_) => "filter",
                    _ => "expression",
                };
                self.fail(format!("can't assign to '{kind}'"), pos)
            }
        }
    }
}
