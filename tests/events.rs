//! Structured logs: dbt's events with dbt's fields, as other tools read them.

use crate::support::Project;
use insta::assert_snapshot;
use serde_json::Value;
use std::collections::BTreeMap;

/// The events of a call, from the terminal.
fn events(project: &Project, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<&str> =
        ["--log-format", "json", "--log-level", "debug"].iter().chain(arguments).copied().collect();
    let call = project.kpi(&arguments);
    call.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn named<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["info"]["name"] == name).collect()
}

/// Each event with its code and the paths of its fields.
fn shapes(events: &[Value]) -> String {
    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(key, value)| paths(value, &format!("{path}.{key}"), found));
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                items.iter().for_each(|item| paths(item, &format!("{path}[]"), found));
            }
            _ => found.push(path.trim_start_matches('.').to_owned()),
        }
    }
    let mut shapes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        let info = &event["info"];
        let text = |key: &str| info[key].as_str().unwrap_or_default();
        let entry = shapes.entry(format!("{} {} {}", text("name"), text("code"), text("level"))).or_default();
        if text("name") != "MainReportArgs" {
            paths(&event["data"], "", entry);
        }
    }
    let mut out = String::new();
    for (name, mut fields) in shapes {
        fields.retain(|field| !field.starts_with("node_info.") || field == "node_info.unique_id");
        fields.sort();
        fields.dedup();
        out.push_str(&format!("{name}: {}\n", fields.join(" ")));
    }
    out
}

/// Something of every kind: what passes, warns, fails, is skipped; hooks, an exposure, a unit test, a group.
fn shop() -> Project {
    Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [\"{{ log('hello', info=true) }}\"]\n\
             on-run-end: ['select 1']\n",
        ),
        (
            "profiles.yml",
            "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, threads: 1}}}\n",
        ),
        ("seeds/raw.csv", "id,amount\n1,10\n2,\n"),
        (
            "models/a.sql",
            "{{ config(materialized='table') }} {{ log('in a', info=true) }} select * from {{ ref('raw') }}",
        ),
        ("models/broken.sql", "select * from nowhere"),
        ("models/after.sql", "select * from {{ ref('broken') }}"),
        (
            "snapshots/snap.yml",
            "snapshots: [{name: snap, relation: ref('raw'), config: {strategy: check, check_cols: all, unique_key: id}}]\n",
        ),
        (
            "models/schema.yml",
            "groups: [{name: sales, owner: {name: me, slack: ['a', 'b']}}]
models:
  - name: a
    config: {meta: {owners: [x, y]}}
    columns:
      - {name: id, data_tests: [unique]}
      - name: amount
        data_tests:
          - not_null: {config: {severity: warn}}
          - not_null: {name: strict}
  - {name: broken, config: {group: sales}}
exposures:
  - {name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('after')]}
unit_tests:
  - name: adds_up
    model: a
    given: [{input: ref('raw'), rows: [{id: 1, amount: 2}]}]
    expect: {rows: [{id: 1, amount: 2}]}
",
        ),
    ])
}

#[test]
fn a_build_tells_dbts_events_with_their_fields() {
    assert_snapshot!(shapes(&events(&shop(), &["build"])));
}

#[test]
fn a_node_is_told_with_its_state_its_meta_and_its_group() {
    let project = shop();
    let events = events(&project, &["build"]);
    let of = |name: &str, id: &str| -> Value {
        let found = named(&events, name);
        let event = found.iter().find(|event| event["data"]["node_info"]["unique_id"] == id);
        event.unwrap_or_else(|| panic!("{name} of {id}"))["data"].clone()
    };
    let statuses: Vec<Value> = ["NodeStart", "NodeCompiling", "NodeExecuting", "NodeFinished"]
        .map(|name| of(name, "model.shop.a")["node_info"]["node_status"].clone())
        .to_vec();
    assert_eq!(statuses, ["started", "compiling", "executing", "success"]);
    let info = of("LogModelResult", "model.shop.a")["node_info"].clone();
    assert_eq!(info["meta"]["owners"], serde_json::json!(["x", "y"]));
    assert_eq!(info["node_relation"]["relation_name"], "\"shop\".\"main\".\"a\"");
    assert_eq!(info["materialized"], "table");
    assert!(info["node_started_at"].as_str() < info["node_finished_at"].as_str());
    let failed = of("LogModelResult", "model.shop.broken");
    assert_eq!(failed["status"], "error");
    assert_eq!(
        failed["group"],
        serde_json::json!({"name": "sales", "package_name": "shop", "owner": {"name": "me", "slack": "['a', 'b']"}})
    );
    let warned = named(&events, "LogTestResult").into_iter().find(|e| e["data"]["status"] == "warn").unwrap();
    assert_eq!((&warned["info"]["level"], &warned["data"]["num_failures"]), (&"warn".into(), &1.into()));
    assert_eq!(warned["data"]["attached_node"], "model.shop.a");
    assert_eq!(of("SkippingDetails", "model.shop.after")["node_info"]["node_status"], "skipped");
    let finished = of("NodeFinished", "model.shop.after");
    assert_eq!(finished["run_result"]["status"], "skipped");
    assert_eq!(finished["run_result"]["thread"], "Thread-1 (worker)");
}

