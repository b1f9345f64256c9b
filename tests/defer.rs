//! `--defer`: references to what this environment has not built go to another one's relations.

use crate::support::{Project, said};
use insta::assert_snapshot;

const PROFILES: &str = "\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: dev}
    prod: {type: duckdb, path: shop.duckdb, schema: prod}
";

/// A project that was built in `prod`, whose artifacts are in `state`.
fn project(more: &[(&str, &str)]) -> Project {
    let mut files = vec![
        ("profiles.yml", PROFILES),
        ("seeds/countries.csv", "code\nBR\n"),
        ("models/orders.sql", "{{ config(materialized='table') }} select '{{ target.name }}' as made_in"),
        ("models/hidden.sql", "{{ config(materialized='ephemeral') }} select * from {{ ref('orders') }}"),
        ("models/report.sql", "{{ config(materialized='table') }} select * from {{ ref('hidden') }}"),
    ];
    files.extend(more);
    let project = Project::dbt(&files);
    project.kpi(&["build", "--target", "prod"]).expect(0);
    std::fs::rename(project.path("target"), project.path("state")).unwrap();
    project
}

#[test]
fn a_missing_relation_is_taken_from_the_state() {
    let project = project(&[]);
    project.kpi(&["run", "-s", "report", "--defer", "--state", "state"]).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["prod"]);
    // As soon as it is built here, it counts.
    project.kpi(&["run", "-s", "orders"]).expect(0);
    project.kpi(&["run", "-s", "report", "--defer", "--state", "state"]).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["dev"]);
}

#[test]
fn what_is_built_in_the_same_run_is_not_deferred() {
    let project = project(&[]);
    project.kpi(&["build", "--defer", "--state", "state", "--favor-state"]).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["dev"]);
}

#[test]
fn the_state_can_be_preferred() {
    let project = project(&[]);
    project.kpi(&["run"]).expect(0);
    project.kpi(&["run", "-s", "report", "--defer", "--favor-state", "--state", "state"]).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["prod"]);
}

#[test]
fn without_a_look_at_the_cache_the_database_is_asked() {
    let project = project(&[("models/other.sql", "select 1 as id")]);
    project.kpi(&["run", "-s", "orders"]).expect(0);
    let call =
        ["run", "-s", "other report", "--defer", "--state", "state", "--no-populate-cache", "--threads", "1"];
    project.kpi(&call).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["dev"]);
}

#[test]
fn the_comparison_and_the_deferral_may_have_folders_of_their_own() {
    let project = project(&[]);
    project.kpi(&["parse"]).expect(0);
    project.write("earlier/manifest.json", project.read("target/manifest.json"));
    project.write("models/report.sql", "select made_in, 1 as one from {{ ref('orders') }}");
    let call = ["run", "-s", "state:modified", "--defer", "--state", "earlier", "--defer-state", "state"];
    project.kpi(&call).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["prod"]);
    assert_eq!(project.statuses(), [("model.shop.report".to_owned(), "success".to_owned())]);
}

#[test]
fn tests_and_unit_tests_look_at_the_deferred_relation() {
    let project = project(&[
        (
            "models/schema.yml",
            "models: [{name: orders, columns: [{name: made_in, data_tests: [{accepted_values: {arguments: {values: [prod]}}}]}]}]\n\
         unit_tests:\n  - name: passes_on\n    model: final\n    given: [{input: ref('orders'), rows: [{made_in: x}]}]\n    \
         expect: {rows: [{made_in: x}]}\n",
        ),
        ("models/final.sql", "select * from {{ ref('orders') }}"),
    ]);
    project.kpi(&["test", "--defer", "--state", "state"]).expect(0);
    assert_eq!(project.statuses().len(), 2);
    project.kpi(&["test"]).expect(1);
}

#[test]
fn previews_and_compiled_sql_name_the_deferred_relation() {
    let project = project(&[]);
    let call = ["-q", "show", "--inline", "select * from {{ ref('orders') }}", "--defer", "--state", "state"];
    assert!(project.kpi(&call).expect(0).stdout.contains("prod"));
    let call = project.kpi(&["-q", "compile", "-s", "report", "--defer", "--state", "state"]).expect(0);
    assert!(call.stdout.contains("\"prod\".\"orders\""), "{}", call.stdout);
    let call = project.kpi(&["docs", "generate", "-s", "report", "--defer", "--state", "state"]).expect(0);
    assert!(
        project.read("target/compiled/shop/models/report.sql").contains("\"prod\".\"orders\""),
        "{}",
        call.text()
    );
}

#[test]
fn templates_see_the_relation_that_is_deferred_to() {
    let project = project(&[(
        "macros/say.sql",
        "{% macro say() %}{% if execute %}{{ log(defer_relation ~ ' / ' ~ model.defer_relation.alias, info=true) }}{% endif %}{% endmacro %}",
    )]);
    project.write("dbt_project.yml", "name: shop\nprofile: shop\nmodels: {+post-hook: \"{{ say() }}\"}\n");
    let call = project.kpi(&["run", "-s", "orders", "--defer", "--state", "state"]).expect(0);
    assert!(call.text().contains("\"shop\".\"prod\".\"orders\" / orders"), "{}", call.text());
}

#[test]
fn deferral_needs_a_manifest() {
    let project = project(&[]);
    let call = project.kpi(&["run", "--defer"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0726]
      --state or --defer-state are required for deferral, but neither was provided
      hint: name the folder with the manifest.json of the environment to defer to
    ");
    let call = project.kpi(&["run", "--defer", "--state", "nowhere"]).expect(2);
    assert_snapshot!(said(&project, &call), @r#"
    Runtime Error [K0726]
      Could not find manifest in --state path: "nowhere"
      hint: deferral needs the manifest.json that a run in the other environment wrote
    "#);
    // Where nothing is to be done, nothing is missing.
    project.kpi(&["run", "-s", "none", "--defer"]).expect(0);
    project.kpi(&["ls", "--defer"]).expect(0);
}

#[test]
fn deferral_can_be_set_by_the_environment() {
    let project = project(&[]);
    let environment = [("DBT_DEFER", "true"), ("DBT_STATE", "state")];
    project.kpi_with(&environment, &["run", "-s", "report"]).expect(0);
    assert_eq!(project.query("select made_in from dev.report"), ["prod"]);
}
