//! The config of a node: project file by folder, under the property file, under `config()` in the file.

use super::freshness;
use super::validate::validate;
use crate::config_merge::update;
use crate::{Config, ResourceType};
use kpi_project::{Package, Project, ProjectConfig};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

type Tree = Map<String, Json>;

/// A node's config, effective and as written.
#[derive(Clone)]
pub(super) struct Resolved {
    pub config: Config,
    pub unrendered: Arc<Map<String, Json>>,
}

/// What lies over the project file: property file and `config()`.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub patch: Option<&'a Map<String, Json>>,
    pub call: &'a Map<String, Json>,
}

/// What the project file says of a folder.
struct Folder<'p> {
    /// Merged, not finished: what its nodes add comes on top.
    merged: Result<Map<String, Json>, String>,
    /// Finished, for nodes that add nothing.
    rendered: Result<Arc<Map<String, Json>>, String>,
    unrendered: Arc<Map<String, Json>>,
    /// Subtrees that may hold configs of single nodes.
    below: Option<&'p Tree>,
    unrendered_below: Option<&'p Tree>,
}

/// The project's config trees, with what was found in them by folder.
pub(super) struct ConfigTrees<'p> {
    project: &'p Project,
    folders: RwLock<FxHashMap<(ResourceType, Box<str>), Arc<Folder<'p>>>>,
}

/// Keys of the project file's config tree for a resource type; the first that is there counts.
fn tree_keys(resource_type: ResourceType) -> &'static [&'static str] {
    match resource_type {
        ResourceType::Seed => &["seeds"],
        ResourceType::Snapshot => &["snapshots"],
        ResourceType::Source => &["sources"],
        ResourceType::Test => &["data_tests", "tests"],
        ResourceType::Metric => &["metrics"],
        ResourceType::SemanticModel => &["semantic-models", "semantic_models"],
        ResourceType::SavedQuery => &["saved-queries", "saved_queries"],
        ResourceType::Exposure => &["exposures"],
        ResourceType::UnitTest => &["unit_tests"],
        ResourceType::Function => &["functions"],
        _ => &["models"],
    }
}

fn tree(config: &ProjectConfig, resource_type: ResourceType, rendered: bool) -> Option<&Tree> {
    let trees = if rendered { &config.configs } else { &config.unrendered_configs };
    tree_keys(resource_type).iter().find_map(|key| trees.get(*key)).and_then(Json::as_object)
}

/// What one level of a tree sets.
fn settings(level: &Tree) -> impl Iterator<Item = (String, Json)> + '_ {
    level.iter().filter_map(|(key, value)| match key.strip_prefix('+') {
        Some(key) => Some((key.trim().to_owned(), value.clone())),
        None if value.is_object() => None,
        None => Some((key.clone(), value.clone())),
    })
}

/// The levels of a tree that an fqn passes.
fn levels<'p>(root: Option<&'p Tree>, fqn: &[Arc<str>]) -> (Vec<&'p Tree>, Option<&'p Tree>) {
    let mut found = Vec::new();
    let mut current = root;
    if let Some(root) = root {
        found.push(root);
    }
    for part in fqn {
        current = current.and_then(|level| level.get(&**part)).and_then(Json::as_object);
        match current {
            Some(level) => found.push(level),
            None => return (found, None),
        }
    }
    (found, current)
}

fn set_plain(result: &mut Map<String, Json>, over: impl IntoIterator<Item = (String, Json)>) {
    result.extend(over);
}

impl<'p> ConfigTrees<'p> {
    pub(super) fn new(project: &'p Project) -> Self {
        Self { project, folders: RwLock::default() }
    }

