//! Data tests: what their macro may return, what their config may hold.

use crate::support::Project;

const GET_TEST_SQL: &str = "{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
select {{ fail_calc }} as failures, 'x' as should_warn, 'x' as should_error from ({{ main_sql }})
{% endmacro %}";

fn message(project: &Project) -> String {
    let results = project.json("target/run_results.json");
    results["results"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_verdict_that_is_no_truth_value_is_an_error() {
    let project = Project::dbt(&[
        ("macros/get_test_sql.sql", GET_TEST_SQL),
        ("tests/a.sql", "select 1 as id where false"),
    ]);
    project.kpi(&["test"]).expect(1);
    let message = message(&project);
    assert!(message.starts_with("Compilation Error in test a (tests/a.sql)"), "{message}");
    assert!(message.contains("Macro 'get_test_sql' returns 'x'.  It is not type 'bool'"), "{message}");
}

#[test]
fn a_count_that_is_no_integer_is_an_error() {
    for (count, given) in [("max(id)", "None"), ("(count(*) = 0)", "True"), ("count(*) + 1.5", "1.5")] {
        let test = format!("{{{{ config(fail_calc='{count}') }}}} select 1 as id where false");
        let project = Project::dbt(&[("tests/a.sql", &test)]);
        project.kpi(&["test"]).expect(1);
        let message = message(&project);
        assert!(message.contains(&format!("{given} is not of type 'integer'")), "{message}");
    }
}

#[test]
fn a_query_of_another_shape_is_an_error() {
    let two = "{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
    select 0 as failures, false as should_warn {% endmacro %}";
    let project = Project::dbt(&[("macros/g.sql", two), ("tests/a.sql", "select 1 as id")]);
    project.kpi(&["test"]).expect(1);
    let message = message(&project);
    let wanted = "dbt internally failed to execute test.shop.a: Returned 2 columns, but expected 3 columns";
    assert!(message.contains(wanted), "{message}");
}

#[test]
fn a_limit_may_be_a_number_in_quotes() {
    let properties = "models:\n  - name: m\n    columns:\n      - name: id\n        data_tests:\n          - unique: {config: {limit: '5'}}\n";
    let project = Project::dbt(&[("models/m.sql", "select 1 as id"), ("models/s.yml", properties)]);
    project.kpi(&["build"]).expect(0);
    let manifest = project.json("target/manifest.json");
    let test =
        manifest["nodes"].as_object().unwrap().values().find(|n| n["resource_type"] == "test").unwrap();
    assert_eq!(test["config"]["limit"], 5);
}

#[test]
fn definitions_that_dbt_refuses_are_told_in_its_words() {
    for (test, words) in [
        (
            "unique: [1]",
            "Invalid test config given in models/s.yml:\n  test arguments must be a dict, got <class 'list'> (value [1])",
        ),
        (
            "unique: {config: {tags: 3}}",
            "Invalid generic test configuration given in models/s.yml:\n  got 3 (<class 'int'>) for tags, expected a list of strings",
        ),
        (
            "unique: {arguments: {model: x}}",
            "Compilation Error [K0511]\n  Invalid generic test configuration given in models/s.yml:\n  Test arguments include \"model\", which is a reserved argument",
        ),
    ] {
        let properties = format!("models:\n  - name: m\n    data_tests:\n      - {test}\n");
        let project = Project::dbt(&[("models/m.sql", "select 1 as id"), ("models/s.yml", &properties)]);
        let call = project.kpi(&["parse"]).expect(2);
        assert!(call.stderr.contains(words), "{}", call.stderr);
    }
}

#[test]
fn a_section_of_singular_tests_that_cannot_be_read_is_left_out() {
    let project = Project::dbt(&[
        ("tests/a.sql", "select 1 as id where false"),
        ("tests/s.yml", "data_tests:\n  - description: no name\n"),
    ]);
    let call = project.kpi(&["test"]).expect(0);
    assert!(
        call.stderr.contains("Unable to parse 'data_tests' section of file 'tests/s.yml'"),
        "{}",
        call.stderr
    );
    assert!(call.stderr.contains("Entry did not contain a name"), "{}", call.stderr);
}

#[test]
fn tags_of_a_property_file_come_last() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nconfig-version: 3\nprofile: shop\nmodels: {+tags: of_project}\n",
        ),
        ("models/m.sql", "{{ config(tags='of_file') }} select 1 as id"),
        ("models/s.yml", "models:\n  - name: m\n    config: {tags: of_properties}\n"),
    ]);
    project.kpi(&["parse"]).expect(0);
    let manifest = project.json("target/manifest.json");
    let tags = &manifest["nodes"]["model.shop.m"]["tags"];
    assert_eq!(*tags, serde_json::json!(["of_project", "of_file", "of_properties"]));
}
