//! A generic test as written in a property file: its name, arguments and config.

use crate::context::md5_hex;
use kpi_jinja::Value;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// What is wrong with a definition, by the kind of error that dbt raises for it.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be read.
    Parsing(String),
    /// It asks for what cannot be.
    Compilation(String),
}

/// What a test is attached to.
pub(super) enum Target<'t> {
    /// A model, seed or snapshot; versions are models'.
    Node { name: &'t str, version: Option<&'t str> },
    /// A table of a source.
    Table { source: &'t str, table: &'t str },
    /// A query of a suite.
    Query { suite: &'t str, sql: &'t str },
}

impl Target<'_> {
    fn name(&self) -> String {
        match self {
            Self::Node { name, version: Some(version) } => format!("{name}_v{version}"),
            Self::Node { name, version: None } => (*name).to_owned(),
            Self::Table { source, table } => format!("{source}_{table}"),
            Self::Query { suite, .. } => (*suite).to_owned(),
        }
    }

    /// The `model` argument.
    fn expression(&self) -> String {
        match self {
            Self::Node { name, version: Some(version) } => {
                format!("{{{{ get_where_subquery(ref('{name}', version='{version}')) }}}}")
            }
            Self::Node { name, version: None } => format!("{{{{ get_where_subquery(ref('{name}')) }}}}"),
            Self::Table { source, table } => {
                format!("{{{{ get_where_subquery(source('{source}', '{table}')) }}}}")
            }
            Self::Query { sql, .. } => {
                format!("(\n{}\n) as kpi_query", sql.trim().trim_end_matches(';'))
            }
        }
    }
}

/// A test taken apart.
pub(super) struct Built {
    pub name: Arc<str>,
    pub namespace: Option<Arc<str>>,
    /// Arguments of the macro, `model` and `column_name` included.
    pub kwargs: Map<String, Json>,
    /// Config with its texts rendered.
    pub config: Map<String, Json>,
    pub description: String,
    /// Of at most 63 characters, unless the user gave a name.
    pub short_name: String,
    pub full_name: String,
    /// Ways of writing that are deprecated.
    pub usages: Vec<Usage>,
}

