//! JSON in the spelling of Python's `json.dumps`: spaces behind `,` and `:`, nothing but ASCII.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// The text of a value; nothing for what cannot be written as JSON.
pub(crate) fn python_json(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    match value.serialize(&mut Serializer::with_formatter(&mut text, Spelling)) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

struct Spelling;

impl Formatter for Spelling {
    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii()) {
            let (ascii, behind) = rest.split_at(at);
            out.write_all(ascii.as_bytes())?;
            let mut chars = behind.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_is_pythons() {
        let value = serde_json::json!({"a": [1, 2.5, null, true], "é": "x\n\u{1F600}", "e": {}, "l": []});
        assert_eq!(
            python_json(&value),
            r#"{"a": [1, 2.5, null, true], "\u00e9": "x\n\ud83d\ude00", "e": {}, "l": []}"#
        );
    }
}
