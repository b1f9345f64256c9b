//! The target: one database instance, a connection for each worker.

use crate::attach::escaped;
use crate::connection::DuckDbConnection;
use crate::errors;
use crate::settings::{DuckDbSettings, Extension, scalar, wrong};
use kpi_adapter::{Adapter, AdapterError, AdapterErrorKind, AdapterFacts, Connection, PythonTarget};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The strategies of `incremental` models.
const STRATEGIES: &[&str] = &["append", "delete+insert", "merge", "microbatch"];

/// Extensions inside the official library.
const BUILT_IN: &[&str] = &["autocomplete", "core_functions", "icu", "json", "parquet"];

/// A DuckDB target. Cheap to make: the database is opened by the first connection.
pub struct DuckDbAdapter {
    shared: Arc<Shared>,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub settings: DuckDbSettings,
    /// Relative paths of attached databases begin here.
    base: PathBuf,
    instance: Mutex<Option<duckdb::Connection>>,
    running: Mutex<Vec<Weak<duckdb::InterruptHandle>>>,
}

impl DuckDbAdapter {
    /// A target with these settings. Relative paths begin at `base`, the project's folder.
    pub fn new(settings: DuckDbSettings, base: impl Into<PathBuf>) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                base: base.into(),
                instance: Mutex::new(None),
                running: Mutex::new(Vec::new()),
            }),
        }
    }

    /// A target from a profile's output or a `[targets.x]` table.
    ///
    /// # Errors
    /// See [`DuckDbSettings::from_profile`].
    pub fn from_profile(output: &Map<String, Json>, base: impl Into<PathBuf>) -> Result<Self, AdapterError> {
        let base = base.into();
        Ok(Self::new(DuckDbSettings::from_profile(output, &base)?, base))
    }

    /// A database in memory that ends with the adapter.
    pub fn in_memory() -> Self {
        let settings = DuckDbSettings {
            path: ":memory:".into(),
            database: "memory".into(),
            schema: "main".into(),
            workers: 1,
            external_root: ".".into(),
            connect_attempts: 1,
            query_attempts: 1,
            ..DuckDbSettings::default()
        };
        Self::new(settings, ".")
    }

    /// A database for so many workers at once, whatever the profile says: `--threads`.
    pub fn with_workers(self, workers: usize) -> Self {
        let mut settings = self.shared.settings.clone();
        settings.workers = workers.max(1);
        Self::new(settings, self.shared.base.clone())
    }

    /// The settings.
    pub fn settings(&self) -> &DuckDbSettings {
        &self.shared.settings
    }

    /// Writes the log into the file and closes the database, so that other programs can open it.
    pub fn close(&self) {
        *self.shared.instance.lock() = None;
    }
}

impl Shared {
    /// A new session of the one instance, which is opened now if it is not yet.
    fn session(&self) -> Result<duckdb::Connection, AdapterError> {
        let mut instance = self.instance.lock();
        let root = match instance.as_ref() {
            Some(root) => root,
            None => instance.insert(self.open()?),
        };
        let session = root.try_clone().map_err(|e| errors::statement(&e))?;
        drop(instance);
        for (key, value) in &self.settings.settings {
            self.set(&session, key, value)?;
        }
        if self.settings.database != crate::settings::database_of_path(&self.settings.path) {
            let database = &self.settings.database;
            run(&session, &format!("USE {}", quoted(database)))?;
        }
        Ok(session)
    }

    fn set(&self, session: &duckdb::Connection, key: &str, value: &Json) -> Result<(), AdapterError> {
        let Some(value) = scalar(value) else {
            return Err(wrong(format!("'settings.{key}' of the target must be a single value")));
        };
        run(session, &format!("SET {key} = '{}'", escaped(&value))).map_err(|error| {
            AdapterError::new(
                AdapterErrorKind::Configuration,
                format!("'settings.{key}' of the target: {}", error.message),
            )
            .with_hint("DuckDB lists its settings with: from duckdb_settings()")
        })
    }

