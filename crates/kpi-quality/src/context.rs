//! What an expectation is judged against: a relation with its columns, in one dialect, with a result format.

use crate::dialect::Dialect;
use crate::expectation::Expectation;
use crate::kwargs::Kwargs;
use crate::outcome::Failure;
use crate::result_format::ResultFormat;
use kpi_adapter::Cell;
use kpi_diagnostics::nearest;
use std::sync::Arc;

/// A relation that expectations are about.
#[derive(Debug, Clone)]
pub struct Subject {
    /// As SQL that may stand behind `from`: a name or a query in brackets with an alias.
    pub relation: String,
    /// Names and types of its columns, in order.
    pub columns: Vec<(String, String)>,
}

impl Subject {
    /// Its own name of a column. Letter case does not matter where nothing else has that name.
    pub(crate) fn column_name(&self, name: &str) -> Option<&str> {
        let exact = self.columns.iter().find(|(n, _)| n == name);
        let found =
            exact.or_else(|| self.columns.iter().find(|(n, _)| n.to_lowercase() == name.to_lowercase()));
        found.map(|(n, _)| n.as_str())
    }
}

/// How faithful the verdicts are to what Great Expectations cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fidelity {
    /// What it fails at for reasons of its own is answered all the same.
    #[default]
    Useful,
    /// What it fails at fails here too.
    Exact,
}

/// One expectation with all that judging it needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub expectation: Arc<Expectation>,
    pub subject: Arc<Subject>,
    pub dialect: &'static dyn Dialect,
    pub format: ResultFormat,
    pub fidelity: Fidelity,
    /// The row condition as SQL.
    pub filter: Option<String>,
}

impl Context {
    pub fn kwargs(&self) -> &Kwargs {
        &self.expectation.kwargs
    }

    /// `relation where condition`: the rows that there are for this expectation.
    pub fn source(&self) -> String {
        self.source_where(None)
    }

    /// The rows that there are and that fulfil one more condition.
    pub fn source_where(&self, more: Option<&str>) -> String {
        let relation = &self.subject.relation;
        match (&self.filter, more) {
            (None, None) => relation.clone(),
            (Some(filter), None) => format!("{relation} where {filter}"),
            (None, Some(more)) => format!("{relation} where {more}"),
            (Some(filter), Some(more)) => format!("{relation} where ({filter}) and ({more})"),
        }
    }

    /// The relation's own name of a column, as SQL. Letter case does not matter where nothing else has that name.
    pub fn column(&self, name: &str) -> Result<String, Failure> {
        Ok(self.dialect.name(self.column_name(name)?))
    }

    pub fn column_name(&self, name: &str) -> Result<&str, Failure> {
        self.subject.column_name(name).ok_or_else(|| {
            let names: Vec<String> =
                self.subject.columns.iter().map(|(n, _)| self.dialect.shown_name(n)).collect();
            let near = nearest(name, names.iter().map(String::as_str));
            let hint = near.map(|n| format!(" (did you mean '{n}'?)")).unwrap_or_default();
            Failure::new(format!("there is no column '{name}'{hint}"))
        })
    }

    /// The declared type of a column.
    pub fn type_of(&self, name: &str) -> Result<&str, Failure> {
        let name = self.column_name(name)?;
        Ok(self.subject.columns.iter().find(|(n, _)| n == name).map_or("", |(_, t)| t.as_str()))
    }

    /// There is a row condition, and failing with the reference, which cannot do some things under one, is asked for.
    pub fn only_unfiltered(&self) -> bool {
        self.filter.is_some() && self.fidelity == Fidelity::Exact
    }

    /// Whether a column is of a floating type: only such hold NaN and infinity.
    pub fn is_float(&self, name: &str) -> Result<bool, Failure> {
        let kind = self.type_of(name)?.to_uppercase();
        Ok(["DOUBLE", "FLOAT", "REAL"].iter().any(|t| kind.starts_with(t)))
    }

    /// The sample deviation of the column of the keyword `column`, to be read by [`deviation`]: databases differ in
    /// what they make of an infinite value, so those are left out and counted.
    pub fn deviation(&self) -> Result<Vec<String>, Failure> {
        let name = self.kwargs().text("column").unwrap_or_default();
        let column = self.column(name)?;
        if !self.is_float(name)? {
            return Ok(vec![self.dialect.deviation(&column)]);
        }
        let finite = self.dialect.is_finite(&column);
        Ok(vec![
            self.dialect.deviation(&format!("case when {finite} then {column} end")),
            format!("count(case when {column} is not null and not ({finite}) then 1 end)"),
        ])
    }

    /// The column of the keyword `column`, as SQL.
    pub fn own_column(&self) -> Result<String, Failure> {
        self.column(self.kwargs().text("column").unwrap_or_default())
    }
}

/// What the aggregates of [`Context::deviation`] say: NaN where a value is not finite.
pub(crate) fn deviation(cells: &[Cell]) -> Cell {
    match cells {
        [_, Cell::Int(n)] if *n > 0 => Cell::Float(f64::NAN),
        [value, ..] => value.clone(),
        [] => Cell::Null,
    }
}
