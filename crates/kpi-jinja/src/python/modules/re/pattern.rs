//! Compiled patterns.

use super::escape::{Piece, template};
use super::matched::Match;
use super::translate::{ASCII, DOTALL, IGNORECASE, MULTILINE, UNICODE, VERBOSE, translate};
use crate::python::arguments::{index_or, string};
use crate::python::iteration::iterator;
use crate::python::markup;
use crate::python::text::{byte_offset, char_len, repr_str};
use crate::{Args, Dict, Error, ErrorKind, Interp, Object, Result, Value, function};
use fancy_regex::{Regex, RegexBuilder};
use std::sync::{Arc, OnceLock};

/// How many steps a search may go back before it is given up.
const BACKTRACKS: usize = 2_000_000;

/// A compiled pattern.
pub(super) struct Pattern {
    pub(super) source: Arc<str>,
    pub(super) flags: i64,
    pub(super) groups: usize,
    pub(super) names: Vec<(String, usize)>,
    pub(super) closed: Vec<usize>,
    translated: String,
    anywhere: Regex,
    here: OnceLock<Option<Regex>>,
    whole: OnceLock<Option<Regex>>,
    not_empty: OnceLock<Option<Regex>>,
}

fn build(pattern: &str, not_empty: bool) -> std::result::Result<Regex, fancy_regex::Error> {
    RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).find_not_empty(not_empty).build()
}

impl Pattern {
    /// Compiles a pattern.
    pub(super) fn new(source: &Arc<str>, flags: i64) -> Result<Self> {
        let translation = translate(source, flags)?;
        let anywhere = build(&translation.pattern, false).map_err(|e| {
            Error::new(ErrorKind::Runtime, format!("bad regular expression {}: {e}", repr_str(source)))
        })?;
        Ok(Self {
            source: source.clone(),
            flags: translation.flags,
            groups: translation.groups,
            names: translation.names,
            closed: translation.closed,
            translated: translation.pattern,
            anywhere,
            here: OnceLock::new(),
            whole: OnceLock::new(),
            not_empty: OnceLock::new(),
        })
    }

