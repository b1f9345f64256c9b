//! Warnings about models that age.

use super::Parser;
use crate::{Manifest, Node, ResourceType, version_text};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use kpi_diagnostics::Diagnostic;
use rustc_hash::FxHashMap;
use serde_json::json;

/// A date or a point of time as YAML has it; without an offset it is one of UTC.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
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
}
