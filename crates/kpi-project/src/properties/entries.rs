//! From checked trees to typed entries.

use super::read::Entry;
use super::{
    ColumnProperties, ExposureProperties, GroupProperties, MacroProperties, NodeProperties, SourceProperties,
    SourceTableProperties, TestEntry, VersionProperties,
};
use crate::shape::{did_you_mean, shown};
use crate::yaml::{Node, Value};
use kpi_diagnostics::Diagnostic;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

type Result<T> = std::result::Result<T, Diagnostic>;

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).filter(|value| !value.is_null()).map(Node::key_text)
}

fn map(node: &Node, key: &str) -> Map<String, Json> {
    node.get(key).map(Node::to_json_map).unwrap_or_default()
}

fn name(node: &Node) -> Arc<str> {
    node.get("name").and_then(|n| n.as_str().cloned()).unwrap_or_default()
}

/// Everything but the keys in `typed`.
fn rest(node: &Node, typed: &[&str]) -> Map<String, Json> {
    node.as_map()
        .unwrap_or_default()
        .iter()
        .filter(|(key, _)| !key.as_str().is_some_and(|k| typed.contains(&&**k)))
        .map(|(key, value)| (key.key_text(), value.to_json()))
        .collect()
}

fn strings(value: Option<&Node>) -> Vec<Arc<str>> {
    match value.map(|n| &n.value) {
        Some(Value::List(items)) => items.iter().map(|n| n.key_text().into()).collect(),
        Some(Value::Str(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

/// `data_tests`, or `tests` as they were called before: not both.
fn tests_node<'n>(entry: &Entry<'_>, node: &'n Node) -> Result<Option<&'n Node>> {
    let old = node.entry("tests").filter(|(_, v)| v.as_list().is_some_and(|items| !items.is_empty()));
    match (old, node.entry("data_tests")) {
        (Some((key, _)), Some((other, _))) => Err(entry
            .error(key, "Invalid test config: cannot have both 'tests' and 'data_tests' defined")
            .with_related(other.span(entry.file), "defined here too")
            .with_hint("`tests` is the old name of `data_tests`: put all under `data_tests`")),
        (Some((_, tests)), None) => Ok(Some(tests)),
        (None, new) => Ok(new.map(|(_, tests)| tests)),
    }
}

fn tests(entry: &Entry<'_>, node: &Node) -> Result<Vec<TestEntry>> {
    Ok(tests_node(entry, node)?.map(|list| test_list(entry, list)).unwrap_or_default())
}

fn test_list(entry: &Entry<'_>, list: &Node) -> Vec<TestEntry> {
    list.as_list()
        .unwrap_or_default()
        .iter()
        .map(|test| TestEntry { definition: test.to_json(), span: test.span(entry.file) })
        .collect()
}

fn columns(entry: &Entry<'_>, node: &Node) -> Result<Vec<ColumnProperties>> {
    node.get("columns").and_then(Node::as_list).unwrap_or_default().iter().map(|c| column(entry, c)).collect()
}

fn column(entry: &Entry<'_>, node: &Node) -> Result<ColumnProperties> {
    let config = node.get("config");
    let mut meta = map(node, "meta");
    meta.extend(config.map(|c| map(c, "meta")).unwrap_or_default());
    let mut tags: Vec<Arc<str>> = Vec::new();
    for tag in strings(node.get("tags")).into_iter().chain(strings(config.and_then(|c| c.get("tags")))) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let constraints = node.get("constraints").and_then(Node::as_list).unwrap_or_default();
    check_constraints(entry, node, constraints)?;
    Ok(ColumnProperties {
        name: name(node),
        span: node.span(entry.file),
        description: text(node, "description").unwrap_or_default(),
        data_type: text(node, "data_type"),
        quote: match node.get("quote").map(|n| &n.value) {
            Some(Value::Bool(quote)) => Some(*quote),
            _ => None,
        },
        meta,
        tags,
        config: config.map(Node::to_json_map).unwrap_or_default(),
        constraints: constraints.iter().map(Node::to_json).collect(),
        data_tests: tests(entry, node)?,
        other: rest(
            node,
            &[
                "name",
                "description",
                "data_type",
                "quote",
                "meta",
                "tags",
                "config",
                "constraints",
                "data_tests",
                "tests",
            ],
        ),
    })
}

const CONSTRAINTS: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

fn check_constraints(entry: &Entry<'_>, owner: &Node, constraints: &[Node]) -> Result<()> {
    for constraint in constraints {
        let kind = constraint.get("type");
        if kind.and_then(Node::as_str).is_some_and(|kind| CONSTRAINTS.contains(&&**kind)) {
            continue;
        }
        let error = entry
            .error(kind.unwrap_or(constraint), format!("Invalid constraint type on column {}", name(owner)));
        return Err(error.with_hint(format!("constraint types are: {}", CONSTRAINTS.join(", "))));
    }
    Ok(())
}

/// Keys that may stand at the top or under `config`, but not in both places.
fn check_given_once(entry: &Entry<'_>) -> Result<()> {
    let Some(config) = entry.node.get("config") else { return Ok(()) };
    for attribute in ["meta", "docs", "group", "contract", "access"] {
        if let (Some((key, _)), Some((other, _))) = (entry.node.entry(attribute), config.entry(attribute)) {
            return Err(Diagnostic::error(
                "K0505",
                "Parsing Error",
                format!(
                    "In {}: found {attribute} dictionary in 'config' dictionary and as top-level key. Remove the \
                     top-level key and define it under 'config' dictionary only.",
                    entry.file.name
                ),
            )
            .with_span(key.span(entry.file))
            .with_related(other.span(entry.file), "in 'config'")
            .with_hint("keep the one in 'config'"));
        }
    }
    Ok(())
}

const ACCESS: [&str; 3] = ["private", "protected", "public"];

fn check_access(entry: &Entry<'_>) -> Result<()> {
    let under_config = entry.node.get("config").and_then(|config| config.get("access"));
    let Some(access) = entry.node.get("access").or(under_config).filter(|node| !node.is_null()) else {
        return Ok(());
    };
    let word = access.key_text();
    if ACCESS.contains(&word.as_str()) {
        return Ok(());
    }
    let hint =
        did_you_mean(&word, ACCESS).unwrap_or_else(|| format!("access is one of: {}", ACCESS.join(", ")));
    Err(Diagnostic::error(
        "K0507",
        "Parsing Error",
        format!("Node {} has an invalid value ({word}) for the access field", name(entry.node)),
    )
    .with_span(access.span(entry.file))
    .with_hint(hint))
}

const NODE_KEYS: [&str; 8] =
    ["name", "description", "columns", "config", "data_tests", "tests", "versions", "latest_version"];

pub(super) fn node(entry: &Entry<'_>) -> Result<NodeProperties> {
    check_given_once(entry)?;
    check_access(entry)?;
    let node = entry.node;
    Ok(NodeProperties {
        name: name(node),
        span: node.span(entry.file),
        description: text(node, "description").unwrap_or_default(),
        columns: columns(entry, node)?,
        config: map(node, "config"),
        unrendered_config: entry.unrendered_config.clone(),
        data_tests: tests(entry, node)?,
        versions: versions(entry, node)?,
        latest_version: node.get("latest_version").filter(|v| !v.is_null()).map(Node::to_json),
        other: rest(node, &NODE_KEYS),
    })
}

/// A model: versions must agree with each other.
pub(super) fn model(entry: &Entry<'_>) -> Result<NodeProperties> {
    let model = node(entry)?;
    let list = entry.node.get("versions").and_then(Node::as_list).unwrap_or_default();
    let mut seen: FxHashMap<String, &Node> = FxHashMap::default();
    for v in list.iter().filter_map(|version| version.get("v")) {
        if let Some(first) = seen.insert(v.key_text(), v) {
            return Err(Diagnostic::error(
                "K0506",
                "Parsing Error",
                format!(
                    "Found duplicate version: '{}' in versions list of model '{}'",
                    v.key_text(),
                    model.name
                ),
            )
            .with_span(v.span(entry.file))
            .with_related(first.span(entry.file), "first given here")
            .with_hint("give each version a `v` of its own"));
        }
    }
    let latest = entry.node.get("latest_version").filter(|v| !v.is_null() && !v.is_str(""));
    if let Some(latest) = latest
        && !model.versions.iter().any(|version| same_version(&version.v, &latest.to_json()))
    {
        let known: Vec<String> = list.iter().filter_map(|v| v.get("v")).map(shown).collect();
        return Err(Diagnostic::error(
            "K0506",
            "Parsing Error",
            format!(
                "latest_version: {} is not one of model '{}' versions: [{}]",
                latest.key_text(),
                model.name,
                known.join(", ")
            ),
        )
        .with_span(latest.span(entry.file))
        .with_hint("name one of them, or leave latest_version out: the highest is the latest then"));
    }
    Ok(model)
}

/// `2` and `2.0` are the same version, `2` and `'2'` are not: Python's equality.
fn same_version(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn versions(entry: &Entry<'_>, node: &Node) -> Result<Vec<VersionProperties>> {
    let Some(list) = node.get("versions").and_then(Node::as_list) else { return Ok(Vec::new()) };
    let unrendered = entry.unrendered_versions.iter().cloned().chain(std::iter::repeat_with(Map::new));
    list.iter().zip(unrendered).map(|(v, unrendered)| version(entry, v, unrendered)).collect()
}

fn version(
    entry: &Entry<'_>,
    node: &Node,
    unrendered_config: Map<String, Json>,
) -> Result<VersionProperties> {
    let columns = node.get("columns").and_then(Node::as_list);
    let is_filter = |column: &&Node| column.get("include").is_some();
    if let Some(second) = columns.unwrap_or_default().iter().filter(is_filter).nth(1) {
        return Err(entry
            .error(second, "version can have at most one include/exclude element")
            .with_hint("join the two into one entry: include lists names or is 'all', exclude lists names"));
    }
    let excludes = |column: &&Node| column.get("exclude").is_some_and(|names| !names.is_null());
    let lists =
        |column: &&Node| column.get("include").is_some_and(|all| !all.is_str("all") && !all.is_str("*"));
    let filter = columns.unwrap_or_default().iter().find(is_filter);
    if let Some(filter) = filter.filter(excludes).filter(lists) {
        return Err(entry
            .error(filter, "exclude can only be specified if include='*' or 'all'")
            .with_hint("list what is included, or include 'all' and list what is not"));
    }
    let own = columns.unwrap_or_default().iter().filter(|column| !is_filter(column));
    Ok(VersionProperties {
        v: node.get("v").map(Node::to_json).unwrap_or_default(),
        span: node.span(entry.file),
        defined_in: text(node, "defined_in"),
        columns: columns.map(|list| list.iter().map(Node::to_json).collect()),
        column_properties: own.map(|c| column(entry, c)).collect::<Result<_>>()?,
        data_tests: tests_node(entry, node)?.filter(|n| !n.is_null()).map(|list| test_list(entry, list)),
        description: text(node, "description"),
        config: map(node, "config"),
        unrendered_config,
        other: rest(node, &["v", "defined_in", "columns", "data_tests", "tests", "description", "config"]),
    })
}

pub(super) fn source(entry: &Entry<'_>) -> Result<SourceProperties> {
    let node = entry.node;
    let tables = node.get("tables").and_then(Node::as_list).unwrap_or_default();
    for owner in std::iter::once(node).chain(tables) {
        if let Some(field) = owner.get("loaded_at_field").filter(|field| field.is_str("")) {
            return Err(entry
                .error(field, "loaded_at_field cannot be an empty string.")
                .with_hint("name a column, or remove the key"));
        }
    }
    let [unrendered_database, unrendered_schema] = entry.unrendered_names.clone();
    Ok(SourceProperties {
        name: name(node),
        span: node.span(entry.file),
        description: text(node, "description").unwrap_or_default(),
        database: text(node, "database"),
        schema: text(node, "schema"),
        unrendered_database,
        unrendered_schema,
        loader: text(node, "loader").unwrap_or_default(),
        config: map(node, "config"),
        unrendered_config: entry.unrendered_config.clone(),
        tables: tables.iter().map(|table| source_table(entry, table)).collect::<Result<_>>()?,
        other: rest(node, &["name", "description", "database", "schema", "loader", "config", "tables"]),
    })
}

fn source_table(entry: &Entry<'_>, node: &Node) -> Result<SourceTableProperties> {
    Ok(SourceTableProperties {
        name: name(node),
        span: node.span(entry.file),
        description: text(node, "description").unwrap_or_default(),
        identifier: text(node, "identifier"),
        columns: columns(entry, node)?,
        config: map(node, "config"),
        data_tests: tests(entry, node)?,
        other: rest(node, &["name", "description", "identifier", "columns", "config", "data_tests", "tests"]),
    })
}

pub(super) fn macro_(entry: &Entry<'_>) -> Result<MacroProperties> {
    let node = entry.node;
    let arguments = node.get("arguments").and_then(Node::as_list).unwrap_or_default();
    Ok(MacroProperties {
        name: name(node),
        span: node.span(entry.file),
        description: text(node, "description").unwrap_or_default(),
        arguments: arguments.iter().map(Node::to_json).collect(),
        config: map(node, "config"),
        other: rest(node, &["name", "description", "arguments", "config"]),
    })
}

fn check_owner(entry: &Entry<'_>, what: &str) -> Result<()> {
    let Some(owner) = entry.node.get("owner") else { return Ok(()) };
    if text(owner, "name").is_some() || owner.get("email").is_some_and(|email| !email.is_null()) {
        return Ok(());
    }
    Err(entry
        .error(owner, format!("{what} owner must have at least one of 'name' or 'email'."))
        .with_hint("add `name: ...` or `email: ...`"))
}

pub(super) fn exposure(entry: &Entry<'_>) -> Result<ExposureProperties> {
    check_owner(entry, "Exposure")?;
    let node = entry.node;
    let depends_on = node.get("depends_on").and_then(Node::as_list).unwrap_or_default();
    Ok(ExposureProperties {
        name: name(node),
        span: node.span(entry.file),
        depends_on: depends_on.iter().map(Node::key_text).collect(),
        fields: node.to_json_map(),
    })
}

pub(super) fn group(entry: &Entry<'_>) -> Result<GroupProperties> {
    check_owner(entry, "Group")?;
    let node = entry.node;
    Ok(GroupProperties { name: name(node), span: node.span(entry.file), fields: node.to_json_map() })
}
