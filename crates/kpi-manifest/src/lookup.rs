//! Names to nodes and sources, by dbt's order of packages.

use crate::{Manifest, Node, NodeId, RefCall, ResourceType, SourceTable};
use kpi_jinja::{Error, ErrorKind};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A disabled node or source: what messages say of it.
#[derive(Debug, Clone)]
pub struct DisabledEntry {
    /// Its package.
    pub package: Arc<str>,
    /// Its id.
    pub unique_id: Arc<str>,
    /// What it is.
    pub resource_type: ResourceType,
    /// Its file.
    pub original_file_path: Arc<str>,
}

/// Names to ids. Each name may mean something else in every package.
#[derive(Debug, Default, Clone)]
pub struct Lookup {
    /// `name` and `name.v1` -> (package, node), in order of parsing.
    pub(crate) refs: FxHashMap<Arc<str>, Vec<(Arc<str>, NodeId)>>,
    /// `source.table` -> (package, position in the manifest's sources).
    pub(crate) sources: FxHashMap<Arc<str>, Vec<(Arc<str>, usize)>>,
    /// Functions by name -> (package, node), in order of parsing.
    pub(crate) functions: FxHashMap<Arc<str>, Vec<(Arc<str>, NodeId)>>,
    /// Disabled ones by `name` or `source.table`.
    pub(crate) disabled: FxHashMap<Arc<str>, Vec<DisabledEntry>>,
    /// Metrics by name -> (package, unique id).
    pub(crate) metrics: FxHashMap<Arc<str>, Vec<(Arc<str>, Arc<str>)>>,
    /// `require_ref_searches_node_package_before_root`
    pub(crate) node_package_first: bool,
}

/// What a name turned out to be.
#[derive(Debug)]
pub enum Found<T> {
    /// There.
    Here(T),
    /// There, but disabled.
    Disabled(DisabledEntry),
    /// Two packages have it: their ids.
    Ambiguous(Vec<Arc<str>>),
    /// Nowhere.
    Missing,
}

