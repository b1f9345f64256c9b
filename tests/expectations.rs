//! Expectations judged by `kpi suite cases`: each family on small tables of its own.

use crate::support::Project;
use serde_json::{Value as Json, json};

/// Answers of cases on a table `t`, one line each: verdict, then the figures that tell most.
fn answers(columns: &Json, rows: &Json, cases: &[Json]) -> String {
    let cases: Vec<Json> = cases
        .iter()
        .enumerate()
        .map(|(i, case)| {
            let mut case = case.clone();
            case["id"] = json!(i.to_string());
            case["table"] = json!("t");
            case
        })
        .collect();
    let file = json!({"tables": {"t": {"columns": columns, "rows": rows}, "u": {"columns": [["n", "integer"]], "rows": [[1], [2]]}}, "cases": cases});
    let project = Project::bare(&[("cases.json", &file.to_string())]);
    let call = project.kpi(&["suite", "cases", "cases.json", "--output", "json"]).expect(0);
    let mut out = String::new();
    for (line, case) in call.stdout.lines().zip(&cases) {
        let answer: Json = serde_json::from_str(line).expect("JSON");
        let name = case["type"].as_str().unwrap_or_default().replace("expect_", "").replace("column_", "");
        out.push_str(&format!("{name} {}\n", case["kwargs"]));
        let verdict = match answer["success"].as_bool() {
            Some(true) => "met".to_owned(),
            Some(false) => "not met".to_owned(),
            None if answer["config_error"] == json!(true) => "refused".to_owned(),
            None => format!(
                "failed: {}",
                answer["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default()
            ),
        };
        let mut result = answer["result"].as_object().cloned().unwrap_or_default();
        let map_only = result.contains_key("element_count");
        result.retain(|key, _| {
            !map_only
                || matches!(
                    key.as_str(),
                    "unexpected_count"
                        | "unexpected_list"
                        | "partial_unexpected_list"
                        | "missing_count"
                        | "unexpected_percent"
                )
        });
        out.push_str(&format!("  {verdict} {}\n", Json::Object(result)));
    }
    assert_eq!(call.stdout.lines().count(), cases.len());
    out
}

fn case(name: &str, kwargs: Json) -> Json {
    json!({"type": format!("expect_{name}"), "kwargs": kwargs, "result_format": "BASIC"})
}

#[test]
fn rows_of_a_column() {
    let columns =
        json!([["id", "integer"], ["n", "integer"], ["s", "varchar"], ["x", "double"], ["d", "date"]]);
    let rows = json!([
        [1, 5, "ab", 1.0, "2024-01-01"],
        [2, 7, "é", "NaN", "2024-02-01"],
        [3, null, null, 3.5, null],
        [4, 5, "abc", "Infinity", "2023-12-31"],
        [5, -2, "", 1.0, "2024-02-01"]
    ]);
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            case("column_values_to_not_be_null", json!({"column": "n", "mostly": 0.8})),
            case("column_values_to_be_null", json!({"column": "n"})),
            case(
                "column_values_to_be_between",
                json!({"column": "n", "min_value": 0, "max_value": 7, "strict_max": true})
            ),
            case("column_values_to_be_between", json!({"column": "x", "max_value": 10})),
            case("column_values_to_be_between", json!({"column": "d", "min_value": "2024-01-01"})),
            case("column_values_to_be_between", json!({"column": "s", "min_value": 1})),
            case("column_values_to_be_in_set", json!({"column": "n", "value_set": [5, null]})),
            case(
                "column_values_to_not_be_in_set",
                json!({"column": "s", "value_set": ["x' or 1=1 --", "ab"]})
            ),
            case("column_values_to_be_unique", json!({"column": "n", "mostly": 0.5})),
            case(
                "column_value_lengths_to_be_between",
                json!({"column": "s", "min_value": 1, "max_value": 2})
            ),
            case("column_value_lengths_to_equal", json!({"column": "s", "value": 1})),
            case("column_values_to_match_regex", json!({"column": "s", "regex": "^a"})),
            case("column_values_to_match_regex", json!({"column": "s", "regex": "a(?i)b"})),
            case("column_values_to_not_match_regex_list", json!({"column": "s", "regex_list": ["^a", "é"]})),
            case("column_values_to_match_like_pattern", json!({"column": "s", "like_pattern": "a_"})),
            case(
                "column_values_to_match_like_pattern_list",
                json!({"column": "s", "like_pattern_list": ["a%", "%b%"], "match_on": "all"})
            ),
            case("column_values_to_be_increasing", json!({"column": "id", "strictly": true})),
            case("column_values_to_be_decreasing", json!({"column": "n"})),
            case(
                "column_value_z_scores_to_be_less_than",
                json!({"column": "n", "threshold": 1, "double_sided": true})
            ),
            case(
                "column_values_to_not_be_outliers",
                json!({"column": "n", "method": "std", "multiplier": 1})
            ),
            case("column_values_to_not_be_null", json!({"column": "nn"})),
        ]
    ));
}

