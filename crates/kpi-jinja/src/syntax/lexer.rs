//! Cuts a template into tokens, as Python's jinja2 does.
//!
//! Written by hand rather than taken from minijinja (`machinery::tokenize`), whose tokens cannot be made exact: it
//! stops at integers beyond 128 bits, which Python computes with; it reads `007` as a number, takes `{{ f( }}` and
//! `{{ 'a' %}` as balanced, and its errors name neither the character nor the bracket that dbt's messages name; escapes
//! such as `\a`, `\101` and a backslash before a line end come out undecoded, and line ends unchanged. minijinja serves
//! as a second opinion in the tests instead (`tests/minijinja.rs`).

use crate::Value;
use num_bigint::BigInt;

/// An operator or punctuation mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    Tilde,
    LBracket,
    RBracket,
    LParen,
    RParen,
    LBrace,
    RBrace,
    Eq,
    Ne,
    Gt,
    GtEq,
    Lt,
    LtEq,
    Assign,
    Dot,
    Colon,
    Pipe,
    Comma,
    Semicolon,
}

const OPERATORS: [(&str, Op); 26] = [
    ("//", Op::FloorDiv),
    ("**", Op::Pow),
    ("==", Op::Eq),
    ("!=", Op::Ne),
    (">=", Op::GtEq),
    ("<=", Op::LtEq),
    ("+", Op::Add),
    ("-", Op::Sub),
    ("/", Op::Div),
    ("*", Op::Mul),
    ("%", Op::Mod),
    ("~", Op::Tilde),
    ("[", Op::LBracket),
    ("]", Op::RBracket),
    ("(", Op::LParen),
    (")", Op::RParen),
    ("{", Op::LBrace),
    ("}", Op::RBrace),
    (">", Op::Gt),
    ("<", Op::Lt),
    ("=", Op::Assign),
    (".", Op::Dot),
    (":", Op::Colon),
    ("|", Op::Pipe),
    (",", Op::Comma),
    (";", Op::Semicolon),
];

impl Op {
    /// How it is written.
    pub(super) fn text(self) -> &'static str {
        OPERATORS.iter().find(|(_, op)| *op == self).map_or("?", |(text, _)| text)
    }
}

/// A token.
#[derive(Debug, Clone)]
pub(super) enum Token<'s> {
    /// Text outside of tags.
    Data(&'s str),
    /// `{{`
    VarBegin,
    /// `}}`
    VarEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    Name(&'s str),
    Str(String),
    /// An integer or a float.
    Number(Value),
    Op(Op),
    Eof,
}

impl Token<'_> {
    /// How messages call it.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Data(_) => "template data / text".into(),
            Token::VarBegin => "begin of print statement".into(),
            Token::VarEnd => "end of print statement".into(),
            Token::BlockBegin => "begin of statement block".into(),
            Token::BlockEnd => "end of statement block".into(),
            Token::Name(name) => (*name).into(),
            Token::Str(_) => "string".into(),
            Token::Number(Value::Float(_)) => "float".into(),
            Token::Number(_) => "integer".into(),
            Token::Op(op) => op.text().into(),
            Token::Eof => "end of template".into(),
        }
    }
}

/// What is wrong, and the byte offset of where.
pub(super) type LexError = (String, usize);

#[derive(Clone, Copy, PartialEq)]
enum State {
    Root,
    Block,
    Variable,
}

/// The tokens of a template, one after the other.
pub(super) struct Lexer<'s> {
    source: &'s str,
    pos: usize,
    state: State,
    /// The closing brackets that are awaited; while there are any, `}}` and `%}` are operators.
    open: Vec<Op>,
}

/// What Python's `str.isspace` and `\s` hold for.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn skip_space(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

/// Python's view of a template's text: all line ends `\n`, one at the end dropped.
pub(crate) fn normalize(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\r') {
        let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
        if text.ends_with('\n') {
            text.pop();
        }
        text.into()
    } else {
        text.strip_suffix('\n').unwrap_or(text).into()
    }
}

