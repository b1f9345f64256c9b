//! What a profile says of a DuckDB target.

use crate::attach::{Attachment, Secret};
use kpi_adapter::{AdapterError, AdapterErrorKind};
use serde_json::{Map, Value as Json};
use std::path::{Path, PathBuf};

/// The settings of a target: a profile's output (`type: duckdb`) or `[targets.x]` of `kpi.toml`.
#[derive(Debug, Clone, Default)]
pub struct DuckDbSettings {
    /// `path`: a file, `:memory:` or `md:...`, as written.
    pub path: String,
    /// The file that is opened: `path` from the project's folder.
    pub file: Option<PathBuf>,
    /// `database`: the catalog that models go to.
    pub database: String,
    /// `schema`
    pub schema: String,
    /// `threads` of the target: how many nodes run at once.
    pub workers: usize,
    /// `config_options`: given when the database is opened.
    pub config_options: Map<String, Json>,
    /// `settings`: `SET` in every session.
    pub settings: Map<String, Json>,
    /// `extensions`
    pub extensions: Vec<Extension>,
    /// `secrets`
    pub(crate) secrets: Vec<Secret>,
    /// `attach`
    pub(crate) attach: Vec<Attachment>,
    /// `external_root`
    pub external_root: String,
    /// `disable_transactions`
    pub disable_transactions: bool,
    /// `is_ducklake`
    pub is_ducklake: bool,
    /// `retries.connect_attempts`
    pub connect_attempts: u32,
    /// `retries.query_attempts`
    pub query_attempts: u32,
    /// `retries.retryable_exceptions`
    pub retryable: Vec<String>,
    /// `python`: the interpreter that runs Python models.
    pub python: Option<String>,
    /// `module_paths`: folders that Python models import from.
    pub module_paths: Vec<String>,
    /// Keys that mean something to dbt-duckdb but nothing to a native program: told once.
    pub notes: Vec<String>,
    /// The profile's output without secrets, for `target` in templates.
    pub(crate) shown: Map<String, Json>,
}

/// An extension to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its name, or the path of its file.
    pub name: String,
    /// `core`, `community` or an address; `None` for the default.
    pub repository: Option<String>,
}

const KEYS: &[&str] = &[
    "type",
    "path",
    "database",
    "schema",
    "threads",
    "config_options",
    "settings",
    "extensions",
    "secrets",
    "attach",
    "external_root",
    "use_credential_provider",
    "filesystems",
    "remote",
    "plugins",
    "disable_transactions",
    "keep_open",
    "module_paths",
    "python",
    "retries",
    "flights",
    "is_ducklake",
    "motherduck_token",
];

pub(crate) fn wrong(message: impl Into<String>) -> AdapterError {
    AdapterError::new(AdapterErrorKind::Configuration, message)
}

fn expect_map<'a>(value: &'a Json, key: &str) -> Result<&'a Map<String, Json>, AdapterError> {
    value
        .as_object()
        .ok_or_else(|| wrong(format!("'{key}' of the target must be a mapping of names to values")))
}

/// A scalar as DuckDB reads it in `SET` and in options.
pub(crate) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(s) => Some(s.clone()),
        Json::Number(n) => Some(n.to_string()),
        Json::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

fn flag(value: &Json, key: &str) -> Result<bool, AdapterError> {
    match value {
        Json::Null => Ok(false),
        Json::Bool(b) => Ok(*b),
        Json::String(s) if s.eq_ignore_ascii_case("true") => Ok(true),
        Json::String(s) if s.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(wrong(format!("'{key}' of the target must be true or false"))),
    }
}

impl DuckDbSettings {
    /// The same databases, to be looked at only. `None`: they lie at a service that cannot be told so.
    pub(crate) fn looking_only(&self, base: &Path) -> Option<Self> {
        if self.is_motherduck() {
            return None;
        }
        let mut settings = self.clone();
        let missing = self.file.as_ref().is_some_and(|file| !file.exists());
        for attachment in &mut settings.attach {
            attachment.only_read(base);
        }
        if missing {
            settings.file = None;
            settings.path = ":memory:".into();
            settings.config_options.remove("access_mode");
            settings.attach.insert(0, Attachment::in_memory(&self.database));
        } else if self.file.is_some() {
            settings.config_options.insert("access_mode".into(), "READ_ONLY".into());
        }
        Some(settings)
    }

