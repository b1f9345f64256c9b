//! `kpi suite export`: the tests of properties as suites that Great Expectations reads.

use super::{file_name, note, pretty, usage, write};
use crate::session::{Ending, Outcome, Session};
use clap::ArgMatches;
use kpi_diagnostics::nearest;
use kpi_manifest::Node;
use kpi_quality::{Expectation, catalog, expectation_json};
use serde_json::{Map, Value as Json, json};

/// Writes a suite for each model that has tests in its properties, or for those that are named.
pub fn export(session: &Session, matches: &ArgMatches) -> Outcome {
    let loaded = session.load(None)?;
    let asked: Vec<&String> = matches.get_many::<String>("model").map(Iterator::collect).unwrap_or_default();
    let mut suites: indexmap::IndexMap<String, Vec<Json>> = indexmap::IndexMap::new();
    let mut names: Vec<String> = Vec::new();
    for node in &loaded.manifest.nodes {
        let (Some(metadata), None) = (&node.test_metadata, &node.suite) else { continue };
        let Some(model) = node.attached_node.as_deref().and_then(|id| loaded.manifest.node(id)) else {
            continue;
        };
        names.push(model.name.to_string());
        if !asked.is_empty() && !asked.iter().any(|name| **name == *model.name) {
            continue;
        }
        let suite = suites.entry(model.name.to_string()).or_default();
        match exported(node) {
            Ok(expectation) => suite.push(expectation),
            Err(why) => {
                let name = metadata.namespace.as_ref().map(|n| format!("{n}.")).unwrap_or_default();
                note(session, format!("{}: the test {name}{} is left out: {why}", model.name, metadata.name));
            }
        }
    }
    if let Some(unknown) = asked.iter().find(|name| !names.contains(name)) {
        let hint = match nearest(unknown, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "tests of properties are exported, by the name of their model".to_owned(),
        };
        return Err(usage(format!("there is no model '{unknown}' with tests in its properties"), &hint));
    }
    let folder = matches.get_one::<String>("folder").cloned();
    for (model, expectations) in suites.iter().filter(|(_, expectations)| !expectations.is_empty()) {
        let text = pretty(&json!({
            "name": model,
            "meta": {"kpi": {"model": model}, "great_expectations_version": kpi_quality::REFERENCE_VERSION},
            "notes": null,
            "expectations": expectations,
        }));
        match &folder {
            None => session.messages.data("PrintEvent", text.trim_end(), json!({"msg": text})),
            Some(folder) => {
                let path = format!("{}/{}", folder.trim_end_matches('/'), file_name(model));
                write(&session.working_dir, &path, &text, true)?;
                session.messages.data("PrintEvent", &path, json!({"msg": path}));
            }
        }
    }
    Ok(Ending::Good)
}

/// A test as an expectation, or why it is none.
fn exported(node: &Node) -> Result<Json, String> {
    if node.config.str("where").is_some_and(|condition| !condition.is_empty()) {
        return Err("it has a 'where', which is SQL: write a row_condition".to_owned());
    }
    if let Some(expectation) = &node.expectation {
        return Ok(expectation_json(expectation));
    }
    let Some(metadata) = &node.test_metadata else { return Err("it is no generic test".to_owned()) };
    let given = &metadata.kwargs;
    let mut kwargs: Map<String, Json> = Map::new();
    let mut take = |from: &str, to: &str| {
        if let Some(value) = given.get(from) {
            kwargs.insert(to.to_owned(), value.clone());
        }
    };
    let none = "Great Expectations has nothing like it";
    let name = match (metadata.namespace.as_deref(), &*metadata.name) {
        (None, "not_null") => "expect_column_values_to_not_be_null",
        (None, "unique") => "expect_column_values_to_be_unique",
        (None, "accepted_values") => {
            take("values", "value_set");
            "expect_column_values_to_be_in_set"
        }
        (Some("dbt_utils"), "not_accepted_values") => {
            take("values", "value_set");
            "expect_column_values_to_not_be_in_set"
        }
        (Some("dbt_utils"), "accepted_range") => {
            take("min_value", "min_value");
            take("max_value", "max_value");
            if given.get("inclusive") == Some(&Json::Bool(false)) {
                kwargs.insert("strict_min".into(), true.into());
                kwargs.insert("strict_max".into(), true.into());
            }
            "expect_column_values_to_be_between"
        }
        (Some("dbt_utils"), "unique_combination_of_columns") => {
            take("combination_of_columns", "column_list");
            "expect_compound_columns_to_be_unique"
        }
        (Some("dbt_expectations"), name) => {
            let Some(spec) = catalog::find(name) else { return Err(none.to_owned()) };
            for (key, value) in
                given.iter().filter(|(key, _)| !matches!(key.as_str(), "model" | "column_name"))
            {
                kwargs.insert(key.clone(), value.clone());
            }
            spec.name
        }
        _ => return Err(none.to_owned()),
    };
    let spec = catalog::find(name).ok_or_else(|| none.to_owned())?;
    if spec.has_column()
        && let Some(column) = given.get("column_name")
    {
        kwargs.insert("column".into(), column.clone());
    }
    let mut beside = Map::new();
    if node.config.severity() == "warn" {
        beside.insert("severity".into(), "warning".into());
    }
    let read = Expectation::read(name, &kwargs, &beside);
    read.map(|expectation| expectation_json(&expectation)).map_err(|errors| {
        let message = errors.first().map(|error| error.message.as_str()).unwrap_or_default();
        format!("as an expectation {message}")
    })
}
