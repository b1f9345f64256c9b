//! What microbatch models must be given.

use super::Parser;
use crate::microbatch::{flagged, has_own_strategy};
use crate::{Manifest, Node};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::python::modules::datetime::from_isoformat;
use serde_json::{Value as Json, json};

impl Parser {
    /// What a model of the strategy `microbatch` must be given.
    pub(super) fn check_microbatch(&self, manifest: &Manifest, errors: &mut Vec<Diagnostic>) {
        let mut models = manifest.nodes.iter().filter(|node| node.is_microbatch()).peekable();
        if models.peek().is_none() {
            return;
        }
        if !flagged(&self.shared.flags)
            && has_own_strategy(manifest.macros.values(), &manifest.environment.macros)
        {
            self.warn(
                Diagnostic::warning(
                    "K0527",
                    "Warning",
                    "The use of a custom microbatch macro outside of batched execution is deprecated. To use it with batched \
                     execution, set `flags.require_batched_execution_for_custom_microbatch_strategy` to `True` in the \
                     project file. In the future this will be the default behavior.",
                ),
            );
            return;
        }
        for node in models {
            let fault = microbatch_fault(node).or_else(|| self.unfiltered(manifest, node));
            if let Some(message) = fault {
                let file = SourceFile::new(node.original_file_path.clone(), "");
                errors.push(
                    Diagnostic::error("K0517", "Parsing Error", message)
                        .with_span(Span::whole(file))
                        .with_node(node.heading()),
                );
            }
        }
    }

    /// Warns where no input can be filtered by time; gives the fault of an input whose `event_time` is no text.
    fn unfiltered(&self, manifest: &Manifest, node: &Node) -> Option<String> {
        let mut filtered = false;
        for id in &node.depends_on_nodes {
            let (name, event_time) = match (manifest.node(id), manifest.sources.get(id)) {
                (Some(input), _) => (&input.name, input.config.get("event_time")),
                (None, Some(input)) => (&input.name, input.config.get("event_time")),
                (None, None) => continue,
            };
            match event_time {
                None | Some(Json::Null) => {}
                Some(Json::String(_)) => filtered = true,
                Some(other) => {
                    return Some(format!(
                        "Microbatch model '{}' depends on an input node '{name}' with an 'event_time' config of invalid \
                         (non-string) type: {}.",
                        node.name,
                        class_of(&other)
                    ));
                }
            }
        }
        if !filtered {
            self.warn(Diagnostic::warning(
                "K0625",
                "Warning",
                format!(
                    "The microbatch model '{}' has no 'ref' or 'source' input with an 'event_time' configuration. \nThis means \
                     no filtering can be applied and can result in unexpected duplicate records in the resulting microbatch \
                     model.",
                    node.name
                ),
            )
            .with_event("MicrobatchModelNoEventTimeInputs", json!({"model_name": &*node.name})));
        }
        None
    }
}

fn class_of(value: &Json) -> String {
    format!("<class '{}'>", kpi_jinja::Value::from_json(value).type_name())
}

fn microbatch_fault(node: &Node) -> Option<String> {
    let name = &node.name;
    let get = |key: &str| node.config.get(key).filter(|value| !value.is_null());
    match get("event_time") {
        None => {
            return Some(format!(
                "Microbatch model '{name}' must provide an 'event_time' (string) config that indicates the name of the event \
                 time column."
            ));
        }
        Some(Json::String(_)) => {}
        Some(other) => {
            return Some(format!(
                "Microbatch model '{name}' must provide an 'event_time' config of type string, but got: {}.",
                class_of(&other)
            ));
        }
    }
    match get("begin") {
        None => {
            return Some(format!(
                "Microbatch model '{name}' must provide a 'begin' (datetime) config that indicates the earliest timestamp the \
                 microbatch model should be built from."
            ));
        }
        Some(Json::String(text)) if from_isoformat(&text).is_none() => {
            return Some(format!(
                "Microbatch model '{name}' must provide a 'begin' config of valid datetime (ISO format), but got: {text}."
            ));
        }
        Some(Json::String(_)) => {}
        Some(other) => {
            return Some(format!(
                "Microbatch model '{name}' must provide a 'begin' config of type datetime, but got: {}.",
                class_of(&other)
            ));
        }
    }
    let size = get("batch_size").unwrap_or(Json::Null);
    if !matches!(size.as_str(), Some("hour" | "day" | "month" | "year")) {
        return Some(format!(
            "Microbatch model '{name}' must provide a 'batch_size' config that is one of ['hour', 'day', 'month', 'year'], but \
             got: {}.",
            kpi_jinja::Value::from_json(&size)
        ));
    }
    if let Some(lookback) = get("lookback").filter(|value| !value.is_i64() && !value.is_boolean()) {
        return Some(format!(
            "Microbatch model '{name}' must provide the optional 'lookback' config as type int, but got: {}).",
            class_of(&lookback)
        ));
    }
    get("concurrent_batches").filter(|value| !value.is_boolean()).map(|value| {
        format!(
            "Microbatch model '{name}' optional 'concurrent_batches' config must be of type `bool` if specified, but got: \
             {}).",
            class_of(&value)
        )
    })
}