    fn package(&self, name: &str) -> Option<&'p Package> {
        self.project.packages.iter().find(|package| &*package.name == name)
    }

    /// What the node's own package says of its folder.
    fn folder(&self, resource_type: ResourceType, package: &str, prefix: &[Arc<str>]) -> Arc<Folder<'p>> {
        let key: (ResourceType, Box<str>) = (resource_type, prefix.join("\u{0}").into());
        if let Some(folder) = self.folders.read().get(&key) {
            return folder.clone();
        }
        let config = self.package(package).map(|p| &p.config);
        let (rendered_levels, below) = levels(config.and_then(|c| tree(c, resource_type, true)), prefix);
        let (unrendered_levels, unrendered_below) =
            levels(config.and_then(|c| tree(c, resource_type, false)), prefix);
        let mut map = Map::new();
        let mut outcome = Ok(());
        for level in rendered_levels {
            outcome = outcome.and_then(|()| update(resource_type, &mut map, settings(level)));
        }
        let merged = outcome.map(|()| map);
        let rendered = merged.clone().and_then(|map| finish(resource_type, map)).map(Arc::new);
        let mut unrendered = Map::new();
        for level in unrendered_levels {
            set_plain(&mut unrendered, settings(level));
        }
        let folder =
            Arc::new(Folder { merged, rendered, unrendered: Arc::new(unrendered), below, unrendered_below });
        self.folders.write().insert(key, folder.clone());
        folder
    }

    /// The config of a node. `patch` is what its property file says, `call` what `config()` in its file says.
    ///
    /// # Errors
    /// A value of the wrong type, as dbt says it.
    pub(super) fn resolve(
        &self,
        resource_type: ResourceType,
        package: &str,
        fqn: &[Arc<str>],
        patch: Option<&Map<String, Json>>,
        call: &Map<String, Json>,
    ) -> Result<Resolved, String> {
        self.resolve_written(resource_type, package, fqn, Layer { patch, call }, Layer { patch, call })
    }

    /// As [`ConfigTrees::resolve`], where what is kept as written is not what takes effect.
    ///
    /// # Errors
    /// The same.
    pub(super) fn resolve_written(
        &self,
        resource_type: ResourceType,
        package: &str,
        fqn: &[Arc<str>],
        Layer { patch, call }: Layer<'_>,
        written: Layer<'_>,
    ) -> Result<Resolved, String> {
        let (name, prefix) = fqn.split_last().map_or((None, fqn), |(name, prefix)| (Some(name), prefix));
        let folder = self.folder(resource_type, package, prefix);
        let own = |tree: Option<&'p Tree>| name.and_then(|name| tree?.get(&**name)?.as_object());
        let (level, unrendered_level) = (own(folder.below), own(folder.unrendered_below));
        let root = self.project.packages.first();
        let root_config = root.filter(|root| &*root.name != package).map(|root| &root.config);
        let root_tree = root_config.and_then(|config| tree(config, resource_type, true));
        let patch = patch.filter(|patch| !patch.is_empty());
        if level.is_none() && patch.is_none() && call.is_empty() && root_tree.is_none() {
            return Ok(Resolved {
                config: Config { resource_type, set: folder.rendered.clone()? },
                unrendered: folder.unrendered.clone(),
            });
        }
        let mut map = folder.merged.clone()?;
        if let Some(level) = level {
            update(resource_type, &mut map, settings(level))?;
        }
        let entries = |map: &Map<String, Json>| map.clone();
        if let Some(patch) = patch {
            update(resource_type, &mut map, entries(patch))?;
        }
        update(resource_type, &mut map, entries(call))?;
        for level in levels(root_tree, fqn).0 {
            update(resource_type, &mut map, settings(level))?;
        }
        let mut map = finish(resource_type, map)?;
        if resource_type != ResourceType::Source {
            // As with dbt, null in a property file or in config() takes nothing away from the project file.
            let below = folder.rendered.as_ref().map_err(Clone::clone)?;
            for (key, value) in map.iter_mut().filter(|(_, value)| value.is_null()) {
                if let Some(set) = below.get(key) {
                    value.clone_from(set);
                }
            }
        }
        let config = Config::with(resource_type, map);
        let mut unrendered = (*folder.unrendered).clone();
        if let Some(level) = unrendered_level {
            set_plain(&mut unrendered, settings(level));
        }
        if let Some(patch) = written.patch {
            set_plain(&mut unrendered, entries(patch));
        }
        set_plain(&mut unrendered, entries(written.call));
        let root_unrendered = root_config.and_then(|config| tree(config, resource_type, false));
        for level in levels(root_unrendered, fqn).0 {
            set_plain(&mut unrendered, settings(level));
        }
        Ok(Resolved { config, unrendered: Arc::new(unrendered) })
    }
}

/// Keys of the config `contract`; dbt drops others.
const CONTRACT: &[&str] = &["enforced", "alias_types", "checksum"];
/// Keys of the config `docs`.
const DOCS: &[&str] = &["show", "node_color"];