    /// The number of a group.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, i)| *i)
    }

    fn variant<'a>(
        &'a self,
        slot: &'a OnceLock<Option<Regex>>,
        pattern: &str,
        not_empty: bool,
    ) -> Result<&'a Regex> {
        slot.get_or_init(|| build(pattern, not_empty).ok()).as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Runtime, format!("bad regular expression {}", repr_str(&self.source)))
        })
    }

    fn run(self: &Arc<Self>, regex: &Regex, text: &Arc<str>, start: usize) -> Result<Option<Match>> {
        let found = regex.captures_from_pos(&**text, start).map_err(|_| {
            Error::new(
                ErrorKind::Runtime,
                format!("the regular expression {} takes too long", repr_str(&self.source)),
            )
            .with_hint("nested repetitions such as (a+)+ make a search explode: make them exclusive")
        })?;
        Ok(found.map(|captures| Match {
            pattern: self.clone(),
            text: text.clone(),
            spans: (0..=self.groups).map(|i| captures.get(i).map(|m| (m.start(), m.end()))).collect(),
            start,
        }))
    }

    fn search(self: &Arc<Self>, text: &Arc<str>, start: usize) -> Result<Option<Match>> {
        self.run(&self.anywhere, text, start)
    }

    fn match_here(self: &Arc<Self>, text: &Arc<str>, start: usize) -> Result<Option<Match>> {
        let regex = self.variant(&self.here, &format!(r"\G(?:{})", self.translated), false)?;
        Ok(self.run(regex, text, start)?.filter(|m| m.span(0).is_some_and(|(s, _)| s == start)))
    }

    fn match_whole(self: &Arc<Self>, text: &Arc<str>, start: usize) -> Result<Option<Match>> {
        let regex = self.variant(&self.whole, &format!(r"\G(?:{})\z", self.translated), false)?;
        Ok(self.run(regex, text, start)?.filter(|m| m.span(0).is_some_and(|(s, _)| s == start)))
    }

    /// All matches that do not overlap; after an empty one the next may not be empty at the same place.
    fn all(self: &Arc<Self>, text: &Arc<str>, start: usize, most: usize) -> Result<Vec<Match>> {
        let mut out: Vec<Match> = Vec::new();
        let mut at = start;
        let mut must_advance = false;
        while at <= text.len() && out.len() < most {
            let mut found = self.search(text, at)?;
            if must_advance && found.as_ref().is_some_and(|m| m.span(0) == Some((at, at))) {
                // A pattern that can only be empty has no such variant.
                let here = match self.variant(&self.not_empty, &format!(r"\G(?:{})", self.translated), true) {
                    Ok(regex) => self
                        .run(regex, text, at)?
                        .filter(|m| m.span(0).is_some_and(|(s, e)| s == at && e > s)),
                    Err(_) => None,
                };
                found = match here {
                    Some(here) => Some(here),
                    None => {
                        let step = text.get(at..).and_then(|rest| rest.chars().next()).map(char::len_utf8);
                        match step {
                            Some(step) => self.search(text, at + step)?,
                            None => None,
                        }
                    }
                };
            }
            let Some(found) = found else { break };
            let (from, to) = found.span(0).unwrap_or((at, at));
            must_advance = from == to;
            at = to;
            out.push(found);
        }
        Ok(out)
    }

    /// `sub` and `subn`.
    fn substitute(self: &Arc<Self>, interp: &mut Interp, args: Args, counted: bool) -> Result<Value> {
        let [replacement, text, count] = args.bind("sub", ["repl", "string", "count?"])?;
        let replacement = replacement.unwrap_or(Value::None);
        let text = subject(text)?;
        let most = match index_or(count.as_ref(), 0)? {
            n if n > 0 => usize::try_from(n).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let pieces = match markup::text(&replacement) {
            Some(replacement) => Some(template(&replacement, self.groups, &|n| self.group(n))?),
            None if replacement.is_callable() => None,
            None => {
                return Err(Error::type_error(format!(
                    "decoding to str: need a bytes-like object, {} found",
                    replacement.type_name()
                )));
            }
        };
        let found = self.all(&text, 0, most)?;
        let number = found.len();
        let mut out = String::with_capacity(text.len());
        let mut last = 0;
        for one in found {
            let (from, to) = one.span(0).unwrap_or((last, last));
            out.push_str(text.get(last..from).unwrap_or(""));
            last = to;
            match &pieces {
                Some(pieces) => one.expand_into(pieces, &mut out),
                None => {
                    let answer = interp.call(&replacement, Args::of([Value::object(one)]))?;
                    match markup::text(&answer) {
                        Some(text) => out.push_str(&text),
                        None if answer.is_none() => {}
                        None => {
                            return Err(Error::type_error(format!(
                                "expected str instance, {} found",
                                answer.type_name()
                            )));
                        }
                    }
                }
            }
        }
        out.push_str(text.get(last..).unwrap_or(""));
        Ok(if counted { Value::tuple([out.into(), number.into()]) } else { out.into() })
    }

    fn split(self: &Arc<Self>, args: Args) -> Result<Value> {
        let [text, most] = args.bind("split", ["string", "maxsplit?"])?;
        let text = subject(text)?;
        let most = match index_or(most.as_ref(), 0)? {
            n if n > 0 => usize::try_from(n).unwrap_or(usize::MAX),
            0 => usize::MAX,
            _ => 0,
        };
        let mut out: Vec<Value> = Vec::new();
        let mut last = 0;
        for one in self.all(&text, 0, most)? {
            let (from, to) = one.span(0).unwrap_or((last, last));
            out.push(text.get(last..from).unwrap_or("").into());
            out.extend((1..=self.groups).map(|i| one.text_of(i).map_or(Value::None, Value::from)));
            last = to;
        }
        out.push(text.get(last..).unwrap_or("").into());
        Ok(Value::list(out))
    }

    /// Calls a method; `None`: there is none of that name.
    pub(super) fn method(
        self: &Arc<Self>,
        interp: &mut Interp,
        name: &str,
        args: Args,
    ) -> Result<Option<Value>> {
        let one = |found: Option<Match>| found.map_or(Value::None, Value::object);
        Ok(Some(match name {
            "match" | "fullmatch" | "search" => {
                let (text, start) = range(name, args)?;
                one(match name {
                    "match" => self.match_here(&text, start)?,
                    "fullmatch" => self.match_whole(&text, start)?,
                    _ => self.search(&text, start)?,
                })
            }
            "findall" => {
                let (text, start) = range(name, args)?;
                let found = self.all(&text, start, usize::MAX)?;
                Value::list(found.into_iter().map(|m| {
                    let group = |i: usize| Value::from(m.text_of(i).unwrap_or(""));
                    match self.groups {
                        0 => group(0),
                        1 => group(1),
                        n => Value::tuple((1..=n).map(group)),
                    }
                }))
            }
            "finditer" => {
                let (text, start) = range(name, args)?;
                let found = self.all(&text, start, usize::MAX)?;
                iterator("callable_iterator", found.into_iter().map(Value::object))
            }
            "sub" => self.substitute(interp, args, false)?,
            "subn" => self.substitute(interp, args, true)?,
            "split" => self.split(args)?,
            _ => return Ok(None),
        }))
    }
}