impl Lookup {
    /// The packages to search in order; `None`: any.
    fn packages<'a>(&self, root: &'a str, own: &'a str, target: Option<&'a str>) -> Vec<Option<&'a str>> {
        match target {
            Some(package) => vec![Some(package)],
            None if root == own => vec![Some(root), None],
            None if self.node_package_first => vec![Some(own), Some(root), None],
            None => vec![Some(root), Some(own), None],
        }
    }

    /// Makes a node known by its names.
    pub(crate) fn add(&mut self, node: &Node, id: NodeId) {
        if node.resource_type == ResourceType::Function {
            self.functions.entry(node.name.clone()).or_default().push((node.package_name.clone(), id));
        }
        if !node.is_refable() {
            return;
        }
        let mut put = |name: Arc<str>| {
            let entries = self.refs.entry(name).or_default();
            match entries.iter_mut().find(|(package, _)| *package == node.package_name) {
                Some(entry) => entry.1 = id,
                None => entries.push((node.package_name.clone(), id)),
            }
        };
        match &node.version {
            Some(version) => {
                put(node.search_name());
                if node.latest_version.as_ref() == Some(version) {
                    put(node.name.clone());
                }
            }
            None => put(node.name.clone()),
        }
    }

    /// The node of a name in a package, or in any.
    pub(crate) fn named(&self, name: &str, package: Option<&str>) -> Option<NodeId> {
        let entries = self.refs.get(name)?;
        match package {
            Some(package) => entries.iter().find(|(p, _)| &**p == package).map(|(_, id)| *id),
            None => entries.first().map(|(_, id)| *id),
        }
    }

    /// The disabled entries of a name in a package, or in the first that has it.
    pub(crate) fn disabled(&self, name: &str, package: Option<&str>) -> Vec<&DisabledEntry> {
        let Some(entries) = self.disabled.get(name) else { return Vec::new() };
        let Some(package) = package.or_else(|| entries.first().map(|e| &*e.package)) else {
            return Vec::new();
        };
        entries.iter().filter(|e| &*e.package == package).collect()
    }

    /// What `ref()` means in a node of `own`.
    pub(crate) fn find_ref(&self, call: &RefCall, root: &str, own: &str) -> Found<NodeId> {
        let versioned;
        let key: &str = match &call.version {
            Some(version) => {
                versioned = format!("{}.v{version}", call.name);
                &versioned
            }
            None => &call.name,
        };
        let entries = self.refs.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut disabled = None;
        for package in self.packages(root, own, call.package.as_deref()) {
            match package {
                Some(package) => {
                    if let Some((_, id)) = entries.iter().find(|(p, _)| &**p == package) {
                        return Found::Here(*id);
                    }
                }
                None => match entries {
                    [] => {}
                    [(_, id)] => return Found::Here(*id),
                    several => return Found::Ambiguous(several.iter().map(|(p, _)| p.clone()).collect()),
                },
            }
            if disabled.is_none() {
                disabled = self.disabled(key, package).into_iter().find(|e| {
                    matches!(
                        e.resource_type,
                        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot
                    )
                });
            }
        }
        disabled.map_or(Found::Missing, |entry| Found::Disabled(entry.clone()))
    }

    /// What `function()` means in a node of `own`.
    pub(crate) fn find_function(&self, call: &RefCall, root: &str, own: &str) -> Found<NodeId> {
        let entries = self.functions.get(&call.name).map(Vec::as_slice).unwrap_or_default();
        let mut disabled = None;
        for package in self.packages(root, own, call.package.as_deref()) {
            let found = match package {
                Some(package) => entries.iter().find(|(p, _)| &**p == package),
                None => entries.first(),
            };
            if let Some((_, id)) = found {
                return Found::Here(*id);
            }
            if disabled.is_none() {
                disabled = self
                    .disabled(&call.name, package)
                    .into_iter()
                    .find(|e| e.resource_type == ResourceType::Function);
            }
        }
        disabled.map_or(Found::Missing, |entry| Found::Disabled(entry.clone()))
    }

    /// What `source()` means in a node of `own`: the position of the table.
    pub(crate) fn find_source(&self, source: &str, table: &str, root: &str, own: &str) -> Found<usize> {
        let key = format!("{source}.{table}");
        let entries = self.sources.get(&*key).map(Vec::as_slice).unwrap_or_default();
        let mut disabled = None;
        for package in self.packages(root, own, None) {
            let found = match package {
                Some(package) => entries.iter().find(|(p, _)| &**p == package),
                None => entries.first(),
            };
            if let Some((_, position)) = found {
                return Found::Here(*position);
            }
            if disabled.is_none() {
                disabled = self
                    .disabled(&key, package)
                    .into_iter()
                    .find(|e| e.resource_type == ResourceType::Source);
            }
        }
        disabled.map_or(Found::Missing, |entry| Found::Disabled(entry.clone()))
    }
}

/// `Model 'model.shop.orders' (models/orders.sql)`: the head of dbt's messages on targets.
fn dependent(node: Option<&Node>) -> String {
    match node {
        Some(node) => {
            let kind = match node.resource_type {
                ResourceType::SqlOperation => "Sql_Operation".to_owned(),
                ResourceType::UnitTest => "Unit_Test".to_owned(),
                other => capitalized(other.as_str()),
            };
            format!("{kind} '{}' ({})", node.unique_id, node.original_file_path)
        }
        None => "This operation".to_owned(),
    }
}

pub(crate) fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The sentence of a target that is not there or disabled.
pub(crate) fn target_message(
    head: &str,
    kind: &str,
    call: &RefCall,
    disabled: Option<&DisabledEntry>,
) -> String {
    let package = call.package.as_ref().map(|p| format!(" in package or project '{p}'")).unwrap_or_default();
    let version = call.version.as_ref().map(|v| format!(" with version '{v}'")).unwrap_or_default();
    let reason = match disabled {
        Some(entry) => format!("is disabled ({})", entry.original_file_path),
        None => "was not found".to_owned(),
    };
    format!("{head} depends on a {kind} named '{}'{version}{package} which {reason}", call.name)
}

/// What is said when a node refers to what is not there. `kind`: `node` or `source`.
pub fn not_found(node: &Node, kind: &str, call: &RefCall) -> Error {
    Error::compilation(target_message(&dependent(Some(node)), kind, call, None))
}

