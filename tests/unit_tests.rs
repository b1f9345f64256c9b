//! Unit tests: given rows, expected rows, and what is said when they differ.

use crate::support::Project;
use serde_json::{Value, json};

const STAGED: &str = "select 1 as id, 'a' as name, date '2024-01-01' as day, 1.5::decimal(10, 2) as amount";

fn result(project: &Project, id: &str) -> Value {
    let results = project.json("target/run_results.json");
    let all = results["results"].as_array().expect("results").iter();
    all.clone().find(|r| r["unique_id"] == id).unwrap_or_else(|| panic!("no {id} in {results}")).clone()
}

fn status(project: &Project, id: &str) -> String {
    result(project, id)["status"].as_str().unwrap_or_default().to_owned()
}

/// A model over a model, a source and a seed, with a macro, a variable and an environment variable.
fn shop(unit_tests: &str) -> Project {
    shop_with(unit_tests, &[])
}

fn shop_with(unit_tests: &str, more: &[(&str, &str)]) -> Project {
    let project = Project::dbt(&[
        ("seeds/countries.csv", "code,name\nde,Germany\nfr,France\n"),
        (
            "macros/factor.sql",
            "{% macro factor() %}2{% endmacro %}{% macro outer() %}{{ factor() }}{% endmacro %}",
        ),
        ("models/staged.sql", STAGED),
        ("models/items.sql", "{{ config(materialized='table') }} select 1 as id, 10 as quantity"),
        (
            "models/sub/orders.sql",
            "with s as (select * from {{ ref('staged') }})\n\
             select s.id, s.amount, i.quantity * {{ outer() }} as quantity, c.name as country,\n\
             {{ var('minimum', 5) }} as minimum, '{{ env_var(\"WHO\", \"me\") }}' as who\n\
             from s join {{ source('raw', 'things') }} i on i.id = s.id\n\
             left join {{ ref('countries') }} c on c.code = s.name",
        ),
        (
            "models/sources.yml",
            "sources: [{name: raw, schema: main, tables: [{name: things, identifier: items}]}]\n",
        ),
        ("models/sub/schema.yml", unit_tests),
    ]);
    more.iter().for_each(|(path, text)| project.write(path, text));
    project.kpi(&["build", "--select", "staged", "items", "countries"]).expect(0);
    project
}

#[test]
fn rows_come_as_dicts_as_csv_as_sql_from_files_and_from_seeds() {
    let project = shop_with(
        r#"
unit_tests:
  - name: dicts
    model: orders
    given:
      - input: ref('staged')
        rows: [{id: 1, name: de, amount: 3.5}, {id: 2, name: xx}]
      - input: source('raw', 'things')
        format: csv
        rows: |
          id,quantity
          1,7
          2,
      - input: ref('countries')
    expect:
      rows:
        - {id: 2, amount: null, quantity: null, country: null}
        - {id: 1, amount: 3.5, quantity: 14, country: Germany}
  - name: others
    model: orders
    given:
      - input: ref('staged')
        format: sql
        rows: select 1 as id, 'x' as name, 2 as amount
      - {input: "source('raw', 'things')", format: csv, fixture: things}
      - {input: "ref('countries')", rows: []}
    expect:
      format: sql
      fixture: wanted
"#,
        &[
            ("tests/fixtures/things.csv", "id,quantity\n1,\"11\"\n"),
            (
                "tests/fixtures/wanted.sql",
                "select 1 as id, 2 as amount, 22 as quantity, null::varchar as country, 5 as minimum, 'me' as who",
            ),
        ],
    );
    let call = project.kpi(&["test"]).expect(0);
    assert!(call.text().contains("PASS orders::dicts"), "{}", call.text());
    let passed = result(&project, "unit_test.shop.orders.dicts");
    assert_eq!((&passed["status"], &passed["failures"]), (&json!("pass"), &json!(0)));
    assert!(passed["compiled_code"].as_str().is_some_and(|sql| sql.contains("__dbt__cte__raw__things as (")));
    assert_eq!(status(&project, "unit_test.shop.orders.others"), "pass");
    assert!(project.path("target/compiled/shop/models/sub/schema.yml/models/sub/dicts.sql").exists());

    let manifest = project.json("target/manifest.json");
    let entry = &manifest["unit_tests"]["unit_test.shop.orders.dicts"];
    assert_eq!(entry["fqn"], json!(["shop", "sub", "orders", "dicts"]));
    assert_eq!(entry["depends_on"]["nodes"], json!(["model.shop.orders"]));
    assert_eq!(
        entry["given"][1]["rows"],
        json!([{"id": "1", "quantity": "7"}, {"id": "2", "quantity": null}])
    );
    assert_eq!(entry["given"][2]["rows"][1], json!({"code": "fr", "name": "France"}));
    assert_eq!(entry["expect"]["rows"][0]["id"], 1, "a row without nulls comes first");
}

