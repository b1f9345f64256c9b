//! A project in a temporary folder, the binary, and what it left in the database.

pub mod hub;
pub mod snowflake;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A project in a folder of its own, deleted with it.
pub struct Project {
    folder: tempfile::TempDir,
}

/// What a call gave.
pub struct Call {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Call {
    /// Everything that was printed.
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts that the call ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The native project file of most tests.
pub const KPI_TOML: &str = r#"
[project]
name = "shop"
version = "1.0"

[targets.dev]
type = "duckdb"
path = "shop.duckdb"
threads = 2
"#;

impl Project {
    /// A native project with these files, on `shop.duckdb`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self::bare(files);
        if !project.path("kpi.toml").exists() {
            project.write("kpi.toml", KPI_TOML);
        }
        project
    }

    /// A dbt project with these files, on `shop.duckdb`.
    pub fn dbt(files: &[(&str, &str)]) -> Self {
        let project = Self::bare(files);
        if !project.path("dbt_project.yml").exists() {
            project.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n");
        }
        if !project.path("profiles.yml").exists() {
            project.write(
                "profiles.yml",
                "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2}\n",
            );
        }
        project
    }

    /// Just these files.
    pub fn bare(files: &[(&str, &str)]) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// The command, ready to run in the project's folder with a clean environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kpi"));
        command.args(arguments).current_dir(self.root()).env("HOME", self.root());
        for (name, _) in std::env::vars() {
            if name.starts_with("DBT_") || name.starts_with("KPI_") || name == "NO_COLOR" {
                command.env_remove(name);
            }
        }
        command
    }

    pub fn kpi(&self, arguments: &[&str]) -> Call {
        Self::done(self.command(arguments).output().expect("kpi starts"))
    }

    pub fn kpi_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Call {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        Self::done(command.output().expect("kpi starts"))
    }

    pub fn done(output: Output) -> Call {
        Call {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs statements on `shop.duckdb`.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        let connection = duckdb::Connection::open(self.path("shop.duckdb")).expect("the database opens");
        connection.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// The rows of a query on `shop.duckdb`, each as its cells' text joined by `|`.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<String> {
        let connection = duckdb::Connection::open_with_flags(
            self.path("shop.duckdb"),
            duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).expect("read only"),
        )
        .expect("the database opens");
        let mut statement = connection.prepare(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut rows = statement.query([]).unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut out = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            let n = row.as_ref().column_count();
            let cells: Vec<String> = (0..n).map(|i| cell(row.get_ref(i).expect("a cell"))).collect();
            out.push(cells.join("|"));
        }
        out
    }

    /// `unique_id -> status` of the last run.
    pub fn statuses(&self) -> Vec<(String, String)> {
        let results = self.json("target/run_results.json");
        let mut found: Vec<(String, String)> = results["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|r| {
                (
                    r["unique_id"].as_str().unwrap_or_default().to_owned(),
                    r["status"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        found.sort();
        found
    }
}

fn cell(value: duckdb::types::ValueRef<'_>) -> String {
    use duckdb::types::ValueRef;
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Boolean(b) => b.to_string(),
        ValueRef::TinyInt(n) => n.to_string(),
        ValueRef::SmallInt(n) => n.to_string(),
        ValueRef::Int(n) => n.to_string(),
        ValueRef::BigInt(n) => n.to_string(),
        ValueRef::HugeInt(n) => n.to_string(),
        ValueRef::UBigInt(n) => n.to_string(),
        ValueRef::Float(n) => n.to_string(),
        ValueRef::Double(n) => n.to_string(),
        ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
        other => format!("{other:?}"),
    }
}

/// What was said of the error, without times and with the project's folder as `[root]`.
pub fn said(project: &Project, call: &Call) -> String {
    let root = project.root().to_str().unwrap();
    let real = project.root().canonicalize().unwrap();
    let text = call.stderr.replace(real.to_str().unwrap(), "[root]").replace(root, "[root]");
    let start = text.find("Encountered an error:\n").map_or(0, |i| i + "Encountered an error:\n".len());
    assert!(!text.contains("internal error"), "{text}");
    text[start..].lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
