//! Case files: tables and expectations on them, with which anybody can check that verdicts equal the reference's.
//!
//! `{"tables": {name: {"columns": [[name, type], ...], "rows": [[...], ...]}}, "cases": [{"id", "table", "type",
//! "kwargs", "result_format"}, ...]}`. Each case is answered with its verdict, or with how it was refused.

use crate::dialect::Dialect;
use crate::expectation::Expectation;
use crate::judge::Judge;
use crate::queries::Queries;
use crate::result_format::ResultFormat;
use crate::scan::Spent;
use kpi_adapter::{Connection, Fetch};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// A case file that was read.
#[derive(Debug)]
pub struct CaseFile {
    document: Json,
}

/// Why a case file cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseError {
    /// What is wrong.
    pub message: String,
    /// Line and column, where the file is no JSON.
    pub position: Option<(usize, usize)>,
}

impl CaseError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), position: None }
    }
}

/// Types that a column may have.
const TYPES: &[&str] = &["integer", "bigint", "double", "decimal", "varchar", "date", "timestamp", "boolean"];

impl CaseFile {
    /// Reads a case file.
    ///
    /// # Errors
    /// It is no JSON, or not of that form.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let document: Json = serde_json::from_str(text).map_err(|error| CaseError {
            message: format!("the file is no JSON: {error}"),
            position: Some((error.line(), error.column())),
        })?;
        for (key, is_it) in [
            ("tables", document.get("tables").is_some_and(Json::is_object)),
            ("cases", document.get("cases").is_some_and(Json::is_array)),
        ] {
            if !is_it {
                return Err(CaseError::new(format!("a case file needs the key '{key}'")));
            }
        }
        Ok(Self { document })
    }

    /// Makes the file's tables.
    ///
    /// # Errors
    /// A table that is not of the form, or that the database refuses.
    pub fn create_tables(
        &self,
        connection: &mut dyn Connection,
        dialect: &dyn Dialect,
    ) -> Result<(), CaseError> {
        let tables = self.document.get("tables").and_then(Json::as_object);
        for (name, table) in tables.into_iter().flatten() {
            let wrong = |what: &str| CaseError::new(format!("the table '{name}' {what}"));
            let mut columns = Vec::new();
            for column in table.get("columns").and_then(Json::as_array).into_iter().flatten() {
                let part = |i: usize| column.get(i).and_then(Json::as_str);
                let (Some(column), Some(kind)) = (part(0), part(1)) else {
                    return Err(wrong("needs columns as [name, type]"));
                };
                let base = kind.split('(').next().unwrap_or_default();
                let plain = kind.chars().all(|c| c.is_ascii_alphanumeric() || "(), ".contains(c));
                if !TYPES.contains(&base) || !plain {
                    return Err(wrong(&format!("has a column of the unknown type '{kind}'")));
                }
                columns.push((dialect.name(column), kind));
            }
            let list: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            let mut statements = vec![format!("create table {} ({})", dialect.name(name), list.join(", "))];
            let rows = table.get("rows").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            for chunk in rows.chunks(200) {
                let mut tuples = Vec::new();
                for row in chunk {
                    let cells = row.as_array().filter(|cells| cells.len() == columns.len());
                    let cells = cells.ok_or_else(|| wrong("has a row of another length"))?;
                    let cells = cells.iter().zip(&columns).map(|(cell, (_, kind))| match cell {
                        Json::Null => "null".to_owned(),
                        Json::Number(n) => format!("cast('{n}' as {kind})"),
                        other => format!("cast({} as {kind})", dialect.text(&plain_text(other))),
                    });
                    tuples.push(format!("({})", cells.collect::<Vec<_>>().join(", ")));
                }
                statements.push(format!("insert into {} values {}", dialect.name(name), tuples.join(", ")));
            }
            for sql in statements {
                connection.execute(&sql, Fetch::No).map_err(|e| wrong(&format!("cannot be made: {e}")))?;
            }
        }
        Ok(())
    }

    /// Answers all cases, in their order, one JSON object each.
    pub fn answer(&self, queries: &mut dyn Queries, judge: &Judge, dialect: &dyn Dialect) -> Vec<Json> {
        let cases =
            self.document.get("cases").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut answers: Vec<Option<Json>> = cases.iter().map(|_| None).collect();
        let mut tables: indexmap::IndexMap<&str, Vec<(usize, Arc<Expectation>, ResultFormat)>> =
            indexmap::IndexMap::new();
        for (index, case) in cases.iter().enumerate() {
            match read(case) {
                Ok((expectation, format)) => {
                    let table = case.get("table").and_then(Json::as_str).unwrap_or_default();
                    tables.entry(table).or_default().push((index, Arc::new(expectation), format));
                }
                Err(()) => set(&mut answers, index, json!({"id": case.get("id"), "config_error": true})),
            }
        }
        for (table, asked) in tables {
            let pairs: Vec<_> = asked.iter().map(|(_, e, f)| (e.clone(), f.clone())).collect();
            let results = match judge.subject(queries, &dialect.name(table)) {
                Ok(subject) => judge.judge(queries, &subject, &pairs, &mut Spent::default()),
                Err(failure) => pairs.iter().map(|_| Err(failure.clone())).collect(),
            };
            for ((index, ..), result) in asked.iter().zip(results) {
                let id = cases.get(*index).and_then(|c| c.get("id"));
                let answer = match result {
                    Ok(outcome) => json!({"id": id, "success": outcome.success, "result": outcome.result}),
                    Err(failure) => json!({"id": id, "exception": true, "message": failure.message}),
                };
                set(&mut answers, *index, answer);
            }
        }
        answers.into_iter().flatten().collect()
    }
}

fn set(answers: &mut [Option<Json>], index: usize, answer: Json) {
    if let Some(slot) = answers.get_mut(index) {
        *slot = Some(answer);
    }
}

fn plain_text(value: &Json) -> String {
    match value {
        Json::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn read(case: &Json) -> Result<(Expectation, ResultFormat), ()> {
    let name = case.get("type").and_then(Json::as_str).unwrap_or_default();
    let kwargs = case.get("kwargs").and_then(Json::as_object).ok_or(())?;
    let expectation = Expectation::read(name, kwargs, &Map::new()).map_err(|_| ())?;
    let format = match case.get("result_format") {
        Some(format) => ResultFormat::read(format).map_err(|_| ())?,
        None => ResultFormat::default(),
    };
    Ok((expectation, format))
}
