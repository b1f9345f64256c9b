//! `kpi suite import` and `kpi suite new`: suites written as files of the present layout.

use super::{file_name, folder, note, pretty, usage, write};
use crate::session::{Ending, Failure, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_project::yaml::{self, Node, Value};
use kpi_python::suites::{Literal, LiteralValue};
use kpi_quality::{Binding, Suite};
use serde_json::json;
use std::sync::Arc;

/// Options that say what a suite is about.
const ABOUT: [&str; 5] = ["model", "seed", "snapshot", "source", "query"];

fn about(matches: &ArgMatches) -> Result<Option<Binding>, Failure> {
    let mut all = ABOUT.into_iter().filter_map(|name| Some((name, matches.get_one::<String>(name)?.clone())));
    let Some((name, value)) = all.next() else { return Ok(None) };
    if let Some((other, _)) = all.next() {
        let message = format!("a suite is about one thing: --{name} and --{other} are given");
        return Err(usage(message, "leave out one of them"));
    }
    Ok(Some(match name {
        "query" => Binding::Query(value),
        "source" => match value.split_once('.') {
            Some((source, table)) => Binding::Source(source.to_owned(), table.to_owned()),
            None => return Err(usage("--source must be written as source.table", "--source crm.leads")),
        },
        _ => Binding::Node(value),
    }))
}

/// `kpi suite new NAME`: a suite to begin with.
pub fn new(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = session.load_project(false)?;
    let name = matches.get_one::<String>("name").cloned().unwrap_or_default();
    let binding = about(matches)?.unwrap_or_else(|| Binding::Node(name.clone()));
    let (key, value) = binding.entry();
    let suite = json!({
        "name": name,
        "meta": {"kpi": {key: value}, "great_expectations_version": kpi_quality::REFERENCE_VERSION},
        "expectations": [
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "severity": "critical"}
        ],
    });
    let path = format!("{}/{}", folder(&project), file_name(&name));
    write(&project.root, &path, &pretty(&suite), matches.get_flag("force"))?;
    session.messages.data("PrintEvent", &path, json!({"msg": path}));
    Ok(Ending::Good)
}

/// `kpi suite import FILE...`: reads suites of any layout, Python files among them, and writes them anew.
pub fn import(session: &Session, matches: &ArgMatches) -> Outcome {
    let project = session.load_project(false)?;
    let files: Vec<&String> = matches.get_many::<String>("file").map(Iterator::collect).unwrap_or_default();
    let binding = about(matches)?;
    let asked = matches.get_one::<String>("name");
    let (to_stdout, force) = (matches.get_flag("stdout"), matches.get_flag("force"));
    let mut errors = Vec::new();
    let mut suites = Vec::new();
    for path in files {
        match read(session, path) {
            Ok(found) => suites.extend(found),
            Err(new) => errors.extend(new),
        }
    }
    if !errors.is_empty() {
        return Err(Failure(errors));
    }
    if let Some(name) = asked {
        match suites.as_mut_slice() {
            [suite] => suite.name.clone_from(name),
            suites => {
                let message = format!("--name is for one suite, and there are {}", suites.len());
                return Err(usage(message, "import them without --name: each has a name of its own"));
            }
        }
    }
    for suite in &mut suites {
        if let Some(binding) = &binding {
            suite.binding = Some(binding.clone());
        }
        let text = pretty(&suite.to_json());
        if to_stdout {
            session.messages.data("PrintEvent", text.trim_end(), json!({"msg": text}));
            continue;
        }
        let path = format!("{}/{}", folder(&project), file_name(&suite.name));
        write(&project.root, &path, &text, force)?;
        session.messages.data("PrintEvent", &path, json!({"msg": path}));
        let count = suite.expectations.len();
        let expectations =
            if count == 1 { "1 expectation".to_owned() } else { format!("{count} expectations") };
        note(session, format!("{}: {expectations} of {}", suite.name, suite.file.name));
        if suite.binding.is_none() {
            let stem = suite.name.strip_suffix("_suite").unwrap_or(&suite.name);
            note(session, format!("{}: it is about the model {stem}; --model says otherwise", suite.name));
        }
    }
    Ok(Ending::Good)
}