    /// Reads a target's settings. Relative paths are taken from `base`, the project's folder.
    ///
    /// # Errors
    /// A value of the wrong kind, a `database` that is not the file's, or a feature that needs Python.
    pub fn from_profile(output: &Map<String, Json>, base: &Path) -> Result<Self, AdapterError> {
        let mut settings = Self {
            path: ":memory:".into(),
            schema: "main".into(),
            workers: 1,
            external_root: ".".into(),
            connect_attempts: 1,
            query_attempts: 1,
            retryable: vec!["IOException".into()],
            ..Self::default()
        };
        let mut use_aws_chain = false;
        let mut token = None;
        for (key, value) in output {
            if value.is_null() {
                continue;
            }
            let text = || scalar(value).ok_or_else(|| wrong(format!("'{key}' of the target must be a text")));
            match key.as_str() {
                "path" => settings.path = text()?,
                "database" => settings.database = text()?,
                "schema" => settings.schema = text()?,
                "threads" => {
                    let count = value.as_u64().or_else(|| value.as_str().and_then(|s| s.trim().parse().ok()));
                    let count = count.filter(|n| *n > 0).and_then(|n| usize::try_from(n).ok());
                    settings.workers =
                        count.ok_or_else(|| wrong("'threads' of the target must be a positive number"))?;
                }
                "config_options" => settings.config_options = expect_map(value, key)?.clone(),
                "settings" => settings.settings = expect_map(value, key)?.clone(),
                "extensions" => settings.extensions = extensions(value)?,
                "secrets" => settings.secrets = Secret::list(value)?,
                "attach" => settings.attach = Attachment::list(value)?,
                "external_root" => settings.external_root = text()?,
                "disable_transactions" => settings.disable_transactions = flag(value, key)?,
                "is_ducklake" => settings.is_ducklake = flag(value, key)?,
                "motherduck_token" => token = Some(text()?),
                "use_credential_provider" => match text()?.as_str() {
                    "aws" => use_aws_chain = true,
                    other => {
                        return Err(wrong(format!(
                            "unsupported value for 'use_credential_provider': {other}"
                        ))
                        .with_hint("the one supported value is 'aws'; or write a secret with 'secrets'"));
                    }
                },
                "retries" => settings.read_retries(expect_map(value, key)?)?,
                "remote" => {
                    return Err(wrong(
                        "'remote' of the target: kpi runs DuckDB in its own process and connects to no \
                                      Buena Vista server",
                    )
                    .with_hint("remove 'remote', or attach the database file"));
                }
                "plugins" => {
                    let none = value.as_array().is_some_and(Vec::is_empty);
                    if !none {
                        settings.notes.push(plugin_note(value));
                    }
                }
                "python" => settings.python = Some(text()?),
                "module_paths" => {
                    let paths = value.as_array().map(|a| a.iter().map(scalar).collect::<Option<Vec<_>>>());
                    settings.module_paths = paths
                        .flatten()
                        .ok_or_else(|| wrong("'module_paths' of the target must be a list of folders"))?;
                }
                "filesystems" | "flights" => settings.notes.push(format!(
                    "'{key}' of the target is ignored: it configures Python, in which kpi runs nothing but Python models"
                )),
                _ => {
                    // dbt takes unknown keys silently; a misspelt one is worth a word.
                    if let Some(near) = kpi_diagnostics::nearest(key, KEYS.iter().copied())
                        && !KEYS.contains(&key.as_str())
                    {
                        settings
                            .notes
                            .push(format!("'{key}' of the target is not known; did you mean '{near}'?"));
                    }
                }
            }
        }
        if let Some(token) = token {
            let earlier = settings.settings.get("motherduck_token").and_then(scalar);
            if earlier.is_some_and(|t| t != token) {
                return Err(wrong("'motherduck_token' has two values in the target")
                    .with_hint("set it in one place only"));
            }
            settings.settings.insert("motherduck_token".into(), Json::from(token));
        }
        if use_aws_chain {
            settings.secrets.push(Secret::credential_chain());
        }
        for (number, secret) in settings.secrets.iter_mut().enumerate() {
            secret.name_by_position(number);
        }
        settings.resolve_database()?;
        settings.file = settings.database_file(base);
        settings.shown = shown(output, &settings);
        Ok(settings)
    }

