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
    /// A database service refused a statement, which dbt calls by another name than an error of a library.
    DatabaseService,
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
    /// Not an error but `return()` on its way to the macro that it leaves.
    pub(crate) returning: bool,
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(ErrorData {
            kind,
            message: message.into(),
            frames: Vec::new(),
            hint: None,
            diagnostic: None,
            returning: false,
        }))
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

    /// Says where it is, if that is not known yet: a level of the call stack without a name.
    pub fn with_place(mut self, file: &Arc<SourceFile>, line: u32, column: u32) -> Self {
        if self.0.frames.is_empty() {
            self = self.with_frame("", file, line, column);
        }
        self
    }

    /// Adds a level of the call stack, outermost last.
    pub fn with_frame(
        mut self,
        name: impl Into<Arc<str>>,
        file: &Arc<SourceFile>,
        line: u32,
        column: u32,
    ) -> Self {
        self.0.frames.push(Frame { name: name.into(), span: Some(Span::at(file.clone(), line, column)) });
        self
    }
}

/// What dbt says to every undefined value.
pub(crate) const UNDEFINED_HINT: &str = "This can happen when calling a macro that does not exist. Check for typos and/or \
                                         install package dependencies with \"dbt deps\".";

impl ErrorKind {
    /// The code of diagnostics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "K0301",
            Self::Undefined => "K0401",
            Self::Type => "K0402",
            Self::Value => "K0403",
            Self::Key | Self::Index | Self::Attribute => "K0404",
            Self::ZeroDivision | Self::Overflow => "K0405",
            Self::Recursion => "K0406",
            Self::Compilation | Self::Parsing => "K0407",
            Self::Database | Self::DatabaseService => "K0801",
            Self::Runtime => "K0408",
        }
    }
}

impl Error {
    /// The diagnostic of this error. `heading` is dbt's name of the kind (`Compilation Error`), `node` the node that
    /// was rendered (`model customers (models/customers.sql)`).
    pub fn to_diagnostic(&self, heading: &'static str, node: Option<&str>) -> Diagnostic {
        let data = &*self.0;
        if let Some(known) = &data.diagnostic {
            let mut known = known.clone();
            known.node = known.node.or_else(|| node.map(Into::into));
            known.span = known.span.or_else(|| data.frames.iter().find_map(|frame| frame.span.clone()));
            return known;
        }
        let mut message = data.message.clone();
        let frames = match data.kind {
            ErrorKind::Database | ErrorKind::DatabaseService => own_frames(&data.frames),
            _ => &data.frames,
        };
        let first = frames.iter().find_map(|frame| frame.span.clone());
        if data.kind == ErrorKind::Syntax
            && let Some(position) = first.as_ref().and_then(|span| span.position)
        {
            message.push_str(&format!("\n  line {}", position.line));
        }
        if frames.len() > 1 {
            message.push('\n');
            for (level, frame) in frames.iter().enumerate() {
                // A recursion of hundreds of calls is told by its ends.
                if frames.len() > SHOWN_FRAMES
                    && level >= SHOWN_FRAMES / 2
                    && level < frames.len() - SHOWN_FRAMES / 2
                {
                    if level == SHOWN_FRAMES / 2 {
                        message.push_str(&format!("\n> ... and {} calls more", frames.len() - SHOWN_FRAMES));
                    }
                    continue;
                }
                let name = match (&*frame.name, node) {
                    ("", Some(node)) => node.split(" (").next().unwrap_or(node),
                    ("", None) => "the template",
                    (name, _) => name,
                };
                let place = frame.span.as_ref().map(|span| format!(" ({span})")).unwrap_or_default();
                let verb = if level == 0 { "in" } else { "called by" };
                message.push_str(&format!("\n> {verb} {name}{place}"));
            }
        }
        let mut diagnostic = Diagnostic::error(data.kind.code(), heading, message);
        diagnostic.span = first;
        diagnostic.hint = data.hint.clone();
        if data.kind == ErrorKind::Undefined && diagnostic.hint.is_none() {
            diagnostic.hint = Some(UNDEFINED_HINT.into());
        }
        diagnostic.node = node.map(Into::into);
        diagnostic
    }
}

/// At most so many levels of a call stack are shown.
const SHOWN_FRAMES: usize = 10;

/// Folders of the built-in macros.
const BUILT_IN: [&str; 3] = ["dbt/macros/", "dbt_duckdb/macros/", "dbt_snowflake/macros/"];

/// The call stack of a statement that the database refused, from the user's own code on: which built-in macro sent the
/// statement says nothing about what is wrong with it.
fn own_frames(frames: &[Frame]) -> &[Frame] {
    let own = frames.iter().position(|frame| {
        frame
            .span
            .as_ref()
            .is_none_or(|span| !BUILT_IN.iter().any(|folder| span.file.name.starts_with(folder)))
    });
    own.and_then(|start| frames.get(start..)).unwrap_or_default()
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}
