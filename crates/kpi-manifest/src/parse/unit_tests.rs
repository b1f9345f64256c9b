//! Unit tests of property files: their fixtures are read, and they are tied to the models that they test.

use super::config::ConfigTrees;
use super::drafts::{folders, fqn, relative_path};
use super::fixtures;
use super::static_refs::{self, Reference};
use super::{Parser, Registry};
use crate::lookup::Found;
use crate::{Manifest, Node, ResourceType, SourceTable, version_text};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::{Error, ErrorKind, Value};
use kpi_project::{Package, PropertyFile};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

type Section = IndexMap<Arc<str>, Json>;

/// Versions of models: package and name to positions, in order of parsing.
type Versions = FxHashMap<(Arc<str>, Arc<str>), Vec<usize>>;

/// An entry of a property file.
struct Entry<'p> {
    package: &'p Package,
    file: &'p PropertyFile,
    index: usize,
    fields: &'p Map<String, Json>,
    name: &'p str,
    model: &'p str,
}

/// What stands for the model in `model:`.
enum Tested {
    Node(usize),
    Disabled,
    Missing,
}

fn text<'p>(fields: &'p Map<String, Json>, key: &str) -> &'p str {
    fields.get(key).and_then(Json::as_str).unwrap_or_default()
}

impl Entry<'_> {
    /// An error about this entry, or about what `path` leads to in it.
    fn error(&self, code: &'static str, message: impl Into<String>, path: &[&str]) -> Diagnostic {
        // The place is looked up only now: few files are wrong.
        let root = match self.file.path.ends_with(".toml") {
            true => kpi_project::yaml::parse_toml(&self.file.file).ok(),
            false => kpi_project::yaml::parse(&self.file.file).ok().flatten(),
        };
        let index = self.index.to_string();
        let entry = root.as_ref().and_then(|root| root.find(["unit_tests", &index]));
        let node = entry.map(|entry| entry.find(path.iter().copied()).unwrap_or(entry));
        let span =
            node.map_or_else(|| Span::whole(self.file.file.clone()), |node| node.span(&self.file.file));
        Diagnostic::error(code, "Parsing Error", message)
            .with_span(span)
            .with_node(format!("unit_test {} ({})", self.name, self.file.path))
    }
}

impl Parser {
    /// The unit tests of all packages in manifest form. What is wrong with them is noted.
    pub(super) fn unit_tests(&self, registry: &mut Registry) -> Section {
        let mut found = Section::new();
        let mut versions: Option<Versions> = None;
        let trees = ConfigTrees::new(self.project());
        let mut names: FxHashMap<Arc<str>, &str> = FxHashMap::default();
        for package in &self.project().packages {
            if let Some((name, first, second)) = fixtures::twice(package) {
                let message = format!(
                    "dbt found two fixtures with the name \"{name}\".\n\nSince these resources have the same name, dbt will \
                     be unable to find the correct resource\nwhen looking for {name}.\n\nTo fix this, change the name of \
                     one of these resources:\n- fixture.{0}.{name} ({1})\n- fixture.{0}.{name} ({2})",
                    package.name, first.path, second.path
                );
                let error = Diagnostic::error("K0609", "Compilation Error", message);
                self.warn(error.with_span(Span::whole(second.source.clone())));
            }
            for file in &package.properties {
                let entries = file.other.get("unit_tests").and_then(Json::as_array);
                for (index, entry) in entries.into_iter().flatten().enumerate() {
                    let Some(fields) = entry.as_object() else { continue };
                    let (name, model) = (text(fields, "name"), text(fields, "model"));
                    let entry = Entry { package, file, index, fields, name, model };
                    let id: Arc<str> = format!("unit_test.{}.{model}.{name}", package.name).into();
                    if let Some(first) = names.insert(id.clone(), &file.path) {
                        self.warn(twice(&entry, &id, first));
                        continue;
                    }
                    let versions = versions.get_or_insert_with(|| versions_of(&registry.nodes));
                    match self.unit_test(&trees, registry, versions, &entry, &id) {
                        Err(error) => self.warn(error),
                        Ok(tests) => {
                            for (id, enabled, test) in tests {
                                match enabled {
                                    true => drop(found.insert(id, test)),
                                    false => registry.disabled_other.push((id, test)),
                                }
                            }
                        }
                    }
                }
            }
        }
        found
    }

