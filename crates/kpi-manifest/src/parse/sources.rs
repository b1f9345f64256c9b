//! Sources: every table of every source, with its config, freshness and tests.

use super::config::ConfigTrees;
use super::drafts::{folders, fqn, relative_path};
use super::freshness;
use super::generic_tests::{Place, TestNode};
use super::test_builder::Target;
use super::{Parser, Registry};
use crate::context::{NameContext, quoting_over};
use crate::lookup::DisabledEntry;
use crate::{ResourceType, SourceTable, node_json};
use indexmap::IndexMap;
use kpi_adapter::{Policy, Relation};
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::{Interp, Template, Value};
use kpi_project::{Package, PropertyFile, SourceProperties, SourceTableProperties};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// All enabled tables of sources.
#[derive(Default)]
pub(crate) struct Sources {
    pub tables: IndexMap<Arc<str>, SourceTable>,
}

type Found = (SourceTable, Vec<TestNode>, Span);

/// A source of another package that changes one: `overrides:`.
type Overrides<'p> = FxHashMap<(&'p str, &'p str), (&'p Package, &'p PropertyFile, &'p SourceProperties)>;

impl Parser {
    pub(super) fn sources(
        &self,
        trees: &ConfigTrees<'_>,
        registry: &mut Registry,
    ) -> Result<(Sources, Vec<TestNode>), Vec<Diagnostic>> {
        let mut overrides = Overrides::default();
        let mut doubled = Vec::new();
        let mut jobs = Vec::new();
        for package in &self.project().packages {
            for file in &package.properties {
                for source in &file.sources {
                    match source.other.get("overrides").and_then(Json::as_str) {
                        Some(overridden) => {
                            let entry = (package, file, source);
                            if let Some((_, other, first)) =
                                overrides.insert((overridden, &source.name), entry)
                            {
                                doubled.push(doubled_override(overridden, source, file, first, other));
                            }
                        }
                        None => jobs.push((package, file, source)),
                    }
                }
            }
        }
        if !doubled.is_empty() {
            return Err(doubled);
        }
        self.warn_of_unused(&overrides);
        let found: Vec<Result<Vec<Found>, Vec<Diagnostic>>> = jobs
            .par_iter()
            .map(|(package, file, source)| {
                let over = overrides.get(&(&*package.name, &*source.name));
                self.tables(trees, package, file, source, over.copied())
            })
            .collect();
        let mut sources = Sources::default();
        let mut tests = Vec::new();
        let mut errors = Vec::new();
        let mut places: FxHashMap<Arc<str>, Span> = FxHashMap::default();
        for result in found {
            let tables = match result {
                Ok(tables) => tables,
                Err(new) => {
                    errors.extend(new);
                    continue;
                }
            };
            for (table, new_tests, span) in tables {
                tests.extend(new_tests);
                let key: Arc<str> = table.search_name().into();
                if !table.config.enabled() {
                    registry.lookup.disabled.entry(key).or_default().push(DisabledEntry {
                        package: table.package_name.clone(),
                        unique_id: table.unique_id.clone(),
                        resource_type: ResourceType::Source,
                        original_file_path: table.original_file_path.clone(),
                    });
                    let entry = Json::Object(node_json::source_entry(&table));
                    registry.disabled_other.push((table.unique_id.clone(), entry));
                    continue;
                }
                if let Some(first) = places.insert(table.unique_id.clone(), span.clone()) {
                    errors.push(duplicate(&table, first, span));
                    continue;
                }
                let entries = registry.lookup.sources.entry(key).or_default();
                entries.push((table.package_name.clone(), sources.tables.len()));
                sources.tables.insert(table.unique_id.clone(), table);
            }
        }
        if errors.is_empty() { Ok((sources, tests)) } else { Err(errors) }
    }

