//! Reads what names packages: of the project itself, of a package that was fetched, of a lock.

use super::spec::{self, PackageSpec};
use super::{KIND, LOCK_FILE, PackagesFile, written};
use crate::render::{EnvRead, Policy, Renderer, hide_secrets};
use crate::settings::read_native;
use crate::yaml::{self, Node};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// Name and packages of a package.
#[derive(Debug, Clone)]
pub struct PackageMetadata {
    /// The project's name.
    pub name: String,
    /// The packages that it needs itself.
    pub specs: Vec<PackageSpec>,
}

/// What a `package-lock.yml` holds.
#[derive(Debug, Clone)]
pub struct PackageLock {
    /// `sha1_hash`: of what the lock was made from.
    pub hash: Option<String>,
    /// The packages, each in one version. What is wrong with them matters only if the lock is used.
    pub specs: Result<Vec<PackageSpec>, Diagnostic>,
}

/// Reads files that name packages, with the environment and the variables of one call.
pub struct PackageReader {
    pub(crate) renderer: Renderer,
    pub(crate) env_read: Arc<Mutex<EnvRead>>,
}

impl PackageReader {
    /// What `packages.yml` or `dependencies.yml` of the project itself names: the latter is taken as it stands.
    pub(crate) fn project(&self, root: &Path, shown_root: &str) -> Result<PackagesFile, Diagnostic> {
        let Some((file, node)) = written(root, shown_root)? else { return Ok(PackagesFile::default()) };
        let renders = !file.name.ends_with("dependencies.yml");
        let specs = self.specs(&file, &node, renders)?;
        Ok(PackagesFile { file: Some(file), specs })
    }

    fn specs(
        &self,
        file: &Arc<SourceFile>,
        node: &Node,
        renders: bool,
    ) -> Result<Vec<PackageSpec>, Diagnostic> {
        if !renders {
            return spec::read(file, node, node);
        }
        let mut rendered = node.clone();
        self.renderer.render(&mut rendered, file, Policy::Everything)?;
        spec::read(file, &rendered, node)
    }

    /// Name and packages of the package in the folder `root`, which messages call `shown_root`.
    ///
    /// # Errors
    /// There is no project file in it, or it has no name, or what names packages is malformed.
    pub fn metadata(&self, root: &Path, shown_root: &str) -> Result<PackageMetadata, Diagnostic> {
        let name = name_of(root, shown_root)?;
        let specs = match written(root, shown_root)? {
            Some((file, node)) => self.specs(&file, &node, true)?,
            None => Vec::new(),
        };
        Ok(PackageMetadata { name, specs })
    }

    /// The packages of a tree that another source gives, such as the package hub; `shown` is what messages call it.
    ///
    /// # Errors
    /// An entry is malformed.
    pub fn foreign(&self, packages: &serde_json::Value, shown: &str) -> Result<Vec<PackageSpec>, Diagnostic> {
        let text = serde_json::json!({ "packages": packages });
        let file = SourceFile::new(shown, text.to_string());
        let node = Node::from_json(&text, 0, 0);
        spec::read(&file, &node, &node)
    }

    /// The lock beside the project file in `root`, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is no YAML.
    pub fn lock(&self, root: &Path) -> Result<Option<PackageLock>, Diagnostic> {
        let path = root.join(LOCK_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let file = crate::inventory::read_text(&path, LOCK_FILE)?;
        let Some(node) = yaml::parse(&file)?.filter(|node| !node.is_null()) else {
            return Ok(Some(PackageLock { hash: None, specs: Ok(Vec::new()) }));
        };
        let hash = node.get("sha1_hash").map(Node::key_text);
        let specs = self
            .specs(&file, &node, true)
            .map_err(|error| error.with_hint(format!("`kpi deps --upgrade` writes {LOCK_FILE} anew")));
        Ok(Some(PackageLock { hash, specs }))
    }

    /// A text without the secrets that were read.
    pub fn hide(&self, text: &str) -> String {
        hide_secrets(text, &self.env_read.lock())
    }
}

/// The name in a package's project file, as it stands there.
pub(crate) fn name_of(root: &Path, shown_root: &str) -> Result<String, Diagnostic> {
    let dbt = root.join("dbt_project.yml");
    let native = root.join("kpi.toml");
    let shown = |name: &str| format!("{shown_root}/{name}");
    let (file, tree) = if dbt.is_file() {
        let file = crate::inventory::read_text(&dbt, &shown("dbt_project.yml"))?;
        let tree = yaml::parse_document(&file)?.root;
        (file, tree)
    } else if native.is_file() {
        let file = crate::inventory::read_text(&native, &shown("kpi.toml"))?;
        let tree = read_native(&file)?.project;
        (file, Some(tree))
    } else {
        return Err(Diagnostic::error(
            "K0222",
            KIND,
            format!("No dbt_project.yml found at expected path {shown_root}/dbt_project.yml"),
        )
        .with_hint(
            "every entry of packages.yml, and what these need, names a folder with a dbt_project.yml",
        ));
    };
    let name = tree.as_ref().and_then(|tree| tree.get("name")).filter(|name| !name.is_null());
    match name.map(Node::key_text) {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(Diagnostic::error("K0222", KIND, format!("the package in {shown_root} has no name"))
            .with_span(Span::whole(file))
            .with_hint("its project file must have a `name:`")),
    }
}