    fn read_retries(&mut self, retries: &Map<String, Json>) -> Result<(), AdapterError> {
        let count = |key: &str| match retries.get(key) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .map(Some)
                .ok_or_else(|| wrong(format!("'retries.{key}' of the target must be a number"))),
        };
        self.connect_attempts = count("connect_attempts")?.unwrap_or(1).max(1);
        self.query_attempts = count("query_attempts")?.unwrap_or(1).max(1);
        if let Some(names) = retries.get("retryable_exceptions").and_then(Json::as_array) {
            self.retryable = names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect();
        }
        Ok(())
    }

    /// The catalog's name follows from the path, and `database` may only say the same or name an attached one.
    fn resolve_database(&mut self) -> Result<(), AdapterError> {
        let derived = database_of_path(&self.path);
        if derived.is_empty() {
            return Err(wrong(format!("'path' of the target names no database: {}", self.path)));
        }
        let attached = self.attach.iter().any(|a| a.alias.as_deref() == Some(self.database.as_str()));
        if self.database.is_empty() {
            self.database = derived;
        } else if self.database != derived && !attached {
            return Err(wrong(format!(
                "Inconsistency detected between 'path' and 'database' fields in profile; the 'database' property must \
                 be set to '{derived}' to match the 'path'"
            ))
            .with_hint(format!("DuckDB names a database after its file: remove 'database: {}'", self.database)));
        }
        Ok(())
    }

    fn database_file(&self, base: &Path) -> Option<PathBuf> {
        if self.path == ":memory:"
            || self.path.is_empty()
            || self.path.contains("://")
            || self.scheme().is_some()
        {
            return None;
        }
        Some(base.join(&self.path))
    }

    fn scheme(&self) -> Option<&str> {
        let (scheme, _) = self.path.split_once(':')?;
        ["md", "motherduck", "ducklake"].into_iter().find(|s| scheme.eq_ignore_ascii_case(s))
    }

    /// Whether the database itself or an attached one is MotherDuck's.
    pub fn is_motherduck(&self) -> bool {
        matches!(self.scheme(), Some("md" | "motherduck"))
            || self.attach.iter().any(|a| a.path.starts_with("md:") || a.path.starts_with("motherduck:"))
    }

    /// The databases that are DuckLakes.
    pub fn ducklake_databases(&self) -> Vec<String> {
        let mut names = Vec::new();
        if self.is_ducklake || self.path.to_lowercase().contains("ducklake:") {
            names.push(database_of_path(&self.path));
        }
        for attachment in &self.attach {
            if attachment.is_ducklake || attachment.path.to_lowercase().contains("ducklake:") {
                names.push(attachment.alias.clone().unwrap_or_else(|| database_of_path(&attachment.path)));
            }
        }
        names
    }
}

/// What DuckDB calls the database of a path: the file's name up to its first dot.
pub(crate) fn database_of_path(path: &str) -> String {
    if path == ":memory:" || path.is_empty() {
        return "memory".into();
    }
    let (scheme, rest) = match path.split_once(':') {
        // One letter is a Windows drive.
        Some((scheme, rest)) if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            (scheme.to_lowercase(), rest)
        }
        _ => (String::new(), path),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let file = rest.rsplit(['/', '\\']).next().unwrap_or(rest);
    match scheme.as_str() {
        "md" | "motherduck" if file.is_empty() => "my_db".into(),
        "ducklake" => {
            let inner = file.rsplit(':').next().unwrap_or(file);
            inner.split('.').next().unwrap_or(inner).to_owned()
        }
        _ => file.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned(),
    }
}

fn extensions(value: &Json) -> Result<Vec<Extension>, AdapterError> {
    let invalid = || {
        wrong("'extensions' of the target must be a list of names, or of mappings with 'name' and 'repo'")
            .with_hint("extensions:\n  - httpfs\n  - name: h3\n    repo: community")
    };
    let items = value.as_array().ok_or_else(invalid)?;
    let one = |item: &Json| match item {
        Json::String(name) => Ok(Extension { name: name.clone(), repository: None }),
        Json::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Json::as_str).map(str::to_owned);
            Ok(Extension {
                name: text("name").ok_or_else(invalid)?,
                repository: Some(text("repo").ok_or_else(invalid)?),
            })
        }
        _ => Err(invalid()),
    };
    items.iter().map(one).collect()
}

