//! `yaml.safe_load`: events of `saphyr-parser` to values, with PyYAML's rules for tags, anchors and merge keys.

use super::scalar::{Scalar, resolve_plain_scalar};
use crate::python::modules::datetime;
use crate::{Dict, Error, Key, List, Result, Set, Value};
use rustc_hash::FxHashMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// How deep lists and mappings may nest.
const DEPTH: usize = 200;

/// `yaml.safe_load(text)`
///
/// # Errors
/// A ValueError with line and column for what PyYAML does not load.
pub fn load(text: &str) -> Result<Value> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|e| {
            fail(format!("{}, line {}, column {}", e.info(), e.marker().line(), e.marker().col() + 1))
        })?;
        let place = (span.start.line(), span.start.col() + 1);
        builder.place = place;
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(builder.error("expected a single document in the stream"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
                let value = builder.scalar(&text, style, tag.as_deref())?;
                builder.complete(value, anchor, merge)?;
            }
            Event::SequenceStart(anchor, tag) => {
                builder.check(tag.as_deref(), &["seq"])?;
                builder.open(anchor, Open::List(List::default()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let is_set = tag.as_ref().is_some_and(|t| t.is_yaml_core_schema() && t.suffix == "set");
                builder.check(tag.as_deref(), &["map", "set", "omap"])?;
                builder.open(
                    anchor,
                    Open::Map { dict: Dict::new(), merged: Vec::new(), own: Vec::new(), key: None, is_set },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(id) => {
                let value = builder.anchors.get(&id).cloned();
                let value = value.ok_or_else(|| builder.error("found undefined alias"))?;
                builder.complete(value, 0, false)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(builder.root.unwrap_or(Value::None))
}

fn fail(message: impl Into<String>) -> Error {
    Error::value_error(message)
}

enum Open {
    List(List),
    Map {
        dict: Dict,
        /// Of merge keys.
        merged: Vec<(Key, Value)>,
        own: Vec<(Key, Value)>,
        /// A key that waits for its value; `None` inside for the merge key.
        key: Option<Option<Key>>,
        is_set: bool,
    },
}

#[derive(Default)]
struct Builder {
    stack: Vec<(usize, Open)>,
    /// An alias is the same list or dict, as in Python.
    anchors: FxHashMap<usize, Value>,
    root: Option<Value>,
    place: (usize, usize),
}

impl Builder {
    fn error(&self, message: &str) -> Error {
        fail(format!("{message}, line {}, column {}", self.place.0, self.place.1))
    }

    fn open(&mut self, anchor: usize, open: Open) -> Result<()> {
        if self.stack.len() >= DEPTH {
            return Err(self.error("lists and mappings nest too deeply"));
        }
        if anchor > 0 {
            let value = match &open {
                Open::List(list) => Value::List(list.clone()),
                Open::Map { dict, .. } => Value::Dict(dict.clone()),
            };
            self.anchors.insert(anchor, value);
        }
        self.stack.push((anchor, open));
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let Some((anchor, open)) = self.stack.pop() else { return Ok(()) };
        let value = match open {
            Open::List(list) => Value::List(list),
            Open::Map { dict, merged, own, is_set, .. } => {
                if is_set {
                    Value::Set(own.into_iter().map(|(k, _)| k).collect::<Set>())
                } else {
                    dict.0.lock().extend(merged.into_iter().chain(own));
                    Value::Dict(dict)
                }
            }
        };
        self.complete(value, anchor, false)
    }

    fn complete(&mut self, value: Value, anchor: usize, is_merge: bool) -> Result<()> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let unhashable = self.error("found unhashable key");
        let bad_merge = self.error("expected a mapping or list of mappings for merging");
        let Some((_, top)) = self.stack.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        match top {
            Open::List(list) => list.push(value),
            Open::Map { merged, own, key, .. } => match key.take() {
                None if is_merge => *key = Some(None),
                None => *key = Some(Some(Key::new(value).map_err(|_| unhashable)?)),
                Some(Some(name)) => own.push((name, value)),
                Some(None) => match value {
                    Value::Dict(dict) => merged.extend(dict.snapshot()),
                    // The first of a list has the last word.
                    Value::List(list) => {
                        for item in list.snapshot().into_iter().rev() {
                            match item {
                                Value::Dict(dict) => merged.extend(dict.snapshot()),
                                _ => return Err(bad_merge),
                            }
                        }
                    }
                    _ => return Err(bad_merge),
                },
            },
        }
        Ok(())
    }

    fn check(&self, tag: Option<&Tag>, known: &[&str]) -> Result<()> {
        match tag {
            Some(tag)
                if !(plain_tag(tag) || tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str())) =>
            {
                Err(self.error(&format!(
                    "could not determine a constructor for the tag '{}{}'",
                    tag.handle, tag.suffix
                )))
            }
            _ => Ok(()),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value> {
        let Some(tag) = tag else {
            if style != ScalarStyle::Plain {
                return Ok(text.into());
            }
            if text == "=" {
                return Err(
                    self.error("could not determine a constructor for the tag 'tag:yaml.org,2002:value'")
                );
            }
            return self.value(resolve_plain_scalar(text), text);
        };
        if plain_tag(tag) {
            return Ok(text.into());
        }
        self.check(Some(tag), &["str", "int", "float", "bool", "null", "timestamp", "binary"])?;
        let misfit = || self.error(&format!("'{text}' does not fit the tag !!{}", tag.suffix));
        let resolved = resolve_plain_scalar(text);
        match (tag.suffix.as_str(), resolved) {
            ("str", _) => Ok(text.into()),
            ("null", _) => Ok(Value::None),
            ("float", Scalar::Int(i)) => Ok(Value::Float(i as f64)),
            ("float", Scalar::Str) => {
                crate::python::filters::number::parse_float(text).map(Value::Float).ok_or_else(misfit)
            }
            ("bool", s @ Scalar::Bool(_))
            | ("int", s @ (Scalar::Int(_) | Scalar::BigInt(_)))
            | ("float", s @ Scalar::Float(_))
            | ("timestamp", s @ (Scalar::Date(_) | Scalar::DateTime(..))) => self.value(s, text),
            ("binary", _) => {
                super::dump::from_base64(text).map(|b| Value::Bytes(b.into())).ok_or_else(misfit)
            }
            _ => Err(misfit()),
        }
    }

    fn value(&self, scalar: Scalar, text: &str) -> Result<Value> {
        Ok(match scalar {
            Scalar::Null => Value::None,
            Scalar::Bool(b) => Value::Bool(b),
            Scalar::Int(i) => Value::Int(i),
            Scalar::BigInt(i) => Value::integer(i),
            Scalar::Float(f) => Value::Float(f),
            Scalar::Date(date) => datetime::date_value(date),
            Scalar::DateTime(stamp, offset) => {
                datetime::datetime_value(stamp, offset.map(datetime::Zone::of_minutes))
            }
            Scalar::Merge | Scalar::Str => text.into(),
            Scalar::Invalid(message) => return Err(self.error(message)),
        })
    }
}

/// `!`, which makes a scalar text.
fn plain_tag(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

#[cfg(test)]
mod tests {
    use super::load;

    #[test]
    fn loads_as_pyyaml_does() {
        for (text, expected) in [
            ("", "None"),
            ("a: 1\nb: [yes, ~, 1.5, 'x']", "{'a': 1, 'b': [True, None, 1.5, 'x']}"),
            ("a: &x {k: 1}\nb:\n  <<: *x\n  l: 2", "{'a': {'k': 1}, 'b': {'k': 1, 'l': 2}}"),
            ("a: 1\na: 2", "{'a': 2}"),
            ("- !!str 1\n- !!float 2\n- ! 3", "['1', 2.0, '3']"),
            (
                "d: 2024-01-31\nt: 2024-01-31 01:02:03",
                "{'d': datetime.date(2024, 1, 31), 't': datetime.datetime(2024, 1, 31, 1, 2, 3)}",
            ),
            (
                "x: 2024-01-31 01:02:03Z",
                "{'x': datetime.datetime(2024, 1, 31, 1, 2, 3, tzinfo=datetime.timezone.utc)}",
            ),
            ("1: a\nyes: b", "{1: 'b'}"),
            ("a: |\n  x\n  y\nb: >-\n  f\n  g", "{'a': 'x\\ny\\n', 'b': 'f g'}"),
            ("!!set {a, b}", "{'a', 'b'}"),
            ("!!binary aGk=", "b'hi'"),
        ] {
            assert_eq!(load(text).unwrap().repr(), expected, "{text}");
        }
        for text in ["{", "a: b: c", "!foo x", "=", "2024-13-01", "{[]: 1}", "--- a\n--- b", "*x", "!!int x"]
        {
            assert!(load(text).is_err(), "{text}");
        }
    }
}
