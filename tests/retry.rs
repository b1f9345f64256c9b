//! `kpi retry`: what failed or was skipped, once more, with the flags of the last run.

use crate::support::{Project, said};
use insta::assert_snapshot;

fn project() -> Project {
    Project::dbt(&[
        ("models/good.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/bad.sql", "{{ config(materialized='table') }} select {{ var('column', 'nothing') }} as id"),
        ("models/after.sql", "select * from {{ ref('bad') }}"),
        ("models/schema.yml", "models: [{name: good, columns: [{name: id, data_tests: [unique]}]}]\n"),
    ])
}

fn ran(project: &Project) -> Vec<String> {
    project.statuses().into_iter().map(|(id, status)| format!("{id} {status}")).collect()
}

#[test]
fn only_what_failed_or_was_skipped_runs_again() {
    let project = project();
    project.kpi(&["build"]).expect(1);
    project.kpi(&["retry"]).expect(1);
    assert_eq!(ran(&project), ["model.shop.after skipped", "model.shop.bad error"]);
    project.write("models/bad.sql", "{{ config(materialized='table') }} select 1 as id");
    project.kpi(&["retry"]).expect(0);
    assert_eq!(ran(&project), ["model.shop.after success", "model.shop.bad success"]);
    // Now there is nothing left.
    let call = project.kpi(&["retry"]).expect(0);
    assert!(call.text().contains("Nothing to do"), "{}", call.text());
}

#[test]
fn the_flags_of_the_last_run_hold() {
    let project = project();
    project.kpi(&["run", "--select", "bad", "--vars", "{column: missing}", "--fail-fast"]).expect(1);
    let call = project.kpi(&["retry"]).expect(1);
    assert!(call.text().contains("missing"), "{}", call.text());
    let args = project.json("target/run_results.json")["args"].clone();
    assert_eq!(args["which"], "run");
    assert_eq!(args["select"], serde_json::json!(["bad"]));
    assert_eq!(args["fail_fast"], true);
    // Variables may be given anew.
    project.kpi(&["retry", "--vars", "{column: 1}"]).expect(0);
    assert_eq!(ran(&project), ["model.shop.bad success"]);
}

#[test]
fn the_run_may_have_been_dbts() {
    let project = project();
    let results = serde_json::json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
                     "generated_at": "2024-01-01T00:00:00Z"},
        "results": [{"unique_id": "model.shop.bad", "status": "error"}, {"unique_id": "model.shop.good", "status": "success"},
                    {"unique_id": "operation.shop.shop-on-run-start-0", "status": "error"}],
        "args": {"which": "build", "vars": {"column": 7}, "resource_types": [], "exclude_resource_types": ["test"],
                 "warn_error_options": {"error": [], "warn": [], "silence": []}, "strict_mode": false, "show": false},
        "elapsed_time": 1.0,
    });
    project.write("earlier/run_results.json", results.to_string());
    project.kpi(&["retry", "--state", "earlier"]).expect(0);
    assert_eq!(ran(&project), ["model.shop.bad success"]);
    assert_eq!(project.query("select id from bad"), ["7"]);
}

#[test]
fn a_failed_test_is_tried_again_and_a_warning_with_warn_error() {
    let project = project();
    project.write("models/good.sql", "select 1 as id union all select 1");
    project.kpi(&["build", "-s", "good"]).expect(1);
    project.write(
        "models/schema.yml",
        "models: [{name: good, columns: [{name: id, data_tests: [{unique: {config: {severity: warn}}}]}]}]\n",
    );
    project.kpi(&["retry"]).expect(0);
    let again = ran(&project);
    assert!(again.len() == 1 && again[0].starts_with("test.shop.unique_good_id."), "{again:?}");
    assert!(again[0].ends_with(" warn"), "{again:?}");
    let call = project.kpi(&["retry"]).expect(0);
    assert!(call.text().contains("Nothing to do"), "{}", call.text());
}

#[test]
fn an_operation_is_called_again_if_it_failed() {
    let project = project();
    project.write("macros/say.sql", "{% macro say(word) %}{{ print(word ~ nothing.here) }}{% endmacro %}");
    project.kpi(&["run-operation", "say", "--args", "{word: hello}"]).expect(1);
    project.write("macros/say.sql", "{% macro say(word) %}{{ print(word) }}{% endmacro %}");
    assert_eq!(project.kpi(&["retry"]).expect(0).stdout, "hello\n");
    assert_eq!(project.kpi(&["retry"]).expect(0).stdout, "");
}

#[test]
fn the_target_of_the_last_run_is_the_target() {
    let project = project();
    project.write(
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, schema: dev}\n    \
         prod: {type: duckdb, path: shop.duckdb, schema: prod}\n",
    );
    project.kpi(&["run", "--target", "prod", "--full-refresh"]).expect(1);
    project.kpi(&["retry", "--vars", "{column: 1}"]).expect(0);
    assert_eq!(project.query("select id from prod.after"), ["1"]);
    assert_eq!(project.json("target/run_results.json")["args"]["full_refresh"], true);
}

#[test]
fn what_cannot_be_retried() {
    let project = project();
    let call = project.kpi(&["retry"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0016]
      Could not find previous run in 'target' target directory
      hint: there is no run_results.json: run something first, or name its folder with --state
    ");
    let call = project.kpi(&["retry", "--state", "elsewhere"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0016]
      Could not find previous run in 'elsewhere' target directory
      hint: there is no run_results.json: run something first, or name its folder with --state
    ");
    project.kpi(&["run"]).expect(1);
    let results = project.read("target/run_results.json");
    project.write("target/run_results.json", results.replace("\"which\":\"run\"", "\"which\":\"freshness\""));
    let call = project.kpi(&["retry"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0016]
      The last run in 'target' was 'freshness', which cannot be retried
      hint: these can: build, clone, compile, generate, run, run-operation, seed, snapshot, test
    ");
    project.write("target/run_results.json", results);
    std::fs::remove_file(project.path("models/after.sql")).unwrap();
    let call = project.kpi(&["retry"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0728]
      Couldn't find model 'model.shop.after' -- does it exist or is it disabled?
      hint: it failed in the last run and is not in the project any more: run the command again instead
    ");
    project.write("target/run_results.json", "[]");
    let call = project.kpi(&["retry"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0123]
      [root]/target/run_results.json is not the artifact that its name says: a value there is not what is expected (line 1, column 2)
      hint: run the command that makes it again
    ");
}
