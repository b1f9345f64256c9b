//! Generic tests of property files to nodes.

use super::config::{ConfigTrees, Layer};
use super::drafts::{diagnostic, fqn};
use super::static_refs::{self, Reference};
use super::test_builder::{self, Built, Fault, Target, Usage};
use super::{Parser, Registry, macros, sources, versions};
use crate::config_merge::merge_calls;
use crate::context::parsing::{Captured, ParseContext, ParseScope};
use crate::context::{NameContext, has_jinja, looks_like_call, render_kwargs};
use crate::{Node, RefCall, ResourceType, TestMetadata, version_text};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::{ErrorKind, Interp, Template, Value};
use kpi_project::{ColumnProperties, NodeProperties, Package, PropertyFile, TestEntry, VersionProperties};
use rayon::prelude::*;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Where a test stands.
pub(super) struct Place<'p> {
    pub package: &'p Package,
    pub file: &'p PropertyFile,
    /// `models.orders`
    pub file_key_name: String,
    /// The node's name; of sources `source_table`.
    pub target_name: &'p str,
}

/// A test node, and the names by which the node that it is attached to is found.
pub(super) struct TestNode {
    pub node: Node,
    pub attached: Option<(Arc<str>, Arc<str>, Option<Arc<str>>)>,
    pub span: Span,
}

impl Parser {
    /// Makes the generic tests and the sources of all property files.
    pub(super) fn tests_and_sources(
        &mut self,
        mut registry: Registry,
    ) -> Result<(Registry, sources::Sources), Vec<Diagnostic>> {
        let shared = self.shared.clone();
        let trees = ConfigTrees::new(&shared.project);
        let packages = &shared.project.packages;
        let files: Vec<(&Package, &PropertyFile)> = packages
            .iter()
            .flat_map(|package| package.properties.iter().map(move |file| (package, file)))
            .collect();
        let found: Vec<Result<Vec<TestNode>, Vec<Diagnostic>>> =
            files.par_iter().map(|(package, file)| self.tests_of_file(&trees, package, file)).collect();
        let mut errors = Vec::new();
        for result in found {
            match result {
                Ok(tests) => tests.into_iter().for_each(|test| register(&mut registry, test, &mut errors)),
                Err(new) => errors.extend(new),
            }
        }
        let subjects: Vec<super::expectations::Subject> = registry
            .nodes
            .iter()
            .filter(|node| super::expectations::is_subject(node))
            .map(super::expectations::Subject::of)
            .collect();
        match self.suites(&trees, &subjects) {
            Ok(tests) => tests.into_iter().for_each(|test| register(&mut registry, test, &mut errors)),
            Err(new) => errors.extend(new),
        }
        let (sources, tests) = match self.sources(&trees, &mut registry) {
            Ok(found) => found,
            Err(new) => {
                errors.extend(new);
                return Err(errors);
            }
        };
        tests.into_iter().for_each(|test| register(&mut registry, test, &mut errors));
        // Files are read in parallel; what is said of them has an order.
        let mut warnings = std::mem::take(&mut *self.test_warnings.lock());
        let place = |warning: &Diagnostic| warning.span.as_ref().map(|s| (s.file.name.clone(), s.position));
        warnings.sort_by_cached_key(place);
        self.warnings.lock().append(&mut warnings);
        if errors.is_empty() { Ok((registry, sources)) } else { Err(errors) }
    }

    fn tests_of_file(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        file: &PropertyFile,
    ) -> Result<Vec<TestNode>, Vec<Diagnostic>> {
        let mut tests = Vec::new();
        let mut errors = Vec::new();
        for (key, entries) in
            [("models", &file.models), ("seeds", &file.seeds), ("snapshots", &file.snapshots)]
        {
            for properties in entries {
                let place = Place {
                    package,
                    file,
                    file_key_name: format!("{key}.{}", properties.name),
                    target_name: &properties.name,
                };
                let quote_columns = properties.other.get("quote_columns").and_then(Json::as_bool);
                let mut add = |version: Option<&VersionProperties>| {
                    let text = version.map(|version| version_text(&version.v));
                    let target = Target::Node { name: &properties.name, version: text.as_deref() };
                    for (column, entry) in tests_of_node(properties, version) {
                        match self.generic_test(
                            trees,
                            &place,
                            &target,
                            column,
                            quote_columns,
                            entry,
                            Vec::new(),
                        ) {
                            Ok(node) => {
                                let attached = (
                                    properties.name.clone(),
                                    package.name.clone(),
                                    text.as_deref().map(Arc::from),
                                );
                                let span = entry.span.clone();
                                tests.push(TestNode { node, attached: Some(attached), span });
                            }
                            Err(error) => errors.push(error),
                        }
                    }
                };
                match properties.versions.is_empty() {
                    true => add(None),
                    false => properties.versions.iter().for_each(|version| add(Some(version))),
                }
            }
        }
        if errors.is_empty() { Ok(tests) } else { Err(errors) }
    }

