//! Reads `dbt_project.yml`, and the same tree as `kpi.toml` gives it.

use super::{CONFIG_TREES, PROJECT, RESERVED_NAMES};
use crate::inventory::distinct;
use crate::render::{Policy, Renderer};
use crate::shape::did_you_mean;
use crate::version::{EMULATED_DBT_VERSION, VersionBound, admits_ours, compatible};
use crate::yaml::{Node, Value};
use crate::{ProjectConfig, yaml};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// How a project file is read.
pub(crate) struct Reading<'a> {
    pub(crate) renderer: &'a Renderer,
    /// Whether `require-dbt-version` must hold.
    pub(crate) check_version: bool,
    pub(crate) native: bool,
}

const KIND: &str = "Runtime Error";

/// The tree of a `dbt_project.yml` before rendering, with `tests` under its newer name.
pub(crate) fn raw_dbt_project(
    file: &Arc<SourceFile>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Node, Diagnostic> {
    let document = yaml::parse_document(file)?;
    warnings.extend(document.duplicates);
    let mut root = match document.root {
        Some(root) if root.as_map().is_some() => root,
        other => {
            let diagnostic =
                Diagnostic::error("K0201", KIND, format!("{} does not parse to a dictionary", file.name))
                    .with_span(other.map_or_else(|| Span::whole(file.clone()), |node| node.span(file)))
                    .with_hint("a project file holds at least `name: my_project`");
            return Err(diagnostic);
        }
    };
    if root.get("data_tests").is_none()
        && let Value::Map(entries) = &mut root.value
        && let Some((key, _)) = entries.iter_mut().find(|(key, _)| key.is_str("tests"))
    {
        key.value = Value::Str("data_tests".into());
    }
    Ok(root)
}

pub(crate) fn as_warning(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.severity = kpi_diagnostics::Severity::Warning;
    diagnostic
}

/// Renders and reads a project's tree.
pub(crate) fn read_dbt_project(
    file: &Arc<SourceFile>,
    mut root: Node,
    reading: &Reading<'_>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<ProjectConfig, Diagnostic> {
    let unrendered_configs = trees(&root);
    reading.renderer.render(&mut root, file, Policy::Project)?;
    normalize(&mut root);
    let require_version = required_versions(file, &root, reading)?;
    check_renamed_paths(file, &root, reading.native, warnings)?;
    PROJECT.check(&root).map_err(|misfit| {
        let heading = match root.as_map().is_some() && root.get("name").is_none() {
            true => "Required \"name\" field not present in project",
            false => "",
        };
        misfit.diagnostic("K0202", KIND, heading, file)
    })?;
    let name = check_name(file, &root)?;
    check_version_text(file, &root)?;
    check_config_version(file, &root)?;
    if let (Some((key, tests)), Some(data_tests)) = (root.entry("tests"), root.get("data_tests"))
        && [tests, data_tests].iter().all(|n| n.as_map().is_some_and(|m| !m.is_empty()))
    {
        return Err(error(
            file,
            key,
            "Invalid project config: cannot have both 'tests' and 'data_tests' defined",
        )
        .with_hint("`tests` is the old name of `data_tests`: put all under `data_tests`"));
    }
    let text = |key: &str| root.get(key).and_then(Node::as_str).map(|s| s.to_string());
    let paths = |key: &str, old: Option<&str>, default: &[&str]| -> Vec<String> {
        let given = root.get(key).or_else(|| root.get(old?));
        match given.and_then(Node::as_list) {
            Some(items) => items.iter().filter_map(|n| n.as_str().map(|s| s.to_string())).collect(),
            None => default.iter().map(|s| (*s).to_owned()).collect(),
        }
    };
    let map = |key: &str| root.get(key).map(Node::to_json_map).unwrap_or_default();
    let strings = |key: &str| paths(key, None, &[]);
    let model_paths = paths("model-paths", Some("source-paths"), &["models"]);
    let seed_paths = paths("seed-paths", Some("data-paths"), &["seeds"]);
    let test_paths = paths("test-paths", None, &["tests"]);
    let analysis_paths = paths("analysis-paths", None, &["analyses"]);
    let macro_paths = paths("macro-paths", None, &["macros"]);
    let snapshot_paths = paths("snapshot-paths", None, &["snapshots"]);
    let function_paths = paths("function-paths", None, &["functions"]);
    let docs_paths = match root.get("docs-paths").and_then(Node::as_list) {
        Some(_) => strings("docs-paths"),
        None => distinct(
            [
                &model_paths,
                &seed_paths,
                &snapshot_paths,
                &analysis_paths,
                &macro_paths,
                &test_paths,
                &function_paths,
            ]
            .into_iter()
            .flatten()
            .cloned(),
        ),
    };
    let target_path = text("target-path").unwrap_or_else(|| "target".to_owned());
    let clean_targets = match root.get("clean-targets").and_then(Node::as_list) {
        Some(_) => strings("clean-targets"),
        None => vec![target_path.clone()],
    };
    Ok(ProjectConfig {
        file: Some(file.clone()),
        native: reading.native,
        name,
        version: root.get("version").filter(|v| !v.is_null()).map(Node::key_text),
        profile: text("profile"),
        model_paths,
        seed_paths,
        test_paths,
        analysis_paths,
        docs_paths,
        asset_paths: strings("asset-paths"),
        expectation_paths: paths("expectation-paths", None, &["expectations"]),
        macro_paths,
        snapshot_paths,
        function_paths,
        target_path,
        packages_install_path: text("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        log_path: text("log-path").unwrap_or_else(|| "logs".to_owned()),
        clean_targets,
        quoting: map("quoting").into_iter().filter(|(_, v)| !v.is_null()).collect(),
        vars: root.get("vars").map(crate::variables_of).unwrap_or_default(),
        configs: trees(&root),
        unrendered_configs,
        on_run_start: strings("on-run-start"),
        on_run_end: strings("on-run-end"),
        dispatch: dispatch(file, &root)?,
        query_comment: root.get("query-comment").map(Node::to_json),
        require_version,
        flags: map("flags"),
        restrict_access: matches!(root.get("restrict-access").map(|n| &n.value), Some(Value::Bool(true))),
        dbt_cloud: root.get("dbt-cloud").filter(|n| !n.is_null()).map(Node::to_json),
    })
}

fn error(file: &Arc<SourceFile>, at: &Node, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0202", KIND, message).with_span(at.span(file))
}

/// The config trees, each a mapping.
fn trees(root: &Node) -> Map<String, Json> {
    CONFIG_TREES
        .iter()
        .filter_map(|name| {
            let tree = root.get(name)?;
            Some(((*name).to_owned(), Json::Object(tree.to_json_map())))
        })
        .collect()
}

/// Where dbt takes nothing for an empty mapping, and one hook for a list of one.
fn normalize(root: &mut Node) {
    let Value::Map(entries) = &mut root.value else { return };
    for (key, value) in entries {
        match key.as_str().map(|s| &**s) {
            Some("models" | "seeds" | "snapshots") if value.is_null() => value.value = Value::Map(Vec::new()),
            Some("on-run-start" | "on-run-end") => match &value.value {
                Value::Null => value.value = Value::List(Vec::new()),
                Value::Str(_) => value.value = Value::List(vec![value.clone()]),
                _ => {}
            },
            _ => {}
        }
    }
}

fn check_name(file: &Arc<SourceFile>, root: &Node) -> Result<Arc<str>, Diagnostic> {
    let Some(node) = root.get("name") else { return Ok("".into()) };
    let name = node.as_str().cloned().unwrap_or_default();
    let mut letters = name.chars();
    let valid = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');
    if !valid {
        return Err(error(file, node, format!(r"at path ['name']: '{name}' does not match '^[^\d\W]\w*$'"))
            .with_hint("a project name holds letters, digits and underscores, and begins with no digit"));
    }
    if RESERVED_NAMES.contains(&&*name) {
        return Err(error(file, node, format!("Invalid project name: {name} is a reserved word"))
            .with_hint("choose a name that means nothing else in templates"));
    }
    Ok(name)
}

/// `1.0`, `1.2.3`, `1.2.3-rc.1+build`
fn check_version_text(file: &Arc<SourceFile>, root: &Node) -> Result<(), Diagnostic> {
    let Some(node) = root.get("version").filter(|node| !node.is_null()) else { return Ok(()) };
    let text = node.key_text();
    let number =
        |n: &str| n == "0" || !n.is_empty() && !n.starts_with('0') && n.bytes().all(|c| c.is_ascii_digit());
    let two_numbers = text.split_once('.').is_some_and(|(a, b)| number(a) && number(b));
    // Unlike in a bound, a prerelease needs its hyphen.
    let plain = text.split(['-', '+']).next().unwrap_or_default();
    let three_numbers =
        plain.split('.').count() == 3 && plain.split('.').all(number) && VersionBound::parse(&text).is_some();
    if two_numbers || three_numbers {
        return Ok(());
    }
    Err(error(file, node, format!("at path ['version']: '{text}' is not valid: it is not a version"))
        .with_hint("write a version such as '1.0.0', or leave it out"))
}

fn check_config_version(file: &Arc<SourceFile>, root: &Node) -> Result<(), Diagnostic> {
    match root.get("config-version") {
        Some(node) if !matches!(node.value, Value::Int(version) if version > 1) => Err(error(
            file,
            node,
            format!("Got an unexpected project version={}, expected 2", node.key_text()),
        )
        .with_hint("write `config-version: 2`, or leave it out")),
        _ => Ok(()),
    }
}

fn check_renamed_paths(
    file: &Arc<SourceFile>,
    root: &Node,
    native: bool,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    for (old, new, event) in [
        ("source-paths", "model-paths", "ConfigSourcePathDeprecation"),
        ("data-paths", "seed-paths", "ConfigDataPathDeprecation"),
    ] {
        let Some((key, _)) = root.entry(old) else { continue };
        if let Some((other, _)) = root.entry(new) {
            return Err(error(file, key, format!("{old} and {new} cannot both be defined"))
                .with_related(other.span(file), "defined here too")
                .with_hint(format!("`{old}` is the old name of `{new}`: keep `{new}`")));
        }
        warnings.push(
            Diagnostic::warning(
                "K0203",
                "Deprecation",
                format!("The `{old}` config has been renamed to `{new}`"),
            )
            .with_span(key.span(file))
            .with_hint(format!("rename it to `{new}`"))
            .with_event(event, json!({"deprecated_path": old, "exp_path": new})),
        );
    }
    for (key, default, flag, event) in [
        ("log-path", "logs", "--log-path", "ConfigLogPathDeprecation"),
        ("target-path", "target", "--target-path", "ConfigTargetPathDeprecation"),
    ] {
        if let Some((name, value)) = root.entry(key)
            && !native
            && !value.is_str(default)
        {
            warnings.push(
                Diagnostic::warning(
                    "K0203",
                    "Deprecation",
                    format!("The `{key}` config in {} is deprecated", file.name),
                )
                .with_span(name.span(file))
                .with_hint(format!("use the flag {flag} or the environment variable instead"))
                .with_event(event, json!({"deprecated_path": key})),
            );
        }
    }
    Ok(())
}

fn required_versions(
    file: &Arc<SourceFile>,
    root: &Node,
    reading: &Reading<'_>,
) -> Result<Vec<String>, Diagnostic> {
    let Some(node) = root.get("require-dbt-version") else { return Ok(Vec::new()) };
    let texts: Vec<String> = match &node.value {
        Value::Str(text) => text.split(',').map(str::to_owned).collect(),
        Value::List(items) => items.iter().filter_map(|n| n.as_str().map(|s| s.to_string())).collect(),
        _ => return Ok(Vec::new()),
    };
    let mut bounds = Vec::new();
    for text in &texts {
        let bound = VersionBound::parse(text).ok_or_else(|| {
            error(file, node, format!("\"{text}\" is not a valid semantic version."))
                .with_hint("write bounds such as \">=1.0.0,<2.0.0\", without spaces")
        })?;
        bounds.push(bound);
    }
    if reading.check_version {
        let package = root.get("name").map(Node::key_text).unwrap_or_default();
        let shown: Vec<String> = bounds.iter().map(|b| format!("'{}'", b.shown())).collect();
        let shown = shown.join(", ");
        if !compatible(&bounds) {
            return Err(error(
                file,
                node,
                format!(
                    "The package version requirement can never be satisfied for the '{package}' package.\n  Required \
                     versions of dbt for '{package}': [{shown}]"
                ),
            )
            .with_hint("correct the bounds, or run again with --no-version-check"));
        }
        if !admits_ours(&bounds) {
            return Err(error(
                file,
                node,
                format!(
                    "This version of dbt is not supported with the '{package}' package.\n  Installed version of dbt: \
                     ={EMULATED_DBT_VERSION}\n  Required version of dbt for '{package}': [{shown}]"
                ),
            )
            .with_hint(format!(
                "kpi behaves as dbt {EMULATED_DBT_VERSION}: check for a different version of the '{package}' package, \
                 or run again with --no-version-check"
            )));
        }
    }
    Ok(bounds.iter().map(VersionBound::shown).collect())
}

type SearchOrders = Vec<(Arc<str>, Vec<Arc<str>>)>;

fn dispatch(file: &Arc<SourceFile>, root: &Node) -> Result<SearchOrders, Diagnostic> {
    let Some(entries) = root.get("dispatch").and_then(Node::as_list) else { return Ok(Vec::new()) };
    entries
        .iter()
        .map(|entry| {
            let namespace = entry.get("macro_namespace");
            let order = entry.get("search_order").and_then(Node::as_list);
            let (Some(namespace), Some(order)) = (namespace, order) else {
                let error =
                    error(file, entry, format!("Invalid project dispatch config: {}", entry.to_json()));
                let known = ["macro_namespace", "search_order"];
                let meant = entry
                    .as_map()
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|(key, _)| key.as_str())
                    .filter(|key| !known.contains(&&***key))
                    .find_map(|key| did_you_mean(key, known));
                return Err(error.with_hint(meant.unwrap_or_else(|| {
                    "each entry has a `macro_namespace` and a list `search_order`".to_owned()
                })));
            };
            let order = order.iter().map(|n| n.key_text().into()).collect();
            Ok((namespace.key_text().into(), order))
        })
        .collect()
}
