//! `yaml.safe_dump`: block style, two blanks, lines of 80 characters, ASCII only.

use super::scalar::{Scalar, resolve_plain_scalar};
use crate::python::modules::datetime;
use crate::python::text::{char_len, repr_float};
use crate::{Error, Result, Value};
use rustc_hash::FxHashMap;
use std::sync::Arc;

const WIDTH: usize = 80;
/// How deep values may nest.
const DEPTH: usize = 200;
/// Longer keys are written behind a `?`.
const LONGEST_KEY: usize = 128;

/// `yaml.safe_dump(value, sort_keys=...)`
///
/// # Errors
/// A ValueError for a value that has no safe representation.
pub fn dump(value: &Value, sort_keys: bool) -> Result<String> {
    write(value, sort_keys, false)
}

/// As [`dump`] with sorted keys, and lists within mappings further indented than these: how dbt writes files.
///
/// # Errors
/// A ValueError for a value that has no safe representation.
pub fn dump_indented(value: &Value) -> Result<String> {
    write(value, true, true)
}

fn write(value: &Value, sort_keys: bool, indent_lists: bool) -> Result<String> {
    let mut counts = FxHashMap::default();
    let mut anchors = FxHashMap::default();
    count(value, &mut counts, &mut anchors, 0)?;
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        whitespace: true,
        indention: true,
        indent: None,
        open_ended: false,
        sort_keys,
        indent_lists,
        anchors,
        written: FxHashMap::default(),
    };
    emitter.node(value, Context::Root, 0)?;
    // The end of a document is a line end, and `...` behind a bare scalar.
    emitter.indent = None;
    if emitter.column > 0 {
        emitter.line_break();
    }
    if emitter.open_ended {
        emitter.out.push_str("...\n");
    }
    Ok(emitter.out)
}

type Id = *const ();

/// The identity of a container, by which an alias is recognised.
fn identity(value: &Value) -> Option<Id> {
    match value {
        Value::List(list) => Some(Arc::as_ptr(&list.0).cast()),
        Value::Dict(dict) => Some(Arc::as_ptr(&dict.0).cast()),
        Value::Set(set) => Some(Arc::as_ptr(&set.0).cast()),
        Value::Tuple(items) if !items.is_empty() => Some(Arc::as_ptr(items).cast()),
        _ => None,
    }
}

