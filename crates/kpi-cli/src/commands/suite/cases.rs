//! `kpi suite cases`: recorded cases, answered on a database in memory.

use super::super::{GOOD, WRONG, print, wrong_call};
use clap::ArgMatches;
use kpi_adapter::Adapter;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_duckdb::DuckDbAdapter;
use kpi_quality::{CaseFile, Judge, dialect};
use serde_json::Value as Json;
use std::fmt::Write;

/// `kpi suite cases FILE`: makes the file's tables in a database in memory and answers each of its cases.
pub fn cases(matches: &ArgMatches) -> u8 {
    let Some(path) = matches.get_one::<String>("file") else { return WRONG };
    match answers(path) {
        Ok(answers) => {
            let json = matches.get_one::<String>("output").is_some_and(|o| o == "json");
            let line = |answer: &Json| if json { answer.to_string() } else { in_words(answer) };
            let mut text = String::new();
            for answer in &answers {
                let _ = writeln!(text, "{}", line(answer));
            }
            print(&text);
            GOOD
        }
        Err(diagnostic) => wrong_call(&diagnostic, "suite"),
    }
}

fn answers(path: &str) -> Result<Vec<Json>, Diagnostic> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Diagnostic::error("K0101", "Runtime Error", format!("{path} cannot be read: {e}")))?;
    let wrong = |error: kpi_quality::CaseError| {
        let diagnostic = Diagnostic::error("K0150", "Parsing Error", error.message);
        let file = SourceFile::new(path, text.clone());
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let span = match error.position {
            Some((line, column)) => Span::at(file, number(line), number(column)),
            None => Span::whole(file),
        };
        diagnostic.with_span(span)
    };
    let file = CaseFile::parse(&text).map_err(wrong)?;
    let adapter = DuckDbAdapter::in_memory();
    let mut connection = adapter.connect("cases").map_err(|e| e.to_diagnostic())?;
    let dialect = &dialect::DuckDb;
    file.create_tables(connection.as_mut(), dialect).map_err(wrong)?;
    Ok(file.answer(&mut connection, &Judge::new(dialect).exact(), dialect))
}

/// One answer for a person.
fn in_words(answer: &Json) -> String {
    let id = answer.get("id").and_then(Json::as_str).unwrap_or_default();
    let verdict = match answer.get("success").and_then(Json::as_bool) {
        Some(true) => "met",
        Some(false) => "not met",
        None if answer.get("config_error").is_some() => "refused",
        None => "failed",
    };
    let more = answer.get("message").or_else(|| answer.get("result")).map(|m| match m {
        Json::String(text) => text.lines().next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    });
    format!("{id}  {verdict}  {}", more.unwrap_or_default())
}
