//! Tests that are expectations: short and full names in property files, and suites of the folder `expectations`.

use super::config::ConfigTrees;
use super::drafts::diagnostic;
use super::generic_tests::{Place, TestNode};
use super::test_builder::{Built, Fault, Target};
use super::{Parser, macros};
use crate::context::parsing::{Captured, ParseContext, ParseScope};
use crate::context::{has_jinja, looks_like_call};
use crate::{Node, RefCall, ResourceType};
use kpi_diagnostics::{Diagnostic, SourceFile, Span, nearest};
use kpi_jinja::{Interp, Template};
use kpi_project::{Package, PropertyFile, TestEntry};
use kpi_quality::catalog::{self, Spec};
use kpi_quality::{Binding, Expectation, Severity, Suite, config_diagnostic};
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
    pub(super) fn expectation_references(
        &self,
        node: &Node,
        built: &Built,
        target: &Target<'_>,
        span: &Span,
    ) -> Result<Captured, Diagnostic> {
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
            Target::Query { sql, .. } => {
                captured = self.references_of_query(node, sql).map_err(|mut error| {
                    error.span = Some(span.clone());
                    error
                })?;
            }
        }
        for value in built.kwargs.values().filter_map(Json::as_str).filter(|text| looks_like_call(text)) {
            // What is no plain call is text.
            let _ = super::generic_tests::references(&Json::from(value), &mut captured);
        }
        Ok(captured)
    }

    /// What the query of a suite refers to: it is rendered as a model is.
    fn references_of_query(&self, node: &Node, sql: &str) -> Result<Captured, Diagnostic> {
        let file = SourceFile::new(node.original_file_path.clone(), sql);
        let scope = ParseScope::new(&self.parsing, Arc::new(node.clone()));
        let mut interp = Interp::new(self.lenient.clone(), Arc::new(ParseContext(scope.clone())));
        Template::parse(&file, sql, 1)
            .and_then(|template| interp.render(&template))
            .map_err(|error| diagnostic(&error, &node.heading(), &file))?;
        let captured = std::mem::take(&mut *scope.captured.lock());
        Ok(captured)
    }

    /// The tests of all suites of the project. `subjects`: the models, seeds and snapshots that there are.
    pub(super) fn suites(
        &self,
        trees: &ConfigTrees<'_>,
        subjects: &[Subject],
    ) -> Result<Vec<TestNode>, Vec<Diagnostic>> {
        let Some(package) = self.project().root_package() else { return Ok(Vec::new()) };
        let mut files = package.suites.clone();
        let mut errors = Vec::new();
        // A model may name the file of a suite that lies elsewhere.
        for subject in subjects {
            for name in subject.suites.iter().filter(|name| is_file_name(name)) {
                if files.iter().any(|file| *file.name == **name) {
                    continue;
                }
                match std::fs::read_to_string(package.root.join(name)) {
                    Ok(text) => files.push(SourceFile::new(name.as_str(), text)),
                    Err(error) => {
                        let message =
                            format!("the suite of {} cannot be read: {name}: {error}", subject.name);
                        errors.push(Diagnostic::error("K0566", "Parsing Error", message));
                    }
                }
            }
        }
        let mut suites = Vec::new();
        for file in &files {
            match Suite::read(file) {
                Ok(suite) => suites.push(suite),
                Err(new) => errors.extend(new),
            }
        }
        errors.extend(subjects.iter().flat_map(|subject| unknown_suites(subject, &suites)));
        let mut tests = Vec::new();
        for suite in &suites {
            match self.bindings(suite, subjects) {
                Ok(bindings) => {
                    for binding in &bindings {
                        let several = bindings.len() > 1;
                        match self.suite(trees, package, suite, binding, several, subjects) {
                            Ok(new) => tests.extend(new),
                            Err(new) => errors.extend(new),
                        }
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(tests) } else { Err(errors) }
    }

    /// What a suite is about: what it says itself, and the models that name it; else the model of its name.
    fn bindings(&self, suite: &Suite, subjects: &[Subject]) -> Result<Vec<Binding>, Diagnostic> {
        let known = |name: &str| subjects.iter().any(|subject| *subject.name == *name);
        let mut bindings: Vec<Binding> = suite.binding.iter().cloned().collect();
        for subject in subjects {
            let named = |name: &String| *name == suite.name || *suite.file.name == **name;
            let binding = Binding::Node(subject.name.to_string());
            if subject.suites.iter().any(named) && !bindings.contains(&binding) {
                bindings.push(binding);
            }
        }
        if bindings.is_empty() {
            let stem = suite.name.strip_suffix("_suite").unwrap_or(&suite.name);
            let name = [suite.name.as_str(), stem].into_iter().find(|name| known(name)).ok_or_else(|| {
                let message = format!(
                    "the suite '{}' does not say what it is about, and there is no model of that name",
                    suite.name
                );
                Diagnostic::error("K0564", "Parsing Error", message)
                    .with_span(suite.span.clone())
                    .with_hint("add to the suite: \"meta\": {\"kpi\": {\"model\": \"name\"}} (or seed, snapshot, source, query), or to a model's config: expectation_suite")
            })?;
            bindings.push(Binding::Node(name.to_owned()));
        }
        for binding in &bindings {
            if let Binding::Source(source, table) = binding {
                self.known_source(suite, source, table)?;
            }
            if let Binding::Node(name) = binding
                && !known(name)
            {
                let error = Diagnostic::error(
                    "K0564",
                    "Parsing Error",
                    format!("the suite '{}' is about '{name}', and there is no model, seed or snapshot of that name", suite.name),
                )
                .with_span(suite.span.clone());
                return Err(match nearest(name, subjects.iter().map(|subject| &*subject.name)) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                });
            }
        }
        Ok(bindings)
    }

    /// Refuses a suite that is about a source that there is not.
    fn known_source(&self, suite: &Suite, source: &str, table: &str) -> Result<(), Diagnostic> {
        let mut names = Vec::new();
        let files = self.project().packages.iter().flat_map(|package| &package.properties);
        for known in files.flat_map(|file| &file.sources) {
            names.extend(known.tables.iter().map(|table| format!("{}.{}", known.name, table.name)));
        }
        let asked = format!("{source}.{table}");
        if names.contains(&asked) {
            return Ok(());
        }
        let message =
            format!("the suite '{}' is about the source {asked}, and there is none of that name", suite.name);
        let error = Diagnostic::error("K0564", "Parsing Error", message).with_span(suite.span.clone());
        Err(match nearest(&asked, names.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        })
    }

    /// Refuses a suite whose query refers to a model that there is not.
    fn known_references(suite: &Suite, node: &Node, subjects: &[Subject]) -> Result<(), Diagnostic> {
        let unknown = |call: &&RefCall| {
            call.package.is_none() && !subjects.iter().any(|subject| subject.name == call.name)
        };
        let Some(call) = node.refs.iter().find(unknown) else { return Ok(()) };
        let message = format!(
            "the query of the suite '{}' refers to '{}', and there is no model, seed or snapshot of that name",
            suite.name, call.name
        );
        let error = Diagnostic::error("K0564", "Parsing Error", message).with_span(suite.span.clone());
        Err(match nearest(&call.name, subjects.iter().map(|subject| &*subject.name)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        })
    }

    /// The value of a variable of the project.
    fn variable(&self, package: &Arc<str>, name: &str) -> Option<Json> {
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let value = self.config_text(package, &format!("{{{{ var('{name}', none) }}}}"));
        value.ok().filter(|value| !value.is_null())
    }

    /// The tests of a suite about one thing; `several`: it is about others too.
    #[allow(clippy::too_many_arguments)]
    fn suite(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        suite: &Suite,
        binding: &Binding,
        several: bool,
        subjects: &[Subject],
    ) -> Result<Vec<TestNode>, Vec<Diagnostic>> {
        let target = match binding {
            Binding::Node(name) => Target::Node { name, version: None },
            Binding::Source(source, table) => Target::Table { source, table },
            Binding::Query(sql) => Target::Query { suite: &suite.name, sql },
        };
        let about = match binding {
            Binding::Node(name) if several => format!("_{name}"),
            Binding::Source(source, table) if several => format!("_{source}_{table}"),
            _ => String::new(),
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
        let value =
            |name: &str| self.variable(&package.name, name).or_else(|| suite.parameters.get(name).cloned());
        for placed in &suite.expectations {
            let mut expectation = placed.expectation.clone();
            match expectation.with_parameters(&value) {
                Ok(with) => expectation = Arc::new(with),
                // A run may bring the value: until then its test says what is missing.
                Err(missing) if missing.iter().all(|error| error.message.contains("has no value")) => {}
                Err(wrong) => {
                    let name = expectation.spec.name;
                    errors.extend(wrong.iter().map(|e| config_diagnostic(e, name, placed.span.clone())));
                    continue;
                }
            }
            let entry = self.entry_of(suite, &about, &expectation, &placed.span, &mut seen);
            match self.generic_test(trees, &place, &target, None, None, &entry, Vec::new()) {
                Ok(mut node) => {
                    node.expectation = Some(expectation);
                    if let Err(error) = Self::known_references(suite, &node, subjects) {
                        // It is the same for all of them.
                        return Err(vec![error]);
                    }
                    node.suite = Some(format!("{}{about}", suite.name).into());
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
        about: &str,
        expectation: &Expectation,
        span: &Span,
        seen: &mut rustc_hash::FxHashMap<String, usize>,
    ) -> TestEntry {
        let mut arguments = expectation.kwargs_json();
        let column =
            arguments.get("column").and_then(Json::as_str).map(|c| format!("_{c}")).unwrap_or_default();
        let mut name: String = format!("{}{about}_{}{column}", suite.name, expectation.spec.short)
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
        TestEntry { definition: json!({ expectation.spec.name: arguments }), span: span.clone() }
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

/// A model, seed or snapshot, and the suites that it names.
pub(super) struct Subject {
    pub name: Arc<str>,
    /// Names of suites, or files.
    pub suites: Vec<String>,
}

impl Subject {
    /// `expectation_suite` (or `expectation_suites`) of its config: a name or file, or a list of them.
    pub(super) fn of(node: &Node) -> Self {
        let given =
            ["expectation_suite", "expectation_suites"].into_iter().filter_map(|key| node.config.get(key));
        let suites = given.flat_map(|value| match value {
            Json::String(name) => vec![name],
            Json::Array(names) => names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        });
        Self { name: node.name.clone(), suites: suites.collect() }
    }
}

fn is_file_name(name: &str) -> bool {
    [".json", ".yml", ".yaml"].iter().any(|ending| name.ends_with(ending))
}

/// The suites that a model names and that there are not.
fn unknown_suites(subject: &Subject, suites: &[Suite]) -> Vec<Diagnostic> {
    let unknown = subject
        .suites
        .iter()
        .filter(|name| !is_file_name(name) && !suites.iter().any(|suite| suite.name == **name));
    unknown
        .map(|name| {
            let message =
                format!("{} names the suite '{name}', and there is none of that name", subject.name);
            let error = Diagnostic::error("K0566", "Parsing Error", message);
            match nearest(name, suites.iter().map(|suite| suite.name.as_str())) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error.with_hint("suites lie in the folder expectations; a file may be named too"),
            }
        })
        .collect()
}

/// Whether the names of a node may be what a suite is about.
pub(super) fn is_subject(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
}

fn config_error(spec: &Spec, message: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("K0562", "Parsing Error", format!("{} {message}", spec.short)).with_span(span.clone())
}