/// A deprecated way of writing a test.
pub(super) enum Usage {
    /// A config beside the arguments.
    ConfigBesides { test: String, key: &'static str },
    /// Arguments that are not under `arguments`.
    NoArguments { test: String },
    /// `arguments` while the flag says that it is an argument like any other.
    Arguments { test: String, value: String },
}

/// What may stand beside `arguments`, besides configs.
const BESIDES: [&str; 4] = ["config", "column_name", "description", "name"];

/// The deprecated ways in which a test is written.
fn usages(test: &str, arguments: &Map<String, Json>, arguments_property: bool) -> Vec<Usage> {
    let test = || test.to_owned();
    let given = arguments.get("arguments");
    if !arguments_property {
        let value = given.map(python_str);
        return value.map(|value| Usage::Arguments { test: test(), value }).into_iter().collect();
    }
    let config = |key: &str| CONFIG_KEYS.iter().find(|known| **known == key);
    let keys = || arguments.keys().map(String::as_str).filter(|key| *key != "arguments");
    let mut found: Vec<Usage> =
        keys().filter_map(config).map(|key| Usage::ConfigBesides { test: test(), key }).collect();
    let own = keys().any(|key| config(key).is_none() && !BESIDES.contains(&key));
    if own && !given.is_some_and(truthy) {
        found.push(Usage::NoArguments { test: test() });
    }
    found
}

/// Config keys that may also stand among the arguments, in dbt's order.
const CONFIG_KEYS: [&str; 14] = [
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

fn truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(b) => *b,
        Json::Number(n) => n.as_f64() != Some(0.0),
        Json::String(s) => !s.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

/// Name and arguments of a definition.
fn take_apart(definition: &Json) -> Result<(String, Map<String, Json>), Fault> {
    match definition {
        Json::String(name) => Ok((name.clone(), Map::new())),
        Json::Object(map) => {
            if let Some(name) = map.get("test_name") {
                let Json::String(name) = name else { return Err(not_text(name)) };
                let mut arguments = map.clone();
                arguments.shift_remove("test_name");
                return Ok((name.clone(), arguments));
            }
            let mut entries = map.iter();
            match (entries.next(), entries.next()) {
                (Some((name, Json::Object(arguments))), None) => Ok((name.clone(), arguments.clone())),
                (Some((_, other)), None) => Err(got("test arguments must be a dict", other)),
                _ => {
                    let items = map.iter().map(|(key, value)| {
                        Value::tuple([Value::from(key.as_str()), Value::from_json(value)])
                    });
                    Err(Fault::Parsing(format!(
                        "test definition dictionary must have exactly one key, got {} instead ({} keys)",
                        Value::list(items),
                        map.len()
                    )))
                }
            }
        }
        other => Err(got("test must be dict or str", other)),
    }
}

fn not_text(name: &Json) -> Fault {
    got("test name must be a str", name)
}

fn got(wanted: &str, value: &Json) -> Fault {
    let value = Value::from_json(value);
    Fault::Parsing(format!("{wanted}, got <class '{}'> (value {value})", value.type_name()))
}

/// `name` or `namespace.name`, as far as it looks like one.
fn split_name(text: &str) -> Option<(Option<&str>, &str)> {
    let word =
        |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let valid = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !valid(text) {
        return None;
    }
    let first = word(text);
    if let Some(rest) = text[first..].strip_prefix('.')
        && valid(rest)
    {
        return Some((Some(&text[..first]), &rest[..word(rest)]));
    }
    Some((None, &text[..first]))
}

/// Takes a test apart. `render` renders a text of its config.
///
/// # Errors
/// What is wrong with the definition.
pub(super) fn build(
    definition: &Json,
    target: &Target<'_>,
    column: Option<&str>,
    arguments_property: bool,
    render: &dyn Fn(&str) -> Result<Json, Fault>,
) -> Result<Built, Fault> {
    let (test, mut arguments) = take_apart(definition)?;
    if let Some(column) = column {
        arguments.insert("column_name".into(), column.into());
    }
    let usages = usages(&test, &arguments, arguments_property);
    if arguments_property && let Some(Json::Object(given)) = arguments.shift_remove("arguments") {
        arguments.extend(given);
    }
    if arguments.contains_key("model") {
        let message = "Test arguments include \"model\", which is a reserved argument";
        return Err(Fault::Compilation(message.to_owned()));
    }
    arguments.insert("model".into(), target.expression().into());
    let Some((namespace, name)) = split_name(&test) else {
        let message = format!("Test name string did not match expected pattern: {test}");
        return Err(Fault::Compilation(message));
    };
    let mut config = Map::new();
    let render_value = |value: Json| match value {
        Json::String(text) if crate::context::has_jinja(&text) => render(&text),
        other => Ok(other),
    };
    let mut nested = match arguments.shift_remove("config") {
        Some(Json::Object(map)) => Some(map),
        _ => None,
    };
    for key in CONFIG_KEYS {
        let mut value = arguments.shift_remove(key).unwrap_or(Json::Null);
        if let Some(nested) = &mut nested {
            if truthy(&value) && nested.contains_key(key) {
                let message =
                    format!("Test cannot have the same key at the top-level and in config: '{key}'");
                return Err(Fault::Compilation(message));
            }
            if !truthy(&value) {
                value = nested.shift_remove(key).unwrap_or(Json::Null);
            }
        }
        let value = render_value(value)?;
        if !value.is_null() {
            config.insert(key.to_owned(), value);
        }
    }
    for (key, value) in nested.unwrap_or_default() {
        let value = render_value(value)?;
        if !value.is_null() {
            config.insert(key, value);
        }
    }
    check_tags(&config)?;
    let description = match arguments.shift_remove("description") {
        Some(Json::String(text)) => text,
        _ => String::new(),
    };
    let given_name = arguments.shift_remove("name").map(|name| python_str(&name));
    let (short_name, full_name) = match given_name {
        Some(name) => (name.clone(), name),
        None => {
            let kind = match target {
                Target::Node { .. } | Target::Query { .. } => name.to_owned(),
                Target::Table { .. } => format!("source_{name}"),
            };
            let kind = namespace.map_or_else(|| kind.clone(), |namespace| format!("{namespace}_{kind}"));
            let (short, full) = synthesize(&kind, &target.name(), &arguments);
            if short != full && !config.contains_key("alias") {
                config.insert("alias".into(), short.as_str().into());
            }
            (short, full)
        }
    };
    Ok(Built {
        name: name.into(),
        namespace: namespace.map(Arc::from),
        kwargs: arguments,
        config,
        description,
        short_name,
        full_name,
        usages,
    })
}

fn check_tags(config: &Map<String, Json>) -> Result<(), Fault> {
    match config.get("tags") {
        None | Some(Json::String(_)) => Ok(()),
        Some(Json::Array(tags)) => match tags.iter().find(|tag| !tag.is_string()) {
            None => Ok(()),
            Some(tag) => Err(unfit(tag, "tag, expected a str")),
        },
        Some(other) => Err(unfit(other, "tags, expected a list of strings")),
    }
}

fn unfit(value: &Json, what: &str) -> Fault {
    let value = Value::from_json(value);
    Fault::Compilation(format!("got {value} (<class '{}'>) for {what}", value.type_name()))
}

/// A value as Python's `str()` has it.
fn python_str(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_i64() => number.to_string(),
        other => Value::from_json(other).to_string(),
    }
}

/// The name of a test by its kind, target and arguments: one of at most 63 characters, and the whole.
fn synthesize(kind: &str, target: &str, arguments: &Map<String, Json>) -> (String, String) {
    let mut keys: Vec<&String> = arguments.keys().filter(|key| *key != "model").collect();
    keys.sort();
    let identifier = format!("{kind}_{target}");
    let mut full = format!("{identifier}_");
    let mut first = true;
    let mut add = |part: &Json| {
        if !first {
            full.push_str("__");
        }
        first = false;
        clean(&python_str(part), &mut full);
    };
    for key in keys {
        match arguments.get(key) {
            Some(Json::Object(map)) => map.values().for_each(&mut add),
            Some(Json::Array(items)) => items.iter().for_each(&mut add),
            Some(value) => add(value),
            None => {}
        }
    }
    if full.chars().count() < 64 {
        return (full.clone(), full);
    }
    let head: String = identifier.chars().take(30).collect();
    (format!("{head}_{}", md5_hex(&full)), full)
}

/// Replaces every run of other characters than letters, digits and `_` by one `_`.
fn clean(text: &str, out: &mut String) {
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
            in_run = false;
        } else if !in_run {
            out.push('_');
            in_run = true;
        }
    }
}

