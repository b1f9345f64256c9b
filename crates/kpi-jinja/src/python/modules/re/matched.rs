//! Matches.

use super::escape::Piece;
use super::pattern::{Pattern, pieces};
use crate::python::arguments::{none, one, string};
use crate::python::markup;
use crate::python::text::{char_len, char_slice, repr_str};
use crate::{Args, Dict, Error, ErrorKind, Interp, Object, Result, Value, function};
use std::sync::Arc;

/// A match.
pub(super) struct Match {
    pub(super) pattern: Arc<Pattern>,
    pub(super) text: Arc<str>,
    /// Bytes, the whole match first.
    pub(super) spans: Vec<Option<(usize, usize)>>,
    /// The byte at which the search began.
    pub(super) start: usize,
}

const METHODS: &[&str] = &["end", "expand", "group", "groupdict", "groups", "span", "start"];

impl Match {
    /// The bytes of a group.
    pub(super) fn span(&self, group: usize) -> Option<(usize, usize)> {
        self.spans.get(group).copied().flatten()
    }

    /// The text of a group; `None` if it took no part.
    pub(super) fn text_of(&self, group: usize) -> Option<&str> {
        let (from, to) = self.span(group)?;
        self.text.get(from..to)
    }

    fn value_of(&self, group: usize, default: &Value) -> Value {
        self.text_of(group).map_or_else(|| default.clone(), Value::from)
    }

    /// Appends what a replacement stands for.
    pub(super) fn expand_into(&self, pieces: &[Piece], out: &mut String) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(n) => out.push_str(self.text_of(*n).unwrap_or("")),
            }
        }
    }

    /// The group that a value names.
    fn number(&self, group: &Value) -> Result<usize> {
        let number = match markup::text(group) {
            Some(name) => self.pattern.group(&name),
            None => group.as_usize().filter(|n| *n <= self.pattern.groups),
        };
        number.ok_or_else(|| Error::new(ErrorKind::Index, "no such group"))
    }

    /// The characters of a group; (-1, -1) if it took no part.
    fn characters(&self, args: Args, name: &str) -> Result<(Value, Value)> {
        let [group] = crate::python::arguments::positional::<1>(name, args, 0)?;
        let number = group.as_ref().map_or(Ok(0), |g| self.number(g))?;
        let at = |byte: usize| Value::from(char_len(self.text.get(..byte).unwrap_or("")));
        Ok(match self.span(number) {
            Some((from, to)) => (at(from), at(to)),
            None => (Value::Int(-1), Value::Int(-1)),
        })
    }

    /// The group that was closed last.
    fn last(&self) -> Option<usize> {
        (1..=self.pattern.groups)
            .filter(|n| self.span(*n).is_some())
            .max_by_key(|n| self.pattern.closed.get(n - 1).copied().unwrap_or(0))
    }
}

impl Object for Match {
    fn type_name(&self) -> &str {
        "re.Match"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "string" => Some(Value::Str(self.text.clone())),
            "re" => Some(self.pattern.clone().into()),
            "pos" => Some(char_len(self.text.get(..self.start).unwrap_or("")).into()),
            "endpos" => Some(char_len(&self.text).into()),
            "lastindex" => Some(self.last().map_or(Value::None, Value::from)),
            "lastgroup" => {
                let last = self.last();
                let name = self.pattern.names.iter().find(|(_, i)| Some(*i) == last);
                Some(name.map_or(Value::None, |(n, _)| Value::from(n)))
            }
            name if METHODS.contains(&name) => {
                let name: Arc<str> = name.into();
                Some(function("method", move |interp: &mut Interp, args| {
                    Ok(self.clone().call_method(interp, &name, args)?.unwrap_or(Value::None))
                }))
            }
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "group" => {
                if !args.keyword.is_empty() {
                    return Err(Error::type_error("group() takes no keyword arguments"));
                }
                let values = args
                    .positional
                    .iter()
                    .map(|g| Ok(self.value_of(self.number(g)?, &Value::None)))
                    .collect::<Result<Vec<_>>>()?;
                match <[Value; 1]>::try_from(values) {
                    Ok([value]) => value,
                    Err(values) if values.is_empty() => self.value_of(0, &Value::None),
                    Err(values) => Value::tuple(values),
                }
            }
            "groups" => {
                let [default] = args.bind("groups", ["default?"])?;
                let default = default.unwrap_or(Value::None);
                Value::tuple((1..=self.pattern.groups).map(|n| self.value_of(n, &default)))
            }
            "groupdict" => {
                let [default] = args.bind("groupdict", ["default?"])?;
                let default = default.unwrap_or(Value::None);
                Value::Dict(Dict::of(
                    self.pattern.names.iter().map(|(name, n)| (name.as_str(), self.value_of(*n, &default))),
                ))
            }
            "start" => self.characters(args, name)?.0,
            "end" => self.characters(args, name)?.1,
            "span" => {
                let (from, to) = self.characters(args, name)?;
                Value::tuple([from, to])
            }
            "expand" => {
                let text = string(name, 1, &one(name, args)?)?;
                let mut out = String::new();
                self.expand_into(&pieces(&self.pattern, &text)?, &mut out);
                out.into()
            }
            "__bool__" => {
                none(name, args)?;
                Value::Bool(true)
            }
            _ => return Ok(None),
        }))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(self.number(key).ok().map(|n| self.value_of(n, &Value::None)))
    }

    fn repr(&self) -> String {
        let (from, to) = self.span(0).unwrap_or((0, 0));
        let at = |byte: usize| char_len(self.text.get(..byte).unwrap_or(""));
        let shown = repr_str(self.text.get(from..to).unwrap_or(""));
        format!("<re.Match object; span=({}, {}), match={}>", at(from), at(to), char_slice(&shown, 0, 50))
    }
}
