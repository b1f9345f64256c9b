//! What a run writes into the target folder: compiled and run SQL.

use crate::engine::Engine;
use kpi_jinja::{Error, ErrorKind, Result};
use kpi_manifest::{Node, NodeId};
use std::path::Path;

impl Engine {
    /// `target/<kind>/<package>/<file>`; for one of several nodes of a file `.../<file>/<node's path>`.
    pub(crate) fn artifact_path(&self, kind: &str, node: &Node) -> String {
        let name = |p: &str| Path::new(p).file_name().map(|n| n.to_owned());
        let file = if name(&node.path) == name(&node.original_file_path) {
            node.original_file_path.to_string()
        } else {
            format!("{}/{}", node.original_file_path, node.path)
        };
        let target = self
            .options
            .target_path
            .strip_prefix(&self.project.root)
            .unwrap_or(&self.options.target_path)
            .to_string_lossy()
            .into_owned();
        format!("{target}/{kind}/{}/{file}", node.package_name)
    }

    /// Writes `text` to `path` (relative to the project). A file that holds it already is not touched: creating 30,000
    /// files costs more than rendering them.
    ///
    /// # Errors
    /// The folder or file cannot be written.
    pub(crate) fn write_text(&self, path: &str, text: &str) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        let full = self.project.root.join(path);
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Runtime, format!("cannot write {}: {e}", full.display()))
                .with_hint("is the target folder writable, and is there space on the disk?")
        };
        if let Some(folder) = full.parent()
            && !self.folders.lock().contains(folder)
        {
            std::fs::create_dir_all(folder).map_err(failed)?;
            self.folders.lock().insert(folder.to_owned());
        }
        if let Ok(metadata) = std::fs::metadata(&full)
            && metadata.len() == text.len() as u64
            && std::fs::read(&full).is_ok_and(|old| old == text.as_bytes())
        {
            return Ok(());
        }
        std::fs::write(&full, text).map_err(failed)
    }

    /// Remembers where the SQL that was run is.
    pub(crate) fn note_build_path(&self, id: NodeId, path: &str) {
        self.build_paths.lock().insert(id, path.into());
    }
}