impl<'s> Lexer<'s> {
    /// The tokens of a text that [`normalize`] went over.
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, pos: 0, state: State::Root, open: Vec::new() }
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.pos..).unwrap_or("")
    }

    /// The next token and its offset; [`Token::Eof`] at the end, again and again.
    pub(super) fn next_token(&mut self) -> Result<(Token<'s>, usize), LexError> {
        if self.state == State::Root { self.next_in_text() } else { self.next_in_tag() }
    }

    fn next_in_text(&mut self) -> Result<(Token<'s>, usize), LexError> {
        loop {
            let start = self.pos;
            let rest = self.rest();
            if rest.is_empty() {
                return Ok((Token::Eof, start));
            }
            let Some(at) = find_tag(rest) else {
                self.pos = self.source.len();
                return Ok((Token::Data(rest), start));
            };
            let tag = rest.get(at..).unwrap_or("");
            let kind = tag.as_bytes().get(1).copied().unwrap_or(0);
            let sign = tag.as_bytes().get(2).copied().filter(|b| matches!(b, b'-' | b'+'));
            let text = rest.get(..at).unwrap_or("");
            let text = if sign == Some(b'-') { text.trim_end_matches(is_space) } else { text };
            if !text.is_empty() {
                // The tag is looked at again: it starts right here, or after stripped space.
                self.pos += at;
                return Ok((Token::Data(text), start));
            }
            let tag_start = start + at;
            self.pos = tag_start + 2 + usize::from(sign.is_some());
            match kind {
                b'#' => self.skip_comment(tag_start)?,
                b'{' => {
                    self.state = State::Variable;
                    return Ok((Token::VarBegin, tag_start));
                }
                _ => {
                    if let Some(length) = raw_begin(self.rest()) {
                        self.pos += length;
                        if let Some(token) = self.raw(tag_start)? {
                            return Ok(token);
                        }
                    } else {
                        self.state = State::Block;
                        return Ok((Token::BlockBegin, tag_start));
                    }
                }
            }
        }
    }

    fn skip_comment(&mut self, start: usize) -> Result<(), LexError> {
        let Some(end) = self.rest().find("#}") else {
            return Err(("Missing end of comment tag".into(), start));
        };
        let strip = self.rest().get(..end).is_some_and(|text| text.ends_with('-'));
        self.pos += end + 2;
        if strip {
            self.pos += skip_space(self.rest());
        }
        Ok(())
    }

    /// The text of a `{% raw %}` block whose begin was just read.
    fn raw(&mut self, start: usize) -> Result<Option<(Token<'s>, usize)>, LexError> {
        let body = self.rest();
        let body_start = self.pos;
        let mut from = 0;
        while let Some(found) = body.get(from..).and_then(|b| b.find("{%")) {
            let at = from + found;
            let tag = body.get(at + 2..).unwrap_or("");
            let (strip, after_sign) = match tag.as_bytes().first() {
                Some(b'-') => (true, 1),
                Some(b'+') => (false, 1),
                _ => (false, 0),
            };
            if let Some(length) = raw_end(tag.get(after_sign..).unwrap_or("")) {
                let text = body.get(..at).unwrap_or("");
                let text = if strip { text.trim_end_matches(is_space) } else { text };
                self.pos = body_start + at + 2 + after_sign + length;
                return Ok((!text.is_empty()).then_some((Token::Data(text), body_start)));
            }
            from = at + 2;
        }
        Err(("Missing end of raw directive".into(), start))
    }

    fn next_in_tag(&mut self) -> Result<(Token<'s>, usize), LexError> {
        if self.open.is_empty() && self.at_end() {
            let start = self.pos;
            let token = if self.state == State::Block { Token::BlockEnd } else { Token::VarEnd };
            let sign = self.rest().as_bytes().first().copied();
            self.pos += 2 + usize::from(matches!(sign, Some(b'-' | b'+')));
            if sign == Some(b'-') {
                self.pos += skip_space(self.rest());
            }
            self.state = State::Root;
            return Ok((token, start));
        }
        let space = skip_space(self.rest());
        if space > 0 {
            self.pos += space;
            return self.next_in_tag_after_space();
        }
        self.token()
    }

    fn next_in_tag_after_space(&mut self) -> Result<(Token<'s>, usize), LexError> {
        if self.open.is_empty() && self.at_end() { self.next_in_tag() } else { self.token() }
    }

    fn at_end(&self) -> bool {
        let rest = self.rest().as_bytes();
        match self.state {
            State::Block => rest.starts_with(b"%}") || rest.starts_with(b"-%}") || rest.starts_with(b"+%}"),
            _ => rest.starts_with(b"}}") || rest.starts_with(b"-}}"),
        }
    }

    fn token(&mut self) -> Result<(Token<'s>, usize), LexError> {
        let start = self.pos;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok((Token::Eof, start)) };
        if first.is_ascii_digit() {
            let after_dot = self.source.as_bytes().get(start.wrapping_sub(1)) == Some(&b'.');
            let (value, length) = number(rest, after_dot).map_err(|message| (message, start))?;
            self.pos += length;
            return Ok((Token::Number(value), start));
        }
        if first == '_' || first.is_alphanumeric() {
            let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            self.pos += length;
            let strange = |c: char| !c.is_ascii() && c.is_numeric();
            if !(first == '_' || first.is_alphabetic()) || rest.get(..length).unwrap_or("").contains(strange)
            {
                return Err(("Invalid character in identifier".into(), start));
            }
            return Ok((Token::Name(rest.get(..length).unwrap_or("")), start));
        }
        if matches!(first, '\'' | '"')
            && let Some(length) = string_length(rest)
        {
            self.pos += length;
            let text = unescape(rest.get(1..length - 1).unwrap_or("")).map_err(|message| (message, start))?;
            return Ok((Token::Str(text), start));
        }
        let Some((text, op)) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text)) else {
            let shown = Value::from(first.encode_utf8(&mut [0; 4]) as &str).repr();
            let at = self.source.get(..start).map_or(0, |s| s.chars().count());
            return Err((format!("unexpected char {shown} at {at}"), start));
        };
        self.pos += text.len();
        match op {
            Op::LBrace => self.open.push(Op::RBrace),
            Op::LParen => self.open.push(Op::RParen),
            Op::LBracket => self.open.push(Op::RBracket),
            Op::RBrace | Op::RParen | Op::RBracket => match self.open.pop() {
                None => return Err((format!("unexpected '{text}'"), start)),
                Some(expected) if expected != *op => {
                    return Err((format!("unexpected '{text}', expected '{}'", expected.text()), start));
                }
                Some(_) => {}
            },
            _ => {}
        }
        Ok((Token::Op(*op), start))
    }
}