    /// Warns of `overrides:` that change nothing: no package has that source, or the source has no such table.
    fn warn_of_unused(&self, overrides: &Overrides<'_>) {
        let mut unused = Vec::new();
        let mut place = None;
        for ((package, name), (_, file, over)) in overrides {
            let overridden = self
                .project()
                .package(package)
                .into_iter()
                .flat_map(|package| &package.properties)
                .flat_map(|file| &file.sources)
                .filter(|source| *source.name == **name && !source.other.contains_key("overrides"));
            let tables: Vec<&Arc<str>> =
                overridden.flat_map(|source| &source.tables).map(|table| &table.name).collect();
            let title = if tables.is_empty() { "Source" } else { "Source table" };
            let missing = over.tables.iter().filter(|table| !tables.contains(&&table.name));
            let lines: Vec<String> = match tables.is_empty() {
                true => vec![format!("  - {title} {package}.{name} (in {})", file.path)],
                false => missing
                    .map(|table| format!("  - {title} {package}.{name}.{} (in {})", table.name, file.path))
                    .collect(),
            };
            if !lines.is_empty() {
                place = Some(over.span.clone());
            }
            unused.extend(lines);
        }
        let Some(place) = place else { return };
        unused.sort();
        let message =
            format!("Some source overrides have no target that they could change:\n{}", unused.join("\n"));
        self.warn(
            Diagnostic::warning("K0655", "Warning", message)
                .with_span(place)
                .with_hint(
                    "`overrides` names an installed package that has a source, and tables, of these names",
                )
                .with_event("UnusedTables", json!({"unused_tables": unused})),
        );
    }