#[test]
fn text_that_is_read() {
    let columns = json!([["s", "varchar"], ["n", "integer"]]);
    let rows = json!([["{\"a\": 1}", 1], ["[1,]", 2], ["2024-1-5", 3], ["5 Jan 2024", 4], [null, 5]]);
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            case("column_values_to_be_json_parseable", json!({"column": "s"})),
            case("column_values_to_be_dateutil_parseable", json!({"column": "s"})),
            case(
                "column_values_to_match_strftime_format",
                json!({"column": "s", "strftime_format": "%Y-%m-%d"})
            ),
            case("column_values_to_match_strftime_format", json!({"column": "n", "strftime_format": "%Y"})),
            case(
                "column_values_to_match_json_schema",
                json!({"column": "s", "json_schema": {"type": "object"}})
            ),
            case(
                "column_values_to_match_json_schema",
                json!({"column": "s", "json_schema": {"type": "object"},
            "row_condition": "col(\"n\") < 2", "condition_parser": "great_expectations"})
            ),
        ]
    ));
}

#[test]
fn figures_of_a_column() {
    let columns = json!([["n", "integer"], ["m", "decimal(8,2)"], ["d", "date"], ["e", "double"]]);
    let rows = json!([
        [1, "1.50", "2024-01-01", null],
        [2, "2.50", "2024-01-03", null],
        [2, null, null, null],
        [9, "7.00", "2024-05-01", null]
    ]);
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            case("column_max_to_be_between", json!({"column": "n", "max_value": 9, "strict_max": true})),
            case("column_min_to_be_between", json!({"column": "d", "min_value": "2024-01-01T00:00:00"})),
            case("column_mean_to_be_between", json!({"column": "n", "min_value": 3})),
            case("column_median_to_be_between", json!({"column": "n"})),
            case("column_median_to_be_between", json!({"column": "d", "min_value": "2024-01-01"})),
            case("column_sum_to_be_between", json!({"column": "m", "max_value": 11})),
            case("column_stdev_to_be_between", json!({"column": "n", "min_value": 10})),
            case("column_mean_to_be_between", json!({"column": "e"})),
            case(
                "column_unique_value_count_to_be_between",
                json!({"column": "n", "min_value": 3, "max_value": 3})
            ),
            case(
                "column_proportion_of_unique_values_to_be_between",
                json!({"column": "n", "min_value": 0.5})
            ),
            case(
                "column_proportion_of_non_null_values_to_be_between",
                json!({"column": "e", "min_value": 0.5})
            ),
            case(
                "column_quantile_values_to_be_between",
                json!({"column": "n", "quantile_ranges": {"quantiles": [0.5, 0.9], "value_ranges": [[2, 2], [null, 5]]}})
            ),
            case("column_max_to_be_between", json!({"column": "d", "min_value": 5})),
            case("column_distinct_values_to_be_in_set", json!({"column": "n", "value_set": [1, 2]})),
            case("column_distinct_values_to_contain_set", json!({"column": "n", "value_set": [1, 3]})),
            case("column_distinct_values_to_equal_set", json!({"column": "n", "value_set": [1, 2, 9]})),
            case("column_most_common_value_to_be_in_set", json!({"column": "n", "value_set": [2]})),
            case(
                "column_kl_divergence_to_be_less_than",
                json!({"column": "n", "partition_object": {"bins": [0, 2, 10], "weights": [0.5, 0.5]}, "threshold": 0.2})
            ),
            case(
                "column_kl_divergence_to_be_less_than",
                json!({"column": "n", "partition_object": {"values": [1, 2], "weights": [0.5, 0.5]}, "threshold": 0.2})
            ),
        ]
    ));
}