impl Built {
    /// `dbt_utils.test_equal_rowcount`
    pub(super) fn macro_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.test_{}", self.name),
            None => format!("test_{}", self.name),
        }
    }

    /// The SQL of the test as a template.
    pub(super) fn raw_code(&self) -> String {
        let mut code = format!("{{{{ {}(**_dbt_generic_test_kwargs) }}}}", self.macro_name());
        if !self.config.is_empty() {
            let settings: Vec<String> = self
                .config
                .iter()
                .map(|(key, value)| match value {
                    Json::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
                    other => format!("{key}={}", Value::from_json(other)),
                })
                .collect();
            code.push_str(&format!("{{{{ config({}) }}}}", settings.join(",")));
        }
        code
    }

    /// The last ten digits of the hash that tells tests of one name apart.
    pub(super) fn hash(&self) -> String {
        let mut text = self.full_name.clone();
        text.push_str("{'kwargs': ");
        hashable_map(&self.kwargs, &mut text);
        text.push_str(", 'name': ");
        repr(&self.name, &mut text);
        text.push_str(", 'namespace': ");
        repr(self.namespace.as_deref().unwrap_or("None"), &mut text);
        text.push('}');
        md5_hex(&text).split_off(22)
    }
}

/// Python's `repr` of a dict with sorted keys whose scalars are texts.
fn hashable_map(map: &Map<String, Json>, out: &mut String) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    out.push('{');
    for (i, key) in keys.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        repr(key, out);
        out.push_str(": ");
        hashable(map.get(key).unwrap_or(&Json::Null), out);
    }
    out.push('}');
}