#[test]
fn macros_variables_and_the_environment_can_be_told() {
    let project = shop(
        r#"
unit_tests:
  - name: told
    model: orders
    overrides:
      macros: {factor: 3}
      vars: {minimum: 9}
      env_vars: {WHO: you}
    given: &given
      - {input: "ref('staged')", rows: [{id: 1, name: de}]}
      - {input: "source('raw', 'things')", rows: [{id: 1, quantity: 2}]}
      - input: ref('countries')
    expect:
      rows: [{quantity: 6, minimum: 9, who: you}]
  - name: untold
    model: orders
    given: *given
    expect:
      rows: [{quantity: 4, minimum: 5, who: me}]
"#,
    );
    project.kpi(&["test", "--select", "test_type:unit"]).expect(0);
    assert_eq!(status(&project, "unit_test.shop.orders.told"), "pass");
}

#[test]
fn incremental_models_are_tested_in_both_modes() {
    let project = Project::dbt(&[
        ("models/staged.sql", STAGED),
        (
            "models/inc.sql",
            "{{ config(materialized='incremental') }} select id, day from {{ ref('staged') }}\n\
             {% if is_incremental() %} where day > (select max(day) from {{ this }}) {% endif %}",
        ),
        (
            "models/schema.yml",
            r#"
unit_tests:
  - name: whole
    model: inc
    overrides: {macros: {is_incremental: false}}
    given: [{input: "ref('staged')", rows: [{id: 1, day: '2024-01-01'}]}]
    expect: {rows: [{id: 1, day: '2024-01-01'}]}
  - name: added
    model: inc
    overrides: {macros: {dbt.is_incremental: true, is_incremental: true}}
    given:
      - {input: "ref('staged')", rows: [{id: 1, day: '2024-01-01'}, {id: 2, day: '2024-02-01'}]}
      - {input: this, rows: [{id: 1, day: '2024-01-01'}]}
    expect: {rows: [{id: 2, day: '2024-02-01'}]}
"#,
        ),
    ]);
    project.kpi(&["run"]).expect(0);
    project.kpi(&["test"]).expect(0);
    assert_eq!(status(&project, "unit_test.shop.inc.added"), "pass");
    assert_eq!(project.query("select count(*) from main.inc"), ["1"], "the table stays as it was");
}

#[test]
fn a_difference_is_told_by_row_and_cell() {
    let project = shop(
        r#"
unit_tests:
  - name: wrong
    model: orders
    given:
      - {input: "ref('staged')", rows: [{id: 1}, {id: 2}, {id: 3}]}
      - {input: "source('raw', 'things')", rows: [{id: 1, quantity: 1}, {id: 2, quantity: 2}]}
      - {input: "ref('countries')", rows: []}
    expect:
      rows: [{id: 1, quantity: 2}, {id: 2, quantity: 5}, {id: 9, quantity: 9}]
"#,
    );
    let call = project.kpi(&["test"]).expect(1);
    let table = "actual differs from expected:\n\n@@ ,id,quantity\n   ,1 ,2\n→  ,2 ,5→4\n---,9 ,9\n";
    assert!(call.text().contains(table), "{}", call.text());
    assert!(call.text().contains("Failure in unit_test wrong (models/sub/schema.yml)"), "{}", call.text());
    let failed = result(&project, "unit_test.shop.orders.wrong");
    assert_eq!((&failed["status"], &failed["failures"]), (&json!("fail"), &json!(1)));
}

#[test]
fn in_build_a_model_waits_for_its_unit_tests() {
    let project = Project::dbt(&[
        ("models/staged.sql", "{{ config(materialized='table') }} select 1 as id"),
        ("models/good.sql", "select id + 1 as id from {{ ref('staged') }}"),
        ("models/bad.sql", "select id + 2 as id from {{ ref('staged') }}"),
        ("models/below.sql", "select * from {{ ref('bad') }}"),
        (
            "models/schema.yml",
            r#"
unit_tests:
  - name: right
    model: good
    given: [{input: "ref('staged')", rows: [{id: 1}]}]
    expect: {rows: [{id: 2}]}
  - name: wrong
    model: bad
    given: [{input: "ref('staged')", rows: [{id: 1}]}]
    expect: {rows: [{id: 2}]}
"#,
        ),
    ]);
    project.kpi(&["build"]).expect(1);
    let statuses: Vec<String> =
        project.statuses().into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    assert_eq!(
        statuses,
        [
            "model.shop.bad skipped",
            "model.shop.below skipped",
            "model.shop.good success",
            "model.shop.staged success",
            "unit_test.shop.bad.wrong fail",
            "unit_test.shop.good.right pass",
        ]
    );
    project.kpi(&["build", "--select", "good", "--exclude-resource-type", "unit_test"]).expect(0);
    assert_eq!(project.statuses().len(), 1);
}

