//! Where a model's table is kept, and what the create statement says of it: the database's own tables, Iceberg tables that
//! Snowflake manages, Iceberg tables of a linked catalog.

use crate::model::{Fields, Model};
use kpi_adapter::{AdapterError, AdapterErrorKind, AdapterObject, CatalogIntegration};
use kpi_jinja::{Args, Error, Interp, Result, Value};
use serde_json::{Value as Json, json};

/// The catalog of the database's own tables.
const INFO_SCHEMA: &str = "INFO_SCHEMA";
/// Iceberg tables that Snowflake manages.
const SNOWFLAKE: &str = "SNOWFLAKE";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    InfoSchema,
    BuiltIn,
    Rest,
}

/// The catalogs that every account has.
pub(crate) fn own() -> Vec<CatalogIntegration> {
    let own = |name: &str, kind: &str| CatalogIntegration {
        name: name.to_owned(),
        form: 1,
        catalog_type: kind.to_owned(),
        ..CatalogIntegration::default()
    };
    vec![own(INFO_SCHEMA, "INFO_SCHEMA"), own(SNOWFLAKE, "BUILT_IN")]
}

fn kind_of(catalog: &CatalogIntegration) -> Option<Kind> {
    let declared = catalog.catalog_type.to_lowercase();
    match (catalog.form, declared.as_str()) {
        (2, "horizon") => Some(Kind::BuiltIn),
        (2, "glue" | "unity" | "iceberg_rest") => Some(Kind::Rest),
        (_, "info_schema") => Some(Kind::InfoSchema),
        (_, "built_in") => Some(Kind::BuiltIn),
        (_, "iceberg_rest") => Some(Kind::Rest),
        _ => None,
    }
}

/// A declared catalog in the words of the first form.
fn translated(catalog: &CatalogIntegration) -> CatalogIntegration {
    let mut catalog = catalog.clone();
    if catalog.form == 2 && kind_of(&catalog) == Some(Kind::Rest) {
        if let Some(database) = catalog.properties.remove("catalog_database") {
            catalog.properties.insert("catalog_linked_database".into(), database);
        }
        if let kind @ ("glue" | "unity") = catalog.catalog_type.as_str() {
            catalog.properties.insert("catalog_linked_database_type".into(), kind.into());
        }
    }
    catalog
}

fn wrong(message: String, hint: &str) -> AdapterError {
    AdapterError::new(AdapterErrorKind::Configuration, message).with_hint(hint)
}

/// Checks what the project declares.
///
/// # Errors
/// A kind or a setting that Snowflake does not have.
pub(crate) fn check(catalogs: &[CatalogIntegration]) -> std::result::Result<(), AdapterError> {
    for catalog in catalogs {
        let catalog = translated(catalog);
        let kind = kind_of(&catalog).ok_or_else(|| {
            wrong(
                format!(
                    "Catalog type is not supported.\nReceived: {}\nExpected one of: built_in, info_schema, iceberg_rest",
                    catalog.catalog_type
                ),
                "see catalogs.yml",
            )
        })?;
        if own().iter().any(|known| known.name.eq_ignore_ascii_case(&catalog.name)) {
            return Err(wrong(
                format!("Catalog already exists: {}.", catalog.name.to_uppercase()),
                "INFO_SCHEMA and SNOWFLAKE are there without being declared",
            ));
        }
        if kind == Kind::Rest && !catalog.is_linked() {
            return Err(wrong(
                format!(
                    "Invalid catalog integration config: {}. adapter_properties.catalog_linked_database is required for \
                     catalogs of the type iceberg_rest",
                    catalog.name.to_uppercase()
                ),
                "name the database that is linked to the catalog",
            ));
        }
        if let Some(policy) = catalog.text("storage_serialization_policy").filter(|_| kind == Kind::BuiltIn) {
            check_policy(policy).map_err(|error| wrong(error.message().to_owned(), "see catalogs.yml"))?;
        }
    }
    Ok(())
}