    fn tables(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        file: &PropertyFile,
        source: &SourceProperties,
        over: Option<(&Package, &PropertyFile, &SourceProperties)>,
    ) -> Result<Vec<Found>, Vec<Diagnostic>> {
        let patched = over.map(|(_, _, over)| overridden(source, over));
        let source = patched.as_ref().unwrap_or(source);
        let mut found = Vec::new();
        let mut errors = Vec::new();
        for table in &source.tables {
            match self.table(trees, package, file, source, table) {
                Ok((parsed, tests)) => found.push((parsed, tests, table.span.clone())),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(found) } else { Err(errors) }
    }

    fn table(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        file: &PropertyFile,
        source: &SourceProperties,
        table: &SourceTableProperties,
    ) -> Result<(SourceTable, Vec<TestNode>), Diagnostic> {
        let unique_id: Arc<str> = format!("source.{}.{}.{}", package.name, source.name, table.name).into();
        let mut fqn = fqn(&package.name, folders(relative_path(package, &file.path)), &source.name);
        fqn.push(table.name.clone());
        let configs = table_config(source, table).map_err(|message| {
            Diagnostic::error("K0512", "Parsing Error", message).with_span(table.span.clone())
        })?;
        let none = Map::new();
        let resolved = trees
            .resolve(ResourceType::Source, &package.name, &fqn, Some(&configs), &none)
            .map_err(|message| {
                Diagnostic::error("K0508", "Parsing Error", message)
                    .with_span(table.span.clone())
                    .with_node(format!("source {}.{} ({})", source.name, table.name, file.path))
            })?;
        let config = resolved.config;
        let place = |mut error: Diagnostic, span: &Span| {
            error.span = Some(span.clone());
            error
        };
        // Of what is disabled the descriptions are not rendered: the docs blocks they name need not be there.
        let enabled = config.enabled();
        let describe = |text: &str, span: &Span| match enabled {
            true => self.describe(&package.name, &unique_id, text).map_err(|e| place(e, span)),
            false => Ok((text.to_owned(), Vec::new())),
        };
        let (description, doc_blocks) = describe(&table.description, &table.span)?;
        let (source_description, _) = describe(&source.description, &source.span)?;
        let mut quoting = map_of(source.other.get("quoting"));
        quoting.extend(map_of(table.other.get("quoting")).into_iter().filter(|(_, v)| !v.is_null()));
        let mut source_meta = map_of(source.other.get("meta"));
        source_meta.extend(map_of(source.config.get("meta")));
        let schema = source.schema.as_deref().filter(|s| !s.is_empty()).unwrap_or(&source.name);
        let mut parsed = SourceTable {
            unique_id: unique_id.clone(),
            package_name: package.name.clone(),
            source_name: source.name.clone(),
            name: table.name.clone(),
            path: file.path.clone(),
            original_file_path: file.path.clone(),
            fqn,
            database: match source.database.as_deref().filter(|d| !d.is_empty()) {
                Some(database) => Some(database.into()),
                None => self.shared.facts.database.clone(),
            },
            schema: schema.into(),
            identifier: table.identifier.as_deref().filter(|i| !i.is_empty()).unwrap_or(&table.name).into(),
            relation_name: "".into(),
            unrendered_config: (*resolved.unrendered).clone(),
            unrendered_database: source.unrendered_database.clone(),
            unrendered_schema: source.unrendered_schema.clone(),
            quote: quoting_over(self.source_quoting(), &quoting),
            external_location: None,
            columns: self.columns(&package.name, &unique_id, table.columns.iter(), enabled)?,
            tags: config.tags().into_iter().map(Arc::from).collect(),
            description,
            doc_blocks,
            source_description,
            meta: config.meta().cloned().unwrap_or_default(),
            source_meta,
            loader: source.loader.clone(),
            quoting,
            freshness: config.get("freshness").unwrap_or(Json::Null),
            loaded_at_field: config.str("loaded_at_field").map(str::to_owned),
            loaded_at_query: config.str("loaded_at_query").map(str::to_owned),
            external: table.other.get("external").cloned().unwrap_or(Json::Null),
            patch_path: None,
            created_at: self.created_at,
            config,
        };
        parsed.external_location = self.external_location(&parsed).map_err(|message| {
            Diagnostic::error("K0513", "Parsing Error", message).with_span(table.span.clone())
        })?;
        // The name in the manifest follows the project's quoting, what is compiled does not: as in dbt.
        let named = quoting_over(self.shared.facts.quoting, &parsed.quoting);
        parsed.relation_name = Relation { quote: named, ..parsed.relation() }.render().into();
        let told = parsed.loaded_at_field.is_some() || parsed.loaded_at_query.is_some();
        if parsed.has_freshness() && !told && !self.shared.adapter.knows_last_modified() {
            self.warn(
                Diagnostic::warning(
                    "K0526",
                    "Warning",
                    format!(
                        "The configured adapter does not support metadata-based freshness. A loaded_at_field must be specified \
                         for source '{}'.",
                        parsed.search_name()
                    ),
                )
                .with_span(table.span.clone()),
            );
        }
        let tests = self.tests_of_table(trees, package, file, source, table)?;
        Ok((parsed, tests))
    }

    fn source_quoting(&self) -> Policy {
        self.shared.adapter.default_quoting()
    }

    fn tests_of_table(
        &self,
        trees: &ConfigTrees<'_>,
        package: &Package,
        file: &PropertyFile,
        source: &SourceProperties,
        table: &SourceTableProperties,
    ) -> Result<Vec<TestNode>, Diagnostic> {
        let on_columns =
            table.columns.iter().flat_map(|c| c.data_tests.iter().map(move |test| (Some(c), test)));
        let all: Vec<_> = table.data_tests.iter().map(|test| (None, test)).chain(on_columns).collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let target_name = format!("{}_{}", source.name, table.name);
        let place = Place {
            package,
            file,
            file_key_name: format!("sources.{}", source.name),
            target_name: &target_name,
        };
        let target = Target::Table { source: &source.name, table: &table.name };
        let quote_columns = map_of(table.other.get("quoting"))
            .get("column")
            .or(map_of(source.other.get("quoting")).get("column"))
            .and_then(Json::as_bool);
        let tags: Vec<Arc<str>> =
            texts(source.other.get("tags")).chain(texts(table.other.get("tags"))).map(Arc::from).collect();
        all.into_iter()
            .map(|(column, entry)| {
                let node =
                    self.generic_test(trees, &place, &target, column, quote_columns, entry, tags.clone())?;
                Ok(TestNode { node, attached: None, span: entry.span.clone() })
            })
            .collect()
    }

    /// What `external_location` in the config or meta of a source says, with its fields filled in.
    fn external_location(&self, table: &SourceTable) -> Result<Option<Arc<str>>, String> {
        // Only DuckDB reads files: elsewhere the source is a table.
        if self.shared.adapter.type_name() != "duckdb" {
            return Ok(None);
        }
        let mut meta: Map<String, Json> = table.meta.clone();
        meta.extend(table.config.extra().map(|(k, v)| (k.clone(), v.clone())));
        let Some(location) = meta.get("external_location").and_then(Json::as_str).map(str::to_owned) else {
            return Ok(None);
        };
        if meta.contains_key("plugin") {
            return Ok(None);
        }
        let formatter = meta.get("formatter").and_then(Json::as_str).unwrap_or("newstyle");
        let expression = match formatter {
            "newstyle" if !location.contains(['{', '}']) => return Ok(Some(location.into())),
            "oldstyle" if !location.contains('%') => return Ok(Some(location.into())),
            "newstyle" => "{{ location.format(**fields) }}",
            "oldstyle" => "{{ location % fields }}",
            "template" => "",
            other => {
                return Err(format!(
                    "Formatter {other} not recognized. Must be one of 'newstyle', 'oldstyle', or 'template'."
                ));
            }
        };
        let mut fields = Map::new();
        fields.insert("name".into(), (&*table.name).into());
        fields.insert("identifier".into(), (&*table.identifier).into());
        fields.insert("schema".into(), (&*table.schema).into());
        fields.insert("database".into(), table.database.as_deref().map_or(Json::Null, Json::from));
        fields.insert("tags".into(), table.tags.iter().map(|tag| Json::from(&**tag)).collect());
        fields.extend(meta);
        if expression.is_empty() {
            return Ok(Some(substitute(&location, &fields).into()));
        }
        let context = NameContext {
            shared: self.shared.clone(),
            package: table.package_name.clone(),
            own: vec![
                ("location", Value::from(location.as_str())),
                ("fields", Value::from_json(&Json::Object(fields))),
            ],
        };
        let mut interp = Interp::new(self.strict.clone(), Arc::new(context));
        Template::parse_str("external_location", expression)
            .and_then(|template| interp.render(&template))
            .map(|text| Some(text.into()))
            .map_err(|error| {
                format!(
                    "external_location '{location}' of the source {}.{} cannot be filled in: {}",
                    table.source_name,
                    table.name,
                    error.message()
                )
            })
    }
}

/// Python's `string.Template`: `$name` and `${name}`.
fn substitute(text: &str, fields: &Map<String, Json>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, tail) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => after
                .split_at(after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len())),
        };
        match fields.get(name) {
            Some(Json::String(value)) => out.push_str(value),
            Some(value) => out.push_str(&value.to_string()),
            None => {
                out.push('$');
                out.push_str(name);
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn map_of(value: Option<&Json>) -> Map<String, Json> {
    value.and_then(Json::as_object).cloned().unwrap_or_default()
}

fn texts(value: Option<&Json>) -> impl Iterator<Item = &str> {
    let items: Vec<&str> = match value {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(text)) => vec![text],
        _ => Vec::new(),
    };
    items.into_iter()
}

/// What the property file says of a table: its source's config, its own on top, and what stands beside `config`.
fn table_config(
    source: &SourceProperties,
    table: &SourceTableProperties,
) -> Result<Map<String, Json>, String> {
    let mut configs = source.config.clone();
    configs.extend(table.config.iter().map(|(k, v)| (k.clone(), v.clone())));
    match freshness::of_table(source, table)? {
        None => {
            configs.insert("freshness".into(), Json::Null);
        }
        Some(merged)
            if freshness::is_set(&merged, "warn_after") || freshness::is_set(&merged, "error_after") =>
        {
            configs.insert("freshness".into(), Json::Object(merged));
        }
        Some(_) => {
            configs.shift_remove("freshness");
        }
    }
    for key in ["loaded_at_field", "loaded_at_query"] {
        let given =
            [source.other.get(key), source.config.get(key), table.other.get(key), table.config.get(key)];
        if let Some(wrong) = given.into_iter().flatten().find(|value| !value.is_string() && !value.is_null())
        {
            return Err(format!("'{key}' is {wrong}, but must be a text"));
        }
    }
    let text = |other: &Map<String, Json>, config: &Map<String, Json>, key: &str| -> Option<String> {
        let own = other.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        own.or_else(|| config.get(key).and_then(Json::as_str).filter(|t| !t.is_empty())).map(str::to_owned)
    };
    let of_source = |key| text(&source.other, &source.config, key);
    let of_table = |key| text(&table.other, &table.config, key);
    let field_given = table.other.contains_key("loaded_at_field") || of_table("loaded_at_field").is_some();
    if field_given && of_table("loaded_at_query").is_some() {
        return Err("Cannot specify both loaded_at_field and loaded_at_query at table level.".to_owned());
    }
    if of_source("loaded_at_field").is_some() && of_source("loaded_at_query").is_some() {
        return Err("Cannot specify both loaded_at_field and loaded_at_query at source level.".to_owned());
    }
    let field = if field_given { of_table("loaded_at_field") } else { of_source("loaded_at_field") };
    let query = match of_table("loaded_at_query") {
        Some(query) => Some(query),
        None if field_given => None,
        None => of_source("loaded_at_query"),
    };
    configs.insert("loaded_at_field".into(), field.map_or(Json::Null, Json::from));
    configs.insert("loaded_at_query".into(), query.map_or(Json::Null, Json::from));
    let mut meta = map_of(source.other.get("meta"));
    for more in [source.config.get("meta"), table.other.get("meta"), table.config.get("meta")] {
        meta.extend(map_of(more));
    }
    configs.insert("meta".into(), Json::Object(meta));
    let mut tags: Vec<&str> = [
        source.other.get("tags"),
        source.config.get("tags"),
        table.other.get("tags"),
        table.config.get("tags"),
    ]
    .into_iter()
    .flat_map(texts)
    .collect();
    tags.sort_unstable();
    tags.dedup();
    configs.insert("tags".into(), tags.into_iter().map(Json::from).collect());
    Ok(configs)
}

/// Two entries that override the same source.
fn doubled_override(
    package: &str,
    source: &SourceProperties,
    file: &PropertyFile,
    first: &SourceProperties,
    other: &PropertyFile,
) -> Diagnostic {
    let message = format!(
        "dbt found two schema.yml entries for the same source named {} in package {package}. A source is overridden once: \
         take the entry out of one of these files:\n - {}\n - {}",
        source.name, other.path, file.path
    );
    Diagnostic::error("K0659", "Compilation Error", message)
        .with_span(source.span.clone())
        .with_related(first.span.clone(), "the other one")
        .with_hint("put both into one entry")
}

/// A source with what another package's `overrides` changes in it.
fn overridden(source: &SourceProperties, over: &SourceProperties) -> SourceProperties {
    let mut result = source.clone();
    let text = |old: &mut String, new: &str| {
        if !new.is_empty() {
            new.clone_into(old);
        }
    };
    text(&mut result.description, &over.description);
    text(&mut result.loader, &over.loader);
    result.database = over.database.clone().or(result.database);
    result.schema = over.schema.clone().or(result.schema);
    result.config.extend(over.config.clone());
    result
        .other
        .extend(over.other.iter().filter(|(k, _)| *k != "overrides").map(|(k, v)| (k.clone(), v.clone())));
    for table in &mut result.tables {
        let Some(over) = over.tables.iter().find(|other| other.name == table.name) else { continue };
        text(&mut table.description, &over.description);
        table.identifier = over.identifier.clone().or(table.identifier.take());
        table.config.extend(over.config.clone());
        table.other.extend(over.other.clone());
        if !over.columns.is_empty() {
            table.columns.clone_from(&over.columns);
        }
        if !over.data_tests.is_empty() {
            table.data_tests.clone_from(&over.data_tests);
        }
    }
    result
}

fn duplicate(table: &SourceTable, first: Span, second: Span) -> Diagnostic {
    let name = format!("{}_{}", table.source_name, table.name);
    let resources: Vec<String> =
        [&first, &second].iter().map(|span| format!("- {} ({})", table.unique_id, span.file.name)).collect();
    Diagnostic::error(
        "K0609",
        "Compilation Error",
        format!(
            "dbt found two sources with the name \"{name}\".\n\nSince these resources have the same name, dbt will be \
             unable to find the correct resource\nwhen looking for source(\"{}\", \"{}\").\n\nTo fix this, change the name \
             of one of these resources:\n{}",
            table.source_name,
            table.name,
            resources.join("\n")
        ),
    )
    .with_span(second)
    .with_related(first, "defined here too")
}
