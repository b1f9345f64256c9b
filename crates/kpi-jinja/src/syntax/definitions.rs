//! The parser of macros, tests, materializations and call blocks: what has parameters and a body of its own.

use super::ast::*;
use super::lexer::Op;
use super::parser::{Parser, Uses};
use crate::{Result, Value};
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn signature(&mut self) -> Result<Vec<Parameter>> {
        let mut parameters: Vec<Parameter> = Vec::new();
        self.expect_op(Op::LParen)?;
        while !self.is_op(Op::RParen) {
            if !parameters.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let (name, pos) = self.expect_name()?;
            if self.skip_op(Op::Colon)? {
                self.type_name()?;
            }
            let default = if self.skip_op(Op::Assign)? { Some(self.expression()?) } else { None };
            if parameters.iter().any(|p| p.name == name) {
                return self.fail(format!("duplicate argument '{name}' in function definition"), pos);
            }
            if default.is_none() && parameters.last().is_some_and(|p| p.default.is_some()) {
                return self.fail("non-default argument follows default argument", pos);
            }
            parameters.push(Parameter { name, slot: 0, default });
        }
        self.expect_op(Op::RParen)?;
        Ok(parameters)
    }

    /// A parameter's type, `Dict[str, List[int]]`, which means nothing to the evaluation.
    fn type_name(&mut self) -> Result<()> {
        self.nested(|p| {
            p.expect_name()?;
            if p.skip_op(Op::LBracket)? {
                let mut first = true;
                while !p.is_op(Op::RBracket) {
                    if !first {
                        p.expect_op(Op::Comma)?;
                    }
                    first = false;
                    p.type_name()?;
                }
                p.expect_op(Op::RBracket)?;
            }
            Ok(())
        })
    }

    pub(super) fn macro_(
        &mut self,
        name: Arc<str>,
        parameters: Vec<Parameter>,
        end: &'static [&'static str],
        pos: Pos,
    ) -> Result<Stmt> {
        let function = self.function_body(name, parameters, end, pos)?;
        // dbt gives macros inside of a file another name, so that its own bookkeeping sees every call.
        let visible = Name { name: format!("dbt_macro__{}", function.name).into(), slot: GLOBAL };
        Ok(Stmt::Macro(Arc::new(function), visible))
    }

    fn function_body(
        &mut self,
        name: Arc<str>,
        parameters: Vec<Parameter>,
        end: &'static [&'static str],
        pos: Pos,
    ) -> Result<Function> {
        self.uses.push(Uses::default());
        self.loops.push(0);
        let body = self.scope_body(end)?;
        self.loops.pop();
        let uses = self.uses.pop().unwrap_or_default();
        let caller_without_default = parameters.iter().any(|p| &*p.name == "caller" && p.default.is_none());
        if uses.caller && caller_without_default {
            return self.fail(
                "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a \
                 default.",
                pos,
            );
        }
        let mut function = self.function(name, parameters, uses, pos);
        function.body = body;
        Ok(function)
    }

    /// A function without a body; slots of the names that it uses are marked with 0 for the resolver.
    pub(super) fn function(
        &self,
        name: Arc<str>,
        parameters: Vec<Parameter>,
        uses: Uses,
        pos: Pos,
    ) -> Function {
        let declared = |name: &str| parameters.iter().any(|p| &*p.name == name);
        let explicit_caller = declared("caller");
        Function {
            name,
            source: self.source.clone(),
            pos,
            body: Vec::new(),
            slots: 0,
            init: Vec::new(),
            cells: Vec::new(),
            captures: Vec::new(),
            caller: (uses.caller && !explicit_caller).then_some(0),
            varargs: (uses.varargs && !declared("varargs")).then_some(0),
            kwargs: (uses.kwargs && !declared("kwargs")).then_some(0),
            explicit_caller,
            self_slot: None,
            blocks: Vec::new(),
            parameters,
        }
    }

    pub(super) fn materialization(&mut self, pos: Pos) -> Result<Stmt> {
        let (name, _) = self.expect_name()?;
        let mut adapter: Arc<str> = Arc::from("default");
        let mut languages = None;
        while self.skip_op(Op::Comma)? {
            let (key, key_pos) = self.expect_name()?;
            match &*key {
                "default" => {}
                "adapter" => {
                    self.expect_op(Op::Assign)?;
                    match self.expression()? {
                        Expr::Const(Value::Str(value)) => adapter = value,
                        _ => return self.fail("the adapter of a materialization must be a string", key_pos),
                    }
                }
                "supported_languages" => {
                    self.expect_op(Op::Assign)?;
                    languages = Some(self.expression()?);
                }
                other => {
                    return self.fail(
                        format!("materialization '{name}' received unknown argument '{other}'."),
                        key_pos,
                    );
                }
            }
        }
        let default = languages.unwrap_or_else(|| Expr::List(vec![Expr::Const(Value::from("sql"))]));
        let parameter = Parameter { name: Arc::from("supported_languages"), slot: 0, default: Some(default) };
        let name = format!("materialization_{name}_{adapter}");
        self.macro_(name.into(), vec![parameter], &["endmaterialization"], pos)
    }

    pub(super) fn call_block(&mut self, pos: Pos) -> Result<Stmt> {
        let parameters = if self.is_op(Op::LParen) { self.signature()? } else { Vec::new() };
        let call = match self.expression()? {
            Expr::Call(call) => *call,
            _ => return self.fail("expected call", pos),
        };
        let caller = self.function_body("caller".into(), parameters, &["endcall"], pos)?;
        Ok(Stmt::CallBlock(Box::new(CallBlock { call, caller: Arc::new(caller) })))
    }
}
