//! Any member of the graph, seen alike.

use crate::{Config, Exposure, Graph, Manifest, Node, ResourceType, SourceTable};
use serde_json::Value as Json;
use std::borrow::Cow;

/// A member of the graph.
#[derive(Clone, Copy)]
pub(super) enum Member<'a> {
    Node(&'a Node),
    Source(&'a SourceTable),
    Exposure(&'a Exposure),
    /// In manifest form: metrics, semantic models, saved queries, unit tests.
    Other(ResourceType, &'a Json),
}

/// All members in the order of the graph's vertices.
pub(super) fn members<'a>(manifest: &'a Manifest, graph: &Graph) -> Vec<Option<Member<'a>>> {
    let mut members = vec![None; graph.len()];
    let mut put = |id: &str, member: Member<'a>| {
        if let Some(slot) = graph.vertex(id).and_then(|v| members.get_mut(v.index())) {
            *slot = Some(member);
        }
    };
    for (section, entries) in &manifest.other {
        let resource_type = match *section {
            "metrics" => ResourceType::Metric,
            "semantic_models" => ResourceType::SemanticModel,
            "saved_queries" => ResourceType::SavedQuery,
            "unit_tests" => ResourceType::UnitTest,
            "functions" => ResourceType::Function,
            _ => continue,
        };
        for (id, entry) in entries {
            put(id, Member::Other(resource_type, entry));
        }
    }
    for (id, exposure) in &manifest.exposures {
        put(id, Member::Exposure(exposure));
    }
    for (id, source) in &manifest.sources {
        put(id, Member::Source(source));
    }
    // A test of a disabled model stays in the manifest, but nothing selects it.
    for node in manifest.nodes.iter().filter(|node| node.config.enabled()) {
        put(&node.unique_id, Member::Node(node));
    }
    members
}

fn text<'a>(entry: &'a Json, key: &str) -> &'a str {
    entry.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn texts(value: Option<&Json>) -> Vec<&str> {
    match value {
        Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(item)) => vec![item],
        _ => Vec::new(),
    }
}

impl<'a> Member<'a> {
    pub fn resource_type(self) -> ResourceType {
        match self {
            Self::Node(node) => node.resource_type,
            Self::Source(_) => ResourceType::Source,
            Self::Exposure(_) => ResourceType::Exposure,
            Self::Other(resource_type, _) => resource_type,
        }
    }

    /// Whether it is among dbt's `nodes`: neither source, exposure, function nor one of the semantic layer.
    pub fn as_node(self) -> Option<&'a Node> {
        match self {
            Self::Node(node)
                if !matches!(node.resource_type, ResourceType::UnitTest | ResourceType::Function) =>
            {
                Some(node)
            }
            _ => None,
        }
    }

    pub fn name(self) -> &'a str {
        match self {
            Self::Node(node) => &node.name,
            Self::Source(source) => &source.name,
            Self::Exposure(exposure) => &exposure.name,
            Self::Other(_, entry) => text(entry, "name"),
        }
    }

    pub fn package_name(self) -> &'a str {
        match self {
            Self::Node(node) => &node.package_name,
            Self::Source(source) => &source.package_name,
            Self::Exposure(exposure) => &exposure.package_name,
            Self::Other(_, entry) => text(entry, "package_name"),
        }
    }

    pub fn original_file_path(self) -> &'a str {
        match self {
            Self::Node(node) => &node.original_file_path,
            Self::Source(source) => &source.original_file_path,
            Self::Exposure(exposure) => &exposure.original_file_path,
            Self::Other(_, entry) => text(entry, "original_file_path"),
        }
    }

    /// The property file that describes it, relative to its package.
    pub fn property_file(self) -> Option<&'a str> {
        let patch = match self {
            Self::Node(node) => node.patch_path.as_deref()?,
            Self::Source(source) => source.patch_path.as_deref()?,
            _ => return None,
        };
        patch.split_once("://").map(|(_, path)| path)
    }

    pub fn fqn(self) -> Vec<&'a str> {
        match self {
            Self::Node(node) => node.fqn.iter().map(|part| &**part).collect(),
            Self::Source(source) => source.fqn.iter().map(|part| &**part).collect(),
            Self::Exposure(exposure) => exposure.fqn.iter().map(|part| &**part).collect(),
            Self::Other(_, entry) => texts(entry.get("fqn")),
        }
    }

    pub fn is_versioned(self) -> bool {
        match self {
            Self::Node(node) => node.resource_type == ResourceType::Model && node.version.is_some(),
            _ => false,
        }
    }

    pub fn tags(self) -> Vec<&'a str> {
        match self {
            Self::Node(node) if node.resource_type == ResourceType::UnitTest => node.config.tags(),
            Self::Node(node) => node.tags.iter().map(|tag| &**tag).collect(),
            Self::Source(source) => source.tags.iter().map(|tag| &**tag).collect(),
            Self::Exposure(exposure) => exposure.tags.iter().map(|tag| &**tag).collect(),
            Self::Other(ResourceType::UnitTest, entry) => texts(entry.pointer("/config/tags")),
            Self::Other(ResourceType::SemanticModel, _) => Vec::new(),
            Self::Other(_, entry) => texts(entry.get("tags")),
        }
    }

    /// `config.group`, of what can belong to a group.
    pub fn group(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Other(ResourceType::Metric, entry) => {
                entry.pointer("/config/group").and_then(Json::as_str).map(Cow::Borrowed)
            }
            _ => {
                let node = self.as_node()?;
                node.config.str("group").or(node.group.as_deref()).map(Cow::Borrowed)
            }
        }
    }

    /// The config, of what dbt looks at for `config.*`: nodes and sources.
    pub fn config(self) -> Option<&'a Config> {
        match self {
            Self::Source(source) => Some(&source.config),
            _ => self.as_node().map(|node| &node.config),
        }
    }

    /// Whether it has no SQL at all.
    pub fn is_empty(self) -> bool {
        self.as_node()
            .is_some_and(|node| node.resource_type != ResourceType::Seed && node.raw_code.trim().is_empty())
    }
}
