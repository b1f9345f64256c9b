//! Opening databases: what works, and what the user is told when it does not.

use kpi_adapter::{Adapter, AdapterErrorKind, Cell, CsvFormat, Fetch, Relation};
use kpi_duckdb::DuckDbAdapter;
use serde_json::json;
use std::path::Path;

fn target(settings: serde_json::Value, base: &Path) -> DuckDbAdapter {
    DuckDbAdapter::from_profile(settings.as_object().expect("a mapping"), base).expect("valid settings")
}

fn failure(settings: serde_json::Value, base: &Path) -> kpi_adapter::AdapterError {
    match target(settings, base).connect("test") {
        Ok(_) => panic!("the target should not open"),
        Err(error) => error,
    }
}

#[test]
fn workers_share_one_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let adapter = target(json!({"path": "dev.duckdb", "threads": 4}), folder.path());
    let mut first = adapter.connect("a").expect("opens");
    first.execute("create table t as select 42 as x", Fetch::No).expect("runs");
    let mut second = adapter.connect("b").expect("opens");
    let table = second.execute("select x from dev.main.t", Fetch::All).expect("runs").table;
    assert_eq!(table.rows, [vec![Cell::Int(42)]]);
    assert!(folder.path().join("dev.duckdb").exists());
}

#[test]
fn schemas_are_made_by_many_workers_at_once() {
    let adapter = std::sync::Arc::new(DuckDbAdapter::in_memory());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let adapter = adapter.clone();
            std::thread::spawn(move || {
                let mut session = adapter.connect("worker").expect("opens");
                for number in 0..20 {
                    session
                        .execute(&format!("create schema if not exists s{number}"), Fetch::No)
                        .expect("no conflict reaches the user");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("ends");
    }
}

#[test]
fn settings_and_attached_databases_apply_to_every_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let adapter = target(
        json!({
            "path": ":memory:",
            "settings": {"TimeZone": "America/Sao_Paulo", "threads": 1},
            "config_options": {"allow_unsigned_extensions": true},
            "attach": [{"path": "other.duckdb", "alias": "other"}],
            "extensions": ["json", "parquet"],
        }),
        folder.path(),
    );
    for name in ["a", "b"] {
        let mut session = adapter.connect(name).expect("opens");
        let sql = "select current_setting('TimeZone'), current_setting('threads')";
        let table = session.execute(sql, Fetch::All).expect("runs").table;
        assert_eq!(table.rows, [vec![Cell::Str("America/Sao_Paulo".into()), Cell::Int(1)]]);
        session.execute("create or replace table other.main.t as select 1", Fetch::No).expect("runs");
    }
    assert!(folder.path().join("other.duckdb").exists());
}

#[test]
fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("dev.duckdb"), "id,name\n".repeat(3000)).expect("writes");
    let error = failure(json!({"path": "dev.duckdb"}), folder.path());
    assert_eq!(error.kind, AdapterErrorKind::Connection);
    assert!(error.message.contains("dev.duckdb is not a DuckDB database file"), "{}", error.message);
    assert!(error.hint.is_some());
}

#[test]
fn a_file_that_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dev.duckdb");
    let adapter = target(json!({"path": "dev.duckdb"}), folder.path());
    drop(adapter.connect("x").expect("opens"));
    drop(adapter);
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes[12] = 250;
    std::fs::write(&path, bytes).expect("writes");
    let error = failure(json!({"path": "dev.duckdb"}), folder.path());
    assert_eq!(error.kind, AdapterErrorKind::Connection);
    assert!(error.message.contains("dev.duckdb is damaged"), "{}", error.message);
    assert!(error.hint.is_some(), "{}", error.message);
}

#[test]
fn a_folder_that_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = failure(json!({"path": "no/such/dev.duckdb"}), folder.path());
    assert!(error.message.starts_with("the folder of the database file does not exist"), "{}", error.message);
    assert!(error.hint.expect("a hint").starts_with("create it: mkdir -p"));
    std::fs::create_dir(folder.path().join("data")).expect("creates");
    let error = failure(json!({"path": "data"}), folder.path());
    assert!(error.message.starts_with("'path' of the target is a folder"), "{}", error.message);
}

