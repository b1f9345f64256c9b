//! `manifest.json` (v12): the project as other tools see it.
//!
//! 10,000 models make 90 MB. Entries serialize straight from the manifest's nodes, on all cores, in chunks that are
//! written in order; there is never a tree of JSON.

use crate::write::write_with;
use crate::{Invocation, Metadata};
use indexmap::IndexMap;
use kpi_diagnostics::Diagnostic;
use kpi_manifest::node_json::Entry;
use kpi_manifest::selection::selectors_entry;
use kpi_manifest::{Manifest, Node, ResourceType};
use kpi_project::Project;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

type FxIndexMap<K, V> = IndexMap<K, V, FxBuildHasher>;

#[derive(Serialize)]
struct ManifestMetadata<'a> {
    #[serde(flatten)]
    head: Metadata,
    project_name: &'a str,
    project_id: &'a str,
    user_id: Option<&'a str>,
    send_anonymous_usage_stats: bool,
    adapter_type: &'a str,
    quoting: Quoting<'a>,
    run_started_at: String,
}

#[derive(Serialize)]
struct Quoting<'a> {
    database: &'a Json,
    schema: &'a Json,
    identifier: &'a Json,
    column: &'a Json,
}

/// `https://schemas.getdbt.com/dbt/manifest/v12.json`
pub const MANIFEST_SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

/// Writes `manifest.json`.
///
/// # Errors
/// The file cannot be written.
pub fn write_manifest(
    path: &Path,
    manifest: &Manifest,
    project: &Project,
    invocation: &Invocation,
) -> Result<(), Diagnostic> {
    write_with(path, |out| stream(out, manifest, project, invocation))
}

fn stream(
    out: &mut impl Write,
    manifest: &Manifest,
    project: &Project,
    invocation: &Invocation,
) -> io::Result<()> {
    let usual = Json::Bool(project.target.kind != "snowflake");
    let root = project.packages.first().map(|package| &package.config.quoting);
    let quoting = |key: &str| root.and_then(|quoting| quoting.get(key)).filter(|value| !value.is_null());
    let metadata = ManifestMetadata {
        head: invocation.metadata(MANIFEST_SCHEMA),
        project_name: &manifest.root_package,
        project_id: &manifest.project_id,
        user_id: None,
        send_anonymous_usage_stats: false,
        adapter_type: &project.target.kind,
        quoting: Quoting {
            database: quoting("database").unwrap_or(&usual),
            schema: quoting("schema").unwrap_or(&usual),
            identifier: quoting("identifier").unwrap_or(&usual),
            column: quoting("column").unwrap_or(&Json::Null),
        },
        run_started_at: invocation.started_at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
    };
    let nodes: Vec<&Node> = manifest.nodes.iter().filter(|node| is_in_nodes(node)).collect();
    let functions = manifest.nodes.iter().filter(|node| node.resource_type == ResourceType::Function);
    let families = Families::of(manifest);

    let mut file = File { out, first: true };
    file.section("metadata", &metadata)?;
    file.entries("nodes", &nodes, |node| (&node.unique_id, Entry::new(*node)))?;
    let sources: Vec<_> = manifest.sources.iter().collect();
    file.entries("sources", &sources, |(id, source)| (id, Entry::new(*source)))?;
    let macros: Vec<_> = manifest.macros.iter().collect();
    file.entries("macros", &macros, |(id, definition)| (id, Entry::new(*definition)))?;
    let docs: Vec<_> = manifest.docs.iter().collect();
    file.entries("docs", &docs, |(id, doc)| (id, Entry::new(*doc)))?;
    let exposures: Vec<_> = manifest.exposures.iter().collect();
    file.entries("exposures", &exposures, |(id, exposure)| (id, Entry::new(*exposure)))?;
    file.other(manifest, "metrics")?;
    let groups: Vec<_> = manifest.groups.iter().collect();
    file.entries("groups", &groups, |(id, group)| (id, Entry::new(*group)))?;
    file.section("selectors", &selectors_entry(&project.selectors))?;
    file.section("disabled", &manifest.disabled)?;
    file.section("parent_map", &families.parents)?;
    file.section("child_map", &families.children)?;
    file.section("group_map", &group_map(manifest))?;
    file.other(manifest, "saved_queries")?;
    file.other(manifest, "semantic_models")?;
    file.other(manifest, "unit_tests")?;
    match manifest.other.get("functions") {
        Some(entries) => file.section("functions", entries)?,
        None => {
            let functions: Vec<&Node> = functions.collect();
            file.entries("functions", &functions, |node| (&node.unique_id, Entry::new(*node)))?;
        }
    }
    file.out.write_all(b"}")
}

/// Whether a node belongs to the section `nodes`.
fn is_in_nodes(node: &Node) -> bool {
    !matches!(node.resource_type, ResourceType::Function | ResourceType::UnitTest)
}