#[test]
fn several_columns_of_a_row() {
    let columns = json!([["a", "integer"], ["b", "integer"], ["c", "integer"]]);
    let rows = json!([[1, 1, 1], [2, 1, null], [null, null, null], [null, 3, 3], [1, 1, 2]]);
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            case("column_pair_values_to_be_equal", json!({"column_A": "a", "column_B": "b"})),
            case(
                "column_pair_values_to_be_equal",
                json!({"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"})
            ),
            case(
                "column_pair_values_a_to_be_greater_than_b",
                json!({"column_A": "a", "column_B": "b", "or_equal": true, "ignore_row_if": "neither"})
            ),
            case(
                "column_pair_values_to_be_in_set",
                json!({"column_A": "a", "column_B": "b", "value_pairs_set": [[1, 1], [null, 3]]})
            ),
            case("compound_columns_to_be_unique", json!({"column_list": ["a", "b"]})),
            case("select_column_values_to_be_unique_within_record", json!({"column_list": ["a", "b", "c"]})),
            case("multicolumn_sum_to_equal", json!({"column_list": ["a", "b", "c"], "sum_total": 3})),
            case(
                "multicolumn_values_to_be_equal",
                json!({"column_list": ["b", "c"], "ignore_row_if": "never"})
            ),
            case("multicolumn_values_to_be_equal", json!({"column_list": ["b"]})),
        ]
    ));
}

#[test]
fn tables_types_and_queries() {
    let columns = json!([["id", "integer"], ["amount", "decimal(8,2)"]]);
    let rows = json!([[1, "1.00"], [2, "2.00"], [3, null]]);
    let plain =
        |name: &str, kwargs: Json| json!({"type": name, "kwargs": kwargs, "result_format": "COMPLETE"});
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            case("table_row_count_to_be_between", json!({"min_value": 3, "max_value": 5})),
            case("table_row_count_to_equal", json!({"value": 4})),
            case("table_row_count_to_equal_other_table", json!({"other_table_name": "u"})),
            case("table_row_count_to_equal_other_table", json!({"other_table_name": "no_such"})),
            case("table_column_count_to_equal", json!({"value": 2})),
            case("table_column_count_to_be_between", json!({"min_value": 3})),
            case("table_columns_to_match_ordered_list", json!({"column_list": ["amount", "id"]})),
            case("table_columns_to_match_set", json!({"column_set": ["ID", "price"], "exact_match": false})),
            case("column_to_exist", json!({"column": "amount", "column_index": -1})),
            case("column_to_exist", json!({"column": "amuont"})),
            case("column_type_to_be", json!({"column": "amount", "type_": "numeric(8, 2)"})),
            case("column_values_to_be_of_type", json!({"column": "id", "type_": "BIGINT"})),
            case("column_values_to_be_in_type_list", json!({"column": "id", "type_list": ["BIGINT", "INT"]})),
            plain(
                "unexpected_rows_expectation",
                json!({"unexpected_rows_query": "select id from {batch} where amount > 1; "})
            ),
            plain(
                "expect_query_results_to_match_comparison",
                json!({"base_query": "select id from t",
            "comparison_data_source_name": "here", "comparison_query": "select n from u", "mostly": 0.5})
            ),
        ]
    ));
}

#[test]
fn conditions_choose_rows_and_wrong_ones_are_refused() {
    let columns = json!([["a", "integer"], ["s", "varchar"]]);
    let rows = json!([[1, "x"], [5, "y"], [null, "x"], [9, null]]);
    let on = |condition: Json| {
        case(
            "column_values_to_be_between",
            json!({"column": "a", "max_value": 4, "row_condition": condition}),
        )
    };
    let compare = |operator: &str, parameter: Json| json!({"type": "comparison", "column": {"name": "s"}, "operator": operator, "parameter": parameter});
    let missing = json!({"type": "nullity", "column": {"name": "s"}, "is_null": true});
    let or = json!({"type": "or", "conditions": [compare("==", json!("y")), missing]});
    insta::assert_snapshot!(answers(
        &columns,
        &rows,
        &[
            on(compare("==", json!("x"))),
            on(compare("NOT_IN", json!(["x"]))),
            on(compare("IN", json!([]))),
            on(or.clone()),
            on(json!({"type": "and", "conditions": [or.clone(), missing]})),
            on(json!({"type": "or", "conditions": [or, missing]})),
            on(compare("==", Json::Null)),
            on(compare("IN", json!(["x", 1]))),
            on(json!("a > 1")),
            case(
                "column_values_to_be_between",
                json!({"column": "a", "max_value": 4, "row_condition": "a > 1", "condition_parser": "great_expectations"})
            ),
        ]
    ));
}

