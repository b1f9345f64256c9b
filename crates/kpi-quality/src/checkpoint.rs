//! Checkpoints: which suites are judged on which data, and what is done with the results. The files are those of Great
//! Expectations: since 1.0 JSON with validation definitions in files of their own, before it YAML with `validations`.

use crate::kwargs::ConfigError;
use crate::result_format::ResultFormat;
use kpi_diagnostics::{Diagnostic, SourceFile, Span, nearest};
use kpi_project::yaml;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint that was read and checked.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its name.
    pub name: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// What is judged.
    pub validations: Vec<Validation>,
    /// What is done with the results.
    pub actions: Vec<Action>,
    /// How much of the results is wanted.
    pub result_format: Option<ResultFormat>,
    /// A pattern for the name of a run, in the words of `strftime`.
    pub run_name: Option<String>,
    /// The file.
    pub file: Arc<SourceFile>,
}

/// A suite and the data that it is judged on.
#[derive(Debug, Clone)]
pub struct Validation {
    /// The suite, by its name.
    pub suite: String,
    /// The data; `None`: what the suite says itself.
    pub wanted: Option<Wanted>,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Values of parameters.
    pub parameters: Map<String, Json>,
    /// How much of the results is wanted, where it says so itself.
    pub result_format: Option<ResultFormat>,
    /// Where it stands.
    pub span: Span,
}

/// The data that a validation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The asset's name.
    pub asset: String,
    /// The data source of the asset.
    pub source: Option<String>,
    /// What the project's configuration of Great Expectations says that the asset is.
    pub subject: Option<Subjects>,
}

/// What an asset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subjects {
    /// A table, with its schema where it is given.
    Table(Option<String>, String),
    /// A query.
    Query(String),
}

/// What is done with the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// They are stored: kpi does so in any case.
    Store,
    /// The page of suites and results is written.
    Docs,
    /// What kpi does not do: name and type.
    Ignored(String, String),
}

/// Where a checkpoint and what belongs to it is looked for.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

/// The folders that may hold what Great Expectations keeps: the project itself, and its own.
const BASES: [&str; 3] = ["", "gx/", "great_expectations/"];

const ENDINGS: [&str; 3] = ["json", "yml", "yaml"];

const NEWER: &[&str] = &["name", "id", "validation_definitions", "actions", "result_format"];

const OLDER: &[&str] = &[
    "name",
    "config_version",
    "template_name",
    "module_name",
    "class_name",
    "run_name_template",
    "expectation_suite_name",
    "batch_request",
    "action_list",
    "evaluation_parameters",
    "suite_parameters",
    "runtime_configuration",
    "validations",
    "profilers",
    "ge_cloud_id",
    "expectation_suite_ge_cloud_id",
    "site_names",
    "slack_webhook",
    "notify_on",
    "notify_with",
    "id",
    "default_validation_id",
];

fn wrong(message: impl Into<String>, span: Span) -> Diagnostic {
    Diagnostic::error("K0571", "Parsing Error", message).with_span(span)
}

fn format_error(error: ConfigError, span: Span) -> Diagnostic {
    wrong(error.message, span)
}

