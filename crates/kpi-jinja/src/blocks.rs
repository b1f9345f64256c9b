//! Cuts a file into its top-level blocks before anything is parsed, as dbt does.
//!
//! Only comments, expressions, raw blocks and strings inside of tags can hide a tag; nothing else of the file has to be
//! valid Jinja, so that text between blocks (documentation, another language) is left alone.

use crate::syntax::lexer::is_space;
use crate::{Error, Result};
use kpi_diagnostics::SourceFile;
use std::sync::Arc;

/// What a block defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// `{% macro name(args) %}`
    Macro,
    /// `{% materialization name, adapter='x' %}`
    Materialization,
    /// `{% test name(args) %}` or `{% data_test name(args) %}`
    Test,
    /// `{% snapshot name %}`
    Snapshot,
    /// `{% docs name %}`
    Docs,
    /// Text between blocks.
    Text,
}

/// A top-level block.
#[derive(Debug, Clone)]
pub struct Block {
    /// What it defines.
    pub kind: BlockKind,
    /// Its name (empty for text); for a materialization `name, adapter` is resolved to `materialization_name_adapter`.
    pub name: Arc<str>,
    /// The whole block with its tags.
    pub full: Arc<str>,
    /// Between the tags.
    pub contents: Arc<str>,
    /// 1-based line of the file at which `full` begins.
    pub line: u32,
    /// 1-based line of the file at which `contents` begins.
    pub contents_line: u32,
}

/// A tag of the file: `{% kind name ... %}`.
struct Tag<'s> {
    kind: &'s str,
    name: &'s str,
    /// With the space that `{%-` strips.
    start: usize,
    /// Where `{%` stands.
    open: usize,
    /// With the space that `-%}` strips.
    end: usize,
}

fn kind_of(tag: &str) -> Option<BlockKind> {
    Some(match tag {
        "macro" => BlockKind::Macro,
        "materialization" => BlockKind::Materialization,
        "test" | "data_test" => BlockKind::Test,
        "snapshot" => BlockKind::Snapshot,
        "docs" => BlockKind::Docs,
        _ => return None,
    })
}

/// Cuts `file` into blocks of the kinds in `wanted`; other text is one [`BlockKind::Text`] per stretch.
///
/// # Errors
/// A block that is not closed, or nested where none may be.
pub fn extract_blocks(file: &Arc<SourceFile>, wanted: &[BlockKind]) -> Result<Vec<Block>> {
    let mut scanner = Scanner { file, text: &file.text, pos: 0, last_line: std::cell::Cell::new((0, 1)) };
    let mut blocks = Vec::new();
    let mut control: Vec<&str> = Vec::new();
    let mut current: Option<Tag> = None;
    let mut last = 0;
    while let Some(tag) = scanner.next_tag()? {
        match tag.kind {
            "if" | "for" => control.push(if tag.kind == "if" { "endif" } else { "endfor" }),
            "endif" | "endfor" => match control.pop() {
                Some(expected) if expected == tag.kind => {}
                Some(expected) => {
                    return Err(scanner.error(
                        format!(
                            "Got an unexpected control flow end tag, got {} but expected {expected} next",
                            tag.kind
                        ),
                        tag.open,
                    ));
                }
                None => {
                    let start = tag.kind.trim_start_matches("end");
                    return Err(scanner.error(
                        format!(
                            "Got an unexpected control flow end tag, got {} but never saw a preceding {start}",
                            tag.kind
                        ),
                        tag.open,
                    ));
                }
            },
            _ => {}
        }
        if kind_of(tag.kind).is_some_and(|kind| wanted.contains(&kind)) {
            if !control.is_empty() {
                return Err(scanner.error(
                    format!(
                        "Got a block definition ({}) inside control flow. All dbt block definitions must be at the top \
                         level",
                        tag.kind
                    ),
                    tag.open,
                ));
            }
            if let Some(outer) = &current {
                return Err(scanner.error(
                    format!(
                        "'{} {}' is opened before '{} {}' was closed: blocks of this type may not be nested",
                        tag.kind, tag.name, outer.kind, outer.name
                    ),
                    tag.open,
                ));
            }
            scanner.text_block(&mut blocks, last, tag.start);
            last = tag.start;
            current = Some(tag);
        } else if let Some(open) = &current
            && tag.kind.strip_prefix("end") == Some(open.kind)
        {
            if let Some(kind) = kind_of(open.kind) {
                let tag_text = scanner.slice(open.open, open.end);
                blocks.push(Block {
                    kind,
                    name: block_name(kind, open.name, tag_text),
                    full: scanner.slice(open.start, tag.end).into(),
                    contents: scanner.slice(open.end, tag.start).into(),
                    line: scanner.line(open.start),
                    contents_line: scanner.line(open.end),
                });
            }
            last = tag.end;
            current = None;
        }
    }
    if let Some(open) = current {
        let line = scanner.line(open.end);
        return Err(scanner.error(
            format!(
                "Reached EOF without finding a close tag for {} '{}' (searched from line {line})",
                open.kind, open.name
            ),
            open.open,
        ));
    }
    scanner.text_block(&mut blocks, last, scanner.text.len());
    Ok(blocks)
}

