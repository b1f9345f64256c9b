//! One clear message about the user's input.

use crate::Span;
use serde_json::{Map, Value};
use std::fmt;

/// A stable identifier of a kind of diagnostic, such as `K0102`.
///
/// Hundreds: 00 command line, 01 files and syntax (YAML, TOML, CSV), 02 project and targets,
/// 03 Jinja syntax, 04 Jinja evaluation, 05 properties, 06 references and graph, 07 selection,
/// 08 database, 09 execution.
pub type Code = &'static str;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Work can go on.
    Warning,
    /// Work cannot go on.
    Error,
}

/// An error or warning: code, message, places, hint.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Stable identifier.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// A sentence that names the user's own things.
    pub message: String,
    /// Where it is.
    pub span: Option<Span>,
    /// Other places that belong to it, each with a short label.
    pub related: Vec<(Span, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The kind of exception that dbt raises here ("Compilation Error", "Parsing Error", "Runtime Error",
    /// "Database Error"...): the first line of the human message, as dbt users know it.
    pub kind: &'static str,
    /// The node that it belongs to, for `Compilation Error in model x (models/x.sql)`.
    pub node: Option<String>,
    /// The event that dbt raises for it, with its fields: what structured logs and `--warn-error-options` know it by.
    pub event: Option<Box<(&'static str, Map<String, Value>)>>,
}

impl Diagnostic {
    /// An error of the kind that dbt calls `kind`.
    pub fn error(code: Code, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            related: Vec::new(),
            hint: None,
            kind,
            node: None,
            event: None,
        }
    }

    /// A warning.
    pub fn warning(code: Code, kind: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, kind, message) }
    }

    /// Says where.
    pub fn with_span(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Names another place.
    pub fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Says what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says to which node it belongs: `model customers (models/customers.sql)`.
    pub fn with_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Names the event that dbt raises for it; `fields` is a JSON object.
    pub fn with_event(mut self, name: &'static str, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.event = Some(Box::new((name, fields)));
        self
    }

    /// The whole text: heading, message, place with excerpt, related places, hint. No colour.
    pub fn render(&self) -> String {
        let mut out = String::new();
        out.push_str(self.kind);
        if let Some(node) = &self.node {
            out.push_str(" in ");
            out.push_str(node);
        }
        out.push_str(&format!(" [{}]\n  {}\n", self.code, self.message.replace('\n', "\n  ")));
        self.render_details(&mut out);
        out
    }

    /// The text with the message in front of everything: for warnings that dbt tells without a heading.
    pub fn render_plain(&self) -> String {
        let mut out = format!("{} [{}]\n", self.message, self.code);
        self.render_details(&mut out);
        out
    }

    fn render_details(&self, out: &mut String) {
        if let Some(span) = &self.span {
            render_place(out, span, None);
        }
        for (span, label) in &self.related {
            render_place(out, span, Some(label));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("  hint: {}\n", hint.replace('\n', "\n        ")));
        }
        out.truncate(out.trim_end().len());
    }
}

fn render_place(out: &mut String, span: &Span, label: Option<&String>) {
    out.push_str(&format!("  --> {span}"));
    if let Some(label) = label {
        out.push_str(&format!(" ({label})"));
    }
    out.push('\n');
    let Some(position) = span.position else { return };
    let Some(line) = span.file.line(position.line) else { return };
    // A minified line of a megabyte must not flood the terminal: show a window round the column.
    let column = position.column.max(1) as usize;
    let skip = if column > 100 { column - 60 } else { 0 };
    let shown: String = line.chars().skip(skip).take(160).collect::<String>().replace('\t', " ");
    let number = position.line.to_string();
    out.push_str(&format!("  {number} | {shown}\n"));
    if position.column > 0 {
        out.push_str(&format!("  {} | {}^\n", " ".repeat(number.len()), " ".repeat(column - 1 - skip)));
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Diagnostic {}

/// The candidate nearest to `word`, if it is near enough to be what was meant.
///
/// # Examples
///
/// ```
/// assert_eq!(kpi_diagnostics::nearest("custmers", ["orders", "customers"]), Some("customers"));
/// assert_eq!(kpi_diagnostics::nearest("zebra", ["orders", "customers"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}
