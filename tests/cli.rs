//! Flags, environment, formats of messages, exit codes, artifacts, `clean`, `debug`, `run-operation`.

use crate::support::Project;
use serde_json::Value;

fn one_model() -> Project {
    Project::new(&[("models/orders.sql", "select 1 as id")])
}

#[test]
fn a_wrong_call_ends_with_2_and_says_why() {
    let project = one_model();
    for arguments in [&["frobnicate"][..], &["run", "--no-such-flag"], &["run", "--log-level", "loud"]] {
        let call = project.kpi(arguments).expect(2);
        assert!(call.stderr.starts_with("Usage: kpi"), "{}", call.stderr);
        assert!(call.stderr.contains("\nError: ") && call.stderr.contains("[K0001]"), "{}", call.stderr);
    }
    assert!(project.kpi(&[]).expect(0).stdout.contains("Usage: kpi"));
}

#[test]
fn the_version_can_be_read_by_tools_of_dbt() {
    let text = one_model().kpi(&["--version"]).expect(0).stdout;
    assert!(text.starts_with("kpi 0.1.0 (DuckDB "), "{text}");
    assert!(text.contains("\nCore:\n  - installed: 1."), "{text}");
}

#[test]
fn messages_go_to_stderr_and_the_end_tells_the_counts() {
    let call = one_model().kpi(&["run"]).expect(0);
    assert_eq!(call.stdout, "");
    for part in [
        "Running with kpi=0.1.0",
        "Found 1 model, ",
        "1 of 1 OK created sql view model main.orders",
        "Completed successfully",
        "Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1",
    ] {
        assert!(call.stderr.contains(part), "{part} is not in\n{}", call.stderr);
    }
    assert!(!call.stderr.contains('\u{1b}'), "no colour where nobody watches");
}

#[test]
fn quiet_says_nothing_unless_something_fails() {
    let project = one_model();
    assert_eq!(project.kpi(&["--quiet", "run"]).expect(0).text(), "");
    project.write("models/orders.sql", "select * from nowhere");
    assert!(project.kpi(&["--quiet", "run"]).expect(1).stderr.contains("nowhere"));
}

#[test]
fn json_messages_have_dbts_shape() {
    let call = one_model().kpi(&["--log-format", "json", "run"]).expect(0);
    assert_eq!(call.stderr, "");
    let events: Vec<Value> = call.stdout.lines().map(|l| serde_json::from_str(l).expect(l)).collect();
    for event in &events {
        for key in
            ["category", "code", "extra", "invocation_id", "level", "msg", "name", "pid", "thread", "ts"]
        {
            assert!(event["info"].get(key).is_some(), "{key} in {event}");
        }
        assert!(event["data"].is_object());
    }
    let named =
        |name: &str| events.iter().find(|e| e["info"]["name"] == name).unwrap_or_else(|| panic!("{name}"));
    let result = named("LogModelResult");
    assert_eq!(result["info"]["code"], "Q012");
    assert_eq!(result["data"]["node_info"]["unique_id"], "model.shop.orders");
    assert_eq!(result["data"]["node_info"]["node_status"], "success");
    assert_eq!(named("StatsLine")["data"]["stats"]["pass"], 1);
    assert_eq!(named("EndOfRunSummary")["data"]["num_errors"], 0);
}

#[test]
fn the_log_file_has_what_the_terminal_does_not_show() {
    let project = one_model();
    assert_eq!(project.kpi(&["--quiet", "run"]).expect(0).text(), "");
    let log = project.read("logs/kpi.log");
    assert!(log.contains("[info ] [MainThread]: Running with kpi"), "{log}");
    assert!(log.contains("[debug]"), "{log}");
    let dbt = Project::dbt(&[("models/orders.sql", "select 1 as id")]);
    dbt.kpi(&["--log-format-file", "json", "run"]).expect(0);
    let log = dbt.read("logs/dbt.log");
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["info"]["name"], "MainReportVersion");
}

