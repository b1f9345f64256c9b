//! Suites as files: the layouts of Great Expectations before and since 1.0, as JSON or YAML.

use crate::catalog::{self, Spec};
use crate::expectation::Expectation;
use crate::kwargs::{ConfigError, RETIRED};
use kpi_diagnostics::{Diagnostic, SourceFile, Span, nearest};
use kpi_project::yaml;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What a suite's expectations are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A model, seed or snapshot.
    Node(String),
    /// A table of a source.
    Source(String, String),
    /// A query.
    Query(String),
}

impl Binding {
    /// Key and value in a suite's file.
    pub fn entry(&self) -> (&'static str, String) {
        match self {
            Self::Node(name) => ("model", name.clone()),
            Self::Source(source, table) => ("source", format!("{source}.{table}")),
            Self::Query(sql) => ("query", sql.clone()),
        }
    }
}

/// A suite that was read and checked.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Free text.
    pub notes: Option<Json>,
    /// Free data.
    pub meta: Map<String, Json>,
    /// Values of the parameters of its expectations, where a run brings no others.
    pub parameters: Map<String, Json>,
    /// Written in the layout before 1.0.
    pub legacy: bool,
    /// What it is about, where the file says so.
    pub binding: Option<Binding>,
    /// Its expectations, each with its place.
    pub expectations: Vec<Placed>,
    /// The file.
    pub file: Arc<SourceFile>,
    /// Where the binding, or else the suite, stands.
    pub span: Span,
}

/// An expectation and where it stands.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The expectation.
    pub expectation: Arc<Expectation>,
    /// Where it stands.
    pub span: Span,
}

const KEYS: &[&str] = &[
    "name",
    "id",
    "notes",
    "meta",
    "expectations",
    "expectation_suite_name",
    "ge_cloud_id",
    "data_asset_type",
    "suite_parameters",
    "evaluation_parameters",
    "model",
    "seed",
    "snapshot",
    "source",
    "query",
    "on_failure",
];

/// Keys of one expectation.
const EXPECTATION_KEYS: &[&str] = &[
    "type",
    "expectation_type",
    "kwargs",
    "meta",
    "severity",
    "id",
    "notes",
    "description",
    "ge_cloud_id",
    "rendered_content",
    "success_on_last_run",
    "windows",
    "expectation_context",
    "on_failure",
];

fn wrong(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error("K0561", "Parsing Error", message).with_span(span)
}

/// The error of an expectation's configuration at its place.
pub fn config_diagnostic(error: &ConfigError, name: &str, span: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("K0562", "Parsing Error", format!("{name}: {}", error.message)).with_span(span);
    match &error.hint {
        Some(hint) => diagnostic.with_hint(hint.clone()),
        None => diagnostic,
    }
}

impl Suite {
    /// Reads and checks a suite file; everything that is wrong with it is told at once.
    ///
    /// # Errors
    /// It is no JSON or YAML, no suite, or an expectation is wrong.
    pub fn read(file: &Arc<SourceFile>) -> Result<Self, Vec<Diagnostic>> {
        match yaml::parse(file).map_err(|e| vec![e])? {
            Some(root) => Self::of(file, &root),
            None => Self::of(file, &yaml::Node::new(yaml::Value::Null, 1, 1)),
        }
    }

