//! Wrapping text at word boundaries, as Python's `textwrap` does.

use super::truth;
use crate::python::arguments::index;
use crate::python::{markup, text};
use crate::{Args, Error, ErrorKind, Interp, Result, Value};

/// `wordwrap(width, break_long_words, wrapstring, break_on_hyphens)`
pub(super) fn wordwrap(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [width, break_long, separator, hyphens] =
        args.bind("wordwrap", ["width?", "break_long_words?", "wrapstring?", "break_on_hyphens?"])?;
    let width = width.map_or(Ok(79), |w| index(&w))?;
    let separator = match &separator {
        None | Some(Value::None) => "\n".into(),
        Some(text) => text.to_str(),
    };
    let break_long = break_long.is_none_or(|v| truth(Some(&v)));
    let hyphens = hyphens.is_none_or(|v| truth(Some(&v)));
    value.require_defined()?;
    let Some(body) = markup::text(&value) else {
        let message = format!("'{}' object has no attribute 'splitlines'", value.type_name());
        return Err(Error::new(ErrorKind::Attribute, message));
    };
    let mut lines = Vec::new();
    for (line, _) in text::lines(&body) {
        if width <= 0 && !line.is_empty() {
            return Err(Error::value_error(format!("invalid width {width} (must be > 0)")));
        }
        let width = usize::try_from(width).unwrap_or(0);
        lines.push(fill(chunks(line, hyphens), width, break_long, hyphens).join(&separator));
    }
    Ok(lines.join(&separator).into())
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

fn is_letter(c: Option<&char>) -> bool {
    c.is_some_and(|c| text::is_word(*c) && !text::is_decimal(*c))
}

/// What may stand before a dash inside of a word.
fn is_word_like(c: Option<&char>) -> bool {
    c.is_some_and(|c| text::is_word(*c) || matches!(c, '!' | '"' | '\'' | '&' | '.' | ',' | '?'))
}

/// Whether a dash of two or more hyphens with a word behind begins here.
fn dash_at(chars: &[char], at: usize) -> Option<usize> {
    let count = chars.iter().skip(at).take_while(|c| **c == '-').count();
    let after = chars.get(at + count);
    (count >= 2
        && is_word_like(at.checked_sub(1).and_then(|i| chars.get(i)))
        && after.is_some_and(|c| text::is_word(*c)))
    .then_some(count)
}

/// The pieces between which a line may be broken: blanks, words, parts of hyphenated words, dashes.
fn chunks(line: &str, hyphens: bool) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    let mut out = Vec::new();
    let mut start = 0;
    while let Some(first) = chars.get(start) {
        let blank = is_blank(*first);
        let mut end = start + 1;
        if blank || !hyphens {
            while chars.get(end).is_some_and(|c| is_blank(*c) == blank) {
                end += 1;
            }
        } else if let Some(count) = dash_at(&chars, start) {
            end = start + count;
        } else {
            end = word_end(&chars, start);
        }
        out.push(chars.get(start..end).unwrap_or_default().iter().collect());
        start = end;
    }
    out
}

fn word_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        let back = |n: usize| at.checked_sub(n).and_then(|i| chars.get(i));
        let Some(c) = chars.get(at) else { return at };
        if *c == '-' {
            let behind_letters = is_letter(back(1)) && is_letter(back(2));
            let behind_short_part = is_word_like(back(1)) && back(2) == Some(&'-') && is_letter(back(3));
            let before_letters = is_letter(chars.get(at + 1))
                && (is_letter(chars.get(at + 2))
                    || (chars.get(at + 2) == Some(&'-') && is_letter(chars.get(at + 3))));
            if (behind_letters || behind_short_part) && before_letters {
                return at + 1;
            }
            if dash_at(chars, at).is_some() {
                return at;
            }
        }
        if is_blank(*c) {
            return at;
        }
        at += 1;
    }
}

/// Fills lines with chunks.
fn fill(chunks: Vec<String>, width: usize, break_long: bool, hyphens: bool) -> Vec<String> {
    let blank = |chunk: &String| chunk.chars().all(text::is_space);
    let mut lines: Vec<String> = Vec::new();
    let mut rest: std::collections::VecDeque<String> = chunks.into();
    while !rest.is_empty() {
        if !lines.is_empty() && rest.front().is_some_and(blank) {
            rest.pop_front();
        }
        let mut line: Vec<String> = Vec::new();
        let mut length = 0;
        while let Some(next) = rest.front() {
            let next_length = text::char_len(next);
            if length + next_length > width {
                break;
            }
            length += next_length;
            line.extend(rest.pop_front());
        }
        if let Some(long) = rest.front().filter(|c| text::char_len(c) > width).cloned() {
            let room = if width < 1 { 1 } else { width - length };
            if break_long {
                let mut cut = room;
                if hyphens && text::char_len(&long) > room {
                    let head = text::char_slice(&long, 0, room);
                    if let Some(hyphen) = head.rfind('-').filter(|h| {
                        *h > 0 && head.get(..*h).is_some_and(|before| before.chars().any(|c| c != '-'))
                    }) {
                        cut = text::char_len(head.get(..hyphen).unwrap_or("")) + 1;
                    }
                }
                let head = text::char_slice(&long, 0, cut).to_string();
                let tail = text::char_slice(&long, cut, usize::MAX).to_string();
                line.push(head);
                rest.pop_front();
                rest.push_front(tail);
            } else if line.is_empty() {
                line.extend(rest.pop_front());
            }
        }
        if line.last().is_some_and(blank) {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line.concat());
        }
    }
    lines
}