    fn open(&self) -> Result<duckdb::Connection, AdapterError> {
        let settings = &self.settings;
        let mut attempt = 1;
        let root = loop {
            match self.open_file() {
                Ok(root) => break root,
                Err(error) if attempt < settings.connect_attempts => {
                    if error.kind == AdapterErrorKind::Configuration {
                        return Err(error);
                    }
                    std::thread::sleep(Duration::from_secs(1 << (attempt - 1).min(6)));
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        self.limit_threads(&root)?;
        // Where extensions are found must be known before they are loaded.
        for (key, value) in &settings.settings {
            if key.contains("extension") {
                self.set(&root, key, value)?;
            }
        }
        for extension in &settings.extensions {
            load_extension(&root, extension)?;
        }
        for secret in &settings.secrets {
            run(&root, &secret.to_sql()).map_err(|error| {
                let text = format!("a secret of the target cannot be created: {}", error.message);
                AdapterError::new(AdapterErrorKind::Configuration, text)
            })?;
        }
        for attachment in &settings.attach {
            run(&root, &attachment.to_sql(Some(&self.base))).map_err(|error| {
                let text = format!("the database {} cannot be attached: {}", attachment.path, error.message);
                let failed = AdapterError::new(AdapterErrorKind::Connection, text);
                match error.hint {
                    Some(hint) => failed.with_hint(hint),
                    None => failed,
                }
            })?;
        }
        Ok(root)
    }

    fn open_file(&self) -> Result<duckdb::Connection, AdapterError> {
        let settings = &self.settings;
        let mut config = duckdb::Config::default();
        for (key, value) in &settings.config_options {
            let value = scalar(value).ok_or_else(|| {
                wrong(format!("'config_options.{key}' of the target must be a single value"))
            })?;
            config = config.with(key, &value).map_err(|e| {
                wrong(format!("'config_options.{key}' of the target: {}", errors::message(&e)))
                    .with_hint("DuckDB lists its options with: from duckdb_settings()")
            })?;
        }
        let opened = match &settings.file {
            Some(file) => {
                // DuckDB's own message for a missing folder names no folder.
                duckdb::Connection::open_with_flags(file, config)
            }
            None => duckdb::Connection::open_with_flags(&settings.path, config),
        };
        opened.map_err(|e| errors::opening(&e, &settings.path, settings.file.as_deref()))
    }

    /// DuckDB runs each statement on all cores. With several workers that is more threads than cores: leave each
    /// statement its share, unless the user decided.
    fn limit_threads(&self, root: &duckdb::Connection) -> Result<(), AdapterError> {
        let settings = &self.settings;
        let decided =
            |map: &Map<String, Json>| ["threads", "worker_threads"].iter().any(|key| map.contains_key(*key));
        if decided(&settings.settings) || decided(&settings.config_options) || settings.workers < 2 {
            return Ok(());
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = cores.saturating_sub(settings.workers - 1).max(cores.div_ceil(2)).max(1);
        run(root, &format!("SET threads = {share}"))
    }

    fn register(&self, session: &duckdb::Connection) {
        let mut running = self.running.lock();
        running.retain(|handle| handle.strong_count() > 0);
        running.push(Arc::downgrade(&session.interrupt_handle()));
    }
}

fn run(session: &duckdb::Connection, sql: &str) -> Result<(), AdapterError> {
    session.execute_batch(sql).map_err(|e| errors::statement(&e))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Loads an extension, and installs it first where it is not there yet.
fn load_extension(root: &duckdb::Connection, extension: &Extension) -> Result<(), AdapterError> {
    let name = &extension.name;
    if BUILT_IN.contains(&name.as_str()) {
        return Ok(());
    }
    let is_file = name.contains(['/', '\\']) || name.ends_with(".duckdb_extension");
    let load = format!("LOAD '{}'", escaped(name));
    let Err(first) = run(root, &load) else { return Ok(()) };
    if is_file {
        return Err(extension_error(root, extension, &first.message));
    }
    let install = match &extension.repository {
        // `core` and `community` are names, addresses and folders are texts.
        Some(repository) if repository.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            format!("INSTALL {} FROM {repository}", quoted(name))
        }
        Some(repository) => format!("INSTALL {} FROM '{}'", quoted(name), escaped(repository)),
        None => format!("INSTALL {}", quoted(name)),
    };
    run(root, &install)
        .and_then(|()| run(root, &load))
        .map_err(|error| extension_error(root, extension, &error.message))
}

fn extension_error(root: &duckdb::Connection, extension: &Extension, message: &str) -> AdapterError {
    let name = &extension.name;
    let text = format!("the extension '{name}' of the target cannot be loaded: {message}");
    let error = AdapterError::new(AdapterErrorKind::Configuration, text);
    let fact = |sql: &str| root.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap_or_default();
    if name.contains(['/', '\\']) {
        return error.with_hint(
            "'extensions' may name a file: check that it exists and is for this version of DuckDB",
        );
    }
    let platform = root
        .query_row("PRAGMA platform", [], |row| row.get::<_, String>(0))
        .unwrap_or_else(|_| "PLATFORM".into());
    let version = fact("select version()");
    let folder = Some(fact("select current_setting('extension_directory')"))
        .filter(|f| !f.is_empty())
        .unwrap_or_else(|| "~/.duckdb/extensions".into());
    error.with_hint(format!(
        "without a network, put the file {folder}/{version}/{platform}/{name}.duckdb_extension there, or name the \
         path of the file under 'extensions'"
    ))
}

impl Adapter for DuckDbAdapter {
    fn type_name(&self) -> &'static str {
        "duckdb"
    }

    fn connect(&self, _name: &str) -> Result<Box<dyn Connection>, AdapterError> {
        let session = self.shared.session()?;
        self.shared.register(&session);
        Ok(Box::new(DuckDbConnection::new(session, self.shared.clone())))
    }

    fn has_transactional_ddl(&self) -> bool {
        true
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn target_fields(&self) -> Map<String, Json> {
        self.shared.settings.shown.clone()
    }

    fn default_database(&self) -> Option<Arc<str>> {
        Some(self.shared.settings.database.as_str().into())
    }

    fn default_schema(&self) -> Arc<str> {
        self.shared.settings.schema.as_str().into()
    }

    fn debug_fields(&self) -> Vec<(String, String)> {
        let shown = &self.shared.settings.shown;
        let text = |value: &Json| match value {
            Json::Null => "None".to_owned(),
            Json::String(s) => s.clone(),
            other => other.to_string(),
        };
        shown
            .iter()
            .filter(|(key, _)| *key != "type")
            .map(|(key, value)| (key.clone(), text(value)))
            .collect()
    }

    fn valid_incremental_strategies(&self) -> &'static [&'static str] {
        STRATEGIES
    }

    fn cancel_all(&self) {
        for handle in self.shared.running.lock().iter().filter_map(Weak::upgrade) {
            handle.interrupt();
        }
    }

    /// DuckDB itself refuses to write: files are opened to be read, and one that is not there yet is an empty database in
    /// memory.
    fn looking_only(&self) -> Option<Arc<dyn Adapter>> {
        let settings = self.shared.settings.looking_only(&self.shared.base)?;
        Some(Arc::new(Self::new(settings, self.shared.base.clone())))
    }

    fn facts(&self) -> AdapterFacts {
        let settings = &self.shared.settings;
        let mut facts = AdapterFacts::common(self);
        facts.external_root = settings.external_root.as_str().into();
        facts.disable_transactions = settings.disable_transactions;
        facts.is_motherduck = settings.is_motherduck();
        facts.ducklake_databases = settings.ducklake_databases().into_iter().map(Into::into).collect();
        facts
    }

    fn python(&self) -> Option<PythonTarget> {
        let settings = &self.shared.settings;
        let mut statements = Vec::new();
        // Where extensions are found must be known before they are loaded.
        for (key, value) in settings.config_options.iter().chain(&settings.settings) {
            // How the file is opened is nothing for a session in memory.
            if let Some(value) = scalar(value)
                && !matches!(key.as_str(), "access_mode" | "temp_directory")
            {
                statements.push(format!("SET {key} = '{}'", escaped(&value)));
            }
        }
        for extension in settings.extensions.iter().filter(|e| !BUILT_IN.contains(&e.name.as_str())) {
            statements.push(format!("LOAD '{}'", escaped(&extension.name)));
        }
        statements.extend(settings.secrets.iter().map(|secret| secret.to_sql()));
        Some(PythonTarget {
            interpreter: settings.python.clone(),
            database: settings.database.clone(),
            version: crate::version(),
            statements,
            module_paths: settings.module_paths.clone(),
        })
    }

    fn recover_schemas(&self, schemas: &[(Option<String>, String)]) -> Result<Vec<String>, AdapterError> {
        let mut session = self.connect("recovery")?;
        let mut done = Vec::new();
        for (database, schema) in schemas {
            done.extend(kpi_adapter::list_recovered(session.as_mut(), database.as_deref(), schema)?.1);
        }
        Ok(done)
    }
}