impl Files {
    /// Of the project in that folder.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn read(&self, path: &str) -> Option<Result<Arc<SourceFile>, Diagnostic>> {
        let full = self.root.join(path);
        if !full.is_file() {
            return None;
        }
        Some(std::fs::read_to_string(&full).map(|text| SourceFile::new(path, text)).map_err(|error| {
            Diagnostic::error("K0101", "Runtime Error", format!("{path} cannot be read: {error}"))
        }))
    }

    /// Names and files of the checkpoints that there are.
    pub fn checkpoints(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for base in BASES {
            let folder = format!("{base}checkpoints");
            let Ok(entries) = std::fs::read_dir(self.root.join(&folder)) else { continue };
            let mut names: Vec<String> =
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
            names.sort();
            for name in names {
                if let Some((stem, ending)) = name.rsplit_once('.')
                    && ENDINGS.contains(&ending)
                    && !stem.is_empty()
                {
                    found.push((stem.to_owned(), format!("{folder}/{name}")));
                }
            }
        }
        found
    }

    /// The suites that lie where Great Expectations keeps its own.
    pub fn suites(&self) -> Vec<Arc<SourceFile>> {
        let mut found = Vec::new();
        for base in BASES.iter().skip(1) {
            let folder = format!("{base}expectations");
            let Ok(entries) = std::fs::read_dir(self.root.join(&folder)) else { continue };
            let mut names: Vec<String> =
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
            names.sort();
            let suites = names.iter().filter(|name| !name.starts_with('.') && name.ends_with(".json"));
            found.extend(suites.filter_map(|name| self.read(&format!("{folder}/{name}"))?.ok()));
        }
        found
    }

    /// Reads and checks a checkpoint, by its name or its file.
    ///
    /// # Errors
    /// There is none of that name, or something is wrong with it.
    pub fn checkpoint(&self, name: &str) -> Result<Checkpoint, Vec<Diagnostic>> {
        let known = self.checkpoints();
        let path = known.iter().find(|(stem, _)| stem == name).map(|(_, path)| path.clone());
        let path = path.unwrap_or_else(|| name.to_owned());
        let file = match self.read(&path) {
            Some(Ok(file)) => file,
            Some(Err(error)) => return Err(vec![error]),
            None => {
                let error =
                    Diagnostic::error("K0570", "Usage Error", format!("there is no checkpoint '{name}'"));
                let near = nearest(name, known.iter().map(|(stem, _)| stem.as_str()));
                return Err(vec![match near {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error.with_hint("checkpoints lie in the folder checkpoints, one file each"),
                }]);
            }
        };
        let base = path.rsplit_once("checkpoints/").map_or("", |(base, _)| base);
        self.parse(&file, base)
    }

    fn parse(&self, file: &Arc<SourceFile>, base: &str) -> Result<Checkpoint, Vec<Diagnostic>> {
        let start = Span::at(file.clone(), 1, 1);
        let root = yaml::parse(file).map_err(|error| vec![error])?;
        let Some(root) = root.filter(|node| node.as_map().is_some()) else {
            return Err(vec![wrong("a checkpoint must be a mapping", start)]);
        };
        let newer = root.get("validation_definitions").is_some();
        let keys = if newer { NEWER } else { OLDER };
        let mut errors = Vec::new();
        for (key, _) in root.as_map().unwrap_or_default() {
            let text = key.key_text();
            if !keys.contains(&text.as_str()) {
                let error = wrong(format!("a checkpoint has no key '{text}'"), key.span(file));
                errors.push(match nearest(&text, keys.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                });
            }
        }
        let reading = Reading { files: self, file, base, root: &root };
        let validations =
            if newer { reading.definitions(&mut errors) } else { reading.validations(&mut errors) };
        let result_format = reading.result_format(&root, &mut errors);
        if validations.is_empty() && errors.is_empty() {
            let key = if newer { "validation_definitions" } else { "validations" };
            errors.push(wrong(format!("a checkpoint needs '{key}'"), start));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let text = |key: &str| root.get(key).and_then(yaml::Node::as_str).map(|text| text.to_string());
        let stem = file.name.rsplit('/').next().unwrap_or(&file.name);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        Ok(Checkpoint {
            name: text("name").unwrap_or_else(|| stem.to_owned()),
            id: text("id"),
            validations,
            actions: reading.actions(),
            result_format,
            run_name: text("run_name_template"),
            file: file.clone(),
        })
    }
}

/// A checkpoint while it is read.
struct Reading<'r> {
    files: &'r Files,
    file: &'r Arc<SourceFile>,
    /// The folder that everything lies in: `gx/`
    base: &'r str,
    root: &'r yaml::Node,
}

