//! `kpi migrate`: what will differ, and the native form, which builds the same.

use crate::support::Project;
use serde_json::json;

const PROJECT: &str = r#"
name: shop
version: '1.0'
config-version: 2
profile: shop
model-paths: ["models"]
data-paths: ["data"]
vars:
  limit: 2
  day: 2024-01-31
  shop: {label: 'so "so"'}
models:
  shop:
    +materialized: table
    staging:
      +schema: "{{ var('nothing', 'stage') }}"
      +tags: [a, "b c"]
      +alias: null
seeds: {+quote_columns: false}
on-run-start: "create table if not exists seen (id int)"
on-run-end:
  - "insert into seen select {{ var('limit') }}"
dispatch:
  - macro_namespace: dbt
    search_order: [shop, dbt]
flags: {send_anonymous_usage_stats: false}
dbt-cloud: {project-id: 7}
"#;

fn shop() -> Project {
    Project::dbt(&[
        ("dbt_project.yml", PROJECT),
        (
            "profiles.yml",
            "shop:\n  target: \"{{ env_var('TARGET', 'dev') }}\"\n  outputs:\n    dev:\n      type: duckdb\n      path: \
             shop.duckdb\n      threads: 2\n      settings: {timezone: UTC}\n    other: {type: duckdb, path: \"{{ \
             env_var('DBT_ENV_SECRET_PATH', 'x.duckdb') }}\"}\n",
        ),
        (
            "selectors.yml",
            "selectors:\n  - name: stage\n    default: false\n    definition: {method: path, value: models/staging}\n",
        ),
        ("data/raw.csv", "id,name\n1,a\n2,b\n3,c\n"),
        (
            "models/staging/stg.sql",
            "select id, name, '{{ var('label') }}' as label from {{ ref('raw') }} where id <= {{ var('limit') }}",
        ),
        (
            "models/mart.sql",
            "select count(*) as n, '{{ var('day') }}' as day, max(label) as label from {{ ref('stg') }}",
        ),
        ("macros/m.sql", "{% macro default__concat(fields) %}{{ fields | join(' || ') }}{% endmacro %}"),
    ])
}

const RESULT: &str = "select table_schema || '.' || table_name, (select n || day || label from mart), (select count(*) from \
                      seen) from information_schema.tables order by 1";

#[test]
fn the_native_form_builds_the_same() {
    let project = shop();
    project.kpi(&["build"]).expect(0);
    let before = (
        project.statuses(),
        project.query(RESULT),
        project.kpi(&["ls", "--selector", "stage"]).expect(0).stdout,
    );
    project.kpi(&["migrate", "--to-toml"]).expect(0);
    insta::assert_snapshot!(project.read("kpi.toml"));
    for file in ["dbt_project.yml", "profiles.yml", "selectors.yml", "shop.duckdb"] {
        std::fs::remove_file(project.path(file)).expect("a file");
    }
    project.kpi(&["build"]).expect(0);
    let after = (
        project.statuses(),
        project.query(RESULT),
        project.kpi(&["ls", "--selector", "stage"]).expect(0).stdout,
    );
    assert_eq!(before, after);
}

#[test]
fn a_file_that_is_there_is_written_over_only_by_force() {
    let project = shop();
    project.write("kpi.toml", "mine");
    let call = project.kpi(&["migrate", "--to-toml"]).expect(2);
    assert!(
        call.stderr.contains("is there already") && call.stderr.contains("--force writes it anew"),
        "{}",
        call.stderr
    );
    assert_eq!(project.read("kpi.toml"), "mine");
    project.kpi(&["migrate", "--to-toml", "--force"]).expect(0);
    assert!(project.read("kpi.toml").contains("[project]"));
    for file in ["dbt_project.yml", "profiles.yml"] {
        std::fs::remove_file(project.path(file)).expect("a file");
    }
    let call = project.kpi(&["migrate"]).expect(2);
    assert!(call.stderr.contains("is a native one already"), "{}", call.stderr);
}

#[test]
fn what_will_differ_is_told_with_file_and_line() {
    let project = shop();
    project.write("models/py.py", "def model(dbt, session):\n    return dbt.ref('raw')\n");
    let told = project.kpi(&["migrate"]).expect(0).stdout;
    insta::assert_snapshot!(told);
    // What keeps it from running.
    project.write("models/bad.sql", "select 1\n\n\nunion all {{ ref( }}\n");
    let call = project.kpi(&["migrate", "--output", "json"]).expect(1);
    let found: serde_json::Value = serde_json::from_str(&call.stdout).expect("JSON");
    assert_eq!((&found["runs_unchanged"], &found["errors"]), (&json!(false), &json!(1)));
    let error = found["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .find(|f| f["severity"] == "error")
        .expect("it");
    assert_eq!((&error["file"], &error["line"]), (&json!("models/bad.sql"), &json!(4)));
    project.write("profiles.yml", "shop: {target: dev, outputs: {dev: {type: bigquery}}}\n");
    std::fs::remove_file(project.path("models/bad.sql")).expect("a file");
    let call = project.kpi(&["migrate"]).expect(1);
    assert!(call.stdout.contains("bigquery") && call.stdout.contains("1 thing to mend"), "{}", call.stdout);
}