fn plugin_note(value: &Json) -> String {
    let name = |p: &Json| match p {
        Json::String(s) => Some(s.clone()),
        Json::Object(map) => map.get("module").and_then(scalar),
        _ => None,
    };
    let names: Vec<String> =
        value.as_array().map(|a| a.iter().filter_map(name).collect()).unwrap_or_default();
    format!(
        "the plugins of the target ({}) are Python code and are not loaded: sources that use them fail; read their \
         files with 'external_location', or attach their database",
        names.join(", ")
    )
}

/// The keys of a connection that dbt shows in `target`.
fn shown(output: &Map<String, Json>, settings: &DuckDbSettings) -> Map<String, Json> {
    let mut map = Map::new();
    map.insert("type".into(), Json::from("duckdb"));
    map.insert("database".into(), Json::from(settings.database.clone()));
    map.insert("schema".into(), Json::from(settings.schema.clone()));
    map.insert("path".into(), Json::from(settings.path.clone()));
    for key in ["config_options", "extensions", "settings"] {
        map.insert(key.into(), output.get(key).cloned().map_or(Json::Null, without_secrets));
    }
    if map.get("settings").is_some_and(Json::is_null) {
        map.insert("settings".into(), Json::Object(Map::new()));
    }
    map.insert("external_root".into(), Json::from(settings.external_root.clone()));
    for key in ["use_credential_provider", "attach", "filesystems", "remote", "plugins"] {
        map.insert(key.into(), output.get(key).cloned().map_or(Json::Null, without_secrets));
    }
    map.insert("disable_transactions".into(), Json::from(settings.disable_transactions));
    map
}

fn without_secrets(value: Json) -> Json {
    match value {
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let name = key.to_lowercase();
                    let secret = ["secret", "token", "password", "key_id", "access_key"]
                        .iter()
                        .any(|s| name.contains(s));
                    let value = if secret && value.is_string() && name != "secret" {
                        Json::from("*****")
                    } else {
                        without_secrets(value)
                    };
                    (key, value)
                })
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(without_secrets).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(profile: serde_json::Value) -> Result<DuckDbSettings, AdapterError> {
        DuckDbSettings::from_profile(profile.as_object().expect("a mapping"), Path::new("/project"))
    }

    #[test]
    fn the_database_is_named_after_the_file() {
        for (path, name) in [
            (":memory:", "memory"),
            ("dev.duckdb", "dev"),
            ("/data/my.db.duckdb", "my"),
            (".hidden.duckdb", "hidden"),
            ("md:", "my_db"),
            ("md:sales?x=1", "sales"),
            ("ducklake:lake.ducklake", "lake"),
        ] {
            assert_eq!(database_of_path(path), name, "{path}");
        }
    }

    #[test]
    fn reads_a_profile() {
        let read = settings(serde_json::json!({
            "type": "duckdb", "path": "data/dev.duckdb", "threads": 4, "schema": "analytics",
            "extensions": ["httpfs", {"name": "h3", "repo": "community"}],
            "settings": {"s3_region": "eu", "s3_secret_access_key": "hidden"},
        }))
        .expect("valid");
        assert_eq!(read.database, "dev");
        assert_eq!(read.workers, 4);
        assert_eq!(read.file.as_deref(), Some(Path::new("/project/data/dev.duckdb")));
        assert_eq!(read.extensions.len(), 2);
        let shown = serde_json::Value::Object(read.shown).to_string();
        assert!(shown.contains("eu") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |profile| settings(profile).expect_err("invalid").message;
        assert!(
            message(serde_json::json!({"path": "dev.duckdb", "database": "other"})).contains("set to 'dev'")
        );
        assert!(message(serde_json::json!({"threads": "many"})).contains("'threads'"));
        assert!(message(serde_json::json!({"extensions": "httpfs"})).contains("'extensions'"));
        assert!(message(serde_json::json!({"module_paths": "lib"})).contains("'module_paths'"));
        assert!(message(serde_json::json!({"remote": {"host": "x"}})).contains("'remote'"));
        let notes = settings(serde_json::json!({"shema": "x"})).expect("valid").notes;
        assert_eq!(notes, ["'shema' of the target is not known; did you mean 'schema'?"]);
    }
}