fn hashable(value: &Json, out: &mut String) {
    match value {
        Json::Object(map) => hashable_map(map, out),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                hashable(item, out);
            }
            out.push(']');
        }
        scalar => repr(&python_str(scalar), out),
    }
}

fn repr(text: &str, out: &mut String) {
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\');
    let quote = match (plain, text.contains('\''), text.contains('"')) {
        (true, false, _) => '\'',
        (true, true, false) => '"',
        _ => {
            out.push_str(&Value::from(text).repr());
            return;
        }
    };
    out.push(quote);
    out.push_str(text);
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn built(definition: Json, target: &Target<'_>, column: Option<&str>) -> Built {
        build(&definition, target, column, true, &|text| Ok(text.into())).unwrap()
    }

    /// Names and hashes as dbt 1.11 made them for its demo project.
    #[test]
    fn names_and_hashes_are_dbts() {
        let orders = Target::Node { name: "order_items", version: None };
        let test = built(json!("not_null"), &orders, Some("order_item_id"));
        assert_eq!(test.full_name, "not_null_order_items_order_item_id");
        assert_eq!(test.hash(), "c6fda366bd");
        assert_eq!(test.raw_code(), "{{ test_not_null(**_dbt_generic_test_kwargs) }}");
    }

    #[test]
    fn long_names_are_cut_and_become_the_alias() {
        let orders = Target::Node { name: "orders", version: None };
        let values = json!(["placed", "shipped", "completed", "return_pending", "returned"]);
        let test =
            built(json!({"accepted_values": {"arguments": {"values": values}}}), &orders, Some("status"));
        assert_eq!(
            test.full_name,
            "accepted_values_orders_status__placed__shipped__completed__return_pending__returned"
        );
        assert_eq!(test.short_name, "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758");
        assert_eq!(test.config.get("alias"), Some(&json!(test.short_name)));
    }

    #[test]
    fn config_is_told_from_arguments() {
        let source = Target::Table { source: "raw", table: "items" };
        let definition = json!({"dbt_utils.at_least": {
            "to": 3, "severity": "warn", "config": {"where": "a = 1", "own": true}, "name": "mine", "description": "d"
        }});
        let test = built(definition, &source, None);
        assert_eq!(test.macro_name(), "dbt_utils.test_at_least");
        assert_eq!(
            Json::Object(test.config.clone()),
            json!({"severity": "warn", "where": "a = 1", "own": true})
        );
        assert_eq!(
            test.raw_code(),
            "{{ dbt_utils.test_at_least(**_dbt_generic_test_kwargs) }}\
             {{ config(severity=\"warn\",where=\"a = 1\",own=True) }}"
        );
        assert_eq!(test.full_name, "mine");
        assert_eq!(test.description, "d");
        assert_eq!(test.kwargs.get("to"), Some(&json!(3)));
    }

    #[test]
    fn wrong_definitions_are_errors() {
        let orders = Target::Node { name: "orders", version: None };
        for definition in [
            json!(1),
            json!({"unique": {}, "not_null": {}}),
            json!({"unique": "x"}),
            json!({"unique": {"model": "x"}}),
            json!("1x"),
            json!({"unique": {"severity": "warn", "config": {"severity": "error"}}}),
        ] {
            let built = build(&definition, &orders, None, true, &|text| Ok(text.into()));
            assert!(built.is_err(), "{definition}");
        }
    }
}