/// The offset of the next `{{`, `{%` or `{#`.
fn find_tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|b| *b == b'{')?;
        match bytes.get(at + 1) {
            Some(b'{' | b'%' | b'#') => return Some(at),
            _ => from = at + 1,
        }
    }
}

/// The length of ` raw %}` behind `{%`, with the space that `-%}` strips.
fn raw_begin(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(is_space).strip_prefix("raw")?.trim_start_matches(is_space);
    let rest = match rest.strip_prefix("-%}") {
        Some(rest) => rest.trim_start_matches(is_space),
        None => rest.strip_prefix("%}")?,
    };
    Some(text.len() - rest.len())
}

fn raw_end(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(is_space).strip_prefix("endraw")?.trim_start_matches(is_space);
    let rest = match rest.strip_prefix("-%}") {
        Some(rest) => rest.trim_start_matches(is_space),
        None => rest.strip_prefix("+%}").or_else(|| rest.strip_prefix("%}"))?,
    };
    Some(text.len() - rest.len())
}

/// The length of `\d+` with single `_` between digits, from the start.
fn digits(text: &[u8], is_digit: impl Fn(u8) -> bool) -> usize {
    let mut length = 0;
    while let Some(&b) = text.get(length) {
        let underscore_then_digit =
            b == b'_' && length > 0 && text.get(length + 1).is_some_and(|b| is_digit(*b));
        if is_digit(b) {
            length += 1;
        } else if underscore_then_digit {
            length += 2;
        } else {
            break;
        }
    }
    length
}

fn number(text: &str, after_dot: bool) -> Result<(Value, usize), String> {
    let bytes = text.as_bytes();
    let whole = digits(bytes, |b| b.is_ascii_digit());
    if !after_dot {
        let mut end = whole;
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(bytes.get(end + 1..).unwrap_or(b""), |b| b.is_ascii_digit());
            if fraction > 0 {
                end += 1 + fraction;
            }
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(bytes.get(end + 1 + sign..).unwrap_or(b""), |b| b.is_ascii_digit());
            if exponent > 0 {
                end += 1 + sign + exponent;
            }
        }
        if end > whole {
            let plain = text.get(..end).unwrap_or("").replace('_', "");
            return Ok((Value::Float(plain.parse().unwrap_or(f64::NAN)), end));
        }
    }
    let radix = |prefix: [u8; 2], radix: u32| {
        if bytes.first() != Some(&b'0') || !prefix.contains(bytes.get(1)?) {
            return None;
        }
        let mut from = 2;
        if bytes.get(2) == Some(&b'_') {
            from = 3;
        }
        let length = digits(bytes.get(from..)?, |b| char::from(b).is_digit(radix));
        let plain = text.get(from..from + length).filter(|t| !t.is_empty())?.replace('_', "");
        Some((Value::integer(BigInt::parse_bytes(plain.as_bytes(), radix)?), from + length))
    };
    if let Some(found) = radix(*b"bB", 2).or_else(|| radix(*b"oO", 8)).or_else(|| radix(*b"xX", 16)) {
        return Ok(found);
    }
    // `007` is the zero `00` and then a 7, which no rule of the grammar wants there.
    let length = if bytes.first() == Some(&b'0') { digits(bytes, |b| b == b'0') } else { whole };
    let plain = text.get(..length).unwrap_or("").replace('_', "");
    if plain.len() > 4300 {
        return Err(format!(
            "Exceeds the limit (4300 digits) for integer string conversion: value has {} digits",
            plain.len()
        ));
    }
    match plain.parse::<i64>() {
        Ok(small) => Ok((Value::Int(small), length)),
        Err(_) => {
            Ok((BigInt::parse_bytes(plain.as_bytes(), 10).map_or(Value::Int(0), Value::integer), length))
        }
    }
}

