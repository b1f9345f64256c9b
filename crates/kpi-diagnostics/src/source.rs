//! Source files and positions in them.

use std::sync::Arc;

/// A file's name, as it is shown to the user (relative to the project), and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path shown in messages, relative to the project root with `/` separators.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl SourceFile {
    /// Makes a shared source file.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// The 1-based line and column (in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.bytes().filter(|b| *b == b'\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
        }
    }

    /// The text of a 1-based line without its line end, or `None` beyond the last line.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)? as usize)
    }
}

/// A 1-based line and column; column 0 means that only the line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters, or 0.
    pub column: u32,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Where in it, if known.
    pub position: Option<Position>,
}

impl Span {
    /// A place known by line and column.
    pub fn at(file: Arc<SourceFile>, line: u32, column: u32) -> Self {
        Self { file, position: Some(Position { line, column }) }
    }

    /// The file as a whole.
    pub fn whole(file: Arc<SourceFile>) -> Self {
        Self { file, position: None }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file.name)?;
        match self.position {
            Some(Position { line, column: 0 }) => write!(f, ":{line}"),
            Some(Position { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}
