//! The flags that a project sets: `flags:` of its file, or `config:` of `profiles.yml`, where they stood in former times.
//! They are read before all else, since they decide about messages too; what is wrong with the files is told when they
//! are read for good.

use crate::inventory::read_text;
use crate::load::{DBT_FILE, NATIVE_FILE, working_dir};
use crate::target::profiles_folder;
use crate::yaml::{self, Node};
use crate::{LoadOptions, Project};
use kpi_diagnostics::{Diagnostic, Span};
use serde_json::Value as Json;

/// A flag as written.
#[derive(Debug, Clone)]
pub struct WrittenFlag {
    /// Its name as written.
    pub name: String,
    /// Its value.
    pub value: Json,
    /// Where it stands.
    pub span: Span,
}

/// The flags of a project.
#[derive(Debug, Clone, Default)]
pub struct WrittenFlags {
    /// In the order of the file.
    pub flags: Vec<WrittenFlag>,
    /// Whether they are those of a `kpi.toml`.
    pub native: bool,
    /// Where they stand, if that is the deprecated place in `profiles.yml`.
    pub in_profiles: Option<Span>,
}

fn written(node: &Node, file: &std::sync::Arc<kpi_diagnostics::SourceFile>) -> Vec<WrittenFlag> {
    let entries = node.as_map().unwrap_or_default().iter();
    entries
        .map(|(key, value)| WrittenFlag {
            name: key.key_text(),
            value: value.to_json(),
            span: value.span(file),
        })
        .collect()
}

impl Project {
    /// The flags of the project that the options mean; none where there is no project, or none that can be read.
    ///
    /// # Errors
    /// Flags in both places.
    pub fn written_flags(options: &LoadOptions) -> Result<WrittenFlags, Diagnostic> {
        let root = Self::find_root(options).ok();
        let native = root.as_ref().is_some_and(|root| !root.join(DBT_FILE).is_file());
        let name = if native { NATIVE_FILE } else { DBT_FILE };
        let mut found = WrittenFlags { native, ..WrittenFlags::default() };
        if let Some(root) = &root
            && let Ok(file) = read_text(&root.join(name), name)
        {
            let parsed = match native {
                true => yaml::parse_toml(&file).ok(),
                false => yaml::parse(&file).ok().flatten(),
            };
            if let Some(flags) = parsed.as_ref().and_then(|node| node.get("flags")) {
                found.flags = written(flags, &file);
            }
        }
        if native {
            return Ok(found);
        }
        let Ok(working) = working_dir(options) else { return Ok(found) };
        let folder = profiles_folder(options, root.as_deref().unwrap_or(&working), &working);
        let path = folder.join("profiles.yml");
        let shown = crate::target::shown_path(&path, root.as_deref().unwrap_or(&working));
        let Ok(file) = read_text(&path, &shown) else { return Ok(found) };
        let Some(document) = yaml::parse(&file).ok().flatten() else { return Ok(found) };
        let Some((key, config)) = document.entry("config") else { return Ok(found) };
        let old = written(config, &file);
        if old.is_empty() {
            return Ok(found);
        }
        let place = key.span(&file);
        if !found.flags.is_empty() {
            return Err(Diagnostic::error(
                "K0206",
                "Runtime Error",
                "Do not specify both 'config' in profiles.yml and 'flags' in dbt_project.yml. Using 'config' in \
                 profiles.yml is deprecated.",
            )
            .with_span(place)
            .with_hint("move them to `flags:` in dbt_project.yml"));
        }
        Ok(WrittenFlags { flags: old, native: false, in_profiles: Some(place) })
    }
}