#[test]
fn the_command_line_beats_the_environment_which_beats_the_project() {
    let project = one_model();
    project.write("kpi.toml", format!("{}\n[flags]\nwrite_json = false\n", crate::support::KPI_TOML));
    let manifest = project.path("target/manifest.json");
    project.kpi(&["parse"]).expect(0);
    assert!(!manifest.exists());
    project.kpi_with(&[("DBT_WRITE_JSON", "1")], &["parse"]).expect(0);
    assert!(manifest.exists());
    std::fs::remove_file(&manifest).unwrap();
    project.kpi_with(&[("KPI_WRITE_JSON", "1")], &["--no-write-json", "parse"]).expect(0);
    assert!(!manifest.exists());
    let call = project.kpi_with(&[("KPI_WRITE_JSON", "perhaps")], &["parse"]).expect(2);
    assert!(call.stderr.contains("'perhaps'"), "{}", call.stderr);
}

#[test]
fn a_selection_without_nodes_is_a_warning_that_can_be_an_error() {
    let project = one_model();
    let call = project.kpi(&["run", "-s", "nowhere"]).expect(0);
    assert!(
        call.stderr.contains("The selection criterion 'nowhere' does not match any enabled nodes"),
        "{}",
        call.stderr
    );
    assert!(call.stderr.contains("Nothing to do."), "{}", call.stderr);
    project.kpi(&["--warn-error", "run", "-s", "nowhere"]).expect(2);
    project
        .kpi(&["--warn-error-options", "{error: [NoNodesForSelectionCriteria]}", "run", "-s", "nowhere"])
        .expect(2);
    let call = project
        .kpi(&[
            "--warn-error-options",
            "{silence: [NoNodesForSelectionCriteria, NothingToDo]}",
            "run",
            "-s",
            "nowhere",
        ])
        .expect(0);
    assert!(!call.stderr.contains("nowhere"), "{}", call.stderr);
}

#[test]
fn artifacts_tell_the_flags_and_the_results() {
    let project = one_model();
    project.kpi(&["run", "--fail-fast", "--vars", "{day: 2024-01-01}"]).expect(0);
    let results = project.json("target/run_results.json");
    assert_eq!(
        results["metadata"]["dbt_schema_version"],
        "https://schemas.getdbt.com/dbt/run-results/v6.json"
    );
    assert_eq!(results["args"]["which"], "run");
    assert_eq!(results["args"]["fail_fast"], true);
    assert_eq!(results["results"][0]["unique_id"], "model.shop.orders");
    assert_eq!(results["results"][0]["status"], "success");
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["metadata"]["project_name"], "shop");
    assert_eq!(manifest["metadata"]["invocation_id"], results["metadata"]["invocation_id"]);
    assert!(manifest["nodes"]["model.shop.orders"].is_object());
}

#[test]
fn a_native_project_runs_from_anywhere() {
    let project = one_model();
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = project.root().to_str().unwrap().to_owned();
    let mut command = project.command(&["run", "--project-dir", &folder]);
    Project::done(command.current_dir(elsewhere.path()).output().unwrap()).expect(0);
    assert_eq!(project.query("select id from main.orders"), ["1"]);
    let mut command = project.command(&["run"]);
    Project::done(command.current_dir(project.path("models")).output().unwrap()).expect(0);
}

#[test]
fn secrets_are_never_shown() {
    let project =
        Project::new(&[("models/orders.sql", "select '{{ env_var(\"PLAIN\") }}' as x from nowhere")]);
    let call = project
        .kpi_with(&[("PLAIN", "hush-hush-42"), ("DBT_ENV_SECRET_TOKEN", "hush-hush-42")], &["--debug", "run"])
        .expect(1);
    assert!(!call.text().contains("hush-hush-42"), "{}", call.text());
    assert!(!project.read("logs/kpi.log").contains("hush-hush-42"));
}

#[test]
fn clean_deletes_targets_and_nothing_else() {
    let project = one_model();
    project.kpi(&["run"]).expect(0);
    assert!(project.kpi(&["clean", "--dry-run"]).expect(0).stderr.contains("Would clean"));
    assert!(project.path("target").exists());
    project.kpi(&["clean"]).expect(0);
    assert!(!project.path("target").exists());
    assert!(project.path("models/orders.sql").exists());
    let dbt = Project::dbt(&[
        ("models/orders.sql", "select 1 as id"),
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nclean-targets: [models, ../elsewhere]\n",
        ),
    ]);
    assert!(dbt.kpi(&["clean"]).expect(2).stderr.contains("will not clean"));
    dbt.write("dbt_project.yml", "name: shop\nversion: '1.0'\nprofile: shop\nclean-targets: ['.']\n");
    dbt.kpi(&["clean"]).expect(2);
    dbt.write(
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\nclean-targets: ['../elsewhere']\n",
    );
    assert!(dbt.kpi(&["clean"]).expect(2).stderr.contains("outside the project"));
    assert!(dbt.path("models/orders.sql").exists());
}