fn check_policy(policy: &str) -> Result<()> {
    if ["COMPATIBLE", "OPTIMIZED"].iter().any(|known| policy.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(Error::compilation(format!(
        "Invalid storage serialization policy: {policy}. Expected 'COMPATIBLE' or 'OPTIMIZED'."
    )))
}

/// The name of the catalog that a model's table is in.
fn name_for(model: &Model) -> String {
    match model.filled("catalog_name") {
        Some(name) => name.to_uppercase(),
        None if model.is_iceberg() => SNOWFLAKE.to_owned(),
        None => INFO_SCHEMA.to_owned(),
    }
}

/// The catalog of a name; those of the account first.
fn find(adapter: &AdapterObject, name: &str) -> Result<CatalogIntegration> {
    let declared = &adapter.facts().catalogs;
    let found = declared.iter().find(|catalog| catalog.name.eq_ignore_ascii_case(name));
    found.map(translated).ok_or_else(|| {
        let known: Vec<String> = declared.iter().map(|catalog| catalog.name.to_uppercase()).collect();
        let error = Error::compilation(format!(
            "Catalog not found.\nReceived: {}\nExpected one of: {}",
            name.to_uppercase(),
            known.join(", ")
        ));
        error.with_hint("catalogs are declared in catalogs.yml in the project's folder")
    })
}

/// `adapter.get_catalog_integration(name)`
pub(crate) fn get_catalog_integration(adapter: &AdapterObject, _: &mut Interp, args: Args) -> Result<Value> {
    let [name] = args.bind("get_catalog_integration", ["name"])?;
    let catalog = find(adapter, &name.unwrap_or(Value::None).to_str())?;
    let text = |value: &Option<String>| Value::from(value.clone());
    Ok(Fields::value(
        "CatalogIntegration",
        vec![
            ("name", Value::from(catalog.name.to_uppercase())),
            ("catalog_type", Value::from(type_word(kind_of(&catalog)))),
            ("catalog_name", text(&catalog.catalog_name)),
            ("external_volume", text(&catalog.external_volume)),
            ("catalog_database", text(&catalog.catalog_database)),
            ("catalog_linked_database", setting(&catalog, "catalog_linked_database")),
            ("catalog_linked_database_type", setting(&catalog, "catalog_linked_database_type")),
        ],
    ))
}

fn type_word(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::BuiltIn) => "BUILT_IN",
        Some(Kind::Rest) => "ICEBERG_REST",
        _ => "INFO_SCHEMA",
    }
}

fn setting(catalog: &CatalogIntegration, key: &str) -> Value {
    catalog.property(key).map_or(Value::None, Value::from_json)
}

/// A model's own config, or that of its catalog.
fn either(model: &Model, catalog: &CatalogIntegration, key: &str) -> Value {
    let own =
        model.get(key).filter(|value| **value != json!(false) && **value != json!(0) && **value != json!(""));
    own.or_else(|| catalog.property(key)).map_or(Value::None, Value::from_json)
}

/// As [`either`], where a zero or a false is an answer.
fn set_or_given(model: &Model, catalog: &CatalogIntegration, key: &str) -> Value {
    model.get(key).or_else(|| catalog.property(key)).map_or(Value::None, Value::from_json)
}

/// `TRUE`, `FALSE` or nothing. Iceberg tables always keep track: turning it off there would be refused.
fn change_tracking(
    adapter: &AdapterObject,
    model: &Model,
    catalog: &CatalogIntegration,
    iceberg: bool,
) -> Result<Value> {
    let value = model.get("change_tracking").or_else(|| catalog.property("change_tracking"));
    let on = match value {
        None => return Ok(Value::None),
        Some(Json::Bool(on)) => *on,
        Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => true,
        Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => false,
        Some(_) => {
            return Err(Error::compilation("Invalid value for change_tracking. Expected 'true' or 'false'."));
        }
    };
    if iceberg && !on {
        adapter.warn(
            "Change tracking cannot be turned off for Iceberg tables in Snowflake: change_tracking=false is ignored.",
        );
        return Ok(Value::None);
    }
    Ok(Value::from(if on { "TRUE" } else { "FALSE" }))
}

fn partition_by(model: &Model) -> Result<Value> {
    Ok(match model.texts("partition_by")? {
        Some(keys) => Value::list(keys.into_iter().map(Value::from)),
        None => Value::None,
    })
}

