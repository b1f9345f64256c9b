//! The Snowflake emulator (`emulator.py`), projects on it, and what it kept.
//!
//! One emulator serves all tests of a run; each test has a database of its own.

use super::{Call, Project};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Emulator {
    port: u16,
    /// Its standard input stays open as long as this process lives.
    _child: Child,
}

/// The emulator, started with the first test that asks for it; why there is none where it cannot be.
fn emulator() -> &'static Result<Emulator, String> {
    static EMULATOR: OnceLock<Result<Emulator, String>> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        let started = start();
        if let Err(reason) = &started {
            assert!(std::env::var_os("KPI_REQUIRE_EMULATOR").is_none(), "no Snowflake emulator: {reason}");
            eprintln!("tests on Snowflake are skipped: {reason}");
        }
        started
    })
}

fn start() -> Result<Emulator, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Beside the artifacts of every profile, where `make test` puts it.
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder").join("snowflake-emulator");
    let setup = Command::new(root.join("scripts/setup-emulator"))
        .arg(&folder)
        .output()
        .map_err(|error| format!("scripts/setup-emulator: {error}"))?;
    match setup.status.code() {
        Some(0) => {}
        Some(3) => return Err(String::from_utf8_lossy(&setup.stderr).trim().to_owned()),
        _ => panic!("scripts/setup-emulator: {}", String::from_utf8_lossy(&setup.stderr)),
    }
    let mut child = Command::new(folder.join("bin/python"))
        .arg(root.join("tests/support/snowflake/emulator.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the emulator starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let port = line.trim().parse().expect("the emulator's port");
    Ok(Emulator { port, _child: child })
}

/// A dbt project on a database of its own in the emulator.
pub struct Snowflake {
    pub project: Project,
    pub database: String,
    port: u16,
}

impl Snowflake {
    /// A project with these files and a `profiles.yml` of dbt-snowflake's. `None` where no emulator can be.
    pub fn project(files: &[(&str, &str)]) -> Option<Self> {
        Self::with(files, "")
    }

    /// As [`Self::project`]; `settings` are further lines of the target, each with its line break.
    pub fn with(files: &[(&str, &str)], settings: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let port = emulator().as_ref().ok()?.port;
        let database = format!("shop_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let project = Project::bare(files);
        if !project.path("dbt_project.yml").exists() && !project.path("kpi.toml").exists() {
            project.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\n");
        }
        let output = format!(
            "      type: snowflake\n      account: fakesnow\n      user: kpi\n      password: s3cret-word\n      \
             host: 127.0.0.1\n      port: {port}\n      protocol: http\n      database: {database}\n      \
             schema: sales\n      warehouse: wh\n      role: builder\n      threads: 4\n"
        );
        // What a test sets stands instead of what all have.
        let set: Vec<&str> = settings.lines().filter_map(|line| line.split(':').next()).collect();
        let kept = output
            .lines()
            .filter(|line| !set.iter().any(|key| line.trim_start().split(':').next() == Some(key.trim())));
        let mut profile = "shop:\n  target: dev\n  outputs:\n    dev:\n".to_owned();
        for line in kept.map(str::to_owned).chain(settings.lines().map(|line| format!("      {line}"))) {
            profile.push_str(&line);
            profile.push('\n');
        }
        project.write("profiles.yml", profile);
        Some(Self { project, database, port })
    }

    /// A project that has its targets already, and a database that no other test has.
    pub fn of(project: Project, database: &str) -> Option<Self> {
        let port = emulator().as_ref().ok()?.port;
        Some(Self { project, database: database.to_owned(), port })
    }

    /// What a target needs to reach the emulator, as TOML.
    pub fn address(&self) -> String {
        format!("host = \"127.0.0.1\"\nport = {}\nprotocol = \"http\"\n", self.port)
    }

    /// Makes a database and a schema in it.
    pub fn make_schema(&self, database: &str, schema: &str) {
        let path = format!("/session/v1/login-request?databaseName={database}&schemaName={schema}");
        let answer = self.ask("POST", &path, r#"{"data": {"SESSION_PARAMETERS": {}}}"#);
        assert_eq!(answer["success"], true, "{answer}");
    }

    /// Registers a user of the emulator; the answer holds its keys.
    pub fn register(&self, user: &Json) -> Json {
        self.ask("POST", "/emulator/user", &user.to_string())
    }

    /// Every secret that sessions of this database were given or showed.
    pub fn secrets(&self) -> Vec<String> {
        let known = self.ask("GET", &format!("/emulator/secrets?database={}", self.database), "");
        known.as_array().expect("secrets").iter().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    /// Makes a schema of this database hold `count` relations more.
    pub fn fabricate(&self, schema: &str, count: u32) {
        let asked = serde_json::json!({"schema": format!("{}.{schema}", self.database), "count": count});
        self.ask("POST", "/emulator/fabricate", &asked.to_string());
    }

    /// The port of the emulator.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kpi(&self, arguments: &[&str]) -> Call {
        self.project.kpi(arguments)
    }

    /// From here on the tables of this database have a past.
    pub fn remember(&self) {
        self.ask("POST", &format!("/emulator/remember?database={}", self.database), "");
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Json {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the emulator");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// Everything that was sent for this database, in order.
    pub fn log(&self) -> Vec<Json> {
        let log = self.ask("GET", &format!("/emulator/log?database={}", self.database), "");
        log.as_array().expect("a log").clone()
    }

    /// The statements since `from` (a length of [`Self::log`]), without query comments, in one line each; the
    /// database's name is `shop`.
    pub fn sent(&self, from: usize) -> Vec<String> {
        // What a run asks about its own cost is the business of `cost.rs`.
        const ABOUT_COST: [&str; 3] =
            ["query_history_by_session", "get_query_operator_stats", "show warehouses like"];
        let mut sent = self.all_sent(from);
        sent.retain(|sql| !ABOUT_COST.iter().any(|word| sql.contains(word)));
        sent
    }

    /// As [`Self::sent`], with the questions about cost.
    pub fn all_sent(&self, from: usize) -> Vec<String> {
        self.log()[from..]
            .iter()
            .filter(|entry| entry["describe"] != true)
            .filter_map(|entry| entry["sql"].as_str())
            .map(|sql| self.in_one_line(sql))
            .collect()
    }

    /// As [`Self::sent`], the statements of one node.
    pub fn sent_by(&self, from: usize, node: &str) -> Vec<String> {
        let mark = format!("\"node_id\": \"{node}\"");
        let log = self.log();
        let entries = log[from..].iter().filter_map(|entry| entry["sql"].as_str());
        entries.filter(|sql| sql.contains(&mark)).map(|sql| self.in_one_line(sql)).collect()
    }

    fn in_one_line(&self, sql: &str) -> String {
        let words: Vec<&str> = without_comment(sql).split_whitespace().collect();
        words.join(" ").replace(&self.database, "shop").replace(&self.database.to_uppercase(), "SHOP")
    }

    /// What is said of a node that failed, without what differs from run to run.
    #[track_caller]
    pub fn failure(&self, call: &Call, node: &str) -> String {
        let text = call.text();
        let start = text
            .find(&format!("Failure in model {node} "))
            .unwrap_or_else(|| panic!("no failure in\n{text}"));
        let mut lines = Vec::new();
        for line in text[start..].lines() {
            let line = if line.get(2..3) == Some(":") { line.get(10..).unwrap_or_default() } else { line };
            if line.trim().is_empty() && lines.len() > 1 {
                break;
            }
            lines.push(line.trim_end());
        }
        self.plain(&lines.join("\n"))
    }

    /// A text without ids, ports and names that differ from run to run.
    pub fn plain(&self, text: &str) -> String {
        let text = text
            .replace(&self.database, "shop")
            .replace(&self.database.to_uppercase(), "SHOP")
            .replace(&format!(":{}", self.port), ":[port]")
            .replace(self.project.root().to_str().expect("text"), "[root]");
        let mut plain = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let id = rest.get(..36).is_some_and(is_id);
            let length = if id { 36 } else { rest.chars().next().map_or(1, char::len_utf8) };
            plain.push_str(if id { "[id]" } else { &rest[..length] });
            rest = &rest[length..];
        }
        plain
    }

    /// Warehouses, roles, grants and dynamic tables of the account, which all tests share.
    pub fn account(&self) -> Json {
        self.ask("GET", "/emulator/account", "")
    }

    /// Rows in the emulator, cells joined by `|`. `{}` in the SQL is the database.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<String> {
        let answer = self.ask("POST", "/emulator/rows", &sql.replace("{}", &self.database));
        let rows = answer.as_array().unwrap_or_else(|| panic!("{sql}: {answer}"));
        rows.iter()
            .map(|row| {
                let cells: Vec<&str> =
                    row.as_array().expect("a row").iter().filter_map(Json::as_str).collect();
                cells.join("|")
            })
            .collect()
    }
}

fn without_comment(sql: &str) -> &str {
    match (sql.trim().strip_prefix("/*"), sql.trim().rfind("/* {\"app\"")) {
        (Some(rest), _) if rest.trim_start().starts_with("{\"app\"") => {
            rest.split_once("*/").map_or("", |(_, after)| after)
        }
        (_, Some(at)) => &sql.trim()[..at],
        _ => sql,
    }
}

/// Whether a text is a UUID.
fn is_id(text: &str) -> bool {
    text.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    })
}
