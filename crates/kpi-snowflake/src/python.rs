//! Python models: a stored procedure that runs inside Snowflake, without a name unless the model wants one.

use kpi_adapter::{AdapterError, AdapterErrorKind};
use serde_json::Value as Json;

/// What a model runs on unless it says otherwise.
const VERSION: &str = "3.10";
/// Every procedure needs the session of this package.
const SNOWPARK: &str = "snowflake-snowpark-python";

fn wrong(key: &str, value: &Json, expected: &str) -> AdapterError {
    AdapterError::new(
        AdapterErrorKind::Configuration,
        format!("the config '{key}' of a Python model must be {expected}, not {value}"),
    )
}

/// A config that is a list of texts.
fn list(config: &Json, key: &str) -> Result<Vec<String>, AdapterError> {
    match config.get(key).filter(|value| !value.is_null()) {
        None => Ok(Vec::new()),
        Some(Json::String(one)) => Ok(vec![one.clone()]),
        Some(Json::Array(many)) => many
            .iter()
            .map(|entry| {
                entry.as_str().map(str::to_owned).ok_or_else(|| wrong(key, entry, "a list of texts"))
            })
            .collect(),
        Some(other) => Err(wrong(key, other, "a list of texts")),
    }
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("'{}'", text.replace('\'', "''"))).collect::<Vec<_>>().join(", ")
}

/// The statements that run the script of a model.
///
/// # Errors
/// A config of the wrong type.
pub(crate) fn statements(model: &Json, code: &str) -> Result<Vec<String>, AdapterError> {
    let empty = Json::Null;
    let config = model.get("config").unwrap_or(&empty);
    let text = |key: &str| model.get(key).and_then(Json::as_str).unwrap_or_default();
    let version = match config.get("python_version").filter(|value| !value.is_null()) {
        None => VERSION.to_owned(),
        Some(Json::String(version)) => version.clone(),
        Some(Json::Number(version)) => version.to_string(),
        Some(other) => return Err(wrong("python_version", other, "a version such as '3.11'")),
    };
    let mut packages = list(config, "packages")?;
    if !packages.iter().any(|package| package.split("==").next() == Some(SNOWPARK)) {
        packages.push(SNOWPARK.to_owned());
    }
    let mut head = vec![
        "returns string".to_owned(),
        "language python".to_owned(),
        format!("runtime_version = '{version}'"),
        format!("packages = ({})", quoted(&packages)),
    ];
    let integrations = list(config, "external_access_integrations")?;
    if !integrations.is_empty() {
        head.push(format!("external_access_integrations = ({})", integrations.join(", ")));
    }
    match config.get("secrets").filter(|value| !value.is_null()) {
        None => {}
        Some(Json::Object(secrets)) => {
            let pairs: Vec<String> = secrets
                .iter()
                .map(|(name, secret)| match secret.as_str() {
                    Some(secret) => Ok(format!("'{name}' = {secret}")),
                    None => Err(wrong("secrets", secret, "a mapping of names to Snowflake's secrets")),
                })
                .collect::<Result<_, _>>()?;
            if !pairs.is_empty() {
                head.push(format!("secrets = ({})", pairs.join(", ")));
            }
        }
        Some(other) => return Err(wrong("secrets", other, "a mapping of names to Snowflake's secrets")),
    }
    let imports = list(config, "imports")?;
    if !imports.is_empty() {
        head.push(format!("imports = ({})", quoted(&imports)));
    }
    head.push("handler = 'main'".to_owned());
    head.push("execute as caller".to_owned());
    let body = format!("{}\nas\n$$\n{}\n$$", head.join("\n"), code.trim_end());
    let nameless = config.get("use_anonymous_sproc").and_then(Json::as_bool).unwrap_or(true);
    if nameless {
        let name = format!("{}__dbt_sp", text("alias"));
        return Ok(vec![format!("with {name} as procedure ()\n{body}\ncall {name}()")]);
    }
    let name = format!("{}.{}.{}__dbt_sp", text("database"), text("schema"), text("alias"));
    Ok(vec![
        format!("create or replace procedure {name} ()\n{body}"),
        format!("call {name}()"),
        format!("drop procedure if exists {name}()"),
    ])
}
