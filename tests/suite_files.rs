//! `kpi suite new`, `import`, `export`, `list` and `docs`: suites as files and as a page.

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

const PYTHON: &str = r#""""Suites of the KPIs."""
import great_expectations as gx

MAX_RATE = 100


def get_kpis_suite():
    return [
        {
            "expectation_type": "expect_column_values_to_be_between",
            "kwargs": {"column": "rate", "min_value": 0, "max_value": MAX_RATE, "auto": False},
            "meta": {"notes": "a rate in percent"},
        },
        gx.expectations.ExpectColumnValuesToNotBeNull(column="id", severity="warning"),
    ]
"#;

#[test]
fn a_python_file_is_imported_without_being_run() {
    let project = kpis(&[("kpis_suite.py", PYTHON)]);
    let call = project.kpi(&["suite", "import", "kpis_suite.py", "--model", "kpis"]).expect(0);
    assert_eq!(call.stdout.trim(), "expectations/kpis_suite.json");
    assert!(call.stderr.contains("keywords of former layouts are left out: auto"), "{}", call.stderr);
    insta::assert_snapshot!(project.read("expectations/kpis_suite.json"));
    project.kpi(&["build"]).expect(1);
    let again = project.kpi(&["suite", "import", "kpis_suite.py"]).expect(2);
    assert!(again.stderr.contains("expectations/kpis_suite.json is there already"), "{}", again.stderr);
    project.kpi(&["suite", "import", "kpis_suite.py", "--force"]).expect(0);
    let shown = project.kpi(&["suite", "import", "kpis_suite.py", "--stdout", "--name", "other"]).expect(0);
    let shown: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["name"], "other");
}

#[test]
fn a_python_file_that_would_have_to_be_run_is_refused() {
    let texts: Vec<String> = [
        ("a.py", "import os\n\ndef suite():\n    return [\n        {\"type\": \"expect_column_to_exist\",\n         \"kwargs\": {\"column\": os.environ[\"C\"]}},\n    ]\n"),
        ("b.py", "def suite():\n    return [{\"type\": \"expect_column_to_exits\", \"kwargs\": {\"column\": \"a\"}}]\n"),
        ("c.py", "X = [{\"expectation_type\": \"expect_column_to_exist\",\n      \"kwargs\": {\"column\": \"a\", \"colum\": 1}}]\n"),
        ("d.py", "print('hello')\n"),
        ("e.py", "def suite(:\n"),
    ]
    .iter()
    .map(|(path, text)| {
        let call = kpis(&[(path, text)]).kpi(&["suite", "import", path]).expect(2);
        let from = call.stderr.find("Parsing Error").unwrap_or_default();
        call.stderr.get(from..).unwrap_or_default().trim().to_owned()
    })
    .collect();
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn an_older_suite_is_imported_in_the_present_layout() {
    let old = json!({
        "expectation_suite_name": "kpis.daily", "data_asset_type": null, "ge_cloud_id": null,
        "evaluation_parameters": {"top": 100},
        "meta": {"great_expectations_version": "0.18.22"},
        "expectations": [{"expectation_type": "expect_column_values_to_be_between", "meta": {},
            "kwargs": {"column": "rate", "max_value": {"$PARAMETER": "top"}, "parse_strings_as_datetimes": true}}],
    });
    let project = kpis(&[("old.json", &old.to_string())]);
    project.kpi(&["suite", "import", "old.json", "--seed", "raw"]).expect(0);
    let suite = project.json("expectations/kpis.daily.json");
    assert_eq!(suite["name"], "kpis.daily");
    assert_eq!(suite["meta"]["kpi"], json!({"model": "raw", "suite_parameters": {"top": 100}}));
    assert_eq!(
        suite["expectations"][0]["kwargs"],
        json!({"column": "rate", "max_value": {"$PARAMETER": "top"}})
    );
    // And it is what it was.
    let call = project.kpi(&["build"]).expect(1);
    assert!(call.text().contains("2 of 3 values of rate outside (-∞, 100]: 104.5, 250.0"), "{}", call.text());
}

#[test]
fn a_new_suite_is_one_to_begin_with() {
    let project = kpis(&[]);
    let call = project.kpi(&["suite", "new", "morning", "--model", "kpis"]).expect(0);
    assert_eq!(call.stdout.trim(), "expectations/morning.json");
    project.kpi(&["build"]).expect(0);
    let call = project.kpi(&["suite", "list"]).expect(0);
    assert_eq!(call.stdout.trim(), "morning  kpis    1 expectations  expectations/morning.json");
    let call = project.kpi(&["suite", "new", "x", "--model", "a", "--seed", "b"]).expect(2);
    assert!(
        call.stderr.contains("a suite is about one thing: --model and --seed are given"),
        "{}",
        call.stderr
    );
}

const PROPERTIES: &str = "models:
  - name: kpis
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: rate
        data_tests:
          - between: {max_value: 100, severity: warning}
          - accepted_values: {values: [50, 104.5, 250], quote: false, config: {severity: warn}}
          - not_null: {config: {where: id <> 3}}
          - relationships: {to: ref('raw'), field: rate}
";

#[test]
fn tests_of_properties_are_exported_as_a_suite() {
    let project = kpis(&[("models/schema.yml", PROPERTIES)]);
    let call = project.kpi(&["suite", "export"]).expect(0);
    insta::assert_snapshot!(call.stdout);
    assert!(call.stderr.contains("kpis: the test not_null is left out: it has a 'where'"), "{}", call.stderr);
    assert!(call.stderr.contains("kpis: the test relationships is left out"), "{}", call.stderr);
    let call = project.kpi(&["suite", "export", "kpis", "--folder", "out"]).expect(0);
    assert_eq!(call.stdout.trim(), "out/kpis.json");
    let call = project.kpi(&["suite", "export", "kpi"]).expect(2);
    assert!(call.stderr.contains("did you mean 'kpis'?"), "{}", call.stderr);
}

#[test]
fn a_page_shows_suites_and_last_results() {
    let suite = json!({"name": "<kpis>", "meta": {"kpi": {"model": "kpis"}}, "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rate", "max_value": 100}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}}]});
    let project = kpis(&[("expectations/kpis.json", &suite.to_string()), ("models/schema.yml", PROPERTIES)]);
    project.kpi(&["build"]).expect(1);
    let call = project.kpi(&["suite", "docs"]).expect(0);
    assert_eq!(call.stdout.trim(), "target/expectations/index.html");
    let page = project.read("target/expectations/index.html");
    for text in [
        "&lt;kpis&gt;",
        "values of rate lie in (-∞, 100]",
        "2 of 3 values of rate outside (-∞, 100]: 104.5, 250.0",
        "2 of 4",
        ">not met<",
        ">met<",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    // One file, which asks nobody for anything.
    for text in ["<kpis>", "<script", "http", "src="] {
        assert!(!page.contains(text), "{text} in {page}");
    }
    project.kpi(&["suite", "docs", "--output", "page.html"]).expect(0);
    assert!(project.read("page.html").starts_with("<!doctype html>"));
}
