//! The parser of statements: jinja2's grammar with dbt's tags.

use super::ast::*;
use super::lexer::{Lexer, Op, Token};
use crate::{Result, Value};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How deep statements, brackets and expressions may nest; Python's own parser stops earlier.
const MAX_NESTING: u32 = 100;

/// Names with a meaning of their own inside of a macro or loop, noted when a body reads them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uses {
    pub(super) caller: bool,
    pub(super) kwargs: bool,
    pub(super) varargs: bool,
    pub(super) looping: bool,
    pub(super) itself: bool,
}

/// Parses one template; names are resolved afterwards.
pub(super) struct Parser<'s> {
    lexer: Lexer<'s>,
    pub(super) source: &'s Arc<Source>,
    pub(super) token: Token<'s>,
    pub(super) pos: Pos,
    /// The token after the current one, if it was looked at.
    ahead: Option<(Token<'s>, Pos)>,
    names: FxHashMap<&'s str, Arc<str>>,
    /// The tags that are open, for messages.
    tags: Vec<&'s str>,
    /// What the open tags wait for, for messages.
    ends: Vec<&'static [&'static str]>,
    pub(super) uses: Vec<Uses>,
    /// Per macro body: how many loops are open.
    pub(super) loops: Vec<u32>,
    nesting: u32,
    /// Unknown filters are an error of the parser, except inside of `if`.
    pub(super) soft: bool,
    /// Unknown filters and tests that may still turn out to be inside of an inline `if`.
    pub(super) unknown: Vec<(String, Pos)>,
    /// Where the name stands that a call which follows would be of.
    pub(super) anchor: Pos,
    /// The depth of the expression that was parsed last.
    pub(super) depth: u32,
    blocks: Vec<Arc<str>>,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s Arc<Source>) -> Result<Self> {
        let mut parser = Self {
            lexer: Lexer::new(&source.text),
            source,
            token: Token::Eof,
            pos: 0,
            ahead: None,
            names: FxHashMap::default(),
            tags: Vec::new(),
            ends: Vec::new(),
            uses: vec![Uses::default()],
            loops: vec![0],
            nesting: 0,
            soft: false,
            unknown: Vec::new(),
            anchor: 0,
            depth: 0,
            blocks: Vec::new(),
        };
        parser.advance()?;
        Ok(parser)
    }

    /// Parses the whole template.
    pub(super) fn template(mut self) -> Result<(Vec<Stmt>, Uses)> {
        let body = self.statements_until(&[])?;
        if let Some((message, pos)) = self.unknown.first() {
            return self.fail(message.clone(), *pos);
        }
        Ok((body, self.uses.pop().unwrap_or_default()))
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>, pos: Pos) -> Result<T> {
        Err(syntax_error(self.source, message, pos))
    }

    /// The next token, the current one being returned.
    pub(super) fn advance(&mut self) -> Result<Token<'s>> {
        let (token, pos) = match self.ahead.take() {
            Some(token) => token,
            None => self.lex()?,
        };
        self.pos = pos;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn lex(&mut self) -> Result<(Token<'s>, Pos)> {
        match self.lexer.next_token() {
            Ok((token, pos)) => Ok((token, pos as Pos)),
            Err((message, pos)) => self.fail(message, pos as Pos),
        }
    }

    pub(super) fn look(&mut self) -> Result<&Token<'s>> {
        if self.ahead.is_none() {
            self.ahead = Some(self.lex()?);
        }
        Ok(self.ahead.as_ref().map_or(&Token::Eof, |(token, _)| token))
    }

    pub(super) fn is_op(&self, op: Op) -> bool {
        matches!(self.token, Token::Op(found) if found == op)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.token, Token::Name(found) if found == name)
    }

    pub(super) fn skip_op(&mut self, op: Op) -> Result<bool> {
        let found = self.is_op(op);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn skip_name(&mut self, name: &str) -> Result<bool> {
        let found = self.is_name(name);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T> {
        match self.token {
            Token::Eof => self.fail(format!("unexpected end of template, expected '{expected}'."), self.pos),
            _ => self.fail(format!("expected token '{expected}', got '{}'", self.token.describe()), self.pos),
        }
    }

    pub(super) fn expect_op(&mut self, op: Op) -> Result<()> {
        if self.skip_op(op)? { Ok(()) } else { self.unexpected(op.text()) }
    }

    pub(super) fn expect_name(&mut self) -> Result<(Arc<str>, Pos)> {
        let pos = self.pos;
        match self.token {
            Token::Name(name) => {
                self.advance()?;
                Ok((self.intern(name), pos))
            }
            _ => self.unexpected("name"),
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.skip_name(word)? { Ok(()) } else { self.unexpected(word) }
    }

    fn expect_block_end(&mut self) -> Result<()> {
        match self.token {
            Token::BlockEnd => self.advance().map(|_| ()),
            _ => self.unexpected("end of statement block"),
        }
    }

    pub(super) fn intern(&mut self, name: &'s str) -> Arc<str> {
        self.names.entry(name).or_insert_with(|| Arc::from(name)).clone()
    }

    /// A name that is read; special ones are noted for all bodies that are open.
    pub(super) fn load(&mut self, name: &'s str) -> Expr {
        let note: Option<fn(&mut Uses)> = match name {
            "caller" => Some(|u| u.caller = true),
            "kwargs" => Some(|u| u.kwargs = true),
            "varargs" => Some(|u| u.varargs = true),
            "loop" => Some(|u| u.looping = true),
            "self" => Some(|u| u.itself = true),
            _ => None,
        };
        if let Some(note) = note {
            self.uses.iter_mut().for_each(note);
        }
        Expr::Name(Name { name: self.intern(name), slot: GLOBAL })
    }

    /// Counts nesting while `parse` runs.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.fail(format!("the template nests deeper than {MAX_NESTING} levels"), self.pos);
        }
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// Parses statements until a tag of `ends`, which is the current token afterwards.
    fn statements_until(&mut self, ends: &'static [&'static str]) -> Result<Vec<Stmt>> {
        let mut body = Vec::new();
        loop {
            match self.token {
                Token::Eof if ends.is_empty() => return Ok(body),
                Token::Eof => return self.fail_tag(None, Some(ends), self.pos),
                Token::Data(text) => {
                    self.advance()?;
                    body.push(Stmt::Text(text.into()));
                }
                Token::VarBegin => {
                    self.advance()?;
                    let expr = self.tuple(true, false)?;
                    match self.token {
                        Token::VarEnd => self.advance()?,
                        _ => return self.unexpected("end of print statement"),
                    };
                    body.push(returning(expr).unwrap_or_else(Stmt::Output));
                }
                Token::BlockBegin => {
                    self.advance()?;
                    if matches!(self.token, Token::Name(name) if ends.contains(&name)) {
                        return Ok(body);
                    }
                    self.nested(|p| p.statement(&mut body))?;
                    self.expect_block_end()?;
                }
                _ => return self.fail(format!("unexpected '{}'", self.token.describe()), self.pos),
            }
        }
    }

    /// The body of a tag: from the end of its begin to (not including) the tag that ends it.
    fn body(&mut self, ends: &'static [&'static str]) -> Result<Vec<Stmt>> {
        // For those who know Python.
        self.skip_op(Op::Colon)?;
        self.expect_block_end()?;
        self.ends.push(ends);
        let body = self.statements_until(ends)?;
        self.ends.pop();
        Ok(body)
    }

    /// A body with only one end, which is consumed.
    fn whole_body(&mut self, ends: &'static [&'static str]) -> Result<Vec<Stmt>> {
        let body = self.body(ends)?;
        self.advance()?;
        Ok(body)
    }

    /// A body that is a scope of its own: filters that do not exist are an error again.
    pub(super) fn scope_body(&mut self, ends: &'static [&'static str]) -> Result<Vec<Stmt>> {
        let soft = std::mem::replace(&mut self.soft, false);
        let body = self.whole_body(ends);
        self.soft = soft;
        body
    }

    fn fail_tag<T>(&self, tag: Option<&str>, own: Option<&'static [&'static str]>, pos: Pos) -> Result<T> {
        let innermost = own.or_else(|| self.ends.last().copied());
        let looking =
            innermost.map(|ends| ends.iter().map(|end| format!("'{end}'")).collect::<Vec<_>>().join(" or "));
        let mut message = match tag {
            None => "Unexpected end of template.".to_string(),
            Some(tag) => format!("Encountered unknown tag '{tag}'."),
        };
        if let Some(looking) = looking {
            if tag.is_some_and(|tag| self.ends.iter().any(|ends| ends.contains(&tag))) {
                message.push_str(&format!(
                    " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}."
                ));
            } else {
                message.push_str(&format!(" Jinja was looking for the following tags: {looking}."));
            }
        }
        if let Some(open) = self.tags.last() {
            message.push_str(&format!(" The innermost block that needs to be closed is '{open}'."));
        }
        self.fail(message, pos)
    }

    fn statement(&mut self, body: &mut Vec<Stmt>) -> Result<()> {
        let Token::Name(tag) = self.token else {
            return self.fail("tag name expected", self.pos);
        };
        let pos = self.pos;
        self.tags.push(tag);
        match tag {
            "set" => {
                self.advance()?;
                let statement = self.set(pos)?;
                body.push(statement);
            }
            "if" => {
                let statement = self.if_()?;
                body.push(statement);
            }
            "for" => {
                self.advance()?;
                let statement = self.for_(pos)?;
                body.push(statement);
            }
            "do" => {
                self.advance()?;
                let expr = self.tuple(true, false)?;
                body.push(returning(expr).unwrap_or_else(Stmt::Do));
            }
            "macro" => {
                self.advance()?;
                let (name, _) = self.expect_name()?;
                let parameters = self.signature()?;
                body.push(self.macro_(name, parameters, &["endmacro"], pos)?);
            }
            "test" | "data_test" => {
                self.advance()?;
                let (name, _) = self.expect_name()?;
                let parameters = self.signature()?;
                let end: &'static [&'static str] =
                    if tag == "test" { &["endtest"] } else { &["enddata_test"] };
                body.push(self.macro_(format!("test_{name}").into(), parameters, end, pos)?);
            }
            "docs" => {
                self.advance()?;
                let (name, _) = self.expect_name()?;
                body.push(self.macro_(format!("docs_{name}").into(), Vec::new(), &["enddocs"], pos)?);
            }
            "materialization" => {
                self.advance()?;
                let statement = self.materialization(pos)?;
                body.push(statement);
            }
            "call" => {
                self.advance()?;
                let statement = self.call_block(pos)?;
                body.push(statement);
            }
            "filter" => {
                self.advance()?;
                let filter = self.filter_chain(None, true)?;
                let inner = self.scope_body(&["endfilter"])?;
                body.push(Stmt::FilterBlock(Box::new(Capture {
                    init: Vec::new(),
                    body: inner,
                    filter,
                    pos,
                })));
            }
            "with" => {
                self.advance()?;
                let statement = self.with(pos)?;
                body.push(statement);
            }
            "print" => {
                self.advance()?;
                let mut first = true;
                while !matches!(self.token, Token::BlockEnd) {
                    if !first {
                        self.expect_op(Op::Comma)?;
                    }
                    first = false;
                    let expr = self.expression()?;
                    body.push(Stmt::Output(expr));
                }
            }
            "break" | "continue" => {
                self.advance()?;
                if self.loops.last().is_none_or(|open| *open == 0) {
                    return self.fail(
                        if tag == "break" {
                            "'break' outside loop"
                        } else {
                            "'continue' not properly in loop"
                        },
                        pos,
                    );
                }
                body.push(if tag == "break" { Stmt::Break } else { Stmt::Continue });
            }
            "block" => {
                self.advance()?;
                let statement = self.block(pos)?;
                body.push(statement);
            }
            "autoescape" => {
                self.advance()?;
                let on = self.expression()?;
                let inner = self.scope_body(&["endautoescape"])?;
                body.push(Stmt::Autoescape(Box::new(Autoescape { on, init: Vec::new(), body: inner })));
            }
            "extends" | "include" | "import" | "from" => {
                self.advance()?;
                self.load_other(tag)?;
                body.push(Stmt::Refuse("no loader for this environment specified", pos));
            }
            _ => {
                self.tags.pop();
                return self.fail_tag(Some(tag), None, pos);
            }
        }
        self.tags.pop();
        Ok(())
    }

    fn set(&mut self, pos: Pos) -> Result<Stmt> {
        let target = self.target()?;
        if self.skip_op(Op::Assign)? {
            let value = self.tuple(true, false)?;
            return Ok(Stmt::Set(target, value, pos));
        }
        let filter = self.filter_chain(None, false)?;
        let body = self.scope_body(&["endset"])?;
        Ok(Stmt::SetBlock(Box::new(Capture { init: Vec::new(), body, filter, pos }), target))
    }

    fn if_(&mut self) -> Result<Stmt> {
        let soft = std::mem::replace(&mut self.soft, true);
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        loop {
            self.advance()?;
            let test = self.tuple(false, false)?;
            let body = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            match self.token {
                Token::Name("elif") => {}
                Token::Name("else") => {
                    self.advance()?;
                    otherwise = self.whole_body(&["endif"])?;
                    break;
                }
                _ => {
                    self.advance()?;
                    break;
                }
            }
        }
        self.soft = soft;
        Ok(Stmt::If(branches, otherwise))
    }

    fn for_(&mut self, pos: Pos) -> Result<Stmt> {
        let target_token = self.token.clone();
        let target_pos = self.pos;
        let target = self.target_without_namespace()?;
        let mut special = false;
        target_names(&target, &mut |name| special |= &*name.name == "loop");
        if special {
            return self.fail("Can't assign to special loop variable in for-loop target", target_pos);
        }
        self.expect_word("in")?;
        let iterable = self.tuple(false, false)?;
        let test = if self.skip_name("if")? { Some(self.expression()?) } else { None };
        // The target lives in two scopes, the filter's and the body's.
        let test_target = match (&test, target_token) {
            (Some(_), _) => Some(copy_target(&target)),
            _ => None,
        };
        let recursive = self.skip_name("recursive")?;
        let soft = std::mem::replace(&mut self.soft, false);
        if let Some(open) = self.loops.last_mut() {
            *open += 1;
        }
        self.uses.push(Uses::default());
        let body = self.body(&["endfor", "else"])?;
        let uses = self.uses.pop().unwrap_or_default();
        if let Some(open) = self.loops.last_mut() {
            *open -= 1;
        }
        let ended = self.is_name("endfor");
        self.advance()?;
        let otherwise = if ended { Vec::new() } else { self.whole_body(&["endfor"])? };
        self.soft = soft;
        // Set by the resolver; 0 says that there is to be one.
        let loop_slot = (uses.looping || recursive).then_some(0);
        let for_loop = For {
            target,
            iterable,
            test,
            test_target,
            test_init: Vec::new(),
            body,
            init: Vec::new(),
            otherwise,
            else_init: Vec::new(),
            loop_slot,
            recursive: None,
            pos,
        };
        if !recursive {
            return Ok(Stmt::For(Box::new(for_loop)));
        }
        // A recursive loop is a function of what it iterates over.
        let mut outer = For {
            target: Target::Tuple(Vec::new(), pos),
            iterable: Expr::Const(Value::None),
            test: None,
            test_target: None,
            test_init: Vec::new(),
            body: Vec::new(),
            init: Vec::new(),
            otherwise: Vec::new(),
            else_init: Vec::new(),
            loop_slot: None,
            recursive: None,
            pos,
        };
        let mut inner = for_loop;
        outer.iterable = std::mem::replace(
            &mut inner.iterable,
            Expr::Name(Name { name: Arc::from("loop items"), slot: GLOBAL }),
        );
        let parameter = Parameter { name: Arc::from("loop items"), slot: 0, default: None };
        let mut function = self.function("loop".into(), vec![parameter], Uses::default(), pos);
        function.body = vec![Stmt::For(Box::new(inner))];
        outer.recursive = Some(Arc::new(function));
        Ok(Stmt::For(Box::new(outer)))
    }

    fn with(&mut self, pos: Pos) -> Result<Stmt> {
        let mut values = Vec::new();
        while !matches!(self.token, Token::BlockEnd) {
            if !values.is_empty() {
                self.expect_op(Op::Comma)?;
            }
            let target = self.target_without_namespace()?;
            self.expect_op(Op::Assign)?;
            let value = self.expression()?;
            values.push((target, value));
        }
        let body = self.scope_body(&["endwith"])?;
        Ok(Stmt::With(Box::new(With { values, init: Vec::new(), body, pos })))
    }

    fn block(&mut self, pos: Pos) -> Result<Stmt> {
        let (name, _) = self.expect_name()?;
        self.skip_name("scoped")?;
        self.skip_name("required")?;
        if self.is_op(Op::Sub) {
            return self.fail(
                "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an \
                 underscore instead.",
                self.pos,
            );
        }
        if self.blocks.contains(&name) {
            return self.fail(format!("block '{name}' defined twice"), pos);
        }
        self.blocks.push(name.clone());
        self.loops.push(0);
        let body = self.scope_body(&["endblock"])?;
        self.loops.pop();
        self.skip_name(&name)?;
        let mut function = self.function(name, Vec::new(), Uses::default(), pos);
        function.body = body;
        Ok(Stmt::Block(Arc::new(function)))
    }

    /// Checks the rest of a tag that would need other files.
    fn load_other(&mut self, tag: &str) -> Result<()> {
        self.expression()?;
        match tag {
            "include" => {
                if self.is_name("ignore") && matches!(self.look()?, Token::Name("missing")) {
                    self.advance()?;
                    self.advance()?;
                }
                self.context_clause()?;
            }
            "import" => {
                self.expect_word("as")?;
                self.expect_name()?;
                self.context_clause()?;
            }
            "from" => {
                self.expect_word("import")?;
                let mut first = true;
                loop {
                    if !first {
                        self.expect_op(Op::Comma)?;
                    }
                    first = false;
                    if self.context_clause()? {
                        break;
                    }
                    let (name, pos) = self.expect_name()?;
                    if name.starts_with('_') {
                        return self.fail("names starting with an underline can not be imported", pos);
                    }
                    if self.skip_name("as")? {
                        self.expect_name()?;
                    }
                    if self.context_clause()? || !self.is_op(Op::Comma) {
                        break;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn context_clause(&mut self) -> Result<bool> {
        let found = (self.is_name("with") || self.is_name("without"))
            && matches!(self.look()?, Token::Name("context"));
        if found {
            self.advance()?;
            self.advance()?;
        }
        Ok(found)
    }
}

/// `return(x)` as a statement of its own.
fn returning(expr: Expr) -> Result<Stmt, Expr> {
    match expr {
        Expr::Call(mut call)
            if matches!(&call.callee, Expr::Name(name) if &*name.name == "return")
                && call.args.positional.len() <= 1
                && call.args.keyword.is_empty()
                && call.args.spread.is_none()
                && call.args.spread_keyword.is_none() =>
        {
            Ok(Stmt::Return(call.args.positional.pop()))
        }
        other => Err(other),
    }
}

/// All names that a target assigns.
pub(super) fn target_names(target: &Target, each: &mut impl FnMut(&Name)) {
    match target {
        Target::Name(name) => each(name),
        Target::Attr(..) => {}
        Target::Tuple(items, _) => items.iter().for_each(|t| target_names(t, each)),
    }
}

fn copy_target(target: &Target) -> Target {
    match target {
        Target::Name(name) => Target::Name(name.clone()),
        Target::Attr(name, attribute, pos) => Target::Attr(name.clone(), attribute.clone(), *pos),
        Target::Tuple(items, pos) => Target::Tuple(items.iter().map(copy_target).collect(), *pos),
    }
}
