//! `kpi clone`: relations that show what another environment has.

use crate::support::{Project, said};
use insta::assert_snapshot;

fn project() -> Project {
    let project = Project::dbt(&[
        (
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, schema: dev}\n    \
             prod: {type: duckdb, path: shop.duckdb, schema: prod}\n",
        ),
        ("seeds/countries.csv", "code\nBR\n"),
        ("models/orders.sql", "{{ config(materialized='table') }} select '{{ target.name }}' as made_in"),
        ("models/hidden.sql", "{{ config(materialized='ephemeral') }} select * from {{ ref('orders') }}"),
        ("models/report.sql", "select * from {{ ref('hidden') }}"),
        ("models/schema.yml", "models: [{name: orders, columns: [{name: made_in, data_tests: [unique]}]}]\n"),
        (
            "snapshots/history.yml",
            "snapshots: [{name: history, relation: ref('orders'), config: {strategy: check, check_cols: all, unique_key: \
             made_in}}]\n",
        ),
    ]);
    project.kpi(&["build", "--target", "prod"]).expect(0);
    std::fs::rename(project.path("target"), project.path("state")).unwrap();
    project
}

fn kinds(project: &Project) -> Vec<String> {
    project.query(
        "select table_name || ' ' || table_type from information_schema.tables where table_schema = 'dev' order by 1",
    )
}

#[test]
fn every_relation_becomes_a_view_of_the_state_s() {
    let project = project();
    project.kpi(&["clone", "--state", "state"]).expect(0);
    assert_eq!(kinds(&project), ["countries VIEW", "history VIEW", "orders VIEW", "report VIEW"]);
    assert_eq!(project.query("select made_in from dev.orders"), ["prod"]);
    let results = project.json("target/run_results.json");
    let orders =
        results["results"].as_array().unwrap().iter().find(|r| r["unique_id"] == "model.shop.orders");
    let orders = orders.unwrap();
    assert_eq!((orders["status"].as_str(), orders["compiled"].as_bool()), (Some("success"), Some(false)));
    assert_eq!(results["args"]["which"], "clone");
    // A second time there is nothing to do.
    let call = project.kpi(&["clone", "--state", "state", "-s", "orders"]).expect(0);
    assert!(call.text().contains("Relation \"shop\".\"dev\".\"orders\" already exists"), "{}", call.text());
    assert_eq!(project.json("target/run_results.json")["results"][0]["message"], "No-op");
}

#[test]
fn what_is_built_here_already_stays_unless_refreshed() {
    let project = project();
    project.kpi(&["run", "-s", "orders"]).expect(0);
    project.kpi(&["clone", "--state", "state", "--resource-type", "model"]).expect(0);
    assert_eq!(project.query("select made_in from dev.orders"), ["dev"]);
    assert_eq!(kinds(&project), ["orders BASE TABLE", "report VIEW"]);
    project.kpi(&["clone", "--state", "state", "--full-refresh", "-s", "orders"]).expect(0);
    assert_eq!(project.query("select made_in from dev.orders"), ["prod"]);
}

#[test]
fn what_the_state_does_not_have_is_passed_over() {
    let project = project();
    project.write("models/new.sql", "select 1 as id");
    let call = project.kpi(&["clone", "--state", "state", "-s", "new"]).expect(0);
    assert!(
        call.text().contains("No relation found in state manifest for model.shop.new"),
        "{}",
        call.text()
    );
    assert!(kinds(&project).is_empty());
}

#[test]
fn one_that_cannot_be_cloned_keeps_no_other_back() {
    let project = project();
    let state = project.read("state/manifest.json");
    let state = state.replace("\\\"prod\\\".\\\"orders\\\"", "\\\"prod\\\".\\\"gone\\\"");
    project.write("state/manifest.json", state);
    project.kpi(&["clone", "--state", "state", "--exclude", "history"]).expect(1);
    assert_eq!(kinds(&project), ["countries VIEW", "report VIEW"]);
    project.kpi(&["retry"]).expect(1);
    assert_eq!(project.statuses(), [("model.shop.orders".to_owned(), "error".to_owned())]);
}

#[test]
fn a_clone_needs_a_state() {
    let project = project();
    let call = project.kpi(&["clone"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0726]
      --state or --defer-state are required for deferral, but neither was provided
      hint: name the folder with the manifest.json of the environment to defer to
    ");
}
