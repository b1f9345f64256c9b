//! Errors of templates.

use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use std::sync::Arc;

/// A result of evaluation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of error, in the words of Python and dbt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The template does not parse.
    Syntax,
    /// An undefined value was read through or called.
    Undefined,
    /// TypeError
    Type,
    /// ValueError
    Value,
    /// KeyError
    Key,
    /// IndexError
    Index,
    /// AttributeError
    Attribute,
    /// ZeroDivisionError
    ZeroDivision,
    /// OverflowError
    Overflow,
    /// Too deep a recursion of macros or data.
    Recursion,
    /// `exceptions.raise_compiler_error` and dbt's own compilation errors.
    Compilation,
    /// A parsing error of dbt.
    Parsing,
    /// The database refused a statement.
    Database,
    /// dbt's runtime errors and everything else.
    Runtime,
}

/// One level of the call stack.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The macro's or node's name as messages show it (`macro 'foo'`, `model 'bar'`).
    pub name: Arc<str>,
    /// Where in it.
    pub span: Option<Span>,
}

/// An error of a template, with where it happened.
#[derive(Debug, Clone)]
pub struct Error(pub Box<ErrorData>);

/// The insides of an [`Error`].
#[derive(Debug, Clone)]
pub struct ErrorData {
    /// What kind.
    pub kind: ErrorKind,
    /// The message.
    pub message: String,
    /// Where it was raised, innermost first.
    pub frames: Vec<Frame>,
    /// A hint with the fix.
    pub hint: Option<String>,
    /// A whole diagnostic, where one was made already.
    pub diagnostic: Option<Diagnostic>,
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(ErrorData { kind, message: message.into(), frames: Vec::new(), hint: None, diagnostic: None }))
    }

    /// TypeError
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Type, message)
    }

    /// ValueError
    pub fn value_error(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value, message)
    }

    /// dbt's compilation error
    pub fn compilation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Compilation, message)
    }

    /// What kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Adds a hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a level of the call stack, outermost last.
    pub fn with_frame(mut self, name: impl Into<Arc<str>>, file: &Arc<SourceFile>, line: u32, column: u32) -> Self {
        self.0.frames.push(Frame { name: name.into(), span: Some(Span::at(file.clone(), line, column)) });
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}
