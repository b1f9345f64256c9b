//! Tests that are expectations: short and full names in property files, and suites of the folder `expectations`.

use super::config::ConfigTrees;
use super::generic_tests::{Place, TestNode};
use super::test_builder::{Built, Fault, Target};
use super::{Parser, macros};
use crate::context::parsing::Captured;
use crate::context::{has_jinja, looks_like_call};
use crate::{Node, RefCall, ResourceType};
use kpi_diagnostics::{Diagnostic, Span, nearest};
use kpi_project::{Package, PropertyFile, TestEntry};
use kpi_quality::catalog::{self, Spec};
use kpi_quality::{Binding, Expectation, Placed, Severity, Suite, config_diagnostic};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Tests of dbt's own that are also short names of expectations.
const OF_DBT: [&str; 2] = ["not_null", "unique"];

/// Keywords that `not_null` and `unique` have only as expectations: with nothing but these they are that, and else dbt's.
const OF_EXPECTATIONS: [&str; 5] =
    ["mostly", "row_condition", "condition_parser", "result_format", "on_failure"];

/// The severity of a test by that of an expectation.
fn test_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "error",
        Severity::Warning | Severity::Info => "warn",
    }
}

impl Parser {
    /// The expectation that a test of a property file is, if it is one. A macro of the project or of a package with
    /// that name is what was meant before there were expectations: it stays that, and the clash is told.
    pub(super) fn expectation_of(
        &self,
        built: &mut Built,
        package: &Arc<str>,
        column: Option<&str>,
        span: &Span,
    ) -> Result<Option<Arc<Expectation>>, Diagnostic> {
        if built.namespace.is_some() {
            return Ok(None);
        }
        let Some(spec) = catalog::find_short(&built.name).or_else(|| catalog::find(&built.name)) else {
            return Ok(None);
        };
        if let Some(found) = macros::find(&self.strict.macros, package, &format!("test_{}", built.name)) {
            let library = self.strict.macros.internal_packages.contains(&found.package);
            let own = |key: &str| matches!(key, "model" | "column_name");
            let mut given = built.kwargs.keys().map(String::as_str).filter(|key| !own(key)).peekable();
            let quarantine = built.config.get("on_failure").is_some_and(|value| value == "quarantine");
            let meant =
                (given.peek().is_some() || quarantine) && given.all(|key| OF_EXPECTATIONS.contains(&key));
            let of_dbt = OF_DBT.contains(&&*built.name);
            if library && of_dbt && !meant {
                return Ok(None);
            }
            if !library {
                if !of_dbt {
                    self.warn_of_clash(&built.name, &found.package, spec, span);
                }
                return Ok(None);
            }
        }
        // Whatever the flag about `arguments` says: no expectation has a keyword of that name.
        if let Some(Json::Object(given)) = built.kwargs.shift_remove("arguments") {
            built.kwargs.extend(given);
        }
        let named = |key: &String| !matches!(key.as_str(), "model" | "column_name");
        let mut kwargs = Map::new();
        for (key, value) in built.kwargs.iter().filter(|(key, _)| named(key)) {
            kwargs.insert(key.clone(), self.rendered_argument(package, value, span)?);
        }
        if spec.has_column() && !kwargs.contains_key("column") {
            match column {
                Some(column) => {
                    kwargs.insert("column".into(), column.into());
                }
                None => {
                    return Err(config_error(
                        spec,
                        "needs a column: put it under a column, or name one with 'column'",
                        span,
                    ));
                }
            }
        }
        let mut beside = Map::new();
        let on_failure =
            kwargs.shift_remove("on_failure").or_else(|| built.config.get("on_failure").cloned());
        if let Some(on_failure) = on_failure {
            beside.insert("on_failure".into(), on_failure);
        }
        if let Some(severity) = built.config.get("severity").and_then(Json::as_str).and_then(Severity::parse)
        {
            beside.insert("severity".into(), severity.as_str().into());
            built.config.insert("severity".into(), test_severity(severity).into());
        }
        if let Some(meta) = built.config.get("meta") {
            beside.insert("meta".into(), meta.clone());
        }
        if !built.description.is_empty() {
            beside.insert("description".into(), built.description.as_str().into());
        }
        let first = |errors: &[kpi_quality::ConfigError]| {
            let error = errors.first().cloned().unwrap_or_else(|| kpi_quality::ConfigError::new("is wrong"));
            config_diagnostic(&error, &built.name, span.clone())
        };
        let expectation = Expectation::read(spec.name, &kwargs, &beside).map_err(|errors| first(&errors))?;
        let problems = expectation.pattern_problems();
        if problems.is_empty() { Ok(Some(Arc::new(expectation))) } else { Err(first(&problems)) }
    }