    /// Checks a suite that was read from a file, whatever its kind.
    ///
    /// # Errors
    /// As [`Suite::read`].
    pub fn of(file: &Arc<SourceFile>, root: &yaml::Node) -> Result<Self, Vec<Diagnostic>> {
        let start = Span::at(file.clone(), 1, 1);
        if root.as_map().is_none() {
            return Err(vec![wrong("a suite must be a mapping with 'name' and 'expectations'", start)]);
        }
        let mut errors = Vec::new();
        for (key, _) in root.as_map().unwrap_or_default() {
            let text = key.key_text();
            if !KEYS.contains(&text.as_str()) {
                let error = wrong(format!("a suite has no key '{text}'"), key.span(file));
                errors.push(match nearest(&text, KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                });
            }
        }
        let name = root.get("name").or_else(|| root.get("expectation_suite_name"));
        let name = match name.and_then(yaml::Node::as_str) {
            Some(name) => name.to_string(),
            None => {
                errors.push(wrong("a suite needs a 'name'", root.span(file)));
                String::new()
            }
        };
        let mut legacy = root.get("expectation_suite_name").is_some();
        let mut expectations = Vec::new();
        let on_failure = own_key(root, "on_failure").map(yaml::Node::to_json);
        if let Some(value) = &on_failure
            && !matches!(value.as_str(), Some("fail" | "quarantine"))
        {
            let span = own_key(root, "on_failure").map_or_else(|| start.clone(), |node| node.span(file));
            let shown = crate::text::shown(value);
            errors.push(wrong(format!("'on_failure' must be fail or quarantine, not {shown}"), span));
        }
        let quarantine = on_failure.is_some_and(|value| value == "quarantine");
        match root.get("expectations") {
            Some(list) if list.as_list().is_some() => {
                for item in list.as_list().unwrap_or_default() {
                    legacy |= item.get("expectation_type").is_some();
                    match expectation(file, item, legacy, quarantine) {
                        Ok(placed) => expectations.push(placed),
                        Err(new) => errors.extend(new),
                    }
                }
            }
            Some(other) => errors.push(wrong("'expectations' must be a list", other.span(file))),
            None => errors.push(wrong("a suite needs a list of 'expectations'", root.span(file))),
        }
        let (binding, span) = binding(file, root).unwrap_or_else(|error| {
            errors.push(error);
            (None, start)
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            name,
            id: root.get("id").and_then(yaml::Node::as_str).map(|s| s.to_string()),
            notes: root.get("notes").map(yaml::Node::to_json).filter(|n| !n.is_null()),
            meta: root.get("meta").map(yaml::Node::to_json_map).unwrap_or_default(),
            parameters: own_key(root, "suite_parameters")
                .or_else(|| root.get("evaluation_parameters"))
                .map(yaml::Node::to_json_map)
                .unwrap_or_default(),
            legacy,
            binding,
            expectations,
            file: file.clone(),
            span,
        })
    }

    /// Keywords of former layouts that were left out, by name.
    pub fn left_out(root: &yaml::Node) -> Vec<String> {
        let items = root.get("expectations").and_then(yaml::Node::as_list).unwrap_or_default();
        let kwargs = items.iter().filter_map(|item| item.get("kwargs").and_then(yaml::Node::as_map));
        let mut names: Vec<String> = kwargs.flatten().map(|(key, _)| key.key_text()).collect();
        names.retain(|name| RETIRED.contains(&name.as_str()));
        names.sort();
        names.dedup();
        names
    }

    /// The suite in the layout since 1.0. What it is about stands where Great Expectations does not mind it.
    pub fn to_json(&self) -> Json {
        let expectations: Vec<Json> =
            self.expectations.iter().map(|p| expectation_json(&p.expectation)).collect();
        let mut meta = self.meta.clone();
        if let Some(binding) = &self.binding {
            let (key, value) = binding.entry();
            let kpi = meta.entry("kpi").or_insert_with(|| json!({}));
            if let Some(kpi) = kpi.as_object_mut() {
                kpi.insert(key.into(), value.into());
            }
        }
        if !self.parameters.is_empty() {
            let kpi = meta.entry("kpi").or_insert_with(|| json!({}));
            if let Some(kpi) = kpi.as_object_mut() {
                kpi.insert("suite_parameters".into(), self.parameters.clone().into());
            }
        }
        meta.entry("great_expectations_version").or_insert_with(|| Json::from(crate::REFERENCE_VERSION));
        json!({
            "name": self.name, "id": self.id, "notes": self.notes, "meta": meta, "expectations": expectations,
        })
    }
}

/// A suite's name as that of a file, without ending.
pub fn file_stem(suite: &str) -> String {
    let letter = |c: char| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    suite.chars().map(letter).collect()
}

/// One expectation in the layout since 1.0.
pub fn expectation_json(expectation: &Expectation) -> Json {
    let mut map = Map::new();
    map.insert("type".into(), Json::from(expectation.spec.name));
    map.insert("kwargs".into(), Json::Object(expectation.kwargs_json()));
    let mut meta = expectation.meta.clone().filter(Json::is_object).unwrap_or_else(|| json!({}));
    if expectation.quarantine {
        // Where other readers of the file do not mind it.
        meta["kpi"]["on_failure"] = json!("quarantine");
    }
    map.insert("meta".into(), meta);
    map.insert("severity".into(), Json::from(expectation.severity.as_str()));
    if let Some(id) = &expectation.id {
        map.insert("id".into(), Json::from(id.as_str()));
    }
    if let Some(notes) = &expectation.notes {
        map.insert("notes".into(), notes.clone());
    }
    if let Some(description) = &expectation.description {
        map.insert("description".into(), Json::from(description.as_str()));
    }
    Json::Object(map)
}

/// A key of kpi's: at the top, or under `meta: kpi:`, where other readers of the file do not mind it.
fn own_key<'n>(node: &'n yaml::Node, key: &str) -> Option<&'n yaml::Node> {
    node.find(["meta", "kpi", key]).or_else(|| node.get(key))
}

