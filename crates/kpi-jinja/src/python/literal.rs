//! Python literals: `ast.literal_eval`.

use super::filters::number::{parse_float, parse_int};
use crate::{Dict, Set, Value};

/// How deep literals may nest.
const DEPTH: usize = 90;

/// `ast.literal_eval(text)`; `None`: not a literal.
pub fn parse(text: &str) -> Option<Value> {
    let text = text.trim_start_matches([' ', '\t']);
    let mut reader = Reader { chars: text.chars().collect(), at: 0, brackets: 0 };
    reader.blanks();
    let first = reader.value(0)?;
    reader.blanks();
    let value = if reader.eat(',') { reader.rest_of_tuple(first, None, 0)? } else { first };
    while reader.peek().is_some_and(char::is_whitespace) {
        reader.at += 1;
    }
    reader.peek().is_none().then_some(value)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    /// Inside of brackets line ends are blanks.
    brackets: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\x0c' => {}
                '\n' | '\r' if self.brackets > 0 => {}
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                    continue;
                }
                _ => return,
            }
            self.at += 1;
        }
    }

    /// What follows the first comma of a tuple, up to the closing bracket or the end.
    fn rest_of_tuple(&mut self, first: Value, close: Option<char>, depth: usize) -> Option<Value> {
        let mut items = vec![first];
        loop {
            self.blanks();
            match close {
                Some(c) if self.eat(c) => return Some(Value::tuple(items)),
                None if self.peek().is_none_or(|c| matches!(c, '\n' | '\r')) => {
                    return Some(Value::tuple(items));
                }
                _ => {}
            }
            items.push(self.value(depth + 1)?);
            self.blanks();
            if !self.eat(',') {
                return match close {
                    Some(c) => self.eat(c).then(|| Value::tuple(items)),
                    None => Some(Value::tuple(items)),
                };
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        self.blanks();
        match self.peek()? {
            '(' => self.bracketed(|r| r.tuple(depth)),
            '[' => self.bracketed(|r| r.items(']', depth).map(Value::list)),
            '{' => self.bracketed(|r| r.braces(depth)),
            '\'' | '"' => self.strings(),
            'r' | 'R' | 'b' | 'B' | 'u' | 'U' if self.is_string_prefix() => self.strings(),
            '-' | '+' => self.signed(depth),
            c if c.is_ascii_digit() || c == '.' => self.number(),
            c if c.is_alphabetic() => self.name(),
            _ => None,
        }
    }

    fn bracketed(&mut self, f: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        self.at += 1;
        self.brackets += 1;
        let value = f(self);
        self.brackets -= 1;
        value
    }

    fn tuple(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        if self.eat(')') {
            return Some(Value::tuple([]));
        }
        let first = self.value(depth + 1)?;
        self.blanks();
        if self.eat(')') {
            return Some(first);
        }
        if !self.eat(',') {
            return None;
        }
        self.rest_of_tuple(first, Some(')'), depth)
    }

    fn items(&mut self, close: char, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.eat(close) {
                return Some(items);
            }
            items.push(self.value(depth + 1)?);
            self.blanks();
            if !self.eat(',') {
                return self.eat(close).then_some(items);
            }
        }
    }

    fn braces(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        if self.eat('}') {
            return Some(Value::Dict(Dict::new()));
        }
        let first = self.value(depth + 1)?;
        self.blanks();
        if !self.eat(':') {
            let mut members = vec![first];
            if self.eat(',') {
                members.extend(self.items('}', depth)?);
            } else if !self.eat('}') {
                return None;
            }
            return Set::of(members).ok().map(Value::Set);
        }
        let dict = Dict::new();
        let mut key = first;
        loop {
            let value = self.value(depth + 1)?;
            dict.set(key, value).ok()?;
            self.blanks();
            if !self.eat(',') {
                return self.eat('}').then_some(Value::Dict(dict));
            }
            self.blanks();
            if self.eat('}') {
                return Some(Value::Dict(dict));
            }
            key = self.value(depth + 1)?;
            self.blanks();
            if !self.eat(':') {
                return None;
            }
        }
    }

    /// A sign before a number; one sign only, as literals have.
    fn signed(&mut self, depth: usize) -> Option<Value> {
        let negative = self.peek() == Some('-');
        self.at += 1;
        self.blanks();
        let number = match self.peek()? {
            c if c.is_ascii_digit() || c == '.' => self.number()?,
            '-' | '+' | '(' if depth < DEPTH => return None,
            _ => return None,
        };
        match number {
            number if !negative => Some(number),
            Value::Float(f) => Some(Value::Float(-f)),
            other => other.as_bigint().map(|i| Value::integer(-i)),
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let prefixed =
            self.peek() == Some('0') && matches!(self.peek_at(1), Some('x' | 'X' | 'o' | 'O' | 'b' | 'B'));
        while let Some(c) = self.peek() {
            let sign_of_exponent = matches!(c, '+' | '-')
                && !prefixed
                && self.at > start
                && matches!(self.chars.get(self.at - 1), Some('e' | 'E'));
            if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign_of_exponent) {
                break;
            }
            self.at += 1;
        }
        let text: String = self.chars.get(start..self.at)?.iter().collect();
        match parse_int(&text, 0) {
            Some(int) => Some(Value::integer(int)),
            None if prefixed || !text.contains(['.', 'e', 'E']) => None,
            None => parse_float(&text).map(Value::Float),
        }
    }

    fn name(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        let name: String = self.chars.get(start..self.at)?.iter().collect();
        match name.as_str() {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::None),
            "set" if self.eat('(') => {
                self.blanks();
                self.eat(')').then(|| Value::Set(Set::new()))
            }
            _ => None,
        }
    }

    fn is_string_prefix(&self) -> bool {
        let mut ahead = 0;
        while self.peek_at(ahead).is_some_and(|c| matches!(c, 'r' | 'R' | 'b' | 'B' | 'u' | 'U')) {
            ahead += 1;
        }
        ahead <= 2 && matches!(self.peek_at(ahead), Some('\'' | '"'))
    }

    /// One or several literals side by side, which are one string.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        let mut bytes: Vec<u8> = Vec::new();
        let mut kind: Option<bool> = None;
        while matches!(self.peek(), Some('\'' | '"')) || (self.peek().is_some() && self.is_string_prefix()) {
            let mut raw = false;
            let mut binary = false;
            while let Some(c) = self.peek().filter(|c| !matches!(c, '\'' | '"')) {
                match c {
                    'r' | 'R' => raw = true,
                    'b' | 'B' => binary = true,
                    _ => {}
                }
                self.at += 1;
            }
            if kind.is_some_and(|k| k != binary) {
                return None;
            }
            kind = Some(binary);
            let part = self.string(raw)?;
            if binary {
                for c in part.chars() {
                    bytes.push(u8::try_from(u32::from(c)).ok()?);
                }
            } else {
                text.push_str(&part);
            }
            self.blanks();
        }
        Some(if kind == Some(true) { Value::Bytes(bytes.into()) } else { text.into() })
    }

    fn string(&mut self, raw: bool) -> Option<String> {
        let quote = self.peek()?;
        let triple = self.peek_at(1) == Some(quote) && self.peek_at(2) == Some(quote);
        self.at += if triple { 3 } else { 1 };
        let mut out = String::new();
        loop {
            let c = self.peek()?;
            if c == quote && (!triple || (self.peek_at(1) == Some(quote) && self.peek_at(2) == Some(quote))) {
                self.at += if triple { 3 } else { 1 };
                return Some(out);
            }
            self.at += 1;
            match c {
                '\n' if !triple => return None,
                '\\' if raw => {
                    out.push('\\');
                    out.push(self.peek()?);
                    self.at += 1;
                }
                '\\' => self.escape(&mut out)?,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let c = self.peek()?;
        self.at += 1;
        let plain = match c {
            '\n' => return Some(()),
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '\\' | '\'' | '"' => c,
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0'..='7' => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code)?
            }
            other => {
                out.push('\\');
                other
            }
        };
        out.push(plain);
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        self.at += digits;
        char::from_u32(u32::from_str_radix(&text, 16).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        for (text, expected) in [
            ("1", "1"),
            ("-1.5", "-1.5"),
            ("+0x1f", "31"),
            ("1_000", "1000"),
            ("1e3", "1000.0"),
            ("True", "True"),
            ("'a' \"b\"", "'ab'"),
            ("r'\\d'", "'\\\\d'"),
            ("b'a'", "b'a'"),
            ("[1, 'a', None,]", "[1, 'a', None]"),
            ("(1,)", "(1,)"),
            ("1, 2", "(1, 2)"),
            ("(1)", "1"),
            ("{'a': {1, 1}, }", "{'a': {1}}"),
            ("set()", "set()"),
            ("{}", "{}"),
            ("[\n1,\n2]\n", "[1, 2]"),
            ("  1", "1"),
            ("'\\x41\\u00e9\\101'", "'AéA'"),
            ("'''a\nb'''", "'a\\nb'"),
        ] {
            assert_eq!(parse(text).map(|v| v.repr()).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "abc", "1 +", "01", "[1", "{'a'}x", "f()", "1 2", "'a", "null", "--1", "[[]: 1]", "{[]: 1}"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