    /// Makes the node of a generic test.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn generic_test(
        &self,
        trees: &ConfigTrees<'_>,
        place: &Place<'_>,
        target: &Target<'_>,
        column: Option<&ColumnProperties>,
        quote_columns: Option<bool>,
        entry: &TestEntry,
        mut tags: Vec<Arc<str>>,
    ) -> Result<Node, Diagnostic> {
        let column_name = column.map(|column| match column.quote.or(quote_columns) {
            Some(true) => format!("{0}{1}{0}", self.shared.adapter.quote_char(), column.name),
            _ => column.name.to_string(),
        });
        let wrong = |fault: Fault| {
            let (kind, heading, message) = match fault {
                Fault::Compilation(message) => ("Compilation Error", "generic test configuration", message),
                Fault::Parsing(message) => ("Parsing Error", "test config", message),
            };
            let message = format!(
                "Invalid {heading} given in {}:\n{message}\n(a test of '{}')",
                place.file.path, place.target_name
            );
            Diagnostic::error("K0511", kind, message).with_span(entry.span.clone())
        };
        let arguments_property = self
            .shared
            .flags
            .get("require_generic_test_arguments_property")
            .and_then(Json::as_bool)
            .unwrap_or(true);
        let package = &place.package.name;
        let mut built = test_builder::build(
            &entry.definition,
            target,
            column_name.as_deref(),
            arguments_property,
            &|text| self.config_text(package, text),
        )
        .map_err(wrong)?;
        let plain_column = column.map(|column| &*column.name);
        let expectation = self.expectation_of(&mut built, package, plain_column, &entry.span)?;
        // Keywords beside the name are how expectations are written.
        if expectation.is_none() {
            self.note_usages(&built.usages, place, &entry.span);
        }
        let mut node = Node::new(ResourceType::Test, package.clone(), built.full_name.as_str().into());
        node.unique_id = format!("test.{package}.{}.{}", built.full_name, built.hash()).into();
        (node.schema, node.database) = self.names.defaults();
        node.quote = self.shared.facts.quoting;
        node.created_at = self.created_at;
        node.path = format!("{}.sql", built.short_name).into();
        node.original_file_path = place.file.path.clone();
        let below = place.file.path.split_once('/').map_or("", |(_, rest)| rest);
        node.fqn = fqn(package, super::drafts::folders(below), &node.name.clone());
        node.raw_code = built.raw_code().into();
        node.column_name = column_name.map(Arc::from);
        node.file_key_name = Some(place.file_key_name.as_str().into());
        (node.description, node.doc_blocks) = self.describe(package, &node.unique_id, &built.description)?;
        tags.extend(column.into_iter().flat_map(|column| column.tags.iter().cloned()));
        match built.config.get("tags") {
            Some(Json::String(tag)) => tags.push(tag.as_str().into()),
            Some(Json::Array(more)) => tags.extend(more.iter().filter_map(|tag| tag.as_str().map(Arc::from))),
            _ => {}
        }
        tags.sort();
        tags.dedup();
        node.tags = tags;
        node.test_metadata = Some(TestMetadata {
            name: built.name.clone(),
            namespace: built.namespace.clone(),
            kwargs: built.kwargs.clone(),
        });
        node.expectation = expectation;
        let known = match &node.expectation {
            Some(_) => Some(self.expectation_references(&node, &built, target, &entry.span)?),
            None => self.without_rendering(&node, &built, target),
        };
        let (mut node, captured) = match known {
            Some(captured) => (node, captured),
            None => self.render_test(node, &built).map_err(|mut error| {
                error.span = Some(entry.span.clone());
                error
            })?,
        };
        let mut call = test_config(&built.config, &captured.config).map_err(|m| wrong(Fault::Parsing(m)))?;
        // dbt renders all tests but these two, and meets their tags twice.
        let rendered = !matches!(captured.macros.first(), Some(id) if matches!(&**id, "macro.dbt.test_unique" | "macro.dbt.test_not_null"));
        if rendered && let Some(own) = built.config.get("tags") {
            let list = |tags: &Json| match tags {
                Json::Array(tags) => tags.clone(),
                tag => vec![tag.clone()],
            };
            // Those of the test's macro stand between.
            let mut met = call.get("tags").map(list).unwrap_or_default();
            met.extend(list(own));
            call.insert("tags".into(), Json::Array(met));
        }
        let layer = Layer { patch: None, call: &call };
        self.configure(trees, &mut node, layer, layer, None, &place.file.file).map_err(|mut error| {
            error.span = Some(entry.span.clone());
            error
        })?;
        node.config_call_dict = Arc::new(call);
        node.refs = captured.refs;
        node.sources = captured.sources;
        node.metrics = captured.metrics;
        node.depends_on_macros = captured.macros;
        self.names.apply(&self.parsing, &self.strict, &mut node)?;
        node.relation_name = self.relation_name(&node);
        Ok(node)
    }

    /// Warns of deprecated ways in which a test is written.
    fn note_usages(&self, usages: &[Usage], place: &Place<'_>, span: &Span) {
        let file = &place.file.path;
        for usage in usages {
            let (name, message, hint, fields) = match usage {
                Usage::ConfigBesides { test, key } => (
                    "PropertyMovedToConfigDeprecation",
                    format!("Found `{key}` as a top-level property of the test `{test}`"),
                    format!("put `{key}` under `config:` of the test"),
                    json!({"key": key, "key_path": format!("data_tests.{test}.{key}"), "file": &**file}),
                ),
                Usage::NoArguments { test } => {
                    let on = format!("'{}' in package '{}'", place.target_name, place.package.name);
                    let shown = format!("`{test}` defined on {on} ({file})");
                    (
                        "MissingArgumentsPropertyInGenericTestDeprecation",
                        format!("Found top-level arguments to test {shown}"),
                        "put the arguments under `arguments:` of the test".to_owned(),
                        json!({"test_name": shown}),
                    )
                }
                Usage::Arguments { test, value } => {
                    let shown = format!("`{test}` ({value})");
                    (
                        "ArgumentsPropertyInGenericTestDeprecation",
                        format!(
                            "Found `arguments` property in test definition of {shown} without usage of the flag \
                             require_generic_test_arguments_property"
                        ),
                        "name the argument otherwise: what stands under `arguments:` will be the test's arguments"
                            .to_owned(),
                        json!({"test_name": shown}),
                    )
                }
            };
            self.test_warnings.lock().push(
                Diagnostic::warning("K0636", "Deprecation", message)
                    .with_span(span.clone())
                    .with_hint(hint)
                    .with_event(name, fields),
            );
        }
    }

    /// Renders a text of a test's config.
    pub(super) fn config_text(&self, package: &Arc<str>, text: &str) -> Result<Json, Fault> {
        let context = NameContext { shared: self.shared.clone(), package: package.clone(), own: Vec::new() };
        let mut interp = Interp::new(self.strict.clone(), Arc::new(context));
        Template::parse_str("config", text)
            .and_then(|template| interp.render_native(&template))
            .and_then(|value| value.to_json())
            .map_err(|error| match error.kind() {
                ErrorKind::Undefined => Fault::Compilation(format!(
                    "The config holds {text}, which cannot be rendered: {}. It may not use macros of the project.",
                    error.message()
                )),
                ErrorKind::Parsing => Fault::Parsing(error.message().to_owned()),
                _ => Fault::Compilation(error.message().to_owned()),
            })
    }

    /// What a test asks for, where its macro is one of the library's: they refer to nothing but what they are given.
    fn without_rendering(&self, node: &Node, built: &Built, target: &Target<'_>) -> Option<Captured> {
        let definition =
            macros::find(&self.strict.macros, &node.package_name, &format!("test_{}", built.name))?;
        let library = &self.strict.macros.internal_packages;
        if !library.contains(&definition.package) {
            return None;
        }
        let mut captured = Captured { macros: vec![definition.unique_id.clone()], ..Captured::default() };
        let simple = matches!(&*built.name, "unique" | "not_null");
        if !simple {
            let root = &self.strict.macros.root_package;
            let subquery = macros::find(&self.strict.macros, root, "get_where_subquery")?;
            if !library.contains(&subquery.package) {
                return None;
            }
            captured.macros.push(subquery.unique_id.clone());
            for (key, value) in &built.kwargs {
                if key != "column_name" && key != "model" {
                    references(value, &mut captured)?;
                }
            }
        }
        match target {
            Target::Node { name, version } => captured.refs.push(RefCall {
                package: None,
                name: Arc::from(*name),
                version: version.map(Arc::from),
            }),
            Target::Table { source, table } => captured.sources.push([Arc::from(*source), Arc::from(*table)]),
            Target::Query { .. } => return None,
        }
        Some(captured)
    }

    fn render_test(&self, node: Node, built: &Built) -> Result<(Node, Captured), Diagnostic> {
        let heading = node.heading();
        let file = SourceFile::new(node.original_file_path.clone(), node.raw_code.clone());
        let name = format!("test_{}", built.name);
        let own = match &built.namespace {
            Some(namespace) => self.strict.macros.get(namespace, &name),
            None => macros::find(&self.strict.macros, &node.package_name, &name),
        };
        let own = own.map(|m| m.unique_id.clone());
        let scope = ParseScope::new(&self.parsing, Arc::new(node));
        let mut interp = Interp::new(self.lenient.clone(), Arc::new(ParseContext(scope.clone())));
        let call = format!("{{{{ {}(**_dbt_generic_test_kwargs) }}}}", built.macro_name());
        let mut render = || {
            let kwargs = render_kwargs(&mut interp, &built.kwargs)?;
            *scope.test_kwargs.lock() = Some(Value::dict(kwargs));
            interp.render(&Template::parse(&file, &call, 1)?)
        };
        render().map_err(|error| diagnostic(&error, &heading, &file))?;
        // A test sees no macros but those that its own macro and the subquery around its model lead to.
        let root = &self.strict.macros.root_package;
        let subquery =
            macros::find(&self.strict.macros, root, "get_where_subquery").map(|m| m.unique_id.clone());
        let from: Vec<&Arc<str>> = own.iter().chain(&subquery).collect();
        let mut ids: Vec<Arc<str>> = own.iter().cloned().collect();
        for id in interp.called_macros() {
            if !ids.contains(&id) && self.reaches(&from, &id) {
                ids.push(id);
            }
        }
        drop(interp);
        let mut captured = std::mem::take(&mut *scope.captured.lock());
        captured.macros = ids;
        let node = match Arc::try_unwrap(scope) {
            Ok(scope) => Arc::unwrap_or_clone(scope.node),
            Err(scope) => (*scope.node).clone(),
        };
        Ok((node, captured))
    }
}

