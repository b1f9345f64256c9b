//! Printing values as Python's `str` and `repr`.

use super::{Undefined, Value};
use crate::python::text::{repr_float, repr_str};
use std::fmt::Write;
use std::sync::Arc;

/// How deep containers are followed. Python gives up at about 1,000 levels as well.
pub(crate) const MAX_DEPTH: usize = 400;

impl Value {
    /// `repr(value)`: how it prints inside a container.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        write_repr(self, &mut out, &mut Vec::new());
        out
    }

    /// Appends what `{{ value }}` prints.
    pub fn write_str(&self, out: &mut String) {
        match self {
            Self::Str(s) => out.push_str(s),
            Self::Undefined(_) => {}
            Self::Int(i) => {
                let _ = write!(out, "{i}");
            }
            Self::Object(object) => out.push_str(&object.str()),
            other => write_repr(other, out, &mut Vec::new()),
        }
    }

    /// What `{{ value }}` prints, shared where it is a string already.
    pub fn to_str(&self) -> Arc<str> {
        match self {
            Self::Str(s) => s.clone(),
            other => {
                let mut out = String::new();
                other.write_str(&mut out);
                out.into()
            }
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(s) => f.write_str(s),
            other => {
                let mut out = String::new();
                other.write_str(&mut out);
                f.write_str(&out)
            }
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undefined(Undefined { name: Some(name), .. }) => write!(f, "Undefined({name})"),
            other => f.write_str(&other.repr()),
        }
    }
}

fn write_repr(value: &Value, out: &mut String, open: &mut Vec<*const ()>) {
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(i) => {
            let _ = write!(out, "{i}");
        }
        Value::BigInt(i) => {
            let _ = write!(out, "{i}");
        }
        Value::Float(f) => out.push_str(&repr_float(*f)),
        Value::Str(s) => out.push_str(&repr_str(s)),
        Value::Bytes(bytes) => write_bytes(bytes, out),
        Value::List(list) => {
            let id = Arc::as_ptr(&list.0).cast();
            if open.contains(&id) || open.len() > MAX_DEPTH {
                out.push_str("[...]");
                return;
            }
            open.push(id);
            write_items(&list.snapshot(), out, open, "[", "]");
            open.pop();
        }
        Value::Tuple(items) => {
            if open.len() > MAX_DEPTH {
                out.push_str("(...)");
                return;
            }
            open.push(Arc::as_ptr(items).cast());
            write_items(items, out, open, "(", if items.len() == 1 { ",)" } else { ")" });
            open.pop();
        }
        Value::Dict(dict) => {
            let id = Arc::as_ptr(&dict.0).cast();
            if open.contains(&id) || open.len() > MAX_DEPTH {
                out.push_str("{...}");
                return;
            }
            open.push(id);
            out.push('{');
            for (i, (key, item)) in dict.snapshot().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_repr(&key.0, out, open);
                out.push_str(": ");
                write_repr(item, out, open);
            }
            out.push('}');
            open.pop();
        }
        Value::Set(set) => {
            let members = set.snapshot();
            if members.is_empty() {
                out.push_str("set()");
            } else {
                write_items(&members, out, open, "{", "}");
            }
        }
        Value::Object(object) => out.push_str(&object.repr()),
    }
}

fn write_items(items: &[Value], out: &mut String, open: &mut Vec<*const ()>, start: &str, end: &str) {
    out.push_str(start);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_repr(item, out, open);
    }
    out.push_str(end);
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            b if char::from(b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(byte)),
            other => {
                let _ = write!(out, "\\x{other:02x}");
            }
        }
    }
    out.push(quote);
}