/// The suites of a file.
fn read(session: &Session, path: &str) -> Result<Vec<Suite>, Vec<Diagnostic>> {
    let text = std::fs::read_to_string(session.working_dir.join(path)).map_err(|error| {
        vec![Diagnostic::error("K0101", "Runtime Error", format!("{path} cannot be read: {error}"))]
    })?;
    let file = SourceFile::new(path, text.as_str());
    let stem = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let mut roots = Vec::new();
    if path.ends_with(".py") {
        let found = kpi_python::suites::suites(&text).map_err(|error| {
            let span = match error.place {
                Some((line, column)) => Span::at(file.clone(), line, column),
                None => Span::whole(file.clone()),
            };
            let diagnostic = Diagnostic::error("K0567", "Parsing Error", error.message).with_span(span);
            vec![match error.hint {
                Some(hint) => diagnostic.with_hint(hint),
                None => diagnostic,
            }]
        })?;
        let alone = found.len() == 1;
        for suite in found {
            let node = node_of(&suite.value);
            // A list has no name of its own: that of the file is better than `expectations`.
            let name = if alone && matches!(node.value, Value::List(_)) && is_common(&suite.name) {
                stem
            } else {
                &suite.name
            };
            roots.push(named(node, name));
        }
    } else {
        let root = yaml::parse(&file).map_err(|error| vec![error])?;
        let root = root.unwrap_or_else(|| Node::new(Value::Null, 1, 1));
        roots.push(if root.as_list().is_some() { named(root, stem) } else { root });
    }
    let mut suites = Vec::new();
    let mut errors = Vec::new();
    for root in &roots {
        match Suite::of(&file, root) {
            Ok(suite) => {
                if suite.legacy {
                    let left = Suite::left_out(root);
                    if !left.is_empty() {
                        let text = format!(
                            "{}: keywords of former layouts are left out: {}",
                            suite.name,
                            left.join(", ")
                        );
                        note(session, text);
                    }
                }
                suites.push(suite);
            }
            Err(new) => errors.extend(new),
        }
    }
    if errors.is_empty() { Ok(suites) } else { Err(errors) }
}

/// Names of variables that say nothing.
fn is_common(name: &str) -> bool {
    matches!(name, "expectations" | "suite" | "expectation_suite" | "expectations_list" | "expectation_list")
}

/// A suite that has a name: a list of expectations becomes one.
fn named(node: Node, name: &str) -> Node {
    let (line, column) = (node.line, node.column);
    let text = |text: &str| Node::new(Value::Str(text.into()), line, column);
    let entries = match node.value {
        Value::Map(mut entries) => {
            let has = |key: &str| entries.iter().any(|(k, _)| k.key_text() == key);
            if !has("name") && !has("expectation_suite_name") {
                entries.insert(0, (text("name"), text(name)));
            }
            entries
        }
        value => vec![(text("name"), text(name)), (text("expectations"), Node::new(value, line, column))],
    };
    Node::new(Value::Map(entries), line, column)
}

/// A literal of Python as a value with a place.
fn node_of(literal: &Literal) -> Node {
    let value = match &literal.value {
        LiteralValue::Null => Value::Null,
        LiteralValue::Bool(b) => Value::Bool(*b),
        LiteralValue::Int(i) => Value::Int(*i),
        LiteralValue::Float(f) => Value::Float(*f),
        LiteralValue::Text(text) => Value::Str(Arc::from(text.as_str())),
        LiteralValue::List(items) => Value::List(items.iter().map(node_of).collect()),
        LiteralValue::Map(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (node_of(key), node_of(value))).collect())
        }
    };
    Node::new(value, literal.line, literal.column)
}