    /// A unit test: one of each version of the model that it is for.
    fn unit_test(
        &self,
        trees: &ConfigTrees<'_>,
        registry: &Registry,
        versions: &Versions,
        entry: &Entry<'_>,
        id: &Arc<str>,
    ) -> Result<Vec<(Arc<str>, bool, Json)>, Diagnostic> {
        let Entry { package, file, fields, name, model, .. } = *entry;
        let relative = relative_path(package, &file.path);
        let fqn = fqn(&package.name, folders(relative).chain([model]), &name.into());
        let patch = fields.get("config").and_then(Json::as_object);
        let config = trees
            .resolve(ResourceType::UnitTest, &package.name, &fqn, patch, &Map::new())
            .map_err(|message| entry.error("K0508", message, &["config"]))?
            .config;
        let given = fields.get("given").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let given = given
            .iter()
            .enumerate()
            .map(|(i, given)| self.fixture(registry, entry, given, Some(i)))
            .collect::<Result<Vec<_>, _>>()?;
        let expect = self.fixture(registry, entry, fields.get("expect").unwrap_or(&Json::Null), None)?;
        let overrides = fields.get("overrides").and_then(Json::as_object).map(|given| {
            let part = |key: &str| (key.to_owned(), given.get(key).cloned().unwrap_or_else(|| json!({})));
            Json::Object(["macros", "vars", "env_vars"].map(part).into_iter().collect())
        });
        let wanted = fields.get("versions").and_then(Json::as_object).map(|given| {
            let part = |key: &str| (key.to_owned(), given.get(key).cloned().unwrap_or(Json::Null));
            Json::Object(["include", "exclude"].map(part).into_iter().collect())
        });
        let description = match fields.get("description").and_then(Json::as_str) {
            Some(text) => {
                let described = self.describe(&package.name, id, text);
                described.map_err(|error| entry.error("K0511", error.message, &["description"]))?.0
            }
            None => String::new(),
        };
        let (overrides, wanted) = (overrides.unwrap_or(Json::Null), wanted.unwrap_or(Json::Null));
        let mut map = Map::new();
        map.insert("model".into(), model.into());
        map.insert("given".into(), Json::Array(given));
        map.insert("expect".into(), expect);
        map.insert("name".into(), name.into());
        map.insert("resource_type".into(), "unit_test".into());
        map.insert("package_name".into(), (&*package.name).into());
        map.insert("path".into(), relative.into());
        map.insert("original_file_path".into(), (&*file.path).into());
        map.insert("unique_id".into(), (&**id).into());
        map.insert("fqn".into(), fqn.iter().map(|part| Json::from(&**part)).collect());
        map.insert("description".into(), description.into());
        map.insert("overrides".into(), overrides);
        map.insert("depends_on".into(), json!({"macros": [], "nodes": []}));
        let mut effective = config.effective();
        let known = |key: &String| matches!(key.as_str(), "tags" | "meta" | "enabled" | "static_analysis");
        effective.retain(|key, _| known(key));
        map.insert("config".into(), Json::Object(effective));
        map.insert("checksum".into(), Json::Null);
        map.insert("schema".into(), Json::Null);
        map.insert("created_at".into(), self.created_at.into());
        map.insert("versions".into(), wanted);
        map.insert("version".into(), Json::Null);
        let sum = checksum(&map);
        map.insert("checksum".into(), sum.into());
        if !config.enabled() {
            return Ok(vec![(id.clone(), false, Json::Object(map))]);
        }
        let node = match tested(registry, &package.name, model) {
            Tested::Node(at) => registry.nodes.get(at),
            Tested::Disabled => {
                if let Some(Json::Object(config)) = map.get_mut("config") {
                    config.insert("enabled".into(), false.into());
                }
                return Ok(vec![(id.clone(), false, Json::Object(map))]);
            }
            Tested::Missing => None,
        };
        let Some(node) = node.filter(|node| node.resource_type == ResourceType::Model) else {
            return Err(self.model_not_found(registry, entry));
        };
        incremental(entry, node, &map)?;
        let nodes = versions_to_test(registry, versions, entry, node, map.get("versions"))?;
        let versioned = |node: &Node| {
            let mut map = map.clone();
            let mut id = id.clone();
            if let Some(version) = &node.version {
                id = format!("{id}_v{}", version_text(version)).into();
                map.insert("unique_id".into(), (&*id).into());
                map.insert("version".into(), version.clone());
            }
            map.insert("depends_on".into(), json!({"macros": [], "nodes": [&*node.unique_id]}));
            map.insert("schema".into(), (&*node.schema).into());
            (id, true, Json::Object(map))
        };
        Ok(nodes.into_iter().map(versioned).collect())
    }