    /// Texts with Jinja in them; references to relations are rendered when they are known.
    fn rendered_argument(&self, package: &Arc<str>, value: &Json, span: &Span) -> Result<Json, Diagnostic> {
        Ok(match value {
            Json::String(text) if has_jinja(text) && !looks_like_call(text) => {
                self.config_text(package, text).map_err(|fault| {
                    let (Fault::Parsing(message) | Fault::Compilation(message)) = fault;
                    Diagnostic::error("K0562", "Parsing Error", message).with_span(span.clone())
                })?
            }
            Json::Array(items) => items
                .iter()
                .map(|v| self.rendered_argument(package, v, span))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            other => other.clone(),
        })
    }

    fn warn_of_clash(&self, name: &Arc<str>, owner: &str, spec: &Spec, span: &Span) {
        let message = format!("the test '{name}' is that of {owner}, and not the expectation of this name");
        if self.warnings.lock().iter().any(|w| w.message == message) {
            return;
        }
        self.warn(
            Diagnostic::warning("K0563", "Warning", message)
                .with_span(span.clone())
                .with_hint(format!("for the expectation write its full name: {}", spec.name)),
        );
    }

    /// What a test that is an expectation refers to.
    pub(super) fn expectation_references(&self, built: &Built, target: &Target<'_>) -> Captured {
        let mut captured = Captured::default();
        let root = &self.strict.macros.root_package;
        if let Some(subquery) = macros::find(&self.strict.macros, root, "get_where_subquery") {
            captured.macros.push(subquery.unique_id.clone());
        }
        match target {
            Target::Node { name, version } => captured.refs.push(RefCall {
                package: None,
                name: Arc::from(*name),
                version: version.map(Arc::from),
            }),
            Target::Table { source, table } => captured.sources.push([Arc::from(*source), Arc::from(*table)]),
        }
        for value in built.kwargs.values().filter_map(Json::as_str).filter(|text| looks_like_call(text)) {
            // What is no plain call is text.
            let _ = super::generic_tests::references(&Json::from(value), &mut captured);
        }
        captured
    }

    /// The tests of all suites of the project.
    pub(super) fn suites(
        &self,
        trees: &ConfigTrees<'_>,
        known: &dyn Fn(&str) -> bool,
        names: &[Arc<str>],
    ) -> Result<Vec<TestNode>, Vec<Diagnostic>> {
        let Some(package) = self.project().root_package() else { return Ok(Vec::new()) };
        let mut tests = Vec::new();
        let mut errors = Vec::new();
        for file in &package.suites {
            match Suite::read(file) {
                Ok(suite) => match self.suite(trees, package, &suite, known, names) {
                    Ok(new) => tests.extend(new),
                    Err(new) => errors.extend(new),
                },
                Err(new) => errors.extend(new),
            }
        }
        if errors.is_empty() { Ok(tests) } else { Err(errors) }
    }

