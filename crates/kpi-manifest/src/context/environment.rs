//! `env_var` in models and macros: secrets stay out.

use super::EnvRecord;
use kpi_jinja::{Args, Error, ErrorKind, Value, function};

/// Names of environment variables that hold secrets begin with one of these.
const SECRET_PREFIXES: [&str; 2] = ["DBT_ENV_SECRET", "KPI_ENV_SECRET"];
/// Names of those that templates do not see.
const PRIVATE_PREFIXES: [&str; 2] = ["DBT_ENV_PRIVATE", "KPI_ENV_PRIVATE"];
/// Those that are copied into artifacts begin with one of these.
const METADATA_PREFIXES: [&str; 2] = ["DBT_ENV_CUSTOM_ENV_", "KPI_ENV_CUSTOM_ENV_"];
/// What the record holds for a variable that was not set.
const DEFAULT: &str = "DBT_DEFAULT_PLACEHOLDER";

/// `env_var(var, default=None)`
pub(super) fn env_var(record: EnvRecord) -> Value {
    function("env_var", move |_, args: Args| {
        let [name, default] = args.bind("env_var", ["var", "default?"])?;
        let name = match name {
            Some(Value::Str(name)) => name,
            other => {
                return Err(Error::type_error(format!(
                    "env_var() needs the name of a variable, got {}",
                    other.as_ref().map_or("nothing", |v| v.type_name())
                )));
            }
        };
        if SECRET_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            return Err(Error::new(
                ErrorKind::Parsing,
                format!(
                    "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced \
                     elsewhere."
                ),
            ));
        }
        let private = PRIVATE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if let Ok(value) = std::env::var(&*name)
            && !private
        {
            record.lock().insert(name.to_string(), value.clone());
            return Ok(Value::from(value));
        }
        match default {
            Some(default) if !default.is_none() => {
                record.lock().insert(name.to_string(), DEFAULT.to_owned());
                Ok(default)
            }
            _ => Err(Error::new(ErrorKind::Parsing, format!("Env var required but not provided: '{name}'"))
                .with_hint(format!(
                    "set it in the environment, or give a default: env_var('{name}', '...')"
                ))),
        }
    })
}

/// `dbt_metadata_envs`
pub(super) fn metadata() -> Value {
    Value::dict(std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let short = METADATA_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        Some((short.to_owned(), Value::from(value)))
    }))
}
