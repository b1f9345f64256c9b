//! `--dry-run`: what a run would do and read, while nothing changes.

use crate::support::{Call, Project};
use insta::assert_snapshot;
use std::collections::BTreeMap;

fn shop() -> Project {
    Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: [create table if not exists hooked (n int)]\n\
             on-run-end: [insert into hooked values (1)]\n",
        ),
        ("seeds/raw_orders.csv", "id,customer,amount\n1,Ana,10.5\n2,Bruno,20\n3,Ana,7\n"),
        ("models/stg_orders.sql", "select * from {{ ref('raw_orders') }}"),
        (
            "models/unnamed.sql",
            "{{ config(materialized='ephemeral') }} select customer, amount from {{ ref('stg_orders') }}",
        ),
        (
            "models/revenue.sql",
            "{{ config(materialized='table', pre_hook='create table if not exists before_revenue (n int)') }}\n\
             select customer, sum(amount) as revenue from {{ ref('unnamed') }} group by 1",
        ),
        (
            "models/daily.sql",
            "{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}\n\
             select * from {{ ref('stg_orders') }}\n\
             {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
        ),
        (
            "models/schema.yml",
            "models:\n- name: revenue\n  columns: [{name: customer, data_tests: [unique]}]\n\
             unit_tests:\n- name: sums\n  model: revenue\n  given: [{input: ref('unnamed'), format: sql, rows: \"select 'A' as customer, 1 as amount\"}]\n\
             \x20 expect: {rows: [{customer: A, revenue: 1}]}\n",
        ),
        (
            "snapshots/history.yml",
            "snapshots: [{name: history, relation: ref('revenue'), config: {strategy: check, check_cols: all, unique_key: \
             customer}}]\n",
        ),
    ])
}

/// Every file of the project but the log, with its content.
fn files(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![project.root().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_none_or(|kind| kind != "log") {
                let name = entry.strip_prefix(project.root()).expect("inside").display().to_string();
                found.insert(name, std::fs::read(&entry).expect("a file"));
            }
        }
    }
    found
}

/// What is on stdout of a call that changes no file.
#[track_caller]
fn dry(project: &Project, arguments: &[&str], code: i32) -> Call {
    let before = files(project);
    let call = project.kpi(arguments).expect(code);
    let after = files(project);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before == after, "a file has changed");
    call
}

#[test]
fn a_fresh_project_makes_not_even_a_database() {
    let shop = shop();
    let call = dry(&shop, &["build", "--dry-run"], 0);
    assert!(!shop.path("shop.duckdb").exists() && !shop.path("target").exists());
    assert_snapshot!(call.stdout);
}

#[test]
fn what_is_there_is_explained_and_stays_as_it_is() {
    let shop = shop();
    shop.kpi(&["build"]).expect(0);
    assert_snapshot!(dry(&shop, &["build", "--dry-run"], 0).stdout);
    assert_eq!(shop.query("select count(*) from hooked"), ["1"]);
    let full = dry(&shop, &["run", "--dry-run", "--full-refresh", "-s", "daily", "revenue"], 0);
    assert_snapshot!(full.stdout);
    // What was built is not what the project says any more.
    shop.write("models/daily.sql", "{{ config(materialized='incremental') }} select 1 as id");
    shop.write("seeds/more.csv", "id\n1\n");
    shop.write("models/late.sql", "{{ config(materialized='table') }} select * from {{ ref('more') }}");
    shop.write("models/later.sql", "select * from {{ ref('late') }}");
    assert_snapshot!(dry(&shop, &["build", "--dry-run", "-s", "daily", "more+"], 0).stdout);
    assert!(dry(&shop, &["test", "--dry-run", "-s", "more"], 0).stdout.contains("Nothing is selected"));
}

#[test]
fn machines_read_the_same() {
    let shop = shop();
    shop.kpi(&["seed"]).expect(0);
    let call = dry(&shop, &["run", "--dry-run", "--output", "json", "-s", "revenue", "stg_orders"], 0);
    assert_snapshot!(call.stdout);
    let call = dry(&shop, &["run", "--dry-run", "-s", "revenue", "--log-format", "json"], 0);
    let line = call.stdout.lines().find(|line| line.contains("In all")).expect("a line of the log");
    let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert!(event["data"]["msg"].as_str().is_some_and(|text| text.contains("model revenue")), "{event}");
}