    fn suite(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        suite: &Suite,
        known: &dyn Fn(&str) -> bool,
        names: &[Arc<str>],
    ) -> Result<Vec<TestNode>, Vec<Diagnostic>> {
        // A suite that says nothing is about the model of its name.
        let stem = suite.name.strip_suffix("_suite").unwrap_or(&suite.name);
        let by_name = [suite.name.as_str(), stem].into_iter().find(|name| known(name));
        let binding = match (&suite.binding, by_name) {
            (Some(binding), _) => binding.clone(),
            (None, Some(name)) => Binding::Node(name.to_owned()),
            (None, None) => {
                let error = Diagnostic::error(
                    "K0564",
                    "Parsing Error",
                    format!(
                        "the suite '{}' does not say what it is about, and there is no model of that name",
                        suite.name
                    ),
                );
                return Err(vec![
                    error
                        .with_span(suite.span.clone())
                        .with_hint("add to the suite: \"meta\": {\"kpi\": {\"model\": \"name\"}} (or seed, snapshot, source)"),
                ]);
            }
        };
        let target = match &binding {
            Binding::Node(name) => {
                if !known(name) {
                    let error = Diagnostic::error(
                        "K0564",
                        "Parsing Error",
                        format!("the suite '{}' is about '{name}', and there is no model, seed or snapshot of that name", suite.name),
                    )
                    .with_span(suite.span.clone());
                    return Err(vec![match nearest(name, names.iter().map(|n| &**n)) {
                        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                        None => error,
                    }]);
                }
                Target::Node { name, version: None }
            }
            Binding::Source(source, table) => Target::Table { source, table },
            Binding::Query(_) => {
                let error = Diagnostic::error(
                    "K0564",
                    "Parsing Error",
                    format!(
                        "the suite '{}' is about a query: make the query a model and bind the suite to it",
                        suite.name
                    ),
                );
                return Err(vec![error.with_span(suite.span.clone())]);
            }
        };
        let properties = PropertyFile::new(suite.file.clone(), suite.file.name.clone());
        let place = Place {
            package,
            file: &properties,
            file_key_name: format!("expectations.{}", suite.name),
            target_name: &suite.name,
        };
        let mut tests = Vec::new();
        let mut errors = Vec::new();
        let mut seen: rustc_hash::FxHashMap<String, usize> = rustc_hash::FxHashMap::default();
        for placed in &suite.expectations {
            let entry = self.entry_of(suite, placed, &mut seen);
            match self.generic_test(trees, &place, &target, None, None, &entry, Vec::new()) {
                Ok(mut node) => {
                    node.expectation = Some(placed.expectation.clone());
                    node.suite = Some(suite.name.as_str().into());
                    let attached = match &binding {
                        Binding::Node(name) => Some((name.as_str().into(), package.name.clone(), None)),
                        _ => None,
                    };
                    tests.push(TestNode { node, attached, span: placed.span.clone() });
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(tests) } else { Err(errors) }
    }

    /// An expectation of a suite as a test of a property file.
    fn entry_of(
        &self,
        suite: &Suite,
        placed: &Placed,
        seen: &mut rustc_hash::FxHashMap<String, usize>,
    ) -> TestEntry {
        let expectation = &placed.expectation;
        let mut arguments = expectation.kwargs_json();
        let column =
            arguments.get("column").and_then(Json::as_str).map(|c| format!("_{c}")).unwrap_or_default();
        let mut name: String = format!("{}_{}{column}", suite.name, expectation.spec.short)
            .chars()
            .map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' })
            .collect();
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            name = format!("{name}_{count}");
        }
        arguments.insert("name".into(), name.into());
        let mut config = Map::new();
        config.insert("severity".into(), test_severity(expectation.severity).into());
        if let Some(Json::Object(meta)) =
            expectation.meta.clone().filter(|m| m.as_object().is_some_and(|m| !m.is_empty()))
        {
            config.insert("meta".into(), meta.into());
        }
        arguments.insert("config".into(), config.into());
        TestEntry { definition: json!({ expectation.spec.name: arguments }), span: placed.span.clone() }
    }
}

/// What keeps a test from putting rows of its node into quarantine.
fn quarantine_problem(test: &Node, subject: Option<&Node>) -> Option<String> {
    let Some(node) = subject else {
        return Some("a source is not built here: 'on_failure: quarantine' is for models".to_owned());
    };
    if node.resource_type != ResourceType::Model {
        let kind = node.resource_type.as_str();
        return Some(format!("{} is a {kind}: 'on_failure: quarantine' is for models", node.name));
    }
    if node.language != "sql" {
        return Some(format!(
            "{} is a {} model: its rows cannot go into quarantine",
            node.name, node.language
        ));
    }
    if !matches!(node.config.materialized(), "table" | "incremental") {
        return Some(format!(
            "{} is materialized as {}: rows can leave a table or an incremental model",
            node.name,
            node.config.materialized()
        ));
    }
    if node.config.str("incremental_strategy") == Some("microbatch") {
        return Some(format!("{} is built in batches: its rows cannot go into quarantine", node.name));
    }
    if test.refs.len() + test.sources.len() != 1 {
        return Some("an expectation that needs a further relation is judged when all are built".to_owned());
    }
    None
}

/// Refuses a quarantine that cannot be: of anything but a model that is a table of its own, whose quarantine has a
/// name to itself.
pub(super) fn check_quarantine(
    test: &Node,
    subject: Option<&Node>,
    nodes: &[Node],
    span: &Span,
) -> Result<(), Diagnostic> {
    let Some(expectation) = test.expectation.as_ref().filter(|e| e.quarantine) else { return Ok(()) };
    let problem = quarantine_problem(test, subject).or_else(|| {
        let subject = subject?;
        let name = format!("{}{}", subject.alias, crate::QUARANTINE_SUFFIX);
        let same = |node: &&Node| {
            *node.alias == *name && node.schema == subject.schema && node.database == subject.database
        };
        let other = nodes.iter().filter(|node| is_subject(node)).find(same)?;
        Some(format!("the quarantine of {} would take the place of {}", subject.name, other.unique_id))
    });
    match problem {
        None => Ok(()),
        Some(problem) => {
            let message = format!("{}: {problem}", expectation.spec.short);
            Err(Diagnostic::error("K0565", "Parsing Error", message)
                .with_span(span.clone())
                .with_hint("without 'on_failure' the expectation is a test that fails"))
        }
    }
}

/// Whether the names of a node may be what a suite is about.
pub(super) fn is_subject(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
}

fn config_error(spec: &Spec, message: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("K0562", "Parsing Error", format!("{} {message}", spec.short)).with_span(span.clone())
}
