//! Suites of expectations in a project: what they are about, their parameters, and how their tests are configured.

use crate::support::Project;
use serde_json::{Value as Json, json};

/// A project whose model `kpis` has 4 rows, one of them null, two above 100.
fn kpis(more: &[(&str, &str)]) -> Project {
    let mut files = vec![
        ("seeds/raw.csv", "id,rate\n1,50\n2,104.5\n3,\n4,250\n"),
        ("models/kpis.sql", "select id, rate from {{ ref('raw') }}"),
    ];
    files.extend_from_slice(more);
    Project::new(&files)
}

/// Status, failures and message of each test by its name.
fn test_results(project: &Project) -> String {
    let results = project.json("target/run_results.json");
    let mut lines: Vec<String> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter(|r| r["unique_id"].as_str().is_some_and(|id| id.starts_with("test.")))
        .map(|r| {
            let name = r["unique_id"].as_str().and_then(|id| id.split('.').nth(2)).unwrap_or_default();
            let message = r["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
            format!("{name}: {} {} {message}", r["status"].as_str().unwrap_or_default(), r["failures"])
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn suite(name: &str, meta: Json, expectations: Json) -> String {
    json!({"name": name, "meta": {"kpi": meta}, "expectations": expectations}).to_string()
}

#[test]
fn a_suite_is_about_a_query() {
    let query = "select rate from {{ ref('kpis') }} where id > 1;";
    let text = suite(
        "high",
        json!({"query": query}),
        json!([
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rate", "max_value": 200}},
            {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}},
            {"type": "unexpected_rows_expectation",
             "kwargs": {"unexpected_rows_query": "select * from {batch} where rate > 104"}}
        ]),
    );
    let project = kpis(&[("expectations/high.json", &text)]);
    project.kpi(&["build"]).expect(1);
    insta::assert_snapshot!(test_results(&project), @r"
    high_between_rate: fail 1 1 of 2 values of rate outside (-∞, 200]: 250.0
    high_no_rows: fail 2 the query found 2 rows
    high_row_count: pass 0
    ");
    let validation = project.json("target/expectations/high.json");
    assert_eq!(validation["statistics"]["evaluated_expectations"], 3);
    // What the query reads is built before.
    let manifest = project.json("target/manifest.json");
    let test =
        &manifest["nodes"].as_object().expect("nodes").iter().find(|(id, _)| id.contains("high_row_count"));
    assert_eq!(test.expect("the test").1["depends_on"]["nodes"], json!(["model.shop.kpis"]));
}

#[test]
fn a_query_that_refers_to_nothing_there_is_refused() {
    let text = suite(
        "high",
        json!({"query": "select * from {{ ref('kpi') }}"}),
        json!([
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}}]),
    );
    let project = kpis(&[("expectations/high.json", &text)]);
    let call = project.kpi(&["parse"]).expect(2);
    let wanted =
        "the query of the suite 'high' refers to 'kpi', and there is no model, seed or snapshot of that name";
    assert!(call.text().contains(wanted) && call.text().contains("did you mean 'kpis'?"), "{}", call.text());
    let text = suite("high", json!({"source": "crm.leads"}), json!([]));
    let sources = "sources:\n  - {name: crm, tables: [{name: lead}]}\n";
    let call =
        kpis(&[("expectations/high.json", &text), ("models/sources.yml", sources)]).kpi(&["parse"]).expect(2);
    assert!(
        call.text().contains("is about the source crm.leads, and there is none of that name"),
        "{}",
        call.text()
    );
    assert!(call.text().contains("did you mean 'crm.lead'?"), "{}", call.text());
}

#[test]
fn a_model_names_its_suites() {
    let expectations = json!([{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]);
    let keys = suite("keys", json!({}), expectations.clone());
    let elsewhere = suite("elsewhere", json!({}), expectations);
    let project = kpis(&[
        ("expectations/shared/keys.json", &keys),
        ("checks/more.json", &elsewhere),
        (
            "models/schema.yml",
            "models:
  - name: kpis
    config: {expectation_suites: [keys, checks/more.json]}
seeds:
  - name: raw
    config: {expectation_suite: keys}
",
        ),
    ]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(test_results(&project), @r"
    elsewhere_not_null_id: pass 0
    keys_kpis_not_null_id: pass 0
    keys_raw_not_null_id: pass 0
    ");
}

#[test]
fn a_suite_that_a_model_names_must_be_there() {
    let keys = suite("keys", json!({"model": "kpis"}), json!([]));
    let texts = ["keyz", "checks/no_such.json"].map(|name| {
        let properties = format!("models:\n  - name: kpis\n    config: {{expectation_suite: {name}}}\n");
        let project = kpis(&[("expectations/keys.json", &keys), ("models/schema.yml", &properties)]);
        let text = project.kpi(&["parse"]).expect(2).text();
        let from = text.find("Parsing Error").unwrap_or_default();
        text.get(from..).unwrap_or_default().trim().to_owned()
    });
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn kpi_toml_says_where_suites_lie() {
    let toml = crate::support::KPI_TOML.replace(
        "version = \"1.0\"",
        "version = \"1.0\"\nexpectation_paths = [\"gx/expectations\", \"one.yml\"]",
    );
    let project = kpis(&[
        ("kpi.toml", &toml),
        (
            "gx/expectations/kpis.json",
            &suite(
                "kpis",
                json!({}),
                json!([
            {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 4}}]),
            ),
        ),
        (
            "one.yml",
            "name: raw\nexpectations:\n  - {type: expect_table_row_count_to_equal, kwargs: {value: 4}}\n",
        ),
    ]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(test_results(&project), @r"
    kpis_row_count: pass 0
    raw_row_count: pass 0
    ");
}

#[test]
fn parameters_have_values_from_the_suite_or_the_project() {
    let text = json!({
        "expectation_suite_name": "kpis", "evaluation_parameters": {"least": 0, "rows": 2},
        "meta": {}, "expectations": [
            {"expectation_type": "expect_column_values_to_be_between", "kwargs": {"column": "rate",
                "min_value": {"$PARAMETER": "least"}, "max_value": {"$PARAMETER": "top * 2"}}},
            {"expectation_type": "expect_table_row_count_to_equal",
                "kwargs": {"value": {"$PARAMETER": "rows + 2"}}},
            {"expectation_type": "expect_column_max_to_be_between",
                "kwargs": {"column": "id", "max_value": {"$PARAMETER": "unheard_of"}}}
        ]
    });
    let project = kpis(&[("expectations/kpis.json", &text.to_string())]);
    let call = project.kpi(&["build", "--vars", "{top: 100}"]).expect(1);
    assert!(call.text().contains("the parameter 'unheard_of' has no value in this run"), "{}", call.text());
    let results = test_results(&project);
    assert!(results.contains("1 of 3 values of rate outside [0, 200]: 250.0"), "{results}");
    assert!(results.contains("kpis_row_count: pass"), "{results}");
    let validation = project.json("target/expectations/kpis.json");
    let between = &validation["results"][0]["expectation_config"]["kwargs"];
    assert_eq!((&between["min_value"], &between["max_value"]), (&json!(0.0), &json!(200.0)));
    // What a parameter brings is checked like what is written.
    let call = project.kpi(&["parse", "--vars", "{top: abc, rows: x}"]).expect(2);
    assert!(call.text().contains("'value': the parameter 'rows' is \"x\""), "{}", call.text());
}

#[test]
fn configs_of_every_test_are_those_of_expectations() {
    let properties = "models:
  - name: kpis
    columns:
      - name: rate
        data_tests:
          - between: {max_value: 100, name: warned, config: {severity: warn}}
          - between: {max_value: 100, name: below, config: {error_if: '> 2', warn_if: '> 1'}}
          - between: {max_value: 100, name: above, config: {error_if: '> 1'}}
          - between: {max_value: 100, name: calculated, config: {fail_calc: 'max(id)', severity: warn}}
          - between: {max_value: 100, name: limited, config: {limit: 1, severity: warn}}
          - between: {max_value: 100, name: chosen, config: {where: 'id < 2'}}
          - mean_between: {max_value: 100, name: as_a_whole, config: {error_if: '> 1', severity: error}}
";
    let project = kpis(&[("models/schema.yml", properties)]);
    project.kpi(&["build"]).expect(1);
    insta::assert_snapshot!(test_results(&project));
}

#[test]
fn the_result_format_of_a_run_is_that_of_expectations_without_one() {
    let text = suite(
        "kpis",
        json!({}),
        json!([
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rate", "max_value": 100}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "rate", "result_format": "BOOLEAN_ONLY"}}
        ]),
    );
    let project = kpis(&[("expectations/kpis.json", &text)]);
    let format = "{result_format: COMPLETE, unexpected_index_column_names: [id]}";
    project.kpi(&["build", "--result-format", format]).expect(1);
    let validation = project.json("target/expectations/kpis.json");
    assert_eq!(
        validation["results"][0]["result"]["unexpected_index_list"],
        json!([{"id": 2, "rate": 104.5}, {"id": 4, "rate": 250.0}])
    );
    assert_eq!(validation["results"][1]["result"], json!({}));
    project.kpi_with(&[("KPI_RESULT_FORMAT", "BASIC")], &["test"]).expect(1);
    let validation = project.json("target/expectations/kpis.json");
    assert!(validation["results"][0]["result"].get("partial_unexpected_counts").is_none());
    let wrong = project.kpi(&["test", "--result-format", "ALL"]).expect(2).stderr;
    insta::assert_snapshot!(wrong.get(wrong.find("Error:").unwrap_or_default()..).unwrap_or_default().trim(), @r"
    Error: 'ALL' is no result format: BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE [K0017]
      hint: --result-format COMPLETE, or '{result_format: COMPLETE, unexpected_index_column_names: [id]}'
    ");
}

#[test]
fn show_gives_the_rows_that_break_an_expectation() {
    let properties = "models:
  - name: kpis
    columns:
      - name: rate
        data_tests:
          - between: {max_value: 100, name: rate_ok}
          - mean_between: {max_value: 100, name: mean_ok}
";
    let project = kpis(&[("models/schema.yml", properties)]);
    let call = project.kpi(&["build"]).expect(1);
    assert!(call.text().contains("the rest: kpi show --select rate_ok --limit -1"), "{}", call.text());
    let shown = project.kpi(&["show", "--select", "rate_ok", "--limit", "-1"]).expect(0);
    insta::assert_snapshot!(shown.stdout.trim(), @r"
    Previewing node 'rate_ok':
    | id |  rate |
    | -- | ----- |
    |  2 | 104.5 |
    |  4 | 250.0 |
    ");
    let shown = project.kpi(&["show", "--select", "mean_ok"]).expect(0);
    insta::assert_snapshot!(shown.stdout.trim(), @r"
    Previewing node 'mean_ok':
    | success | observed_value     | reason                                                    |
    | ------- | ------------------ | --------------------------------------------------------- |
    |   False | 134.83333333333334 | the mean of rate is 134.83333333333334, outside (-∞, 100] |
    ");
}

#[test]
fn both_layouts_of_a_suite_have_the_same_results() {
    let expectations = [
        (
            "expect_column_values_to_be_between",
            json!({"column": "rate", "min_value": 0, "max_value": 100, "mostly": 0.5}),
        ),
        ("expect_column_values_to_not_be_null", json!({"column": "rate"})),
        (
            "expect_column_values_to_be_in_set",
            json!({"column": "id", "value_set": [1, 2, 3],
            "row_condition": "col(\"rate\").notNull()", "condition_parser": "great_expectations"}),
        ),
        ("expect_column_mean_to_be_between", json!({"column": "rate", "max_value": 100})),
        (
            "expect_column_quantile_values_to_be_between",
            json!({"column": "rate", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 200]]}}),
        ),
        ("expect_column_distinct_values_to_equal_set", json!({"column": "id", "value_set": [1, 2, 3, 5]})),
        ("expect_compound_columns_to_be_unique", json!({"column_list": ["id", "rate"]})),
        ("expect_table_columns_to_match_ordered_list", json!({"column_list": ["rate", "id"]})),
        ("expect_table_row_count_to_equal", json!({"value": 4})),
    ];
    let newer: Vec<Json> = expectations
        .iter()
        .map(|(name, kwargs)| json!({"type": name, "kwargs": kwargs, "meta": {}}))
        .collect();
    let older: Vec<Json> = expectations
        .iter()
        .map(|(name, kwargs)| json!({"expectation_type": name, "kwargs": kwargs, "meta": {}}))
        .collect();
    let newer = json!({"name": "newer", "meta": {"kpi": {"model": "kpis"}}, "expectations": newer});
    let older = json!({"expectation_suite_name": "older", "ge_cloud_id": null, "data_asset_type": null,
        "meta": {"kpi": {"model": "kpis"}}, "expectations": older});
    let project = kpis(&[
        ("expectations/newer.json", &newer.to_string()),
        ("expectations/older.json", &older.to_string()),
    ]);
    project.kpi(&["build", "--result-format", "COMPLETE"]).expect(1);
    let results = |suite: &str| project.json(&format!("target/expectations/{suite}.json"))["results"].clone();
    assert_eq!(results("newer").as_array().map(Vec::len), Some(expectations.len()));
    assert_eq!(results("newer"), results("older"));
    let met: Vec<bool> =
        results("newer").as_array().expect("results").iter().map(|r| r["success"] == true).collect();
    assert_eq!(met, [false, false, false, false, true, false, true, false, true]);
}