    fn model_not_found(&self, registry: &Registry, entry: &Entry<'_>) -> Diagnostic {
        let Entry { package, file, name, model, .. } = *entry;
        let error = entry.error(
            "K0630",
            format!(
                "Unable to find model '{}.{model}' for unit test '{name}' in {}",
                package.name, file.path
            ),
            &["model"],
        );
        let models = registry.nodes.iter().filter(|node| node.resource_type == ResourceType::Model);
        match kpi_diagnostics::nearest(model, models.map(|node| &*node.name)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error,
        }
    }

    /// An input (`index` says which) or the expectation, with its rows as a list of dicts, or as SQL.
    fn fixture(
        &self,
        registry: &Registry,
        entry: &Entry<'_>,
        fixture: &Json,
        index: Option<usize>,
    ) -> Result<Json, Diagnostic> {
        let kind = if index.is_some() { "input" } else { "expected" };
        let place = index.map_or_else(String::new, |i| i.to_string());
        let path = |key| -> Vec<&str> {
            match index {
                Some(_) => vec!["given", &place, key],
                None => vec!["expect", key],
            }
        };
        let format = fixture.get("format").and_then(Json::as_str).unwrap_or("dict");
        let file = fixture.get("fixture").and_then(Json::as_str).filter(|name| !name.is_empty());
        let mut rows = fixture.get("rows").cloned().unwrap_or(Json::Null);
        let input = fixture.get("input").and_then(Json::as_str);
        if format == "dict" {
            if rows.is_null()
                && file.is_none()
                && let Some(input) = input
            {
                rows = Json::Array(self.seed_rows(registry, entry, input, &path("input"))?);
            }
            if !rows.is_array() {
                let message =
                    format!("Unit test {} has {kind} rows which do not match format {format}", entry.name);
                return Err(entry
                    .error("K0631", message, &path("rows"))
                    .with_hint("write rows as a list of {column: value}, or name the format: csv or sql"));
            }
        } else {
            if file.is_none() && !rows.is_string() {
                let message = format!(
                    "Unit test {} has {kind} rows or fixtures which do not match format {format}.  Expected string.",
                    entry.name
                );
                return Err(entry
                    .error("K0631", message, &path("rows"))
                    .with_hint("write rows as a text: `rows: |` and the lines below it, further indented"));
            }
            let contents = match file {
                Some(name) => self.fixture_file(entry, name, format, &path("fixture"))?,
                None => rows.as_str().unwrap_or_default().to_owned(),
            };
            rows = match format {
                "csv" => {
                    let mut list = fixtures::csv_rows(&contents);
                    for value in list.iter_mut().filter_map(Json::as_object_mut).flat_map(Map::values_mut) {
                        if value.as_str() == Some("") {
                            *value = Json::Null;
                        }
                    }
                    Json::Array(list)
                }
                _ => contents.into(),
            };
        }
        if let Json::Array(rows) = &mut rows {
            fixtures::promote_full_row(rows);
        }
        let mut map = Map::new();
        if let Some(input) = input {
            map.insert("input".into(), input.into());
        }
        map.insert("rows".into(), rows);
        map.insert("format".into(), format.into());
        map.insert("fixture".into(), fixture.get("fixture").cloned().unwrap_or(Json::Null));
        Ok(Json::Object(map))
    }