fn subject(value: Option<Value>) -> Result<Arc<str>> {
    let value = value.unwrap_or(Value::None);
    value.require_defined()?;
    markup::text(&value).ok_or_else(|| {
        Error::type_error(format!("expected string or bytes-like object, got '{}'", value.type_name()))
    })
}

/// The text up to `endpos`, and the byte at which a search begins.
fn range(name: &str, args: Args) -> Result<(Arc<str>, usize)> {
    let [text, start, end] = args.bind(name, ["string", "pos?", "endpos?"])?;
    let text = subject(text)?;
    let start = usize::try_from(index_or(start.as_ref(), 0)?).unwrap_or(0);
    let text = match end {
        None => text,
        Some(end) => {
            let end = usize::try_from(index_or(Some(&end), 0)?).unwrap_or(0);
            string(name, 1, &crate::python::text::char_slice(&text, 0, end).into())?
        }
    };
    let start = byte_offset(&text, start.min(char_len(&text)));
    Ok((text, start))
}

const METHODS: &[&str] = &["findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"];

impl Object for Pattern {
    fn type_name(&self) -> &str {
        "re.Pattern"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "pattern" => Some(Value::Str(self.source.clone())),
            "flags" => Some(Value::Int(self.flags)),
            "groups" => Some(self.groups.into()),
            "groupindex" => {
                Some(Value::Dict(Dict::of(self.names.iter().map(|(n, i)| (n.as_str(), (*i).into())))))
            }
            name if METHODS.contains(&name) => {
                let name: Arc<str> = name.into();
                Some(function("method", move |interp: &mut Interp, args| {
                    Ok(self.method(interp, &name, args)?.unwrap_or(Value::None))
                }))
            }
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        self.method(interp, name, args)
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        let other = other.downcast_ref::<Pattern>()?;
        Some(self.source == other.source && self.flags == other.flags)
    }

    fn repr(&self) -> String {
        let names: Vec<&str> = [
            (IGNORECASE, "re.IGNORECASE"),
            (MULTILINE, "re.MULTILINE"),
            (DOTALL, "re.DOTALL"),
            (VERBOSE, "re.VERBOSE"),
            (ASCII, "re.ASCII"),
        ]
        .iter()
        .filter(|(f, _)| self.flags & !UNICODE & f != 0)
        .map(|(_, n)| *n)
        .collect();
        let flags = if names.is_empty() { String::new() } else { format!(", {}", names.join("|")) };
        format!("re.compile({}{flags})", repr_str(&self.source))
    }
}

/// The pieces of a replacement for a match's own `expand`.
pub(super) fn pieces(pattern: &Pattern, text: &str) -> Result<Vec<Piece>> {
    template(text, pattern.groups, &|n| pattern.group(n))
}