#[test]
fn settings_that_duckdb_does_not_know() {
    let base = Path::new(".");
    let error = failure(json!({"settings": {"memory_limt": "1GB"}}), base);
    assert_eq!(error.kind, AdapterErrorKind::Configuration);
    assert!(error.message.starts_with("'settings.memory_limt' of the target: "), "{}", error.message);
    let error = failure(json!({"config_options": {"acess_mode": "x"}}), base);
    assert!(error.message.contains("acess_mode"), "{}", error.message);
    assert_eq!(error.kind, AdapterErrorKind::Configuration);
}

#[test]
fn an_extension_that_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let extensions = folder.path().join("extensions");
    let error = failure(
        json!({
            "extensions": [{"name": "nosuch", "repo": folder.path().join("repository")}],
            "settings": {"extension_directory": extensions},
        }),
        folder.path(),
    );
    assert_eq!(error.kind, AdapterErrorKind::Configuration);
    assert!(
        error.message.starts_with("the extension 'nosuch' of the target cannot be loaded"),
        "{}",
        error.message
    );
    let hint = error.hint.expect("a hint");
    assert!(hint.contains("/nosuch.duckdb_extension") && hint.contains("v1.5"), "{hint}");
}

#[test]
fn leftovers_of_a_killed_run_are_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let adapter = target(json!({"path": "dev.duckdb"}), folder.path());
    let mut session = adapter.connect("x").expect("opens");
    session
        .execute(
            "create schema other; create table a as select 1 as x; create table a__dbt_backup as select 0 as x; \
             create table b__dbt_tmp as select 1 as x; create view c__dbt_tmp as select 1 as x; \
             create table d__dbt_backup as select 7 as x; create table other.e__dbt_tmp as select 1 as x",
            Fetch::No,
        )
        .expect("runs");
    let schemas = [(Some("dev".to_owned()), "main".to_owned())];
    let done = adapter.recover_schemas(&schemas).expect("recovers");
    assert_eq!(done.len(), 4, "{done:?}");
    let mut names: Vec<String> = session
        .list_relations(Some("dev"), "main")
        .expect("lists")
        .iter()
        .map(|r| r.identifier.as_deref().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "d"]);
    assert_eq!(session.list_relations(Some("dev"), "other").expect("lists").len(), 1);
    assert!(adapter.recover_schemas(&schemas).expect("recovers").is_empty());
}

#[test]
fn seeds_are_loaded_from_their_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("it's.csv");
    std::fs::write(
        &file,
        "\u{feff}id;name;day;ok;amount\n1;\"a;b\";2024-01-01;true;1.50\n2;;2024-02-29;FALSE;\n",
    )
    .expect("writes");
    let adapter = DuckDbAdapter::in_memory();
    let mut session = adapter.connect("x").expect("opens");
    session
        .execute("create table s (id integer, name text, day date, ok boolean, amount float8)", Fetch::No)
        .expect("runs");
    let relation = Relation::of("memory", "main", "s");
    let format = CsvFormat { delimiter: b';', late_quotes: false };
    let rows = session.load_csv(&relation, &file, format, &[]).expect("loads");
    assert_eq!(rows, 2);
    let table = session.execute("select * from s order by id", Fetch::All).expect("runs").table;
    assert_eq!(table.rows[0][1], Cell::Str("a;b".into()));
    assert_eq!(table.rows[1][1], Cell::Null);
    std::fs::write(&file, "id;name;day;ok;amount\n1;a;2024-01-01;true;1\n2;b;not a day;true;1\n")
        .expect("writes");
    let error = session.load_csv(&relation, &file, format, &[]).expect_err("does not fit");
    assert!(error.message.contains("it's.csv:3: "), "{}", error.message);
    assert!(error.message.contains("not a day") && error.hint.is_some(), "{}", error.message);
    assert!(error.message.lines().count() <= 3, "{}", error.message);
}

#[test]
fn quotes_after_the_first_rows_are_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.csv");
    std::fs::write(&file, format!("a,b\n{}2,\"y,z\"\n", "1,x\n".repeat(60_000))).expect("writes");
    let adapter = DuckDbAdapter::in_memory();
    let mut session = adapter.connect("x").expect("opens");
    session.execute("create table s (a integer, b text)", Fetch::No).expect("runs");
    let seed = kpi_adapter::SeedTable::read(&file, "s.csv", b',', &|_| None).expect("reads");
    let relation = Relation::of("memory", "main", "s");
    let rows = session.load_csv(&relation, &file, seed.format(), &seed.seed_columns()).expect("loads");
    assert_eq!(rows, seed.rows);
}