/// The tags of a file that stand at top level and begin no block of the kinds in `wanted`: kind, line and column. What
/// is wrong with the file is for [`extract_blocks`] to tell.
pub fn unexpected_tags(file: &Arc<SourceFile>, wanted: &[BlockKind]) -> Vec<(String, u32, u32)> {
    let mut scanner = Scanner { file, text: &file.text, pos: 0, last_line: std::cell::Cell::new((0, 1)) };
    let mut open: Option<&str> = None;
    let mut found = Vec::new();
    while let Ok(Some(tag)) = scanner.next_tag() {
        if kind_of(tag.kind).is_some_and(|kind| wanted.contains(&kind)) {
            open = Some(tag.kind);
        } else if open.is_some() && tag.kind.strip_prefix("end") == open {
            open = None;
        } else if open.is_none() {
            let place = file.position(tag.open);
            found.push((tag.kind.to_owned(), place.line, place.column));
        }
    }
    found
}

fn block_name(kind: BlockKind, name: &str, tag: &str) -> Arc<str> {
    if kind != BlockKind::Materialization {
        return name.into();
    }
    // `adapter = 'x'`
    let adapter = tag.split_once("adapter").and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        rest.get(1..)?.split(quote).next()
    });
    format!("materialization_{name}_{}", adapter.unwrap_or("default")).into()
}

struct Scanner<'s> {
    file: &'s Arc<SourceFile>,
    text: &'s str,
    pos: usize,
    /// The offset whose line was asked for last, and the line.
    last_line: std::cell::Cell<(usize, u32)>,
}

impl<'s> Scanner<'s> {
    fn slice(&self, start: usize, end: usize) -> &'s str {
        self.text.get(start..end.max(start)).unwrap_or("")
    }

    fn rest(&self) -> &'s str {
        self.text.get(self.pos..).unwrap_or("")
    }

    /// The 1-based line of an offset. Offsets mostly grow, so that it is counted on from the last one.
    fn line(&self, at: usize) -> u32 {
        let (known, line) = self.last_line.get();
        let (known, line) = if known <= at { (known, line) } else { (0, 1) };
        let line = line + self.slice(known, at).bytes().filter(|b| *b == b'\n').count() as u32;
        self.last_line.set((at, line));
        line
    }

    fn error(&self, message: String, at: usize) -> Error {
        let place = self.file.position(at);
        Error::compilation(message).with_place(self.file, place.line, place.column)
    }

    fn text_block(&self, blocks: &mut Vec<Block>, start: usize, end: usize) {
        let text = self.slice(start, end);
        if !text.is_empty() {
            let text: Arc<str> = text.into();
            let line = self.line(start);
            blocks.push(Block {
                kind: BlockKind::Text,
                name: "".into(),
                full: text.clone(),
                contents: text,
                line,
                contents_line: line,
            });
        }
    }

    /// The next tag with a name; comments, expressions and raw blocks are passed over.
    fn next_tag(&mut self) -> Result<Option<Tag<'s>>> {
        loop {
            let from = self.pos;
            let Some(found) = self.rest().find('{') else { return Ok(None) };
            let open = from + found;
            let after = self.text.get(open + 2..).unwrap_or("");
            match self.text.as_bytes().get(open + 1) {
                Some(b'#') => {
                    let Some(end) = after.find("#}") else {
                        return Err(self.error(
                            "Reached the end of the file in a comment that is not closed by '#}'".into(),
                            open,
                        ));
                    };
                    self.pos = open + 2 + end + 2;
                }
                Some(b'{') => {
                    self.pos = open + 2;
                    self.skip_to("}}", open)?;
                }
                Some(b'%') => {
                    let strips = after.starts_with('-');
                    let inner = after.strip_prefix('-').unwrap_or(after).trim_start_matches(is_space);
                    let kind = identifier(inner);
                    if kind.is_empty() {
                        self.pos = open + 2;
                        continue;
                    }
                    let rest = inner.get(kind.len()..).unwrap_or("");
                    let spaced = rest.trim_start_matches(is_space);
                    let name = if spaced.len() < rest.len() { identifier(spaced) } else { "" };
                    let start = if strips {
                        from + self.slice(from, open).trim_end_matches(is_space).len()
                    } else {
                        open
                    };
                    self.pos = self.text.len() - rest.len();
                    if kind == "raw" {
                        self.skip_raw(open)?;
                        continue;
                    }
                    self.skip_to("%}", open)?;
                    return Ok(Some(Tag { kind, name, start, open, end: self.pos }));
                }
                _ => self.pos = open + 1,
            }
        }
    }

    /// Goes behind the end of a tag or expression; one inside of a string does not count.
    fn skip_to(&mut self, end: &str, open: usize) -> Result<()> {
        let end = end.as_bytes();
        let first = end.first().copied().unwrap_or(b'}');
        loop {
            let bytes = self.text.as_bytes().get(self.pos..).unwrap_or(b"");
            let Some(at) = bytes.iter().position(|b| *b == first || *b == b'\'' || *b == b'"') else {
                let end = String::from_utf8_lossy(end);
                return Err(self.error(format!("Reached the end of the file, but '{end}' is missing"), open));
            };
            if bytes.get(at).copied() != Some(first) {
                self.skip_string(at, open)?;
                continue;
            }
            let strips = first == b'%' && at > 0 && bytes.get(at - 1) == Some(&b'-');
            if !bytes.get(at..).is_some_and(|rest| rest.starts_with(end)) {
                self.pos += at + 1;
                continue;
            }
            self.pos += at + end.len();
            if strips {
                self.pos += self.rest().len() - self.rest().trim_start_matches(is_space).len();
            }
            return Ok(());
        }
    }

    fn skip_string(&mut self, quote: usize, open: usize) -> Result<()> {
        let bytes = self.rest().as_bytes();
        let mark = bytes.get(quote).copied();
        let mut at = quote + 1;
        while at < bytes.len() {
            if bytes.get(at) == Some(&b'\\') {
                at += 2;
            } else if bytes.get(at).copied() == mark {
                self.pos += at + 1;
                return Ok(());
            } else {
                at += 1;
            }
        }
        Err(self.error("Reached the end of the file in a string of a tag that is not closed".into(), open))
    }

    fn skip_raw(&mut self, open: usize) -> Result<()> {
        while let Some(found) = self.rest().find("{%") {
            self.pos += found + 2;
            let rest = self.rest();
            let inner = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(is_space);
            if identifier(inner) == "endraw" {
                return self.skip_to("%}", open);
            }
        }
        Err(self.error(
            "Reached the end of the file in a raw block that is not closed by '{% endraw %}'".into(),
            open,
        ))
    }
}

