//! JSON as Python's `json` module writes and reads it.

use super::{markup, text};
use crate::{Dict, Error, Result, Value};
use num_bigint::BigInt;
use std::fmt::Write;

/// How deep values may nest.
const DEPTH: usize = 400;

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct Style {
    /// Keys in order.
    pub sort_keys: bool,
    /// One item a line, with this in front of every level.
    pub indent: Option<String>,
}

/// The `indent` argument: a number of blanks, or a text.
pub(crate) fn indent(value: Option<&Value>) -> Result<Option<String>> {
    Ok(match value {
        None | Some(Value::None) => None,
        Some(value) => Some(match markup::text(value) {
            Some(text) => text.to_string(),
            None => " ".repeat(super::arguments::size(super::arguments::index(value)?)?.min(1000)),
        }),
    })
}

/// `json.dumps(value)`
///
/// # Errors
/// A TypeError for what JSON cannot hold, a ValueError for a value that contains itself.
pub fn dumps(value: &Value, style: &Style) -> Result<String> {
    let mut out = String::new();
    write(value, style, &mut out, 0)?;
    Ok(out)
}

fn break_line(style: &Style, out: &mut String, depth: usize) {
    if let Some(indent) = &style.indent {
        out.push('\n');
        for _ in 0..depth {
            out.push_str(indent);
        }
    }
}

fn write(value: &Value, style: &Style, out: &mut String, depth: usize) -> Result<()> {
    if depth > DEPTH {
        return Err(Error::value_error("Circular reference detected"));
    }
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(_) | Value::BigInt(_) => value.write_str(out),
        Value::Float(f) => out.push_str(&float(*f)),
        Value::Str(s) => string(s, out),
        Value::List(items) => sequence(&items.snapshot(), style, out, depth)?,
        Value::Tuple(items) => sequence(items, style, out, depth)?,
        Value::Dict(dict) => mapping(dict, style, out, depth)?,
        Value::Object(object) => {
            let serializable = !object.type_name().starts_with("datetime.");
            match object.to_json().filter(|_| serializable) {
                Some(json) => write(&Value::from_json(&json), style, out, depth + 1)?,
                None => return Err(refuse(value)),
            }
        }
        Value::Undefined(_) | Value::Bytes(_) | Value::Set(_) => return Err(refuse(value)),
    }
    Ok(())
}

fn refuse(value: &Value) -> Error {
    let name = value.type_name();
    let name = name.strip_prefix("datetime.").unwrap_or(name);
    Error::type_error(format!("Object of type {name} is not JSON serializable"))
}

fn float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_string()
    } else if f.is_infinite() {
        if f > 0.0 { "Infinity" } else { "-Infinity" }.to_string()
    } else {
        text::repr_float(f)
    }
}

fn string(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

fn sequence(items: &[Value], style: &Style, out: &mut String, depth: usize) -> Result<()> {
    if items.is_empty() {
        out.push_str("[]");
        return Ok(());
    }
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(if style.indent.is_some() { "," } else { ", " });
        }
        break_line(style, out, depth + 1);
        write(item, style, out, depth + 1)?;
    }
    break_line(style, out, depth);
    out.push(']');
    Ok(())
}

fn mapping(dict: &Dict, style: &Style, out: &mut String, depth: usize) -> Result<()> {
    let mut entries: Vec<(Value, Value)> =
        dict.snapshot().into_iter().map(|(k, v)| (k.value().clone(), v)).collect();
    if entries.is_empty() {
        out.push_str("{}");
        return Ok(());
    }
    if style.sort_keys {
        super::methods::sort_by_key(&mut entries, false)?;
    }
    out.push('{');
    for (i, (key, item)) in entries.iter().enumerate() {
        if i > 0 {
            out.push_str(if style.indent.is_some() { "," } else { ", " });
        }
        break_line(style, out, depth + 1);
        match key {
            Value::Str(s) => string(s, out),
            Value::None => out.push_str("\"null\""),
            Value::Bool(b) => out.push_str(if *b { "\"true\"" } else { "\"false\"" }),
            Value::Int(_) | Value::BigInt(_) => {
                let _ = write!(out, "\"{key}\"");
            }
            Value::Float(f) => {
                let _ = write!(out, "\"{}\"", float(*f));
            }
            other => match markup::text(other) {
                Some(s) => string(&s, out),
                None => {
                    return Err(Error::type_error(format!(
                        "keys must be str, int, float, bool or None, not {}",
                        other.type_name()
                    )));
                }
            },
        }
        out.push_str(": ");
        write(item, style, out, depth + 1)?;
    }
    break_line(style, out, depth);
    out.push('}');
    Ok(())
}

