//! Methods of `bytes`, and `str.encode`.

use crate::python::arguments::{none, one, positional};
use crate::python::markup;
use crate::{Args, Error, Result, Value};
use std::fmt::Write;
use std::sync::Arc;

/// All names.
pub(super) const NAMES: &[&str] = &[
    "count",
    "decode",
    "endswith",
    "find",
    "hex",
    "join",
    "lower",
    "replace",
    "split",
    "startswith",
    "strip",
    "upper",
];

/// The codecs that exist here.
enum Codec {
    Utf8,
    Ascii,
    Latin1,
}

fn codec(name: Option<&Value>) -> Result<Codec> {
    let name = name.map_or_else(|| "utf-8".into(), Value::to_str);
    Ok(match &*name.to_lowercase().replace(['_', ' '], "-") {
        "utf-8" | "utf8" | "u8" => Codec::Utf8,
        "ascii" | "us-ascii" => Codec::Ascii,
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => Codec::Latin1,
        _ => return Err(Error::new(crate::ErrorKind::Runtime, format!("unknown encoding: {name}"))),
    })
}

/// `str.encode`
pub(super) fn encode(s: &str, args: Args) -> Result<Value> {
    let [encoding, errors] = args.bind("encode", ["encoding?", "errors?"])?;
    let errors = errors.map_or_else(|| "strict".into(), |v| v.to_str());
    let (limit, label) = match codec(encoding.as_ref())? {
        Codec::Utf8 => return Ok(Value::Bytes(s.as_bytes().into())),
        Codec::Ascii => (0x80u32, "ascii"),
        Codec::Latin1 => (0x100, "latin-1"),
    };
    let mut out: Vec<u8> = Vec::with_capacity(s.len());
    for (i, c) in s.chars().enumerate() {
        let code = u32::from(c);
        match u8::try_from(code).ok().filter(|_| code < limit) {
            Some(byte) => out.push(byte),
            None => match &*errors {
                "ignore" => {}
                "replace" => out.push(b'?'),
                "xmlcharrefreplace" => out.extend(format!("&#{code};").bytes()),
                "backslashreplace" => {
                    let escaped = match code {
                        0..=0xff => format!("\\x{code:02x}"),
                        0x100..=0xffff => format!("\\u{code:04x}"),
                        _ => format!("\\U{code:08x}"),
                    };
                    out.extend(escaped.bytes());
                }
                _ => {
                    return Err(Error::value_error(format!(
                        "'{label}' codec can't encode character '\\u{code:04x}' in position {i}: ordinal not in range({limit})"
                    )));
                }
            },
        }
    }
    Ok(Value::Bytes(out.into()))
}

/// Calls a method.
pub(super) fn call(bytes: &Arc<[u8]>, name: &str, args: Args) -> Result<Option<Value>> {
    Ok(Some(match name {
        "decode" => {
            let [encoding, errors] = args.bind("decode", ["encoding?", "errors?"])?;
            let errors = errors.map_or_else(|| "strict".into(), |v| v.to_str());
            decode(bytes, &codec(encoding.as_ref())?, &errors)?.into()
        }
        "hex" => {
            none("bytes.hex", args)?;
            let mut out = String::new();
            for byte in bytes.iter() {
                let _ = write!(out, "{byte:02x}");
            }
            out.into()
        }
        "upper" => Value::Bytes(bytes.to_ascii_uppercase().into()),
        "lower" => Value::Bytes(bytes.to_ascii_lowercase().into()),
        "strip" => Value::Bytes(bytes.trim_ascii().into()),
        "startswith" => Value::Bool(bytes.starts_with(&operand("startswith", one("startswith", args)?)?)),
        "endswith" => Value::Bool(bytes.ends_with(&operand("endswith", one("endswith", args)?)?)),
        "find" => {
            let needle = operand("find", one("find", args)?)?;
            find(bytes, &needle).map_or(Value::Int(-1), Value::from)
        }
        "count" => {
            let needle = operand("count", one("count", args)?)?;
            pieces(bytes, &needle).len().saturating_sub(1).into()
        }
        "split" => {
            let separator = operand("split", one("split", args)?)?;
            if separator.is_empty() {
                return Err(Error::value_error("empty separator"));
            }
            Value::list(pieces(bytes, &separator).into_iter().map(|p| Value::Bytes(p.into())))
        }
        "replace" => {
            let [old, new] = positional::<2>("replace", args, 2)?;
            let old = operand("replace", old.unwrap_or(Value::None))?;
            let new = operand("replace", new.unwrap_or(Value::None))?;
            Value::Bytes(pieces(bytes, &old).join(&*new).into())
        }
        "join" => match one("join", args)?.as_sequence() {
            Some(items) => {
                let parts: Vec<Arc<[u8]>> =
                    items.into_iter().map(|item| operand("join", item)).collect::<Result<_>>()?;
                Value::Bytes(parts.join(&**bytes).into())
            }
            None => return Err(Error::type_error("can only join an iterable")),
        },
        _ => return Ok(None),
    }))
}

fn operand(name: &str, value: Value) -> Result<Arc<[u8]>> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => Err(Error::type_error(format!(
            "{name}: a bytes-like object is required, not '{}'",
            if markup::is_markup(&other) { "str" } else { other.type_name() }
        ))),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Cut at every occurrence; whole if the separator is empty.
fn pieces<'a>(bytes: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !separator.is_empty()
        && let Some(at) = find(rest, separator)
    {
        let (head, tail) = rest.split_at(at);
        out.push(head);
        rest = tail.get(separator.len()..).unwrap_or_default();
    }
    out.push(rest);
    out
}

fn decode(bytes: &[u8], codec: &Codec, errors: &str) -> Result<String> {
    let (label, text) = match codec {
        Codec::Latin1 => return Ok(bytes.iter().map(|b| char::from(*b)).collect()),
        Codec::Utf8 => ("utf-8", std::str::from_utf8(bytes).ok()),
        Codec::Ascii => ("ascii", std::str::from_utf8(bytes).ok().filter(|s| s.is_ascii())),
    };
    if let Some(text) = text {
        return Ok(text.to_string());
    }
    match errors {
        "ignore" => Ok(String::from_utf8_lossy(bytes).replace('\u{fffd}', "")),
        "replace" => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => Err(Error::value_error(format!("'{label}' codec can't decode the bytes"))),
    }
}
