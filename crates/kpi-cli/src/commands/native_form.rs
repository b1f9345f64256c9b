//! A dbt project's settings and targets as `kpi.toml`. Templates stay as they are written, so that no secret is in it;
//! what has no native form becomes a comment.

use kpi_project::yaml::{Node, Value};

/// Keys of `dbt_project.yml` that are lists or texts of `[project]` under the same name with underscores.
const PROJECT: [&str; 19] = [
    "name",
    "version",
    "model-paths",
    "seed-paths",
    "snapshot-paths",
    "macro-paths",
    "test-paths",
    "analysis-paths",
    "docs-paths",
    "asset-paths",
    "expectation-paths",
    "function-paths",
    "target-path",
    "log-path",
    "packages-install-path",
    "clean-targets",
    "require-dbt-version",
    "query-comment",
    "restrict-access",
];

/// Sections that keep their tree, with their native names.
const SECTIONS: [(&str, &str); 16] = [
    ("vars", "vars"),
    ("models", "models"),
    ("seeds", "seeds"),
    ("snapshots", "snapshots"),
    ("analyses", "analyses"),
    ("sources", "sources"),
    ("data_tests", "data_tests"),
    ("tests", "data_tests"),
    ("unit_tests", "unit_tests"),
    ("metrics", "metrics"),
    ("semantic-models", "semantic_models"),
    ("saved-queries", "saved_queries"),
    ("exposures", "exposures"),
    ("functions", "functions"),
    ("quoting", "quoting"),
    ("flags", "flags"),
];

/// What goes into `kpi.toml`.
pub struct Sources<'a> {
    /// The tree of `dbt_project.yml`.
    pub project: &'a Node,
    /// The profile: `target` and `outputs`.
    pub profile: Option<&'a Node>,
    /// The list of `selectors.yml`.
    pub selectors: Option<&'a Node>,
}

/// The text of `kpi.toml`.
pub fn write(sources: &Sources<'_>) -> String {
    let mut out =
        Toml { text: "# Made of dbt_project.yml and profiles.yml by `kpi migrate --to-toml`.\n".to_owned() };
    out.project(sources);
    let project = sources.project;
    for (name, native) in SECTIONS {
        if let Some(tree) = project.get(name).filter(|tree| !tree.is_null()) {
            out.table(&[native.to_owned()], tree);
        }
    }
    let hooks: Vec<(&str, &Node)> = [("on_run_start", "on-run-start"), ("on_run_end", "on-run-end")]
        .into_iter()
        .filter_map(|(native, name)| Some((native, project.get(name).filter(|node| !node.is_null())?)))
        .collect();
    if !hooks.is_empty() {
        out.header(&["hooks".to_owned()]);
        for (name, node) in hooks {
            out.entry(name, node);
        }
    }
    if let Some(items) = project.get("dispatch").and_then(Node::as_list).filter(|items| !items.is_empty()) {
        out.header(&["dispatch".to_owned()]);
        for item in items {
            if let (Some(name), Some(order)) = (item.get("macro_namespace"), item.get("search_order")) {
                out.entry(&name.key_text(), order);
            }
        }
    }
    for selector in sources.selectors.and_then(Node::as_list).unwrap_or_default() {
        let Some(name) = selector.get("name").map(Node::key_text) else { continue };
        let rest: Vec<(Node, Node)> = selector
            .as_map()
            .unwrap_or_default()
            .iter()
            .filter(|(key, _)| !key.is_str("name"))
            .cloned()
            .collect();
        out.table(&["selectors".to_owned(), name], &Node::new(Value::Map(rest), 0, 0));
    }
    let outputs = sources.profile.and_then(|profile| profile.get("outputs")).and_then(Node::as_map);
    for (name, output) in outputs.unwrap_or_default() {
        out.table(&["targets".to_owned(), name.key_text()], output);
    }
    out.text
}

struct Toml {
    text: String,
}

impl Toml {
    fn project(&mut self, sources: &Sources<'_>) {
        self.header(&["project".to_owned()]);
        for (key, value) in sources.project.as_map().unwrap_or_default() {
            let name = key.key_text();
            let current = match name.as_str() {
                "source-paths" => "model-paths",
                "data-paths" => "seed-paths",
                other => other,
            };
            let elsewhere = SECTIONS.iter().any(|(section, _)| *section == name)
                || matches!(current, "on-run-start" | "on-run-end" | "dispatch" | "config-version");
            if PROJECT.contains(&current) {
                self.entry(&current.replace('-', "_"), value);
            } else if name == "profile" {
                self.comment(&format!(
                    "profile = {}: its targets are below",
                    inline(value).unwrap_or_default()
                ));
            } else if !elsewhere {
                self.comment(&format!("{name} has no native form: {}", value.to_json()));
            }
        }
        if let Some(target) =
            sources.profile.and_then(|profile| profile.get("target")).filter(|t| !t.is_null())
        {
            self.entry("default_target", target);
        }
    }

    fn header(&mut self, path: &[String]) {
        let path: Vec<String> = path.iter().map(|part| key(part)).collect();
        self.text.push_str(&format!("\n[{}]\n", path.join(".")));
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.text.push_str(&format!("# {line}\n"));
        }
    }

    fn entry(&mut self, name: &str, value: &Node) {
        match inline(value) {
            Some(text) => self.text.push_str(&format!("{} = {text}\n", key(name))),
            None => self.comment(&format!("{name} = {}: TOML has no null", value.to_json())),
        }
    }

    /// A mapping: its values, then each mapping in it under a header of its own.
    fn table(&mut self, path: &[String], tree: &Node) {
        let Some(entries) = tree.as_map() else {
            return self.comment(&format!("{} = {} has no native form", path.join("."), tree.to_json()));
        };
        let is_table = |node: &Node| node.as_map().is_some_and(|map| !map.is_empty());
        let (tables, values): (Vec<_>, Vec<_>) = entries.iter().partition(|(_, value)| is_table(value));
        if !values.is_empty() || tables.is_empty() {
            self.header(path);
        }
        for (name, value) in values {
            self.entry(&name.key_text(), value);
        }
        for (name, value) in tables {
            let mut deeper = path.to_vec();
            deeper.push(name.key_text());
            self.table(&deeper, value);
        }
    }
}

/// A key, quoted where TOML wants that.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { text(name) }
}

/// A text in quotes: TOML escapes as JSON does, and the delete character besides.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A value on one line; nothing for null.
fn inline(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Null => return None,
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::BigInt(i) => text(&i.to_string()),
        Value::Float(f) if f.is_nan() => "nan".to_owned(),
        Value::Float(f) if f.is_infinite() => if *f > 0.0 { "inf" } else { "-inf" }.to_owned(),
        Value::Float(f) => format!("{f:?}"),
        Value::Str(s) => text(s),
        Value::Date(s) | Value::DateTime(s) => s.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().filter_map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .filter_map(|(name, value)| Some(format!("{} = {}", key(&name.key_text()), inline(value)?)))
                .collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    })
}
