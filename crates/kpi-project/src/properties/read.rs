//! Reads property files: which sections there are, what is rendered, what is checked.

use super::entries;
use super::shapes::{
    DESCRIBED, EXPOSURE, FUNCTION, GROUP, MACRO, NAMED, NODE, SOURCE, SOURCE_PATCH, UNIT_TEST,
};
use super::{PropertyFile, SourceProperties};
use crate::InventoryFile;
use crate::render::{Policy, Renderer, Section, has_jinja};
use crate::settings::as_warning;
use crate::shape::{Object, did_you_mean, shown};
use crate::yaml::{self, Node, Value};
use kpi_diagnostics::{Diagnostic, Severity, SourceFile};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

const KIND: &str = "Parsing Error";

/// The sections that a property file may have.
const SECTIONS: [&str; 17] = [
    "version",
    "models",
    "seeds",
    "snapshots",
    "sources",
    "macros",
    "data_tests",
    "analyses",
    "exposures",
    "functions",
    "groups",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
    "anchors",
    "tests",
];

/// Reads one file. `None`: it holds nothing.
pub(crate) fn read(
    file: &InventoryFile,
    own: bool,
    native: bool,
    renderer: &Renderer,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<PropertyFile>, Diagnostic> {
    let source = &file.source;
    let is_toml = file.path.to_ascii_lowercase().ends_with(".toml");
    let root = if is_toml {
        let root = yaml::parse_toml(source)?;
        let known = |(key, _): &(Node, Node)| key.as_str().is_some_and(|k| SECTIONS.contains(&&**k));
        // In a dbt project other tools may keep TOML files beside the models.
        if !native && !root.as_map().unwrap_or_default().iter().any(known) {
            return Ok(None);
        }
        Some(root)
    } else {
        let document = yaml::parse_document(source)?;
        for mut duplicate in document.duplicates {
            // What dbt lets pass must pass; a project made for kpi can do better.
            if own && native {
                duplicate.severity = Severity::Error;
                duplicate.kind = KIND;
                duplicate.event = None;
                return Err(duplicate);
            }
            warnings.push(duplicate);
        }
        document.root
    };
    let Some(mut root) = root.filter(|root| !is_empty(root)) else { return Ok(None) };
    let span = root.span(source);
    let Value::Map(sections) = &mut root.value else {
        return Err(Diagnostic::error(
            "K0501",
            KIND,
            format!("Contents of file '{}' are not valid. Dictionary expected.", source.name),
        )
        .with_span(span)
        .with_hint("a property file begins with a section such as `models:`"));
    };
    let mut out = PropertyFile::new(source.clone(), file.path.clone());
    let reader = Reader { file: source, renderer, jinja: has_jinja(&source.text) };
    for (key, value) in sections {
        let name = key.as_str().cloned().unwrap_or_else(|| key.key_text().into());
        if *name == *"data_tests" {
            // A mistake here must not stop the project: so dbt has it.
            match reader.section(&name, value, &NAMED, Section::Nodes, entries::node) {
                Ok(tests) => out.data_tests = tests,
                Err(error) => warnings.push(unreadable_tests(error)),
            }
            continue;
        }
        match &*name {
            "models" => out.models = reader.section(&name, value, &NODE, Section::Nodes, entries::model)?,
            "seeds" => out.seeds = reader.section(&name, value, &NODE, Section::Nodes, entries::node)?,
            "snapshots" => {
                out.snapshots = reader.section(&name, value, &NODE, Section::Snapshots, entries::node)?
            }
            "analyses" => {
                out.analyses = reader.section(&name, value, &DESCRIBED, Section::Nodes, entries::node)?
            }
            "functions" => {
                out.functions = reader.section(&name, value, &FUNCTION, Section::Nodes, entries::node)?
            }
            "sources" => out.sources = reader.sources(&name, value)?,
            "macros" => {
                out.macros = reader.section(&name, value, &MACRO, Section::Macros, entries::macro_)?
            }
            "exposures" => {
                out.exposures = reader.section(&name, value, &EXPOSURE, Section::Nodes, entries::exposure)?;
            }
            "groups" => out.groups = reader.section(&name, value, &GROUP, Section::Nodes, entries::group)?,
            "unit_tests" => {
                let items = reader.section(&name, value, &UNIT_TEST, Section::Nodes, unit_test)?;
                out.other.insert(name.to_string(), Json::Array(items));
            }
            "metrics" | "semantic_models" | "saved_queries" => {
                let section = match &*name {
                    "metrics" => Section::Metrics,
                    "saved_queries" => Section::SavedQueries,
                    _ => Section::Nodes,
                };
                let items =
                    reader.section(&name, value, &NAMED, section, |entry| Ok(entry.node.to_json()))?;
                out.other.insert(name.to_string(), Json::Array(items));
            }
            "version" | "anchors" | "tests" => {}
            _ => {
                let diagnostic = Diagnostic::warning(
                    "K0502",
                    "Warning",
                    format!("'{name}' is not a section of property files: it is ignored"),
                )
                .with_span(key.span(source))
                .with_event("Note", Json::Null);
                warnings.push(match did_you_mean(&name, SECTIONS) {
                    Some(hint) => diagnostic.with_hint(hint),
                    None => diagnostic.with_hint("put anchors under `anchors:`, and remove what is not used"),
                });
            }
        }
    }
    Ok(Some(out))
}

/// The note on a section `data_tests` that is left out.
fn unreadable_tests(error: Diagnostic) -> Diagnostic {
    let mut note = as_warning(error);
    let name = note.span.as_ref().map_or_else(String::new, |span| span.file.name.to_string());
    note.message = format!("Unable to parse 'data_tests' section of file '{name}'\n{}", note.message);
    note.code = "K0518";
    note
}

/// A unit test is read when its fixtures are; here it is only checked.
fn unit_test(entry: &Entry<'_>) -> Result<Json, Diagnostic> {
    let versions = |key: &str| {
        let list = entry.node.get("versions").and_then(|v| v.get(key)).and_then(Node::as_list);
        list.filter(|list| !list.is_empty())
    };
    match (versions("include"), versions("exclude")) {
        (Some(_), Some([first, ..])) => {
            Err(entry.error(first, "Unit tests can not both include and exclude versions."))
        }
        _ => Ok(entry.node.to_json()),
    }
}

/// Python's falsehood: dbt reads nothing further then.
fn is_empty(root: &Node) -> bool {
    match &root.value {
        Value::Null => true,
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

/// An entry of a section, rendered and checked.
pub(super) struct Entry<'a> {
    pub(super) section: &'a str,
    pub(super) node: &'a Node,
    pub(super) file: &'a Arc<SourceFile>,
    /// `config` before rendering.
    pub(super) unrendered_config: Map<String, Json>,
    /// `config` of each version before rendering.
    pub(super) unrendered_versions: Vec<Map<String, Json>>,
    /// `database` and `schema` of a source before rendering.
    pub(super) unrendered_names: [Option<String>; 2],
}

impl Entry<'_> {
    /// dbt's sentence for a mistake in an entry.
    pub(super) fn error(&self, at: &Node, reason: impl std::fmt::Display) -> Diagnostic {
        Diagnostic::error(
            "K0504",
            KIND,
            format!("Invalid {0} config given in {1} @ {0}: {reason}", self.section, self.file.name),
        )
        .with_span(at.span(self.file))
    }
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    renderer: &'a Renderer,
    /// Whether the file has any Jinja: if not, nothing need be kept from before rendering.
    jinja: bool,
}

impl Reader<'_> {
    fn sources(&self, section: &str, value: &mut Node) -> Result<Vec<SourceProperties>, Diagnostic> {
        let overrides = |entry: &Node| entry.get("overrides").is_some();
        let mut out = Vec::new();
        for entry in self.items(section, value)? {
            let shape = if overrides(entry) { &SOURCE_PATCH } else { &SOURCE };
            out.push(self.entry(section, entry, shape, Section::Sources, entries::source)?);
        }
        Ok(out)
    }

    fn section<T>(
        &self,
        section: &str,
        value: &mut Node,
        shape: &Object,
        policy: Section,
        build: impl Fn(&Entry<'_>) -> Result<T, Diagnostic>,
    ) -> Result<Vec<T>, Diagnostic> {
        self.items(section, value)?
            .iter_mut()
            .map(|entry| self.entry(section, entry, shape, policy, &build))
            .collect()
    }

    fn items<'n>(&self, section: &str, value: &'n mut Node) -> Result<&'n mut [Node], Diagnostic> {
        let invalid = |at: &Node, reason: &str| {
            Diagnostic::error(
                "K0503",
                KIND,
                format!("The schema file at {} is invalid because {reason}", self.file.name),
            )
            .with_span(at.span(self.file))
        };
        if value.as_list().is_none() {
            return Err(invalid(value, &format!("the value of '{section}' is not a list")).with_hint(
                format!("write `{section}:` and below it entries that begin with `- name: ...`"),
            ));
        }
        for item in value.as_list().unwrap_or_default() {
            let Some(fields) = item.as_map() else {
                if section == "data_tests" {
                    let message = format!(
                        "Invalid data_tests config given in {} @ data_tests: {} - expected a dict with string keys",
                        self.file.name,
                        shown(item)
                    );
                    return Err(Diagnostic::error("K0504", KIND, message)
                        .with_span(item.span(self.file))
                        .with_hint("begin the entry with `- name: ...`"));
                }
                return Err(invalid(item, &format!("a list element for '{section}' is not a dictionary"))
                    .with_hint("begin the entry with `- name: ...`"));
            };
            if item.get("name").is_none() {
                let error = match section {
                    "data_tests" => Diagnostic::error("K0503", KIND, "Entry did not contain a name")
                        .with_span(item.span(self.file)),
                    _ => invalid(
                        item,
                        &format!("a list element for '{section}' does not have a name attribute."),
                    ),
                };
                let keys = fields.iter().filter_map(|(key, _)| key.as_str()).map(|k| &**k);
                let meant =
                    keys.filter(|key| *key != "meta").find(|key| did_you_mean(key, ["name"]).is_some());
                return Err(match meant {
                    Some(key) => error.with_hint(format!("did you mean 'name' instead of '{key}'?")),
                    None => error.with_hint("begin the entry with `- name: ...`"),
                });
            }
            if let Some((key, _)) = fields.iter().find(|(key, _)| key.as_str().is_none()) {
                return Err(Diagnostic::error(
                    "K0504",
                    KIND,
                    format!(
                        "Invalid {section} config given in {} @ {section}: expected a dict with string keys, but one \
                         is {}",
                        self.file.name,
                        shown(key)
                    ),
                )
                .with_span(key.span(self.file))
                .with_hint("put quotes around the key"));
            }
        }
        match &mut value.value {
            Value::List(items) => Ok(items),
            _ => Ok(&mut []),
        }
    }

    fn entry<T>(
        &self,
        section: &str,
        node: &mut Node,
        shape: &Object,
        policy: Section,
        build: impl Fn(&Entry<'_>) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let config_of = |node: &Node| node.get("config").map(Node::to_json_map).unwrap_or_default();
        let versions = node.get("versions").and_then(Node::as_list).unwrap_or_default();
        let unrendered_versions = versions.iter().map(config_of).collect();
        let unrendered = self.jinja.then(|| config_of(node));
        let unrendered_names = match policy {
            Section::Sources => ["database", "schema"]
                .map(|key| node.get(key).filter(|value| !value.is_null()).map(Node::key_text)),
            _ => [None, None],
        };
        self.renderer.render(node, self.file, Policy::Entry(policy))?;
        shape.check(node).map_err(|misfit| {
            let heading = format!("Invalid {section} config given in {} @ {section}", self.file.name);
            misfit.diagnostic("K0504", KIND, &heading, self.file)
        })?;
        let unrendered_config = unrendered.unwrap_or_else(|| config_of(node));
        build(&Entry {
            section,
            node,
            file: self.file,
            unrendered_config,
            unrendered_versions,
            unrendered_names,
        })
    }
}