#[test]
fn what_cannot_be_is_refused_before_any_query() {
    let columns = json!([["n", "integer"]]);
    let rows = json!([[1]]);
    let refused = [
        case("column_values_to_be_betwen", json!({"column": "n"})),
        case("column_values_to_be_between", json!({"column": "n"})),
        case("column_values_to_be_between", json!({"column": "n", "min_value": "abc"})),
        case("column_values_to_be_between", json!({"column": "n", "min_value": 1, "strict_min": null})),
        case("column_values_to_be_between", json!({"column": "n", "min_value": 1, "auto": false})),
        case("column_values_to_not_be_null", json!({"column": "n", "mostly": 1.5})),
        case("column_values_to_not_be_null", json!({"column": "n", "severity": "bad"})),
        case("column_values_to_be_in_set", json!({"column": "n", "value_set": "abc"})),
        case("table_row_count_to_be_between", json!({"min_value": 2, "max_value": 1})),
        case("column_values_to_match_strftime_format", json!({"column": "n", "strftime_format": "%Q"})),
        json!({"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select { from {batch}"}}),
    ];
    let text = answers(&columns, &rows, &refused);
    assert_eq!(text.matches("  refused").count(), refused.len(), "{text}");
    let accepted = answers(
        &columns,
        &rows,
        &[
            case(
                "column_values_to_be_between",
                json!({"column": "n", "min_value": "0.5", "strict_min": "yes", "mostly": "1"}),
            ),
            case("table_row_count_to_equal", json!({"value": 1.7})),
        ],
    );
    assert_eq!(accepted.matches("  met").count(), 2, "{accepted}");
}

#[test]
fn result_formats_say_more_or_less() {
    let columns = json!([["id", "integer"], ["n", "integer"]]);
    let rows: Vec<Json> = (0..30).map(|i| json!([i, i % 4])).collect();
    let ask = |format: Json| json!({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "n", "value_set": [0]}, "result_format": format});
    let cases: Vec<Json> = [
        json!("BOOLEAN_ONLY"),
        json!({"result_format": "SUMMARY", "partial_unexpected_count": 3}),
        json!({"result_format": "SUMMARY", "partial_unexpected_count": 0}),
        json!({"result_format": "COMPLETE", "unexpected_index_column_names": ["id"], "partial_unexpected_count": 2}),
        json!({"result_format": "COMPLETE", "unexpected_index_column_names": ["id"], "exclude_unexpected_values": true, "partial_unexpected_count": 2}),
        json!({"result_format": "BASIC", "include_unexpected_rows": true, "partial_unexpected_count": 1}),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, format)| {
        let mut case = ask(format);
        case["id"] = json!(i.to_string());
        case["table"] = json!("t");
        case
    })
    .collect();
    let file = json!({"tables": {"t": {"columns": columns, "rows": rows}}, "cases": cases});
    let project = Project::bare(&[("cases.json", &file.to_string())]);
    let call = project.kpi(&["suite", "cases", "cases.json", "--output", "json"]).expect(0);
    insta::assert_snapshot!(call.stdout);
}