/// Checks types, and works out what keys say together.
fn finish(resource_type: ResourceType, mut map: Map<String, Json>) -> Result<Map<String, Json>, String> {
    if resource_type == ResourceType::Test
        && let Some(limit) = map.get_mut("limit")
        && let Some(number) = as_integer(limit)
    {
        *limit = number.into();
    }
    validate(resource_type, &map)?;
    if let Some(value @ Json::Bool(_)) = map.get_mut("static_analysis") {
        *value = if *value == Json::Bool(true) { "on".into() } else { "off".into() };
    }
    for (key, known) in [("contract", CONTRACT), ("docs", DOCS)] {
        if let Some(Json::Object(inner)) = map.get_mut(key)
            && inner.keys().any(|key| !known.contains(&key.as_str()))
        {
            inner.retain(|key, _| known.contains(&key.as_str()));
        }
    }
    match resource_type {
        ResourceType::Test => {
            map.retain(|key, _| !key.ends_with("-hook"));
            let kind = map.get("store_failures_as").and_then(Json::as_str).map(str::to_owned);
            match (kind, map.get("store_failures").and_then(Json::as_bool)) {
                (Some(kind), _) => {
                    map.insert("store_failures".into(), (kind != "ephemeral").into());
                }
                (None, Some(stores)) => {
                    map.insert("store_failures_as".into(), if stores { "table" } else { "ephemeral" }.into());
                }
                (None, None) => {}
            }
        }
        ResourceType::Snapshot => {
            // Of the columns' names dbt keeps those that it knows.
            const NAMES: &str = "snapshot_meta_column_names";
            if let (Some(Json::Object(names)), Some(Json::Object(known))) =
                (map.get_mut(NAMES), Config::defaults(resource_type).get(NAMES))
            {
                names.retain(|name, _| known.contains_key(name));
            }
        }
        ResourceType::Model => {
            if let Some(given) = map.get("freshness") {
                match freshness::of_model(given)? {
                    Some(filled) => map.insert("freshness".into(), filled),
                    None => map.shift_remove("freshness"),
                };
            }
        }
        ResourceType::Source => {
            if let Some(given) = map.get("freshness") {
                let filled = freshness::threshold(Some(given))?.map_or(Json::Null, Json::Object);
                map.insert("freshness".into(), filled);
            }
        }
        _ => {}
    }
    Ok(map)
}

/// A number that is written as a text or with a fraction, as Python's `int()` takes it.
fn as_integer(value: &Json) -> Option<i64> {
    match value {
        Json::String(text) => text.trim().parse().ok(),
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        _ => None,
    }
}

/// Trees of the root project that no node's fqn passes: `(resource type, path)`.
pub(super) fn unused_paths<'n>(
    config: &ProjectConfig,
    fqns: impl Iterator<Item = (ResourceType, &'n [Arc<str>])>,
) -> Vec<String> {
    const TYPES: [ResourceType; 6] = [
        ResourceType::Model,
        ResourceType::Seed,
        ResourceType::Snapshot,
        ResourceType::Test,
        ResourceType::Source,
        ResourceType::Exposure,
    ];
    let mut open: Vec<(ResourceType, Vec<String>)> = Vec::new();
    for resource_type in TYPES {
        if let Some(tree) = tree(config, resource_type, true) {
            paths(tree, &mut Vec::new(), &mut |path| open.push((resource_type, path.to_vec())));
        }
    }
    if open.is_empty() {
        return Vec::new();
    }
    for (resource_type, fqn) in fqns {
        open.retain(|(of, path)| {
            *of != resource_type || path.len() > fqn.len() || path.iter().zip(fqn).any(|(a, b)| a != &**b)
        });
        if open.is_empty() {
            break;
        }
    }
    let keyed = |resource_type| tree_keys(resource_type).first().copied().unwrap_or_default();
    open.into_iter().map(|(of, path)| format!("{}.{}", keyed(of), path.join("."))).collect()
}

/// Every path of a tree at which something is set.
fn paths(tree: &Tree, path: &mut Vec<String>, found: &mut impl FnMut(&[String])) {
    let sets = tree.iter().any(|(key, value)| key.starts_with('+') || !value.is_object());
    if sets && !path.is_empty() {
        found(path);
    }
    if path.len() > 100 {
        return;
    }
    for (key, value) in tree {
        if let Json::Object(below) = value
            && !key.starts_with('+')
        {
            path.push(key.clone());
            paths(below, path, found);
            path.pop();
        }
    }
}