/// The length of a string literal with its quotes; `None` if it does not end.
fn string_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first()?;
    let mut i = 1;
    loop {
        match *bytes.get(i)? {
            b if b == quote => return Some(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

/// Resolves escapes as Python's `unicode-escape` codec, which keeps those that it does not know.
fn unescape(text: &str) -> Result<String, String> {
    if !text.contains('\\') {
        return Ok(text.to_string());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or(""));
        rest = rest.get(at + 1..).unwrap_or("");
        let Some(c) = rest.chars().next() else {
            return Err("\\ at end of string".into());
        };
        let hex = |digits: usize| -> Result<(char, usize), String> {
            let code = rest
                .get(1..=digits)
                .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|d| u32::from_str_radix(d, 16).ok());
            match code {
                Some(code) if code > 0x10_ffff => Err("illegal Unicode character".into()),
                // Lone surrogates have no place in UTF-8.
                Some(code) => Ok((char::from_u32(code).unwrap_or('\u{fffd}'), digits + 1)),
                None => Err(format!("truncated \\{c}{} escape", "X".repeat(digits))),
            }
        };
        let (decoded, length) = match c {
            '\n' => {
                rest = rest.get(1..).unwrap_or("");
                continue;
            }
            '\\' | '\'' | '"' => (c, 1),
            'a' => ('\x07', 1),
            'b' => ('\x08', 1),
            'f' => ('\x0c', 1),
            'n' => ('\n', 1),
            'r' => ('\r', 1),
            't' => ('\t', 1),
            'v' => ('\x0b', 1),
            '0'..='7' => {
                let length = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let code = u32::from_str_radix(rest.get(..length).unwrap_or("0"), 8).unwrap_or(0);
                (char::from_u32(code).unwrap_or('\u{fffd}'), length)
            }
            'x' => hex(2)?,
            'u' => hex(4)?,
            'U' => hex(8)?,
            'N' => return Err("unknown Unicode character name".into()),
            other => {
                out.push('\\');
                // The codec sees a character beyond ASCII as an escape of its own, whose backslash is now escaped.
                if !other.is_ascii() {
                    let code = u32::from(other);
                    out.push_str(&match code {
                        0..=0xff => format!("x{code:02x}"),
                        0x100..=0xffff => format!("u{code:04x}"),
                        _ => format!("U{code:08x}"),
                    });
                    rest = rest.get(other.len_utf8()..).unwrap_or("");
                }
                continue;
            }
        };
        out.push(decoded);
        rest = rest.get(length..).unwrap_or("");
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<String> {
        let mut lexer = Lexer::new(source);
        let mut out = Vec::new();
        loop {
            match lexer.next_token() {
                Ok((Token::Eof, _)) => return out,
                Ok((Token::Data(text), _)) => out.push(format!("data {text:?}")),
                Ok((Token::Str(text), _)) => out.push(format!("str {text:?}")),
                Ok((Token::Number(value), _)) => out.push(value.repr()),
                Ok((token, _)) => out.push(token.describe()),
                Err((message, at)) => {
                    out.push(format!("{message} @{at}"));
                    return out;
                }
            }
        }
    }

    #[test]
    fn keeps_escapes_that_python_keeps() {
        assert_eq!(unescape(r"\d\.").unwrap(), r"\d\.");
        assert_eq!(unescape(r"\x41\u00e9\101\n").unwrap(), "AéA\n");
        assert_eq!(unescape(r"\é").unwrap(), r"\xe9");
        assert!(unescape(r"\x4").is_err());
    }

    #[test]
    fn ends_a_tag_only_outside_of_brackets() {
        assert_eq!(tokens("{{ {'a': {}} }}")[1..].join(" "), "{ str \"a\" : { } } end of print statement");
        assert_eq!(tokens("{{ 'a' %}").last().unwrap(), "unexpected '}' @8");
        assert_eq!(tokens("{{ f( }}").last().unwrap(), "unexpected '}', expected ')' @6");
    }

    #[test]
    fn strips_space_where_a_sign_says_so() {
        assert_eq!(tokens("a  {#- c -#}  b"), ["data \"a\"", "data \"b\""]);
        assert_eq!(tokens("{% raw -%} {{ a {%- endraw %} b"), ["data \"{{ a\"", "data \" b\""]);
    }

    #[test]
    fn reads_numbers_as_python() {
        assert_eq!(
            tokens("{{ 0x_f 1_000 1e3 1.5e-3 a.0.1 1.foo 0b11 }}")[1..].join(" "),
            "15 1000 1000.0 0.0015 a . 0 . 1 1 . foo 3 end of print statement"
        );
    }
}