/// Finds what is contained twice; anchors are numbered as the second occurrence is met.
fn count(
    value: &Value,
    seen: &mut FxHashMap<Id, ()>,
    anchors: &mut FxHashMap<Id, usize>,
    depth: usize,
) -> Result<()> {
    if depth > DEPTH {
        return Err(Error::value_error("the value nests too deeply for YAML"));
    }
    let Some(id) = identity(value) else { return Ok(()) };
    if seen.insert(id, ()).is_some() {
        let next = anchors.len() + 1;
        anchors.entry(id).or_insert(next);
        return Ok(());
    }
    match value {
        Value::List(list) => list.snapshot().iter().try_for_each(|v| count(v, seen, anchors, depth + 1)),
        Value::Tuple(items) => items.iter().try_for_each(|v| count(v, seen, anchors, depth + 1)),
        Value::Dict(dict) => dict.snapshot().iter().try_for_each(|(k, v)| {
            count(k.value(), seen, anchors, depth + 1)?;
            count(v, seen, anchors, depth + 1)
        }),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Sequence,
    /// The value of a simple key.
    Mapping,
    SimpleKey,
    /// A key or value that stands on its own behind `?` or `:`.
    Complex,
}

struct Emitter {
    out: String,
    column: usize,
    /// The last character was a blank or an indicator that needs none.
    whitespace: bool,
    /// The line holds indentation and `-` only.
    indention: bool,
    indent: Option<usize>,
    open_ended: bool,
    sort_keys: bool,
    indent_lists: bool,
    anchors: FxHashMap<Id, usize>,
    written: FxHashMap<Id, ()>,
}

impl Emitter {
    fn write(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += char_len(text);
    }

    fn indicator(&mut self, text: &str, need_blank: bool, whitespace: bool, indention: bool) {
        if need_blank && !self.whitespace {
            self.write(" ");
        }
        self.write(text);
        self.whitespace = whitespace;
        self.indention &= indention;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.whitespace = true;
        self.indention = true;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        if self.column < indent {
            self.whitespace = true;
            let blanks = " ".repeat(indent - self.column);
            self.write(&blanks);
        }
    }

    /// Runs with a deeper indentation.
    fn deeper(
        &mut self,
        flow: bool,
        indentless: bool,
        f: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = self.indent;
        self.indent = match before {
            None => Some(if flow { 2 } else { 0 }),
            Some(n) if indentless => Some(n),
            Some(n) => Some(n + 2),
        };
        let outcome = f(self);
        self.indent = before;
        outcome
    }

    fn node(&mut self, value: &Value, context: Context, depth: usize) -> Result<()> {
        if let Some(id) = identity(value)
            && let Some(number) = self.anchors.get(&id).copied()
        {
            if self.written.insert(id, ()).is_some() {
                self.indicator(&format!("*id{number:03}"), true, false, false);
                return Ok(());
            }
            self.indicator(&format!("&id{number:03}"), true, false, false);
        }
        match value {
            Value::List(list) => self.sequence(&list.snapshot(), context, depth),
            Value::Tuple(items) => self.sequence(items, context, depth),
            Value::Dict(dict) => {
                let entries = dict.snapshot().into_iter().map(|(k, v)| (k.value().clone(), v)).collect();
                self.mapping(entries, depth)
            }
            Value::Set(set) => {
                self.indicator("!!set", true, false, false);
                self.mapping(set.snapshot().into_iter().map(|k| (k, Value::None)).collect(), depth)
            }
            Value::Bytes(bytes) => {
                self.indicator("!!binary", true, false, false);
                self.indicator("|", true, false, false);
                let encoded = to_base64(bytes);
                self.deeper(true, false, |e| {
                    for line in encoded.as_bytes().chunks(76) {
                        e.line_break();
                        let blanks = " ".repeat(e.indent.unwrap_or(0));
                        e.write(&blanks);
                        e.write(&String::from_utf8_lossy(line));
                    }
                    Ok(())
                })
            }
            Value::Str(s) => self.string(s, context),
            Value::Object(object) => match datetime::yaml_text(value) {
                Some(text) => self.plain_scalar(&text, context),
                // Times and escaped text have JSON, but no representer.
                None => match object.to_json().filter(|_| !is_refused(object.type_name())) {
                    Some(json) => self.node(&Value::from_json(&json), context, depth + 1),
                    None => Err(Error::value_error(format!("cannot represent an object: {}", value.repr()))),
                },
            },
            Value::Undefined(_) => Err(Error::value_error("cannot represent an object: Undefined")),
            Value::None => self.plain_scalar("null", context),
            Value::Bool(b) => self.plain_scalar(if *b { "true" } else { "false" }, context),
            Value::Int(_) | Value::BigInt(_) => self.plain_scalar(&value.to_str(), context),
            Value::Float(f) => self.plain_scalar(&float(*f), context),
        }
    }

    fn sequence(&mut self, items: &[Value], context: Context, depth: usize) -> Result<()> {
        if items.is_empty() {
            self.indicator("[", true, true, false);
            self.indicator("]", false, false, false);
            return Ok(());
        }
        let indentless = context == Context::Mapping && !self.indention && !self.indent_lists;
        self.deeper(false, indentless, |e| {
            for item in items {
                e.write_indent();
                e.indicator("-", true, false, true);
                e.node(item, Context::Sequence, depth + 1)?;
            }
            Ok(())
        })
    }

    fn mapping(&mut self, mut entries: Vec<(Value, Value)>, depth: usize) -> Result<()> {
        if entries.is_empty() {
            self.indicator("{", true, true, false);
            self.indicator("}", false, false, false);
            return Ok(());
        }
        if self.sort_keys {
            let unsorted = entries.clone();
            if crate::python::methods::sort_by_key(&mut entries, false).is_err() {
                entries = unsorted;
            }
        }
        self.deeper(false, false, |e| {
            for (key, value) in &entries {
                e.write_indent();
                if is_simple_key(key) {
                    e.node(key, Context::SimpleKey, depth + 1)?;
                    e.indicator(":", false, false, false);
                    e.node(value, Context::Mapping, depth + 1)?;
                } else {
                    e.indicator("?", true, false, true);
                    e.node(key, Context::Complex, depth + 1)?;
                    e.write_indent();
                    e.indicator(":", true, false, true);
                    e.node(value, Context::Complex, depth + 1)?;
                }
            }
            Ok(())
        })
    }

    fn plain_scalar(&mut self, text: &str, context: Context) -> Result<()> {
        self.deeper(true, false, |e| {
            e.plain(text, context);
            Ok(())
        })
    }

    fn string(&mut self, s: &str, context: Context) -> Result<()> {
        let analysis = Analysis::of(s);
        let split = context != Context::SimpleKey;
        let key_in_lines = context == Context::SimpleKey && analysis.multiline;
        let plain = matches!(resolve_plain_scalar(s), Scalar::Str)
            && s != "="
            && analysis.plain
            && !key_in_lines
            && !s.is_empty();
        self.deeper(true, false, |e| {
            if plain {
                e.plain(s, context);
            } else if analysis.single && !key_in_lines {
                e.single_quoted(s, split);
            } else {
                e.double_quoted(s, split);
            }
            Ok(())
        })
    }

    fn plain(&mut self, text: &str, context: Context) {
        self.open_ended |= context == Context::Root;
        if !self.whitespace {
            self.write(" ");
        }
        self.whitespace = false;
        self.indention = false;
        let split = context != Context::SimpleKey;
        let mut rest = text;
        while !rest.is_empty() {
            let blank = rest.starts_with(' ');
            let end = rest.find(|c| (c == ' ') != blank).unwrap_or(rest.len());
            let (part, tail) = rest.split_at(end);
            if part == " " && self.column > WIDTH && split {
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
            } else {
                self.write(part);
            }
            rest = tail;
        }
    }

    fn single_quoted(&mut self, text: &str, split: bool) {
        self.indicator("'", true, false, false);
        let is_break = |c: char| matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let class = |c: char| {
            if c == ' ' {
                0
            } else if is_break(c) {
                1
            } else {
                2
            }
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let kind = class(first);
            let end = rest.find(|c| class(c) != kind).unwrap_or(rest.len());
            let (part, tail) = rest.split_at(end);
            match kind {
                0 if part.len() == 1
                    && self.column > WIDTH
                    && split
                    && rest.len() < text.len()
                    && !tail.is_empty() =>
                {
                    self.write_indent();
                }
                1 => {
                    if first == '\n' {
                        self.line_break();
                    }
                    part.chars().for_each(|_| self.line_break());
                    self.write_indent();
                }
                _ => {
                    let doubled = part.replace('\'', "''");
                    self.write(&doubled);
                }
            }
            rest = tail;
        }
        self.indicator("'", false, false, false);
    }

    fn double_quoted(&mut self, text: &str, split: bool) {
        self.indicator("\"", true, false, false);
        let chars: Vec<char> = text.chars().collect();
        let mut start = 0;
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            let escaped = c.is_none_or(|c| matches!(c, '"' | '\\') || !(' '..='~').contains(&c));
            if escaped {
                let part: String = chars.get(start..end).unwrap_or_default().iter().collect();
                self.write(&part);
                start = start.max(end);
                if let Some(c) = c {
                    self.write(&escape(c));
                    start = end + 1;
                }
            }
            if 0 < end
                && end + 1 < chars.len()
                && (c == Some(' ') || start >= end)
                && self.column + end.saturating_sub(start) > WIDTH
                && split
            {
                let part: String = chars.get(start..end).unwrap_or_default().iter().collect();
                self.write(&part);
                self.write("\\");
                start = start.max(end);
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if chars.get(start) == Some(&' ') {
                    self.write("\\");
                }
            }
        }
        self.indicator("\"", false, false, false);
    }
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c => {
            let code = u32::from(c);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

fn float(f: f64) -> String {
    if f.is_nan() {
        return ".nan".to_string();
    }
    if f.is_infinite() {
        return if f > 0.0 { ".inf" } else { "-.inf" }.to_string();
    }
    let text = repr_float(f);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

fn is_refused(type_name: &str) -> bool {
    type_name == "Markup" || type_name.starts_with("datetime.")
}

fn is_simple_key(key: &Value) -> bool {
    match key {
        Value::Str(s) => char_len(s) < LONGEST_KEY && !Analysis::of(s).multiline,
        Value::Tuple(items) => items.is_empty(),
        Value::Bytes(_) => false,
        _ => true,
    }
}

/// What styles a text allows.
struct Analysis {
    multiline: bool,
    plain: bool,
    single: bool,
}

impl Analysis {
    fn of(text: &str) -> Self {
        let is_break = |c: char| matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let is_blank =
            |c: Option<char>| c.is_none_or(|c| matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c));
        let chars: Vec<char> = text.chars().collect();
        let last = chars.len().saturating_sub(1);
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut edge) = (false, false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut after_space, mut after_break) = (false, false);
        let mut before = None;
        for (i, &c) in chars.iter().enumerate() {
            let followed = is_blank(chars.get(i + 1).copied());
            if i == 0 {
                indicators |= "#,[]{}&*!|>'\"%@`".contains(c) || (matches!(c, '?' | ':' | '-') && followed);
            } else {
                indicators |= (c == ':' && followed) || (c == '#' && is_blank(before));
            }
            breaks |= is_break(c);
            special |= !(c == '\n' || (' '..='~').contains(&c));
            if c == ' ' {
                edge |= i == 0 || i == last;
                break_space |= after_break;
                (after_space, after_break) = (true, false);
            } else if is_break(c) {
                edge |= i == 0 || i == last;
                space_break |= after_space;
                (after_space, after_break) = (false, true);
            } else {
                (after_space, after_break) = (false, false);
            }
            before = Some(c);
        }
        let double_only = space_break || special;
        Self {
            multiline: breaks,
            plain: !(edge || break_space || double_only || breaks || indicators),
            single: !(break_space || double_only),
        }
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            if i <= chunk.len() {
                let index = (bits >> (18 - 6 * i)) & 63;
                out.push(BASE64.get(index as usize).map_or('A', |b| char::from(*b)));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// The bytes of a base64 text; blanks are skipped.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        if byte == b'=' {
            break;
        }
        let index = BASE64.iter().position(|b| *b == byte)?;
        bits = bits << 6 | u32::try_from(index).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}
