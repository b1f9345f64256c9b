//! Python models as nodes: what [`kpi_python::source`] finds in a file, written down as rendering a template would.

use super::Parser;
use super::drafts::{Draft, first_line, folders, fqn, shared_text, static_config};
use crate::config_merge::merge_calls;
use crate::context::parsing::Captured;
use crate::context::{parse_ref_args, parse_source_args};
use crate::{Node, ResourceType};
use kpi_diagnostics::{Diagnostic, Span};
use kpi_jinja::{Args, Error, Value};
use kpi_project::{InventoryFile, Package};
use kpi_python::source::{self, Call, Function};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

impl Parser {
    pub(super) fn python_model(&self, package: &Package, file: &InventoryFile) -> Result<Draft, Diagnostic> {
        let name: Arc<str> = file.stem().into();
        let mut node = self.node_of(package, file, ResourceType::Model, name.clone());
        node.fqn = fqn(&package.name, folders(&node.path), &name);
        node.language = "python";
        let text = file.contents();
        node.first_line = first_line(&file.source.text, text);
        node.raw_code = shared_text(&file.source, text);
        let refused = |message: String, place: Option<(u32, u32)>| {
            let span = match place {
                Some((line, column)) => Span::at(file.source.clone(), line + node.first_line - 1, column),
                None => Span::whole(file.source.clone()),
            };
            Diagnostic::error("K0521", "Parsing Error", message).with_span(span).with_node(node.heading())
        };
        if let Some(at) = first_tag(&node.raw_code) {
            // What does not even parse is reported as the template error that dbt reports.
            self.parse_template(&file.source, &node.raw_code, node.first_line, &node)?;
            return Err(refused("No jinja in python model code is allowed".to_owned(), Some(at)).with_hint(
                "use dbt.ref(), dbt.source() and dbt.config.get(); variables come in through the config: \
                 `my_key: \"{{ var('x') }}\"` in the properties and dbt.config.get('my_key') in the code",
            ));
        }
        let calls = source::calls(&node.raw_code).map_err(|error| {
            let diagnostic = refused(error.message, error.place);
            match error.hint {
                Some(hint) => diagnostic.with_hint(hint),
                None => diagnostic,
            }
        })?;
        let captured =
            captured(calls).map_err(|(error, place)| refused(error.message().to_owned(), Some(place)))?;
        Ok(Draft { node, captured, template: None, file: file.source.clone() })
    }
}

/// Where Jinja would begin: 1-based line and column.
fn first_tag(text: &str) -> Option<(u32, u32)> {
    text.lines().zip(1..).find_map(|(line, number)| {
        let at = ["{{", "{%", "{#"].iter().filter_map(|tag| line.find(tag)).min()?;
        Some((number, line.get(..at)?.chars().count() as u32 + 1))
    })
}

fn captured(calls: Vec<Call>) -> Result<Captured, (Error, (u32, u32))> {
    let mut captured = Captured::default();
    let mut used: [Vec<Json>; 4] = Default::default();
    for call in calls {
        let place = call.place;
        apply(call, &mut captured, &mut used).map_err(|error| (error, place))?;
    }
    if used.iter().any(|list| !list.is_empty()) {
        let names = ["config_keys_used", "config_keys_defaults", "meta_keys_used", "meta_keys_defaults"];
        let lists = names.into_iter().zip(used).map(|(name, list)| (name.to_owned(), Json::Array(list)));
        merge_calls(&mut captured.config, lists.collect::<Map<_, _>>()).map_err(|error| (error, (1, 1)))?;
    }
    Ok(captured)
}

fn apply(call: Call, captured: &mut Captured, used: &mut [Vec<Json>; 4]) -> Result<(), Error> {
    match call.function {
        Function::Ref => captured.refs.push(parse_ref_args(arguments(call))?),
        Function::Source => captured.sources.push(parse_source_args(arguments(call))?),
        Function::Config => {
            let mut call = call;
            if let ([Json::Object(_)], true) = (call.positional.as_slice(), call.keyword.is_empty())
                && let Some(Json::Object(given)) = call.positional.pop()
            {
                call.keyword.extend(given);
            }
            if !(call.positional.is_empty() && call.keyword.is_empty()) {
                merge_calls(&mut captured.config, static_config(arguments(call))?)?;
            }
        }
        Function::ConfigGet | Function::MetaGet => {
            let first = if call.function == Function::ConfigGet { 0 } else { 2 };
            let mut given = call.positional.into_iter();
            used[first].push(given.next().unwrap_or(Json::Null));
            used[first + 1].push(given.next().unwrap_or(Json::Null));
        }
    }
    Ok(())
}

fn arguments(call: Call) -> Args {
    Args {
        positional: call.positional.iter().map(Value::from_json).collect(),
        keyword: call
            .keyword
            .iter()
            .map(|(name, value)| (name.as_str().into(), Value::from_json(value)))
            .collect(),
    }
}

/// A model in Python is a table unless something else is said.
pub(super) fn default_materialization(node: &Node, patched: &mut Option<Map<String, Json>>) {
    if node.language == "python" && node.resource_type == ResourceType::Model {
        patched.get_or_insert_default().entry("materialized").or_insert_with(|| "table".into());
    }
}