#[test]
fn debug_tells_whether_the_connection_works() {
    let project = one_model();
    let call = project.kpi(&["debug"]).expect(0);
    for part in
        ["kpi.toml file [OK found and valid]", "Connection test: [OK connection ok]", "All checks passed!"]
    {
        assert!(call.stderr.contains(part), "{part} is not in\n{}", call.stderr);
    }
    project.write(
        "shop.duckdb",
        "this is not a database, but it is long enough to look like a file of one".repeat(100),
    );
    let call = project.kpi(&["debug"]).expect(1);
    assert!(call.stderr.contains("1 check failed"), "{}", call.stderr);
}

#[test]
fn an_operation_takes_arguments_and_prints() {
    let project = Project::new(&[
        ("models/orders.sql", "select 1 as id"),
        (
            "macros/greet.sql",
            "{% macro greet(name, times=1) %}{% for i in range(times) %}{{ print('hello ' ~ name) }}{% endfor %}{% endmacro %}\n\
             {% macro fail() %}{{ exceptions.raise_compiler_error('no way') }}{% endmacro %}",
        ),
    ]);
    let call = project.kpi(&["run-operation", "greet", "--args", "{name: you, times: 2}"]).expect(0);
    assert_eq!(call.stdout, "hello you\nhello you\n");
    assert_eq!(
        project.kpi(&["--no-print", "run-operation", "shop.greet", "--args", "name: me"]).expect(0).stdout,
        ""
    );
    let call = project.kpi(&["run-operation", "fail"]).expect(1);
    assert!(call.stderr.contains("no way"), "{}", call.stderr);
    let call = project.kpi(&["run-operation", "gret"]).expect(2);
    assert!(call.stderr.contains("did you mean 'greet'?"), "{}", call.stderr);
}

#[test]
fn seeds_can_be_shown() {
    let project = Project::new(&[("seeds/codes.csv", "code,n\nBR,1\nUS,2\n")]);
    let call = project.kpi(&["seed", "--show"]).expect(0);
    assert!(call.stdout.contains("| BR   | 1 |"), "{}", call.stdout);
}

#[test]
fn completions_and_the_manual_page() {
    let project = Project::bare(&[]);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(project.kpi(&["completions", shell]).expect(0).stdout.contains("run-operation"), "{shell}");
    }
    assert!(project.kpi(&["man"]).expect(0).stdout.contains(".TH kpi"));
}

#[test]
fn the_database_is_closed_in_good_order() {
    let project = one_model();
    project.kpi(&["run"]).expect(0);
    assert!(project.path("shop.duckdb").exists());
    assert!(!project.path("shop.duckdb.wal").exists());
}

#[test]
fn ctrl_c_ends_a_run_with_its_results() {
    let project = Project::new(&[
        ("models/a.sql", "{{ config(materialized='table') }} select 1 as id"),
        (
            "models/slow.sql",
            "{{ config(materialized='table') }} -- {{ ref('a') }}\n\
             select sum(x.range * y.range) as s from range(1000000) x, range(10000000) y",
        ),
    ]);
    let child = project
        .command(&["run"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let started = std::time::Instant::now();
    while !project.path("target/run/shop/models/slow.sql").exists() && started.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let call = Project::done(child.wait_with_output().unwrap()).expect(2);
    assert!(call.stderr.contains("Exited because of keyboard interrupt"), "{}", call.stderr);
    assert_eq!(project.statuses()[0], ("model.shop.a".into(), "success".into()));
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let project = one_model();
    let kpi = env!("CARGO_BIN_EXE_kpi");
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{kpi} -q ls --output json | head -c 10; {kpi} --log-format json run | true")])
        .current_dir(project.root())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("internal error"));
    assert_eq!(output.stdout.len(), 10);
}

#[test]
fn debug_reads_properties_that_ask_for_the_target() {
    let project = Project::new(&[
        ("models/a.sql", "select * from {{ source('raw', 'things') }}"),
        (
            "models/sources.yml",
            "sources: [{name: raw, database: '{{ target.database }}', tables: [{name: things}]}]\n",
        ),
    ]);
    let call = project.kpi(&["debug"]).expect(0);
    assert!(call.text().contains("All checks passed"), "{}", call.text());
}
