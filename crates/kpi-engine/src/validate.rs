//! Judging what is in the database now, outside of a run: for checkpoints.

use crate::engine::Engine;
use crate::scope::NodeScope;
use kpi_diagnostics::Diagnostic;
use kpi_jinja::Template;
use kpi_quality::{Expectation, Failure, Outcome, ResultFormat, dialect};
use std::sync::Arc;

/// The data that expectations are judged on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidationSubject {
    /// A model, seed or snapshot, by its id.
    Node(Arc<str>),
    /// A table of a source, by its id.
    Source(Arc<str>),
    /// What a query finds; it may hold `ref` and `source`.
    Query(String),
    /// A table that the project does not know, with its schema where it is given.
    Table(Option<String>, String),
}

impl Engine {
    /// Judges expectations together. They come back in their order; what cannot be judged is a failure among them.
    ///
    /// # Errors
    /// A query that cannot be rendered.
    pub fn validate(
        self: &Arc<Self>,
        subject: &ValidationSubject,
        expectations: &[Arc<Expectation>],
        format: &ResultFormat,
    ) -> Result<Vec<Result<Outcome, Failure>>, Diagnostic> {
        let connection = self.connection("checkpoint");
        let package = self.manifest.root_package.clone();
        let scope = Arc::new(NodeScope::new(self, None, package, connection.clone()));
        let relation = self
            .subject_sql(subject, &scope)
            .map_err(|error| error.to_diagnostic("Compilation Error", None))?;
        let members: Result<Vec<_>, _> = expectations
            .iter()
            .map(|expectation| {
                let format = expectation.result_format.clone().unwrap_or_else(|| format.clone());
                self.with_relations(expectation.spec.short, expectation, &scope).map(|own| (own, format))
            })
            .collect();
        let members = members.map_err(|error| error.to_diagnostic("Compilation Error", None))?;
        let verdicts = self.judge_relation(&relation, &scope, &members);
        connection.close();
        Ok(verdicts)
    }

    fn subject_sql(&self, subject: &ValidationSubject, scope: &Arc<NodeScope>) -> kpi_jinja::Result<String> {
        let missing = |id: &str| kpi_jinja::Error::compilation(format!("{id} is not in the project"));
        Ok(match subject {
            ValidationSubject::Node(id) => {
                let node = self.manifest.node(id).ok_or_else(|| missing(id))?;
                if node.is_ephemeral() {
                    let message = format!("{} is ephemeral: there is no table to judge", node.name);
                    return Err(kpi_jinja::Error::compilation(message));
                }
                node.relation().render()
            }
            ValidationSubject::Source(id) => {
                self.manifest.sources.get(id).ok_or_else(|| missing(id))?.relation().render()
            }
            ValidationSubject::Query(sql) => {
                let sql = scope.interp().render(&Template::parse_str("query", sql)?)?;
                format!("({}\n) as kpi_query", sql.trim().trim_end_matches(';'))
            }
            ValidationSubject::Table(schema, table) => {
                let parts = schema.iter().map(String::as_str).chain(table.split('.'));
                let name = parts.collect::<Vec<_>>().join(".");
                dialect::of(self.adapter.type_name()).map_or(name.clone(), |dialect| dialect.relation(&name))
            }
        })
    }
}