/// What the suite is about: `model: name` and the like, at the top or under `meta: kpi:`, where other readers of the
/// file do not mind it.
fn binding(file: &Arc<SourceFile>, root: &yaml::Node) -> Result<(Option<Binding>, Span), Diagnostic> {
    let inner = root.find(["meta", "kpi"]);
    let mut found: Option<(&str, &yaml::Node)> = None;
    for node in [Some(root), inner].into_iter().flatten() {
        for key in ["model", "seed", "snapshot", "source", "query"] {
            if let Some(value) = node.get(key) {
                if let Some((first, _)) = found {
                    return Err(wrong(
                        format!("a suite is about one thing: '{first}' and '{key}' are given"),
                        value.span(file),
                    ));
                }
                found = Some((key, value));
            }
        }
    }
    let Some((key, value)) = found else { return Ok((None, Span::at(file.clone(), 1, 1))) };
    let Some(text) = value.as_str() else {
        return Err(wrong(format!("'{key}' must be text"), value.span(file)));
    };
    let binding = match key {
        "query" => Binding::Query(text.to_string()),
        "source" => match text.split_once('.') {
            Some((source, table)) => Binding::Source(source.to_owned(), table.to_owned()),
            None => return Err(wrong("'source' must be written as source.table", value.span(file))),
        },
        _ => Binding::Node(text.to_string()),
    };
    Ok((Some(binding), value.span(file)))
}

/// `quarantine`: what the suite says of all its expectations about rows.
fn expectation(
    file: &Arc<SourceFile>,
    item: &yaml::Node,
    legacy: bool,
    quarantine: bool,
) -> Result<Placed, Vec<Diagnostic>> {
    let span = item.span(file);
    let Some(entries) = item.as_map() else {
        return Err(vec![wrong("an expectation must be a mapping with 'type' and 'kwargs'", span)]);
    };
    let mut errors = Vec::new();
    for (key, _) in entries {
        let text = key.key_text();
        if !EXPECTATION_KEYS.contains(&text.as_str()) {
            let error = wrong(format!("an expectation has no key '{text}'"), key.span(file));
            errors.push(match nearest(&text, EXPECTATION_KEYS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error.with_hint("what an expectation is given stands under 'kwargs'"),
            });
        }
    }
    let named = item.get("type").or_else(|| item.get("expectation_type"));
    let Some(name) = named.and_then(yaml::Node::as_str) else {
        errors.push(wrong("an expectation needs a 'type'", span));
        return Err(errors);
    };
    let mut kwargs = item.get("kwargs").map(yaml::Node::to_json_map).unwrap_or_default();
    if legacy {
        RETIRED.iter().for_each(|retired| {
            kwargs.shift_remove(*retired);
        });
    }
    let mut beside = item.to_json_map();
    if legacy && let Some(id) = beside.shift_remove("ge_cloud_id").filter(|id| !id.is_null()) {
        beside.insert("id".into(), id);
    }
    beside.shift_remove("on_failure");
    if let Some(own) = own_key(item, "on_failure") {
        beside.insert("on_failure".into(), own.to_json());
    } else if quarantine && catalog::find(name).is_some_and(Spec::is_map) {
        beside.insert("on_failure".into(), "quarantine".into());
    }
    match Expectation::read(name, &kwargs, &beside) {
        Ok(expectation) => {
            let problems = expectation.pattern_problems();
            errors.extend(
                problems.iter().map(|p| config_diagnostic(p, name, place(file, item, p.keyword.as_deref()))),
            );
            if errors.is_empty() {
                return Ok(Placed { expectation: Arc::new(expectation), span });
            }
        }
        Err(found) => {
            errors.extend(
                found.iter().map(|e| config_diagnostic(e, name, place(file, item, e.keyword.as_deref()))),
            );
        }
    }
    Err(errors)
}

/// Where a keyword of an expectation stands.
fn place(file: &Arc<SourceFile>, item: &yaml::Node, keyword: Option<&str>) -> Span {
    let Some(keyword) = keyword else { return item.span(file) };
    if keyword == "type" {
        return item.get("type").or_else(|| item.get("expectation_type")).unwrap_or(item).span(file);
    }
    if keyword == "on_failure"
        && let Some(own) = own_key(item, keyword)
    {
        return own.span(file);
    }
    let in_kwargs = item.get("kwargs").and_then(|kwargs| kwargs.entry(keyword));
    let entry = in_kwargs.or_else(|| item.entry(keyword)).map(|(key, _)| key);
    entry.or_else(|| item.get("kwargs")).unwrap_or(item).span(file)
}