impl Manifest {
    /// A node by its unique id.
    pub fn node(&self, unique_id: &str) -> Option<&Node> {
        self.nodes.get(self.node_ids.get(unique_id)?.0 as usize)
    }

    /// A node by its position.
    pub fn node_at(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// What `ref()` means in a node of `package`.
    ///
    /// # Errors
    /// No such node, a disabled one, or one in several packages.
    pub fn resolve_ref(&self, call: &RefCall, package: &str, node: Option<&Node>) -> Result<&Node, Error> {
        match self.lookup.find_ref(call, &self.root_package, package) {
            Found::Here(id) => self.node_at(id).ok_or_else(|| Error::compilation("the node is gone")),
            Found::Disabled(entry) => {
                Err(Error::compilation(target_message(&dependent(node), "node", call, Some(&entry))))
            }
            Found::Ambiguous(packages) => Err(Error::new(ErrorKind::Compilation, ambiguous(call, &packages))),
            Found::Missing => {
                let error = Error::compilation(target_message(&dependent(node), "node", call, None));
                let names = self.lookup.refs.keys().map(|n| &**n);
                Err(match kpi_diagnostics::nearest(&call.name, names) {
                    Some(near) => error.with_hint(format!("did you mean ref('{near}')?")),
                    None => error,
                })
            }
        }
    }

    /// What `function()` means in a node of `package`.
    ///
    /// # Errors
    /// No such function, or a disabled one.
    pub fn resolve_function(
        &self,
        names: &[Arc<str>],
        package: &str,
        node: Option<&Node>,
    ) -> Result<&Node, Error> {
        let call = function_call(names);
        match self.lookup.find_function(&call, &self.root_package, package) {
            Found::Here(id) => self.node_at(id).ok_or_else(|| Error::compilation("the function is gone")),
            Found::Disabled(entry) => {
                Err(Error::compilation(target_message(&dependent(node), "function", &call, Some(&entry))))
            }
            Found::Ambiguous(_) | Found::Missing => {
                let error = Error::compilation(target_message(&dependent(node), "function", &call, None));
                let names = self.lookup.functions.keys().map(|n| &**n);
                Err(match kpi_diagnostics::nearest(&call.name, names) {
                    Some(near) => error.with_hint(format!("did you mean function('{near}')?")),
                    None => error,
                })
            }
        }
    }

    /// What `source()` means in a node of `package`.
    ///
    /// # Errors
    /// No such source, or a disabled one.
    pub fn resolve_source(
        &self,
        source: &str,
        table: &str,
        package: &str,
        node: Option<&Node>,
    ) -> Result<&SourceTable, Error> {
        let call = RefCall { package: None, name: format!("{source}.{table}").into(), version: None };
        match self.lookup.find_source(source, table, &self.root_package, package) {
            Found::Here(position) => self
                .sources
                .get_index(position)
                .map(|(_, table)| table)
                .ok_or_else(|| Error::compilation("the source is gone")),
            Found::Disabled(entry) => {
                Err(Error::compilation(target_message(&dependent(node), "source", &call, Some(&entry))))
            }
            Found::Ambiguous(_) | Found::Missing => {
                let error = Error::compilation(target_message(&dependent(node), "source", &call, None));
                let names = self.lookup.sources.keys().map(|n| &**n);
                Err(match kpi_diagnostics::nearest(&call.name, names) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error,
                })
            }
        }
    }
}

/// The names of a `function()` call: `[name]` or `[package, name]`.
pub(crate) fn function_call(names: &[Arc<str>]) -> RefCall {
    let package = names.len().checked_sub(2).and_then(|i| names.get(i)).cloned();
    RefCall { package, name: names.last().cloned().unwrap_or_default(), version: None }
}

pub(crate) fn ambiguous(call: &RefCall, packages: &[Arc<str>]) -> String {
    format!(
        "When referencing '{}', kpi found nodes in several packages: {}. Name the package: ref('{}', '{}')",
        call.name,
        packages.join(", "),
        packages.first().map(|p| &**p).unwrap_or("package"),
        call.name
    )
}