#[test]
fn what_happens_below_a_node_names_it() {
    let project = shop();
    let events = events(&project, &["build"]);
    let statement = named(&events, "SQLQuery")
        .into_iter()
        .find(|e| e["data"]["sql"].as_str().unwrap().contains("create"))
        .unwrap();
    assert_eq!(statement["data"]["node_info"]["node_status"], "executing");
    assert_eq!(statement["data"]["conn_name"], statement["data"]["node_info"]["unique_id"]);
    let ids: Vec<&Value> =
        named(&events, "JinjaLogInfo").into_iter().map(|e| &e["data"]["node_info"]["unique_id"]).collect();
    // While files are read no node runs; then a hook and a model.
    assert!(ids.contains(&&Value::Null), "{ids:?}");
    assert!(ids.contains(&&"operation.shop.shop-on-run-start-0".into()), "{ids:?}");
    assert!(ids.contains(&&"model.shop.a".into()), "{ids:?}");
}

#[test]
fn the_end_of_a_run_counts() {
    let project = shop();
    let events = events(&project, &["build"]);
    let data = |name: &str| named(&events, name)[0]["data"].clone();
    assert_eq!(
        data("StatsLine")["stats"],
        serde_json::json!({"error": 2, "skip": 2, "pass": 7, "warn": 1, "noop": 0, "total": 12})
    );
    assert_eq!(data("EndOfRunSummary")["num_errors"], 2);
    assert_eq!(data("EndRunResult")["results"].as_array().unwrap().len(), 12);
    assert_eq!(data("EndRunResult")["success"], false);
    assert_eq!(data("ConcurrencyLine")["node_count"], 9);
    assert_eq!(data("CommandCompleted")["success"], false);
    assert_eq!(data("MainReportVersion")["log_version"], 3);
}

#[test]
fn who_calls_kpi_names_the_call_in_every_line() {
    let project = Project::new(&[("models/a.sql", "select 1 as id")]);
    let call = project
        .kpi_with(
            &[("DBT_ENV_CUSTOM_ENV_JOB", "nightly"), ("DBT_INVOCATION_ID", "42")],
            &["--log-format", "json", "run"],
        )
        .expect(0);
    for line in call.stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["info"]["extra"], serde_json::json!({"JOB": "nightly"}));
        assert_eq!(event["info"]["invocation_id"], "42");
    }
}

#[test]
fn a_secret_with_quotes_is_starred_out_of_json_too() {
    let secret = "hush \"quoted\" \\ 42";
    let project = Project::new(&[("models/a.sql", "select '{{ env_var(\"PLAIN\") }}' from nowhere")]);
    let call = project
        .kpi_with(
            &[("PLAIN", secret), ("DBT_ENV_SECRET_TOKEN", secret)],
            &["--log-format", "json", "--log-level", "debug", "run"],
        )
        .expect(1);
    assert!(!call.stdout.contains("quoted"), "{}", call.stdout);
    assert!(call.stdout.contains("*****"));
}

#[test]
fn the_log_file_is_text_or_json_and_coloured_where_that_is_asked_for() {
    let project = Project::dbt(&[("models/a.sql", "select 1 as id")]);
    let log = |arguments: &[&str]| {
        let _ = std::fs::remove_dir_all(project.path("logs"));
        project.kpi(arguments).expect(0);
        project.read("logs/dbt.log")
    };
    assert!(log(&["run"]).contains(" [debug] [MainThread]: "));
    let text = log(&["run", "--log-format-file", "text"]);
    assert!(text.lines().next().unwrap().contains("  Running with kpi="), "{text}");
    assert!(!text.contains("[MainThread]"));
    assert!(log(&["run", "--log-format", "json"]).lines().all(|line| line.starts_with('{')));
    assert!(!log(&["run"]).contains('\u{1b}'));
    assert!(log(&["run", "--use-colors"]).contains("\u{1b}[32m"));
    assert!(!log(&["run", "--log-level-file", "info"]).contains("[debug]"));
    // What `clean` says is of no use in a file that it may delete.
    assert!(!log(&["clean", "--log-format-file", "json"]).contains("ConfirmCleanPath"));
}

#[test]
fn a_skipped_ephemeral_model_is_named_by_what_needs_it_in_a_build() {
    let project = Project::new(&[
        ("models/a.sql", "select 1 as id"),
        ("models/e.sql", "{{ config(materialized='ephemeral') }} select * from {{ ref('a') }}"),
        ("models/b.sql", "select * from {{ ref('e') }}"),
        (
            "models/s.yml",
            "models: [{name: a, columns: [{name: id, data_tests: [accepted_values: {arguments: {values: [2]}}]}]}]\n",
        ),
    ]);
    let told = events(&project, &["build"]);
    let skipped = named(&told, "LogSkipBecauseError");
    assert_eq!(skipped[0]["data"]["relation"], "b");
    assert_eq!(skipped[0]["data"]["status"], "skipped");
}

#[test]
fn options_that_do_nothing_are_noted() {
    let project = Project::new(&[("models/a.sql", "select 1 as id")]);
    let call = project
        .kpi_with(
            &[("DBT_RECORDER_MODE", "record")],
            &["parse", "--partial-parse", "--use-experimental-parser"],
        )
        .expect(0);
    for part in
        ["Starting full parse.", "--use-experimental-parser is ignored", "DBT_RECORDER_MODE is ignored"]
    {
        assert!(call.stderr.contains(part), "{part} is not in\n{}", call.stderr);
    }
    assert!(!project.kpi(&["parse"]).expect(0).stderr.contains("ignored"));
}