/// `json.loads(text)`: also `NaN` and `Infinity`, integers of any size; the last of equal keys wins. `None`: not
/// JSON.
pub fn loads(text: &str) -> Option<Value> {
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0 };
    reader.blanks();
    let value = reader.value(0)?;
    reader.blanks();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            b'n' => self.word("null", Value::None),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'N' => self.word("NaN", Value::Float(f64::NAN)),
            b'I' => self.word("Infinity", Value::Float(f64::INFINITY)),
            b'"' => self.string().map(Value::from),
            b'[' => self.array(depth),
            b'{' => self.object(depth),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Value::list(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(Value::list(items));
                }
                _ => return None,
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let dict = Dict::new();
        self.blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Value::Dict(dict));
        }
        loop {
            self.blanks();
            if self.peek()? != b'"' {
                return None;
            }
            let key = self.string()?;
            self.blanks();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.blanks();
            let value = self.value(depth + 1)?;
            dict.insert(key, value);
            self.blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(Value::Dict(dict));
                }
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.peek() == Some(b'I') {
                return self.word("Infinity", Value::Float(f64::NEG_INFINITY));
            }
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return None;
        }
        let mut float = false;
        if self.peek() == Some(b'.') && self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            float = true;
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.bytes.get(self.at + 1), Some(b'+' | b'-')));
            if self.bytes.get(self.at + 1 + sign).is_some_and(u8::is_ascii_digit) {
                float = true;
                self.at += 1 + sign;
                self.digits();
            }
        }
        let text = self.text.get(start..self.at)?;
        if float {
            return text.parse().ok().map(Value::Float);
        }
        match text.parse::<i64>() {
            Ok(i) => Some(Value::Int(i)),
            Err(_) => text.parse::<BigInt>().ok().map(Value::integer),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..)?;
            let stop = rest.find(|c: char| c == '"' || c == '\\' || c < ' ')?;
            out.push_str(rest.get(..stop)?);
            self.at += stop;
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(out);
                }
                b'\\' => {
                    let escape = self.bytes.get(self.at + 1)?;
                    self.at += 2;
                    out.push(match escape {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'/' => '/',
                        b'b' => '\x08',
                        b'f' => '\x0c',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => self.unicode()?,
                        _ => return None,
                    });
                }
                _ => return None,
            }
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or('\u{fffd}'));
        }
        let mark = self.at;
        if self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) {
            self.at += 2;
            if let Some(second) = self.hex().filter(|u| (0xdc00..0xe000).contains(u)) {
                return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
        self.at = mark;
        Some('\u{fffd}')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_python_writes() {
        for (text, expected) in [
            (r#"{"a": [1, null, true, 1.5]}"#, r#"{"a": [1, null, true, 1.5]}"#),
            (r#" {"b":1,"b":2} "#, r#"{"b": 2}"#),
            (r#""\u00e9\ud83d\ude00\n""#, r#""\u00e9\ud83d\ude00\n""#),
            ("[NaN, -Infinity, 1e5, -0]", "[NaN, -Infinity, 100000.0, 0]"),
            ("123456789012345678901", "123456789012345678901"),
        ] {
            assert_eq!(dumps(&loads(text).unwrap(), &Style::default()).unwrap(), expected);
        }
        for text in ["", "{", "[1,]", "01", "'a'", "\"\n\"", "{a: 1}", "1 2", "1."] {
            assert!(loads(text).is_none(), "{text}");
        }
    }

    #[test]
    fn indents_and_sorts() {
        let value = loads(r#"{"b": [], "a": [1, {}]}"#).unwrap();
        let style = Style { sort_keys: true, indent: Some("  ".into()) };
        assert_eq!(dumps(&value, &style).unwrap(), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
    }
}
