//! `catalogs.yml`: where tables are kept outside the database's own catalog. Two forms: the first lists write
//! integrations, of which one is active; the second (flag `use_catalogs_v2`) has a block of settings per platform.

use crate::render::{Policy, Renderer};
use crate::shape::{Object, STR_OR_NULL, Shape};
use crate::yaml::Node;
use kpi_diagnostics::{Diagnostic, SourceFile, nearest};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// A catalog as the project declares it.
#[derive(Debug, Clone, Default)]
pub struct CatalogDefinition {
    /// The name that models use.
    pub name: String,
    /// 1 or 2.
    pub form: u8,
    /// `built_in`, `iceberg_rest`, `horizon`...
    pub catalog_type: String,
    /// The name that the database has for it.
    pub catalog_name: Option<String>,
    /// `iceberg`
    pub table_format: Option<String>,
    /// Where its files lie.
    pub external_volume: Option<String>,
    /// The format of its files.
    pub file_format: Option<String>,
    /// The database of its tables.
    pub catalog_database: Option<String>,
    /// What only the target understands.
    pub properties: Map<String, Json>,
}

const FILE: Object = Object {
    required: &["catalogs"],
    open: false,
    fields: &[("catalogs", Shape::List(&Shape::Map)), ("version", Shape::Int)],
};

const FIRST: Object = Object {
    required: &["name"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("active_write_integration", STR_OR_NULL),
        ("write_integrations", Shape::List(&Shape::Object(&INTEGRATION))),
    ],
};

const INTEGRATION: Object = Object {
    required: &["name", "catalog_type"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("catalog_type", Shape::Str),
        ("catalog_name", STR_OR_NULL),
        ("table_format", STR_OR_NULL),
        ("external_volume", STR_OR_NULL),
        ("file_format", STR_OR_NULL),
        ("catalog_database", STR_OR_NULL),
        ("adapter_properties", Shape::Map),
    ],
};

const SECOND: Object = Object {
    required: &["name", "type", "table_format", "config"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("type", Shape::Str),
        ("table_format", Shape::Str),
        ("config", Shape::Map),
    ],
};

/// The formats of tables that the second form knows.
const FORMATS: [&str; 2] = ["default", "iceberg"];

const HEADING: &str = "The catalogs.yml file in this project is malformed";

/// Renders and reads catalogs. `platform` is the type of the target.
pub(crate) fn read(
    file: &Arc<SourceFile>,
    mut root: Node,
    renderer: &Renderer,
    second_form: bool,
    platform: &str,
) -> Result<Vec<CatalogDefinition>, Diagnostic> {
    renderer.render(&mut root, file, Policy::Everything)?;
    let check = |shape: &Object, node: &Node| {
        shape.check(node).map_err(|misfit| misfit.diagnostic("K0244", "Runtime Error", HEADING, file))
    };
    check(&FILE, &root)?;
    let mut catalogs: Vec<CatalogDefinition> = Vec::new();
    for entry in root.get("catalogs").and_then(Node::as_list).unwrap_or_default() {
        let catalog = if second_form {
            check(&SECOND, entry)?;
            of_second_form(entry, file, platform)?
        } else {
            if let Some(kind) = entry.get("type").filter(|_| entry.get("write_integrations").is_none()) {
                return Err(wrong(kind, file, "this catalog is of the second form of catalogs.yml")
                    .with_hint("set the flag 'use_catalogs_v2: true' in the project file"));
            }
            check(&FIRST, entry)?;
            of_first_form(entry, file)?
        };
        if catalogs.iter().any(|other| other.name.eq_ignore_ascii_case(&catalog.name)) {
            return Err(wrong(entry, file, format!("Catalog already exists: {}.", catalog.name))
                .with_hint("names of catalogs differ in more than their case"));
        }
        catalogs.push(catalog);
    }
    Ok(catalogs)
}

fn wrong(node: &Node, file: &Arc<SourceFile>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0244", "Validation Error", message).with_span(node.span(file))
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).filter(|value| !value.is_null()).map(Node::key_text)
}

fn of_first_form(entry: &Node, file: &Arc<SourceFile>) -> Result<CatalogDefinition, Diagnostic> {
    let name = text(entry, "name").unwrap_or_default();
    let integrations = entry.get("write_integrations").and_then(Node::as_list).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for integration in integrations {
        let own = text(integration, "name").unwrap_or_default();
        if names.contains(&own) {
            return Err(wrong(
                integration,
                file,
                format!(
                    "Catalog '{name}' cannot have multiple 'write_integrations' with the same name: '{own}'."
                ),
            ));
        }
        names.push(own);
    }
    let at = match text(entry, "active_write_integration") {
        Some(active) => names.iter().position(|own| *own == active).ok_or_else(|| {
            let error = wrong(
                entry.get("active_write_integration").unwrap_or(entry),
                file,
                format!(
                    "Catalog '{name}' must specify an 'active_write_integration' from its set of defined \
                     'write_integrations': {}. Got: '{active}'.",
                    kpi_jinja::Value::list(names.iter().map(kpi_jinja::Value::from)).repr()
                ),
            );
            match nearest(&active, names.iter().map(String::as_str)) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error,
            }
        })?,
        None if integrations.len() == 1 => 0,
        None => {
            return Err(wrong(
                entry,
                file,
                format!(
                    "Catalog '{name}' must specify an 'active_write_integration' when multiple 'write_integrations' are \
                     provided."
                ),
            ));
        }
    };
    let integration = integrations.get(at).unwrap_or(entry);
    Ok(CatalogDefinition {
        name,
        form: 1,
        catalog_type: text(integration, "catalog_type").unwrap_or_default(),
        catalog_name: text(integration, "name"),
        table_format: text(integration, "table_format"),
        external_volume: text(integration, "external_volume"),
        file_format: text(integration, "file_format"),
        catalog_database: text(integration, "catalog_database"),
        properties: integration.get("adapter_properties").map(Node::to_json_map).unwrap_or_default(),
    })
}

fn of_second_form(
    entry: &Node,
    file: &Arc<SourceFile>,
    platform: &str,
) -> Result<CatalogDefinition, Diagnostic> {
    let name = text(entry, "name").unwrap_or_default().trim().to_owned();
    if name.is_empty() {
        return Err(wrong(entry, file, "catalogs[].name must be a non-empty string"));
    }
    let format = text(entry, "table_format").unwrap_or_default().to_lowercase();
    if !FORMATS.contains(&&*format) {
        let node = entry.get("table_format").unwrap_or(entry);
        return Err(wrong(
            node,
            file,
            format!("Invalid table_format '{}'. Must be one of ['default', 'iceberg']", node.key_text()),
        ));
    }
    let config = entry.get("config");
    for (key, block) in config.and_then(Node::as_map).unwrap_or_default() {
        if !block.is_null() && block.as_map().is_none() {
            return Err(wrong(
                block,
                file,
                format!("Catalog '{name}' config.{} must be a mapping", key.key_text()),
            ));
        }
    }
    let block = config.and_then(|config| config.get(platform)).filter(|block| block.as_map().is_some());
    let mut properties = block.map(Node::to_json_map).unwrap_or_default();
    let setting = |key: &str| block.and_then(|block| text(block, key));
    properties.remove("external_volume");
    properties.remove("file_format");
    Ok(CatalogDefinition {
        catalog_name: Some(name.clone()),
        name,
        form: 2,
        catalog_type: text(entry, "type").unwrap_or_default().to_lowercase(),
        table_format: Some(format),
        external_volume: setting("external_volume"),
        file_format: setting("file_format"),
        catalog_database: setting("catalog_database"),
        properties,
    })
}
