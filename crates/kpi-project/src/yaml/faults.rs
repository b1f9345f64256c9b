//! What is said of text that is not YAML.

use super::lenient::Shifts;
use super::load::Place;
use kpi_diagnostics::{Diagnostic, SourceFile};
use rustc_hash::FxHashSet;
use std::sync::Arc;

pub(super) fn check_characters(file: &Arc<SourceFile>, text: &str) -> Result<(), Diagnostic> {
    // Bytes first: nearly every file passes without its characters being looked at.
    let suspicious =
        |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r') || matches!(b, 0x7f | 0xc2 | 0xef);
    if !text.bytes().any(suspicious) {
        return Ok(());
    }
    let Some((offset, c)) = text.char_indices().find(|(_, c)| is_forbidden(*c)) else { return Ok(()) };
    let mark = if file.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let position = file.position(mark + offset);
    Err(Diagnostic::error(
        "K0102",
        "Parsing Error",
        format!("the character U+{:04X} is not allowed in YAML", c as u32),
    )
    .with_span(kpi_diagnostics::Span { file: file.clone(), position: Some(position) })
    .with_hint("remove it, or write it as an escape in a double-quoted string"))
}

pub(super) fn tabbed_lines(text: &str) -> FxHashSet<u32> {
    (1u32..)
        .zip(text.split('\n'))
        .filter(|(_, line)| line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).any(|b| b == b'\t'))
        .map(|(number, _)| number)
        .collect()
}

/// Characters that are not printable in YAML 1.1.
fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// Turns the parser's error into one with a hint for what people get wrong most.
pub(super) fn syntax_error(
    file: &Arc<SourceFile>,
    error: &saphyr_parser::ScanError,
    shifts: &Shifts,
) -> Diagnostic {
    let at = Place::of(*error.marker(), shifts);
    let line = file.line(at.line).unwrap_or_default();
    let before = at.line.checked_sub(1).and_then(|l| file.line(l)).unwrap_or_default();
    let indent = |text: &str| text.chars().take_while(|c| c.is_whitespace()).collect::<String>();
    let hint = if error.info().contains(" tab") || [line, before].iter().any(|l| indent(l).contains('\t')) {
        Some("indent with spaces: YAML does not allow tabs there")
    } else if [line, before].iter().any(|l| begins_with_jinja(l)) {
        Some("put quotes around a value that begins with Jinja: \"{{ ... }}\"")
    } else if error.info().contains("mapping values are not allowed") || value_has_colon(line) {
        Some("put quotes around a text that contains ': ', or check the indentation")
    } else if error.info().contains("quoted") || error.info().contains("unexpected end of stream") {
        Some("close what was opened: a quote, a bracket or a brace")
    } else {
        Some("check indentation, quotes and brackets on this line and the one before")
    };
    let diagnostic = Diagnostic::error("K0101", "Parsing Error", syntax_message(at.line, error.info()))
        .with_span(kpi_diagnostics::Span::at(file.clone(), at.line, at.column));
    match hint {
        Some(hint) => diagnostic.with_hint(hint),
        None => diagnostic,
    }
}

/// dbt's heading for text that is not YAML.
pub(super) fn syntax_message(line: u32, what: &str) -> String {
    format!("Syntax error near line {line}: {what}")
}

fn begins_with_jinja(line: &str) -> bool {
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start_matches(['-', ' ']);
    value.starts_with("{{") || value.starts_with("{%")
}

fn value_has_colon(line: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(_, value)| value.contains(": ") && !value.starts_with(['"', '\'', '{', '[']))
}