#[test]
fn a_case_file_that_is_none_is_refused() {
    let project = Project::bare(&[
        ("broken.json", "{\n \"tables\": {},\n \"cases\": [}\n"),
        ("none.json", "{}"),
        ("type.json", r#"{"tables": {"t": {"columns": [["a", "blob"]], "rows": []}}, "cases": []}"#),
    ]);
    let texts: Vec<String> = ["broken.json", "none.json", "type.json", "missing.json"]
        .iter()
        .map(|file| project.kpi(&["suite", "cases", file]).expect(2).stderr)
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

/// Files of a project whose model `kpis` has 4 rows, one of them null, two above 100.
fn kpis(more: &[(&str, &str)]) -> Project {
    let mut files = vec![
        ("seeds/raw.csv", "id,rate\n1,50\n2,104.5\n3,\n4,250\n"),
        ("models/kpis.sql", "select id, rate from {{ ref('raw') }}"),
        ("models/mart.sql", "select * from {{ ref('kpis') }}"),
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
            let id = r["unique_id"].as_str().unwrap_or_default();
            let name = id.split('.').nth(2).unwrap_or_default();
            let message =
                r["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned();
            format!("{name}: {} {} {message}", r["status"].as_str().unwrap_or_default(), r["failures"])
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

const SUITE: &str = r#"{"name": "kpis_suite", "meta": {}, "expectations": [
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rate", "min_value": 0, "max_value": 100}, "severity": "critical"},
  {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
  {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "rate", "max_value": 100}, "severity": "info"}
]}"#;

#[test]
fn short_names_in_properties_are_tests_with_reasons() {
    let project = kpis(&[(
        "models/schema.yml",
        "models:
  - name: kpis
    columns:
      - name: id
        data_tests: [not_null, unique]
      - name: rate
        data_tests:
          - between: {min_value: 0, max_value: 100, severity: warning}
          - not_null: {mostly: 0.7}
          - expect_column_values_to_be_in_set: {value_set: [50], config: {where: id = 1}}
    data_tests:
      - row_count_between: {min_value: 1}
      - row_count_equals: {other_table_name: ref('raw')}
      - no_rows: {unexpected_rows_query: 'select id from {batch} where rate > 200', severity: warn}
",
    )]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(test_results(&project));
}

#[test]
fn a_suite_stands_between_a_model_and_what_needs_it() {
    let project = kpis(&[("expectations/kpis_suite.json", SUITE)]);
    let call = project.kpi(&["build"]).expect(1);
    assert!(call.text().contains("2 of 3 values of rate outside [0, 100]: 104.5, 250.0"), "{}", call.text());
    insta::assert_snapshot!(test_results(&project));
    let results = project.json("target/run_results.json");
    let mart =
        results["results"].as_array().expect("results").iter().find(|r| r["unique_id"] == "model.shop.mart");
    assert_eq!(mart.expect("the mart")["status"], "skipped");
    let validation = project.json("target/expectations/kpis_suite.json");
    assert_eq!(validation["suite_name"], "kpis_suite");
    assert_eq!(validation["statistics"]["unsuccessful_expectations"], 2);
    assert_eq!(validation["results"][0]["result"]["partial_unexpected_list"], json!([104.5, 250.0]));
}

#[test]
fn a_suite_before_1_0_is_read_as_it_is() {
    let project = kpis(&[(
        "expectations/old.json",
        r#"{"expectation_suite_name": "old", "data_asset_type": null, "ge_cloud_id": null,
 "meta": {"great_expectations_version": "0.18.22", "kpi": {"model": "kpis"}},
 "expectations": [{"expectation_type": "expect_column_values_to_be_between", "meta": {},
   "kwargs": {"column": "rate", "min_value": 0, "max_value": 300, "parse_strings_as_datetimes": true}}]}"#,
    )]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(test_results(&project));
}

#[test]
fn failing_rows_of_an_expectation_are_stored() {
    let project = kpis(&[(
        "models/schema.yml",
        "models:
  - name: kpis
    columns:
      - name: rate
        data_tests:
          - between: {min_value: 0, max_value: 100, name: rate_ok, config: {store_failures: true}}
",
    )]);
    project.kpi(&["build"]).expect(1);
    let shown = project
        .kpi(&[
            "show",
            "--inline",
            "select id from main_dbt_test__audit.rate_ok order by id",
            "--output",
            "json",
        ])
        .expect(0);
    assert!(shown.stdout.contains("\"id\": 2") && shown.stdout.contains("\"id\": 4"), "{}", shown.stdout);
}

#[test]
fn a_test_of_the_project_keeps_its_name() {
    let project = kpis(&[
        (
            "tests/generic/between.sql",
            "{% test between(model, column_name, low) %}select * from {{ model }} where {{ column_name }} < {{ low }}{% endtest %}",
        ),
        (
            "models/schema.yml",
            "models:
  - name: kpis
    columns:
      - name: rate
        data_tests:
          - between: {low: 10}
",
        ),
    ]);
    let call = project.kpi(&["build"]).expect(0);
    assert!(
        call.text().contains("the test 'between' is that of shop, and not the expectation of this name"),
        "{}",
        call.text()
    );
}

#[test]
fn wrong_suites_are_refused_with_their_place() {
    let texts: Vec<String> = [
        ("expectations/a.json", "{\"name\": \"kpis\", \"expectations\": [\n {\"type\": \"expect_column_values_to_be_betwen\", \"kwargs\": {\"column\": \"rate\"}},\n {\"type\": \"expect_column_values_to_be_between\",\n  \"kwargs\": {\"column\": \"rate\", \"min_valu\": 0, \"max_value\": 1}},\n {\"type\": \"expect_column_values_to_match_regex\", \"kwargs\": {\"column\": \"id\", \"regex\": \"(a\"}}]}"),
        ("expectations/b.json", "{\"name\": \"x\", \"meta\": {\"kpi\": {\"model\": \"kpi\"}}, \"expectations\": []}"),
        ("expectations/c.yml", "name: nothing\nexpectations: []\n"),
        ("expectations/d.yml", "name: kpis\nexpectaions: []\n"),
        ("models/schema.yml", "models:\n  - name: kpis\n    columns:\n      - name: rate\n        data_tests:\n          - between: {min_value: 9, mx_value: 1}\n"),
    ]
    .iter()
    .map(|(path, text)| {
        let call = kpis(&[(path, text)]).kpi(&["parse"]).expect(2);
        let text = call.text();
        text.lines().map(|line| line.split_once("  ").map_or(line, |(head, rest)| if head.contains(':') { rest } else { line })).collect::<Vec<_>>().join("\n")
    })
    .collect();
    insta::with_settings!({filters => vec![(r"\d\d:\d\d:\d\d", "[time]")]}, {
        insta::assert_snapshot!(texts.join("\n\n"));
    });
}

#[test]
fn not_null_and_unique_with_other_arguments_are_dbts() {
    let project = kpis(&[(
        "models/schema.yml",
        "models:
  - name: kpis
    columns:
      - name: id
        data_tests:
          - unique: {custom: x}
          - test_name: not_null
            wide: true
          - not_null: {arguments: {mostly: 0.5}, name: mostly_there}
",
    )]);
    project.kpi(&["parse"]).expect(0);
    // Its macro takes no such argument, which is found when the macro is called.
    let call = project.kpi(&["build"]).expect(1);
    assert!(call.text().contains("takes no keyword argument 'custom'"), "{}", call.text());
    assert!(call.text().contains("takes no keyword argument 'wide'"), "{}", call.text());
    assert!(test_results(&project).contains("mostly_there: pass"), "{}", test_results(&project));
}

#[test]
fn arguments_of_an_expectation_may_stand_under_arguments_whatever_the_flag_says() {
    for flag in ["true", "false"] {
        let project = Project::dbt(&[
            ("models/kpis.sql", "select 1 as id"),
            (
                "models/schema.yml",
                "models:
  - name: kpis
    columns:
      - name: id
        data_tests:
          - between: {arguments: {min_value: 1}}
",
            ),
            (
                "dbt_project.yml",
                &format!(
                    "name: shop\nversion: '1.0'\nprofile: shop\nflags:\n  require_generic_test_arguments_property: {flag}\n"
                ),
            ),
        ]);
        project.kpi(&["build"]).expect(0);
    }
}

#[test]
fn values_without_an_order_are_counted_without_a_panic() {
    let columns = json!([["id", "integer"], ["x", "double"], ["i", "integer"]]);
    // NaN and null have no place among numbers.
    let rows: Vec<Json> = (0..60)
        .map(|i| match i % 4 {
            0 => json!([i, "NaN", null]),
            1 => json!([i, (i * 37) % 17, i]),
            _ => json!([i, null, (i * 31) % 13]),
        })
        .collect();
    let format = json!({"result_format": "COMPLETE", "partial_unexpected_count": 60});
    let cases = [
        json!({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "x", "value_set": []}, "result_format": format}),
        json!({"type": "expect_column_pair_values_to_be_equal", "kwargs": {"column_A": "x", "column_B": "i"}, "result_format": format}),
        json!({"type": "expect_multicolumn_values_to_be_equal", "kwargs": {"column_list": ["x", "i", "id"]}, "result_format": format}),
        json!({"type": "expect_column_pair_values_to_be_in_set", "kwargs": {"column_A": "x", "column_B": "i", "value_pairs_set": [[1, 1]]}, "result_format": format}),
    ];
    let text = answers(&columns, &json!(rows), &cases);
    assert_eq!(text.matches("  not met").count(), cases.len(), "{text}");
}