/// Column tests first, then those of the node, as dbt has them.
fn tests_of_node<'p>(
    properties: &'p NodeProperties,
    version: Option<&'p VersionProperties>,
) -> Vec<(Option<&'p ColumnProperties>, &'p TestEntry)> {
    let columns = versions::columns(properties, version);
    let on_columns =
        columns.into_iter().flat_map(|column| column.data_tests.iter().map(move |test| (Some(column), test)));
    on_columns.chain(versions::tests(properties, version).iter().map(|test| (None, test))).collect()
}

/// The references among arguments; `None` where they must be rendered.
pub(super) fn references(value: &Json, captured: &mut Captured) -> Option<()> {
    match value {
        Json::String(text) if looks_like_call(text) => match static_refs::parse(text)? {
            Reference::Ref(call) => captured.refs.push(call),
            Reference::Source(pair) => captured.sources.push(pair),
            Reference::Metric(_) => return None,
        },
        Json::String(text) if has_jinja(text) => return None,
        Json::Array(items) => items.iter().try_for_each(|item| references(item, captured))?,
        Json::Object(map) => map.values().try_for_each(|item| references(item, captured))?,
        _ => {}
    }
    Some(())
}

/// The config of a test: what its macro sets lies under what the property file says.
fn test_config(own: &Map<String, Json>, of_macro: &Map<String, Json>) -> Result<Map<String, Json>, String> {
    let mut call = own.clone();
    if !of_macro.is_empty() {
        merge_calls(&mut call, of_macro.clone()).map_err(|error| error.message().to_owned())?;
        for (key, value) in own {
            if !matches!(key.as_str(), "tags" | "meta") {
                call.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(call)
}

/// Attaches a test to its node and adds it.
fn register(registry: &mut Registry, test: TestNode, errors: &mut Vec<Diagnostic>) {
    let TestNode { mut node, attached, span } = test;
    let mut subject = None;
    if let Some((name, package, version)) = attached {
        let key = version.map_or_else(|| name.to_string(), |version| format!("{name}.v{version}"));
        if let Some(target) =
            registry.lookup.named(&key, Some(&package)).and_then(|id| registry.nodes.get(id.0 as usize))
        {
            node.attached_node = Some(target.unique_id.clone());
            node.group = target.group.clone();
            subject = Some(target);
        } else if let Some(entry) = registry.lookup.disabled(&key, None).first() {
            node.attached_node = Some(entry.unique_id.clone());
        }
    }
    let switched_off = node.attached_node.is_some() && subject.is_none();
    if !switched_off
        && let Err(error) = super::expectations::check_quarantine(&node, subject, &registry.nodes, &span)
    {
        errors.push(error);
    }
    if let Err(error) = registry.add(node, None) {
        errors.push(error);
    }
}
