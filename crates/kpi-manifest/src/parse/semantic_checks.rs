//! What the semantic layer asks of metrics and of the project as a whole.

use super::Parser;
use crate::{Manifest, Node, ResourceType};
use kpi_diagnostics::Diagnostic;
use serde_json::{Map, Value as Json, json};

/// What a metric must have, and what it may have.
const REQUIRED: &[&str] = &["label", "type", "type_params"];
const ALLOWED: &[&str] = &[
    "name",
    "label",
    "type",
    "type_params",
    "description",
    "filter",
    "time_granularity",
    "meta",
    "tags",
    "config",
];
const TYPES: &[&str] = &["simple", "ratio", "cumulative", "derived", "conversion"];

/// The model whose name alone makes it the time spine.
const LEGACY_SPINE: &str = "metricflow_time_spine";

/// Granularities from the finest on; a spine is of days or finer.
const GRANULARITIES: &[&str] = &[
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
];
const DAY: usize = 6;

/// What is wrong with a metric as written: message and hint.
pub(super) fn metric_fault(name: &str, fields: &Map<String, Json>) -> Option<(String, String)> {
    let mut wrong = Vec::new();
    if name.contains(' ') {
        wrong.push("cannot contain spaces");
    }
    if name.chars().count() > 250 {
        wrong.push("cannot contain more than 250 characters");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        wrong.push("must begin with a letter");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        wrong.push("must contain only letters, numbers and underscores");
    }
    if !wrong.is_empty() {
        let message = format!("The metric name '{name}' is invalid.  It {}", wrong.join(", "));
        return Some((message, "put a name for people into `label`".to_owned()));
    }
    if let Some(key) = fields.keys().find(|key| !ALLOWED.contains(&key.as_str())) {
        let message = format!("Additional properties are not allowed ('{key}' was unexpected)");
        let hint = match kpi_diagnostics::nearest(key, ALLOWED.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("a metric has: {}", ALLOWED.join(", ")),
        };
        return Some((message, hint));
    }
    if let Some(key) = REQUIRED.iter().find(|key| fields.get(**key).is_none_or(Json::is_null)) {
        let hint = format!("a metric needs {}", REQUIRED.join(", "));
        return Some((format!("'{key}' is a required property"), hint));
    }
    let kind = fields.get("type").and_then(Json::as_str).unwrap_or_default().to_lowercase();
    if !TYPES.contains(&kind.as_str()) {
        return Some((
            format!("'{kind}' is not a type of metrics"),
            format!("types are: {}", TYPES.join(", ")),
        ));
    }
    None
}

/// The granularity of a model's time spine as a position; `None`: it is none.
fn spine(node: &Node) -> Option<usize> {
    let column = node.time_spine.as_ref()?.get("standard_granularity_column")?.as_str()?;
    let column = node.columns.values().find(|c| &*c.name == column)?;
    let granularity = column.extra.get("granularity")?.as_str()?;
    GRANULARITIES.iter().position(|known| known.eq_ignore_ascii_case(granularity))
}

impl Parser {
    /// What a semantic layer needs of the whole project: a time spine, and metrics in today's form.
    pub(super) fn check_semantic_layer(&self, manifest: &Manifest, errors: &mut Vec<Diagnostic>) {
        let section = |name: &str| manifest.other.get(name).filter(|entries| !entries.is_empty());
        if section("semantic_models").is_none() {
            return;
        }
        let models = || manifest.nodes.iter().filter(|node| node.resource_type == ResourceType::Model);
        let finest = models().filter_map(spine).min();
        let legacy = models().find(|node| &*node.name == LEGACY_SPINE);
        if legacy.is_none() && finest.is_none_or(|finest| finest > DAY) {
            errors.push(
                Diagnostic::error(
                    "K0638",
                    "Parsing Error",
                    "The semantic layer requires a time spine model with granularity DAY or smaller in the project, but none \
                     was found",
                )
                .with_hint(
                    "give a model with one row a day `time_spine: {standard_granularity_column: date_day}`, and its column \
                     `granularity: day`",
                ),
            );
            return;
        }
        let Some(metrics) = section("metrics") else { return };
        let spines_of_days = models().any(|node| spine(node) == Some(DAY));
        let unnamed = legacy.is_some_and(|node| node.time_spine.is_none());
        if unnamed && !spines_of_days && !self.shared.flag("require_yaml_configuration_for_mf_time_spines") {
            let message = format!("The time spine '{LEGACY_SPINE}' has no YAML configuration");
            self.warn(
                Diagnostic::warning("K0639", "Deprecation", message)
                    .with_hint("give it `time_spine: {standard_granularity_column: date_day}`")
                    .with_event("MFTimespineWithoutYamlConfigurationDeprecation", json!({})),
            );
        }
        let old: Vec<&str> = metrics
            .values()
            .filter(|metric| {
                let given =
                    |key: &str| metric.pointer(&format!("/type_params/{key}")).is_some_and(|v| !v.is_null());
                given("window") || given("grain_to_date")
            })
            .filter_map(|metric| metric.get("name").and_then(Json::as_str))
            .collect();
        if old.is_empty() {
            return;
        }
        let message = format!(
            "Cumulative fields `type_params.window` and `type_params.grain_to_date` belong under \
             `type_params.cumulative_type_params`: {}",
            old.join(", ")
        );
        let hint = "move them to `type_params.cumulative_type_params`";
        match self.shared.flag("require_nested_cumulative_type_params") {
            true => errors.push(Diagnostic::error("K0640", "Parsing Error", message).with_hint(hint)),
            false => self.warn(
                Diagnostic::warning("K0640", "Deprecation", message)
                    .with_hint(hint)
                    .with_event("MFCumulativeTypeParamsDeprecation", json!({})),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str, fields: Json) -> String {
        metric_fault(name, fields.as_object().unwrap()).map(|(message, _)| message).unwrap_or_default()
    }

    #[test]
    fn metrics_that_are_written_wrong() {
        let good = json!({"name": "m", "label": "M", "type": "Simple", "type_params": {"measure": "x"}});
        assert_eq!(fault("m", good.clone()), "");
        assert!(fault("a b", good.clone()).contains("cannot contain spaces"));
        assert!(fault("1a", good.clone()).contains("must begin with a letter"));
        assert!(fault("a!", good.clone()).contains("only letters, numbers and underscores"));
        assert!(fault(&"a".repeat(251), good).contains("more than 250 characters"));
        assert!(
            fault("m", json!({"name": "m", "label": "M", "type": "simple"}))
                .contains("'type_params' is a required")
        );
        assert!(fault("m", json!({"name": "m", "model": "x"})).contains("('model' was unexpected)"));
        let odd = json!({"name": "m", "label": "M", "type": "sum", "type_params": {}});
        assert_eq!(fault("m", odd), "'sum' is not a type of metrics");
    }
}
