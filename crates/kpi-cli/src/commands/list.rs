//! `kpi ls`: the nodes of a selection, as names, paths, selectors or JSON.

use super::select;
use crate::session::{Ending, Loaded, Outcome, Session};
use kpi_diagnostics::{Diagnostic, Level};
use kpi_manifest::Manifest;
use kpi_manifest::node_json::{exposure_json, node_json, source_json};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Keys of the JSON form unless `--output-keys` says otherwise.
const KEYS: &[&str] = &[
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// Something that is listed.
enum Entry<'a> {
    Node(&'a kpi_manifest::Node),
    Source(&'a kpi_manifest::SourceTable),
    Exposure(&'a kpi_manifest::Exposure),
    /// Metrics and their kin, in manifest form.
    Other(&'a Json),
}

fn find<'a>(manifest: &'a Manifest, id: &str) -> Option<Entry<'a>> {
    if let Some(node) = manifest.node(id) {
        return Some(Entry::Node(node));
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(Entry::Source(source));
    }
    if let Some(exposure) = manifest.exposures.get(id) {
        return Some(Entry::Exposure(exposure));
    }
    manifest.other.values().find_map(|section| section.get(id)).map(Entry::Other)
}

fn field<'a>(object: &'a Json, key: &str) -> &'a str {
    object.get(key).and_then(Json::as_str).unwrap_or_default()
}

impl Entry<'_> {
    fn selector(&self) -> String {
        match self {
            Self::Node(node) => node.fqn.iter().map(|p| &**p).collect::<Vec<_>>().join("."),
            Self::Source(s) => format!("source:{}.{}.{}", s.package_name, s.source_name, s.name),
            Self::Exposure(e) => format!("exposure:{}.{}", e.package_name, e.name),
            Self::Other(o) => {
                format!("{}:{}.{}", field(o, "resource_type"), field(o, "package_name"), field(o, "name"))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Node(node) => node.search_name().to_string(),
            Self::Source(source) => source.search_name(),
            Self::Exposure(exposure) => exposure.name.to_string(),
            Self::Other(other) => field(other, "name").to_owned(),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Node(node) => node.original_file_path.to_string(),
            Self::Source(source) => source.original_file_path.to_string(),
            Self::Exposure(exposure) => exposure.original_file_path.to_string(),
            Self::Other(other) => field(other, "original_file_path").to_owned(),
        }
    }

    fn json(&self, keys: &[String]) -> Json {
        let whole = match self {
            Self::Node(node) => node_json(node),
            Self::Source(source) => source_json(source),
            Self::Exposure(exposure) => exposure_json(exposure),
            Self::Other(other) => other.as_object().cloned().unwrap_or_default(),
        };
        if keys.is_empty() {
            return Json::Object(whole.into_iter().filter(|(key, _)| KEYS.contains(&key.as_str())).collect());
        }
        let mut out = Map::new();
        for key in keys {
            let mut parts = key.split('.');
            let first = parts.next().and_then(|part| whole.get(part));
            let nested = key.contains('.');
            let value = parts.fold(first, |at, part| at.and_then(|v| v.get(part)));
            match value {
                Some(Json::Null) if nested => {}
                Some(value) => {
                    out.insert(key.clone(), value.clone());
                }
                None => {}
            }
        }
        Json::Object(out)
    }
}

/// JSON as Python writes it, with blanks behind colons and commas: scripts that compare lines rely on it.
pub struct PythonStyle;

impl serde_json::ser::Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> std::io::Result<()> {
        let mut units = [0u16; 2];
        for c in text.chars() {
            if c.is_ascii() {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// A value in one line, as Python's `json.dumps` writes it.
fn python_json(value: &Json) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, PythonStyle);
    if serde::Serialize::serialize(value, &mut serializer).is_err() {
        return value.to_string();
    }
    String::from_utf8(out).unwrap_or_else(|_| value.to_string())
}

/// Lists what is selected.
pub fn list(session: &Session) -> Outcome {
    let loaded: Loaded = session.load(None)?;
    let mut ids: Vec<Arc<str>> = select::listed(session, &loaded)?;
    ids.sort();
    if ids.is_empty() {
        session.messages.say("NoNodesSelected", Level::Warn, "No nodes selected!");
        session.messages.check_warnings()?;
        return Ok(Ending::Good);
    }
    let keys: Vec<String> = session
        .flags
        .list("output_keys")
        .iter()
        .flat_map(|k| k.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let format = session.flags.text("output").unwrap_or("selector").to_lowercase();
    let manifest = &loaded.manifest;
    if let Some(missing) = ids.iter().find(|id| find(manifest, id).is_none()) {
        return Err(Diagnostic::error(
            "K0900",
            "Runtime Error",
            format!("{missing} is selected but cannot be listed"),
        )
        .into());
    }
    let lines = ids.iter().filter_map(|id| find(manifest, id)).map(|entry| {
        let line = match format.as_str() {
            "json" => python_json(&entry.json(&keys)),
            "name" => entry.name(),
            "path" => entry.path(),
            _ => entry.selector(),
        };
        let data = json!({"msg": line});
        (line, data)
    });
    session.messages.data_lines("PrintEvent", lines);
    Ok(Ending::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = json!({"a": [1, "ä\n😀"], "b": {}, "c": null});
        assert_eq!(python_json(&value), r#"{"a": [1, "\u00e4\n\ud83d\ude00"], "b": {}, "c": null}"#);
    }
}
