//! Rows that break an expectation and leave the model's table for its quarantine, as a user sees it.

use crate::support::Project;
use serde_json::Value as Json;

const PROPERTIES: &str = "models:
  - name: leads
    columns:
      - name: id
        data_tests:
          - unique: {on_failure: quarantine}
      - name: value
        data_tests:
          - between: {min_value: 0, max_value: 1000, on_failure: quarantine}
          - not_null: {config: {on_failure: quarantine}}
";

/// A model `leads` over a seed, a mart behind it, and these files.
fn leads(config: &str, rows: &str, more: &[(&str, &str)]) -> Project {
    let model = format!("{{{{ config({config}) }}}} select * from {{{{ ref('raw') }}}}");
    let seed = format!("id,value\n{rows}");
    let mut files = vec![
        ("seeds/raw.csv", seed.as_str()),
        ("models/leads.sql", model.as_str()),
        ("models/mart.sql", "select count(*) as n, sum(value) as total from {{ ref('leads') }}"),
    ];
    files.extend_from_slice(more);
    Project::new(&files)
}

/// The rows of a query, a line each.
fn rows(project: &Project, sql: &str) -> String {
    let shown = project.kpi(&["show", "--inline", sql, "--output", "json", "--limit", "-1"]).expect(0);
    let shown: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    let lines = shown["show"].as_array().expect("rows").iter().map(|row| {
        let cells = row.as_object().expect("a row").values().map(|cell| match cell {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        });
        cells.collect::<Vec<_>>().join(" | ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

const QUARANTINE: &str =
    "select id, value, quarantine_reasons from main.leads__quarantine order by id, value";

#[test]
fn rows_that_break_an_expectation_go_into_quarantine_with_their_reasons() {
    let project = leads(
        "materialized='table'",
        "1,10\n2,-5\n3,\n4,5000\n5,20\n5,-1\n",
        &[("models/schema.yml", PROPERTIES)],
    );
    let call = project.kpi(&["build"]).expect(0);
    assert!(call.text().contains("leads: 5 rows put into main.leads__quarantine"), "{}", call.text());
    assert!(
        call.text().contains(
            "3 of 5 values of value outside [0, 1000]: -5, 5000, -1; 3 rows put into main.leads__quarantine"
        ),
        "{}",
        call.text()
    );
    // Of how many rows, the table that is left does not tell.
    assert!(call.text().contains(": 3 failing\n"), "{}", call.text());
    insta::assert_snapshot!(rows(&project, QUARANTINE), @r"
    2 | -5 | value outside [0, 1000]
    3 | null | value is null
    4 | 5000 | value outside [0, 1000]
    5 | -1 | id occurs more than once; value outside [0, 1000]
    5 | 20 | id occurs more than once
    ");
    assert_eq!(rows(&project, "select * from main.leads"), "1 | 10");
    // What needs the model is built from the rows that stay.
    assert_eq!(rows(&project, "select * from main.mart"), "1 | 10");
    let results = project.json("target/run_results.json");
    let of = |id: &str| {
        let results = results["results"].as_array().expect("results");
        results.iter().find(|r| r["unique_id"].as_str().is_some_and(|u| u.starts_with(id))).expect(id).clone()
    };
    assert_eq!(of("model.shop.leads")["adapter_response"]["rows_quarantined"], 5);
    let between = of("test.shop.between_leads_value");
    assert_eq!((&between["status"], &between["failures"]), (&Json::from("warn"), &Json::from(3)));
    let validation = project.json("target/expectations/leads.json");
    assert_eq!(validation["statistics"]["unsuccessful_expectations"], 3);
    // The tests alone find a clean table.
    project.kpi(&["test", "--warn-error"]).expect(0);
}

#[test]
fn the_quarantine_is_as_new_as_its_table() {
    let project = leads("materialized='table'", "1,10\n2,-5\n", &[("models/schema.yml", PROPERTIES)]);
    // Whether tests are asked for or not: what is in a table does not hang on that.
    project.kpi(&["seed"]).expect(0);
    project.kpi(&["run"]).expect(0);
    assert_eq!(rows(&project, QUARANTINE), "2 | -5 | value outside [0, 1000]");
    project.write("seeds/raw.csv", "id,value\n1,10\n2,5\n");
    project.kpi(&["build"]).expect(0);
    assert_eq!(rows(&project, QUARANTINE), "");
    assert_eq!(rows(&project, "select count(*) from main.leads"), "2");
}

#[test]
fn an_incremental_model_adds_to_its_quarantine() {
    let config = "materialized='incremental', unique_key='id'";
    let project = leads(config, "1,10\n2,-5\n3,7000\n", &[("models/schema.yml", PROPERTIES)]);
    project.kpi(&["build"]).expect(0);
    // Row 2 comes again and is right now, row 3 is wrong again, row 4 is new.
    project.write("seeds/raw.csv", "id,value\n2,5\n3,8000\n4,-1\n");
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(rows(&project, QUARANTINE), @r"
    3 | 8000 | value outside [0, 1000]
    4 | -1 | value outside [0, 1000]
    ");
    assert_eq!(rows(&project, "select * from main.leads order by id"), "1 | 10\n2 | 5");
    project.kpi(&["build", "--full-refresh"]).expect(0);
    assert_eq!(rows(&project, "select * from main.leads order by id"), "2 | 5");
    assert_eq!(rows(&project, "select count(*) from main.leads__quarantine"), "2");
}

#[test]
fn a_build_that_fails_leaves_both_tables_as_they_were() {
    let project = leads(
        "materialized='table', post_hook=\"{{ 'select * from no_such' if var('broken', false) else 'select 1' }}\"",
        "1,10\n2,-5\n",
        &[("models/schema.yml", PROPERTIES)],
    );
    project.kpi(&["build"]).expect(0);
    project.write("seeds/raw.csv", "id,value\n1,-10\n2,5\n");
    project.kpi(&["build", "--vars", "{broken: true}"]).expect(1);
    assert_eq!(rows(&project, "select * from main.leads"), "1 | 10");
    assert_eq!(rows(&project, QUARANTINE), "2 | -5 | value outside [0, 1000]");
}

#[test]
fn mostly_says_how_much_may_go() {
    let properties = "models:
  - name: leads
    columns:
      - name: value
        data_tests:
          - between: {min_value: 0, mostly: MOSTLY, on_failure: quarantine}
";
    for (mostly, code) in [("0.5", 0), ("0.9", 1)] {
        let properties = properties.replace("MOSTLY", mostly);
        let project =
            leads("materialized='table'", "1,10\n2,-5\n3,5\n", &[("models/schema.yml", &properties)]);
        project.kpi(&["build"]).expect(code);
        assert_eq!(rows(&project, "select id from main.leads order by id"), "1\n3");
    }
}

#[test]
fn a_suite_puts_rows_into_quarantine_and_fails_for_the_rest() {
    let suite = r#"{"name": "leads", "meta": {"kpi": {"on_failure": "quarantine"}}, "expectations": [
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "value", "min_value": 0}},
  {"type": "expect_column_values_to_be_json_parseable", "kwargs": {"column": "note"}},
  {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id", "row_condition": "col(\"id\") > 0", "condition_parser": "great_expectations"}},
  {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}]}"#;
    let project = Project::new(&[
        (
            "models/leads.sql",
            "{{ config(materialized='table') }} select * from (values (1, 5, '{}'), (3, -5, '[]'), (2, 6, '1'), (4, 7, 'x')) as t(id, value, note)",
        ),
        ("expectations/leads.json", suite),
    ]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(rows(&project, "select id, quarantine_reasons from main.leads__quarantine order by id"), @r"
    2 | id below the value before
    3 | value outside [0, ∞)
    4 | note is no JSON
    ");
}

#[test]
fn what_cannot_be_put_into_quarantine_is_refused_with_its_place() {
    let properties = |test: &str| {
        format!(
            "models:\n  - name: leads\n    columns:\n      - name: value\n        data_tests:\n          - {test}\n"
        )
    };
    let table = "materialized='table'";
    let cases = [
        (table, properties("mean_between: {max_value: 1, on_failure: quarantine}")),
        (table, properties("between: {max_value: 1, on_failure: quarantin}")),
        ("materialized='view'", properties("between: {max_value: 1, on_failure: quarantine}")),
        (table, "seeds:\n  - name: raw\n    columns:\n      - name: value\n        data_tests:\n          - between: {max_value: 1, on_failure: quarantine}\n".to_owned()),
        (table, "sources:\n  - name: crm\n    tables:\n      - name: leads\n        columns:\n          - name: value\n            data_tests:\n              - is_null: {on_failure: quarantine}\n".to_owned()),
    ];
    let texts: Vec<String> = cases
        .iter()
        .map(|(config, properties)| {
            let project = leads(config, "1,2\n", &[("models/schema.yml", properties)]);
            let text = project.kpi(&["parse"]).expect(2).text();
            text.lines().filter(|line| line.starts_with("  ")).collect::<Vec<_>>().join("\n")
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_materialization_of_the_project_says_that_it_has_no_quarantine() {
    let project = leads(
        "materialized='table'",
        "1,2\n",
        &[
            ("models/schema.yml", PROPERTIES),
            (
                "macros/table.sql",
                "{% materialization table, adapter='duckdb' %}{% call statement('main') %}create or replace table {{ this }} as {{ sql }}{% endcall %}{{ return({'relations': [this]}) }}{% endmaterialization %}",
            ),
        ],
    );
    let call = project.kpi(&["build"]).expect(1);
    assert!(
        call.text().contains("the materialization 'table' of this project puts no rows into quarantine"),
        "{}",
        call.text()
    );
}