#[test]
fn versions_have_a_unit_test_each() {
    let project = Project::dbt(&[
        ("models/staged.sql", "select 1 as id"),
        ("models/m_v1.sql", "select id from {{ ref('staged') }}"),
        ("models/m_v2.sql", "select id + 1 as id from {{ ref('staged') }}"),
        (
            "models/schema.yml",
            r#"
models: [{name: m, versions: [{v: 1}, {v: 2}]}]
unit_tests:
  - name: all
    model: m
    given: [{input: "ref('staged')", rows: [{id: 1}]}]
    expect: {rows: [{id: 1}]}
  - name: first
    model: m
    versions: {include: [1]}
    given: [{input: "ref('staged')", rows: [{id: 1}]}]
    expect: {rows: [{id: 1}]}
"#,
        ),
    ]);
    project.kpi(&["run"]).expect(0);
    project.kpi(&["test"]).expect(1);
    let statuses: Vec<String> =
        project.statuses().into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    assert_eq!(
        statuses,
        ["unit_test.shop.m.all_v1 pass", "unit_test.shop.m.all_v2 fail", "unit_test.shop.m.first_v1 pass"]
    );
}

#[test]
fn mistakes_in_unit_tests_are_told_before_anything_runs() {
    let told = |unit_test: &str, message: &str| {
        let project = Project::dbt(&[
            ("models/a.sql", "select 1 as id"),
            (
                "models/inc.sql",
                "{{ config(materialized='incremental') }} select 1 as id {% if is_incremental() %} where true {% endif %}",
            ),
            ("models/z.yml", &format!("unit_tests:\n  - name: t\n{unit_test}")),
        ]);
        let call = project.kpi(&["parse"]).expect(2);
        assert!(call.text().contains(message), "{}", call.text());
        assert!(call.text().contains("models/z.yml:"), "{}", call.text());
    };
    let none = "    given: []\n    expect: {rows: []}\n";
    told(&format!("    model: b\n{none}"), "Unable to find model 'shop.b' for unit test 't' in models/z.yml");
    told("    model: a\n    given: []\n", "'expect' is a required property");
    told(
        &format!("    model: a\n    overides: {{}}\n{none}"),
        "Additional properties are not allowed ('overides'",
    );
    told(&format!("    model: inc\n{none}"), "Boolean override for 'is_incremental' must be provided");
    told(
        &format!("    model: inc\n    overrides: {{macros: {{is_incremental: true}}}}\n{none}"),
        "must have a 'this' input",
    );
    told(
        &format!("    model: a\n    versions: {{include: [1]}}\n{none}"),
        "should not have a versions include",
    );
    told(
        "    model: a\n    given: []\n    expect: {rows: x}\n",
        "has expected rows which do not match format dict",
    );
    told(
        "    model: a\n    given: []\n    expect: {format: csv, fixture: f}\n",
        "File not found for fixture 'f'",
    );
    told(
        "    model: a\n    given: [{input: \"ref('a')\"}]\n    expect: {rows: []}\n",
        "Unable to find seed 'shop.a' for unit tests in directories: ['seeds']",
    );
}

#[test]
fn mistakes_that_only_running_shows_are_errors_of_the_test() {
    let project = shop(
        r#"
unit_tests:
  - name: nothing_given
    model: orders
    given: [{input: "ref('staged')", rows: [{id: 1}]}]
    expect: {rows: []}
  - name: unknown_column
    model: orders
    given: [{input: "ref('staged')", rows: [{idd: 1}]}, {input: "source('raw', 'things')", rows: []}, {input: "ref('countries')", rows: []}]
    expect: {rows: []}
  - name: no_input
    model: orders
    given: [{input: staged, rows: []}]
    expect: {rows: []}
"#,
    );
    let text = project.kpi(&["test"]).expect(1).text();
    for said in [
        "Unit_Test 'unit_test.shop.orders.nothing_given' (models/sub/schema.yml) depends on a source named 'raw.things' which was not found",
        "Invalid column name: 'idd' in unit test fixture for 'staged'",
        "Unit test given inputs must be either a 'ref', 'source' or 'this' call. Got: 'staged'.",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(project.statuses().iter().all(|(_, status)| status == "error"), "{text}");
}

#[test]
fn a_disabled_unit_test_or_one_of_a_disabled_model_is_kept_aside() {
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("models/off.sql", "{{ config(enabled=false) }} select 1 as id"),
        (
            "models/schema.yml",
            r#"
unit_tests:
  - {name: one, model: a, config: {enabled: false}, given: [], expect: {rows: []}}
  - {name: two, model: "off", given: [], expect: {rows: []}}
"#,
        ),
    ]);
    project.kpi(&["parse"]).expect(0);
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["unit_tests"], json!({}));
    assert_eq!(manifest["disabled"]["unit_test.shop.off.two"][0]["config"]["enabled"], json!(false));
    assert!(manifest["disabled"]["unit_test.shop.a.one"].is_array());
}