impl Reading<'_> {
    fn result_format(&self, node: &yaml::Node, errors: &mut Vec<Diagnostic>) -> Option<ResultFormat> {
        let given =
            node.get("result_format").or_else(|| node.find(["runtime_configuration", "result_format"]))?;
        if given.is_null() {
            return None;
        }
        match ResultFormat::read(&given.to_json()) {
            Ok(format) => Some(format),
            Err(error) => {
                errors.push(format_error(error, given.span(self.file)));
                None
            }
        }
    }

    /// The layout since 1.0: each definition is a file of its own.
    fn definitions(&self, errors: &mut Vec<Diagnostic>) -> Vec<Validation> {
        let Some(node) = self.root.get("validation_definitions") else { return Vec::new() };
        let Some(items) = node.as_list() else {
            errors.push(wrong("'validation_definitions' must be a list", node.span(self.file)));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            let span = item.span(self.file);
            let Some(name) = item.get("name").or(Some(item)).and_then(yaml::Node::as_str) else {
                errors.push(wrong("a validation definition needs a 'name'", span));
                continue;
            };
            let path = format!("{}validation_definitions/{name}.json", self.base);
            let definition = match self.files.read(&path) {
                Some(Ok(definition)) => definition,
                Some(Err(error)) => {
                    errors.push(error);
                    continue;
                }
                None => {
                    errors.push(
                        wrong(format!("there is no validation definition '{name}'"), span)
                            .with_hint(format!("it is looked for as {path}")),
                    );
                    continue;
                }
            };
            match self.definition(&definition) {
                Ok(validation) => found.push(validation),
                Err(error) => errors.push(error),
            }
        }
        found
    }

    fn definition(&self, file: &Arc<SourceFile>) -> Result<Validation, Diagnostic> {
        let root = yaml::parse(file)?;
        let start = Span::at(file.clone(), 1, 1);
        let root = root.ok_or_else(|| wrong("a validation definition must be a mapping", start.clone()))?;
        let text = |path: [&str; 3]| {
            let path = path.into_iter().filter(|step| !step.is_empty());
            root.find(path).and_then(yaml::Node::as_str).map(|text| text.to_string())
        };
        let Some(suite) = text(["suite", "name", ""]) else {
            return Err(wrong("a validation definition needs 'suite: {name: ...}'", start));
        };
        let wanted = match text(["data", "asset", "name"]) {
            Some(asset) => {
                let batch = text(["data", "batch_definition", "name"]);
                Some(self.wanted(asset, text(["data", "datasource", "name"]), batch)?)
            }
            None => None,
        };
        Ok(Validation {
            suite,
            wanted,
            id: text(["id", "", ""]),
            parameters: Map::new(),
            result_format: None,
            span: start,
        })
    }

    /// The layout before 1.0: what a validation does not say, the checkpoint says for all.
    fn validations(&self, errors: &mut Vec<Diagnostic>) -> Vec<Validation> {
        if let Some(template) = self.root.get("template_name").filter(|node| !node.is_null()) {
            errors.push(
                wrong("a checkpoint that is made from a template cannot be read", template.span(self.file))
                    .with_hint("write what the template says into the checkpoint"),
            );
            return Vec::new();
        }
        let empty = Vec::new();
        let given = self.root.get("validations").filter(|node| !node.is_null());
        let items = match given.map(|node| (node, node.as_list())) {
            Some((node, None)) => {
                errors.push(wrong("'validations' must be a list", node.span(self.file)));
                return Vec::new();
            }
            Some((_, Some(items))) => items,
            None => empty.as_slice(),
        };
        let alone = items.is_empty() && self.root.get("expectation_suite_name").is_some();
        let items: Vec<&yaml::Node> = if alone { vec![self.root] } else { items.iter().collect() };
        let mut found = Vec::new();
        for item in items {
            match self.validation(item, errors) {
                Ok(validation) => found.push(validation),
                Err(error) => errors.push(error),
            }
        }
        found
    }

    fn validation(&self, item: &yaml::Node, errors: &mut Vec<Diagnostic>) -> Result<Validation, Diagnostic> {
        let span = item.span(self.file);
        let of = |key: &str| {
            let given = |node: &'_ yaml::Node| node.get(key).filter(|value| !value.is_null()).cloned();
            given(item).or_else(|| given(self.root))
        };
        let Some(suite) = of("expectation_suite_name").and_then(|node| node.as_str().cloned()) else {
            return Err(wrong("a validation needs an 'expectation_suite_name'", span));
        };
        let mut parameters = Map::new();
        for node in [self.root, item] {
            for key in ["evaluation_parameters", "suite_parameters"] {
                parameters.extend(node.get(key).map(yaml::Node::to_json_map).unwrap_or_default());
            }
        }
        let batch = of("batch_request");
        let text = |path: &[&str]| {
            let found = batch.as_ref().and_then(|batch| batch.find(path.iter().copied()));
            found.and_then(yaml::Node::as_str).map(|text| text.to_string())
        };
        let query =
            text(&["runtime_parameters", "query"]).or_else(|| text(&["batch_spec_passthrough", "query"]));
        let wanted = match (text(&["data_asset_name"]), query) {
            (asset, Some(query)) => Some(Wanted {
                asset: asset.unwrap_or_else(|| "query".to_owned()),
                source: text(&["datasource_name"]),
                subject: Some(Subjects::Query(query)),
            }),
            (Some(asset), None) => Some(self.wanted(asset, text(&["datasource_name"]), None)?),
            (None, None) => None,
        };
        Ok(Validation {
            suite: suite.to_string(),
            wanted,
            id: item.get("id").and_then(yaml::Node::as_str).map(|id| id.to_string()),
            parameters,
            result_format: self.result_format(item, errors),
            span,
        })
    }

    /// An asset, with what `great_expectations.yml` says that it is.
    ///
    /// # Errors
    /// A batch definition that divides the asset: judging all of it instead would be another verdict.
    fn wanted(
        &self,
        asset: String,
        source: Option<String>,
        batch: Option<String>,
    ) -> Result<Wanted, Diagnostic> {
        let path = format!("{}great_expectations.yml", self.base);
        let mut subject = None;
        if let Some(file) = self.files.read(&path).transpose()?
            && let Some(root) = yaml::parse(&file)?
            && let Some(sources) = root.get("fluent_datasources").and_then(yaml::Node::as_map)
        {
            let of_source = |key: &yaml::Node| source.as_ref().is_none_or(|source| key.key_text() == *source);
            let mut assets = sources
                .iter()
                .filter(|(key, _)| of_source(key))
                .filter_map(|(_, node)| node.find(["assets", asset.as_str()]));
            if let Some(node) = assets.next() {
                let text = |key: &str| node.get(key).and_then(yaml::Node::as_str).map(|t| t.to_string());
                let divided = batch
                    .as_deref()
                    .and_then(|batch| node.find(["batch_definitions", batch, "partitioner"]))
                    .filter(|partitioner| !partitioner.is_null());
                if let (Some(partitioner), Some(batch)) = (divided, &batch) {
                    let message = format!(
                        "the batch definition '{batch}' divides '{asset}' into parts, and kpi judges whole relations"
                    );
                    return Err(wrong(message, partitioner.span(&file)).with_hint(
                        "use a batch definition of the whole table, or a suite about a query that selects the part",
                    ));
                }
                subject = match (text("query"), text("table_name")) {
                    (Some(query), _) => Some(Subjects::Query(query)),
                    (None, Some(table)) => Some(Subjects::Table(text("schema_name"), table)),
                    (None, None) => None,
                };
            }
        }
        Ok(Wanted { asset, source, subject })
    }

    fn actions(&self) -> Vec<Action> {
        let mut found = Vec::new();
        let text = |node: &yaml::Node, key: &str| node.get(key).and_then(yaml::Node::as_str).cloned();
        let lists = ["actions", "action_list"].into_iter().filter_map(|key| self.root.get(key)?.as_list());
        for item in lists.flatten() {
            let inner = item.get("action").unwrap_or(item);
            let kind =
                text(inner, "type").or_else(|| text(inner, "class_name")).unwrap_or_else(|| "?".into());
            let name = text(item, "name").unwrap_or_else(|| kind.clone());
            found.push(match &*kind {
                "update_data_docs" | "UpdateDataDocsAction" => Action::Docs,
                "StoreValidationResultAction" => Action::Store,
                _ => Action::Ignored(name.to_string(), kind.to_string()),
            });
        }
        // A former class had its actions as keys of their own.
        if text(self.root, "class_name").as_deref() == Some("SimpleCheckpoint") {
            found.push(Action::Docs);
        }
        if text(self.root, "slack_webhook").is_some() {
            found.push(Action::Ignored("slack_webhook".to_owned(), "SlackNotificationAction".to_owned()));
        }
        found
    }
}