/// The identifier that a text begins with.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or("");
    if name.starts_with(|c: char| c.is_ascii_digit()) { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, wanted: &[BlockKind]) -> Result<Vec<(BlockKind, String, String, u32)>> {
        let file = SourceFile::new("macros/m.sql", text);
        Ok(extract_blocks(&file, wanted)?
            .into_iter()
            .map(|b| (b.kind, b.name.to_string(), b.contents.to_string(), b.contents_line))
            .collect())
    }

    #[test]
    fn finds_blocks_between_text_comments_and_strings() {
        let text = "{# {% macro no() %} #}\n{% macro m(a='%}') %}x{{ '{% endmacro %}' }}{% endmacro %}\n{% docs d %}\nText\n{% enddocs %}";
        let blocks = cut(text, &[BlockKind::Macro, BlockKind::Docs]).unwrap();
        assert_eq!(blocks[1], (BlockKind::Macro, "m".into(), "x{{ '{% endmacro %}' }}".into(), 2));
        assert_eq!(blocks[3], (BlockKind::Docs, "d".into(), "\nText\n".into(), 3));
    }

    #[test]
    fn names_materializations_after_their_adapter() {
        let text = "{% materialization table, adapter = 'duckdb' %}{% endmaterialization %}{% materialization v, default %}{% endmaterialization %}";
        let names: Vec<String> =
            cut(text, &[BlockKind::Materialization]).unwrap().into_iter().map(|b| b.1).collect();
        assert_eq!(names, ["materialization_table_duckdb", "materialization_v_default"]);
    }

    #[test]
    fn leaves_raw_blocks_alone() {
        let text = "{% raw %}{% macro x() %}{% endraw %}{%- macro y() -%} a {%- endmacro -%}";
        let blocks = cut(text, &[BlockKind::Macro]).unwrap();
        assert_eq!(blocks.last().unwrap().1, "y");
        assert_eq!(blocks.last().unwrap().2, "a");
    }

    #[test]
    fn refuses_blocks_that_do_not_close_or_nest() {
        for (text, words) in [
            ("{% macro m(a) %} x", "close tag for macro"),
            ("{% if x %}{% macro m() %}{% endmacro %}{% endif %}", "control flow"),
            ("{% macro a() %}{% macro b() %}{% endmacro %}{% endmacro %}", "nested"),
            ("{% endif %}", "never saw"),
            ("{% for x in y %}{% endif %}", "expected endfor"),
            ("{# no end", "comment"),
        ] {
            let error = cut(text, &[BlockKind::Macro]).unwrap_err();
            assert!(error.message().contains(words), "{text}: {error}");
        }
    }
}