/// The file as it grows.
struct File<'w, W: Write> {
    out: &'w mut W,
    first: bool,
}

/// Entries that are serialized together on one core.
const CHUNK: usize = 256;

/// Chunks that are held in memory at once: some 20 MB.
const CHUNKS: usize = 32;

impl<W: Write> File<'_, W> {
    fn key(&mut self, name: &str) -> io::Result<()> {
        let before = if self.first { "{" } else { "," };
        self.first = false;
        write!(self.out, "{before}\"{name}\":")
    }

    fn section(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.key(name)?;
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(())
    }

    fn other(&mut self, manifest: &Manifest, name: &str) -> io::Result<()> {
        match manifest.other.get(name) {
            Some(entries) => self.section(name, entries),
            None => self.section(name, &Map::new()),
        }
    }

    /// A section whose entries are made by `entry`, in order.
    fn entries<'a, T: Sync, E: Serialize>(
        &mut self,
        name: &str,
        items: &'a [T],
        entry: impl Fn(&'a T) -> (&'a Arc<str>, E) + Sync,
    ) -> io::Result<()> {
        self.key(name)?;
        self.out.write_all(b"{")?;
        let mut first = true;
        for batch in items.chunks(CHUNK * CHUNKS) {
            let texts: Vec<serde_json::Result<Vec<u8>>> = batch
                .par_chunks(CHUNK)
                .map(|chunk| {
                    let mut text = Vec::with_capacity(chunk.len() * 2048);
                    for item in chunk {
                        let (id, entry) = entry(item);
                        text.push(b',');
                        serde_json::to_writer(&mut text, id)?;
                        text.push(b':');
                        serde_json::to_writer(&mut text, &entry)?;
                    }
                    Ok(text)
                })
                .collect();
            for text in texts {
                let text = text?;
                // Each entry begins with a comma, which the first of all must not have.
                self.out.write_all(text.get(usize::from(first)..).unwrap_or_default())?;
                first = false;
            }
        }
        self.out.write_all(b"}")
    }
}

/// Parents and children of every member of the graph, each list in order.
struct Families<'a> {
    parents: FxIndexMap<&'a str, Vec<&'a str>>,
    children: FxIndexMap<&'a str, Vec<&'a str>>,
}

impl<'a> Families<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let mut families = Self { parents: FxIndexMap::default(), children: FxIndexMap::default() };
        let ids = |ids: &'a [Arc<str>]| ids.iter().map(|id| &**id).collect::<Vec<_>>();
        for node in manifest.nodes.iter().filter(|node| is_in_nodes(node)) {
            families.parents.insert(&node.unique_id, ids(&node.depends_on_nodes));
        }
        for id in manifest.sources.keys() {
            families.parents.insert(id, Vec::new());
        }
        for exposure in manifest.exposures.values() {
            families.parents.insert(&exposure.unique_id, ids(&exposure.depends_on_nodes));
        }
        for node in manifest.nodes.iter().filter(|node| !is_in_nodes(node)) {
            families.parents.insert(&node.unique_id, ids(&node.depends_on_nodes));
        }
        for section in ["functions", "metrics", "semantic_models", "saved_queries", "unit_tests"] {
            for (id, entry) in manifest.other.get(section).into_iter().flatten() {
                let nodes = entry.pointer("/depends_on/nodes").and_then(Json::as_array);
                families.parents.insert(id, nodes.into_iter().flatten().filter_map(Json::as_str).collect());
            }
        }
        families.children = families.parents.keys().map(|id| (*id, Vec::new())).collect();
        for (id, parents) in &mut families.parents {
            parents.sort_unstable();
            for parent in parents {
                if let Some(children) = families.children.get_mut(parent) {
                    children.push(id);
                }
            }
        }
        families.children.values_mut().for_each(|children| children.sort_unstable());
        families
    }
}

/// Members of each group.
fn group_map(manifest: &Manifest) -> FxIndexMap<&str, Vec<&str>> {
    let mut map: FxIndexMap<&str, Vec<&str>> =
        manifest.groups.values().map(|group| (&*group.name, Vec::new())).collect();
    if map.is_empty() {
        return map;
    }
    for node in manifest.nodes.iter().filter(|node| is_in_nodes(node)) {
        if let Some(members) = node.group.as_deref().and_then(|group| map.get_mut(group)) {
            members.push(&node.unique_id);
        }
    }
    for section in ["saved_queries", "semantic_models", "metrics"] {
        for (id, entry) in manifest.other.get(section).into_iter().flatten() {
            let group = entry.get("group").and_then(Json::as_str);
            if let Some(members) = group.and_then(|group| map.get_mut(group)) {
                members.push(id);
            }
        }
    }
    map
}