#[test]
fn a_query_that_would_fail_fails_here() {
    let shop = shop();
    shop.kpi(&["build"]).expect(0);
    shop.write(
        "models/bad.sql",
        "{{ config(materialized='table') }}\nselect nothing from {{ ref('stg_orders') }}",
    );
    shop.write("models/worse.sql", "select {{ undefined_macro() }} as n");
    let call = dry(&shop, &["run", "--dry-run", "-s", "bad", "revenue"], 1);
    assert_snapshot!(call.stdout);
    assert!(
        dry(&shop, &["run", "--dry-run", "-s", "worse"], 1).stdout.contains("'undefined_macro' is undefined")
    );
}

#[test]
fn macros_that_change_something_are_kept_from_it() {
    let shop = shop();
    shop.kpi(&["build"]).expect(0);
    shop.write(
        "models/busy.sql",
        "{% if execute %}{% do run_query('create table made (n int)') %}{% endif %}\nselect 1 as n",
    );
    shop.write(
        "models/asking.sql",
        "{{ config(materialized='table') }}\n{% set n = run_query('select count(*) as n from ' ~ ref('raw_orders')).columns[0].values()[0] if execute else 0 %}\n\
         select {{ n }} as n from {{ ref('raw_orders') }}",
    );
    assert_snapshot!(dry(&shop, &["run", "--dry-run", "-s", "busy", "asking"], 0).stdout);
}

#[test]
fn what_only_runs_cannot_be_told() {
    let shop = shop();
    shop.kpi(&["seed"]).expect(0);
    shop.write("models/learned.py", "def model(dbt, session):\n    return dbt.ref('raw_orders')\n");
    shop.write(
        "models/events.sql",
        "{{ config(materialized='table', event_time='day') }} select 1 as id, timestamp '2025-01-01 05:00' as day",
    );
    shop.write(
        "models/by_day.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day', \
         begin='2025-01-01') }} select * from {{ ref('events') }}",
    );
    shop.kpi(&["run", "-s", "events"]).expect(0);
    let call = dry(
        &shop,
        &[
            "run",
            "--dry-run",
            "-s",
            "learned",
            "by_day",
            "--event-time-start",
            "2025-01-01",
            "--event-time-end",
            "2025-01-04",
        ],
        0,
    );
    assert_snapshot!(call.stdout);
}

#[test]
fn another_environment_can_be_read() {
    let shop = shop();
    shop.write(
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, schema: dev}\n    \
         prod: {type: duckdb, path: shop.duckdb, schema: prod}\n",
    );
    shop.kpi(&["build", "--target", "prod"]).expect(0);
    std::fs::rename(shop.path("target"), shop.path("state")).expect("a folder");
    let alone = dry(&shop, &["run", "--dry-run", "-s", "daily"], 0);
    let deferred = dry(&shop, &["run", "--dry-run", "-s", "daily", "--defer", "--state", "state"], 0);
    assert_snapshot!(format!("{}\n{}", alone.stdout, deferred.stdout));
    assert!(
        shop.query("select schema_name from information_schema.schemata where schema_name = 'dev'")
            .is_empty()
    );
}

#[test]
fn calls_that_mean_nothing_are_refused() {
    let shop = shop();
    let output = dry(&shop, &["run", "--output", "json"], 2);
    let detail = dry(&shop, &["run", "--cost", "much"], 2);
    assert_snapshot!(format!("{}\n{}", output.stderr.trim_end(), detail.stderr.trim_end()));
    let call = shop.kpi_with(&[("KPI_COST", "much")], &["run"]).expect(2);
    assert!(call.stderr.contains("'much' is no detail of --cost"), "{}", call.stderr);
}

#[test]
fn nothing_is_told_of_cost_where_there_is_none() {
    let shop = shop();
    let call = shop.kpi(&["build", "--cost", "full"]).expect(0);
    assert!(!call.text().contains("Cost"), "{}", call.text());
    assert!(!shop.path("target/cost.json").exists());
    for result in shop.json("target/run_results.json")["results"].as_array().expect("results") {
        assert!(result["adapter_response"].get("statements").is_none(), "{result}");
    }
}