    fn fixture_file(
        &self,
        entry: &Entry<'_>,
        name: &str,
        format: &str,
        path: &[&str],
    ) -> Result<String, Diagnostic> {
        let ending = format!(".{format}");
        if let Some(file) = fixtures::file(entry.package, name, &ending) {
            return Ok(file.contents().to_owned());
        }
        let message = format!("File not found for fixture '{name}' in unit tests in {}", entry.file.path);
        let folder = entry.package.config.test_paths.first().map_or("tests", String::as_str);
        Err(entry
            .error("K0632", message, path)
            .with_hint(format!("it would be {folder}/fixtures/{name}{ending}")))
    }

    /// The rows of a seed that is an input without rows.
    fn seed_rows(
        &self,
        registry: &Registry,
        entry: &Entry<'_>,
        input: &str,
        path: &[&str],
    ) -> Result<Vec<Json>, Diagnostic> {
        let package = &entry.package.name;
        let Some(Reference::Ref(call)) = static_refs::parse(input) else {
            let message = format!(
                "Unit test {} has an input ({input}) without rows, which only a seed may be",
                entry.name
            );
            return Err(entry.error("K0633", message, path).with_hint("add `rows: [...]`"));
        };
        let of = call.package.as_ref().unwrap_or(package);
        let seed =
            registry.lookup.named(&call.name, Some(of)).and_then(|id| registry.nodes.get(id.0 as usize));
        let Some(seed) = seed.filter(|node| node.resource_type == ResourceType::Seed) else {
            let place = if of == package {
                let paths = Json::from(entry.package.config.seed_paths.clone());
                format!("directories: {}", Value::from_json(&paths).repr())
            } else {
                format!("'{of}' package")
            };
            let message = format!("Unable to find seed '{of}.{}' for unit tests in {place}", call.name);
            return Err(entry
                .error("K0633", message, path)
                .with_hint("inputs that are no seeds need `rows: [...]`"));
        };
        let root = seed.root_path.as_deref().unwrap_or_default();
        let file = std::path::Path::new(root).join(&*seed.original_file_path);
        let text = std::fs::read_to_string(&file).map_err(|error| {
            entry.error(
                "K0633",
                format!("the seed {} cannot be read: {error}", seed.original_file_path),
                path,
            )
        })?;
        Ok(fixtures::csv_rows(text.trim_start_matches('\u{feff}')))
    }
}

