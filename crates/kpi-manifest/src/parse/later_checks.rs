//! Warnings about models that age, and what microbatch models need.

use super::Parser;
use crate::{Manifest, Node, ResourceType, version_text};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};

/// A date or a point of time as YAML has it; without an offset it is one of UTC.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(at.with_timezone(&Utc));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    naive.map(|at| at.and_utc())
}

impl Parser {
    /// Warns of models past their deprecation date, and of references to those that have one.
    pub(super) fn check_deprecations(&self, manifest: &Manifest) {
        let dated: FxHashMap<&str, (&Node, DateTime<Utc>)> = manifest
            .nodes
            .iter()
            .filter(|node| node.resource_type == ResourceType::Model)
            .filter_map(|node| Some((&*node.unique_id, (node, moment(node.deprecation_date.as_deref()?)?))))
            .collect();
        if dated.is_empty() {
            return;
        }
        let now = self.shared.started_at;
        let versioned = |node: &Node| {
            node.version.as_ref().map_or_else(String::new, |version| format!(".v{}", version_text(version)))
        };
        for (node, at) in manifest.nodes.iter().filter_map(|node| dated.get(&*node.unique_id)) {
            if *at < now {
                self.warn(Diagnostic::warning(
                    "K0621",
                    "Warning",
                    format!(
                        "Model {}{} has passed its deprecation date of {}. This model should be disabled or removed.",
                        node.name,
                        versioned(node),
                        at.to_rfc3339()
                    ),
                )
                .with_event(
                    "DeprecatedModel",
                    json!({
                        "model_name": &*node.name,
                        "model_version": node.version.as_ref().map(version_text),
                        "deprecation_date": at.to_rfc3339(),
                    }),
                ));
            }
        }
        for child in manifest.nodes.iter().filter(|node| node.resource_type == ResourceType::Model) {
            for (node, at) in child.depends_on_nodes.iter().filter_map(|id| dated.get(&**id)) {
                let (code, name, when, verb) = match *at < now {
                    true => ("K0622", "DeprecatedReference", "was deprecated on", "Migrate now"),
                    false => (
                        "K0623",
                        "UpcomingReferenceDeprecation",
                        "is slated for deprecation on",
                        "Try it out",
                    ),
                };
                let mut message = format!(
                    "While compiling '{}': Found a reference to {}{}, which {when} '{}'. ",
                    child.name,
                    node.name,
                    versioned(node),
                    at.to_rfc3339()
                );
                if let (Some(version), Some(latest)) = (&node.version, &node.latest_version)
                    && version != latest
                {
                    message.push_str(&format!(
                        "A new version of '{0}' is available. {verb}: {{{{ ref('{1}', '{0}', v='{2}') }}}}.",
                        node.name,
                        node.package_name,
                        version_text(latest)
                    ));
                }
                let fields = json!({
                    "model_name": &*child.name,
                    "ref_model_package": &*node.package_name,
                    "ref_model_name": &*node.name,
                    "ref_model_version": node.version.as_ref().map(version_text),
                    "ref_model_latest_version": node.latest_version.as_ref().map(version_text),
                    "ref_model_deprecation_date": at.to_rfc3339(),
                });
                self.warn(Diagnostic::warning(code, "Warning", message.trim_end()).with_event(name, fields));
            }
        }
    }

    /// What a model of the strategy `microbatch` must be given.
    pub(super) fn check_microbatch(&self, manifest: &Manifest, errors: &mut Vec<Diagnostic>) {
        for node in &manifest.nodes {
            if node.config.materialized() != "incremental"
                || node.config.str("incremental_strategy") != Some("microbatch")
            {
                continue;
            }
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
        Some(Json::String(text)) if moment(&text).is_none() => {
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