/// `adapter.build_catalog_relation(config.model)`
pub(crate) fn build_catalog_relation(
    adapter: &AdapterObject,
    interp: &mut Interp,
    args: Args,
) -> Result<Value> {
    let [node] = args.bind("build_catalog_relation", ["model"])?;
    let model = Model::read(interp, &node.unwrap_or(Value::None))?;
    let catalog = find(adapter, &name_for(&model))?;
    let kind = kind_of(&catalog).unwrap_or(Kind::InfoSchema);
    let optional = |value: Option<String>| Value::from(value);
    let mut fields = vec![
        ("catalog_type", Value::from(type_word(Some(kind)))),
        ("table_format", Value::from(if kind == Kind::InfoSchema { "DEFAULT" } else { "ICEBERG" })),
        ("file_format", Value::None),
    ];
    match kind {
        Kind::InfoSchema => fields.extend([
            ("catalog_name", Value::from(INFO_SCHEMA)),
            ("external_volume", Value::None),
            ("cluster_by", optional(model.cluster_by()?)),
            ("automatic_clustering", Value::Bool(model.flag("automatic_clustering").unwrap_or(false))),
            ("is_transient", Value::Bool(!model.is_iceberg() && model.flag("transient").unwrap_or(true))),
            ("change_tracking", change_tracking(adapter, &model, &catalog, false)?),
        ]),
        Kind::BuiltIn => {
            let policy = set_or_given(&model, &catalog, "storage_serialization_policy");
            fields.extend([
                ("catalog_name", Value::from(SNOWFLAKE)),
                ("base_location", Value::from(base_location(&model))),
                (
                    "external_volume",
                    optional(model.filled("external_volume").or(catalog.external_volume.clone())),
                ),
                ("cluster_by", optional(model.cluster_by()?)),
                ("partition_by", partition_by(&model)?),
                ("automatic_clustering", Value::Bool(model.flag("automatic_clustering").unwrap_or(false))),
                ("is_transient", Value::Bool(false)),
                ("storage_serialization_policy", policy),
                (
                    "max_data_extension_time_in_days",
                    either(&model, &catalog, "max_data_extension_time_in_days"),
                ),
                ("change_tracking", change_tracking(adapter, &model, &catalog, true)?),
                (
                    "data_retention_time_in_days",
                    set_or_given(&model, &catalog, "data_retention_time_in_days"),
                ),
                ("iceberg_version", either(&model, &catalog, "iceberg_version")),
                ("catalog_database", optional(catalog.catalog_database.clone())),
            ]);
        }
        Kind::Rest => {
            for key in ["cluster_by", "external_volume"] {
                if model.filled(key).is_some() {
                    return Err(Error::compilation(format!(
                        "{key} is not supported for iceberg rest catalog integrations with catalog linked databases"
                    ))
                    .with_hint("the catalog decides where files lie and how they are ordered"));
                }
            }
            fields.extend([
                ("catalog_name", Value::from(catalog.name.to_uppercase())),
                ("external_volume", Value::None),
                ("partition_by", partition_by(&model)?),
                ("catalog_linked_database", setting(&catalog, "catalog_linked_database")),
                ("catalog_linked_database_type", setting(&catalog, "catalog_linked_database_type")),
                ("auto_refresh", either(&model, &catalog, "auto_refresh")),
                ("target_file_size", either(&model, &catalog, "target_file_size")),
                (
                    "max_data_extension_time_in_days",
                    either(&model, &catalog, "max_data_extension_time_in_days"),
                ),
                ("iceberg_version", either(&model, &catalog, "iceberg_version")),
                ("catalog_database", optional(catalog.catalog_database.clone())),
            ]);
        }
    }
    Ok(Fields::value("CatalogRelation", fields))
}

/// The folder of a table's files in its volume.
fn base_location(model: &Model) -> String {
    let root = model.filled("base_location_root").unwrap_or_else(|| "_dbt".to_owned());
    let mut place = format!("{root}/{}/{}", model.schema, model.identifier);
    if let Some(subpath) = model.filled("base_location_subpath") {
        place.push_str(&format!("/{subpath}"));
    }
    place
}