/// What an input of a unit test stands for.
#[derive(Clone, Copy)]
pub enum UnitTestInput<'m> {
    /// A model, seed or snapshot; of `this` the tested model.
    Node(&'m Node),
    /// A source's table.
    Source(&'m SourceTable),
}

impl Manifest {
    /// What `input:` of a unit test stands for: `ref(...)`, `source(...)` or `this`.
    ///
    /// # Errors
    /// Another expression, or nothing of that name.
    pub fn unit_test_input<'m>(
        &'m self,
        input: &str,
        test: &Node,
        model: &'m Node,
    ) -> Result<UnitTestInput<'m>, Error> {
        let expression = input.trim();
        if expression == "this" {
            return Ok(UnitTestInput::Node(model));
        }
        let package = &test.package_name;
        let found = match static_refs::parse(expression) {
            Some(Reference::Ref(call)) => match self.lookup.find_ref(&call, &self.root_package, package) {
                Found::Here(id) => self.node_at(id).map(UnitTestInput::Node),
                _ => None,
            },
            Some(Reference::Source([source, table])) => {
                match self.lookup.find_source(&source, &table, &self.root_package, package) {
                    Found::Here(at) => {
                        self.sources.get_index(at).map(|(_, table)| UnitTestInput::Source(table))
                    }
                    _ => None,
                }
            }
            _ => {
                let message = format!(
                    "Unit test given inputs must be either a 'ref', 'source' or 'this' call. Got: '{input}'."
                );
                return Err(Error::new(ErrorKind::Parsing, message));
            }
        };
        found.ok_or_else(|| {
            let message = format!(
                "Unit test '{}' had an input ({input}) which was not found in the manifest.",
                test.name
            );
            Error::new(ErrorKind::Parsing, message)
        })
    }
}

fn versions_of(nodes: &[Node]) -> Versions {
    let mut found = Versions::default();
    for (at, node) in nodes.iter().enumerate() {
        if node.resource_type == ResourceType::Model && node.version.is_some() {
            found.entry((node.package_name.clone(), node.name.clone())).or_default().push(at);
        }
    }
    found
}

/// `name`, or `name version`, in the unit test's own package.
fn tested(registry: &Registry, package: &str, model: &str) -> Tested {
    let mut words = model.split_whitespace();
    let name = words.next().unwrap_or_default();
    let key = match (words.next(), words.next()) {
        (Some(version), None) => format!("{name}.v{version}"),
        _ => name.to_owned(),
    };
    if let Some(id) = registry.lookup.named(&key, Some(package)) {
        return Tested::Node(id.0 as usize);
    }
    let disabled = registry.lookup.disabled(&key, Some(package));
    match disabled.iter().any(|entry| entry.resource_type == ResourceType::Model) {
        true => Tested::Disabled,
        false => Tested::Missing,
    }
}

/// A model that asks `is_incremental()` must be told, and given itself if the answer is yes.
fn incremental(entry: &Entry<'_>, node: &Node, map: &Map<String, Json>) -> Result<(), Diagnostic> {
    if !node.depends_on_macros.iter().any(|id| &**id == "macro.dbt.is_incremental") {
        return Ok(());
    }
    let told = map.get("overrides").and_then(|o| o.get("macros")).and_then(|m| m.get("is_incremental"));
    let Some(told) = told.and_then(Json::as_bool) else {
        let message = format!(
            "Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{}'",
            entry.name, node.name
        );
        return Err(entry
            .error("K0634", message, &["overrides"])
            .with_hint("add `overrides: {macros: {is_incremental: true}}` (or false)"));
    };
    let given = map.get("given").and_then(Json::as_array);
    let itself =
        given.into_iter().flatten().any(|given| given.get("input").and_then(Json::as_str) == Some("this"));
    if told && !itself {
        let message = format!(
            "Unit test '{}' for incremental model '{}' must have a 'this' input",
            entry.name, node.name
        );
        return Err(entry
            .error("K0634", message, &["given"])
            .with_hint("add `- input: this` with the rows that the table has already"));
    }
    Ok(())
}

