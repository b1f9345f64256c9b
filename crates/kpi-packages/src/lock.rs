//! `package-lock.yml`: which version of every package was chosen, and for which `packages.yml`. Its bytes are dbt's.

use crate::source::{Metadata, Pinned};
use kpi_diagnostics::Diagnostic;
use kpi_jinja::Value;
use kpi_jinja::python::json::{Style, dumps};
use kpi_jinja::python::yaml::dump_indented;
use kpi_project::{LOCK_FILE, PackageSpec};
use serde_json::{Map, Value as Json, json};
use sha1::{Digest, Sha1};
use std::io::Write;
use std::path::Path;

const KIND: &str = "Runtime Error";

/// The hash of what `packages.yml` names: a lock of another hash is stale.
pub(crate) fn hash(specs: &[PackageSpec]) -> String {
    let style = Style { sort_keys: true, indent: None };
    let mut texts: Vec<String> = specs
        .iter()
        // What JSON holds can always be written.
        .map(|spec| dumps(&Value::from_json(&spec.identity), &style).unwrap_or_default())
        .collect();
    texts.sort();
    hex::encode(Sha1::digest(texts.join("\n")))
}

/// The text of a lock.
pub(crate) fn text(packages: &[(Pinned, Metadata)], hash: &str, hide: &dyn Fn(&str) -> String) -> String {
    let entries: Vec<Json> = packages
        .iter()
        .map(|(pinned, metadata)| {
            let entry: Map<String, Json> = pinned
                .lock_entry(&metadata.name)
                .into_iter()
                .map(|(key, value)| match value {
                    Json::String(text) => (key, Json::String(hide(&text))),
                    other => (key, other),
                })
                .collect();
            Json::Object(entry)
        })
        .collect();
    dump_indented(&Value::from_json(&json!({"packages": entries, "sha1_hash": hash}))).unwrap_or_default()
}

/// Writes a file under another name first, so that it is never half there.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let failed = |error: std::io::Error| {
        Diagnostic::error("K0238", KIND, format!("{} cannot be written: {error}", path.display()))
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    // A temporary file is its owner's alone; this one is everybody's who may read the project.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |found| found.permissions().mode() & 0o777);
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The place of the lock.
pub(crate) fn path(root: &Path) -> std::path::PathBuf {
    root.join(LOCK_FILE)
}
