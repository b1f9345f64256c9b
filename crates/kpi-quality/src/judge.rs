//! Judging a relation by many expectations.

use crate::context::{Context, Fidelity, Subject};
use crate::dialect::Dialect;
use crate::expectation::Expectation;
use crate::families;
use crate::outcome::{Failure, Outcome};
use crate::queries::Queries;
use crate::result_format::{Level, ResultFormat};
use crate::scan::{self, Spent};
use std::sync::Arc;

/// Judges relations.
#[derive(Clone)]
pub struct Judge {
    dialect: &'static dyn Dialect,
    fidelity: Fidelity,
    shared: bool,
}

impl Judge {
    /// For a dialect.
    pub fn new(dialect: &'static dyn Dialect) -> Self {
        Self { dialect, fidelity: Fidelity::default(), shared: true }
    }

    /// Fails where the reference fails.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.fidelity = Fidelity::Exact;
        self
    }

    /// Sends the queries of each expectation alone, to measure what sharing gains.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.shared = false;
        self
    }

    /// The relation as it may be asked: its columns are looked up.
    ///
    /// # Errors
    /// There is no such relation.
    pub fn subject(&self, queries: &mut dyn Queries, relation: &str) -> Result<Subject, Failure> {
        let columns = queries.columns(&format!("select * from {relation}"))?;
        let columns = columns.iter().map(|c| (c.name.to_string(), declared(c))).collect();
        Ok(Subject { relation: relation.to_owned(), columns })
    }

    /// Judges a relation by expectations, each with how much of its result is wanted. The results come in their order.
    pub fn judge(
        &self,
        queries: &mut dyn Queries,
        subject: &Subject,
        expectations: &[(Arc<Expectation>, ResultFormat)],
        spent: &mut Spent,
    ) -> Vec<Result<Outcome, Failure>> {
        let subject = Arc::new(subject.clone());
        let steps = expectations.iter().map(|(expectation, format)| {
            let filter = match &expectation.condition {
                None => None,
                Some(condition) => Some(condition.sql(self.dialect, &subject).map_err(Failure::new)?),
            };
            let context = Context {
                expectation: expectation.clone(),
                subject: subject.clone(),
                dialect: self.dialect,
                format: format.clone(),
                fidelity: self.fidelity,
                filter,
            };
            families::start(context)
        });
        let mut results =
            scan::run(queries, steps.collect(), self.shared, self.dialect.distinct_apart(), spent);
        for (result, (_, format)) in results.iter_mut().zip(expectations) {
            if let (Ok(outcome), Level::BooleanOnly) = (result, format.level) {
                outcome.result.retain(|name, _| name.starts_with("unexpected_index"));
            }
        }
        results
    }
}

/// The type as the database declares it: a text without a length has none here either.
fn declared(column: &kpi_adapter::Column) -> String {
    match column.numeric_precision {
        Some(_) => column.data_type().to_string(),
        None => column.dtype.to_string(),
    }
}