/// The model itself, or the versions of it that are asked for.
fn versions_to_test<'r>(
    registry: &'r Registry,
    versions: &Versions,
    entry: &Entry<'_>,
    node: &'r Node,
    wanted: Option<&Json>,
) -> Result<Vec<&'r Node>, Diagnostic> {
    let list = |key: &str| {
        let list = wanted.and_then(|w| w.get(key)).and_then(Json::as_array);
        list.filter(|list| !list.is_empty())
    };
    let (include, exclude) = (list("include"), list("exclude"));
    if node.version.is_none() {
        if include.is_some() || exclude.is_some() {
            let message = format!(
                "Unit test '{}' should not have a versions include or exclude when referencing non-versioned model '{}'",
                entry.name, node.name
            );
            return Err(entry.error("K0635", message, &["versions"]).with_hint("remove `versions:`"));
        }
        return Ok(vec![node]);
    }
    let all = versions.get(&(node.package_name.clone(), node.name.clone()));
    let all = all.into_iter().flatten().filter_map(|at| registry.nodes.get(*at));
    let named = |list: &[Json], node: &Node| {
        let version = node.version.as_ref();
        list.iter()
            .any(|v| Some(v) == version || (v.is_number() && v.as_f64() == version.and_then(Json::as_f64)))
    };
    let found: Vec<&Node> = match (include, exclude) {
        (_, Some(exclude)) => all.filter(|node| !named(exclude, node)).collect(),
        (Some(include), None) => all.filter(|node| named(include, node)).collect(),
        (None, None) if wanted.is_some_and(|w| !w.is_null()) => Vec::new(),
        (None, None) => all.collect(),
    };
    if found.is_empty() {
        let message = format!(
            "Unit test '{}' referenced a version of '{}' which was not found.",
            entry.name, node.name
        );
        return Err(entry.error("K0635", message, &["versions"]));
    }
    Ok(found)
}

fn twice(entry: &Entry<'_>, id: &str, first: &str) -> Diagnostic {
    let Entry { name, file, .. } = entry;
    let mut error = entry.error(
        "K0609",
        format!(
            "dbt found two unit_tests with the name \"{name}\".\n\nSince these resources have the same name, dbt will be \
             unable to find the correct resource\nwhen looking for {name}.\n\nTo fix this, change the name of \
             one of these resources:\n- {id} ({first})\n- {id} ({})",
            file.path
        ),
        &[],
    );
    error.kind = "Compilation Error";
    error
}

/// What changes when anything but the description does: the same text as dbt's, so that state can be compared.
fn checksum(map: &Map<String, Json>) -> String {
    let repr = |value: Option<&Json>| Value::from_json(value.unwrap_or(&Json::Null)).repr();
    let fixture = |fixture: &Json, class: &str| {
        let field = |key: &str| repr(fixture.get(key));
        let format = match fixture.get("format").and_then(Json::as_str) {
            Some("csv") => "<UnitTestFormat.CSV: 'csv'>",
            Some("sql") => "<UnitTestFormat.SQL: 'sql'>",
            _ => "<UnitTestFormat.Dict: 'dict'>",
        };
        let input =
            fixture.get("input").map(|input| format!("input={}, ", repr(Some(input)))).unwrap_or_default();
        format!("{class}({input}rows={}, format={format}, fixture={})", field("rows"), field("fixture"))
    };
    let dataclass = |key: &str, class: &str| match map.get(key).and_then(Json::as_object) {
        Some(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}={}", repr(Some(value)))).collect();
            format!("{class}({})", fields.join(", "))
        }
        None => "None".to_owned(),
    };
    let given = map.get("given").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let inputs: Vec<String> = given.iter().map(|input| fixture(input, "UnitTestInputFixture")).collect();
    let mut data = format!(
        "{}-{}-[{}]-{}-{}",
        text(map, "model"),
        dataclass("versions", "UnitTestNodeVersions"),
        inputs.join(", "),
        fixture(map.get("expect").unwrap_or(&Json::Null), "UnitTestOutputFixture"),
        dataclass("overrides", "UnitTestOverrides"),
    );
    for input in given.iter().filter(|input| input.get("fixture").is_some_and(|f| !f.is_null())) {
        let rows = input.get("rows").map(|rows| Value::from_json(rows).to_str()).unwrap_or_default();
        data.push('-');
        data.push_str(&rows);
    }
    hex::encode(Sha256::digest(data.as_bytes()))
}