/// What the result of a checkpoint's run is described as: `validations` are the validation results.
pub fn description(validations: &[Json]) -> Json {
    let met = validations.iter().filter(|v| v.get("success") == Some(&Json::Bool(true))).count();
    let all = validations.len();
    #[allow(clippy::cast_precision_loss)]
    let percent = if all == 0 { Json::Null } else { Json::from(met as f64 / all as f64 * 100.0) };
    let described: Vec<Json> = validations.iter().map(described).collect();
    json!({
        "success": met == all,
        "statistics": {
            "evaluated_validations": all,
            "success_percent": percent,
            "successful_validations": met,
            "unsuccessful_validations": all - met,
        },
        "validation_results": described,
    })
}

fn described(validation: &Json) -> Json {
    let results = validation.get("results").and_then(Json::as_array);
    let expectations: Vec<Json> = results
        .into_iter()
        .flatten()
        .map(|result| {
            let config = |key: &str| result.pointer(&format!("/expectation_config/{key}")).cloned();
            let mut out = json!({
                "expectation_type": config("type"),
                "success": result.get("success"),
                "kwargs": config("kwargs"),
                "result": result.get("result"),
            });
            let raised = result.pointer("/exception_info/raised_exception").and_then(Json::as_bool);
            if raised == Some(true) {
                out["exception_info"] = result.get("exception_info").cloned().unwrap_or(Json::Null);
            }
            out
        })
        .collect();
    json!({
        "success": validation.get("success"),
        "statistics": validation.get("statistics"),
        "expectations": expectations,
        "result_url": null,
    })
}
